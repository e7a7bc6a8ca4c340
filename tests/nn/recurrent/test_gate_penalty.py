"""The gate penalty: the gradient that it adds, and its effect on the gates."""

from itertools import pairwise

import pytest
import torch
from forgetting_twin import built, each_kind, each_way
from randomgraphs import draw, join
from torch import Tensor

import graphseq as gs
from graphseq.nn import ForgettingGCNLSTM, GradientCheckpointed, TruncatedBPTT
from graphseq.nn.recurrent.forgetting import Forget


def gradients(encoder: ForgettingGCNLSTM, loss: Tensor) -> list[Tensor]:
    found = torch.autograd.grad(loss, list(encoder.parameters()), allow_unused=True)
    return [torch.zeros_like(w) if g is None else g for w, g in zip(encoder.parameters(), found, strict=True)]


@each_kind
@each_way
def test_a_gate_penalty_adds_the_gradient_of_the_mean_gates(forget: Forget, accumulate: bool) -> None:
    pressed, graph = built(forget, accumulate=accumulate, gate_penalty=0.7), join([draw(1), draw(2)])
    plain = built(forget, accumulate=accumulate)
    kept = plain.gate_values(graph)
    mean = (kept.node.mean() if forget != "edges" else 0) + (kept.edge.mean() if forget != "nodes" else 0)
    expected = gradients(plain, plain(graph).square().sum() + 0.7 * mean)
    for ours, theirs in zip(gradients(pressed, pressed(graph).square().sum()), expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-12)
    assert torch.equal(pressed(graph), plain(graph))


def test_in_evaluation_there_is_no_gate_penalty() -> None:
    pressed, plain, graph = built(gate_penalty=0.7).eval(), built(), draw(1)
    both = [gradients(each, each(graph).square().sum()) for each in (pressed, plain)]
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(*both, strict=True))


def test_a_gate_penalty_holds_where_many_gradients_are_computed_at_once() -> None:
    encoder, graph = built(gate_penalty=0.5), draw(1)
    weights, out = list(encoder.parameters()), encoder(graph)
    into = torch.randn(2, *out.shape, dtype=out.dtype)
    apart = [torch.autograd.grad(out, weights, each, retain_graph=True) for each in into]
    together = torch.autograd.grad(out, weights, into, is_grads_batched=True)
    for found, expected in zip(together, zip(*apart, strict=True), strict=True):
        torch.testing.assert_close(found, torch.stack(expected), rtol=1e-9, atol=1e-12)


def test_a_larger_gate_penalty_gives_smaller_gates() -> None:
    task, kept = gs.tasks.Transfer(4), []
    for gate_penalty in (0.0, 0.01, 0.3):
        torch.manual_seed(0)
        encoder = ForgettingGCNLSTM(task.in_channels, 4, forget="nodes", gate_penalty=gate_penalty)
        gs.fit(
            gs.nn.Model(encoder, task.out_channels, transform=gs.transforms.grow), task, steps=40, batch_size=8, lr=0.02
        )
        graph = gs.transforms.grow(task.batch(8, torch.Generator().manual_seed(0)))
        kept.append(float(encoder.gate_values(graph).node.mean().detach()))
    assert all(more > less + 0.02 for more, less in pairwise(kept))


@each_kind
@each_way
@pytest.mark.parametrize("length", [1, 2, 100])
def test_segments_add_up_to_the_penalty_of_one_pass(forget: Forget, accumulate: bool, length: int) -> None:
    encoder, graph = built(forget, accumulate=accumulate, gate_penalty=0.7), join([draw(1), draw(2)])
    assert len(graph.time.unique()) > 2
    whole = gradients(encoder, encoder(graph).square().sum())
    segments = gradients(encoder, GradientCheckpointed(encoder, length)(graph).square().sum())
    for ours, theirs in zip(segments, whole, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-12)


def test_truncated_segments_add_up_to_the_penalty_also_where_the_loss_reads_one_of_them() -> None:
    encoder, graph = built("both", gate_penalty=0.7), draw(1)
    with torch.no_grad():
        for score in (encoder.gates.node, encoder.gates.source, encoder.gates.target):
            score.weight.zero_()  # the gates depend on biases alone, so no gradient is cut
    last = graph.time == graph.time.max()
    names = {name for name, _ in encoder.named_parameters() if name in ("gates.node.bias", "gates.edge.bias")}
    biases = [encoder.get_parameter(name) for name in sorted(names)]

    def of_biases(model: gs.nn.Encoder) -> list[Tensor]:
        return list(torch.autograd.grad(0 * model(graph)[last].sum(), biases, allow_unused=True))

    for ours, theirs in zip(of_biases(TruncatedBPTT(encoder, 1)), of_biases(encoder), strict=True):
        assert theirs.abs() > 1e-3
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-12)


def test_a_piece_of_a_stream_is_not_trained_with_a_penalty() -> None:
    encoder, graph = built(gate_penalty=0.7), draw(1)
    for model in (encoder, GradientCheckpointed(encoder, 2), TruncatedBPTT(encoder, 2)):
        with pytest.raises(ValueError, match=r"gate_penalty=0.7 is a mean over all gates of a pass, which run\(\) on"):
            model.run(graph)
        with torch.no_grad():
            assert torch.equal(model.run(graph)[0], encoder(graph))
    encoder.eval().run(graph)
    built().run(graph)
