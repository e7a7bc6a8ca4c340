"""Learning-rate schedules as functions of the step alone, so that a resumed run has the same rates."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import FunctionType

import torch

from graphseq import _checks

Schedule = Callable[[int], float]
"""A function from the number of steps taken before to the factor of the learning rate."""


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
        """The factor of the learning rate after ``step`` steps."""
        return float(self.factor) ** (step // self.every)


@dataclass(frozen=True)
class Warmup:
    r"""A learning rate that rises in a straight line over the first steps.

    .. math:: η_s = η_0 \min\left(1, \frac{s + 1}{n}\right)

    with s the number of steps taken before and n ``steps``.

    Args:
        steps: n.

    Raises:
        ValueError: ``steps`` below 1.

    Source: Goyal et al., *Accurate, large minibatch SGD* (2017), section 2.2.

    Example:
        >>> rising = Warmup(4)
        >>> rising(0), rising(2), rising(3), rising(10)
        (0.25, 0.75, 1.0, 1.0)
    """

    steps: int

    def __post_init__(self) -> None:
        _checks.at_least("steps", self.steps, 1)

    def __call__(self, step: int) -> float:
        """The factor of the learning rate after ``step`` steps."""
        return min(1.0, (step + 1) / self.steps)


@dataclass(frozen=True)
class Cosine:
    r"""A learning rate that falls along half a cosine, towards 0 after the last step.

    .. math:: η_s = η_0 \, \frac{1 + \cos(π s / n)}{2}

    with s the number of steps taken before and n ``steps``; what torch's ``CosineAnnealingLR`` gives.

    Args:
        steps: n, all the steps of the training.

    Raises:
        ValueError: ``steps`` below 1; or, when called, a step after the last.

    Source: Loshchilov and Hutter, *SGDR: stochastic gradient descent with warm restarts* (2017), eq. 5, not restarted.

    Example:
        >>> falling = Cosine(4)
        >>> [round(falling(step), 3) for step in range(4)]
        [1.0, 0.854, 0.5, 0.146]
    """

    steps: int

    def __post_init__(self) -> None:
        _checks.at_least("steps", self.steps, 1)

    def __call__(self, step: int) -> float:
        """The factor of the learning rate after ``step`` steps."""
        if step >= self.steps:
            raise ValueError(f"a cosine over {self.steps} steps ends before step {step + 1}")
        return (1 + math.cos(math.pi * step / self.steps)) / 2


@dataclass(frozen=True)
class Product:
    """The product of several schedules.

    Args:
        parts: at least one.

    Raises:
        ValueError: no parts.

    Example:
        >>> Product((Warmup(2), StepDecay(0.1, every=2)))(0)
        0.5
    """

    parts: tuple[Schedule, ...]

    def __post_init__(self) -> None:
        if not isinstance(self.parts, tuple | list) or not all(map(callable, self.parts)):
            raise TypeError(
                f"parts must be a tuple of schedules, functions of the step, got {_checks.shown(self.parts)}"
            )
        if not self.parts:
            raise ValueError("parts must hold at least one schedule")

    def __call__(self, step: int) -> float:
        """The factor of the learning rate after ``step`` steps."""
        return math.prod(part(step) for part in self.parts)


class Rates:
    """The learning rates of an optimiser, set before each step.

    Args:
        optimizer: its rates as they are now are those that the schedule multiplies.
        schedule: ``None`` leaves all rates alone.

    Raises:
        TypeError: ``schedule`` is no function.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, schedule: Schedule | None) -> None:
        if schedule is not None:
            _checks.function("schedule", schedule, "the step", count=1)
        self._optimizer, self._schedule = optimizer, schedule
        self._first = [float(group["lr"]) for group in optimizer.param_groups]

    @property
    def name(self) -> str | None:
        """The schedule in a record: the name of a function, and the representation of anything else."""
        if isinstance(self._schedule, FunctionType):
            return f"{self._schedule.__module__}.{self._schedule.__qualname__}"
        return None if self._schedule is None else repr(self._schedule)

    def set(self, step: int) -> None:
        """Set the optimiser's rates for the step after ``step`` steps."""
        if self._schedule is None:
            return
        factor = self.factor(step)
        for group, first in zip(self._optimizer.param_groups, self._first, strict=True):
            group["lr"] = first * factor

    def check(self, lr: Sequence[float]) -> None:
        """Compare the rates of the steps before a resume with those of this schedule.

        Raises:
            ValueError: they are another schedule's.
        """
        if self._schedule is None:
            return
        for step, then in enumerate(lr):
            if then != (now := self._first[0] * self.factor(step)):
                raise ValueError(
                    f"the checkpoint is of a run with another schedule: its learning rate at step {step + 1} was "
                    f"{then:g}, now {now:g}"
                )

    def factor(self, step: int) -> float:
        """The factor of the rates after ``step`` steps.

        Raises:
            TypeError, ValueError: the schedule gives no finite number above 0.
        """
        factor = self._schedule(step) if self._schedule is not None else 1.0
        if isinstance(factor, bool) or not isinstance(factor, int | float):
            raise TypeError(f"schedule must give numbers, but gave {_checks.shown(factor)} for {step}")
        if not math.isfinite(factor) or factor <= 0:
            raise ValueError(f"schedule must give finite numbers above 0, but gave {factor} for {step}")
        return float(factor)
