"""Features of edges: with their edges through constructors, snapshots, batches, copies and transforms."""

from __future__ import annotations

import copy
import pickle
from collections import Counter
from collections.abc import Callable

import networkx as nx
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from strategies import index, rows_at_times, static_edges
from torch import Tensor
from torch_geometric.data import Batch, Data

import graphseq as gs
from graphseq import SpaceTimeGraph
from graphseq.data.adjacency import Adjacency
from graphseq.nn.recurrent.long_sequences import segments_of
from graphseq.tasks.base import repeat
from graphseq.training.distributed import share_of


def numbered(index: Tensor) -> Tensor:
    """Features that say which edge they belong to: its number, and its square."""
    number = torch.arange(1.0, index.shape[1] + 1)
    return torch.stack([number, number**2], dim=1)


@st.composite
def featured(draw: st.DrawFn) -> SpaceTimeGraph:
    """Edges between rows or between nodes, each with its nodes (j, i) as features, and with a weight of both."""
    node, time = draw(rows_at_times())
    x = torch.zeros(len(node), 1)
    if draw(st.booleans()):
        static, _ = draw(static_edges(int(node.max()) + 1, weighted=False))
        ends = static.t().float()
        return SpaceTimeGraph(
            x, node, time, static_edge_index=static, static_edge_weight=weight_of(ends), static_edge_attr=ends
        )
    joinable = [(i, j) for i in range(len(x)) for j in range(len(x)) if time[i] == time[j]]
    edges = index(draw(st.lists(st.sampled_from(joinable), max_size=10)))
    ends = node[edges].t().float()
    return SpaceTimeGraph(x, node, time, edges, weight_of(ends), edge_attr=ends)


def weight_of(ends: Tensor) -> Tensor:
    return ends[:, 0] + 10 * ends[:, 1] + 1


def shown(adjacency: Adjacency, node: Tensor) -> Counter[tuple[object, ...]]:
    """Edges by their nodes, each with its weight and its features."""
    assert adjacency.edge_attr is not None
    assert adjacency.edge_weight is not None
    pairs = node[adjacency.edge_index].t().tolist()
    values = zip(pairs, adjacency.edge_weight.tolist(), adjacency.edge_attr.tolist(), strict=True)
    return Counter((i, j, w, tuple(attr)) for (i, j), w, attr in values)


def expected(adjacency: Adjacency, node: Tensor) -> Counter[tuple[object, ...]]:
    """The same, as :func:`featured` made them."""
    return Counter((i, j, 1.0 + i + 10 * j, (i, j)) for i, j in node[adjacency.edge_index].t().tolist())


@given(featured())
def test_each_edge_has_its_own_features_in_all_readings(graph: SpaceTimeGraph) -> None:
    spatial = graph.topology.spatial
    assert shown(spatial, graph.node) == expected(spatial, graph.node)
    for step in graph.topology.steps:
        node = graph.node[step.rows]
        assert shown(step.adjacency, node) == expected(step.adjacency, node)


@given(featured(), st.booleans())
def test_steps_along_time_have_features_of_zero(graph: SpaceTimeGraph, causal: bool) -> None:
    spacetime, count = graph.topology.spacetime(causal), graph.topology.spatial.edge_index.shape[1]
    assert spacetime.edge_attr is not None
    assert torch.equal(spacetime.edge_attr[:count], graph.topology.spatial.edge_attr)
    assert spacetime.edge_attr.shape == (spacetime.edge_index.shape[1], 2)
    assert not spacetime.edge_attr[count:].any()
    assert torch.equal(graph.unroll(causal).edge_attr, spacetime.edge_attr)


def test_snapshots_of_a_signal_share_the_features_that_are_stored_once() -> None:
    edges = index([(0, 1), (1, 2), (2, 0)])
    graph = gs.from_signal(torch.zeros(5, 3, 1), edges, edge_attr=numbered(edges))
    assert all(step.adjacency.edge_attr is graph.topology.static_edge_attr for step in graph.topology.steps)
    assert (
        graph.topology.spatial.edge_attr.tolist()
        == numbered(edges).repeat(5, 1)[torch.tensor([5 * [0, 1, 2]])[0]].tolist()
    )


