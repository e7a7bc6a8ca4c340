"""Graphs of networkx with times: one a time, or one whose edges say when."""

from __future__ import annotations

import math
from typing import Any

import networkx as nx
import pytest
import torch
from hypothesis import given
from strategies import dynamic_graphs

from graphseq import SpaceTimeGraph
from graphseq.io import from_temporal_networkx


def made(nodes: dict[Any, Any], *edges: tuple[Any, ...], directed: bool = True) -> nx.Graph:
    """Nodes with features (``None``: without), and edges (from, to) or (from, to, weight)."""
    graph = nx.DiGraph() if directed else nx.Graph()
    graph.add_nodes_from((node, {} if x is None else {"x": x}) for node, x in nodes.items())
    graph.add_edges_from((a, b, {"weight": w[0]} if w else {}) for a, b, *w in edges)
    return graph


FIRST = made({"A": [1, 2], "B": [3, 4]}, ("A", "B", 0.5))
SECOND = made({"C": [5, 6], "A": [7, 8]}, ("A", "C", 2.0), ("C", "C", 3.0), directed=False)


def test_one_graph_a_time() -> None:
    data = from_temporal_networkx({-2: FIRST, 5: SECOND})
    assert data.graph.x.tolist() == [[1, 2], [3, 4], [5, 6], [7, 8]]
    assert data.graph.x.dtype == torch.float32
    assert data.graph.node.tolist() == [0, 1, 2, 0]
    assert data.graph.time.tolist() == [-2, -2, 5, 5]
    edges = zip(*data.graph.edge_index.tolist(), data.graph.edge_weight.tolist(), strict=True)
    assert sorted(edges) == [(0, 1, 0.5), (2, 2, 3.0), (2, 3, 2.0), (3, 2, 2.0)]
    assert (data.nodes, data.times, data.channels) == (("A", "B", "C"), ("-2", "5"), ("x_0", "x_1"))


def test_a_list_is_times_from_0_and_bare_graphs_have_a_constant() -> None:
    data = from_temporal_networkx([nx.path_graph(2), nx.path_graph(3)])
    assert data.graph.time.tolist() == [0, 0, 1, 1, 1]
    assert data.graph.x.tolist() == [[1.0]] * 5
    assert "edge_weight" not in data.graph
    assert data.channels == ("constant",)


def test_features_may_be_single_numbers_arrays_or_tensors() -> None:
    data = from_temporal_networkx([made({"A": 1.5, "B": torch.tensor([2.0])}), made({"A": torch.tensor(3.0).numpy()})])
    assert data.graph.x.tolist() == [[1.5], [2.0], [3.0]]
    assert data.channels == ("x",)


def test_one_graph_whose_edges_have_times_and_nodes_features_that_stay() -> None:
    graph = nx.MultiDiGraph()
    graph.add_nodes_from([("A", {"h": 1}), ("B", {"h": 2}), ("C", {"h": 3})])
    graph.add_edge("A", "B", when=3, w=1)
    graph.add_edge("A", "B", when=(3, 7), w=2)
    graph.add_edge("C", "A", when=7, w=4)
    data = from_temporal_networkx(graph, x="h", time="when", weight="w")
    assert data.graph.time.tolist() == [3, 3, 3, 7, 7, 7]
    assert data.graph.x.flatten().tolist() == [1, 2, 3, 1, 2, 3]
    edges = zip(*data.graph.edge_index.tolist(), data.graph.edge_weight.tolist(), strict=True)
    assert sorted(edges) == [(0, 1, 1), (0, 1, 2), (3, 4, 2), (5, 3, 4)]


def test_one_graph_whose_nodes_come_and_go() -> None:
    graph = nx.Graph()
    graph.add_node("A", x={0: [1], 1: [2]})
    graph.add_node("B", x={1: [3], 4: [5]})
    graph.add_edge("A", "B", time=1)
    data = from_temporal_networkx(graph)
    assert list(zip(data.graph.time.tolist(), data.graph.node.tolist(), strict=True)) == [
        (0, 0),
        (1, 0),
        (1, 1),
        (4, 1),
    ]
    assert data.graph.x.flatten().tolist() == [1, 2, 3, 5]
    assert data.graph.edge_index.tolist() == [[1, 2], [2, 1]]


