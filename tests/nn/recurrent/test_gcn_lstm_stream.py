"""A stream read in pieces: the same states, and the same gradients, as one long pass."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from randomgraphs import draw, sequence
from strategies import dynamic_graphs
from torch import Tensor
from torch_geometric.nn import SAGEConv

import graphseq as gs
from graphseq.nn import GCNGRU, GCNLSTM, GRU, LRU, LSTM, RNN, MinGRU, MinLSTM, RecurrentState
from graphseq.nn.encoder import Encoder

H = 3
FAMILIES: dict[str, Callable[[], Encoder]] = {
    "RNN": lambda: RNN(2, H),
    "GRU-2": lambda: GRU(2, H, 2),
    "LSTM-2": lambda: LSTM(2, H, 2),
    "GCNLSTM": lambda: GCNLSTM(2, H),
    "GCNLSTM-2-residual": lambda: GCNLSTM(2, H, 2, residual=True, peepholes=True),
    "GCNLSTM-3-input": lambda: GCNLSTM(2, H, 3, convolve="input"),
    "GCNLSTM-SAGE": lambda: GCNLSTM(2, H, conv=SAGEConv),
    "GCNGRU-2": lambda: GCNGRU(2, H, 2),
    "LRU-2": lambda: LRU(2, H, 2),
    "MinGRU-2": lambda: MinGRU(2, H, 2),
    "MinLSTM-2": lambda: MinLSTM(2, H, 2),
}
each_family = pytest.mark.parametrize("name", FAMILIES)


def built(name: str) -> Encoder:
    torch.manual_seed(0)
    return FAMILIES[name]().double()


def piece(graph: gs.SpaceTimeGraph, rows: Tensor, x: Tensor) -> gs.SpaceTimeGraph:
    """The rows where ``rows`` is true, and the edges among them."""
    spatial, new = graph.topology.spatial, rows.cumsum(0) - 1
    inside = rows[spatial.edge_index[0]]
    weight = None if spatial.edge_weight is None else spatial.edge_weight[inside]
    return gs.SpaceTimeGraph(x[rows], graph.node[rows], graph.time[rows], new[spatial.edge_index[:, inside]], weight)


def in_pieces(encoder: Encoder, graph: gs.SpaceTimeGraph, x: Tensor, cuts: list[int]) -> tuple[Tensor, RecurrentState]:
    """States of all rows, from pieces that end before each of the times ``cuts`` and at the end."""
    out, state, start = x.new_zeros(len(x), H), None, int(graph.time.min())
    for stop in [*sorted(set(cuts)), int(graph.time.max()) + 1]:
        rows = (graph.time >= start) & (graph.time < stop)
        if rows.any():
            states, state = encoder.run(piece(graph, rows, x), state)
            out = out.index_put((rows.nonzero()[:, 0],), states)
            start = stop
    assert state is not None
    return out, state


@each_family
@settings(max_examples=15)
@given(graph=dynamic_graphs(channels=2), cuts=st.lists(st.integers(-3, 9), max_size=3))
def test_pieces_equal_one_long_pass(name: str, graph: gs.SpaceTimeGraph, cuts: list[int]) -> None:
    if name == "GCNLSTM-SAGE" and "edge_weight" in graph:
        return
    encoder, x = built(name), graph.x.double()
    graph.x = x
    out, state = in_pieces(encoder, graph, x, cuts)
    torch.testing.assert_close(out, encoder(graph), rtol=0, atol=1e-12)
    whole = encoder.run(graph)[1]
    assert torch.equal(state.node, whole.node)
    assert state.time == whole.time
    for ours, theirs in zip(state.parts, whole.parts, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)


@each_family
def test_gradients_flow_through_the_state_until_it_is_detached(name: str) -> None:
    encoder, graph = built(name), draw(3, nodes=4, times=5)
    leaf = graph.x.clone().requires_grad_()
    cut = int(graph.topology.times[2])
    out, _ = in_pieces(encoder, graph, leaf, [cut])
    late = graph.time >= cut
    (found,) = torch.autograd.grad(out[late].sum(), leaf)
    graph.x = leaf
    (expected,) = torch.autograd.grad(encoder(graph)[late].sum(), leaf)
    assert expected[~late].any()
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    _, state = encoder.run(piece(graph, ~late, leaf))
    states, _ = encoder.run(piece(graph, late, leaf), state.detach())
    assert not torch.autograd.grad(states.sum(), leaf)[0][~late].any()


@each_family
def test_a_node_absent_from_a_piece_keeps_its_state(name: str) -> None:
    encoder, x = built(name), torch.randn(3, 2, dtype=torch.float64)
    alone = gs.SpaceTimeGraph(x[[0, 2]], torch.tensor([5, 5]), torch.tensor([0, 2]))
    _, state = encoder.run(gs.SpaceTimeGraph(x[:1], torch.tensor([5]), torch.tensor([0])))
    _, state = encoder.run(gs.SpaceTimeGraph(x[1:2], torch.tensor([2]), torch.tensor([1])), state)
    assert state.node.tolist() == [2, 5]
    out, _ = encoder.run(gs.SpaceTimeGraph(x[2:], torch.tensor([5]), torch.tensor([2])), state)
    torch.testing.assert_close(out, encoder(alone)[1:], rtol=0, atol=1e-13)


@each_family
def test_nothing_is_kept_on_the_module(name: str) -> None:
    encoder, graph = built(name), sequence(0, 4)
    first, _ = encoder.run(graph)
    second, _ = encoder.run(graph)
    assert torch.equal(first, second)


def test_a_state_of_another_encoder_or_of_a_later_time_is_refused() -> None:
    encoder, graph = built("GCNLSTM"), sequence(0, 3)
    _, state = encoder.run(graph)
    with pytest.raises(
        ValueError, match="begins at time 0, but state is of time 2; pass the pieces in the order of time"
    ):
        encoder.run(graph, state)
    with pytest.raises(ValueError, match=r"widths \[3, 3\], but this encoder has 4 of width 3"):
        built("GCNLSTM-2-residual").run(graph, state)
    with pytest.raises(ValueError, match=r"widths \[3, 3\], but this encoder has 1 of width 3"):
        built("RNN").run(graph, state)
    with pytest.raises(TypeError, match=r"state must be what run\(\) returned.*got Tensor"):
        encoder.run(graph, torch.zeros(1))
