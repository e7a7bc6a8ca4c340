"""The states of a trace against torch's kernels and explicit sums."""

from __future__ import annotations

import pytest
import torch
from matrices import a_hat
from randomgraphs import draw, renumbered, sequence
from torch import Tensor, nn

import graphseq as gs
from graphseq import SpaceTimeGraph
from graphseq.nn import GCN, GCNLSTM, GRU, LSTM, MLP, RNN, Encoder, step_by_step

F64 = torch.float64


def built(encoder: type[Encoder], *sizes: int, **more: object) -> Encoder:
    torch.manual_seed(0)
    return encoder(*sizes, **more).double()


def test_the_states_of_layers_are_those_of_its_equation() -> None:
    gcn, graph = built(GCN, 2, 4, num_layers=3), draw(1)
    adjacency = graph.topology.spacetime()
    operator = torch.from_numpy(a_hat(adjacency.edge_index, adjacency.edge_weight, graph.num_rows))
    h, expected = graph.x, [graph.x]
    for layer, conv in enumerate(gcn.convs):
        h = operator @ h @ conv.lin.weight.T + conv.bias
        h = h.clamp(min=0) if layer < 2 else h
        expected.append(h)
    trace = gcn.trace(graph)
    assert trace.axis == "layer"
    for found, wanted in zip(trace.states, expected, strict=True):
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-12)


def test_the_states_of_dense_layers_stand_before_their_relu() -> None:
    mlp, graph = built(MLP, 2, 8, num_layers=2), draw(1)
    first = graph.x @ mlp.lins[0].weight.T + mlp.lins[0].bias
    torch.testing.assert_close(mlp.trace(graph).states[1], first, rtol=0, atol=1e-14)
    assert (first < 0).any()


@pytest.mark.parametrize("kind", [RNN, GRU, LSTM])
@pytest.mark.parametrize("layers", [1, 2])
def test_the_state_after_each_step_is_that_of_torch(kind: type[Encoder], layers: int) -> None:
    encoder, graph = built(kind, 2, 3, num_layers=layers), sequence(0, 4)
    trace = encoder.trace(graph)
    assert trace.axis == "step"
    for t, state in enumerate(trace.states, start=1):
        _, last = encoder.kernel(graph.x[:t])
        h, c = last if kind is LSTM else (last, None)
        expected = torch.cat([*h.flip(0)] + ([] if c is None else [*c.flip(0)]))
        torch.testing.assert_close(state[0], expected, rtol=0, atol=1e-13)


def away() -> SpaceTimeGraph:
    """Node 5 at times 0 and 7, node 2 at time 3 alone, rows in no order."""
    x = torch.tensor([[1.0, 0.0], [0.0, 2.0], [-1.0, 1.0]], dtype=F64)
    return SpaceTimeGraph(x, torch.tensor([5, 2, 5]), torch.tensor([7, 3, 0]))


def test_an_absent_node_keeps_its_state_and_a_future_node_has_state_zero() -> None:
    rnn, graph = built(RNN, 2, 3), away()
    rows = step_by_step(rnn, graph)
    zero = torch.zeros(3, dtype=F64)  # nodes ascending: 2, then 5
    expected = [torch.stack([zero, rows[2]]), torch.stack([rows[1], rows[2]]), torch.stack([rows[1], rows[0]])]
    states = rnn.trace(graph).states
    assert len(states) == 3
    for found, wanted in zip(states, expected, strict=True):
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-14)


def test_without_edges_the_gcn_lstm_has_the_states_of_the_lstm() -> None:
    lstm, cone = built(LSTM, 2, 3), built(GCNLSTM, 2, 3)  # one seed gives both the same weights
    ours, theirs = cone.trace(away()).states, lstm.trace(away()).states
    for found, wanted in zip(ours, theirs, strict=True):
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-14)


def test_the_state_of_the_gcn_lstm_is_h_of_each_layer_and_then_c() -> None:
    both = built(GCNLSTM, 2, 3, num_layers=2)
    under, over = built(GCNLSTM, 2, 3), built(GCNLSTM, 3, 3)
    under.layers[0].load_state_dict(both.layers[0].state_dict())
    over.layers[0].load_state_dict(both.layers[1].state_dict())
    graph = gs.from_signal(sequence(0, 12).x.view(4, 3, 2), torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]]))
    above = gs.from_signal(under(graph).view(4, 3, 3), graph.static_edge_index)
    traces = zip(both.trace(graph).states, over.trace(above).states, under.trace(graph).states, strict=True)
    for found, upper, lower in traces:
        expected = torch.cat([upper[:, :3], lower[:, :3], upper[:, 3:], lower[:, 3:]], dim=1)
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize("encoder", [built(RNN, 2, 3), built(LSTM, 2, 3, 2), built(GCNLSTM, 2, 3, 2)])
def test_steps_follow_time_whatever_the_order_of_rows(encoder: Encoder) -> None:
    graph = draw(4, directed=True)
    other, old = renumbered(graph, 4)
    same_node = torch.zeros(graph.topology.num_nodes, dtype=torch.long)
    same_node[other.topology.node_index] = graph.topology.node_index[old]
    for found, wanted in zip(encoder.trace(other).states, encoder.trace(graph).states, strict=True):
        torch.testing.assert_close(found, wanted[same_node], rtol=0, atol=1e-13)


def test_tokens_are_traced_as_one_hot_rows() -> None:
    gcn = built(GCN, 3, 4)
    trace = gcn.trace(gs.from_sequence(torch.tensor([2, 0, 1])))
    assert torch.equal(trace.states[0], torch.eye(3, dtype=F64)[[2, 0, 1]])


class Silent(Encoder):
    """Says nothing of what is between its ends."""

    def __init__(self) -> None:
        super().__init__(2, 2, causal=True)
        self.lin = nn.Linear(2, 2).double()

    def encode(self, graph: SpaceTimeGraph, x: Tensor) -> Tensor:
        return self.lin(x).tanh()

    def reach(self, graph: SpaceTimeGraph, rows: Tensor) -> Tensor:
        return rows[:, None] == torch.arange(graph.num_rows)


def test_the_default_trace_is_the_features_and_the_output() -> None:
    encoder, graph = Silent(), sequence(0, 3)
    trace = encoder.trace(graph)
    assert trace.axis == "layer"
    assert len(trace.states) == 2
    assert torch.equal(trace.states[0], graph.x)
    assert torch.equal(trace.states[1], encoder(graph))
    assert trace.states[1] is trace.out


@pytest.mark.parametrize("encoder", [built(GCN, 2, 3), built(LSTM, 2, 3), built(GCNLSTM, 2, 3), Silent()])
def test_a_trace_refuses_the_graphs_that_the_encoder_refuses(encoder: Encoder) -> None:
    with pytest.raises(ValueError, match="in_channels=2, but x has 3 features"):
        encoder.trace(draw(0, channels=3))
    none = torch.zeros(0, dtype=torch.long)
    with pytest.raises(ValueError, match="graph without rows"):
        encoder.trace(SpaceTimeGraph(torch.zeros(0, 2, dtype=F64), none, none))
