"""What a batch tells of its answers and what it keeps to itself, for every task in the list of the contract."""

from __future__ import annotations

from collections.abc import Iterator

import networkx as nx
import numpy as np
import pytest
import torch
from members import asked_graph
from scipy import stats
from test_task_contract import (
    Entry,
    drawn,
    each_hidden,
    each_nearer,
    each_of_classes,
    each_of_numbers,
    each_task,
    each_uniform,
    those,
)
from torch import Tensor

import graphseq as gs
from graphseq.tasks import Task


def ways(task: Task, graph: gs.SpaceTimeGraph) -> nx.DiGraph:
    """Edges turned round, from each row to those that it reads."""
    way = nx.DiGraph(graph.unroll(causal=task.causal).edge_index.t().tolist())
    way.add_nodes_from(range(graph.num_nodes))
    return way.reverse()


def distances(task: Task) -> dict[int, int]:
    """Hops from every row of a sample to its last asked row, as networkx counts them."""
    graph = drawn(task, 1)
    return nx.single_source_shortest_path_length(ways(task, graph), int(graph.target_rows[-1]))


def read_at(task: Task, graph: gs.SpaceTimeGraph) -> list[list[int]]:
    """The rows at which each answer is read: an asked row, or all rows of an asked graph."""
    if task.per_graph:
        return [(graph.batch == number).nonzero()[:, 0].tolist() for number in range(graph.num_graphs)]
    return [[row] for row in graph.target_rows.tolist()]


def last_asked(graph: gs.SpaceTimeGraph) -> Tensor:
    """The place, among the asked rows, of the last one of each graph, (B,)."""
    return last_of(graph.batch[graph.target_rows])


def last_of(owner: Tensor) -> Tensor:
    return (owner.diff(append=torch.tensor([-1])) != 0).nonzero()[:, 0]


