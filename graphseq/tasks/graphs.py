"""Graphs that are there beforehand, with their answers: drawn from to train, each asked once to test."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from copy import copy
from typing import Self

import torch
from torch import Tensor

from graphseq import _checks
from graphseq.data.graph import SpaceTimeGraph
from graphseq.tasks._graph_store import Joined
from graphseq.tasks.base import Regression, Task, share_of_best_constant


class Collection(Task):
    """A task whose samples are graphs of a data set: :class:`GraphClassification` or :class:`GraphRegression`.

    ``hops`` is the farthest that a row is from an asked row that it leads to; where whole graphs are asked, the
    farthest that two rows are from each other. What is needed of real data is not known beforehand.

    Args:
        graphs: the data set, each graph with its ``y``.
    """

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
        """Of the whole data set, also where this is a part of it."""
        return self._joined.hops

    @property
    def answers(self) -> Tensor:
        """All answers, in the order of the graphs, (K, …)."""
        joined = self._joined
        return joined.y[joined.cut(self._numbers).answer]

    @property
    def numbers(self) -> Tensor:
        """Which graphs of the whole data set these are, counted from 0, (B,): rows of what else is known of them."""
        return self._numbers.clone()

    @property
    def config(self) -> dict[str, object]:
        """Name, size, which graphs, and a fingerprint of the data set."""
        which = hashlib.blake2b(self._numbers.numpy().tobytes(), digest_size=8).hexdigest()
        return {**super().config, "graphs": len(self), "which": which, "data": self._joined.digest}

    def __len__(self) -> int:
        """How many graphs there are."""
        return len(self._numbers)

    def batch(self, size: int, generator: torch.Generator) -> SpaceTimeGraph:
        """``size`` graphs drawn evenly: none a second time before each was drawn once."""
        return self._beside(self._drawn(size, generator))

    def _drawn(self, size: int, generator: torch.Generator) -> Tensor:
        passes, rest = divmod(_checks.at_least("size", size, 1), len(self))
        drawn = torch.randperm(len(self), generator=generator)[:rest]
        return torch.cat([torch.arange(len(self)).repeat(passes), drawn])

    def graphs(self, numbers: Tensor) -> SpaceTimeGraph:
        """These graphs, counted from 0, in this order; ``torch.arange(len(task))`` for all of them.

        Raises:
            TypeError, ValueError: numbers that are no integers 0 … len(task) - 1, (B,), at least one.
        """
        return self._beside(self._checked(numbers))

    def part(self, numbers: Tensor) -> Self:
        """The same task over these graphs alone.

        Args:
            numbers: counted from 0, each at most once, (B,).

        Raises:
            TypeError, ValueError: as for :meth:`graphs`, or a number that comes twice.
        """
        part, numbers = copy(self), self._checked(numbers)
        if len(numbers.unique()) != len(numbers):
            raise ValueError("numbers must name each graph at most once")
        part._select(self._numbers[numbers])
        return part

    def folds(self, count: int, *, seed: int = 0) -> list[tuple[Self, Self]]:
        """Pairs of tasks, to train and to test: each graph is in the test of one pair, and in the training of others.

        Graphs are shuffled, sorted by class where each has one, and dealt out in turn, so that sizes differ by one at
        most and classes are spread evenly.

        Args:
            count: how many pairs, from 2 up to the number of graphs.
            seed: of the shuffle.

        Raises:
            TypeError, ValueError: a count out of range, a negative seed.

        Example:
            >>> import graphseq as gs, torch
            >>> graphs = [gs.from_sequence(torch.tensor([[float(i)]]), y=torch.tensor([i % 2])) for i in range(6)]
            >>> [(len(train), sorted(test.answers.tolist())) for train, test in GraphClassification(graphs, 2).folds(3)]
            [(4, [0, 1]), (4, [0, 1]), (4, [0, 1])]
        """
        count, seed = _checks.at_least("count", count, 2), _checks.at_least("seed", seed, 0)
        if count > len(self):
            raise ValueError(f"count={count} folds need as many graphs; there are {len(self)}")
        order = torch.randperm(len(self), generator=torch.Generator().manual_seed(seed))
        if self.per_graph and not self.answers.is_floating_point():
            order = order[self.answers[order].argsort(stable=True)]
        fold = torch.empty_like(order)
        fold[order] = torch.arange(len(order)) % count
        sides = [(fold != number, fold == number) for number in range(count)]
        return [(self.part(train.nonzero()[:, 0]), self.part(test.nonzero()[:, 0])) for train, test in sides]

    def relevant_nodes(self, graph: SpaceTimeGraph) -> Tensor:
        """All rows of the graph that is asked, (K, V), ``bool``."""
        owner = graph.graph_index
        asked = owner.unique() if self.per_graph else owner[graph.target_rows]
        marks: Tensor = asked[:, None] == owner
        return marks

    def _beside(self, numbers: Tensor) -> SpaceTimeGraph:
        joined, at = self._joined, self._joined.cut(self._numbers[numbers])
        target = None if joined.target is None else joined.target[at.row]
        return SpaceTimeGraph.from_topology(
            at.topology, joined.x[at.row], y=joined.y[at.answer], target=target, batch=at.batch
        )

    def _checked(self, numbers: Tensor) -> Tensor:
        count = _checks.is_tensor("numbers", numbers).numel()
        numbers = _checks.integer_rows("numbers", numbers, count)
        if not count or int(numbers.min()) < 0 or int(numbers.max()) >= len(self):
            raise ValueError(f"numbers must name graphs 0 to {len(self) - 1}, at least one; got {numbers.tolist()}")
        return numbers

    def _chance(self, y: Tensor) -> float:
        """The score of the one output for all that is right most often."""
        return float(torch.bincount(y).max()) / len(y)


class GraphClassification(Collection):
    r"""Which class? Asked of each graph of a data set, or of each of its target rows.

    .. math:: y = \arg\max_c \, p_c(x, A), \quad c = 0, \dots, C - 1

    Chance is the share of the commonest class.

    Args:
        graphs: each a :class:`~graphseq.SpaceTimeGraph` by itself, with ``y``: without ``target``, the class of the
            graph, (1,); with it, one class for each target row, (K,). ``y`` (V,) without ``target`` asks every row.
        num_classes: C.

    Attributes:
        per_graph: whether whole graphs are asked, so that a model pools: ``Model(encoder, C, pool="mean")``.

    Shapes: of B graphs, y is (B,) or (K,).

    Raises:
        TypeError, ValueError: graphs that do not fit each other, answers that are no classes, ``num_classes`` below 2.

    Example:
        >>> import graphseq as gs, networkx as nx, torch
        >>> shapes = [nx.path_graph(4), nx.cycle_graph(4), nx.path_graph(6), nx.cycle_graph(6)]
        >>> graphs = [gs.from_graph(g, x=torch.ones(len(g), 1), y=torch.tensor([i % 2])) for i, g in enumerate(shapes)]
        >>> task = GraphClassification(graphs, num_classes=2)
        >>> len(task), task.hops, task.chance, task.graphs(torch.tensor([1, 2])).y.tolist()
        (4, 5, 0.5, [1, 0])
    """

    def __init__(self, graphs: Sequence[SpaceTimeGraph], num_classes: int) -> None:
        self.out_channels = _checks.at_least("num_classes", num_classes, 2)
        super().__init__(graphs)

    def _select(self, numbers: Tensor) -> None:
        self.best_constant(self._joined.y)  # refuses what is no class
        super()._select(numbers)


class GraphRegression(Regression, Collection):
    r"""Which C numbers? Asked of each graph of a data set, or of each of its target rows.

    Chance is the largest share of all answers within ``tolerance`` of one constant; of several numbers, the least such
    share, which no constant exceeds.

    Args:
        graphs: each a :class:`~graphseq.SpaceTimeGraph` by itself, with ``y``: without ``target``, the numbers of the
            graph, (1, C); with it, those of each target row, (K, C). Floats; best of about unit spread.
        tolerance: an answer is right when every number of it is nearer than this, in units of y.

    Attributes:
        per_graph: whether whole graphs are asked, so that a model pools: ``Model(encoder, C, pool="mean")``.

    Shapes: of B graphs, y is (B, C) or (K, C).

    Raises:
        TypeError, ValueError: graphs that do not fit each other, or answers of another kind.

    Example:
        >>> import graphseq as gs, torch
        >>> graphs = [gs.from_sequence(torch.ones(n, 1), y=torch.tensor([[float(n)]])) for n in (1, 2, 4)]
        >>> task = GraphRegression(graphs, tolerance=0.6)
        >>> task.best_constant(task.answers).tolist(), round(task.chance, 4)
        ([2.3333332538604736], 0.6667)
    """

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
        return min(share_of_best_constant(each, self.tolerance) for each in y.t())

    @property
    def config(self) -> dict[str, object]:
        """As of any collection, and the tolerance."""
        return {**super().config, "tolerance": self.tolerance}
