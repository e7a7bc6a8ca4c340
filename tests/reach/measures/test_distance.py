"""Distances of any graph against closed forms on paths, rings, complete graphs and trees, and against networkx."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
import torch
from torch_geometric.data import Batch, Data, HeteroData
from torch_geometric.utils import from_networkx

import graphseq as gs
from graphseq.reach import TooLargeError
from graphseq.reach.measures import distance, distances, edges_of


def test_resistance_of_a_tree_is_the_number_of_hops() -> None:
    for tree in (nx.path_graph(7), nx.balanced_tree(2, 3), nx.star_graph(5)):
        torch.testing.assert_close(distances(tree, "resistance"), distances(tree), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("n", [3, 8])
def test_resistance_of_rings_and_complete_graphs(n: int) -> None:
    k = torch.arange(n, dtype=torch.float64)
    torch.testing.assert_close(distances(nx.cycle_graph(n), "resistance")[0], k * (n - k) / n)
    complete = distances(nx.complete_graph(n), "resistance")
    torch.testing.assert_close(complete, (2 / n) * (1 - torch.eye(n, dtype=torch.float64)))


def test_weights_conduct_and_do_not_change_hops() -> None:
    pair = nx.Graph()
    pair.add_edge("a", "b", weight=4.0)
    assert distances(pair, "resistance")[0].tolist() == [0.0, pytest.approx(0.25)]
    assert distances(pair).tolist() == [[0.0, 1.0], [1.0, 0.0]]
    tiny = nx.path_graph(4)
    nx.set_edge_attributes(tiny, 1e-9, "weight")
    torch.testing.assert_close(distances(tiny, "resistance")[0], torch.arange(4.0).double() * 1e9)


def test_resistance_is_that_of_networkx() -> None:
    graph = nx.gnp_random_graph(14, 0.3, seed=3)
    graph = graph.subgraph(max(nx.connected_components(graph), key=len)).copy()
    expected = nx.resistance_distance(graph)
    order = list(graph)
    found = distances(graph, "resistance")
    for i, u in enumerate(order):
        assert found[i].tolist() == pytest.approx([expected[u][v] for v in order])


def test_between_components_every_distance_is_infinite() -> None:
    graph = nx.disjoint_union(nx.path_graph(2), nx.path_graph(3))
    for kind in ("hop", "resistance"):
        found = distances(graph, kind)
        assert bool(found[:2, 2:].isinf().all())
        assert bool(found[2:, :2].isinf().all())
        assert found[2].tolist() == [torch.inf, torch.inf, 0.0, pytest.approx(1.0), pytest.approx(2.0)]


def test_the_same_graph_in_three_types_and_in_a_batch() -> None:
    graph = nx.cycle_graph(5)
    data = from_networkx(graph)
    expected = distances(graph)
    assert torch.equal(distances(data), expected)
    assert torch.equal(distances(gs.from_graph(graph)), expected)
    both = distances(Batch.from_data_list([data, data]))
    assert torch.equal(both[5:, 5:], expected)
    assert bool(both[:5, 5:].isinf().all())


def test_directed_edges_have_hops_and_no_resistance() -> None:
    data = Data(edge_index=torch.tensor([[0, 1], [1, 2]]), num_nodes=3)
    assert distances(data, nodes=torch.tensor([2])).tolist() == [[2.0, 1.0, 0.0]]
    assert distances(data, nodes=torch.tensor([0])).tolist() == [[0.0, torch.inf, torch.inf]]
    with pytest.raises(
        ValueError, match=r"resistance is defined on undirected graphs, but the edge 0 → 1 of graph has weight 1"
    ):
        distances(data, "resistance")


def test_a_sequence_is_a_path_also_from_past_to_future() -> None:
    sequence = gs.from_sequence(torch.zeros(4, 1))
    assert distances(sequence)[0].tolist() == [0.0, 1.0, 2.0, 3.0]
    assert distances(sequence, causal=True)[0].tolist() == [0.0, torch.inf, torch.inf, torch.inf]
    with pytest.raises(ValueError, match="the edge 0 → 1 of graph has weight 1"):
        distances(sequence, "resistance", causal=True)


def test_self_loops_and_parallel_edges() -> None:
    graph = nx.MultiGraph([(0, 1), (0, 1), (0, 0)])
    assert distances(graph, "resistance")[0].tolist() == [0.0, pytest.approx(0.5)]
    assert distances(graph)[0].tolist() == [0.0, 1.0]
    assert edges_of(graph).simple.toarray().tolist() == [[0.0, 1.0], [1.0, 0.0]]


def test_graphs_without_edges_and_without_nodes() -> None:
    assert distances(nx.empty_graph(2), "resistance").tolist() == [[0.0, torch.inf], [torch.inf, 0.0]]
    assert distances(nx.empty_graph(0)).shape == (0, 0)
    assert edges_of(Data(edge_index=torch.zeros(2, 0, dtype=torch.long), num_nodes=0)).num_nodes == 0


def test_what_is_no_graph_is_refused_by_name() -> None:
    with pytest.raises(
        TypeError, match=r"graph must be PyG Data, a networkx graph or a graphseq.SpaceTimeGraph, got int"
    ):
        distances(3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"graph is HeteroData, with several kinds of nodes"):
        distances(HeteroData())  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"graph must have edge_index, a tensor \(2, E\); this Data has none"):
        distances(Data(x=torch.zeros(2, 1)))
    with pytest.raises(ValueError, match=r"edge_index\[:, 0\] is \(0, 7\), outside the 2 nodes 0 to 1"):
        distances(Data(edge_index=torch.tensor([[0], [7]]), num_nodes=2))
    with pytest.raises(ValueError, match=r"edge_weight\[0\] is -1"):
        distances(Data(edge_index=torch.tensor([[0], [1]]), edge_weight=torch.tensor([-1.0]), num_nodes=2))
    with pytest.raises(ValueError, match=r"edge_weight must have shape \(1,\)"):
        distances(Data(edge_index=torch.tensor([[0], [1]]), edge_weight=torch.ones(3), num_nodes=2))
    with pytest.raises(ValueError, match=r"the weights of a networkx graph must be numbers"):
        distances(nx.Graph([(0, 1, {"weight": "heavy"})]))
    with pytest.raises(ValueError, match=r"kind must be one of hop, resistance; got 'euclid'"):
        distances(nx.path_graph(2), "euclid")
    with pytest.raises(ValueError, match=r"nodes must lie in 0 to 1, got 2"):
        distances(nx.path_graph(2), nodes=torch.tensor([0, 2]))
    with pytest.raises(ValueError, match=r"causal=True is about time, past to future; graph is Graph, without times"):
        distances(nx.path_graph(2), causal=True)


def test_a_resistance_of_too_many_nodes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distance, "MOST_NODES", 9)
    with pytest.raises(TooLargeError, match="a component has 10 nodes"):
        distances(nx.path_graph(10), "resistance")
    assert np.isfinite(distances(nx.path_graph(10)).numpy()).all()
