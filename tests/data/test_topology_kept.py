"""What is worked out from a topology is kept for as long as it is true, and no longer."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from collections.abc import Callable

import networkx as nx
import numpy as np
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


def other(tensor: Tensor) -> Tensor:
    """Other numbers that make sense in the same place."""
    return tensor * 2 if tensor.is_floating_point() else tensor.flip(0)


def through_torch(tensor: Tensor) -> None:
    tensor.copy_(other(tensor))


def through_data(tensor: Tensor) -> None:
    tensor.data.copy_(other(tensor))


def through_numpy(tensor: Tensor) -> None:
    tensor.numpy()[...] = other(tensor).numpy()


def under_inference_mode(tensor: Tensor) -> None:
    with torch.inference_mode():
        tensor.copy_(other(tensor))


each_way = pytest.mark.parametrize("write", [through_torch, through_data, through_numpy, under_inference_mode])
each_kind = pytest.mark.parametrize("make", [dynamic, static])


@each_kind
@pytest.mark.parametrize("part", range(4))
@each_way
def test_topology_is_derived_again_when_a_tensor_is_replaced_or_written_to(
    make: Callable[[], SpaceTimeGraph], part: int, write: Callable[[Tensor], None]
) -> None:
    graph = make()
    key = [key for key in Topology.KEYS if key in graph][part]
    kept = graph.topology
    write(graph[key])
    written = graph.topology
    assert written is not kept
    assert torch.equal(getattr(written, key), graph[key])
    graph[key] = other(graph[key])
    assert graph.topology is not written
    assert torch.equal(getattr(graph.topology, key), graph[key])


@each_kind
def test_topology_stays_where_equal_tensors_take_their_place(make: Callable[[], SpaceTimeGraph]) -> None:
    graph = make()
    kept = graph.topology
    for key in Topology.KEYS:
        if key in graph:
            graph[key] = graph[key].clone()
    assert graph.topology is kept


@each_kind
@each_way
@pytest.mark.parametrize("family", [gs.nn.GCN, gs.nn.GCNLSTM])
def test_a_model_answers_for_what_the_graph_holds_now(
    make: Callable[[], SpaceTimeGraph], write: Callable[[Tensor], None], family: Callable[[int, int], gs.nn.Encoder]
) -> None:
    torch.manual_seed(0)
    model = family(1, 16)
    with torch.inference_mode(write is under_inference_mode):  # tensors of that mode have no count of their writes
        graph = make()
        graph.x = torch.rand(4, 1)
    with torch.no_grad():
        for key in ("x", *(key for key in Topology.KEYS if key in graph)):
            before = model(graph)
            write(graph[key])
            after = model(graph)
            fresh = SpaceTimeGraph(**{name: value.clone() for name, value in graph.to_dict().items()})
            assert torch.equal(after, model(fresh)), key
            assert key in {"node", "time"} or not torch.equal(before, after), key


def test_a_graph_follows_the_arrays_that_it_was_made_from() -> None:
    weight = np.ones(2, dtype=np.float32)
    edges = np.array([[0, 1], [1, 2]])
    graph = gs.from_signal(torch.rand(2, 3, 1), torch.from_numpy(edges), torch.from_numpy(weight))
    gcn = gs.nn.GCN(1, 2, num_layers=2)
    for array, value in ((weight, 3), (edges, 1)):
        gcn(graph)
        array[...] = value
        assert torch.equal(gcn(graph), gcn(SpaceTimeGraph(**graph.to_dict())))


def test_nonsense_written_later_is_refused() -> None:
    graph = dynamic()
    graph.edge_index[0, 0] = -1
    with pytest.raises(ValueError, match=r"edge_index\[:, 0\] is \(-1, 1\), outside the 4 rows 0 to 3"):
        gs.nn.GCN(1, 2)(graph)
    graph = dynamic()
    graph.edge_weight.data.fill_(float("nan"))
    with pytest.raises(ValueError, match=r"edge_weight\[0\] is nan"):
        gs.nn.GCN(1, 2)(graph)
    graph = dynamic()
    graph.time[2] = 0
    with pytest.raises(ValueError, match="rows 0 and 2 are both node 0 at time 0"):
        gs.nn.GCNLSTM(1, 2)(graph)


@each_kind
def test_what_is_read_off_a_graph_can_be_written_to(make: Callable[[], SpaceTimeGraph]) -> None:
    graph = make()
    spatial = graph.topology.spatial
    expected = (spatial.edge_index.clone(), spatial.edge_weight.clone())
    for plain in (graph.unroll(), graph.snapshot(0)):
        plain.edge_index.fill_(0)
        plain.edge_weight.fill_(9)
    matrix = graph.to_scipy()
    matrix.data.fill(9)
    matrix.coords[0].fill(1)
    assert torch.equal(graph.topology.spatial.edge_index, expected[0])
    assert torch.equal(graph.topology.spatial.edge_weight, expected[1])
    assert graph.unroll().edge_index[:, : expected[0].shape[1]].tolist() == expected[0].tolist()


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