def test_a_missing_feature_is_refused_or_its_node_dropped() -> None:
    graphs = [made({"A": [1.0, math.nan], "B": [1, 2]}, ("A", "B"), ("B", "B")), made({"A": [3, 4]})]
    with pytest.raises(
        ValueError, match=r"node 'A' at time 0 has NaN in 'x'; fill it in, or read with missing=\"drop\""
    ):
        from_temporal_networkx(graphs)
    data = from_temporal_networkx(graphs, missing="drop")
    assert (data.nodes, data.graph.x.tolist()) == (("B", "A"), [[1, 2], [3, 4]])
    assert data.graph.edge_index.tolist() == [[0], [0]]
    assert from_temporal_networkx([made({"A": None, "B": 1})], x="y").graph.num_rows == 2


def timed(**attributes: Any) -> nx.Graph:
    graph = nx.Graph()
    graph.add_edge("A", "B", **attributes)
    return graph


def apart() -> nx.Graph:
    graph = timed(time=[0, 1])
    graph.nodes["A"]["x"], graph.nodes["B"]["x"] = {0: 1, 1: 2}, {0: 3}
    return graph


@pytest.mark.parametrize(
    ("graphs", "message"),
    [
        ([], r"graphs is empty; at least one graph is needed"),
        ([nx.Graph()], r"graphs have no node"),
        ({1: FIRST, 0: SECOND}, r"graphs must be in the order of time; time 0 comes after 1"),
        ([made({"A": [1, 2]}), made({"A": [1]})], r"node 'A' at time 1 has 1 features, but the first node 2"),
        ([made({"A": [1], "B": None})], r"node 'B' at time 0 has no 'x', but others have"),
        ([made({"A": "red"})], r"'x' of node 'A' at time 0 must be a list of numbers, got str"),
        ([made({"A": [1, "red"]})], r"'x' of node 'A' at time 0 at 1 is 'red', which is not a number"),
        ([made({"A": 1, "B": 1}, ("A", "B", 1.0), ("B", "A"))], r"edge 'B'-'A' at time 0 has no 'weight', but others"),
        ([made({"1": 1, 1: 1})], r"nodes '1' and 1 are both named 1; rename one"),
        (timed(), r"edge 'A'-'B' has no 'time'; every edge must have times"),
        (apart(), r"edge 'A'-'B' is present at time 1, but node 'B' is not"),
        (nx.path_graph(1), r"neither an edge nor a node with a time"),
    ],
)
def test_what_does_not_fit_is_refused_by_its_place(graphs: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        from_temporal_networkx(graphs)


@pytest.mark.parametrize(
    ("graphs", "message"),
    [
        (7, r"graphs must be networkx graphs by time, a sequence of them or one; got int"),
        ([FIRST, "second"], r"the graph at time 1 must be a networkx graph, got str"),
        ({"monday": FIRST}, r"a time of graphs must be an integer, got 'monday'"),
        (timed(time="noon"), r"a time of edge 'A'-'B' must be an integer, got 'noon'"),
        (timed(time=[0, 0.5]), r"a time of edge 'A'-'B' must be an integer, got 0.5"),
    ],
)
def test_what_is_of_another_type_is_refused(graphs: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        from_temporal_networkx(graphs)


@given(graph=dynamic_graphs(channels=2))
def test_snapshots_that_are_written_are_read_back(graph: SpaceTimeGraph) -> None:
    weight = graph.get("edge_weight")
    snapshots = {int(t): nx.MultiDiGraph() for t in graph.topology.times}
    for x, node, time in zip(graph.x.tolist(), graph.node.tolist(), graph.time.tolist(), strict=True):
        snapshots[time].add_node(node, x=x)
    for e, (a, b) in enumerate(graph.edge_index.t().tolist()):
        own = {} if weight is None else {"weight": weight[e].item()}
        snapshots[int(graph.time[a])].add_edge(int(graph.node[a]), int(graph.node[b]), **own)
    data = from_temporal_networkx(snapshots)
    name = torch.tensor([int(one) for one in data.nodes])
    assert content(data.graph, name[data.graph.node]) == content(graph, graph.node)


def content(graph: SpaceTimeGraph, node: torch.Tensor) -> tuple[dict[Any, Any], list[Any]]:
    """Features by (time, node), and edges by time and the names of their ends."""
    rows = list(zip(graph.time.tolist(), node.tolist(), strict=True))
    weight = graph.get("edge_weight")
    weights = [None] * graph.edge_index.shape[1] if weight is None else weight.tolist()
    edges = [(rows[a], rows[b], w) for (a, b), w in zip(graph.edge_index.t().tolist(), weights, strict=True)]
    return dict(zip(rows, graph.x.tolist(), strict=True)), sorted(edges)
