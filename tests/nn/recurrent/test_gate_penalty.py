"""The gate penalty: the gradient that it adds, and its effect on the gates."""

from itertools import pairwise

import torch
from forgetting_twin import built, each_kind, each_way
from randomgraphs import draw, join
from torch import Tensor

import graphseq as gs
from graphseq.nn import ForgettingGCNLSTM
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
