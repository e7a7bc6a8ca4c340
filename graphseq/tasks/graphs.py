"""Tasks on a data set of graphs with answers: random batches for training, each graph once for testing."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from copy import copy
from typing import Self

import torch
from torch import Tensor

from graphseq import _checks
from graphseq._arguments import checked_arguments, checked_but
from graphseq.data.graph import SpaceTimeGraph
from graphseq.tasks._graph_store import Joined
from graphseq.tasks.base import Regression, Task, of_own_batch, share_of_best_constant


class Collection(Task):
    """A task whose samples are graphs of a data set: :class:`GraphClassification` or :class:`GraphRegression`.

    ``hops`` is the largest distance of a row from a target row that it leads to, or between any two rows if there is
    one answer for each graph. The needed inputs of real data are not known.

    Args:
        graphs: the data set, each graph with ``y``.
    """

    @checked_but("graphs")
    def __init__(self, graphs: Sequence[SpaceTimeGraph]) -> None:
        self._joined = Joined(graphs)
        self.per_graph = self._joined.per_graph
        x = self._joined.x
        self.in_channels = x.shape[1] if x.dim() == 2 else int(x.max()) + 1
        self._select(torch.arange(len(self._joined)))

    def _select(self, numbers: Tensor) -> None:
        self._numbers = numbers
        self.chance = self._chance(self.answers)

    @property
    def hops(self) -> int:  # type: ignore[override]
        """The largest distance in the whole data set, also for a part of it."""
        return self._joined.hops

    @property
    def answers(self) -> Tensor:
        """All answers in the order of the graphs, (K, …)."""
        joined = self._joined
        return joined.y[joined.cut(self._numbers).answer]

    @property
    def numbers(self) -> Tensor:
        """Numbers of these graphs in the whole data set, counted from 0, (B,)."""
        return self._numbers.clone()

    @property
    def config(self) -> dict[str, object]:
        """Name, size, numbers of the graphs, and a hash of the data set."""
        which = hashlib.blake2b(self._numbers.numpy().tobytes(), digest_size=8).hexdigest()
        return {**super().config, "graphs": len(self), "which": which, "data": self._joined.digest}

    def __len__(self) -> int:
        """Return the number of graphs."""
        return len(self._numbers)

    @checked_arguments
    def batch(self, size: int, generator: torch.Generator) -> SpaceTimeGraph:
        """Return ``size`` random graphs, drawn without replacement until all have been drawn."""
        return self._beside(self._drawn(size, generator))

    def _drawn(self, size: int, generator: torch.Generator) -> Tensor:
        passes, remainder = divmod(_checks.at_least("size", size, 1), len(self))
        numbers = torch.randperm(len(self), generator=generator)[:remainder]
        return torch.cat([torch.arange(len(self)).repeat(passes), numbers])

    @checked_arguments
    def graphs(self, numbers: Tensor) -> SpaceTimeGraph:
        """Return these graphs, counted from 0, in this order; ``torch.arange(len(task))`` for all of them.

        Raises:
            TypeError, ValueError: numbers that are not integers 0 … len(task) - 1, (B,), at least one.
        """
        return self._beside(self._checked(numbers))

    @checked_arguments
    def part(self, numbers: Tensor) -> Self:
        """Return the same task on some of the graphs.

        Args:
            numbers: numbers of graphs, counted from 0, each at most once, (B,).

        Raises:
            TypeError, ValueError: as for :meth:`graphs`, or a number that occurs twice.
        """
        task, numbers = copy(self), self._checked(numbers)
        if len(numbers.unique()) != len(numbers):
            raise ValueError("numbers must name each graph at most once")
        task._select(self._numbers[numbers])
        return task

    @checked_arguments
    def folds(self, count: int, *, seed: int = 0) -> list[tuple[Self, Self]]:
        """Return pairs of a training and a test task for cross-validation; each graph is in one test task.

        Graphs are shuffled, sorted by class if each has one, and assigned to folds in turn, so that sizes differ by at
        most one and folds are stratified by class.

        Args:
            count: number of folds, from 2 to the number of graphs.
            seed: seed of the shuffle.

        Raises:
            TypeError, ValueError: a count out of range, a negative seed.

        Example:
            >>> import graphseq as gs, torch
            >>> graphs = [gs.from_sequence(torch.tensor([[float(i)]]), y=torch.tensor([i % 2])) for i in range(6)]
            >>> [(len(train), sorted(test.answers.tolist())) for train, test in GraphClassification(graphs, 2).folds(3)]
            [(4, [0, 1]), (4, [0, 1]), (4, [0, 1])]
        """
        count, seed = _checks.at_least("count", count, 2), _checks.seed("seed", seed)
        if count > len(self):
            raise ValueError(f"count={count} folds need as many graphs; there are {len(self)}")
        order = torch.randperm(len(self), generator=torch.Generator().manual_seed(_checks.torch_seed("seed", seed)))
        if self.per_graph and not self.answers.is_floating_point():
            order = order[self.answers[order].argsort(stable=True)]
        fold = torch.empty_like(order)
        fold[order] = torch.arange(len(order)) % count
        sides = [(fold != number, fold == number) for number in range(count)]
        return [(self.part(train.nonzero()[:, 0]), self.part(test.nonzero()[:, 0])) for train, test in sides]

    @checked_arguments
    @of_own_batch
    def relevant_nodes(self, graph: SpaceTimeGraph) -> Tensor:
        """Return all rows of the graph of each answer, (K, V), ``bool``."""
        owner = graph.graph_index
        graphs = owner.unique() if self.per_graph else owner[graph.target_rows]
        marks: Tensor = graphs[:, None] == owner
        return marks

    def _beside(self, numbers: Tensor) -> SpaceTimeGraph:
        joined, batch = self._joined, self._joined.cut(self._numbers[numbers])
        target = None if joined.target is None else joined.target[batch.row]
        return SpaceTimeGraph.from_topology(
            batch.topology, joined.x[batch.row], y=joined.y[batch.answer], target=target, batch=batch.batch
        )

    def _checked(self, numbers: Tensor) -> Tensor:
        count = _checks.is_tensor("numbers", numbers).numel()
        numbers = _checks.integer_rows("numbers", numbers, count)
        if not count or int(numbers.min()) < 0 or int(numbers.max()) >= len(self):
            raise ValueError(f"numbers must name graphs 0 to {len(self) - 1}, at least one; got {numbers.tolist()}")
        return numbers

    def _chance(self, y: Tensor) -> float:
        """Return the highest score of a constant output."""
        return float(torch.bincount(y).max()) / len(y)


class GraphClassification(Collection):
    r"""Classification of each graph of a data set, or of each of its target rows.

    .. math:: y = \arg\max_c \, p_c(x, A), \quad c = 0, \dots, C - 1

    Chance is the share of the most frequent class.

    Args:
        graphs: single :class:`~graphseq.SpaceTimeGraph` objects with ``y``: without ``target``, the class of the graph,
            (1,); with it, one class for each target row, (K,). With ``y`` (V,) and no ``target`` every row is a target.
        num_classes: C.

    Attributes:
        per_graph: True if there is one answer for each graph, so that a model must pool:
            ``Model(encoder, C, pool="mean")``.

    Shapes: y of B graphs is (B,) or (K,).

    Raises:
        TypeError, ValueError: graphs that do not fit each other, answers that are not classes, ``num_classes`` below 2.

    Example:
        >>> import graphseq as gs, networkx as nx, torch
        >>> shapes = [nx.path_graph(4), nx.cycle_graph(4), nx.path_graph(6), nx.cycle_graph(6)]
        >>> graphs = [gs.from_graph(g, x=torch.ones(len(g), 1), y=torch.tensor([i % 2])) for i, g in enumerate(shapes)]
        >>> task = GraphClassification(graphs, num_classes=2)
        >>> len(task), task.hops, task.chance, task.graphs(torch.tensor([1, 2])).y.tolist()
        (4, 5, 0.5, [1, 0])
    """

    @checked_but("graphs")
    def __init__(self, graphs: Sequence[SpaceTimeGraph], num_classes: int) -> None:
        self.out_channels = _checks.at_least("num_classes", num_classes, 2)
        super().__init__(graphs)

    def _select(self, numbers: Tensor) -> None:
        self.best_constant(self._joined.y)  # raises for other answers
        super()._select(numbers)


class GraphRegression(Regression, Collection):
    r"""Regression of C numbers for each graph of a data set, or for each of its target rows.

    Chance is the largest share of all answers within ``tolerance`` of one constant; of several numbers, the smallest
    such share, which no constant exceeds.

    Args:
        graphs: single :class:`~graphseq.SpaceTimeGraph` objects with ``y``: without ``target``, the numbers of the
            graph, (1, C); with it, those of each target row, (K, C). Floats, with a standard deviation of about 1.
        tolerance: error below which each number of an answer is correct, in units of y.

    Attributes:
        per_graph: True if there is one answer for each graph, so that a model must pool:
            ``Model(encoder, C, pool="mean")``.

    Shapes: y of B graphs is (B, C) or (K, C).

    Raises:
        TypeError, ValueError: graphs that do not fit each other, or answers that are not floats.

    Example:
        >>> import graphseq as gs, torch
        >>> graphs = [gs.from_sequence(torch.ones(n, 1), y=torch.tensor([[float(n)]])) for n in (1, 2, 4)]
        >>> task = GraphRegression(graphs, tolerance=0.6)
        >>> task.best_constant(task.answers).tolist(), round(task.chance, 4)
        ([2.3333332538604736], 0.6667)
    """

    @checked_but("graphs")
    def __init__(self, graphs: Sequence[SpaceTimeGraph], *, tolerance: float = 0.5) -> None:
        self.tolerance = _checks.positive("tolerance", tolerance)
        super().__init__(graphs)

    def _select(self, numbers: Tensor) -> None:
        y = self._joined.y
        if y.dim() != 2 or not y.is_floating_point() or not bool(y.isfinite().all()):
            raise ValueError(
                f"y must hold finite floats, (1, C) a graph or (K, C); got {y.dtype} {tuple(y.shape)} in all"
            )
        self.out_channels = y.shape[1]
        super()._select(numbers)

    def _chance(self, y: Tensor) -> float:
        return min(share_of_best_constant(channel, self.tolerance) for channel in y.t())

    @property
    def config(self) -> dict[str, object]:
        """Config of any collection, and the tolerance."""
        return {**super().config, "tolerance": self.tolerance}
