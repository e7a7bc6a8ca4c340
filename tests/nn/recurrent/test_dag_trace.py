"""Traces of recurrences on directed acyclic graphs, generation by generation, and diagnostics on them."""

from __future__ import annotations

import pytest
import torch
from acyclic import of
from randomgraphs import sequence
from torch import nn

import graphseq as gs
from graphseq import SpaceTimeGraph
from graphseq.nn import DAGLSTM, LSTM, Encoder, Model

F64 = torch.float64


def built(kind: type[Encoder], num_layers: int = 1, hidden: int = 4) -> Encoder:
    torch.manual_seed(0)
    return kind(2, hidden, num_layers).double()


def test_a_trace_has_the_state_after_each_generation() -> None:
    encoder, graph = built(DAGLSTM, 2, 3), of([(0, 2), (1, 2), (2, 3)], 4)
    trace = encoder.trace(graph)
    assert trace.axis == "layer"
    assert [tuple(state.shape) for state in trace.states] == [(4, 2), (4, 12), (4, 12), (4, 12), (4, 3)]
    assert torch.equal(trace.states[0], graph.x)
    under, over = built(DAGLSTM, 1, 3), DAGLSTM(3, 3).double()
    for part, number in ((under, 0), (over, 1)):
        for name, parameter in part.kernel.named_parameters():
            parameter.data = getattr(encoder.kernel, name.replace("l0", f"l{number}")).data
    lower = under.trace(graph).states[3]
    upper = over.trace(graph.replace(x=lower[:, :3])).states[3]
    last = torch.cat([upper[:, :3], lower[:, :3], upper[:, 3:], lower[:, 3:]], dim=1)
    for state, known in zip(trace.states[1:4], ([0, 1], [0, 1, 2], [0, 1, 2, 3]), strict=True):
        expected = torch.zeros_like(last)
        expected[known] = last[known]
        torch.testing.assert_close(state, expected, rtol=0, atol=1e-14)


def test_on_a_sequence_gradients_in_the_trace_are_those_of_the_lstm() -> None:
    ours, theirs, graph = built(DAGLSTM), built(LSTM), sequence(0, 5)
    mine, known = ours.trace(graph), theirs.trace(graph)
    for step, state in enumerate(known.states[:-1]):
        (expected,) = torch.autograd.grad(known.out[-1].sum(), state, retain_graph=True)
        (found,) = torch.autograd.grad(mine.out[-1].sum(), mine.states[1 + step], retain_graph=True)
        torch.testing.assert_close(found[step], expected[0], rtol=0, atol=1e-14)
        assert not found[:step].any()


def test_diagnostics_read_the_trace() -> None:
    torch.manual_seed(0)
    graph = of([(0, 2), (1, 2), (2, 3)], 4)
    graph.y = torch.zeros(4, 3, dtype=F64)
    model = Model(DAGLSTM(2, 4), 3).double()
    known = gs.reach.over_layers(model, graph, lambda states, _: float((states != 0).all(1).sum()))
    assert known.tolist() == [4, 2, 3, 4, 4]
    norms = gs.reach.row_gradients(model, graph, nn.functional.mse_loss)
    assert (norms > 0).long().tolist() == [[1, 1, 1, 1], [1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 1], [1, 1, 1, 1]]
    influence = gs.reach.influence(model, graph)
    assert torch.equal(influence > 0, model.reach(graph))


def test_a_trace_refuses_the_graphs_that_the_encoder_refuses() -> None:
    with pytest.raises(ValueError, match="in_channels=2, but x has 3 features"):
        built(DAGLSTM).trace(gs.from_sequence(torch.zeros(2, 3, dtype=F64)))
    none = torch.zeros(0, dtype=torch.long)
    with pytest.raises(ValueError, match="graph without rows"):
        built(DAGLSTM).trace(SpaceTimeGraph(torch.zeros(0, 2, dtype=F64), none, none))
