"""A curriculum goes on when a task is passed, counts all steps against one budget, and keeps its optimiser."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import graphseq as gs
from graphseq import History, fit_curriculum, growing_lengths, seeding
from graphseq.tasks import Transfer


def model(seed: int = 0) -> gs.nn.Model:
    torch.manual_seed(seed)
    return gs.nn.Model(gs.nn.GRU(10, 16), 10)


def tasks(*lengths: int) -> list[Transfer]:
    return [Transfer(length) for length in lengths]


def run(lengths: tuple[int, ...] = (2, 4, 8), **arguments: Any) -> list[History]:
    settings: dict[str, Any] = {"steps": 800, "batch_size": 64, "optimizer": "Adam", "lr": 0.01, "clip": 1.0}
    settings |= {"stop_window": 30} | arguments
    return fit_curriculum(model(), tasks(*lengths), **settings)


def test_it_goes_through_all_tasks_and_the_last_is_solved() -> None:
    stages = run()
    assert [stage.config["task"]["length"] for stage in stages] == [2, 4, 8]  # type: ignore[index]
    assert stages[-1].solved
    assert stages[-1].recent_score(30) == 1
    assert all(stage.recent_score(20) >= 0.99 for stage in stages[:-1])
    assert all(stage.steps >= 20 for stage in stages[:-1])


def test_the_budget_is_one_for_all_tasks_and_what_is_not_passed_is_the_last() -> None:
    whole = run()
    to_first = whole[0].steps
    cut = run(steps=to_first + 5)
    assert [stage.steps for stage in cut] == [to_first, 5]
    assert [stage.solved for stage in cut] == [True, False]
    assert run(steps=to_first)[0].solved
    assert len(run(steps=to_first)) == 1
    assert [stage.steps for stage in run(steps=to_first - 1)] == [to_first - 1]


def test_the_optimiser_keeps_what_it_has_gathered() -> None:
    made: list[torch.optim.Optimizer] = []

    def counted(parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        made.append(torch.optim.Adam(parameters, lr=0.01))
        return made[-1]

    stages = run(optimizer=counted, lr=None)
    assert len(made) == 1
    steps = {int(state["step"]) for state in made[0].state.values()}
    assert stages[-1].solved
    assert steps == {sum(stage.steps for stage in stages) - 1}  # the last batch has tested the weights as they are


def test_a_name_and_the_function_that_it_stands_for_train_alike() -> None:
    named = run(optimizer="Adam")
    made = run(optimizer=partial(torch.optim.Adam, fused=True))
    assert [stage.loss for stage in named] == [stage.loss for stage in made]


def test_one_task_is_fit() -> None:
    alone, by_fit = model(), model()
    (stage,) = fit_curriculum(alone, tasks(3), steps=30, optimizer="Adam", lr=0.01, clip=0.5, seed=4)
    seed = seeding.derive(4, seeding.TRAIN, 0)
    history = gs.fit(by_fit, Transfer(3), steps=30, optimizer="Adam", lr=0.01, clip=0.5, seed=seed)
    assert stage.loss == history.loss
    assert all(torch.equal(a, b) for a, b in zip(alone.parameters(), by_fit.parameters(), strict=True))


def test_it_is_a_function_of_its_seed() -> None:
    first, again, other = run(seed=1), run(seed=1), run(seed=2)
    assert [stage.loss for stage in first] == [stage.loss for stage in again]
    assert first[0].loss != other[0].loss


@given(st.integers(1, 50), st.integers(0, 2000), st.floats(1.01, 10))
def test_lengths_grow_to_the_last_by_no_more_than_the_factor_or_one(first: int, more: int, factor: float) -> None:
    lengths = growing_lengths(first, first + more, factor)
    assert lengths[0] == first
    assert lengths[-1] == first + more
    for shorter, longer in pairwise(lengths):
        assert shorter < longer <= max(shorter + 1, factor * shorter)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"lengths": ()}, ValueError, "tasks must hold at least one task"),
        ({"steps": 0}, ValueError, "steps must be at least 1, got 0"),
        ({"advance_window": 0}, ValueError, "advance_window must be at least 1, got 0"),
        ({"advance_window": "abc"}, TypeError, "advance_window must be an integer, got 'abc'"),
        ({"advance_threshold": "abc"}, TypeError, "advance_threshold must be a number, got 'abc'"),
        ({"advance_threshold": None}, TypeError, "advance_threshold must be a number, got None"),
        ({"stop_window": "abc"}, TypeError, "stop_window must be an integer, got 'abc'"),
        ({"lr": 0}, ValueError, "lr must be a finite number above 0"),
        ({"optimizer": "Newton"}, ValueError, "optimizer must be one of SGD"),
    ],
)
def test_refusals_name_the_argument(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        run(**arguments)


def test_tasks_that_do_not_fit_together_are_an_error() -> None:
    with pytest.raises(ValueError, match=r"same channels in and out, got \[\(3, 3\), \(10, 10\)\]"):
        fit_curriculum(model(), [Transfer(2), Transfer(2, num_classes=3)])
    with pytest.raises(TypeError, match=r"tasks\[0\] must be a graphseq.tasks.Task, got int"):
        fit_curriculum(model(), [3])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="factor must be above 1"):
        growing_lengths(2, 4, 1.0)
    with pytest.raises(ValueError, match="last must be at least 5, got 4"):
        growing_lengths(5, 4)
