"""Outputs and answers of a whole test set, with the hops that each question needs and the family of its graph."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from graphseq import seeding
from graphseq.data.graph import SpaceTimeGraph
from graphseq.tasks.base import Task
from graphseq.tasks.characters import Characters
from graphseq.tasks.graphs import Collection
from graphseq.tasks.longrange.distances import GraphDistances


class Answered(NamedTuple):
    """The outputs of a model to all questions of a test set."""

    output: Tensor  #: (K, C)
    y: Tensor  #: (K, …)
    hops: Tensor  #: hops needed, (K,); of a text, the earlier characters in the window
    family: Tensor  #: number of the family of the graph, (K,); 0 where there is none


def answered(
    model: Callable[[SpaceTimeGraph], Tensor], task: Task, *, samples: int, seed: int = 0, rows: int = 4000
) -> Answered:
    """Ask a model all questions of a data set, or those of a sample of fresh graphs.

    Args:
        model: gives outputs (K, C) from a graph.
        task: the test part.
        samples: fresh graphs, where the task is no data set.
        seed: of the sample, apart from those of training and validation.
        rows: rows in memory at a time, about.
    """
    parts = [_ask(model, task, graph, numbers) for graph, numbers in _graphs(task, samples, seed, rows)]
    return Answered(*(torch.cat(part) for part in zip(*parts, strict=True)))


def _graphs(task: Task, samples: int, seed: int, rows: int) -> Iterator[tuple[SpaceTimeGraph, Tensor]]:
    is_set = isinstance(task, Collection)
    generator = torch.Generator().manual_seed(seeding.derive(seed, seeding.EVALUATE))
    count = len(task) if isinstance(task, Collection) else samples
    first = task.graphs(torch.tensor([0])) if isinstance(task, Collection) else task.batch(1, torch.Generator())
    size = max(1, rows // first.num_nodes)
    for start in range(0, count, size):
        numbers = torch.arange(start, min(start + size, count))
        yield task.graphs(numbers) if is_set else task.batch(len(numbers), generator), numbers  # type: ignore[attr-defined]


def _ask(
    model: Callable[[SpaceTimeGraph], Tensor], task: Task, graph: SpaceTimeGraph, numbers: Tensor
) -> tuple[Tensor, ...]:
    with torch.no_grad():
        output = model(graph)
    owner = torch.arange(graph.num_graphs) if task.per_graph else graph.graph_index[graph.target_rows]
    if isinstance(task, GraphDistances):
        number_of = {name: number for number, name in enumerate(task.family_names)}
        own = task.families
        family = torch.tensor([number_of[own[number]] for number in numbers.tolist()])[owner]
        return output, graph.y, task.hops_needed(graph), family
    if isinstance(task, Characters):  # how far back an answer depends on the text is not known
        return output, graph.y, graph.time[graph.target_rows], torch.zeros_like(owner)
    return output, graph.y, torch.full((len(owner),), task.hops), torch.zeros_like(owner)
