"""Ways in: what goes in comes out again, and what cannot go in is named."""

from __future__ import annotations

from collections import Counter
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
    sequences,
    signals,
    spatial_bag,
    static_graphs,
)
from torch import Tensor
from torch_geometric.data import Batch, Data

import graphseq as gs
from graphseq import SpaceTimeGraph

Signal = tuple[Tensor, Tensor, Tensor | None]
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
        ([[0, 1]], TypeError, "graph must be a networkx graph, a PyG Data or a scipy sparse matrix, got list"),
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


# from_snapshots


def in_time(graph: SpaceTimeGraph) -> SpaceTimeGraph:
    """The same graph with its rows sorted by time, by a loop."""
    order = sorted(range(len(graph.x)), key=lambda row: graph.time[row])
    place = torch.tensor([order.index(row) for row in range(len(order))])
    spatial = graph.topology.spatial
    return SpaceTimeGraph(
        graph.x[order], graph.node[order], graph.time[order], place[spatial.edge_index], spatial.edge_weight
    )


@given(ANY)
def test_snapshots_put_together_are_the_graph(graph: SpaceTimeGraph) -> None:
    times = sorted(set(graph.time.tolist()))
    back = gs.from_snapshots([graph.snapshot(time) for time in times], times=times)
    assert same_rows_and_edges(back, in_time(graph))


def test_snapshots_literally() -> None:
    a = Data(x=torch.tensor([[1.0], [2.0]]), edge_index=index([(0, 1)]), edge_weight=torch.tensor([3.0]))
    b = Data(
        x=torch.tensor([[4.0]]), edge_index=index([(0, 0)]), edge_weight=torch.tensor([5.0]), node=torch.tensor([1])
    )
    graph = gs.from_snapshots([a, b], times=[-2, 6])
    assert graph.x.flatten().tolist() == [1, 2, 4]
    assert graph.node.tolist() == [0, 1, 1]
    assert graph.time.tolist() == [-2, -2, 6]
    assert graph.edge_index.tolist() == [[0, 2], [1, 2]]
    assert graph.edge_weight.tolist() == [3, 5]
    assert graph.topology.temporal_edges.tolist() == [[1], [2]]


def test_targets_and_answers_of_snapshots_are_joined_in_order() -> None:
    parts = [Data(x=torch.ones(2, 1), y=torch.tensor([y]), target=torch.tensor([y == 7, y == 8])) for y in (7, 8)]
    graph = gs.from_snapshots(parts)
    assert graph.y.tolist() == [7, 8]
    assert graph.target.tolist() == [True, False, False, True]


def test_given_answers_stand_in_place_of_those_of_the_snapshots() -> None:
    parts = [Data(x=torch.ones(1, 1), y=torch.tensor([y])) for y in (7, 8)]
    graph = gs.from_snapshots(parts, y=torch.tensor([9]), target=torch.tensor([False, True]))
    assert (graph.y.tolist(), graph.target.tolist()) == ([9], [False, True])


def test_snapshots_may_have_no_rows_and_no_edges() -> None:
    parts = [Data(x=torch.ones(n, 1), edge_index=torch.empty(2, 0)) for n in (0, 2)]
    parts.append(Data(x=torch.ones(2, 1), edge_index=index([(1, 0)])))
    graph = gs.from_snapshots(parts)
    assert graph.time.tolist() == [1, 1, 2, 2]
    assert graph.edge_index.tolist() == [[3], [2]]


@pytest.mark.parametrize("times", [[3, 5], torch.tensor([3, 5]), np.array([3, 5]), (3, 5)])
def test_times_may_be_any_integers(times: object) -> None:
    assert gs.from_snapshots([one(), one()], times=times).time.tolist() == [3, 3, 5, 5]  # type: ignore[arg-type]


def one(**changed: object) -> Data:
    """Two rows and an edge."""
    return Data(**{"x": torch.ones(2, 1), "edge_index": index([(0, 1)]), **changed})


