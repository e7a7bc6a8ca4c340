"""A graph pointed along a traversal: no cycle, every edge once, and who is reached."""

from __future__ import annotations

from functools import partial

import networkx as nx
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from strategies import equal_at, index
from torch_geometric.data import Batch

import graphseq as gs

ORDERS = ("bfs", "dfs")
each_order = pytest.mark.parametrize("order", ORDERS)


@st.composite
def to_undirected(draw: st.DrawFn) -> gs.SpaceTimeGraph:
    """Up to seven rows, any pairs of them joined both ways, some to themselves, some with weights."""
    rows = draw(st.integers(1, 7))
    ends = st.integers(0, rows - 1)
    pairs = draw(st.lists(st.tuples(ends, ends), max_size=12, unique_by=frozenset))
    both = index(pairs + [(j, i) for i, j in pairs if i != j])
    weight = draw(st.none() | st.lists(st.integers(1, 8), min_size=len(pairs), max_size=len(pairs)))
    kinds = [w for (i, j), w in zip(pairs, weight or [], strict=False) if i != j]
    told = None if weight is None else torch.tensor([*weight, *kinds], dtype=torch.float32)
    nodes = torch.arange(rows)
    return gs.SpaceTimeGraph(torch.eye(rows), nodes, torch.zeros_like(nodes), both, told, y=torch.tensor([rows]))


@given(to_undirected(), st.sampled_from(ORDERS), st.booleans())
def test_there_is_no_cycle_and_every_edge_is_there_once(graph: gs.SpaceTimeGraph, order: str, reverse: bool) -> None:
    found = gs.transforms.to_dag(graph, order, reverse=reverse)
    pairs = [tuple(pair) for pair in found.edge_index.t().tolist()]
    joined = {frozenset(pair) for pair in graph.edge_index.t().tolist()}
    assert nx.is_directed_acyclic_graph(nx.DiGraph(pairs))
    assert len(pairs) == len(set(map(frozenset, pairs)))
    assert set(map(frozenset, pairs)) == {pair for pair in joined if len(pair) == 2}
    place = gs.transforms.to_sequence(graph, order).time
    assert all((place[i] < place[j]) != reverse for i, j in pairs)
    assert equal_at(graph, found, ("x", "y", "node", "time"))


@given(to_undirected(), st.sampled_from(ORDERS), st.booleans())
def test_each_edge_keeps_its_weight(graph: gs.SpaceTimeGraph, order: str, reverse: bool) -> None:
    found = gs.transforms.to_dag(graph, order, reverse=reverse)
    assert ("edge_weight" in found) == ("edge_weight" in graph)
    if "edge_weight" in graph:
        own = zip(graph.edge_index.t().tolist(), graph.edge_weight.tolist(), strict=True)
        weights = {frozenset(pair): weight for pair, weight in own}
        for pair, weight in zip(found.edge_index.t().tolist(), found.edge_weight.tolist(), strict=True):
            assert weight == weights[frozenset(pair)]


@given(to_undirected(), st.sampled_from(ORDERS), st.data())
def test_the_source_comes_before_all_of_its_component_or_reads_all_of_it(
    graph: gs.SpaceTimeGraph, order: str, data: st.DataObject
) -> None:
    source = data.draw(st.integers(0, graph.num_rows - 1))
    plain = nx.Graph(graph.edge_index.t().tolist())
    plain.add_nodes_from(range(graph.num_rows))
    component = nx.node_connected_component(plain, source)
    encoder, rows = gs.nn.DAGLSTM(graph.num_rows, 2), torch.arange(graph.num_rows)
    forth = encoder.reach(gs.transforms.to_dag(graph, order, source), rows)
    assert {row for row in rows.tolist() if forth[row, source]} == component
    back = encoder.reach(gs.transforms.to_dag(graph, order, source, reverse=True), rows)
    assert set(back[source].nonzero()[:, 0].tolist()) == component


@given(st.lists(to_undirected(), min_size=1, max_size=4), st.sampled_from(ORDERS), st.booleans())
def test_a_batch_is_its_graphs_side_by_side(graphs: list[gs.SpaceTimeGraph], order: str, reverse: bool) -> None:
    plain = [nx.Graph(graph.edge_index.t().tolist()) or nx.path_graph(1) for graph in graphs]
    same = [gs.from_graph(nx.convert_node_labels_to_integers(graph)) for graph in plain]
    apart = Batch.from_data_list([gs.transforms.to_dag(graph, order, reverse=reverse) for graph in same])
    together = gs.transforms.to_dag(Batch.from_data_list(same), order, reverse=reverse)
    assert equal_at(apart, together, ("x", "node", "time", "edge_index", "batch"))


@each_order
def test_a_ring_closes_where_a_spanning_tree_would_lose_an_edge(order: str) -> None:
    ring = gs.from_graph(nx.cycle_graph(4))
    pairs = gs.transforms.to_dag(ring, order).edge_index.t().tolist()
    assert sorted(pairs) == {"bfs": [[0, 1], [0, 3], [1, 2], [3, 2]], "dfs": [[0, 1], [0, 3], [1, 2], [2, 3]]}[order]


def test_edges_of_weight_0_are_none_and_several_have_their_mean() -> None:
    rows = torch.arange(3)
    edges, weight = index([(0, 1), (1, 0), (1, 2), (2, 1)]), torch.tensor([1.0, 2.0, 0.0, 0.0])
    found = gs.transforms.to_dag(gs.SpaceTimeGraph(torch.ones(3, 1), rows, torch.zeros_like(rows), edges, weight))
    assert found.edge_index.tolist() == [[0], [1]]
    assert found.edge_weight.tolist() == [1.5]


@pytest.mark.parametrize("pool", [None, "sum"])
@pytest.mark.parametrize("reverse", [False, True])
def test_a_model_that_views_a_graph_so_sees_what_its_jacobian_says(reverse: bool, pool: str | None) -> None:
    torch.manual_seed(0)
    graph = gs.from_graph(nx.gnp_random_graph(7, 0.4, seed=1), x=torch.randn(7, 2, dtype=torch.float64))
    view = partial(gs.transforms.to_dag, source=2, reverse=reverse)
    model = gs.nn.Model(gs.nn.DAGLSTM(2, 8), 1, transform=view, pool=pool).double()
    assert torch.equal(gs.reach.influence(model, graph) > 0, model.reach(graph))


def test_it_is_worked_out_once() -> None:
    graph = gs.from_graph(nx.cycle_graph(5))
    assert gs.transforms.to_dag(graph).topology is gs.transforms.to_dag(graph).topology
    assert gs.transforms.to_dag(graph).topology is not gs.transforms.to_dag(graph, reverse=True).topology


def test_refusals() -> None:
    with pytest.raises(ValueError, match="order must be one of bfs, dfs; got 'topological'"):
        gs.transforms.to_dag(gs.from_graph(nx.path_graph(2)), "topological")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="static graphs"):
        gs.transforms.to_dag(gs.from_sequence(torch.ones(3, 1)))
    with pytest.raises(TypeError, match=r"graph must be a SpaceTimeGraph, got Graph"):
        gs.transforms.to_dag(nx.path_graph(2))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="source must lie in 0 to 1"):
        gs.transforms.to_dag(gs.from_graph(nx.path_graph(2)), source=2)
