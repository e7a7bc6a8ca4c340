"""Checks that the relevant nodes of a task determine its answers, and that no other input tells of them."""

from __future__ import annotations

import math
from collections.abc import Iterator

import networkx as nx
import numpy as np
import torch
from scipy import stats
from torch import Tensor

from graphseq.data.graph import SpaceTimeGraph
from graphseq.tasks.base import Regression, Task
from graphseq.testing.suite import require
from graphseq.testing.task_case import TASK_SUITE, TaskCase, asked_graph

_SAMPLES = 4000
_RARE = 1e-3  # the probability below which a result of chance is not believed


def _reads(task: Task, graph: SpaceTimeGraph) -> nx.DiGraph:
    """Edges from each row to those that it reads."""
    edges = nx.DiGraph(graph.unroll(causal=task.causal).edge_index.t().tolist())
    edges.add_nodes_from(range(graph.num_nodes))
    return edges.reverse()


def _distances(case: TaskCase) -> dict[int, int]:
    """Hops from the last target row of a sample to every row that it can read."""
    graph = case.batch(1)
    hops: dict[int, int] = nx.single_source_shortest_path_length(_reads(case.task, graph), int(graph.target_rows[-1]))
    return hops


def _read_at(task: Task, graph: SpaceTimeGraph) -> list[list[int]]:
    """The rows at which each answer is read: a target row, or all rows of a graph that is asked as a whole."""
    if task.per_graph:
        return [(graph.batch == number).nonzero()[:, 0].tolist() for number in range(graph.num_graphs)]
    return [[row] for row in graph.target_rows.tolist()]


def _last_of_each(owner: Tensor) -> Tensor:
    """The position of the last entry of each graph, (B,)."""
    last: Tensor = (owner.diff(append=torch.tensor([-1])) != 0).nonzero()[:, 0]
    return last


def _last_target(graph: SpaceTimeGraph) -> Tensor:
    return _last_of_each(graph.batch[graph.target_rows])


def _first_answers(case: TaskCase, samples: int) -> Tensor:
    """The first answer of each of as many graphs."""
    graph = case.batch(samples)
    first = asked_graph(case.task, graph).diff(prepend=torch.tensor([-1])) > 0
    answers: Tensor = graph.y[first]
    return answers