@pytest.mark.parametrize(
    ("snapshots", "times", "error", "message"),
    [
        ([], None, ValueError, "snapshots is empty; at least one graph is needed"),
        ([one(), nx.path_graph(2)], None, TypeError, r"snapshots\[1\] must be a PyG Data, got Graph"),
        ([one(), Data(edge_index=index([]))], None, ValueError, r"snapshots\[1\] has no x"),
        (
            [one(), one(x=torch.ones(2, 3))],
            None,
            ValueError,
            r"snapshots\[1\].x has shape \(2, 3\), but snapshots\[0\].x \(2, 1\); .* same feature width",
        ),
        ([one(), one()], [0], ValueError, r"times must be 2 strictly ascending integers, one a snapshot; got \[0\]"),
        ([one(), one()], [4, 4], ValueError, r"times must be 2 strictly ascending integers, .* got \[4, 4\]"),
        ([one(), one()], [0.2, 1.2], TypeError, r"times must be integers, one a snapshot; got \[0.2, 1.2\]"),
        (
            [one(), one(edge_index=index([(1, 2)]))],
            None,
            ValueError,
            r"snapshots\[1\].edge_index\[:, 0\] is \(1, 2\), outside the 2 rows 0 to 1",
        ),
        (
            [one(), one(edge_weight=torch.ones(1))],
            None,
            ValueError,
            r"snapshots\[0\] has no edge_weight, but snapshots\[1\] has",
        ),
        (
            [one(edge_weight=torch.ones(2)), one(edge_weight=torch.ones(0))],
            None,
            ValueError,
            r"snapshots\[0\].edge_weight must have shape \(1,\), one weight an edge; got \(2,\)",
        ),
        (
            [one(node=torch.arange(3)), one(node=torch.arange(1))],
            None,
            ValueError,
            r"snapshots\[0\].node must have shape \(2,\), .* got \(3,\)",
        ),
        (
            [one(target=torch.ones(1, dtype=bool)), one(target=torch.ones(3, dtype=bool))],
            None,
            ValueError,
            r"snapshots\[0\].target must be bool of shape \(2,\), .* got torch.bool \(1,\)",
        ),
        (
            [one(), one(node=torch.tensor([3, 3]))],
            None,
            ValueError,
            r"rows 2 and 3 are both node 3 at time 1; a \(node, time\) pair occurs once",
        ),
        ([one(y=torch.ones(2)), one()], None, ValueError, r"snapshots\[1\] has no y, but snapshots\[0\] has"),
    ],
)
def test_from_snapshots_refuses(snapshots: list[Data], times: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        gs.from_snapshots(snapshots, times=times)  # type: ignore[arg-type]


# from_signal


@given(signals())
def test_a_signal_is_its_snapshots_put_together(signal: Signal) -> None:
    x, edge_index, weight = signal
    once = gs.from_signal(x, edge_index, weight)
    each = gs.from_snapshots([Data(x=now, edge_index=edge_index, edge_weight=weight) for now in x])
    assert same_rows_and_edges(once, each)
    assert all(torch.equal(a, b) for a, b in zip(once.to_dense(), each.to_dense(), strict=True))


def test_a_signal_literally() -> None:
    graph = gs.from_signal(torch.arange(6.0).reshape(3, 2, 1), index([(0, 1)]))
    assert graph.x.flatten().tolist() == [0, 1, 2, 3, 4, 5]
    assert graph.node.tolist() == [0, 1, 0, 1, 0, 1]
    assert graph.time.tolist() == [0, 0, 1, 1, 2, 2]
    assert spatial_bag(graph) == Counter([(0, 1, 1.0), (2, 3, 1.0), (4, 5, 1.0)])
    assert graph.static_edge_index.tolist() == [[0], [1]]


def test_the_target_of_a_signal_may_be_a_matrix_of_times_and_nodes() -> None:
    marks = torch.tensor([[True, False], [False, False], [True, True]])
    for target in (marks, marks.flatten()):
        assert gs.from_signal(torch.zeros(3, 2, 1), index([]), target=target).target_rows.tolist() == [0, 4, 5]


@pytest.mark.parametrize("shape", [(0, 3, 1), (3, 0, 1), (0, 0, 0)])
def test_a_signal_without_rows_has_no_steps(shape: tuple[int, ...]) -> None:
    graph = gs.from_signal(torch.zeros(shape), index([]))
    assert graph.topology.steps == []
    assert spatial_bag(graph) == Counter()


def test_a_signal_on_one_node_is_the_sequence() -> None:
    x = torch.randn(4, 1, 2)
    assert same_rows_and_edges(gs.from_signal(x, index([])), gs.from_sequence(x[:, 0]))


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"x": torch.zeros(3, 2)}, ValueError, r"x must have shape \(T, N, F\), or \(T, N\) .* tokens; got \(3, 2\)"),
        ({"x": torch.zeros(3, 2, 1, dtype=int)}, ValueError, r"x must have shape .* got \(3, 2, 1\)"),
        ({"x": np.zeros((3, 2, 1))}, TypeError, "x must be a torch.Tensor, got ndarray"),
        (
            {"edge_index": index([(0, 1), (0, 2)])},
            ValueError,
            r"^edge_index\[:, 1\] is \(0, 2\), outside the 2 nodes 0 to 1",
        ),
        ({"edge_index": None}, TypeError, "edge_index must be a torch.Tensor, got NoneType"),
        ({"edge_weight": torch.ones(2)}, ValueError, r"edge_weight must have shape \(1,\), .* got \(2,\)"),
        ({"target": torch.ones(2, 3, dtype=bool)}, ValueError, r"target must be bool of shape \(6,\), .* \(2, 3\)"),
        ({"target": [True] * 6}, TypeError, "target must be a torch.Tensor, got list"),
    ],
)
def test_from_signal_refuses(changed: dict[str, object], error: type[Exception], message: str) -> None:
    arguments = {"x": torch.zeros(3, 2, 1), "edge_index": index([(0, 1)]), **changed}
    with pytest.raises(error, match=message):
        gs.from_signal(**arguments)  # type: ignore[arg-type]


