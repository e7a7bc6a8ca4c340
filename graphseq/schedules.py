"""Learning rates that change with the step, as functions of the step alone, so that a run resumed has the same ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import FunctionType

import torch

from graphseq import _checks

Schedule = Callable[[int], float]
"""From the number of steps taken before to what the learning rate is multiplied by."""


@dataclass(frozen=True)
class StepDecay:
    r"""A learning rate that is multiplied by ``factor`` after every so many steps.

    .. math:: η_s = η_0\, γ^{\lfloor s / n \rfloor}

    with s the number of steps taken before, γ the ``factor`` and n ``every``; what torch's ``StepLR`` gives.

    Args:
        factor: γ, above 0.
        every: n, in steps.

    Raises:
        ValueError: a factor of 0 or below, or ``every`` below 1.

    Example:
        >>> halved = StepDecay(0.5, every=100)
        >>> halved(0), halved(99), halved(100), halved(350)
        (1.0, 1.0, 0.5, 0.125)
    """

    factor: float
    every: int

    def __post_init__(self) -> None:
        _checks.positive("factor", self.factor)
        _checks.at_least("every", self.every, 1)

    def __call__(self, step: int) -> float:
        """The factor of the step that ``step`` others come before."""
        return float(self.factor) ** (step // self.every)


class Rates:
    """The learning rates of an optimiser, set before each step.

    Args:
        optimizer: its rates as they are now are those that the schedule multiplies.
        schedule: ``None`` leaves all rates alone.

    Raises:
        TypeError: ``schedule`` is no function.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, schedule: Schedule | None) -> None:
        if schedule is not None and not callable(schedule):
            raise TypeError(f"schedule must be a function of the step, got {schedule!r} ({type(schedule).__name__})")
        self._optimizer, self._schedule = optimizer, schedule
        self._first = [float(group["lr"]) for group in optimizer.param_groups]

    @property
    def name(self) -> str | None:
        """What a record calls the schedule: the name of a function, and all there is to say of anything else."""
        if isinstance(self._schedule, FunctionType):
            return f"{self._schedule.__module__}.{self._schedule.__qualname__}"
        return None if self._schedule is None else repr(self._schedule)

    def set(self, step: int) -> None:
        """Give the optimiser its rates for the step that ``step`` others come before."""
        if self._schedule is None:
            return
        factor = self._factor(step)
        for group, first in zip(self._optimizer.param_groups, self._first, strict=True):
            group["lr"] = first * factor

    def check(self, lr: Sequence[float]) -> None:
        """Say where the rates of the steps before a resume are not those of this schedule, whatever it is called.

        Raises:
            ValueError: they are another schedule's.
        """
        if self._schedule is None:
            return
        for step, then in enumerate(lr):
            if then != (now := self._first[0] * self._factor(step)):
                raise ValueError(
                    f"the checkpoint is of a run with another schedule: its learning rate at step {step + 1} was "
                    f"{then:g}, now {now:g}"
                )

    def _factor(self, step: int) -> float:
        factor = self._schedule(step) if self._schedule is not None else 1.0
        if isinstance(factor, bool) or not isinstance(factor, int | float):
            raise TypeError(f"schedule must give numbers, but gave {factor!r} ({type(factor).__name__}) for {step}")
        if not math.isfinite(factor) or factor <= 0:
            raise ValueError(f"schedule must give finite numbers above 0, but gave {factor} for {step}")
        return float(factor)
