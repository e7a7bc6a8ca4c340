"""A model's answers to every window of a recording or every graph of a data set, and how well scores order pairs."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from graphseq import _checks
from graphseq.evaluation.evaluate import evaluating
from graphseq.tasks.graphs import Collection
from graphseq.tasks.windows import Windowed


class Predictions(NamedTuple):
    """Answers in the order of the windows, K in all."""

    node: Tensor  #: the node asked about, (K,); of pairs, from which to which, (K, 2)
    time: Tensor  #: when the answer was recorded, (K,)
    output: Tensor  #: what the model says, (K, C)
    y: Tensor  #: what was recorded, (K, C); of pairs, (K,)


def predict(
    model: nn.Module, task: Windowed, *, batch_size: int = 250, device: torch.device | str | None = None
) -> Predictions:
    """Ask ``model`` for every answer of ``task``, in the order of time.

    Args:
        model: asked in evaluation mode, without gradients, and put back, module by module, into the mode it was in.
        task: the part of a recording to go through, such as ``split.test``.
        batch_size: windows at a time.
        device: where to compute; without it, where the model is. What is returned is on the CPU.

    Raises:
        TypeError: a task that is not made of windows.
        ValueError: a batch size below 1.

    Example:
        >>> import graphseq as gs, torch
        >>> from graphseq.baselines.forecast import Persistence
        >>> task = gs.tasks.Forecasting(gs.from_sequence(torch.tensor([[1.0], [2.0], [4.0]])), lags=1)
        >>> predict(Persistence(), task).output.tolist()
        [[1.0], [2.0]]
    """
    if not isinstance(task, Windowed):
        raise TypeError(
            f"task must be made of windows, as Forecasting and LinkPrediction are; got {type(task).__name__}"
        )
    batch_size = _checks.at_least("batch_size", batch_size, 1)
    if device is None:
        device = next((p.device for p in model.parameters()), torch.device("cpu"))
    parts = []
    with evaluating(model):
        for numbers in torch.arange(len(task)).split(batch_size):
            graph = task.windows(numbers)
            window, node = task.asked(graph)
            with torch.no_grad():
                output = model(graph.to(device)).cpu()
            parts.append((node, task.answer_times(numbers)[window], output, graph.y.cpu()))
    return Predictions(*(torch.cat(part) for part in zip(*parts, strict=True)))


def outputs(
    model: nn.Module, task: Collection, *, batch_size: int = 250, device: torch.device | str | None = None
) -> Tensor:
    """What ``model`` says to every answer of a data set, in the order of ``task.answers``, (K, C).

    Args:
        model: asked in evaluation mode, without gradients, and put back, module by module, into the mode it was in.
        task: the data set or a part of it, such as the test of a fold.
        batch_size: graphs at a time.
        device: where to compute; without it, where the model is. What is returned is on the CPU.

    Raises:
        TypeError: a task that is no data set.
        ValueError: a batch size below 1.

    Example:
        >>> import graphseq as gs, torch
        >>> graphs = [gs.from_sequence(torch.zeros(2, 1), y=torch.tensor([c])) for c in (0, 1, 1)]
        >>> task = gs.tasks.GraphClassification(graphs, num_classes=2)
        >>> model = gs.nn.Model(gs.nn.RNN(1, 4), 2, pool="mean")
        >>> outputs(model, task).shape
        torch.Size([3, 2])
    """
    if not isinstance(task, Collection):
        raise TypeError(
            f"task must be a data set, as GraphClassification and GraphRegression are; got {type(task).__name__}"
        )
    batch_size = _checks.at_least("batch_size", batch_size, 1)
    if device is None:
        device = next((p.device for p in model.parameters()), torch.device("cpu"))
    with evaluating(model), torch.no_grad():
        parts = torch.arange(len(task)).split(batch_size)
        return torch.cat([model(task.graphs(numbers).to(device)).cpu() for numbers in parts])
