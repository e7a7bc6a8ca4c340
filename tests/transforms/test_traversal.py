"""Graphs read row by row: the order against networkx, and what stays with its row."""

from __future__ import annotations

from functools import partial

import networkx as nx
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from randomgraphs import draw, join, seen, sequence
from strategies import edge_lists, equal_at, index, static_graphs

import graphseq as gs
from graphseq import SpaceTimeGraph
from graphseq.nn import LSTM, Model
from graphseq.transforms import to_sequence

NAMES = "ABCDEF"
each_search = pytest.mark.parametrize("order", ["bfs", "dfs"])
searches = st.sampled_from(["bfs", "dfs"])


def a_to_f() -> SpaceTimeGraph:
    graph = nx.Graph()
    graph.add_nodes_from(NAMES)
    graph.add_edges_from(["AB", "AE", "AF", "BC", "BD", "CD", "DF", "EF"])
    return gs.from_graph(graph)


def of(edges: list[tuple[int, int]], rows: int) -> SpaceTimeGraph:
    nodes = torch.arange(rows)
    return SpaceTimeGraph(sequence(5, rows).x, nodes, torch.zeros_like(nodes), index(edges))


def read(graph: SpaceTimeGraph, *how: object) -> list[int]:
    """The rows of one graph in the order in which they are read."""
    return to_sequence(graph, *how).time.argsort().tolist()


def with_sorted_neighbors(graph: nx.Graph) -> nx.Graph:
    """The same graph, which networkx then searches in ascending order."""
    edges = graph.edges() if graph.is_directed() else [sorted(edge) for edge in graph.edges()]
    ordered = nx.DiGraph() if graph.is_directed() else nx.Graph()
    ordered.add_nodes_from(graph)
    ordered.add_edges_from(sorted(map(tuple, edges)))
    return ordered


def expected_order(graph: nx.Graph, order: str, source: int) -> list[int]:
    """What networkx gives, starting again at the smallest that is left."""
    found: list[int] = []
    for start in [source, *range(len(graph))]:
        left = with_sorted_neighbors(graph.subgraph(set(graph) - set(found)))
        if start in left:
            if order == "bfs":
                more = [start, *(v for _, v in nx.bfs_edges(left, start))]
            else:
                more = list(nx.dfs_preorder_nodes(left, start))
            found += more
    return found


# the orders


@pytest.mark.parametrize(
    ("order", "source", "letters"),
    [
        ("bfs", 0, "ABEFCD"),
        ("bfs", 2, "CBDAFE"),
        ("bfs", 4, "EAFBDC"),
        ("dfs", 0, "ABCDFE"),
        ("dfs", 2, "CBAEFD"),
        ("dfs", 4, "EABCDF"),
    ],
)
def test_the_graph_a_to_f_is_read_literally(order: str, source: int, letters: str) -> None:
    assert "".join(NAMES[row] for row in read(a_to_f(), order, source)) == letters


def test_a_tree_is_read_level_by_level_branch_by_branch_or_generation_by_generation() -> None:
    down = [(3, 1), (3, 4), (1, 0), (1, 2), (4, 5)]
    tree = of(down + [(j, i) for i, j in down], 6)
    assert read(tree, "bfs", 3) == [3, 1, 4, 0, 2, 5]
    assert read(tree, "dfs", 3) == [3, 1, 0, 2, 4, 5]
    assert read(of(down, 6), "topological") == [3, 1, 4, 0, 2, 5]
    assert read(of([(j, i) for i, j in down], 6), "topological") == [0, 2, 5, 1, 4, 3]


def test_every_component_is_read_the_smallest_row_that_is_left_first() -> None:
    apart = of([(4, 1), (1, 4), (2, 5), (5, 2), (5, 3), (3, 5)], 6)
    assert read(apart, "bfs", 4) == [4, 1, 0, 2, 5, 3]
    assert read(apart, "dfs", 5) == [5, 2, 3, 0, 1, 4]


def test_directed_edges_are_followed_as_they_point() -> None:
    graph = of([(0, 1), (2, 0), (2, 3)], 4)
    assert read(graph) == [0, 1, 2, 3]
    assert read(graph, "bfs", 3) == [3, 0, 1, 2]
    assert read(graph, "topological") == [2, 0, 3, 1]


def test_the_order_given_asks_no_edges_and_is_counted_in_each_graph_of_a_batch() -> None:
    down, loop = of([(2, 0), (2, 1)], 3), of([(0, 1), (1, 0)], 2)
    assert read(down, "given") == [0, 1, 2]
    found = to_sequence(join([down, loop]), "given")
    assert (found.node.tolist(), found.time.tolist()) == ([0, 0, 0, 1, 1], [0, 1, 2, 0, 1])
    mixed = down.replace(batch=torch.tensor([1, 0, 1]))
    assert to_sequence(mixed, "given").time.tolist() == [0, 0, 1]


