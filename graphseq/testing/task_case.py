"""The task that a check examines, and the claims about its batches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from graphseq import _checks
from graphseq._arguments import check_fields, checked_arguments
from graphseq.data.graph import SpaceTimeGraph
from graphseq.tasks.base import FixedTask, Regression, Task
from graphseq.testing.suite import Suite

Uninformative = Literal["target", "irrelevant", "nearer"]
UNINFORMATIVE = ("target", "irrelevant", "nearer")


@dataclass(frozen=True)
class TaskCase:
    """A task to be checked.

    Made by :func:`graphseq.testing.check_task`.

    Attributes:
        build: gives a new task, the same each time.
        relevant_node: the row of a sample that the last target row must know, where it is the same in all samples.
        uninformative: which inputs, all of them together, are claimed to say nothing of the answer: that of the target
            row ("target"), those of all but the relevant nodes ("irrelevant"), or, moreover, those of all rows that
            are nearer than ``hops`` ("nearer"). ``None`` claims nothing.
        answer: the answer as read from x (V, F) in which all rows but the relevant ones and the target are zero.
        samples: how many samples show whether irrelevant nodes say anything.
    """

    build: Callable[[], Task]
    relevant_node: int | None = None
    uninformative: Uninformative | None = "target"
    answer: Callable[[Tensor], float] | None = None
    samples: int = 4000

    def __post_init__(self) -> None:
        check_fields(self)

    @cached_property
    def task(self) -> Task:
        """The task, made once.

        Raises:
            TypeError: ``build`` gives something else.
        """
        task = self.build()
        if not isinstance(task, Task):
            raise TypeError(f"build must return a graphseq.tasks.Task, but returned a {type(task).__name__}")
        return task

    @property
    def name(self) -> str:
        """The name of its class."""
        return type(self.task).__name__

    @property
    def is_fixed(self) -> bool:
        """True if all samples have the same rows and edges."""
        return isinstance(self.task, FixedTask)

    @property
    def is_regression(self) -> bool:
        """True if targets are numbers instead of classes."""
        return isinstance(self.task, Regression)

    @property
    def is_per_graph(self) -> bool:
        """True if there is one target for each graph."""
        return self.task.per_graph

    @property
    def is_hidden(self) -> bool:
        """True if only the relevant nodes carry information on the target."""
        return self.uninformative in ("irrelevant", "nearer")

    @checked_arguments
    def batch(self, size: int, seed: int = 0) -> SpaceTimeGraph:
        """The batch of ``size`` samples of a seed."""
        return self.task.batch(size, torch.Generator().manual_seed(_checks.torch_seed("seed", seed)))


TASK_SUITE: Suite[TaskCase] = Suite()
"""The checks of :func:`check_task`, by name."""


def asked_graph(task: Task, graph: SpaceTimeGraph) -> Tensor:
    """The number of the graph of the batch that each answer belongs to, (K,)."""
    return torch.arange(graph.num_graphs) if task.per_graph else graph.batch[graph.target_rows]


def members(task: Task, graph: SpaceTimeGraph) -> list[SpaceTimeGraph]:
    """The graphs of a batch, each cut out by itself."""
    edge_index = graph.topology.spatial.edge_index
    owner = asked_graph(task, graph)
    cut = []
    for number in range(graph.num_graphs):
        rows = (graph.batch == number).nonzero()[:, 0]
        inside = (graph.batch[edge_index] == number).all(dim=0)
        position = torch.full((graph.num_nodes,), -1)
        position[rows] = torch.arange(len(rows))
        cut.append(
            SpaceTimeGraph(
                graph.x[rows],
                graph.node[rows].unique(return_inverse=True)[1],
                graph.time[rows],
                position[edge_index[:, inside]],
                y=graph.y[owner == number],
                target=None if task.per_graph else graph.target[rows],
            )
        )
    return cut
