"""Ways in: what goes in comes out again, and what cannot go in is named."""

from __future__ import annotations

from collections.abc import Callable

import networkx as nx
import numpy as np
import pytest
import scipy.sparse as sp
import torch
from hypothesis import given
from hypothesis import strategies as st
from strategies import (
    WEIGHTS,
    dynamic_graphs,
    equal_at,
    gappy_signals,
    identical,
    index,
    same_rows_and_edges,
    spatial_bag,
    static_graphs,
)
from torch import Tensor
from torch_geometric.data import Data

import graphseq as gs
from graphseq import SpaceTimeGraph

ANY = st.one_of(static_graphs(), dynamic_graphs(), gappy_signals())


@st.composite
def networkx_graphs(draw: st.DrawFn) -> nx.Graph:
    """All four kinds, with nodes alone, self-loops and, where the kind has them, doubled edges."""
    graph = draw(st.sampled_from((nx.Graph, nx.DiGraph, nx.MultiGraph, nx.MultiDiGraph)))()
    names = draw(st.lists(st.text("abc", max_size=2), unique=True, min_size=1, max_size=5))
    graph.add_nodes_from(names)
    pairs = draw(st.lists(st.tuples(st.sampled_from(names), st.sampled_from(names)), max_size=8))
    for a, b in pairs:
        graph.add_edge(a, b)
    if draw(st.booleans()):
        for *_, data in graph.edges(data=True):
            data["weight"] = draw(WEIGHTS)
    return graph


# from_sequence


def test_a_sequence_is_one_node_at_consecutive_times() -> None:
    x = torch.tensor([[1.0], [2.0], [3.0]])
    graph = gs.from_sequence(x, y=torch.tensor([5]), target=torch.tensor([False, True, False]))
    assert torch.equal(graph.x, x)
    assert graph.node.tolist() == [0, 0, 0]
    assert graph.time.tolist() == [0, 1, 2]
    assert graph.topology.spatial.is_identity
    assert graph.target_rows.tolist() == [1]
    assert graph.y.tolist() == [5]


@pytest.mark.parametrize("length", [0, 1])
def test_a_sequence_of_no_or_one_step_has_no_edges(length: int) -> None:
    graph = gs.from_sequence(torch.zeros(length, 2))
    assert graph.num_nodes == length
    assert graph.unroll().edge_index.shape == (2, 0)


# from_graph


@given(ANY)
def test_networkx_and_back_is_the_same_graph(graph: SpaceTimeGraph) -> None:
    assert same_rows_and_edges(gs.from_graph(graph.to_networkx()), graph)


@given(ANY)
def test_networkx_and_back_twice_keeps_the_order_of_edges(graph: SpaceTimeGraph) -> None:
    once = gs.from_graph(graph.to_networkx())
    assert identical(gs.from_graph(once.to_networkx()), once)


@given(static_graphs())
def test_scipy_and_back_is_the_same_static_graph(graph: SpaceTimeGraph) -> None:
    back = gs.from_graph(graph.to_scipy(), x=graph.x)
    assert equal_at(back, graph, ("x", "node", "time", "edge_index"))
    weight = graph.get("edge_weight")
    assert torch.equal(back.edge_weight, torch.ones(graph.num_edges) if weight is None else weight)


@given(static_graphs())
def test_pyg_and_back_is_the_same_static_graph(graph: SpaceTimeGraph) -> None:
    assert identical(gs.from_graph(graph.unroll()), graph)
    assert equal_at(gs.from_graph(graph.snapshot(0)), graph, ("x", "node", "time", "edge_index", "edge_weight"))


@given(static_graphs())
def test_pyg_data_is_read_as_it_stands(graph: SpaceTimeGraph) -> None:
    target = torch.arange(len(graph.x)) % 2 == 0
    data = Data(x=graph.x, edge_index=graph.edge_index, y=target.nonzero(), target=target)
    back = gs.from_graph(data)
    assert equal_at(back, data, ("x", "edge_index", "y", "target"))
    assert back.node.tolist() == list(range(len(graph.x)))
    assert set(back.time.tolist()) == {0}


@given(networkx_graphs())
def test_networkx_is_read_as_networkx_writes_its_own_matrix(graph: nx.Graph) -> None:
    assert np.array_equal(gs.from_graph(graph).to_scipy().toarray(), nx.to_numpy_array(graph))


@given(networkx_graphs())
def test_scipy_is_read_as_networkx_writes_its_own_matrix(graph: nx.Graph) -> None:
    written = gs.from_graph(nx.to_scipy_sparse_array(graph, format="csr"))
    assert np.array_equal(written.to_scipy().toarray(), nx.to_numpy_array(graph))


@given(networkx_graphs())
def test_an_undirected_edge_becomes_both_and_a_loop_one(graph: nx.Graph) -> None:
    loops = nx.number_of_selfloops(graph)
    both = graph.number_of_edges() if graph.is_directed() else 2 * graph.number_of_edges() - loops
    assert gs.from_graph(graph).num_edges == both


def test_networkx_nodes_come_in_their_order_with_their_features() -> None:
    graph = nx.Graph()
    graph.add_nodes_from([("b", {"x": [1.0, 2.0]}), ("a", {"x": [3.0, 4.0]})])
    graph.add_edge("a", "b", weight=5)
    read = gs.from_graph(graph)
    assert read.x.tolist() == [[1, 2], [3, 4]]
    assert sorted(spatial_bag(read)) == [(0, 1, 5), (1, 0, 5)]


@pytest.mark.parametrize("kind", [list, tuple, np.array, torch.tensor])
def test_networkx_features_may_be_lists_arrays_or_tensors(kind: Callable[[list[float]], object]) -> None:
    graph = nx.path_graph(2)
    nx.set_node_attributes(graph, {0: kind([0.5, 1.0]), 1: kind([2.0, 3.0])}, "x")
    read = gs.from_graph(graph)
    assert read.x.tolist() == [[0.5, 1], [2, 3]]
    assert read.x.dtype == torch.float32


