"""Who is joined to whom, against dictionaries and loops over rows."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from strategies import Rows, bag, dynamic_graphs, gappy_signals, histories, index, rows_at_times, signals, spatial_bag
from torch import Tensor

import graphseq as gs
from graphseq import SpaceTimeGraph
from graphseq.data.topology import Topology

Signal = tuple[Tensor, Tensor, Tensor | None]
GRAPHS = st.one_of(dynamic_graphs(), gappy_signals())


def chain(rows: Rows) -> Counter[tuple[int, int, float]]:
    """Each row to the next of its node."""
    return Counter((a, b, 1.0) for line in histories(rows).values() for a, b in pairwise(line))


def written_out(graph: SpaceTimeGraph) -> Counter[tuple[int, int, float]]:
    """Static edges at each time at which both ends are there, by a loop."""
    at = {pair: row for row, pair in enumerate(zip(graph.node.tolist(), graph.time.tolist(), strict=True))}
    edges = bag(graph.static_edge_index, graph.get("static_edge_weight"))
    found: Counter[tuple[int, int, float]] = Counter()
    for time in set(graph.time.tolist()):
        for (a, b, w), count in edges.items():
            if (a, time) in at and (b, time) in at:
                found[at[a, time], at[b, time], w] += count
    return found


# Five rows: node 3 at times 7, 5 and 9, node 1 at times 9 and 5.
NODE, TIME = torch.tensor([3, 1, 3, 1, 3]), torch.tensor([7, 9, 5, 5, 9])


def test_temporal_edges_join_a_node_to_its_next_row_over_any_gap() -> None:
    assert bag(Topology(NODE, TIME).temporal_edges) == Counter([(3, 1, 1.0), (2, 0, 1.0), (0, 4, 1.0)])


def test_previous_is_the_row_before_and_minus_one_at_the_first() -> None:
    assert Topology(NODE, TIME).previous.tolist() == [2, 3, -1, -1, 0]


def test_position_counts_the_rows_before() -> None:
    assert Topology(NODE, TIME).position.tolist() == [1, 1, 0, 0, 2]


def test_times_are_distinct_and_ascending_and_nodes_are_counted() -> None:
    assert Topology(NODE, TIME).times.tolist() == [5, 7, 9]
    assert Topology(NODE, TIME).num_nodes == 2
    assert Topology(NODE, TIME).num_rows == 5


@given(rows_at_times())
def test_temporal_edges_are_those_of_a_dictionary(rows: Rows) -> None:
    assert bag(Topology(*rows).temporal_edges) == chain(rows)


@given(rows_at_times())
def test_previous_and_position_are_those_of_a_dictionary(rows: Rows) -> None:
    previous, position = Topology(*rows).previous.tolist(), Topology(*rows).position.tolist()
    for line in histories(rows).values():
        assert [position[row] for row in line] == list(range(len(line)))
        assert [previous[row] for row in line] == [-1, *line[:-1]]


def test_rows_already_step_by_step_are_not_copied() -> None:
    sequences = gs.from_signal(torch.zeros(3, 2, 1), index([])).topology.sequences
    assert sequences.order is None
    x = torch.randn(6, 4)
    assert sequences.along(x, lambda piece, held: (piece, held), None)[0].data_ptr() == x.data_ptr()


@given(GRAPHS)
def test_steps_are_the_rows_of_each_time_in_order(graph: SpaceTimeGraph) -> None:
    names, time = sorted(set(graph.node.tolist())), graph.time.tolist()
    steps = graph.topology.steps
    assert len(steps) == len(set(time))
    for step, moment in zip(steps, sorted(set(time)), strict=True):
        rows = [row for row, when in enumerate(time) if when == moment]
        assert step.rows.tolist() == rows
        assert step.nodes.tolist() == [names.index(graph.node[row]) for row in rows]
        assert step.is_everyone == (step.nodes.tolist() == list(range(len(names))))
        assert step.adjacency.num_rows == len(rows)


@given(GRAPHS)
def test_edges_of_the_steps_are_the_spatial_edges(graph: SpaceTimeGraph) -> None:
    found: Counter[tuple[int, int, float]] = Counter()
    for step in graph.topology.steps:
        found += bag(step.rows[step.adjacency.edge_index], step.adjacency.edge_weight)
    assert found == spatial_bag(graph)


@given(dynamic_graphs())
def test_spatial_edges_are_those_given(graph: SpaceTimeGraph) -> None:
    assert spatial_bag(graph) == bag(graph.edge_index, graph.get("edge_weight"))


@given(gappy_signals())
def test_static_edges_are_there_when_both_ends_are(graph: SpaceTimeGraph) -> None:
    assert spatial_bag(graph) == written_out(graph)


def test_static_edges_literally() -> None:
    graph = SpaceTimeGraph(
        torch.zeros(5, 1),
        NODE,
        TIME,
        static_edge_index=index([(1, 3), (3, 3), (3, 0)]),
        static_edge_weight=torch.arange(3.0),
    )
    # Node 0 is never there; node 3 loops at each of its times; 1 and 3 meet at 5 and 9.
    assert spatial_bag(graph) == Counter([(3, 2, 0), (1, 4, 0), (0, 0, 1), (2, 2, 1), (4, 4, 1)])


@given(signals())
def test_all_steps_of_a_full_signal_share_one_adjacency(signal: Signal) -> None:
    graph = gs.from_signal(*signal)
    steps = graph.topology.steps
    assert all(step.adjacency is steps[0].adjacency and step.is_everyone for step in steps)
    assert bag(steps[0].adjacency.edge_index, steps[0].adjacency.edge_weight) == bag(signal[1], signal[2])


def test_a_full_signal_shares_when_its_nodes_stand_in_another_order() -> None:
    node, time = torch.tensor([2, 0, 2, 0]), torch.tensor([0, 0, 1, 1])
    graph = SpaceTimeGraph(torch.zeros(4, 1), node, time, static_edge_index=index([(0, 2)]))
    first, second = graph.topology.steps
    assert first.adjacency is second.adjacency
    assert first.adjacency.edge_index.tolist() == [[1], [0]]
    assert not first.is_everyone


def test_snapshots_whose_rows_stand_in_different_orders_do_not_share() -> None:
    node, time = torch.tensor([0, 1, 1, 0]), torch.tensor([0, 0, 1, 1])
    graph = SpaceTimeGraph(torch.zeros(4, 1), node, time, static_edge_index=index([(0, 1)]))
    assert [step.adjacency.edge_index.tolist() for step in graph.topology.steps] == [[[0], [1]], [[1], [0]]]


def test_a_thousand_times_hold_the_edges_once() -> None:
    graph = gs.from_signal(torch.zeros(1000, 3, 1), index([(0, 1), (1, 2)]))
    graph.topology.steps[999].adjacency.normalised(torch.float32)
    stored = {part.data_ptr(): part.numel() for part in (step.adjacency.edge_index for step in graph.topology.steps)}
    assert list(stored.values()) == [4]
    assert "edge_index" not in graph
    assert graph.static_edge_index.numel() == 4


@pytest.mark.parametrize("causal", [False, True])
@given(GRAPHS)
def test_spacetime_edges_are_the_spatial_ones_and_the_chains(causal: bool, graph: SpaceTimeGraph) -> None:
    spacetime = graph.topology.spacetime(causal)
    forward = chain((graph.node, graph.time))
    back: Counter[tuple[int, int, float]] = Counter({(b, a, w): count for (a, b, w), count in forward.items()})
    expected = spatial_bag(graph) + forward + (Counter() if causal else back)
    assert bag(spacetime.edge_index, spacetime.edge_weight) == expected


def test_spacetime_edges_of_a_sequence_both_ways_and_causal() -> None:
    topology = gs.from_sequence(torch.zeros(3, 1)).topology
    assert topology.spacetime().edge_index.tolist() == [[0, 1, 1, 2], [1, 2, 0, 1]]
    assert topology.spacetime(causal=True).edge_index.tolist() == [[0, 1], [1, 2]]


def test_spacetime_is_made_once_each_way() -> None:
    topology = gs.from_sequence(torch.zeros(3, 1)).topology
    assert topology.spacetime() is topology.spacetime(causal=False)
    assert topology.spacetime(causal=True) is topology.spacetime(causal=True)
    assert topology.spacetime() is not topology.spacetime(causal=True)


NO_ROWS = torch.zeros(0, dtype=torch.long)


@pytest.mark.parametrize("edges", [{}, {"static_edge_index": index([])}])
def test_nothing_follows_from_no_rows(edges: dict[str, Tensor]) -> None:
    topology = Topology(NO_ROWS, NO_ROWS, **edges)
    assert topology.num_nodes == len(topology.steps) == len(topology.times) == len(topology.position) == 0
    assert topology.temporal_edges.tolist() == topology.spatial.edge_index.tolist() == [[], []]
    assert topology.sequences.along(torch.zeros(0, 3), lambda piece, held: (piece, held), None)[0].shape == (0, 3)


@pytest.mark.parametrize("mode", ["transform", "inference"])
def test_what_is_first_worked_out_inside_a_mode_of_torch_serves_outside(mode: str) -> None:
    graph = gs.SpaceTimeGraph(torch.randn(5, 2), NODE, TIME, index([(2, 3)]))

    def use(x: Tensor) -> Tensor:
        topology = graph.topology
        along, _ = topology.sequences.along(x, lambda piece, held: (piece, held), x[None, :2])
        steps = torch.cat([x[step.rows] for step in topology.steps])
        return topology.spacetime().normalised(x.dtype) @ x + along + steps

    if mode == "transform":
        inside = torch.func.jvp(use, (graph.x,), (graph.x,))[0]
    else:
        with torch.inference_mode():
            inside = use(graph.x).clone()
    x = graph.x.clone().requires_grad_()
    outside = use(x)
    outside.sum().backward()
    assert torch.equal(outside.detach(), inside)
    assert not any(part.is_inference() for part in (graph.topology.position, graph.topology.steps[0].rows))
