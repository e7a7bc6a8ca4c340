"""A list, said again after a silence."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import graphseq as gs
from graphseq.baselines.constant import Constant
from graphseq.nn import GRU, Model
from graphseq.tasks import CopyMemory


def batch(task: CopyMemory, size: int, seed: int = 0) -> gs.SpaceTimeGraph:
    return task.batch(size, torch.Generator().manual_seed(seed))


@given(delay=st.integers(1, 6), items=st.integers(1, 4), classes=st.integers(2, 5), seed=st.integers(0, 99))
def test_a_list_then_blanks_then_a_marker_then_blanks_that_ask(delay: int, items: int, classes: int, seed: int) -> None:
    graph = batch(CopyMemory(delay, num_items=items, num_classes=classes), 3, seed)
    assert graph.x.sum(dim=1).eq(1).all()
    blank, marker = classes, classes + 1
    for tokens, asked, y in zip(
        graph.x.argmax(1).view(3, -1).tolist(),
        graph.target.view(3, -1).tolist(),
        graph.y.view(3, -1).tolist(),
        strict=True,
    ):
        assert tokens == [*y, *[blank] * (delay - 1), marker, *[blank] * items]
        assert asked == [False] * (items + delay) + [True] * items
        assert max(y) < classes


def test_the_published_size_is_the_default() -> None:
    task = CopyMemory(delay=7)
    graph = batch(task, 1)
    assert (graph.num_nodes, graph.x.shape[1], task.out_channels, len(graph.y)) == (7 + 20, 10, 8, 10)


def test_each_asked_row_has_one_source_as_far_as_every_other() -> None:
    task = CopyMemory(3, num_items=2)
    graph = batch(task, 2)
    assert task.hops == 5
    assert task.relevant_nodes(graph).nonzero().tolist() == [[0, 0], [1, 1], [2, 7], [3, 8]]
    assert graph.target_rows.tolist() == [5, 6, 12, 13]


def test_all_items_are_held_at_once() -> None:
    task = CopyMemory(3, num_items=2)
    held = task.memory_items(batch(task, 2)).nonzero().tolist()
    assert held == [[0, 0], [0, 1], [1, 0], [1, 1], [2, 7], [2, 8], [3, 7], [3, 8]]


@pytest.mark.parametrize(("delay", "items", "classes"), [(5, 10, 8), (2, 3, 4)])
def test_without_memory_it_costs_ln_c_an_asked_row_and_as_published_n_ln_c_over_all(
    delay: int, items: int, classes: int
) -> None:
    task = CopyMemory(delay, num_items=items, num_classes=classes)
    constant = Constant.of(task, samples=2000)
    asked = gs.evaluate(constant, task, samples=500).loss
    assert asked == pytest.approx(math.log(classes), rel=2e-3)
    # Where a blank is wanted, at all other rows, it is certain and costs nothing.
    graph = batch(task, 500)
    certain = torch.zeros(graph.num_nodes)
    certain[graph.target_rows] = asked
    assert certain.mean().item() == pytest.approx(items * math.log(classes) / (delay + 2 * items), rel=2e-3)


def test_a_recurrence_learns_a_short_list() -> None:
    task = CopyMemory(1, num_items=2, num_classes=2)
    torch.manual_seed(0)
    model = Model(GRU(task.in_channels, 32), 2)
    gs.fit(model, task, steps=400, batch_size=64, optimizer="Adam", lr=0.01, stop_window=10)
    assert gs.evaluate(model, task, samples=200).score > 0.95


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"delay": 0}, ValueError, "delay must be at least 1, got 0"),
        ({"delay": 2.5}, TypeError, "delay must be an integer"),
        ({"delay": 3, "num_items": 0}, ValueError, "num_items must be at least 1, got 0"),
        ({"delay": 3, "num_classes": 1}, ValueError, "num_classes must be at least 2, got 1"),
    ],
)
def test_refusals_name_the_argument(arguments: dict[str, object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        CopyMemory(**arguments)  # type: ignore[arg-type]