@pytest.mark.parametrize("empty", [nx.Graph(), sp.coo_array((0, 0)), Data(x=torch.ones(0, 1))])
def test_a_graph_of_no_nodes_has_no_rows(empty: object) -> None:
    assert gs.from_graph(empty).x.shape == (0, 1)
    assert gs.from_graph(empty).topology.num_nodes == 0


@pytest.mark.parametrize("alone", [nx.empty_graph(1), sp.coo_array((1, 1)), Data(num_nodes=1)])
def test_one_node_without_edges_or_features_shows_a_one(alone: object) -> None:
    read = gs.from_graph(alone)
    assert read.x.tolist() == [[1]]
    assert read.topology.spatial.is_identity


@pytest.mark.parametrize("given_x", [torch.zeros(2, 3), torch.tensor([4, 5])])
def test_given_features_stand_in_place_of_the_graphs_own(given_x: Tensor) -> None:
    for graph in (nx.path_graph(2), Data(x=torch.ones(2, 1), edge_index=index([(0, 1)])), sp.eye_array(2)):
        assert torch.equal(gs.from_graph(graph, x=given_x).x, given_x)


def test_given_y_and_target_stand_in_place_of_the_graphs_own() -> None:
    data = Data(x=torch.ones(2, 1), y=torch.zeros(2), target=torch.tensor([True, True]))
    read = gs.from_graph(data, y=torch.tensor([7]), target=torch.tensor([False, True]))
    assert (read.y.tolist(), read.target.tolist()) == ([7], [False, True])


def test_a_matrix_and_its_graph_share_no_memory() -> None:
    matrix = sp.coo_array(np.array([[0.0, 2.0], [0.0, 0.0]]))
    read = gs.from_graph(matrix)
    read.edge_weight[0] = 9
    assert matrix.toarray().tolist() == [[0, 2], [0, 0]]


@pytest.mark.parametrize("kind", [int, bool, np.float64, np.float32])
def test_a_matrix_of_any_real_numbers_gives_floating_weights(kind: type) -> None:
    read = gs.from_graph(sp.csr_array(np.array([[0, 1], [0, 0]], dtype=kind)))
    assert read.edge_weight.tolist() == [1.0]
    assert read.edge_weight.dtype == (torch.float64 if kind is np.float64 else torch.float32)


def weighted_in_part() -> nx.Graph:
    graph = nx.path_graph(3)
    graph.edges[0, 1]["weight"] = 1.0
    return graph


def with_x(**values: object) -> nx.Graph:
    graph = nx.Graph()
    graph.add_nodes_from((name, {} if value is None else {"x": value}) for name, value in values.items())
    return graph


@pytest.mark.parametrize(
    ("graph", "error", "message"),
    [
        (
            [[0, 1]],
            TypeError,
            "graph must be a networkx graph, a PyG Data, a DGLGraph or .*, got list",
        ),
        (np.eye(2), TypeError, "graph must be .* got ndarray"),
        (gs.SpaceTimeGraph(), TypeError, "graph is already a SpaceTimeGraph"),
        (sp.coo_array((2, 3)), ValueError, r"graph must be a square matrix, got shape \(2, 3\)"),
        (sp.coo_array(np.eye(2) * 1j), TypeError, "edge_weight must hold real numbers, got dtype torch.complex128"),
        (sp.coo_array(np.eye(2) * np.nan), ValueError, r"edge_weight\[0\] is nan; every weight must be finite"),
        (weighted_in_part(), ValueError, r"edge \(1, 2\) has no 'weight', but others have; give it to every edge"),
        (with_x(a=[1.0], b=None), ValueError, "node 'b' has no 'x', but others have; give it to every node or to none"),
        (with_x(a=[1.0], b=[1.0, 2.0]), ValueError, "node attribute 'x' must hold numbers, equally many at every node"),
        (with_x(a="red", b="blue"), ValueError, "node attribute 'x' must hold numbers"),
        (with_x(a=1.5, b=2.5), ValueError, r"x must have shape \(V, F\), got \(2,\)"),
        (Data(x=torch.ones(2, 1), edge_index=index([(0, 2)])), ValueError, r"edge_index\[:, 0\] is \(0, 2\), outside"),
        (Data(x=torch.ones(2, 1), y=torch.ones(3)), ValueError, r"y must have one entry for each of the 2 target rows"),
    ],
)
def test_from_graph_refuses(graph: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        gs.from_graph(graph)  # type: ignore[arg-type]


@pytest.mark.parametrize("graph", [nx.path_graph(3), sp.eye_array(3), Data(num_nodes=3), Data(x=torch.ones(3, 1))])
def test_from_graph_refuses_features_for_another_number_of_nodes(graph: object) -> None:
    with pytest.raises(ValueError, match="x has 2 rows for a graph of 3 nodes"):
        gs.from_graph(graph, x=torch.ones(2, 1))  # type: ignore[arg-type]


# from_sequence


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        ([1.0], ValueError, r"x must have shape \(T, F\), got \(1,\)"),
        ("abc", TypeError, "x must be a torch.Tensor, got str"),
        (torch.tensor(1.0), ValueError, "x must have one row or more, got a single number"),
        (torch.zeros(3), ValueError, r"x must have shape \(T, F\), got \(3,\)"),
        (torch.zeros(3, 1, dtype=int), ValueError, r"x of integers holds tokens .* \(V,\), got \(3, 1\)"),
    ],
)
def test_from_sequence_refuses(x: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        gs.from_sequence(x)  # type: ignore[arg-type]
