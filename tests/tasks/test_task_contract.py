"""Every task is held to the contract that ``graphseq.testing`` ships: one check of one task is one test.

A new task joins by one line of ``TASKS``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import networkx as nx
import planted
import pytest
import torch
from torch import Tensor
from treebanks import herds

import graphseq as gs
from graphseq.tasks import (
    Adding,
    Agreement,
    AssociativeRecall,
    Characters,
    CopyMemory,
    CorsoDiameter,
    CorsoEccentricity,
    CorsoShortestPaths,
    Distractors,
    Eccentricity,
    EchoDiameter,
    EchoEccentricity,
    EchoShortestPaths,
    FixedTask,
    Forecasting,
    GraphClassification,
    GraphRegression,
    GraphTransfer,
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
from graphseq.testing import TASK_SUITE, Check, TaskCase

TEXT = "the quick brown fox jumps over the lazy dog and then the dog sleeps. " * 3


@dataclass(frozen=True)
class Entry(TaskCase):
    """A task and what is claimed of it, its kind included, so that tests are collected before any task is made."""

    label: str = ""
    kind: type[Task] = field(default=Task)
    whole: bool = False

    @property
    def is_fixed(self) -> bool:
        return issubclass(self.kind, FixedTask)

    @property
    def is_regression(self) -> bool:
        return issubclass(self.kind, Regression)

    @property
    def is_per_graph(self) -> bool:
        return self.whole


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
    Entry(
        lambda: Palindrome(5, num_digits=3),
        relevant_node=0,
        uninformative="nearer",
        label="palindrome-odd",
        kind=Palindrome,
    ),
    Entry(
        lambda: Palindrome(6, num_digits=3),
        relevant_node=0,
        uninformative="nearer",
        label="palindrome-even",
        kind=Palindrome,
    ),
    Entry(
        lambda: Palindrome(5, encoding="scalar", num_digits=3),
        relevant_node=0,
        uninformative="nearer",
        label="palindrome-scalar",
        kind=Palindrome,
    ),
    Entry(
        lambda: Transfer(4, num_classes=3),
        relevant_node=0,
        uninformative="nearer",
        label="transfer-path",
        kind=Transfer,
    ),
    Entry(
        lambda: Transfer(4, shape="ring", num_classes=3),
        relevant_node=0,
        uninformative="nearer",
        label="transfer-ring",
        kind=Transfer,
    ),
    Entry(
        lambda: Transfer(2, shape="ring", num_classes=3),
        relevant_node=0,
        uninformative="nearer",
        label="transfer-ring-of-two",
        kind=Transfer,
    ),
    Entry(
        lambda: Transfer(3, shape="tree", num_classes=3),
        relevant_node=6,
        uninformative="nearer",
        label="transfer-tree",
        kind=Transfer,
    ),
    Entry(
        lambda: Transfer.on(gs.from_graph(nx.karate_club_graph()), 16, 26, num_classes=3),
        relevant_node=16,
        uninformative="nearer",
        label="transfer-on",
        kind=Transfer,
    ),
    Entry(
        lambda: Transfer.on(on_a_signal(), 0, 8, num_classes=3),
        relevant_node=0,
        uninformative="nearer",
        label="transfer-on-a-signal",
        kind=Transfer,
    ),
    Entry(lambda: Characters(TEXT, 4), relevant_node=0, uninformative=None, label="characters", kind=Characters),
    Entry(
        lambda: Recall(4, num_items=2, num_classes=3),
        uninformative="irrelevant",
        answer=value_of(2),
        label="recall",
        kind=Recall,
    ),
    Entry(
        lambda: Recall(3, num_items=1, num_classes=3),
        relevant_node=0,
        uninformative="nearer",
        answer=value_of(1),
        label="recall-of-one",
        kind=Recall,
    ),
    Entry(
        lambda: CopyMemory(3, num_items=2, num_classes=3),
        relevant_node=1,
        uninformative="nearer",
        answer=item(3),
        label="copy",
        kind=CopyMemory,
    ),
    Entry(
        lambda: CopyMemory(1, num_items=1, num_classes=3),
        relevant_node=0,
        uninformative="nearer",
        answer=item(3),
        label="copy-at-once",
        kind=CopyMemory,
    ),
    Entry(
        lambda: NeighborsMatch(2, num_classes=2),
        uninformative="nearer",
        answer=value_of(4),
        samples=20_000,
        label="match",
        kind=NeighborsMatch,
    ),
    Entry(
        lambda: NeighborsMatch(1), uninformative="nearer", answer=value_of(2), label="match-of-two", kind=NeighborsMatch
    ),
    Entry(
        lambda: AssociativeRecall(3, num_classes=2),
        uninformative="irrelevant",
        answer=value_of(3),
        label="associative",
        kind=AssociativeRecall,
    ),
    Entry(
        lambda: AssociativeRecall(2, num_classes=3, query_hops=0),
        uninformative="nearer",
        answer=value_of(2),
        label="associative-at-once",
        kind=AssociativeRecall,
    ),
    Entry(lambda: Adding(5), uninformative="irrelevant", answer=marked_sum, label="adding", kind=Adding),
    Entry(lambda: ShortestPaths(4, num_nodes=6), label="shortest-paths", kind=ShortestPaths),
    Entry(lambda: Distractors(num_nodes=20, num_asked=4), label="distractors", kind=Distractors),
    Entry(lambda: Distractors(2, num_asked=1, num_strangers=0), label="distractors-nodes", kind=Distractors),
    Entry(lambda: Distractors(4, num_distractors=0), label="distractors-edges", kind=Distractors),
    Entry(lambda: Forecasting(planted.noise(), lags=3), label="forecast", kind=Forecasting),
    Entry(lambda: GraphClassification(planted.graphs(3), 3), label="labelled-rows", kind=GraphClassification),
    Entry(
        lambda: GraphClassification(planted.graphs(3, whole=True), 3),
        label="labelled-graphs",
        kind=GraphClassification,
        whole=True,
    ),
    Entry(
        lambda: GraphClassification(planted.graphs(3, whole=True, alike=True), 3),
        label="labelled-alike",
        kind=GraphClassification,
        whole=True,
    ),
    Entry(lambda: Agreement(herds(1000)), label="agreement", kind=Agreement),
    Entry(lambda: GraphRegression(planted.graphs(0)), label="measured-rows", kind=GraphRegression),
    Entry(
        lambda: GraphRegression(planted.graphs(0, whole=True)),
        label="measured-graphs",
        kind=GraphRegression,
        whole=True,
    ),
    Entry(
        lambda: NodeClassification(planted.large(3), 3, [-1, 2]),
        label="labelled-neighborhoods",
        kind=NodeClassification,
    ),
    Entry(
        lambda: NodeRegression(planted.large(0), [2], causal=True), label="measured-neighborhoods", kind=NodeRegression
    ),
    Entry(lambda: Eccentricity(4, num_nodes=6), label="eccentricity", kind=Eccentricity),
    Entry(
        lambda: Transfer(5, shape="crossed ring", num_classes=3),
        relevant_node=0,
        uninformative="nearer",
        label="transfer-crossed-ring",
        kind=Transfer,
    ),
    Entry(
        lambda: GraphTransfer(4, shape="ring"),
        relevant_node=0,
        uninformative="nearer",
        answer=lambda x: float((x[:, 0] * x[:, 1]).sum()),
        label="graph-transfer",
        kind=GraphTransfer,
    ),
    Entry(
        lambda: GraphTransfer(5, shape="clique path"),
        uninformative="irrelevant",
        answer=lambda x: float((x[:, 0] * x[:, 1]).sum()),
        label="graph-transfer-clique",
        kind=GraphTransfer,
    ),
    Entry(
        lambda: EchoShortestPaths(30, diameters=(4, 6)),
        uninformative=None,
        label="echo-shortest-paths",
        kind=EchoShortestPaths,
    ),
    Entry(
        lambda: EchoEccentricity(30, diameters=(4, 6)),
        uninformative=None,
        label="echo-eccentricity",
        kind=EchoEccentricity,
    ),
    Entry(
        lambda: CorsoShortestPaths(30, sizes=(8, 12)),
        uninformative=None,
        label="corso-shortest-paths",
        kind=CorsoShortestPaths,
    ),
    Entry(
        lambda: CorsoEccentricity(30, sizes=(8, 12)),
        uninformative=None,
        label="corso-eccentricity",
        kind=CorsoEccentricity,
    ),
    Entry(lambda: CorsoDiameter(30, sizes=(8, 12)), label="corso-diameter", kind=CorsoDiameter, whole=True),
    Entry(lambda: EchoDiameter(30, diameters=(4, 6)), label="echo-diameter", kind=EchoDiameter, whole=True),
]


@pytest.mark.parametrize(
    ("entry", "check"),
    [
        pytest.param(entry, check, id=f"{entry.label}-{check.name}")
        for check in TASK_SUITE.checks
        for entry in TASKS
        if check.applies(entry)
    ],
)
def test_a_task_keeps_its_contract(entry: Entry, check: Check[TaskCase]) -> None:
    check.run(entry)


@pytest.mark.parametrize("entry", TASKS, ids=lambda entry: entry.label)
def test_tasks_are_of_the_kind_that_the_list_says(entry: Entry) -> None:
    assert type(entry.task) is entry.kind
    assert entry.task.per_graph is entry.is_per_graph


def test_no_two_of_these_tasks_have_the_same_config() -> None:
    configs = [repr(entry.task.config) for entry in TASKS if entry.label != "transfer-ring-of-two"]
    assert len(set(configs)) == len(configs)