def test_snapshots_of_an_unsorted_graph_have_theirs_in_the_order_of_their_edges() -> None:
    node, time = torch.tensor([0, 1, 0, 1]), torch.tensor([1, 0, 0, 1])
    edges = index([(0, 3), (1, 2), (3, 0), (2, 1)])
    graph = SpaceTimeGraph(torch.zeros(4, 1), node, time, edges, edge_attr=numbered(edges))
    first, second = (step.adjacency for step in graph.topology.steps)
    assert (first.edge_index.tolist(), first.edge_attr.tolist()) == ([[0, 1], [1, 0]], [[2, 4], [4, 16]])
    assert (second.edge_index.tolist(), second.edge_attr.tolist()) == ([[0, 1], [1, 0]], [[1, 1], [3, 9]])
    assert graph.snapshot(0).edge_attr.tolist() == [[2, 4], [4, 16]]
    assert graph.topology.sorted_by_time.spatial.edge_attr.tolist() == numbered(edges).tolist()


@given(st.lists(featured(), min_size=1, max_size=3))
def test_a_batch_joins_them_and_comes_apart(graphs: list[SpaceTimeGraph]) -> None:
    kind = "static_edge_attr" if "static_edge_attr" in graphs[0] else "edge_attr"
    graphs = [graph for graph in graphs if kind in graph]
    batch = Batch.from_data_list(graphs)
    assert torch.equal(batch[kind], torch.cat([graph[kind] for graph in graphs]))
    assert torch.equal(
        batch.topology.spatial.edge_attr[:, 0] + 1,
        batch.topology.spatial.edge_weight - 10 * (batch.topology.spatial.edge_attr[:, 1]),
    )
    for graph, part in zip(graphs, batch.to_data_list(), strict=True):
        assert torch.equal(part[kind], graph[kind])


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda graph: pickle.loads(pickle.dumps(graph))])  # noqa: S301
def test_copies_have_them(duplicate: Callable[[SpaceTimeGraph], SpaceTimeGraph]) -> None:
    edges = index([(0, 1), (1, 0)])
    graph = gs.from_signal(torch.zeros(2, 2, 1), edges, edge_attr=numbered(edges))
    assert duplicate(graph).topology.steps[1].adjacency.edge_attr.tolist() == [[1, 1], [2, 4]]
    moved = graph.topology.to("meta")
    assert moved.static_edge_attr is not None
    assert moved.static_edge_attr.shape == (2, 2)


@given(featured())
def test_segments_shares_and_repetitions_have_them(graph: SpaceTimeGraph) -> None:
    for segment in segments_of(graph.topology, 1):
        assert shown(segment.spatial, segment.node) == expected(segment.spatial, segment.node)
    twice = repeat(graph.topology, 2)
    nodes = int(graph.node.max()) + 1
    once = expected(graph.topology.spatial, graph.node)
    assert shown(twice.spatial, twice.node % nodes) == once + once


def test_a_share_of_a_batch_has_its_own() -> None:
    edges = index([(0, 1), (1, 0)])
    graphs = [
        gs.from_signal(torch.zeros(1, 2, 1), edges, edge_attr=numbered(edges) * scale, y=torch.zeros(2))
        for scale in (1, 10)
    ]
    per_row = gs.tasks.Palindrome(2)
    share = share_of(per_row, Batch.from_data_list(graphs), 1, 2)
    assert share.topology.spatial.edge_attr.tolist() == [[10, 10], [20, 40]]


# Constructors


def test_one_column_of_pyg_without_a_weight_is_the_weight() -> None:
    edges, x = index([(0, 1), (1, 0)]), torch.zeros(2, 1)
    for attr in (torch.tensor([2.0, 3.0]), torch.tensor([[2.0], [3.0]])):
        for graph in (
            gs.from_graph(Data(x=x, edge_index=edges, edge_attr=attr)),
            gs.from_snapshots([Data(x=x, edge_index=edges, edge_attr=attr)]),
        ):
            assert graph.edge_weight.tolist() == [2, 3]
            assert "edge_attr" not in graph


def test_one_column_beside_a_weight_and_more_columns_are_features() -> None:
    edges, x, weight = index([(0, 1), (1, 0)]), torch.zeros(2, 1), torch.tensor([5.0, 6.0])
    one = Data(x=x, edge_index=edges, edge_attr=torch.tensor([2.0, 3.0]), edge_weight=weight)
    two = Data(x=x, edge_index=edges, edge_attr=numbered(edges))
    for graph in (gs.from_graph(one), gs.from_snapshots([one])):
        assert (graph.edge_weight.tolist(), graph.edge_attr.tolist()) == ([5, 6], [[2], [3]])
    for graph in (gs.from_graph(two), gs.from_snapshots([two])):
        assert graph.edge_attr.tolist() == [[1, 1], [2, 4]]
        assert "edge_weight" not in graph


