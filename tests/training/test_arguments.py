"""All ways to train have one set of arguments and one set of defaults."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import fields
from functools import partial
from typing import Any

import pytest
import torch
from torch import nn
from trained import Scored, mlp, same, weights

from graphseq import fit, fit_curriculum, fit_ensemble, fit_with_validation
from graphseq.tasks import Transfer
from graphseq.training.settings import DEFAULTS, Settings

# What each way to train has besides, and what it has not: an ensemble takes a seed for each model, and neither it nor a
# curriculum can be resumed.
DIFFERENCES: dict[Callable[..., object], tuple[set[str], set[str]]] = {
    fit: ({"model", "task"}, set()),
    fit_with_validation: ({"model", "task", "validation", "every", "patience"}, set()),
    fit_curriculum: (
        {"model", "tasks", "advance_threshold", "advance_window"},
        {"checkpoint_path", "checkpoint_every", "resume"},
    ),
    fit_ensemble: (
        {"models", "task", "seeds"},
        {"seed", "checkpoint_path", "checkpoint_every", "resume", "record_gradients", "progress", "callbacks", "group"}
        | {"precision"},
    ),
}


@pytest.mark.parametrize("way", DIFFERENCES, ids=lambda way: way.__name__)
def test_arguments_and_defaults_are_those_of_all(way: Callable[..., object]) -> None:
    more, fewer = DIFFERENCES[way]
    arguments = inspect.signature(way).parameters
    shared = {field.name: field for field in fields(Settings)}
    assert set(arguments) == (set(shared) - fewer) | more
    assert {name: arguments[name].default for name in set(shared) - fewer} == {
        name: getattr(DEFAULTS, name) for name in set(shared) - fewer
    }
    assert {name: arguments[name].annotation for name in set(shared) - fewer} == {
        name: shared[name].type for name in set(shared) - fewer
    }


@pytest.mark.parametrize("way", DIFFERENCES, ids=lambda way: way.__name__)
def test_every_argument_is_passed_on(way: Callable[..., object], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each shared argument reaches the settings of the training."""
    given: dict[str, Any] = {
        "steps": 3,
        "batch_size": 5,
        "optimizer": "AdamW",
        "lr": 0.02,
        "schedule": lambda step: 1.0,
        "clip": 2.0,
        "seed": 7,
        "device": "cpu",
        "stop_threshold": 0.5,
        "stop_window": 9,
        "checkpoint_path": "somewhere",
        "checkpoint_every": 4,
        "resume": True,
        "record_gradients": True,
        "metrics": ["accuracy"],
        "progress": True,
        "callbacks": [lambda *_: None],
        "group": None,
        "precision": "bfloat16",
    }
    assert set(given) == {field.name for field in fields(Settings)}
    seen: list[dict[str, Any]] = []

    class Watching(Settings):
        def __init__(self, **arguments: Any) -> None:
            seen.append(arguments)
            raise InterruptedError

    monkeypatch.setitem(way.__globals__, "Settings", Watching)  # type: ignore[attr-defined]
    _, fewer = DIFFERENCES[way]
    first = {"models": [mlp()], "model": mlp(), "tasks": [Transfer(2)], "task": Transfer(2)}
    own = {"validation": planted(), "every": 2, "seeds": [1]} | first
    arguments = {name: own[name] for name in inspect.signature(way).parameters if name in own}
    shared = {name: value for name, value in given.items() if name not in fewer}
    with pytest.raises(InterruptedError):
        way(**arguments, **shared)
    callbacks = seen[0].pop("callbacks", given["callbacks"])
    assert callbacks[0] is given["callbacks"][0]
    shared.pop("callbacks", None)
    assert seen[0] == shared


def planted() -> object:
    import graphseq as gs  # noqa: PLC0415

    return gs.tasks.Forecasting(gs.from_sequence(torch.arange(9.0)[:, None]), lags=2)


class TakesAll:
    """An optimiser's maker that hands on what it is given."""

    def __call__(self, parameters: list[nn.Parameter], **more: Any) -> torch.optim.Optimizer:
        return torch.optim.Adam(parameters, **more)


def rated(parameters: list[nn.Parameter], lr: float) -> torch.optim.Optimizer:
    return torch.optim.Adam(parameters, lr=lr)


MAKERS = {
    "class": torch.optim.Adam,
    "partial": partial(torch.optim.Adam, fused=False),
    "partial of the same rate": partial(torch.optim.Adam, lr=0.01),
    "lambda": lambda parameters, lr: torch.optim.Adam(parameters, lr=lr),
    "keyword only": lambda parameters, *, lr=0.5: torch.optim.Adam(parameters, lr=lr),
    "function": rated,
    "object that takes all": TakesAll(),
}


@pytest.mark.parametrize("name", MAKERS)
def test_a_class_or_function_that_takes_a_learning_rate_trains_at_the_one_given(name: str) -> None:
    model, by_hand = mlp(), mlp()
    history = fit(model, Transfer(2), steps=3, batch_size=8, optimizer=MAKERS[name], lr=0.01)
    fit(by_hand, Transfer(2), steps=3, batch_size=8, optimizer=lambda p: torch.optim.Adam(p, lr=0.01))
    assert same(weights(model), weights(by_hand))
    assert history.lr == [0.01] * 3
    assert history.config["lr"] == 0.01


@pytest.mark.parametrize(
    ("optimizer", "lr"),
    [
        (torch.optim.Adam, 1e-3),
        (torch.optim.RMSprop, 1e-2),  # torch's own
        (partial(torch.optim.Adam, lr=0.25), 0.25),
        (lambda p: torch.optim.SGD(p, lr=0.125), 0.125),
        (rated, 1e-3),
        ("SGD", 1e-3),
    ],
)
def test_without_a_learning_rate_it_is_the_makers_own(optimizer: object, lr: float) -> None:
    history = fit(mlp(), Transfer(2), steps=2, batch_size=4, optimizer=optimizer)  # type: ignore[arg-type]
    assert history.lr == [lr] * 2
    assert history.config["lr"] == lr


@pytest.mark.parametrize(
    ("optimizer", "message"),
    [
        (lambda p: torch.optim.SGD(p, lr=0.1), r"optimizer \(<lambda>\) takes no lr, but lr is 0.01; give it an"),
        (partial(torch.optim.Adam, lr=0.1), r"optimizer \(partial of Adam\) sets lr=0.1, but lr is 0.01"),
        (partial(TakesAll(), lr=0.1), r"optimizer \(partial of .*TakesAll.*\) sets lr=0.1, but lr is 0.01"),
    ],
)
def test_a_learning_rate_that_cannot_be_honoured_is_refused(optimizer: object, message: str) -> None:
    model = mlp()
    with pytest.raises(ValueError, match=message):
        fit(model, Transfer(2), steps=2, optimizer=optimizer, lr=0.01)  # type: ignore[arg-type]
    assert same(weights(model), weights(mlp()))


@pytest.mark.parametrize("schedule", [None, lambda step: 1 / (1 + step)])
def test_a_curriculum_has_one_schedule_over_all_tasks(schedule: Callable[[int], float] | None) -> None:
    stages = fit_curriculum(
        mlp(),
        [Scored(1), Scored(1), Scored(1)],
        steps=9,
        batch_size=4,
        lr=0.5,
        schedule=schedule,
        advance_threshold=0.5,
        advance_window=3,
        stop_threshold=None,
    )
    assert [stage.steps for stage in stages] == [3, 3, 3]
    rates = [rate for stage in stages for rate in stage.lr]
    assert rates == [0.5 * (1 / (1 + step) if schedule else 1) for step in range(9)]
