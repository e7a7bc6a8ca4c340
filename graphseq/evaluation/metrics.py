"""Metrics of outputs against answers: built-in ones by name, functions of a user's own, and those of torchmetrics."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from numbers import Real
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq.tasks._right import are_right

Metric = Callable[[Tensor, Tensor], Any]
"""A function of output (K, C) and answers y, both on the CPU, that gives one number."""


@runtime_checkable
class Accumulating(Protocol):
    """A metric that gathers batches before it gives its number, as those of torchmetrics do."""

    def update(self, output: Tensor, y: Tensor, /) -> None:
        """Take a batch in."""

    def compute(self) -> Any:
        """The metric over all batches since the last reset."""

    def reset(self) -> None:
        """Forget all batches."""


@checked_arguments
def accuracy(output: Tensor, y: Tensor) -> float:
    """The share of answers whose class has the largest output, output (K, C) against classes y (K,).

    Answers among whose outputs is a NaN are wrong.

    Raises:
        ValueError: shapes that do not fit.

    Example:
        >>> accuracy(torch.tensor([[2.0, 1.0], [0.0, 1.0]]), torch.tensor([0, 0]))
        0.5
    """
    if output.dim() != 2 or y.shape != output.shape[:1]:
        raise ValueError(f"accuracy takes output (K, C) and y (K,); got {tuple(output.shape)} and {tuple(y.shape)}")
    if not output.shape[1]:
        raise ValueError("output must have a column for each class; it has none")
    return float(are_right(output, y).double().mean())


@checked_arguments
def mse(output: Tensor, y: Tensor) -> float:
    r"""The mean squared error :math:`\frac{1}{KC} \sum (o - y)^2`, output and y (K, C).

    Raises:
        ValueError: shapes that differ; nothing is broadcast.

    Example:
        >>> mse(torch.tensor([[1.0], [3.0]]), torch.tensor([[1.0], [1.0]]))
        2.0
    """
    return float(_errors("mse", output, y).square().mean())


@checked_arguments
def mae(output: Tensor, y: Tensor) -> float:
    r"""The mean absolute error :math:`\frac{1}{KC} \sum |o - y|`, output and y (K, C).

    Raises:
        ValueError: shapes that differ; nothing is broadcast.

    Example:
        >>> mae(torch.tensor([[1.0], [3.0]]), torch.tensor([[1.0], [1.0]]))
        1.0
    """
    return float(_errors("mae", output, y).abs().mean())


@checked_arguments
def r2(output: Tensor, y: Tensor) -> float:
    r"""The coefficient of determination :math:`1 - \sum (o - y)^2 / \sum (y - \bar y)^2`, averaged over the C numbers.

    Args:
        output: numbers, (K, C).
        y: the answers, (K, C).

    Raises:
        ValueError: shapes that differ; nothing is broadcast.

    Returns:
        1 for exact outputs, 0 for the mean of the answers, NaN where the answers of a channel are all the same.

    Example:
        >>> r2(torch.tensor([[1.0], [2.0], [3.0]]), torch.tensor([[1.0], [2.0], [4.0]])).__round__(3)
        0.786
    """
    squared = _errors("r2", output, y).square().sum(dim=0)
    spread = (y.double() - y.double().mean(dim=0)).square().sum(dim=0)
    return float((1 - squared / spread).mean()) if bool((spread > 0).all()) else math.nan


@checked_arguments
def average_precision(scores: Tensor, y: Tensor) -> float:
    r"""The mean precision over a list of pairs in the order of their scores: :math:`\sum_k (R_k - R_{k-1}) P_k`.

    P and R are precision and recall of all pairs down to the k-th distinct score, so that pairs of equal score count
    together, in whatever order they came. A list without order has the share of edges among the pairs.

    Args:
        scores: the higher, the likelier an edge, (K,).
        y: 1 for an edge, else 0, (K,).

    Raises:
        ValueError: shapes that do not fit, a score that is NaN, answers that are not 0 or 1, or none that is 1.

    Example:
        >>> import torch
        >>> round(average_precision(torch.tensor([0.9, 0.8, 0.7]), torch.tensor([1, 0, 1])), 4)
        0.8333
    """
    if scores.dim() != 1 or scores.shape != y.shape:
        raise ValueError(f"scores and y must have shape (K,) each; got {tuple(scores.shape)} and {tuple(y.shape)}")
    if bool(scores.isnan().any()):
        raise ValueError(f"scores[{int(scores.isnan().nonzero()[0])}] is NaN; such have no order")
    if not bool(((y == 0) | (y == 1)).all()) or not bool((y == 1).any()):
        raise ValueError("y must hold 0 and 1, and 1 at least once")
    ranked, order = scores.sort(descending=True)
    hits = y[order].double().cumsum(0)
    ends = torch.cat([ranked[1:] != ranked[:-1], torch.ones(1, dtype=torch.bool, device=y.device)])
    precision = hits / torch.arange(1, len(hits) + 1, device=y.device)
    recall = torch.cat([hits.new_zeros(1), (hits / hits[-1])[ends]])
    return float((recall.diff() * precision[ends]).sum())


def average_precision_of_pairs(output: Tensor, y: Tensor) -> float:
    """The :func:`average_precision` of outputs (K, 2), a pair's score being the second less the first.

    Raises:
        ValueError: outputs that are not two a pair, or as for :func:`average_precision`.

    Returns:
        A share, or NaN where no answer is 1.
    """
    if output.dim() != 2 or output.shape[1] != 2:
        raise ValueError(f"average_precision takes output (K, 2), of no edge and of an edge; got {tuple(output.shape)}")
    return average_precision(output[:, 1] - output[:, 0], y) if bool((y == 1).any()) else math.nan


METRICS: dict[str, Metric] = {
    "accuracy": accuracy,
    "mse": mse,
    "mae": mae,
    "r2": r2,
    "average_precision": average_precision_of_pairs,
}
"""The metrics that have a name, each a function of (output, y)."""


MEANS: dict[Metric, Callable[[Tensor, Tensor], Tensor]] = {
    accuracy: lambda output, y: are_right(output, y).double(),
    mse: lambda output, y: _errors("mse", output, y).square().mean(dim=1),
    mae: lambda output, y: _errors("mae", output, y).abs().mean(dim=1),
}
"""Of the metrics that are means over answers, the value of each answer, (K,)."""


def by_name(metrics: Sequence[str | Metric] | Mapping[str, str | Metric]) -> dict[str, Metric]:
    """The metrics that are asked for, by name: a function's own name, or the key of a mapping.

    Raises:
        TypeError: neither a name nor a function.
        ValueError: a name that is not built in, or one that comes twice.
    """
    if isinstance(metrics, str) or not isinstance(metrics, Sequence | Mapping):
        raise TypeError(
            "metrics must be a sequence of names and functions of (output, y), or a mapping from names to them; got "
            f"{_checks.shown(metrics)}"
        )
    keyed = isinstance(metrics, Mapping)
    pairs = metrics.items() if isinstance(metrics, Mapping) else [(_name(metric), metric) for metric in metrics]
    chosen: dict[str, Metric] = {}
    for name, metric in pairs:
        if name in chosen:
            raise ValueError(f"metrics hold {name!r} twice; give a mapping from names of your own to them")
        chosen[name] = _function(metric, f"metrics[{name!r}]" if keyed else f"metrics[{len(chosen)}]")
    return chosen


def measure(metrics: Mapping[str, Metric], output: Tensor, y: Tensor) -> dict[str, float]:
    """The value of each metric, of output (K, C) and its answers.

    Raises:
        TypeError: a metric gives something else than one number.
        ValueError: what the metric itself refuses; the message names it.
    """
    output, y = output.detach().cpu(), y.cpu()
    with torch.no_grad():
        return {name: _measured(name, metric, output, y) for name, metric in metrics.items()}


def _measured(name: str, metric: Metric, output: Tensor, y: Tensor) -> float:
    try:
        if isinstance(metric, Accumulating):
            metric.reset()
            metric.update(output, y)
            value = metric.compute()
            metric.reset()
        else:
            value = metric(output, y)
    except (ValueError, RuntimeError) as error:
        raise ValueError(
            f"metric {name} cannot judge output {tuple(output.shape)} against y {tuple(y.shape)}: {error}"
        ) from error
    if isinstance(value, Tensor) and value.numel() == 1:
        return float(value)
    if isinstance(value, Real):
        return float(value)
    raise TypeError(f"metric {name} must give one number, got {value!r} ({type(value).__name__})")


def _name(metric: object) -> str:
    return metric if isinstance(metric, str) else str(getattr(metric, "__name__", type(metric).__name__))


def _function(metric: str | Metric, place: str) -> Metric:
    if isinstance(metric, str):
        if metric not in METRICS:
            raise ValueError(f"{place} must be one of {', '.join(METRICS)} or a function; got {metric!r}")
        return METRICS[metric]
    if isinstance(metric, type) or not (callable(metric) or isinstance(metric, Accumulating)):
        raise TypeError(f"{place} must be a name or a function of (output, y), got {_checks.shown(metric)}")
    return metric


def _errors(name: str, output: Tensor, y: Tensor) -> Tensor:
    if output.shape != y.shape:
        raise ValueError(f"{name} takes output and y of one shape; got {tuple(output.shape)} and {tuple(y.shape)}")
    return output.double() - y.double()