def test_snapshots_join_theirs() -> None:
    edges = index([(0, 1), (1, 0)])
    parts = [Data(x=torch.zeros(2, 1), edge_index=edges, edge_attr=numbered(edges) * scale) for scale in (1, 10)]
    graph = gs.from_snapshots(parts)
    assert graph.edge_attr.tolist() == [[1, 1], [2, 4], [10, 10], [20, 40]]
    assert [graph.snapshot(time).edge_attr.tolist() for time in (0, 1)] == [part.edge_attr.tolist() for part in parts]


def test_networkx_gives_and_takes_them() -> None:
    edges = index([(0, 1), (1, 0), (1, 1)])
    for attr in (numbered(edges), numbered(edges)[:, :1]):
        graph = SpaceTimeGraph(torch.zeros(2, 1), torch.arange(2), torch.zeros(2).long(), edges, edge_attr=attr)
        back = gs.from_graph(graph.to_networkx())
        pairs = {
            tuple(pair): values
            for pair, values in zip(back.edge_index.t().tolist(), back.edge_attr.tolist(), strict=True)
        }
        assert pairs == {tuple(pair): values for pair, values in zip(edges.t().tolist(), attr.tolist(), strict=True)}
    undirected = nx.Graph([(0, 1, {"edge_attr": [1.0, 2.0]})])
    assert gs.from_graph(undirected).edge_attr.tolist() == [[1, 2], [1, 2]]


@pytest.mark.parametrize(
    ("attr", "error", "message"),
    [
        (torch.zeros(3, 2), ValueError, r"edge_attr must have shape \(2, D\), one row an edge; got \(3, 2\)"),
        (torch.zeros(2), ValueError, r"edge_attr must have shape \(2, D\), one row an edge; got \(2,\)"),
        (torch.zeros(2, 2).long(), TypeError, "edge_attr must hold floats, got dtype torch.int64"),
        (torch.tensor([[0.0, 1.0], [0.0, float("nan")]]), ValueError, r"edge_attr\[1, 1\] is nan"),
        ([[1.0]], ValueError, r"edge_attr must have shape \(2, D\), one row an edge; got \(1, 1\)"),
        ("ab", TypeError, "edge_attr must be a torch.Tensor, got str"),
    ],
)
def test_what_does_not_fit_is_refused(attr: object, error: type[Exception], message: str) -> None:
    edges, x = index([(0, 1), (1, 0)]), torch.zeros(1, 2, 1)
    with pytest.raises(error, match=message):
        gs.from_signal(x, edges, edge_attr=attr)  # type: ignore[arg-type]
    with pytest.raises(error, match=message):
        gs.from_signal(x, edges).replace(edge_attr=attr)  # type: ignore[arg-type]
    with pytest.raises(error, match=message):
        SpaceTimeGraph(x[0], torch.arange(2), torch.zeros(2).long(), edges, edge_attr=attr)  # type: ignore[arg-type]


def test_an_integer_an_edge_is_neither_a_weight_nor_a_class() -> None:
    data = Data(x=torch.zeros(2, 1), edge_index=index([(0, 1)]), edge_attr=torch.tensor([3]))
    with pytest.raises(
        TypeError, match=r"graph\.edge_attr holds one integer an edge, which may be a weight or a class"
    ):
        gs.from_graph(data)


def test_features_of_some_snapshots_or_of_other_widths_are_refused() -> None:
    edges, x = index([(0, 1), (1, 0)]), torch.zeros(2, 1)
    with_them, without = Data(x=x, edge_index=edges, edge_attr=numbered(edges)), Data(x=x, edge_index=edges)
    with pytest.raises(ValueError, match=r"snapshots\[1\] has no edge_attr, but snapshots\[0\] has"):
        gs.from_snapshots([with_them, without])
    wide = Data(x=x, edge_index=edges, edge_attr=torch.zeros(2, 3))
    with pytest.raises(ValueError, match=r"snapshots\[1\].edge_attr has shape \(2, 3\), but snapshots\[0\]"):
        gs.from_snapshots([with_them, wide])


