"""Snapshots put together, and signals on a graph that stays."""

from __future__ import annotations

from collections import Counter

import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from strategies import (
    dynamic_graphs,
    gappy_signals,
    index,
    same_rows_and_edges,
    signals,
    spatial_bag,
    static_graphs,
)
from torch import Tensor
from torch_geometric.data import Data

import graphseq as gs
from graphseq import SpaceTimeGraph

Signal = tuple[Tensor, Tensor, Tensor | None]
ANY = st.one_of(static_graphs(), dynamic_graphs(), gappy_signals())

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
        ([one(), one()], [0.2, 1.2], TypeError, r"times\[0\] must be an integer, got 0.2 \(float\). Number dates"),
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
        (
            [one(), one(x=torch.tensor([[1.0], [float("nan")]]), node=torch.tensor([0, 7]))],
            [3, 5],
            ValueError,
            r"is nan, at node 7 and time 5; features must be finite",
        ),
        (
            [one(), Data(x=torch.ones(1, 1), node=torch.tensor([0]), edge_index=index([(0, 1)]))],
            None,
            ValueError,
            r"snapshots\[1\].edge_index\[:, 0\] is \(0, 1\), outside the 1 rows 0 to 0",
        ),
        ([one(), one()], [5, 3], ValueError, r"times must be 2 strictly ascending integers, .* got \[5, 3\]"),
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
        ({"x": np.zeros((3, 2))}, ValueError, r"x must have shape \(T, N, F\), .* got \(3, 2\)"),
        (
            {"edge_index": index([(0, 1), (0, 2)])},
            ValueError,
            r"^edge_index\[:, 1\] is \(0, 2\), outside the 2 nodes 0 to 1",
        ),
        ({"edge_index": None}, TypeError, "edge_index must be a torch.Tensor, got NoneType"),
        (
            {"edge_index": nx.path_graph(3)},
            TypeError,
            r"edge_index must be a torch.Tensor, got Graph; its edges are from_graph\(graph\).edge_index",
        ),
        ({"edge_weight": torch.ones(2)}, ValueError, r"edge_weight must have shape \(1,\), .* got \(2,\)"),
        (
            {"x": torch.zeros(3, 2, 1).index_put_([torch.tensor(2), torch.tensor(1)], torch.tensor([torch.nan]))},
            ValueError,
            r"is nan, at node 1 and time 2; features must be finite",
        ),
        ({"target": torch.ones(2, 3, dtype=bool)}, ValueError, r"target must be bool of shape \(6,\), .* \(2, 3\)"),
        ({"target": [True] * 5}, ValueError, r"target must be bool of shape \(6,\), .* \(5,\)"),
    ],
)
def test_from_signal_refuses(changed: dict[str, object], error: type[Exception], message: str) -> None:
    arguments = {"x": torch.zeros(3, 2, 1), "edge_index": index([(0, 1)]), **changed}
    with pytest.raises(error, match=message):
        gs.from_signal(**arguments)  # type: ignore[arg-type]
