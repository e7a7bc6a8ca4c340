"""What holds for every task: its batches, loss and score. A new task joins by one line of ``TASKS``.

What a batch may and must not say of its answers is in ``test_task_leaks``, over the same list.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import networkx as nx
import planted
import pytest
import torch
from members import asked_graph, members
from torch import Tensor
from torch_geometric.data import Batch
from treebanks import herds

import graphseq as gs
from graphseq.tasks import (
    Adding,
    Agreement,
    AssociativeRecall,
    Characters,
    CopyMemory,
    Distractors,
    Eccentricity,
    FixedTask,
    Forecasting,
    GraphClassification,
    GraphRegression,
    NeighborsMatch,
    NodeClassification,
    NodeRegression,
    Palindrome,
    Recall,
    Regression,
    ShortestPaths,
    Task,
    Transfer,
)

TEXT = "the quick brown fox jumps over the lazy dog and then the dog sleeps. " * 3


@dataclass(frozen=True)
class Entry:
    """A task and what is claimed of it.

    Attributes:
        source: the row of a sample that the last asked row must know, where it is the same in all draws.
        hidden: whether the sources alone tell of y.
        nearer: whether, moreover, all rows nearer than ``hops`` together say nothing of y.
        read: the answer as read naively from x (V, F) in which all rows but the sources and the asked one are zero.
    """

    name: str
    build: Callable[[], Task]
    source: int | None
    hidden: bool = True
    nearer: bool = True
    read: Callable[[Tensor], float] | None = None


def item(classes: int) -> Callable[[Tensor], float]:
    """The class at the one row that shows one of a list's items, not a blank or a marker."""
    return lambda x: float(x[:, :classes].sum(0).argmax())


def value_of(keys: int) -> Callable[[Tensor], float]:
    """The value, which stands after ``keys`` columns of keys, at the one row that has a value."""
    return lambda x: float(x[:, keys:].sum(0).argmax())


def marked_sum(x: Tensor) -> float:
    return float(sum(number for number, mark in x.tolist() if mark))


def on_a_signal() -> gs.SpaceTimeGraph:
    return gs.from_signal(torch.zeros(3, 3, 1), torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]]))


TASKS = [
    Entry("palindrome-odd", lambda: Palindrome(5, num_digits=3), 0),
    Entry("palindrome-even", lambda: Palindrome(6, num_digits=3), 0),
    Entry("palindrome-scalar", lambda: Palindrome(5, encoding="scalar", num_digits=3), 0),
    Entry("transfer-path", lambda: Transfer(4, num_classes=3), 0),
    Entry("transfer-ring", lambda: Transfer(4, shape="ring", num_classes=3), 0),
    Entry("transfer-ring-of-two", lambda: Transfer(2, shape="ring", num_classes=3), 0),
    Entry("transfer-tree", lambda: Transfer(3, shape="tree", num_classes=3), 6),
    Entry("transfer-on", lambda: Transfer.on(gs.from_graph(nx.karate_club_graph()), 16, 26, num_classes=3), 16),
    Entry("transfer-on-a-signal", lambda: Transfer.on(on_a_signal(), 0, 8, num_classes=3), 0),
    Entry("characters", lambda: Characters(TEXT, 4), 0, hidden=False),
    Entry("recall", lambda: Recall(4, num_items=2, num_classes=3), None, nearer=False, read=value_of(2)),
    Entry("recall-of-one", lambda: Recall(3, num_items=1, num_classes=3), 0, read=value_of(1)),
    Entry("copy", lambda: CopyMemory(3, num_items=2, num_classes=3), 1, read=item(3)),
    Entry("copy-at-once", lambda: CopyMemory(1, num_items=1, num_classes=3), 0, read=item(3)),
    Entry("match", lambda: NeighborsMatch(2, num_classes=2), None, read=value_of(4)),
    Entry("match-of-two", lambda: NeighborsMatch(1), None, read=value_of(2)),
    Entry("associative", lambda: AssociativeRecall(3, num_classes=2), None, nearer=False, read=value_of(3)),
    Entry("associative-at-once", lambda: AssociativeRecall(2, num_classes=3, query_hops=0), None, read=value_of(2)),
    Entry("adding", lambda: Adding(5), None, nearer=False, read=marked_sum),
    Entry("shortest-paths", lambda: ShortestPaths(4, num_nodes=6), None, hidden=False),
    Entry("distractors", lambda: Distractors(num_nodes=20, num_asked=4), None, hidden=False),
    Entry("distractors-nodes", lambda: Distractors(2, num_asked=1, num_strangers=0), None, hidden=False),
    Entry("distractors-edges", lambda: Distractors(4, num_distractors=0), None, hidden=False),
    Entry("forecast", lambda: Forecasting(planted.noise(), lags=3), None, hidden=False),
    Entry("labelled-rows", lambda: GraphClassification(planted.graphs(3), 3), None, hidden=False),
    Entry("labelled-graphs", lambda: GraphClassification(planted.graphs(3, whole=True), 3), None, hidden=False),
    Entry(
        "labelled-alike", lambda: GraphClassification(planted.graphs(3, whole=True, alike=True), 3), None, hidden=False
    ),
    Entry("agreement", lambda: Agreement(herds(1000)), None, hidden=False),
    Entry("measured-rows", lambda: GraphRegression(planted.graphs(0)), None, hidden=False),
    Entry("measured-graphs", lambda: GraphRegression(planted.graphs(0, whole=True)), None, hidden=False),
    Entry("labelled-neighborhoods", lambda: NodeClassification(planted.large(3), 3, [-1, 2]), None, hidden=False),
    Entry("measured-neighborhoods", lambda: NodeRegression(planted.large(0), [2], causal=True), None, hidden=False),
    Entry("eccentricity", lambda: Eccentricity(4, num_nodes=6), None, hidden=False),
]


