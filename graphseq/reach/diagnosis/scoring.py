"""Scores of outputs against answers, with chance and a 95 % interval, for classes, labels and numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from graphseq import _checks
from graphseq.reach.diagnosis.values import IGNORED, check_answers

ScoreFunction = Callable[[Tensor, Tensor], object]


@dataclass(frozen=True)
class Score:
    """A mean score, its 95 % interval, and the number of answers or graphs that it is a mean of."""

    value: float
    low: float
    high: float
    count: int = 0

    def __str__(self) -> str:
        """The score with its interval."""
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


class Scoring:
    """The score of outputs and answers: 1 where all are right, and ``chance`` for the best constant.

    Args:
        score: a function of (output, y) that gives a number, or one number an answer; ``None`` for the accuracy of
            classes and labels, and R² of numbers.
        chance: the score of the best guess without any input: a number, or "majority" for that of the best constant.
        answers: answers from which the best constant is taken.
        like: outputs of the model, whose shape constants have.
        tested: answers on which the best constant is scored.
    """

    def __init__(
        self, score: ScoreFunction | None, chance: float | str, answers: Tensor, like: Tensor, tested: Tensor
    ) -> None:
        self.kind = kind_of(torch.cat([answers, tested]), like)
        check_answers(self.kind, torch.cat([answers, tested]))
        self._score = score
        self.numbers = len(answers[answers >= 0].unique()) - 1 if self.kind == "classes" else 0
        self._spread = _spread(tested) if self.kind == "numbers" else None
        self._constant = best_constant(self.kind, answers, like)
        if isinstance(chance, str):
            _checks.one_of("chance", chance, ("majority",))
            # The majority of other answers may do worse on these than the best constant, and would flatter the model.
            constants = (self._constant, best_constant(self.kind, tested, like))
            best = max(self.of(_repeated(one, len(tested)), tested).value for one in constants)
            self.chance = 0.0 if abs(best) < 1e-12 else best  # R² of the mean, up to rounding
        else:
            self.chance = _checks.between("chance", chance, -math.inf, 1.0)

    def constant(self, count: int) -> Tensor:
        """The best constant output for ``count`` answers."""
        return _repeated(self._constant, count)

    def best_constant_of(self, y: Tensor) -> Tensor:
        """The best constant output for answers y, as many times."""
        return _repeated(best_constant(self.kind, y, self._constant), len(y))

    def each(self, output: Tensor, y: Tensor) -> Tensor | None:
        """The score of each answer, (K,); ``None`` if the score is no mean over answers."""
        output = output.detach()
        if self._score is not None:
            value = self._score(output, y)
            if isinstance(value, Tensor) and value.dim() == 1 and len(value) == len(y):
                return value.double()
            each = hits(self.kind, output, y, self._spread) if self.kind != "numbers" else None
            is_accuracy = each is not None and abs(float(each.mean()) - _number(value)) < 1e-5
            return each if is_accuracy else None
        return hits(self.kind, output, y, self._spread)

    def of(self, output: Tensor, y: Tensor, graphs: Tensor | None = None) -> Score:
        """The mean score and its interval, over graphs where there are many of them."""
        each = self.each(output, y)
        if each is None:
            return self._resampled(output.detach(), y)
        if graphs is not None:
            counts = torch.bincount(graphs)
            if (counts > 0).sum() >= 20:
                each = (torch.bincount(graphs, weights=each) / counts)[counts > 0]
        return _interval(each.double())

    def skill(self, score: float) -> float:
        """The score on a scale on which chance is 0 and 1 is all right."""
        return (score - self.chance) / max(1 - self.chance, 1e-9)

    def _resampled(self, output: Tensor, y: Tensor) -> Score:
        """A score that is no mean, with an interval from 60 resamples of the answers."""
        assert self._score is not None  # noqa: S101 - only a given score has no value of each answer
        generator = torch.Generator().manual_seed(0)
        values = []
        for _ in range(60):
            drawn = torch.randint(len(y), (len(y),), generator=generator)
            values.append(_number(self._score(output[drawn], y[drawn])))
        ordered = sorted(value for value in values if math.isfinite(value)) or [math.nan]
        low, high = ordered[int(0.025 * len(ordered))], ordered[min(len(ordered) - 1, int(0.975 * len(ordered)))]
        return Score(_number(self._score(output, y)), low, high, len(y))


def kind_of(y: Tensor, output: Tensor) -> str:
    """The kind of answers: "classes", "labels" (of 0 and 1, as floats) or "numbers"."""
    if not y.is_floating_point() and output.shape[1:] != y.shape[1:]:
        return "classes"
    return "labels" if bool(((y == 0) | (y == 1) | (y != y)).all()) else "numbers"  # noqa: PLR0124 - NaN


def hits(kind: str, output: Tensor, y: Tensor, spread: Tensor | None) -> Tensor:
    """The score of each answer: 1 or 0 of a class, the share of right labels, or its part of R² of numbers."""
    if kind == "classes":
        y = y.reshape(len(output), *output.shape[2:])
        is_right = torch.where(y == IGNORED, torch.nan, (output.argmax(dim=1) == y).double())
        return is_right.reshape(len(y), -1).nanmean(dim=1)
    if output.numel() != y.numel():
        raise ValueError(
            f"the model gives {tuple(output.shape)} for y {tuple(y.shape)}, of which no accuracy or R² can be taken; "
            "give score=, a function of (output, y), or call= for outputs in the shape of y"
        )
    output = output.reshape(y.shape)
    if kind == "labels":
        is_right = ((output > 0) == (y > 0.5)).double()
        known = ~y.isnan() if y.is_floating_point() else torch.ones_like(is_right).bool()
        is_right = torch.where(known, is_right, torch.nan)
        return is_right.reshape(len(y), -1).nanmean(dim=1)
    assert spread is not None  # noqa: S101 - numbers have a spread
    errors = (output.double() - y.double()).square().reshape(len(y), -1)
    return (1 - errors / spread).mean(dim=1)


def best_constant(kind: str, y: Tensor, like: Tensor) -> Tensor:
    """The best constant output for answers y, (1, …): log-frequencies, logits, or the mean."""
    if kind == "classes":
        size = max(like.shape[1] if like.dim() > 1 else 1, int(y.max()) + 1)
        counts = torch.bincount(y[y >= 0].flatten(), minlength=size).to(like.dtype) + 1e-3
        return (counts / counts.sum()).log()[None, : like.shape[1] if like.dim() > 1 else None]
    mean = y.to(like.dtype).nanmean(dim=0, keepdim=True)
    constant = torch.logit(mean.clamp(1e-4, 1 - 1e-4)) if kind == "labels" else mean
    return constant.reshape(1, *like.shape[1:]) if constant.numel() == like[:1].numel() else constant


def _repeated(constant: Tensor, count: int) -> Tensor:
    return constant.expand(count, *constant.shape[1:]).clone()


def _spread(y: Tensor) -> Tensor:
    """The variance of each number of an answer, at least a little above zero."""
    flat = y.double().reshape(len(y), -1)
    return flat.var(dim=0, unbiased=False).clamp(min=1e-12)


def _interval(values: Tensor) -> Score:
    values = values[~values.isnan()]
    n, mean = len(values), float(values.mean()) if len(values) else math.nan
    if n == 0:
        return Score(math.nan, math.nan, math.nan)
    if bool(((values == 0) | (values == 1)).all()):  # Wilson's
        z = 1.96
        centre, denominator = mean + z * z / (2 * n), 1 + z * z / n
        half = z * math.sqrt(mean * (1 - mean) / n + z * z / (4 * n * n))
        return Score(mean, (centre - half) / denominator, (centre + half) / denominator, n)
    half = 1.96 * float(values.std()) / math.sqrt(n) if n > 1 else math.inf
    return Score(mean, mean - half, mean + half, n)


def _number(value: object) -> float:
    return float(value.double().mean()) if isinstance(value, Tensor) else float(value)  # type: ignore[arg-type]