def _batches(case: TaskCase, samples: int) -> Iterator[SpaceTimeGraph]:
    for seed in range(samples // 100):
        yield case.batch(100, seed)


def _kinds(parts: list[Tensor]) -> Tensor:
    """The number of the kind of each row, (V, ·) or (V,): rows of equal values, rounded to a third, are of one kind."""
    values = torch.cat(parts)
    rows = (values.view(len(values), -1) * 3).floor()
    kinds: Tensor = rows.unique(dim=0, return_inverse=True)[1]
    return kinds


def _require_independent(views: list[Tensor], answers: list[Tensor], shown: str) -> None:
    """Require by a χ² test that inputs and answers are independent."""
    view, answer = _kinds(views), _kinds([y.view(len(y), -1) for y in answers])
    table = np.zeros((int(view.max()) + 1, int(answer.max()) + 1))
    np.add.at(table, (view.numpy(), answer.numpy()), 1)
    require(
        len(view) >= 10 * len(table),
        f"cannot be tested for a leak: {shown} takes {len(table)} values in {len(view)} samples, and a value seen once "
        "or twice is no evidence; claim less by uninformative=None",
    )
    p = 1.0 if len(table) == 1 else float(stats.chi2_contingency(table).pvalue)
    require(
        p > _RARE,
        f"leaks its answer: {shown} says something of it (χ² test, p = {p:.1g}); where that is meant, claim less by "
        "uninformative=None",
    )


@TASK_SUITE.check(applies=lambda case: case.relevant_node is not None)
def hops_is_the_distance_from_what_must_be_known(case: TaskCase) -> None:
    """``hops`` is the distance from the relevant node to the last target row."""
    distance, hops = _distances(case).get(int(case.relevant_node or 0)), case.task.hops
    require(distance == hops, f"says hops={hops}, but row {case.relevant_node} is {distance} hops from the target row")


@TASK_SUITE.check()
def no_relevant_node_is_farther_than_hops_and_some_are_as_far(case: TaskCase) -> None:
    """``hops`` is the largest distance from a relevant node to where the answer is read."""
    task, graph = case.task, case.batch(40)
    reads, distances = _reads(task, graph), []
    for rows, marks in zip(_read_at(task, graph), task.relevant_nodes(graph), strict=True):
        relevant = marks.nonzero()[:, 0].tolist()
        for row in rows:
            hops = nx.single_source_shortest_path_length(reads, row)
            distances += [hops[node] for node in relevant if node in hops]
    require(bool(distances), "must have relevant nodes that the target row can be reached from")
    require(
        max(distances) == task.hops,
        f"says hops={task.hops}, but its farthest relevant node is {max(distances)} hops from where it is asked",
    )


@TASK_SUITE.check()
def relevant_nodes_and_memory_items_are_rows_of_the_graph_that_is_asked(case: TaskCase) -> None:
    """``relevant_nodes`` and ``memory_items`` mark rows of each answer's graph, at least one for the last answer."""
    task, graph = case.task, case.batch(5)
    owner = asked_graph(task, graph)
    shape = (len(owner), graph.num_nodes)
    for name, marks in (("relevant_nodes", task.relevant_nodes(graph)), ("memory_items", task.memory_items(graph))):
        require(
            marks.dtype == torch.bool and marks.shape == shape,
            f"must return from {name}() a tensor of bool {shape}, got {marks.dtype} {tuple(marks.shape)}",
        )
        require(not bool(marks[owner[:, None] != graph.batch].any()), f"must mark in {name}() no row of another graph")
        require(
            bool(marks[_last_of_each(owner)].any(dim=1).all()),
            f"must mark in {name}() a row for each graph's last answer",
        )


@TASK_SUITE.check(applies=lambda case: case.relevant_node is not None)
def relevant_nodes_are_the_row_that_must_be_known(case: TaskCase) -> None:
    """The one relevant node is the one that is claimed."""
    marked = case.task.relevant_nodes(case.batch(1))[-1].nonzero()[:, 0].tolist()
    require(marked == [case.relevant_node], f"must mark row {case.relevant_node} in relevant_nodes(), got {marked}")


@TASK_SUITE.check(applies=lambda case: not case.is_regression)
def chance_is_the_share_of_the_commonest_answer(case: TaskCase) -> None:
    """``chance`` is the score of the best constant, within four standard errors."""
    chance = case.task.chance
    share = int(torch.bincount(_first_answers(case, _SAMPLES)).max()) / _SAMPLES
    error = math.sqrt(chance * (1 - chance) / _SAMPLES)
    require(
        abs(share - chance) < 4 * error + (0.02 if not case.is_hidden else 0),
        f"says chance={chance:.4g}, but its commonest answer has a share of {share:.4g} in {_SAMPLES} samples",
    )


@TASK_SUITE.check(applies=lambda case: case.is_regression)
def chance_is_the_highest_score_of_a_constant(case: TaskCase) -> None:
    """``chance`` is the score of the best constant, within four standard errors."""
    task, y = case.task, case.batch(_SAMPLES).y
    assert isinstance(task, Regression)  # noqa: S101 - the check applies to these alone
    # A best constant can be moved up until the least answer that it has right is just within its tolerance.
    lowest = y.double().flatten().quantile(torch.linspace(0, 1, 400, dtype=torch.float64)).to(y.dtype)
    constants = torch.cat([lowest + 0.999 * task.tolerance, y.mean()[None]])
    best = max(float(task.score(constant.expand_as(y), y).mean()) for constant in constants)
    require(
        abs(best - task.chance) <= 4 * math.sqrt(task.chance * (1 - task.chance) / _SAMPLES),
        f"says chance={task.chance:.4g}, but the best constant scores {best:.4g} in {_SAMPLES} samples",
    )


@TASK_SUITE.check(applies=lambda case: case.is_hidden and not case.is_regression)
def answers_are_uniform(case: TaskCase) -> None:
    """No class is commoner than another."""
    counts = torch.bincount(case.batch(3000).y, minlength=case.task.out_channels)
    p = float(stats.chisquare(counts.numpy()).pvalue)
    require(p > _RARE, f"must draw all classes equally often, got {counts.tolist()} (χ² test, p = {p:.1g})")


@TASK_SUITE.check(applies=lambda case: case.uninformative is not None and not case.is_per_graph)
def the_target_rows_own_input_says_nothing_of_the_answer(case: TaskCase) -> None:
    """A model that looks at no other row knows nothing."""
    graph = case.batch(_SAMPLES)
    last = _last_target(graph)
    _require_independent([graph.x[graph.target_rows[last]]], [graph.y[last]], "the input of the target row")


@TASK_SUITE.check(applies=lambda case: case.uninformative == "nearer")
def everything_nearer_than_hops_says_nothing_of_the_answer(case: TaskCase) -> None:
    """A model that sees one hop less than ``hops`` knows nothing."""
    graph = case.batch(_SAMPLES)
    near = [row for row, hops in _distances(case).items() if hops < case.task.hops]
    require(bool(near), f"says hops={case.task.hops}, but no row is nearer than that to the target row")
    rows = graph.x.view(_SAMPLES, -1, graph.x.shape[1])[:, near]
    _require_independent([rows], [graph.y[_last_target(graph)]], "the input of all rows nearer than hops")


@TASK_SUITE.check(applies=lambda case: case.is_hidden)
def everything_but_the_relevant_nodes_says_nothing_of_the_answer(case: TaskCase) -> None:
    """A model that sees all but the relevant nodes knows nothing."""
    views, answers = [], []
    for graph in _batches(case, case.samples):
        last, size = _last_target(graph), graph.num_graphs
        marks = case.task.relevant_nodes(graph)[last].view(size, size, -1).diagonal().t()
        views.append(graph.x.view(size, -1, graph.x.shape[1]).masked_fill(marks[..., None], -1))
        answers.append(graph.y[last])
    _require_independent(views, answers, "the input of all rows but the relevant nodes")


@TASK_SUITE.check(applies=lambda case: case.is_hidden and case.answer is None and case.relevant_node is not None)
def the_relevant_node_shows_the_answer(case: TaskCase) -> None:
    """The answer is the class that the relevant node shows, one-hot or as a number."""
    size = 500
    graph = case.batch(size)
    shown = graph.x.view(size, -1, graph.x.shape[1])[:, int(case.relevant_node or 0)]
    answer = shown.argmax(1) if shown.shape[1] > 1 else shown[:, 0].long()
    require(torch.equal(answer, graph.y), f"must show its answer at row {case.relevant_node}; or say answer=…")


def _is_close(number: float, other: float) -> bool:
    return math.isclose(number, other, rel_tol=1e-6, abs_tol=1e-12)


@TASK_SUITE.check(applies=lambda case: case.answer is not None)
def relevant_nodes_and_the_target_row_give_the_answer_away(case: TaskCase) -> None:
    """``answer`` reads the answer from these rows alone."""
    if case.answer is None:
        return
    for graph in _batches(case, 300):
        known = case.task.relevant_nodes(graph)
        known[torch.arange(len(known)), graph.target_rows] = True
        for rows, y in zip(known, graph.y.flatten().tolist(), strict=True):
            read = case.answer(graph.x * rows[:, None])
            require(_is_close(read, y), f"has answer {y:g}, but its relevant nodes and target row read {read:g}")


@TASK_SUITE.check(applies=lambda case: case.answer is not None)
def no_relevant_node_with_content_can_be_left_out(case: TaskCase) -> None:
    """Without any one of them, ``answer`` is wrong."""
    if case.answer is None:
        return
    graph = case.batch(60)
    rows, relevant = torch.arange(graph.num_nodes), case.task.relevant_nodes(graph)
    contents = relevant & case.task.memory_items(graph)
    for y, marks, content in zip(graph.y.flatten().tolist(), relevant, contents, strict=True):
        for node in content.nonzero()[:, 0].tolist():
            read = case.answer(graph.x * (marks & (rows != node))[:, None])
            require(
                y == 0 or not _is_close(read, y), f"marks row {node} as relevant, but has the same answer without it"
            )


@TASK_SUITE.check()
def samples_of_a_batch_are_independent(case: TaskCase) -> None:
    """Answers of neighbouring samples are independent."""
    y = _kinds([_first_answers(case, 2000).view(2000, -1)[:, :1]])
    table = np.zeros((int(y.max()) + 1, int(y.max()) + 1))
    np.add.at(table, (y[:-1:2].numpy(), y[1::2].numpy()), 1)
    table = table[table.sum(1) > 20][:, table.sum(0) > 20]
    p = float(stats.chi2_contingency(table).pvalue)
    require(p > _RARE, f"must draw the samples of a batch independently of each other (χ² test, p = {p:.1g})")