# from_sequence


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        ([1.0], TypeError, "x must be a torch.Tensor, got list"),
        (torch.tensor(1.0), ValueError, "x must have one row or more, got a single number"),
        (torch.zeros(3), ValueError, r"x must have shape \(V, F\), got \(3,\)"),
        (torch.zeros(3, 1, dtype=int), ValueError, r"x of integers holds tokens .* \(V,\), got \(3, 1\)"),
    ],
)
def test_from_sequence_refuses(x: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        gs.from_sequence(x)  # type: ignore[arg-type]


# grow


def test_a_sequence_of_three_grows_literally() -> None:
    grown = gs.grow(gs.from_sequence(torch.tensor([7, 8, 9])))
    assert grown.x.tolist() == [7, 7, 7, 8, 8, 9]
    assert grown.node.tolist() == [0, 0, 0, 1, 1, 2]
    assert grown.time.tolist() == [0, 1, 2, 1, 2, 2]
    assert grown.target_rows.tolist() == [0, 3, 5]
    assert grown.to_dense().adjacency.tolist() == [
        [[0, 0, 0], [0, 0, 0], [0, 0, 0]],
        [[0, 1, 0], [1, 0, 0], [0, 0, 0]],
        [[0, 1, 0], [1, 0, 1], [0, 1, 0]],
    ]


@pytest.mark.parametrize("length", [1, 2, 5])
def test_at_time_t_there_are_the_first_t_nodes_on_a_path_with_their_features(length: int) -> None:
    x = torch.randn(length, 2)
    grown = gs.grow(gs.from_sequence(x))
    assert grown.num_nodes == length * (length + 1) // 2
    for t in range(length):
        now = grown.snapshot(t)
        assert now.node.tolist() == list(range(t + 1))
        assert torch.equal(now.x, x[: t + 1])
        path = nx.to_numpy_array(nx.path_graph(t + 1))
        assert np.array_equal(gs.from_graph(now).to_scipy().toarray(), path)


def test_growing_reads_the_order_from_the_times_not_the_rows() -> None:
    shuffled = SpaceTimeGraph(torch.tensor([9, 7, 8]), torch.zeros(3, dtype=int), torch.tensor([30, 10, 20]))
    grown = gs.grow(shuffled)
    assert [sorted(grown.snapshot(t).x.tolist()) for t in range(3)] == [[7], [7, 8], [7, 8, 9]]
    assert grown.x[grown.target_rows].tolist() == [9, 7, 8]


@given(sequences())
def test_what_was_asked_at_a_row_is_asked_of_its_node_on_arrival(graph: SpaceTimeGraph) -> None:
    grown = gs.grow(graph)
    assert torch.equal(grown.x[grown.target_rows], graph.x[graph.target_rows])
    assert grown.time[grown.target_rows].tolist() == graph.target_rows.tolist()
    assert torch.equal(grown.y, graph.y)


@given(sequences())
def test_no_later_row_is_there_when_a_row_is_asked(graph: SpaceTimeGraph) -> None:
    numbered = SpaceTimeGraph.from_topology(graph.topology, torch.arange(len(graph.x)))
    grown = gs.grow(numbered)
    assert bool((grown.x <= grown.time).all())


@given(st.lists(sequences(), min_size=1, max_size=4))
def test_a_batch_grows_as_each_of_its_members_does(graphs: list[SpaceTimeGraph]) -> None:
    together = gs.grow(Batch.from_data_list(graphs))
    each = Batch.from_data_list([gs.grow(graph) for graph in graphs])
    assert equal_at(together, each, ("x", "node", "time", "y", "target", "batch"))
    assert spatial_bag(together) == spatial_bag(each)
    assert together.num_graphs == len(graphs)


def test_growing_derives_its_topology_once() -> None:
    graph = gs.from_sequence(torch.zeros(4, 1))
    other = SpaceTimeGraph.from_topology(graph.topology, torch.ones(4, 1))
    assert gs.grow(graph).topology is gs.grow(other).topology
    assert gs.grow(other).x.unique().tolist() == [1]


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (gs.from_graph(nx.path_graph(3)), "grow reads sequences, but graph has 4 spatial edges"),
        (gs.from_signal(torch.zeros(2, 3, 1), index([])), "grow reads one sequence a graph; got 3 nodes in 1 graphs"),
    ],
)
def test_grow_refuses(graph: SpaceTimeGraph, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        gs.grow(graph)
