"""Measures over layers and steps, on the graph after the transform, with the model unchanged."""

from __future__ import annotations

from functools import partial

import networkx as nx
import pytest
import torch
import torch_geometric.nn as pyg
from matrices import a_hat
from randomgraphs import draw, join, sequence
from torch import Tensor, nn
from torch_geometric.utils import from_networkx

import graphseq as gs
from graphseq import SpaceTimeGraph
from graphseq.nn import GCN, GCNLSTM, LSTM, RNN, Model
from graphseq.reach import Probe, dirichlet_energy, effective_rank, mad, over_layers

F64 = torch.float64


def graph_of(edge_index: Tensor, edge_weight: Tensor | None, rows: int) -> SpaceTimeGraph:
    nodes = torch.arange(rows)
    return SpaceTimeGraph(torch.zeros(rows, 1), nodes, torch.zeros_like(nodes), edge_index, edge_weight)


def a_hat_of(graph: SpaceTimeGraph, causal: bool = False) -> Tensor:
    adjacency = graph.topology.spacetime(causal)
    return torch.from_numpy(a_hat(adjacency.edge_index, adjacency.edge_weight, graph.num_rows))


def randn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=F64, generator=torch.Generator().manual_seed(seed))


def test_over_layers_measures_each_state_and_stays_finite_in_depth() -> None:
    graph, gcn = gs.from_graph(nx.cycle_graph(5), x=randn(5, 3).abs()), GCN(3, 3, 34)
    for conv in gcn.convs:
        conv.lin.weight.data = torch.eye(3) / 8  # each layer an eighth of what was there, and never below 0
    found = over_layers(gcn, graph, partial(dirichlet_energy, relative=True))
    h, expected = graph.x.float().double(), []
    for _ in range(35):
        expected.append(dirichlet_energy(h, graph, relative=True))
        h = a_hat_of(graph) @ h / 8
    assert float(h.max()) < 1e-30  # of which the square is nothing in float32
    torch.testing.assert_close(found, torch.tensor(expected, dtype=F64), rtol=1e-2, atol=1e-10)
    assert bool((over_layers(gcn, graph, lambda states, _: effective_rank(states)) >= 1).all())


def test_a_model_is_measured_on_its_transformed_graph() -> None:
    torch.manual_seed(0)
    model, graph = Model(GCNLSTM(2, 4), 3, transform=gs.transforms.grow).double(), sequence(0, 4)
    rows = over_layers(model, graph, lambda states, snapshot: len(states) + snapshot.num_rows / 100)
    torch.testing.assert_close(rows, torch.tensor([1.01, 2.02, 3.03, 4.04], dtype=F64))


def test_over_steps_the_present_nodes_are_measured_on_their_snapshot() -> None:
    torch.manual_seed(0)
    encoder, graph = GCNLSTM(2, 4).double(), draw(1, directed=True)
    trace = encoder.trace(graph)
    found = over_layers(encoder, graph, dirichlet_energy)
    for at, time in enumerate(graph.topology.times.tolist()):
        snapshot = graph.snapshot(time)
        expected = dirichlet_energy(
            trace.states[at][graph.topology.node_index[graph.time == time]],
            graph_of(snapshot.edge_index, None, snapshot.num_nodes),
        )
        assert float(found[at]) == pytest.approx(expected, rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("build", [lambda: GCN(2, 4, 3, norm=lambda _: nn.Dropout(0.5)), lambda: RNN(2, 4)])
def test_the_model_and_the_generators_are_left_as_they_were(build: object) -> None:
    model, graph = Model(build(), 2).double(), join([draw(1), draw(2)])
    model.head.requires_grad_(False)
    if isinstance(model.encoder, GCN):
        model.encoder.norms[0].eval()
    before = [module.training for module in model.modules()], [p.requires_grad for p in model.parameters()]
    generator = torch.get_rng_state()
    found = over_layers(model, graph, dirichlet_energy)
    assert torch.equal(found, over_layers(model.eval(), graph, dirichlet_energy))  # no dropout
    model.train()
    if isinstance(model.encoder, GCN):
        model.encoder.norms[0].eval()
    assert ([module.training for module in model.modules()], [p.requires_grad for p in model.parameters()]) == before
    assert torch.equal(torch.get_rng_state(), generator)
    assert all(p.grad is None for p in model.parameters())


def test_within_inference_mode_it_works_too() -> None:
    model, graph = LSTM(2, 3).double(), sequence(0, 4)
    outside = over_layers(model, graph, lambda states, _: effective_rank(states))
    with torch.inference_mode():
        inside = over_layers(model, graph, lambda states, _: effective_rank(states))
    assert torch.equal(outside, inside)


def test_a_measure_of_states_alone_needs_no_wrapping() -> None:
    torch.manual_seed(0)
    gcn, graph = GCN(2, 4, 2).double(), draw(1)
    wrapped = over_layers(gcn, graph, lambda states, _: effective_rank(states))
    assert torch.equal(over_layers(gcn, graph, effective_rank), wrapped)
    assert torch.equal(over_layers(gcn, graph, "rank"), wrapped)


def test_states_of_a_pyg_model_are_what_its_layers_return() -> None:
    torch.manual_seed(0)
    model, graph = pyg.GCN(2, 4, 2, norm="LayerNorm", norm_kwargs={"mode": "node"}).double(), draw(1)
    plain = graph.unroll()
    first = model.convs[0](plain.x, plain.edge_index)
    normed = model.norms[0](first)
    last = model.convs[1](normed.relu(), plain.edge_index)
    found = Probe(model, plain).over_layers("dirichlet", "rank", "mad_gap", "limit")
    assert found.states == ("x", "convs.0", "norms.0", "convs.1")
    expected = [dirichlet_energy(states.detach(), plain) for states in (plain.x, first, normed, last)]
    torch.testing.assert_close(found["dirichlet"], torch.tensor(expected, dtype=F64))
    assert torch.equal(over_layers(model, plain, dirichlet_energy), over_layers(model, graph, dirichlet_energy))
    assert str(found).splitlines()[2].startswith("convs.0")


def test_a_measure_without_a_value_at_any_state_is_said_to_have_none() -> None:
    data = from_networkx(nx.path_graph(5))
    data.x = randn(5, 3)
    table = str(Probe(pyg.GCN(3, 4, 2).double(), data).over_layers("mad_gap", "rank")).splitlines()
    assert table[-1].startswith("mad_gap is not defined at any state, where no two rows are within 3 hops")
    assert len(table) == 5


def test_the_limit_is_that_of_the_layers_of_the_model() -> None:
    graph = nx.star_graph(6)
    data = from_networkx(graph)
    data.x = torch.randn(7, 3, dtype=F64)
    torch.manual_seed(0)
    heads = pyg.GAT(3, 4, 30, act="tanh").double()
    found = Probe(heads, data, states=["convs.*"]).over_layers("limit")
    assert found.operator == "walk"
    assert float(found["limit"][-1]) < 1e-9  # at a constant, which the limit of Â on a star is far from
    assert Probe(pyg.GraphSAGE(3, 4, 2).double(), data).over_layers("limit").operator == "mean"


def test_names_of_measures_and_models_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match=r"measure must be one of dirichlet, .*; got 'energy'"):
        over_layers(RNN(2, 2), sequence(0, 3), "energy")
    with pytest.raises(TypeError, match="must be a module or another callable, got int"):
        over_layers(3, sequence(0, 3), mad)
    with pytest.raises(TypeError, match="RNN reads a SpaceTimeGraph, and graph is no graph"):
        over_layers(RNN(2, 2), torch.zeros(3, 2), mad)
