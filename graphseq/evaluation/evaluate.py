"""Evaluation of a model on a sample that no training saw, with confidence intervals."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from scipy import stats
from torch import Tensor, nn

from graphseq import _checks, seeding
from graphseq._arguments import checked_but
from graphseq.data.graph import SpaceTimeGraph
from graphseq.evaluation.metrics import MEANS, Metric, accuracy, by_name, measure
from graphseq.evaluation.modes import evaluating
from graphseq.evaluation.outputs import outputs_of, placed
from graphseq.tasks.answers import check_model, check_task, loss_of, not_finite
from graphseq.tasks.base import Regression, Task
from graphseq.tasks.graphs import Collection

_OF_REGRESSIONS = ("mse", "mae")


class Estimate(NamedTuple):
    """A metric with its 95 % confidence interval; without one, where the metric is no mean over answers.

    Returned by :func:`graphseq.evaluate`, once for each metric.
    """

    value: float
    low: float | None = None
    high: float | None = None

    def __str__(self) -> str:
        """Value and interval."""
        interval = "" if self.low is None or self.high is None else f" [{self.low:.4g}, {self.high:.4g}]"
        return f"{self.value:.4g}{interval}"


@dataclass(frozen=True)
class Evaluation:
    """A model's score on a sample, with its 95 % confidence interval, and its metrics.

    Returned by :func:`graphseq.evaluate`.

    Attributes:
        score: mean score over the sampled graphs, 1 being all right.
        low: lower end of the interval.
        high: upper end of the interval.
        loss: mean loss an answer, in the units of the task's loss: nats for classes, squared units of the answer for
            numbers.
        chance: the score of a guess that knows nothing of the input.
        samples: graphs in the sample.
        metrics: the metrics by name: those that were asked for, and MSE and MAE of every regression.
    """

    score: float
    low: float
    high: float
    loss: float
    chance: float
    samples: int
    metrics: Mapping[str, Estimate] = field(default_factory=dict, hash=False)

    def record(self) -> dict[str, float]:
        """Everything but the metrics, by name, for a table of results."""
        names = ("score", "low", "high", "loss", "chance", "samples")
        return {name: getattr(self, name) for name in names}

    @property
    def bits(self) -> float:
        """Mean loss in bits, where it is in nats, as for classes: for text, bits a character."""
        return self.loss / math.log(2)

    def __str__(self) -> str:
        """Metrics with their intervals, on one line; for classes score, interval and chance come first."""
        parts = [f"{_TITLES.get(name, name)} {estimate}" for name, estimate in self.metrics.items()]
        if "mse" not in self.metrics:
            parts.insert(0, f"{self.score:.1%} [{self.low:.1%}, {self.high:.1%}], chance {self.chance:.1%}")
        return ", ".join(parts)


_TITLES = {"mse": "MSE", "mae": "MAE", "r2": "R²", "average_precision": "average precision"}


@checked_but("metrics", "task")
def evaluate(
    model: nn.Module,
    task: Task,
    *,
    samples: int | None = None,
    batch_size: int = 250,
    seed: int = 0,
    device: torch.device | str | None = None,
    metrics: Sequence[str | Metric] | Mapping[str, str | Metric] = (),
) -> Evaluation:
    """Evaluate ``model`` on fresh graphs, which no training with any seed draws, or on each graph of a data set.

    Graphs are the units of the sample: the interval is Wilson's where each is right or wrong as a whole, and Student's
    over the graphs' means where a graph has several target rows or pairs, since those are not independent.

    Args:
        model: used in evaluation mode; the mode of each module is restored.
        task: where the graphs come from; of a split text or a data set, the part held out.
        samples: graphs to draw. Without it each graph of a data set once, and 1000 of any other task.
        batch_size: graphs at a time.
        seed: 0 or more; this stream of graphs is apart from those of training.
        device: where to compute; without it, where the model is.
        metrics: what to measure on the whole sample beside score and loss: "accuracy", "mse", "mae", "r2",
            "average_precision", functions of (output, y), and metrics of torchmetrics; or a mapping from names to
            these. MSE and MAE of a regression are always there. The first three have an interval, Student's over
            graphs.

    Raises:
        TypeError: no model, no task, or no metric.
        ValueError: a size below 1, outputs that do not fit the task, or a device that is not there.
        RuntimeError: another thread is training the model; several may evaluate it at once.

    Example:
        >>> import graphseq as gs
        >>> task = gs.tasks.Transfer(length=9)
        >>> model = gs.nn.Model(gs.nn.MLP(task.in_channels, 16), task.out_channels)
        >>> result = gs.evaluate(model, task, seed=1)
        >>> result.low < task.chance < result.high
        True
    """
    check_model(model)
    check_task(task)
    if samples is not None:
        _checks.at_least("samples", samples, 1)
    _checks.at_least("batch_size", batch_size, 1)
    device = device_of(model, device)
    chosen = by_name([*_OF_REGRESSIONS]) if isinstance(task, Regression) else {}
    chosen |= by_name(metrics)
    means, losses, answers = [], [], []
    with evaluating(model):
        for batch in batches(task, samples, batch_size, seed):
            graph = placed(task, batch, device)
            with torch.no_grad():
                output = outputs_of(model, graph)
                losses.append(float(loss_of(task, output, graph.y)))
                if not math.isfinite(losses[-1]) and (place := not_finite(graph.x, graph.y)):
                    raise ValueError(f"a batch of {type(task).__name__} has {place}; all numbers must be finite")
                means.append(_per_graph(task.score(output, graph.y).cpu(), graph))
            needed = output.cpu() if chosen else output[:, :0]
            answers.append(_Answers(needed, graph.y.cpu(), _owners(graph, len(output))))
    scores = torch.cat(means).double()
    low, high = _interval(scores)
    weights = [len(part.output) for part in answers]
    loss = sum(a * b for a, b in zip(losses, weights, strict=True)) / sum(weights)
    estimates = _estimates(chosen, answers)
    return Evaluation(float(scores.mean()), low, high, loss, task.chance, len(scores), estimates)


def device_of(model: nn.Module, device: torch.device | str | None) -> torch.device:
    """The device to compute on: the given one, else the model's.

    Raises:
        ValueError: a device that is not there.
    """
    if device is not None:
        return _checks.device("device", device)
    return next((parameter.device for parameter in model.parameters()), torch.device("cpu"))


def batches(task: Task, samples: int | None, batch_size: int, seed: int) -> Iterator[SpaceTimeGraph]:
    """Each graph of a data set once, or fresh graphs, 1000 where ``samples`` is left out."""
    if samples is None and isinstance(task, Collection):
        yield from (task.graphs(numbers) for numbers in torch.arange(len(task)).split(batch_size))
        return
    samples = 1000 if samples is None else samples
    for number, start in enumerate(range(0, samples, batch_size)):
        generator = torch.Generator().manual_seed(seeding.derive(seed, seeding.EVALUATE, number))
        yield task.batch(min(batch_size, samples - start), generator)


class _Answers(NamedTuple):
    """Outputs and answers of a batch."""

    output: Tensor
    y: Tensor
    graph: Tensor  #: of the batch, which each answer belongs to, (K,)


def _owners(graph: SpaceTimeGraph, answers: int) -> Tensor:
    """The graph of the batch that each answer belongs to, (K,)."""
    pairs, batch = graph.get("edge_label_index"), graph.get("batch")
    rows = (graph.target_rows if pairs is None else pairs[0]).cpu()  # a pair is asked in the graph of its rows
    if answers != len(rows):  # a model that answers once a graph
        return torch.arange(answers)
    return torch.zeros_like(rows) if batch is None else batch.cpu()[rows]


def _per_graph(scores: Tensor, graph: SpaceTimeGraph) -> Tensor:
    """Mean score of each graph with at least one answer, (B,)."""
    owner = _owners(graph, len(scores))
    counts = torch.bincount(owner)
    return (torch.bincount(owner, weights=scores) / counts)[counts > 0]


def _estimates(metrics: Mapping[str, Metric], answers: Sequence[_Answers]) -> dict[str, Estimate]:
    """Every metric of the whole sample, with an interval where it is a mean over answers."""
    if not metrics:
        return {}
    output, y = (torch.cat([getattr(part, name) for part in answers]) for name in ("output", "y"))
    values = measure(metrics, output, y)
    shifts = torch.tensor([0, *(int(part.graph.max()) + 1 for part in answers)]).cumsum(0)
    owner = torch.cat([part.graph + shift for part, shift in zip(answers, shifts[:-1], strict=True)])
    estimates = {}
    for name, metric in metrics.items():
        if metric not in MEANS:
            estimates[name] = Estimate(values[name])
            continue
        low, high = _mean_interval(MEANS[metric](output, y), owner, values[name])
        estimates[name] = Estimate(values[name], low, min(high, 1.0) if metric is accuracy else high)
    return estimates


def _mean_interval(values: Tensor, owner: Tensor, mean: float) -> tuple[float, float]:
    r"""The 95 % interval of the mean of values (K,), of which those of one graph are not independent.

    .. math:: \bar x \pm t_{G-1} \sqrt{\frac{1}{G (G-1)} \sum_g \left(\frac{n_g (\bar x_g - \bar x)}{\bar n}\right)^2}

    Student's over the graphs' means where graphs have equally many answers.
    """
    counts = torch.bincount(owner)
    deviations = torch.bincount(owner, weights=values.double() - mean)[counts > 0] / counts[counts > 0].double().mean()
    graphs = len(deviations)
    if graphs < 2:
        return 0.0, math.inf
    half = float(stats.t.ppf(0.975, graphs - 1) * (deviations.square().sum() / (graphs * (graphs - 1))).sqrt())
    return max(0.0, mean - half), mean + half


def _interval(scores: Tensor) -> tuple[float, float]:
    n = len(scores)
    if bool(((scores == 0) | (scores == 1)).all()):
        wilson = stats.binomtest(int(scores.sum()), n).proportion_ci(0.95, method="wilson")
        return float(wilson.low), float(wilson.high)
    half = float(stats.t.ppf(0.975, n - 1) * scores.std() / math.sqrt(n)) if n > 1 else math.inf
    mean = float(scores.mean())
    return max(0.0, mean - half), min(1.0, mean + half)
