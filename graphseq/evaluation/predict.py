"""A model's outputs for every answer of a task, in one form whatever the task."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq.data.graph import SpaceTimeGraph
from graphseq.evaluation.evaluate import batches, device_of
from graphseq.evaluation.modes import evaluating
from graphseq.evaluation.outputs import outputs_of, placed
from graphseq.tasks.answers import check_model, check_task, mismatch
from graphseq.tasks.base import Task
from graphseq.tasks.graphs import Collection
from graphseq.tasks.windows import Windowed


class Predictions(NamedTuple):
    """Outputs and answers in the order of the task, K in all.

    Returned by :func:`graphseq.predict`.
    """

    node: Tensor  #: the node asked about, (K,); of pairs, from which to which, (K, 2); of whole graphs none, (K, 0)
    time: Tensor  #: when the answer was recorded, (K,); of whole graphs none, (K, 0)
    output: Tensor  #: the model's output, (K, C)
    y: Tensor  #: the answer: numbers (K, C), or classes (K,)

    def __repr__(self) -> str:
        """The shape of each part."""
        return f"Predictions({', '.join(f'{name}={list(part.shape)}' for name, part in self._asdict().items())})"


@checked_arguments
def predict(
    model: nn.Module,
    task: Task,
    *,
    samples: int | None = None,
    batch_size: int = 250,
    seed: int = 0,
    device: torch.device | str | None = None,
) -> Predictions:
    """Compute the model's output for every answer of ``task``.

    A recording is gone through window by window, in the order of time, and a data set graph by graph, each once. Any
    other task draws fresh graphs, those of :func:`~graphseq.evaluate`. Nodes are numbered as in the recording, in the
    graph of the data set, or, where the task cuts neighbourhoods out of one large graph, by its rows.

    Args:
        model: used in evaluation mode, without gradients; the mode of each module is restored.
        task: the whole task, or a part of it such as ``split.test`` or the test of a fold.
        samples: graphs to draw, of a task that draws fresh ones; 1000 by default.
        batch_size: windows or graphs at a time.
        seed: of the graphs that are drawn.
        device: where to compute; without it, where the model is. What is returned is on the CPU.

    Raises:
        TypeError: no model, or no task.
        ValueError: a size below 1, ``samples`` for a task that is gone through as it is, outputs that are not one an
            answer, or a device that is not there.
        RuntimeError: another thread is training the model; several may evaluate it at once.

    Example:
        >>> import graphseq as gs, torch
        >>> from graphseq.baselines.forecast import Persistence
        >>> task = gs.tasks.Forecasting(gs.from_sequence(torch.tensor([[1.0], [2.0], [4.0]])), lags=1)
        >>> predict(Persistence(), task).output.tolist()
        [[1.0], [2.0]]
    """
    check_model(model)
    check_task(task)
    batch_size = _checks.at_least("batch_size", batch_size, 1)
    if samples is not None:
        _checks.at_least("samples", samples, 1)
    if samples is not None and isinstance(task, Windowed | Collection):
        kind = "windows" if isinstance(task, Windowed) else "graphs"
        raise ValueError(
            f"samples={samples} was given, but all {len(task)} {kind} of {type(task).__name__} are predicted"
        )
    device = device_of(model, device)
    parts = []
    with evaluating(model), torch.no_grad():
        for graph, node, time in _asked(task, samples, batch_size, seed):
            moved = placed(task, graph, device)
            y = moved.y.cpu()
            output = outputs_of(model, moved).cpu()
            if len(output) != len(y):
                raise ValueError(
                    mismatch(task, output, y) or f"{len(y)} answers need as many outputs, got {len(output)}"
                )
            parts.append((node, time, output, y))
    return Predictions(*(torch.cat(part) for part in zip(*parts, strict=True)))


def _asked(
    task: Task, samples: int | None, batch_size: int, seed: int
) -> Iterator[tuple[SpaceTimeGraph, Tensor, Tensor]]:
    """Batches, and the node and the time of each of their answers."""
    if isinstance(task, Windowed):
        for numbers in torch.arange(len(task)).split(batch_size):
            graph = task.windows(numbers)
            window, node = task.asked(graph)
            yield graph, node, task.answer_times(numbers)[window]
        return
    for graph in batches(task, samples, batch_size, seed):
        yield graph, *_places(task, graph)


def _places(task: Task, graph: SpaceTimeGraph) -> tuple[Tensor, Tensor]:
    """The node of each answer, numbered as in its own graph, and its time."""
    if task.per_graph:
        none = torch.empty(len(graph.y), 0, dtype=torch.long)
        return none, none
    pairs, batch, number = graph.get("edge_label_index"), graph.get("batch"), graph.get("n_id")
    rows = graph.target_rows if pairs is None else pairs.t()
    if number is not None:
        node = number
    elif batch is None:
        node = graph.node
    else:
        highest = torch.full((graph.num_graphs,), -1).scatter_reduce(0, batch, graph.node, "amax")
        offset = torch.cat([highest.new_zeros(1), highest.cummax(0).values + 1])[:-1]
        node = graph.node - offset[batch]
    return node[rows].cpu(), graph.time[rows if pairs is None else pairs[0]].cpu()