@pytest.mark.parametrize("order", ["bfs", "dfs", "given", "topological"])
def test_a_single_row_and_none_at_all(order: str) -> None:
    one = gs.from_graph(nx.empty_graph(1))
    assert (to_sequence(one, order).node.tolist(), to_sequence(one, order).time.tolist()) == ([0], [0])
    none = torch.zeros(0, dtype=torch.long)
    assert to_sequence(SpaceTimeGraph(torch.zeros(0, 1), none, none), order).num_rows == 0


@each_search
@pytest.mark.parametrize("directed", [False, True], ids=["undirected", "directed"])
def test_on_a_hundred_random_graphs_it_is_networkxs_order(order: str, directed: bool) -> None:
    for seed in range(100):
        rows = 1 + seed % 12
        graph = nx.gnp_random_graph(rows, 2 / rows, seed=seed, directed=directed)
        source = seed % rows
        assert read(gs.from_graph(graph), order, source) == expected_order(graph, order, source)


@given(edges=edge_lists(), order=searches, data=st.data())
def test_loops_doubled_edges_and_edges_of_weight_zero_lead_nowhere_new(
    edges: tuple[torch.Tensor, torch.Tensor | None, int], order: str, data: st.DataObject
) -> None:
    edge_index, weight, rows = edges
    nodes = torch.arange(rows)
    graph = SpaceTimeGraph(torch.zeros(rows, 1), nodes, torch.zeros_like(nodes), edge_index, weight)
    there = edge_index if weight is None else edge_index[:, weight != 0]
    plain = nx.DiGraph()
    plain.add_nodes_from(range(rows))
    plain.add_edges_from(there.t().tolist())
    source = data.draw(st.integers(0, rows - 1))
    assert read(graph, order, source) == expected_order(plain, order, source)


def test_a_topological_order_is_networkxs_generations_each_sorted() -> None:
    for seed in range(30):
        graph = nx.gn_graph(12, seed=seed)
        expected = [row for rows in nx.topological_generations(graph) for row in sorted(rows)]
        assert read(gs.from_graph(graph), "topological") == expected


# what stays with its row


@given(graph=static_graphs(), order=st.sampled_from(["bfs", "dfs", "given"]))
def test_rows_stay_what_and_where_they_were(graph: SpaceTimeGraph, order: str) -> None:
    graph.target = torch.arange(graph.num_rows) % 2 == 0
    graph.y = graph.target_rows * 10
    found = to_sequence(graph, order)
    assert equal_at(found, graph, ("x", "y", "target"))
    assert sorted(found.time.tolist()) == list(range(graph.num_rows))
    assert found.node.tolist() == [0] * graph.num_rows
    assert found.topology.spatial.is_identity
    assert found.topology.temporal_edges.shape[1] == graph.num_rows - 1


@each_search
def test_what_a_model_says_of_a_row_stands_at_its_target(order: str) -> None:
    graph = of([(2, 0), (0, 2), (0, 3), (3, 0)], 4)
    graph.target = torch.tensor([True, False, True, True])
    torch.manual_seed(0)
    model = Model(LSTM(2, 4), 3, transform=partial(to_sequence, order=order, source=3)).double()
    rows = expected_order(graph.to_networkx(), order, 3)
    states = model.encoder.kernel(graph.x[rows])[0]
    expected = model.head.lin(torch.stack([states[rows.index(row)] for row in (0, 2, 3)]))
    torch.testing.assert_close(model(graph), expected, rtol=0, atol=1e-14)


def test_reach_through_a_traversal_is_what_was_read_before_and_the_pattern_of_the_jacobian() -> None:
    torch.manual_seed(0)
    model, graph = Model(LSTM(2, 4), 3, transform=to_sequence).double(), a_to_f()
    graph.x = sequence(0, 6).x
    expected = torch.zeros(6, 6, dtype=torch.bool)
    for place, row in enumerate("ABEFCD"):
        expected[NAMES.index(row), [NAMES.index(other) for other in "ABEFCD"[: place + 1]]] = True
    assert torch.equal(model.reach(graph), expected)
    assert torch.equal(seen(model, graph), expected)


# batches


@given(graphs=st.lists(static_graphs(), min_size=1, max_size=4), order=searches)
def test_a_batch_is_read_as_each_of_its_members_is(graphs: list[SpaceTimeGraph], order: str) -> None:
    bare = [SpaceTimeGraph(torch.zeros(g.num_rows, 1), g.node, g.time, *at(g)) for g in graphs]
    together = to_sequence(join(bare), order)
    each = join([to_sequence(graph, order) for graph in bare])
    assert equal_at(together, each, ("x", "node", "time", "batch"))
    assert together.num_graphs == len(graphs)


def at(graph: SpaceTimeGraph) -> tuple[torch.Tensor, torch.Tensor]:
    spatial = graph.topology.spatial
    weight = spatial.edge_weight
    return spatial.edge_index, torch.ones(spatial.edge_index.shape[1]) if weight is None else weight


