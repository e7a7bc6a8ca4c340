"""Learning rates as functions of the step: literal values, torch's own schedules, and what ``fit`` does with them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from trained import mlp

from graphseq import fit
from graphseq.tasks import Transfer
from graphseq.training.lr_schedule import Cosine, Product, Rates, Schedule, StepDecay, Warmup

Torchs = Callable[[torch.optim.Optimizer], torch.optim.lr_scheduler.LRScheduler]


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (StepDecay(0.5, 2), [1, 1, 0.5, 0.5, 0.25, 0.25]),
        (Warmup(4), [0.25, 0.5, 0.75, 1, 1, 1]),
        (Warmup(1), [1] * 6),
        (Cosine(6), [1, (2 + 3**0.5) / 4, 0.75, 0.5, 0.25, (2 - 3**0.5) / 4]),
        (Product((Warmup(4), StepDecay(0.5, 2))), [0.25, 0.5, 0.375, 0.5, 0.25, 0.25]),
    ],
)
def test_literal_factors(schedule: Schedule, expected: list[float]) -> None:
    assert [schedule(step) for step in range(6)] == pytest.approx(expected, abs=1e-12)


def torchs_rates(schedule: Torchs, steps: int) -> list[float]:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.3)
    scheduler, found = schedule(optimizer), []
    for _ in range(steps):
        found.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        scheduler.step()
    return found


@given(steps=st.integers(2, 40), factor=st.floats(0.1, 1.5), every=st.integers(1, 9))
def test_the_same_rates_as_torchs_schedules(steps: int, factor: float, every: int) -> None:
    pairs: list[tuple[Schedule, Torchs]] = [
        (StepDecay(factor, every), lambda o: torch.optim.lr_scheduler.StepLR(o, every, factor)),
        (Cosine(steps), lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, steps)),
        (
            Warmup(every),
            lambda o: torch.optim.lr_scheduler.LinearLR(o, start_factor=1 / every, total_iters=max(every - 1, 1)),
        ),
    ]
    for ours, torchs in pairs:
        rates = [0.3 * ours(step) for step in range(steps)]
        assert rates == pytest.approx(torchs_rates(torchs, steps), abs=1e-9)


def test_fit_takes_each_step_at_its_rate_and_keeps_it() -> None:
    history = fit(mlp(), Transfer(2), steps=5, batch_size=4, optimizer="SGD", lr=0.2, schedule=Warmup(4))
    assert history.lr == pytest.approx([0.05, 0.1, 0.15, 0.2, 0.2])
    assert history.config["schedule"] == "Warmup(steps=4)"


def test_a_rate_of_the_schedule_is_the_rate_of_the_step() -> None:
    by_schedule, by_hand = mlp(), mlp()
    fit(by_schedule, Transfer(2), steps=1, batch_size=4, optimizer="SGD", lr=0.4, schedule=Warmup(8))
    fit(by_hand, Transfer(2), steps=1, batch_size=4, optimizer="SGD", lr=0.05)
    for one, other in zip(by_schedule.parameters(), by_hand.parameters(), strict=True):
        assert torch.equal(one, other)


def test_groups_keep_the_ratio_of_their_rates() -> None:
    first, second = torch.nn.Parameter(torch.zeros(1)), torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([{"params": [first], "lr": 0.1}, {"params": [second], "lr": 0.4}])
    rates = Rates(optimizer, StepDecay(0.5, 1))
    for step, expected in ((0, [0.1, 0.4]), (2, [0.025, 0.1]), (1, [0.05, 0.2])):  # of the step alone, not of the last
        rates.set(step)
        assert [group["lr"] for group in optimizer.param_groups] == pytest.approx(expected)


def test_a_run_resumed_in_the_middle_of_a_schedule_equals_an_unbroken_one(tmp_path: Path) -> None:
    setting = {"batch_size": 4, "optimizer": "Adam", "lr": 0.01, "schedule": Product((Warmup(3), Cosine(12)))}
    unbroken, broken = mlp(), mlp()
    whole = fit(unbroken, Transfer(2), steps=12, **setting)
    for steps in (2, 7, 12):
        history = fit(broken, Transfer(2), steps=steps, checkpoint_path=tmp_path / "a.pt", resume=True, **setting)
    assert history.lr == whole.lr
    assert history.loss == whole.loss
    for one, other in zip(unbroken.parameters(), broken.parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_resume_under_another_schedule_is_refused(tmp_path: Path) -> None:
    setting = {"batch_size": 4, "checkpoint_path": tmp_path / "a.pt", "resume": True, "stop_threshold": None}
    fit(mlp(), Transfer(2), steps=3, schedule=Warmup(3), **setting)
    with pytest.raises(ValueError, match=r"another run: schedule was 'Warmup\(steps=3\)', now 'Warmup\(steps=4\)'"):
        fit(mlp(), Transfer(2), steps=6, schedule=Warmup(4), **setting)


def test_a_function_of_the_same_name_that_gives_other_rates_is_refused(tmp_path: Path) -> None:
    def made(factor: float) -> Schedule:
        def schedule(_: int) -> float:
            return factor

        return schedule

    setting = {"batch_size": 4, "checkpoint_path": tmp_path / "a.pt", "resume": True, "stop_threshold": None, "lr": 0.1}
    fit(mlp(), Transfer(2), steps=3, schedule=made(1.0), **setting)
    with pytest.raises(ValueError, match=r"its learning rate at step 1 was 0.1, now 0.05"):
        fit(mlp(), Transfer(2), steps=6, schedule=made(0.5), **setting)


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (lambda: StepDecay(0, 5), ValueError, "factor must be a finite number above 0, got 0"),
        (lambda: StepDecay(0.5, 0), ValueError, "every must be at least 1, got 0"),
        (lambda: Warmup(0), ValueError, "steps must be at least 1, got 0"),
        (lambda: Cosine(2.5), TypeError, "steps must be an integer, got 2.5"),
        (lambda: Cosine(3)(3), ValueError, "a cosine over 3 steps ends before step 4"),
        (lambda: Product(()), ValueError, "parts must hold at least one schedule"),
        (lambda: fit(mlp(), Transfer(2), steps=1, schedule=0.5), TypeError, "schedule must be a function of the step"),
        (
            lambda: fit(mlp(), Transfer(2), steps=1, schedule=lambda _: "fast"),
            TypeError,
            r"schedule must give numbers, but gave 'fast' \(str\) for 0",
        ),
        (
            lambda: fit(mlp(), Transfer(2), steps=1, schedule=lambda _: 0.0),
            ValueError,
            "schedule must give finite numbers above 0, but gave 0.0 for 0",
        ),
    ],
)
def test_what_is_no_schedule_is_refused(make: Callable[[], object], kind: type, message: str) -> None:
    with pytest.raises(kind, match=message):
        make()