# Replacing, and transforms


def test_weights_and_features_are_replaced_on_either_kind_of_edges() -> None:
    edges = index([(0, 1), (1, 0)])
    for graph in (
        gs.from_signal(torch.zeros(1, 2, 1), edges),
        SpaceTimeGraph(torch.zeros(2, 1), torch.arange(2), torch.zeros(2).long(), edges),
    ):
        new = graph.replace(edge_weight=torch.tensor([3.0, 4.0]), edge_attr=numbered(edges))
        assert new.topology.spatial.edge_weight.tolist() == [3, 4]
        assert new.topology.spatial.edge_attr.tolist() == [[1, 1], [2, 4]]
        assert new.replace(edge_weight=None).topology.spatial.edge_attr.tolist() == [[1, 1], [2, 4]]
        assert new.replace(edge_attr=None).topology.spatial.edge_weight.tolist() == [3, 4]
        assert new.replace(edge_attr=None, edge_weight=None).keys() == graph.keys()
        assert "edge_attr" not in graph
        assert graph.topology.spatial.edge_attr is None


def test_transforms_take_them_with_their_edges() -> None:
    edges = index([(0, 1), (2, 1)])
    attr = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    graph = gs.from_graph(Data(x=torch.zeros(3, 1), edge_index=edges, edge_attr=attr))
    both = gs.transforms.to_undirected(graph)
    assert (both.edge_index.tolist(), both.edge_attr.tolist()) == (
        [[0, 1, 1, 2], [1, 0, 2, 1]],
        [[1, 2], [1, 2], [3, 4], [3, 4]],
    )
    doubled = gs.from_graph(Data(x=torch.zeros(2, 1), edge_index=index([(0, 1), (1, 0)]), edge_attr=attr))
    assert gs.transforms.to_dag(doubled).edge_attr.tolist() == [[2, 3]]
    assert gs.transforms.add_nodes_over_time(graph).static_edge_attr.tolist() == attr.tolist()
    rooted = gs.transforms.root_at_targets(graph.replace(target=torch.tensor([False, False, True])))
    assert rooted.edge_index.tolist() == [[0, 1], [1, 2]]
    assert rooted.edge_attr.tolist() == [[1, 2], [3, 4]]
    twice = gs.from_signal(torch.zeros(2, 3, 1), edges, edge_attr=attr)
    lagged = gs.transforms.unroll_time(twice)
    assert lagged.edge_index.tolist() == [[0, 1, 2, 0, 2], [3, 4, 5, 4, 4]]
    assert lagged.edge_attr.tolist() == [[0, 0]] * 3 + attr.tolist()


def test_a_sampler_refuses_what_it_cannot_carry() -> None:
    edges = index([(0, 1)])
    graph = gs.from_graph(Data(x=torch.zeros(2, 1), edge_index=edges, edge_attr=numbered(edges)))
    with pytest.raises(ValueError, match="graph has edge_attr"):
        gs.NeighborSampler(graph, [-1])


def test_tasks_hand_them_out() -> None:
    edges = index([(0, 1), (1, 2)])
    graph = gs.from_signal(torch.rand(9, 3, 1), edges, edge_attr=numbered(edges))
    per_snapshot = gs.from_snapshots([graph.snapshot(time) for time in range(9)])
    for recording in (graph, per_snapshot):
        batch = gs.tasks.Forecasting(recording, lags=2).batch(2, torch.Generator().manual_seed(0))
        assert batch.topology.spatial.edge_attr.tolist() == numbered(edges).repeat(4, 1).tolist()
    one = gs.from_graph(Data(x=torch.zeros(3, 1), edge_index=edges, edge_attr=numbered(edges), y=torch.tensor([0])))
    other = gs.from_graph(Data(x=torch.zeros(3, 1), edge_index=edges, edge_attr=-numbered(edges), y=torch.tensor([1])))
    batch = gs.tasks.GraphClassification([one, other], 2).batch(2, torch.Generator().manual_seed(0))
    sign = 1 - 2 * batch.y
    assert batch.edge_attr.tolist() == torch.cat([numbered(edges) * int(s) for s in sign]).tolist()
    with pytest.raises(ValueError, match=r"graphs\[1\] has edge_attr of D = none features, but graphs\[0\] of 2"):
        gs.tasks.GraphClassification([one, other.replace(edge_attr=None)], 2)
