"""The measures of the suite: of errors of single answers, so that one of all answers and one by hops are the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Measure:
    """A measure of a benchmark.

    Attributes:
        name: as published tables call it.
        errors: gives the error of each answer, (K,), from outputs (K, C) and answers.
        summary: gives the measure from the mean error.
        constant: gives the output of least measure that is the same for all, (C,), from answers.
        lower_is_better: the order of models.
    """

    name: str
    errors: Callable[[Tensor, Tensor], Tensor]
    summary: Callable[[float], float]
    constant: Callable[[Tensor], Tensor]
    lower_is_better: bool = True

    def of(self, output: Tensor, y: Tensor) -> float:
        """Return the measure of outputs (K, C) for answers."""
        return self.summary(float(self.errors(output, y).double().mean()))


def _absolute(output: Tensor, y: Tensor) -> Tensor:
    return (output - y).abs().mean(dim=1)


def _squared(output: Tensor, y: Tensor) -> Tensor:
    return (output - y).square().mean(dim=1)


def _wrong(output: Tensor, y: Tensor) -> Tensor:
    # The largest of outputs that are NaN is some class, which a model that diverged did not choose.
    wrong = (output.argmax(dim=1) != y).to(output.dtype)
    return wrong.where(output.isfinite().all(dim=1), torch.nan)


def _log10(mean: float) -> float:
    return float(torch.tensor(mean, dtype=torch.float64).log10())


def _commonest(y: Tensor) -> Tensor:
    return torch.bincount(y).to(torch.get_default_dtype())


def _nats(output: Tensor, y: Tensor) -> Tensor:
    return torch.nn.functional.cross_entropy(output, y, reduction="none")


def _log_shares(y: Tensor) -> Tensor:
    counts = torch.bincount(y).to(torch.get_default_dtype()) + 1
    return (counts / counts.sum()).log()


MAE = Measure("mae", _absolute, float, lambda y: y.median(dim=0).values)
LOG_MSE = Measure("log10 mse", _squared, _log10, lambda y: y.mean(dim=0))
ACCURACY = Measure("accuracy", _wrong, lambda mean: 1 - mean, _commonest, lower_is_better=False)
NATS = Measure("nats", _nats, float, _log_shares)
