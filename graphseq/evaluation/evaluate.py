"""How good a model is, on a sample of its own, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from scipy import stats
from torch import Tensor, nn

from graphseq import _checks, seeding
from graphseq.data.graph import SpaceTimeGraph
from graphseq.tasks.answers import check_model, check_task, loss_of
from graphseq.tasks.base import Task
from graphseq.tasks.graphs import Collection


@dataclass(frozen=True)
class Evaluation:
    """A score with its 95 % confidence interval.

    Attributes:
        score: mean score over the sampled graphs, 1 being all right.
        low: lower end of the interval.
        high: upper end of the interval.
        loss: mean loss an asked row, in the units of the task's loss: nats for classes, squared units of the answer
            for numbers.
        chance: the score of a guess that knows nothing of the input.
        samples: graphs in the sample.
    """

    score: float
    low: float
    high: float
    loss: float
    chance: float
    samples: int

    @property
    def bits(self) -> float:
        """Mean loss in bits, where it is in nats, as for classes: for text, bits a character."""
        return self.loss / math.log(2)

    def __str__(self) -> str:
        """Score, interval and chance on one line."""
        return f"{self.score:.1%} [{self.low:.1%}, {self.high:.1%}], chance {self.chance:.1%}"


def evaluate(
    model: nn.Module,
    task: Task,
    *,
    samples: int | None = None,
    batch_size: int = 250,
    seed: int = 0,
    device: torch.device | str | None = None,
) -> Evaluation:
    """Judge ``model`` on fresh graphs, which no training run with any seed drew, or on each graph of a data set.

    Graphs are the units of the sample: the interval is Wilson's where each is right or wrong as a whole, and Student's
    over the graphs' means where a graph has several asked rows or pairs, since those are not independent.

    Args:
        model: judged in evaluation mode, and put back, module by module, into the mode it was in.
        task: where the graphs come from; of a split text or a data set, the part held out.
        samples: graphs to draw. Without it each graph of a data set once, and 1000 of any other task.
        batch_size: graphs at a time.
        seed: 0 or more; this stream of graphs is apart from those of training.
        device: where to compute; without it, where the model is.

    Raises:
        ValueError: a size below 1.

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
    means, losses, weights = [], [], []
    with evaluating(model):
        for drawn in _batches(task, samples, batch_size, seed):
            graph = drawn.to(device)
            with torch.no_grad():
                output = model(graph)
                losses.append(float(loss_of(task, output, graph.y)))
                means.append(_per_graph(task.score(output, graph.y).cpu(), graph))
            weights.append(len(output))
    scores = torch.cat(means).double()
    low, high = _interval(scores)
    loss = sum(a * b for a, b in zip(losses, weights, strict=True)) / sum(weights)
    return Evaluation(float(scores.mean()), low, high, loss, task.chance, len(scores))


def device_of(model: nn.Module, device: torch.device | str | None) -> torch.device:
    """The device to compute on: the given one, else the model's.

    Raises:
        ValueError: a device that is not there.
    """
    if device is not None:
        return _checks.device("device", device)
    return next((parameter.device for parameter in model.parameters()), torch.device("cpu"))


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Have ``model`` in evaluation mode, and put it back, module by module, into the mode it was in."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


def _batches(task: Task, samples: int | None, batch_size: int, seed: int) -> Iterator[SpaceTimeGraph]:
    if samples is None and isinstance(task, Collection):
        yield from (task.graphs(numbers) for numbers in torch.arange(len(task)).split(batch_size))
        return
    samples = 1000 if samples is None else samples
    for number, start in enumerate(range(0, samples, batch_size)):
        generator = torch.Generator().manual_seed(seeding.derive(seed, seeding.EVALUATE, number))
        yield task.batch(min(batch_size, samples - start), generator)


def _per_graph(scores: Tensor, graph: SpaceTimeGraph) -> Tensor:
    """Mean score of each graph that is asked anything, (B,)."""
    pairs = graph.get("edge_label_index")
    rows = (graph.target_rows if pairs is None else pairs[0]).cpu()  # a pair is asked in the graph of its rows
    if len(scores) != len(rows):  # a model that answers once a graph
        return scores
    owner = graph.graph_index.cpu()[rows]
    asked = torch.bincount(owner)
    return (torch.bincount(owner, weights=scores) / asked)[asked > 0]


def _interval(scores: Tensor) -> tuple[float, float]:
    n = len(scores)
    if bool(((scores == 0) | (scores == 1)).all()):
        wilson = stats.binomtest(int(scores.sum()), n).proportion_ci(0.95, method="wilson")
        return float(wilson.low), float(wilson.high)
    half = float(stats.t.ppf(0.975, n - 1) * scores.std() / math.sqrt(n)) if n > 1 else math.inf
    mean = float(scores.mean())
    return max(0.0, mean - half), min(1.0, mean + half)
