"""What is worked out from a topology is kept for as long as it is true, and no longer."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from collections.abc import Callable

import networkx as nx
import pytest
import torch
from strategies import index
from torch import Tensor

import graphseq as gs
from graphseq import SpaceTimeGraph
from graphseq.data.cache import SIZE
from graphseq.data.topology import Topology

Rows = tuple[Tensor, Tensor]
Signal = tuple[Tensor, Tensor, Tensor | None]


def test_keep_makes_once_a_key() -> None:
    topology, made = gs.from_sequence(torch.zeros(3, 1)).topology, []
    for key in ("a", "a", "b", "a"):
        topology.keep(key, lambda key=key: made.append(key) or key)
    assert made == ["a", "b"]


def test_keep_keeps_nothing_where_making_fails() -> None:
    topology = gs.from_sequence(torch.zeros(3, 1)).topology
    with pytest.raises(ZeroDivisionError):
        topology.keep("a", lambda: 1 // 0)
    assert topology.keep("a", lambda: 7) == 7


def test_what_was_used_longest_ago_is_dropped() -> None:
    topology = gs.from_sequence(torch.zeros(3, 1)).topology
    made: list[int] = []

    def use(key: int) -> None:
        topology.keep(key, lambda: made.append(key))

    for key in (*range(SIZE), 0, SIZE):  # 0 is used again, so 1 is dropped for the last one
        use(key)
    for key in (0, SIZE, 1):
        use(key)
    assert made == [*range(SIZE + 1), 1]


@pytest.mark.slow
@pytest.mark.slow
@pytest.mark.parametrize(
    "transform",
    [gs.transforms.to_sequence, gs.transforms.to_dag, gs.transforms.add_nodes_over_time, gs.transforms.root_at_targets],
)
def test_two_thousand_different_batches_do_not_fill_memory(
    transform: Callable[[SpaceTimeGraph], SpaceTimeGraph],
) -> None:
    graph = gs.from_graph(nx.path_graph(11))
    alive: weakref.WeakSet[Topology] = weakref.WeakSet()
    for number in range(1, 2001):
        bits = torch.tensor([number >> place & 1 for place in range(11)])
        alive.add(transform(graph.replace(batch=bits, target=bits.bool())).topology)
    gc.collect()
    assert 1 < len(alive) <= SIZE
    assert len(graph.topology._kept.keys()) <= SIZE


def test_a_task_keeps_the_topologies_of_few_batch_sizes() -> None:
    task = gs.tasks.Palindrome(3)
    topologies = weakref.WeakSet(task.batch(size, torch.Generator()).topology for size in range(1, 3 * SIZE))
    gc.collect()
    assert len(topologies) <= SIZE
    assert task.batch(2, torch.Generator()).topology is task.batch(2, torch.Generator()).topology


def test_to_where_it_already_is_is_the_same_object() -> None:
    topology = gs.from_sequence(torch.zeros(3, 1)).topology
    assert topology.to("cpu") is topology
    assert topology.to(torch.device("cpu")) is topology


def test_a_graph_moved_to_where_it_is_keeps_its_topology() -> None:
    graph = gs.from_sequence(torch.zeros(3, 1))
    topology = graph.topology
    assert graph.to("cpu") is graph
    assert graph.topology is topology


def dynamic() -> SpaceTimeGraph:
    node, time = torch.tensor([0, 1, 0, 1]), torch.tensor([0, 0, 1, 1])
    return SpaceTimeGraph(torch.zeros(4, 1), node, time, index([(0, 1)]), torch.ones(1))


def static() -> SpaceTimeGraph:
    return gs.from_signal(torch.zeros(2, 2, 1), index([(0, 1)]), torch.ones(1))


def test_topology_stays_while_its_tensors_do() -> None:
    graph = dynamic()
    topology = graph.topology
    graph.x = torch.ones(4, 1)
    graph.x[0] = 7
    graph.y = torch.zeros(4)
    assert graph.topology is topology


@pytest.mark.parametrize("make", [dynamic, static])
@pytest.mark.parametrize("part", range(4))
def test_topology_is_derived_again_when_a_tensor_is_replaced_or_written_to(make: object, part: int) -> None:
    keys = [key for key in Topology.KEYS if key in make()]  # type: ignore[operator]
    graph = make()  # type: ignore[operator]
    kept = graph.topology
    graph[keys[part]] = graph[keys[part]].clone()
    replaced = graph.topology
    assert replaced is not kept
    graph[keys[part]][...] = graph[keys[part]].clone()
    assert graph.topology is not replaced


def test_replaced_edges_are_read() -> None:
    graph = dynamic()
    graph.topology.steps  # noqa: B018 - worked out before the edges change
    graph.edge_index = index([(2, 3)])
    assert [step.adjacency.edge_index.tolist() for step in graph.topology.steps] == [[[], []], [[0], [1]]]


def test_a_time_written_in_place_is_read() -> None:
    graph = gs.from_sequence(torch.zeros(3, 1))
    assert graph.topology.temporal_edges.tolist() == [[0, 1], [1, 2]]
    graph.time[0] = 9
    assert graph.topology.temporal_edges.tolist() == [[1, 2], [2, 0]]


def test_removed_edges_are_gone() -> None:
    graph = dynamic()
    assert not graph.topology.spatial.is_identity
    del graph.edge_index, graph.edge_weight
    assert graph.topology.spatial.is_identity


@pytest.mark.parametrize("writes", range(4))
@pytest.mark.parametrize("again", range(1, 4))
@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda graph: pickle.loads(pickle.dumps(graph))])  # noqa: S301
def test_a_duplicate_never_reads_a_topology_from_before_it_was_written_to(
    writes: int, again: int, duplicate: object
) -> None:
    graph = dynamic()
    for part in graph.topology.parts[:4]:
        part[0] = part[0].clone()
    for write in range(writes):
        graph.time[3] = 5 + write
    assert graph.topology.times.tolist() == sorted(set(graph.time.tolist()))
    other = duplicate(graph)  # type: ignore[operator]
    for write in range(again):
        other.time[3] = -5 - write
    assert other.topology.times.tolist() == [-4 - again, 0, 1]
    assert graph.topology.times.tolist() == sorted(set(graph.time.tolist()))


def test_pickles_hold_no_derived_tensors() -> None:
    graph = gs.from_signal(torch.zeros(1000, 3, 1), index([(0, 1)]))
    before = len(pickle.dumps(graph))
    graph.topology.spacetime().normalised(torch.float32)
    assert len(graph.topology.steps) == 1000
    assert len(pickle.dumps(graph)) <= before