def test_a_source_is_counted_within_each_graph_and_a_graph_without_rows_needs_none() -> None:
    none = torch.zeros(0, dtype=torch.long)
    empty = SpaceTimeGraph(torch.zeros(0, 2, dtype=torch.float64), none, none, index([]))
    batch = join([of([(0, 1), (1, 0)], 3), empty, of([(1, 0)], 2)])
    found = to_sequence(batch, "dfs", 1)
    assert found.time.tolist() == [1, 0, 2, 1, 0]
    assert found.node.tolist() == [0, 0, 0, 2, 2]


def test_a_batch_of_dags_is_read_generation_by_generation_in_each() -> None:
    batch = join([of([(2, 0)], 3), of([(1, 0)], 2)])
    assert to_sequence(batch, "topological").time.tolist() == [2, 0, 1, 1, 0]


def test_the_order_is_worked_out_once_for_each_way_of_reading() -> None:
    graph = a_to_f()
    other = graph.replace(x=torch.ones(6, 2))
    assert to_sequence(graph).topology is to_sequence(other, "bfs", 0).topology
    assert len({id(to_sequence(graph, *how).topology) for how in [("bfs",), ("dfs",), ("bfs", 1)]}) == 3
    halves = graph.replace(batch=torch.tensor([0, 0, 0, 1, 1, 1]))
    assert to_sequence(halves).num_graphs == 2
    assert to_sequence(halves).node.tolist() == [0, 0, 0, 1, 1, 1]
    thirds = graph.replace(batch=torch.tensor([0, 0, 1, 1, 2, 2]))
    assert to_sequence(thirds).node.tolist() == [0, 0, 1, 1, 2, 2]
    assert to_sequence(graph).node.tolist() == [0] * 6


def test_an_order_made_in_inference_mode_serves_in_training() -> None:
    graph = a_to_f()
    model = Model(LSTM(1, 4), 2, transform=to_sequence)
    with torch.inference_mode():
        model(graph)
    model(graph).sum().backward()
    assert model.encoder.kernel.weight_hh_l0.grad.any()


def test_edges_kept_once_for_all_times_are_followed_as_well() -> None:
    signal = gs.from_signal(torch.zeros(1, 4, 1), index([(0, 3), (3, 1)]))
    assert read(signal) == [0, 3, 1, 2]


# refusals


def test_an_undirected_graph_has_no_topological_order() -> None:
    with pytest.raises(ValueError, match="graph has a cycle, row 0 → row 1 → row 0, and so no generations"):
        to_sequence(a_to_f(), "topological")


def test_what_changes_over_time_is_refused() -> None:
    with pytest.raises(ValueError, match=r"static graphs, but graph 0 has rows at times 0 to 2; .* has its order"):
        to_sequence(gs.from_sequence(torch.zeros(3, 1)))
    late = SpaceTimeGraph(torch.zeros(2, 2), torch.tensor([0, 1]), torch.tensor([7, 8]))  # no node is there twice
    two = join([gs.from_graph(nx.empty_graph(2), x=torch.zeros(2, 2)), late])
    with pytest.raises(ValueError, match="graph 1 has rows at times 7 to 8"):
        to_sequence(two)
    with pytest.raises(ValueError, match="a traversal reads static graphs"):
        to_sequence(draw(1), "topological")


def test_graphs_of_a_batch_may_each_have_a_time_of_their_own() -> None:
    late = SpaceTimeGraph(torch.zeros(2, 1), torch.arange(2), torch.tensor([5, 5]), index([(1, 0)]))
    early = SpaceTimeGraph(torch.zeros(1, 1), torch.arange(1), torch.tensor([-3]), index([]))
    assert to_sequence(join([late, early]), "bfs", 0).time.tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("how", "error", "message"),
    [
        (("breadth",), ValueError, "order must be one of bfs, dfs, given, topological; got 'breadth'"),
        (("bfs", 6), ValueError, "source must lie in 0 to 5, the rows of graph 0; got 6"),
        (("bfs", -1), ValueError, "source must be at least 0, got -1"),
        (("dfs", 1.0), TypeError, "source must be an integer, got 1.0"),
        (("dfs", True), TypeError, "source must be an integer, got True"),
        (("topological", 0), ValueError, "source=0 was given, but a topological order begins at all rows"),
        (("given", 2), ValueError, "source=2 was given, but the given order begins at the first row"),
    ],
)
def test_what_cannot_be_read_is_refused(how: tuple[object, ...], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        to_sequence(a_to_f(), *how)


def test_a_source_beyond_one_graph_of_a_batch_names_it() -> None:
    batch = join([of([], 3), of([], 2)])
    with pytest.raises(ValueError, match="source must lie in 0 to 1, the rows of graph 1; got 2"):
        to_sequence(batch, "bfs", 2)


def test_what_is_no_graph_is_refused() -> None:
    with pytest.raises(TypeError, match=r"graph must be a SpaceTimeGraph, got Graph"):
        to_sequence(nx.path_graph(3))
