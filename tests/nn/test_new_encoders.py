"""Dropout, recurrences in both directions, the transformer, and the trace of subclasses."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
import torch_geometric.nn as pyg
from randomgraphs import draw, sequence
from torch import Tensor, nn

import graphseq as gs
from graphseq.nn import GCN, GCNLSTM, GRU, LSTM, RNN, Bidirectional, Encoder, Transformer

F64 = torch.float64


def test_dropout_is_pygs() -> None:
    """The same draws of torch's generator, at the same places."""
    graph = draw(0, dtype=torch.float32)
    theirs = pyg.models.GCN(2, 8, 3, dropout=0.5)
    ours = GCN(2, 8, 3, dropout=0.5)
    ours.load_state_dict(theirs.state_dict())
    out = []
    for model, inputs in ((ours, (graph,)), (theirs, (graph.x, graph.unroll().edge_index))):
        torch.manual_seed(1)
        out.append(model.train()(*inputs))
    torch.testing.assert_close(out[0], out[1], rtol=0, atol=1e-6)
    assert not torch.equal(out[0], ours.eval()(graph))
    torch.testing.assert_close(ours(graph), theirs.eval()(graph.x, graph.unroll().edge_index), rtol=0, atol=1e-6)


def test_dropout_in_evaluation_is_no_dropout() -> None:
    graph, plain, dropping = draw(1), GCN(2, 8).double(), GCN(2, 8, dropout=0.9).double().eval()
    dropping.load_state_dict(plain.state_dict())
    assert torch.equal(dropping(graph), plain(graph))
    with pytest.raises(ValueError, match=r"dropout must lie between 0 and 1, got 1\.5"):
        GCN(2, 8, dropout=1.5)


def test_a_training_with_dropout_is_a_function_of_its_seed() -> None:
    task, states = gs.tasks.Transfer(3), []
    for _ in range(2):
        torch.manual_seed(0)
        model = gs.nn.Model(GCN(task.in_channels, 8, 3, dropout=0.3), task.out_channels)
        torch.manual_seed(len(states))  # of which the training does not know
        gs.fit(model, task, steps=3, seed=0, stop_threshold=None)
        states.append(torch.cat([weight.flatten() for weight in model.parameters()]))
    assert torch.equal(*states)


@pytest.mark.parametrize(("ours", "theirs"), [(RNN, nn.RNN), (GRU, nn.GRU), (LSTM, nn.LSTM)])
@pytest.mark.parametrize("num_layers", [1, 2])
def test_both_directions_are_torchs(ours: type[Encoder], theirs: type[nn.RNNBase], num_layers: int) -> None:
    graph, encoder = sequence(0, 6, 3), Bidirectional(ours, 3, 4, num_layers).double()
    peer = theirs(3, 4, num_layers, bidirectional=True).double()
    own = {}
    for layer, pair in enumerate(zip(encoder.forwards, encoder.backwards, strict=True)):
        for part, suffix in zip(pair, ("", "_reverse"), strict=True):
            for name, weight in part.kernel.named_parameters():
                own[name.replace("l0", f"l{layer}") + suffix] = weight.detach()
    peer.load_state_dict(own)
    torch.testing.assert_close(encoder(graph), peer(graph.x[:, None])[0][:, 0], rtol=0, atol=1e-12)