def those(claim: Callable[[Entry], object]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("entry", [e for e in TASKS if claim(e)], ids=lambda entry: entry.name)


each_task = those(lambda _: True)
each_fixed = those(lambda entry: isinstance(entry.build(), FixedTask))
each_of_classes = those(lambda entry: not isinstance(entry.build(), Regression))
each_of_numbers = those(lambda entry: isinstance(entry.build(), Regression))
each_uniform = those(lambda entry: entry.hidden and not isinstance(entry.build(), Regression))
each_hidden = those(lambda entry: entry.hidden)
each_nearer = those(lambda entry: entry.hidden and entry.nearer)


def drawn(task: Task, size: int, seed: int = 0) -> gs.SpaceTimeGraph:
    return task.batch(size, torch.Generator().manual_seed(seed))


@each_task
def test_a_batch_is_a_function_of_the_generators_state_alone(entry: Entry) -> None:
    torch.manual_seed(0)
    task = entry.build()
    first = drawn(task, 5, seed=7)
    torch.manual_seed(1)
    task.batch(3, torch.Generator())
    again, other_task = drawn(task, 5, seed=7), drawn(entry.build(), 5, seed=7)
    for other in (again, other_task):
        assert torch.equal(other.x, first.x)
        assert torch.equal(other.y, first.y)
    assert not torch.equal(torch.cat([drawn(task, 5, seed).y for seed in range(8)]), torch.cat([first.y] * 8))


@each_task
def test_drawing_a_batch_leaves_the_global_generator_alone(entry: Entry) -> None:
    task = entry.build()
    before = torch.get_rng_state()
    drawn(task, 5)
    assert torch.equal(torch.get_rng_state(), before)


@each_of_numbers
def test_there_are_c_numbers_for_each_asked_row_or_graph(entry: Entry) -> None:
    task = entry.build()
    graph = drawn(task, 50)
    assert graph.y.shape == (len(asked_graph(task, graph)), task.out_channels)
    assert graph.y.dtype == torch.get_default_dtype()


@each_of_classes
def test_there_is_one_class_for_each_asked_row_or_graph(entry: Entry) -> None:
    task = entry.build()
    graph = drawn(task, 50)
    assert graph.y.shape == asked_graph(task, graph).shape
    assert graph.y.dtype == torch.int64
    assert set(graph.y.tolist()) <= set(range(task.out_channels))


@each_task
def test_a_batch_is_its_members_side_by_side(entry: Entry) -> None:
    task = entry.build()
    graph = drawn(task, 3)
    joined = Batch.from_data_list(members(task, graph))
    for key in ("x", "node", "time", "y", "batch", *(() if task.per_graph else ("target",))):
        assert torch.equal(graph[key], joined[key])
    assert ("target" in graph) is not task.per_graph
    assert torch.equal(graph.unroll().edge_index.unique(dim=1), joined.unroll().edge_index.unique(dim=1))


@each_fixed
def test_a_batch_is_what_pyg_makes_of_its_samples(entry: Entry) -> None:
    task = entry.build()
    batch, joined = drawn(task, 3), Batch.from_data_list([drawn(task, 1, seed) for seed in range(3)])
    for key in ("node", "time", "target", "batch"):
        assert torch.equal(batch[key], joined[key])
    assert torch.equal(batch.unroll().edge_index.unique(dim=1), joined.unroll().edge_index.unique(dim=1))
    assert batch.num_graphs == joined.num_graphs == 3
    assert (batch.x.shape, batch.y.shape) == (joined.x.shape, joined.y.shape)


@pytest.fixture
def in_float64() -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


@each_task
@pytest.mark.usefixtures("in_float64")
def test_features_and_numbers_are_of_torchs_default_type(entry: Entry) -> None:
    graph = drawn(entry.build(), 3)
    assert {value.dtype for value in (graph.x, graph.y)} <= {torch.float64, torch.int64}


@each_task
def test_a_batch_passes_every_check_of_a_graph(entry: Entry) -> None:
    graph = drawn(entry.build(), 3)
    named = {key: graph.get(key) for key in ("x", "node", "time", "edge_index", "static_edge_index", "target")}
    if named["static_edge_index"] is not None:
        named["edge_index"] = None
    checked = gs.SpaceTimeGraph(**named)
    assert torch.equal(checked.unroll().edge_index, graph.unroll().edge_index)


@each_fixed
def test_batches_of_one_size_share_one_topology(entry: Entry) -> None:
    task = entry.build()
    first = drawn(task, 3, seed=0).topology
    assert drawn(task, 2, seed=1).topology is not first
    assert drawn(task, 3, seed=2).topology is first


@each_of_numbers
def test_loss_is_the_mean_squared_error_and_right_is_nearer_than_the_tolerance(entry: Entry) -> None:
    task = entry.build()
    y = drawn(task, 4).y
    right, wrong = y + 0.9 * task.tolerance, y - 1.1 * task.tolerance
    assert task.loss(y, y).item() == 0
    torch.testing.assert_close(task.loss(wrong, y), torch.tensor((1.1 * task.tolerance) ** 2))
    assert task.score(right, y).tolist() == [1.0] * len(y)
    assert task.score(wrong, y).tolist() == [0.0] * len(y)


@each_of_classes
def test_loss_of_even_odds_is_log_c_and_of_certainty_zero(entry: Entry) -> None:
    task = entry.build()
    y = drawn(task, 4).y
    even = torch.zeros(len(y), task.out_channels)
    certain = 100 * torch.nn.functional.one_hot(y, task.out_channels).float()
    torch.testing.assert_close(task.loss(even, y), torch.tensor(float(task.out_channels)).log())
    assert task.loss(certain, y).item() == 0
    assert task.score(certain, y).tolist() == [1.0] * len(y)
    assert task.score(-certain, y).tolist() == [0.0] * len(y)


@each_of_numbers
@pytest.mark.parametrize(
    ("output", "y"),
    [((3,), (3,)), ((3, 1), (3,)), ((3,), (3, 1)), ((1, 1), (3, 1)), ((3, 1), (1, 1)), ((3, 2), (3, 1))],
    ids=str,
)
def test_loss_and_score_of_numbers_broadcast_nothing(entry: Entry, output: tuple[int, ...], y: tuple[int, ...]) -> None:
    task = entry.build()
    for judge in (task.loss, task.score):
        with pytest.raises(ValueError, match=r"takes output \(K, C\) and y \(K, C\)"):
            judge(torch.zeros(output), torch.zeros(y))


@each_of_classes
@pytest.mark.parametrize(
    ("output", "y"),
    [((3,), (3,)), ((3, 1), (3, 1)), ((3, 2), (2,)), ((3, 2), (3, 2)), ((1, 2), (3,)), ((3, 2, 1), (3,))],
    ids=str,
)
def test_loss_and_score_broadcast_nothing(entry: Entry, output: tuple[int, ...], y: tuple[int, ...]) -> None:
    task = entry.build()
    answers: Tensor = torch.zeros(y, dtype=torch.long)
    for judge in (task.loss, task.score):
        with pytest.raises(ValueError, match=r"takes output \(K, C\) and y \(K,\)"):
            judge(torch.zeros(output), answers)


@each_task
@pytest.mark.parametrize(("size", "error"), [(0, ValueError), (-1, ValueError), (1.5, TypeError)])
def test_a_batch_of_no_samples_is_an_error(entry: Entry, size: object, error: type[Exception]) -> None:
    with pytest.raises(error, match="size must be"):
        drawn(entry.build(), size)  # type: ignore[arg-type]


@each_task
def test_config_is_the_same_for_the_same_task_and_can_be_written_as_json(entry: Entry) -> None:
    assert json.dumps(entry.build().config) == json.dumps(entry.build().config)


def test_no_two_of_these_tasks_have_the_same_config() -> None:
    configs = [repr(entry.build().config) for entry in TASKS if entry.name != "transfer-ring-of-two"]
    assert len(set(configs)) == len(configs)


@each_task
def test_a_batch_moves_with_its_topology(entry: Entry) -> None:
    task = entry.build()
    graph = drawn(task, 2)
    kept = graph.topology
    assert graph.to("cpu").topology is kept