def chunks(task: Task, samples: int) -> Iterator[gs.SpaceTimeGraph]:
    for seed in range(samples // 100):
        yield drawn(task, 100, seed)


def together(parts: list[Tensor]) -> Tensor:
    """Rows of numbers as numbers of their kinds: to a third, which tells classes and distances apart."""
    rows = (torch.cat(parts).flatten(1) * 3).floor()
    return rows.unique(dim=0, return_inverse=True)[1]


def tell_nothing(views: list[Tensor], answers: list[Tensor]) -> bool:
    """Whether, by a χ² test, what is in view and what is asked are independent."""
    view, answer = together(views), together([y.view(len(y), -1) for y in answers])
    table = np.zeros((int(view.max()) + 1, int(answer.max()) + 1))
    np.add.at(table, (view.numpy(), answer.numpy()), 1)
    assert len(view) >= 10 * len(table), "a view seen once or twice is no evidence"
    return len(table) == 1 or bool(stats.chi2_contingency(table).pvalue > 1e-3)


@those(lambda entry: entry.source is not None)
def test_hops_is_the_distance_from_what_must_be_known(entry: Entry) -> None:
    task = entry.build()
    assert distances(task)[entry.source] == task.hops


@each_task
def test_no_source_is_farther_than_hops_and_some_are_as_far(entry: Entry) -> None:
    task = entry.build()
    graph = drawn(task, 40)
    way, farthest = ways(task, graph), []
    for rows, marks in zip(read_at(task, graph), task.relevant_nodes(graph), strict=True):
        for row in rows:
            hops = nx.single_source_shortest_path_length(way, row)
            farthest += [hops[source] for source in marks.nonzero()[:, 0].tolist() if source in hops]
    assert max(farthest) == task.hops


@each_task
def test_sources_and_items_are_rows_of_the_graph_that_is_asked(entry: Entry) -> None:
    task = entry.build()
    graph = drawn(task, 5)
    rows, owner = graph.num_nodes, asked_graph(task, graph)
    for marks in (task.relevant_nodes(graph), task.memory_items(graph)):
        assert (marks.dtype, marks.shape) == (torch.bool, (len(owner), rows))
        assert not marks[owner[:, None] != graph.batch].any()
        assert marks[last_of(owner)].any(dim=1).all()


@those(lambda entry: entry.source is not None)
def test_sources_hold_the_row_that_must_be_known(entry: Entry) -> None:
    task = entry.build()
    assert task.relevant_nodes(drawn(task, 1))[-1].nonzero()[:, 0].tolist() == [entry.source]


@each_of_classes
def test_chance_is_the_share_of_the_commonest_answer(entry: Entry) -> None:
    task, samples = entry.build(), 4000
    graph = drawn(task, samples)
    first = asked_graph(task, graph).diff(prepend=torch.tensor([-1])) > 0
    commonest = int(torch.bincount(graph.y[first]).max())
    share, error = commonest / samples, (task.chance * (1 - task.chance) / samples) ** 0.5
    assert abs(share - task.chance) < 4 * error + (0.02 if not entry.hidden else 0)


@each_of_numbers
def test_chance_is_the_highest_score_of_a_constant(entry: Entry) -> None:
    task, samples = entry.build(), 4000
    y = drawn(task, samples).y
    constants = torch.linspace(0, float(y.max()), 4 * int(y.max().ceil()) + 1)
    best = max(float(task.score(constant.expand_as(y), y).mean()) for constant in constants)
    assert abs(best - task.chance) < 4 * (task.chance * (1 - task.chance) / samples) ** 0.5


@each_uniform
def test_answers_are_uniform(entry: Entry) -> None:
    task = entry.build()
    counts = torch.bincount(drawn(task, 3000).y, minlength=task.out_channels)
    assert stats.chisquare(counts.numpy()).pvalue > 1e-3


@those(lambda entry: entry.name != "characters" and not entry.build().per_graph)
def test_the_asked_rows_own_input_says_nothing_of_the_answer(entry: Entry) -> None:
    task = entry.build()
    graph = drawn(task, 4000)
    last = last_asked(graph)
    assert tell_nothing([graph.x[graph.target_rows[last]]], [graph.y[last]])


@each_nearer
def test_everything_nearer_than_hops_together_says_nothing_of_the_answer(entry: Entry) -> None:
    task, size = entry.build(), 4000
    graph = drawn(task, size)
    near = [row for row, hops in distances(task).items() if hops < task.hops]
    assert near
    rows = graph.x.view(size, -1, graph.x.shape[1])[:, near]
    assert tell_nothing([rows], [graph.y[last_asked(graph)]])


@each_hidden
def test_everything_but_the_sources_says_nothing_of_the_answer(entry: Entry) -> None:
    task = entry.build()
    views, answers = [], []
    for graph in chunks(task, 20_000 if entry.name == "match" else 4000):
        last, size = last_asked(graph), graph.num_graphs
        marks = task.relevant_nodes(graph)[last].view(size, size, -1).diagonal().t()
        views.append(graph.x.view(size, -1, graph.x.shape[1]).masked_fill(marks[..., None], -1))
        answers.append(graph.y[last])
    assert tell_nothing(views, answers)


@those(lambda entry: entry.hidden and entry.read is None)
def test_what_must_be_known_gives_the_answer_away(entry: Entry) -> None:
    task, size = entry.build(), 500
    graph = drawn(task, size)
    source = graph.x.view(size, -1, graph.x.shape[1])[:, entry.source]
    answer = source.argmax(1) if source.shape[1] > 1 else source[:, 0].long()
    assert torch.equal(answer, graph.y)


@those(lambda entry: entry.read is not None)
def test_sources_and_the_asked_row_give_the_answer_away(entry: Entry) -> None:
    task = entry.build()
    for graph in chunks(task, 300):
        known = task.relevant_nodes(graph)
        known[torch.arange(len(known)), graph.target_rows] = True
        answers = [entry.read(graph.x * rows[:, None]) for rows in known]
        assert answers == pytest.approx(graph.y.flatten().tolist())


@those(lambda entry: entry.read is not None)
def test_no_source_with_content_can_be_left_out(entry: Entry) -> None:
    task = entry.build()
    graph = drawn(task, 60)
    x, rows = graph.x, torch.arange(graph.num_nodes)
    answers, known = graph.y.flatten().tolist(), task.relevant_nodes(graph)
    for y, marks, content in zip(answers, known, known & task.memory_items(graph), strict=True):
        for source in content.nonzero()[:, 0]:
            rest = x * (marks & (rows != source))[:, None]
            assert y == 0 or entry.read(rest) != pytest.approx(y)


@each_task
def test_samples_of_a_batch_are_drawn_apart(entry: Entry) -> None:
    task = entry.build()
    graph = drawn(task, 2000)
    first = asked_graph(task, graph).diff(prepend=torch.tensor([-1])) > 0
    y = together([graph.y[first].view(2000, -1)[:, :1]])
    table = np.zeros((int(y.max()) + 1, int(y.max()) + 1))
    np.add.at(table, (y[:-1:2].numpy(), y[1::2].numpy()), 1)
    table = table[table.sum(1) > 20][:, table.sum(0) > 20]
    assert stats.chi2_contingency(table).pvalue > 1e-3