def test_both_directions_of_a_graph_recurrence_read_past_and_future() -> None:
    signal = gs.from_signal(torch.randn(3, 3, 2), torch.tensor([[0, 1], [1, 0]]))
    field = Bidirectional(GCNLSTM, 2, 4).reach(signal, torch.tensor([3, 5]))
    assert field.view(2, 3, 3).tolist() == [[[True, True, False]] * 3, [[False, False, True]] * 3]


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (nn.Linear, TypeError, r"build must give a graphseq\.nn\.Encoder, got Linear"),
        (GCN, ValueError, "GCN reads later rows already"),
    ],
)
def test_what_is_no_recurrence_has_no_other_direction(build: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Bidirectional(build, 2, 4)


def test_a_transformer_layer_is_torchs() -> None:
    """Torch's TransformerEncoderLayer with the norm first, on the rows of a sequence."""
    graph, ours = sequence(0, 5, 3), Transformer(3, 8, 1, heads=2).double()
    block = ours.blocks[0]
    theirs = nn.TransformerEncoderLayer(8, 2, 32, 0.0, "gelu", batch_first=True, norm_first=True).double()
    with torch.no_grad():
        theirs.self_attn.in_proj_weight.copy_(
            torch.cat([part.weight for part in (block.query, block.key, block.value)])
        )
        theirs.self_attn.in_proj_bias.copy_(torch.cat([block.query.bias, torch.zeros(8), block.value.bias]))
        pairs = [
            (theirs.self_attn.out_proj, block.out),
            (theirs.linear1, block.mlp[0]),
            (theirs.linear2, block.mlp[2]),
            (theirs.norm1, block.norm_attention),
            (theirs.norm2, block.norm_mlp),
        ]
        for there, here in pairs:
            there.load_state_dict(here.state_dict())
    states = ours.trace(graph).states
    torch.testing.assert_close(states[2], theirs(states[1][None])[0], rtol=0, atol=1e-12)
    assert torch.equal(states[3], ours.norm(states[2]))


def test_positions_are_sines_and_cosines_of_the_rank_in_time() -> None:
    graph, encoder = sequence(0, 4, 3), Transformer(3, 4, 1).double()
    step = torch.arange(4, dtype=F64)[:, None]
    angle = step * torch.tensor([1.0, 0.01], dtype=F64)
    expected = torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)
    torch.testing.assert_close(encoder.trace(graph).states[1] - encoder.lin(graph.x), expected, rtol=0, atol=1e-12)


def test_heads_divide_the_channels() -> None:
    with pytest.raises(ValueError, match="hidden_channels must be a multiple of heads=3, got 8"):
        Transformer(2, 8, heads=3)


def test_a_transformer_solves_a_palindrome() -> None:
    task = gs.tasks.Palindrome(length=6)
    torch.manual_seed(0)
    model = gs.nn.Model(Transformer(task.in_channels, 16), task.out_channels)
    history = gs.fit(model, task, steps=400, seed=0, lr=3e-3)
    assert gs.evaluate(model, task, samples=200, seed=1).score > 0.9, history


class Doubled(GCN):
    """Another encode, and nothing else."""

    def encode(self, graph: gs.SpaceTimeGraph, x: Tensor) -> Tensor:
        return 2 * super().encode(graph, x)


class Mixin:
    def encode(self, graph: gs.SpaceTimeGraph, x: Tensor) -> Tensor:
        return 3 * super().encode(graph, x)  # type: ignore[misc]


class MixedIn(Mixin, GCNLSTM):
    pass


class Traced(GCN):
    """Another encode, and layers that agree with it."""

    def encode(self, graph: gs.SpaceTimeGraph, x: Tensor) -> Tensor:
        return super().encode(graph, x)

    def layers(self, graph: gs.SpaceTimeGraph, x: Tensor) -> Iterator[Tensor]:
        return super().layers(graph, x)


@pytest.mark.parametrize("kind", [Doubled, MixedIn])
def test_a_subclass_with_another_encode_has_the_plain_trace(kind: type[Encoder]) -> None:
    encoder, graph = kind(2, 4, 2).double(), draw(0)
    trace = encoder.trace(graph)
    assert len(trace.states) == 2
    torch.testing.assert_close(trace.out, encoder(graph), rtol=0, atol=1e-12)
    gs.testing.check_encoder(lambda d: kind(d, 8))


def test_a_subclass_that_says_its_layers_has_them_in_its_trace() -> None:
    assert len(Traced(2, 4, 2).double().trace(draw(0)).states) == 3
