"""Tasks on the rows of one large graph: each target row is a sample with its neighbourhood, whole or sampled."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor

from graphseq import _checks, seeding
from graphseq._arguments import checked_arguments
from graphseq.data.graph import SpaceTimeGraph
from graphseq.data.neighbor_sampler import NeighborSampler
from graphseq.tasks.base import Regression, share_of_best_constant
from graphseq.tasks.graphs import Collection

MASKS = ("train_mask", "val_mask", "test_mask")
"""The masks of PyG's data sets."""


class Neighborhoods(Collection):
    """A task whose samples are the target rows of one graph; :class:`NodeClassification` and :class:`NodeRegression`.

    ``hops`` is the number of hops of the neighbourhoods. The needed inputs of real data are not known.

    Args:
        graph: the whole graph, with ``y``: one entry for each target row, (K, …).
        num_neighbors: see :class:`~graphseq.data.neighbor_sampler.NeighborSampler`.
        mask: see :class:`NodeClassification`.
        causal: use temporal edges past → future only, for a model built with ``causal=True``.
    """

    @checked_arguments
    def __init__(self, graph: SpaceTimeGraph, num_neighbors: Sequence[int], *, mask: str | None, causal: bool) -> None:
        # Replaces Collection's constructor, which joins many graphs: here samples are cut out of one.
        if not isinstance(graph, SpaceTimeGraph):
            raise TypeError(f"graph must be a SpaceTimeGraph, got {type(graph).__name__}")
        self._sampler = NeighborSampler(graph, num_neighbors, causal=causal)
        self._rows, y = graph.target_rows, graph.get("y")
        if not isinstance(y, Tensor) or y.dim() == 0 or len(y) != len(self._rows) or not len(y):
            shape = tuple(y.shape) if isinstance(y, Tensor) else y
            raise ValueError(
                f"graph must have an answer in y for each of its {len(self._rows)} target rows; got {shape}"
            )
        marked = _marked(graph, mask)[self._rows]
        if not bool(marked.any()):
            raise ValueError(f"mask={mask!r} marks none of the {len(marked)} target rows; it must mark one or more")
        self._rows, self._y = self._rows[marked], y[marked]
        self.causal = causal
        self.in_channels = graph.x.shape[1] if graph.x.dim() == 2 else int(graph.x.max()) + 1
        self._select(torch.arange(len(self._y)))

    @property
    def hops(self) -> int:  # type: ignore[override]
        """L, the number of hops of a neighbourhood."""
        return len(self._sampler.num_neighbors)

    @property
    def answers(self) -> Tensor:
        """All answers in the order of the target rows, (K, …)."""
        return self._y[self._numbers]

    @property
    def config(self) -> dict[str, object]:
        """Name, size, numbers of the rows, sampling, and a hash of the whole graph."""
        which = hashlib.blake2b(self._numbers.numpy().tobytes(), digest_size=8).hexdigest()
        return {
            "task": type(self).__name__,
            "in_channels": self.in_channels,
            "out_channels": self.out_channels,
            "rows": len(self),
            "which": which,
            "num_neighbors": list(self._sampler.num_neighbors),
            "causal": self.causal,
            "data": self._digest,
        }

    @cached_property
    def _digest(self) -> str:
        digest = hashlib.blake2b(self._sampler.digest.encode(), digest_size=8)
        for tensor in (self._rows, self._y):
            digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()

    @checked_arguments
    def batch(self, size: int, generator: torch.Generator) -> SpaceTimeGraph:
        """Return the neighbourhoods of ``size`` random rows, drawn without replacement until all have been drawn."""
        return self._cut(self._drawn(size, generator), generator)

    @checked_arguments
    def graphs(self, numbers: Tensor) -> SpaceTimeGraph:
        """Return the neighbourhoods of these target rows, counted from 0; sampled ones always from the same seed.

        Raises:
            TypeError, ValueError: numbers that are not integers 0 … len(task) - 1, (B,), at least one.
        """
        generator = torch.Generator().manual_seed(seeding.derive(0, seeding.EVALUATE))
        return self._cut(self._checked(numbers), generator)

    def _drawn(self, size: int, generator: torch.Generator) -> Tensor:
        """Return random numbers without repetition, at a cost that does not grow with the graph for few of many."""
        if _checks.at_least("size", size, 1) > len(self) // 2:
            return super()._drawn(size, generator)
        numbers = torch.empty(0, dtype=torch.long)
        while len(numbers) < size:
            candidates = torch.cat([numbers, torch.randint(len(self), (size,), generator=generator)])
            sorted_, order = candidates.sort(stable=True)
            repeated = order[1:][sorted_[1:] == sorted_[:-1]]
            is_new = torch.ones(len(candidates), dtype=torch.bool).index_fill(0, repeated, False)
            numbers = candidates[is_new][:size]
        return numbers

    def _cut(self, numbers: Tensor, generator: torch.Generator) -> SpaceTimeGraph:
        which = self._numbers[numbers]
        graph = self._sampler(self._rows[which], generator, disjoint=True)
        graph.y = self._y[which]
        return graph


def _marked(graph: SpaceTimeGraph, mask: str | None) -> Tensor:
    """Return the rows that a task is of, (V,) of ``bool``, or raise where the graph has masks and none is named."""
    there = [name for name in MASKS if name in graph]
    if mask is None and there and "target" not in graph:
        raise ValueError(
            f"graph has {', '.join(there)}, so say which rows this task is of: mask={there[0]!r}, or mask='all' for "
            "all of them, those of a test as well"
        )
    if mask is None or mask == "all":
        return torch.ones(graph.num_rows, dtype=torch.bool, device=graph.node.device)
    marks = graph.get(mask)
    if marks is None:
        raise ValueError(f"mask={mask!r} is no attribute of graph; it has {', '.join(there) or 'no masks'}")
    if isinstance(marks, Tensor) and marks.dim() == 2:
        raise ValueError(
            f"{mask} has {marks.shape[1]} columns, one for each split; choose one: graph.{mask} = graph.{mask}[:, 0]"
        )
    return _checks.marked_rows(mask, marks, graph.num_rows)


class NodeClassification(Neighborhoods):
    r"""Classification of rows of one large graph, each in its L-hop neighbourhood.

    .. math:: y_i = \arg\max_c \, p_c(x, \hat A)_i, \quad c = 0, \dots, C - 1

    Chance is the share of the most frequent class. Batches are disjoint neighbourhoods from
    :class:`~graphseq.data.neighbor_sampler.NeighborSampler`: with whole neighbourhoods, a GCN of L layers has the same
    outputs as on the whole graph.

    Args:
        graph: the whole graph; ``y`` (K,) are the classes of its target rows, of all rows if it has no ``target``.
        num_classes: C.
        num_neighbors: number of edges into a row at 0, 1, … L - 1 hops, (L,); -1 for all.
        mask: attribute of the graph that marks the rows of this task, (V,) of ``bool``, such as "train_mask": one task
            for each of PyG's masks; or "all". It must be given where the graph has such masks and no ``target``, lest
            the test set be trained on by mistake.
        causal: use temporal edges past → future only.

    Raises:
        TypeError, ValueError: masks of which none is named, a mask that is not there or marks nothing, no graph,
            answers that are not classes, ``num_classes`` below 2, or neighbours as for
            :class:`~graphseq.data.neighbor_sampler.NeighborSampler`.

    Source: Hamilton, Ying and Leskovec (2017), algorithm 2.

    Example:
        >>> import graphseq as gs, networkx as nx, torch
        >>> graph = gs.from_graph(nx.path_graph(1000), x=torch.ones(1000, 1), y=torch.arange(1000) % 2)
        >>> task = NodeClassification(graph, num_classes=2, num_neighbors=[-1, 1])
        >>> train, test = task.part(torch.arange(900)), task.part(torch.arange(900, 1000))
        >>> batch = train.batch(4, torch.Generator().manual_seed(0))
        >>> len(test), batch.num_graphs, batch.y.shape
        (100, 4, torch.Size([4]))
    """

    @checked_arguments
    def __init__(
        self,
        graph: SpaceTimeGraph,
        num_classes: int,
        num_neighbors: Sequence[int],
        *,
        mask: str | None = None,
        causal: bool = False,
    ) -> None:
        self.out_channels = _checks.at_least("num_classes", num_classes, 2)
        super().__init__(graph, num_neighbors, mask=mask, causal=causal)

    def _select(self, numbers: Tensor) -> None:
        self.best_constant(self._y)  # raises for other answers
        super()._select(numbers)


class NodeRegression(Regression, Neighborhoods):
    r"""Regression of C numbers for rows of one large graph, each in its L-hop neighbourhood.

    Otherwise as :class:`NodeClassification`. Chance is the largest share of all answers within ``tolerance`` of one
    constant; of several numbers, the smallest such share, which no constant exceeds.

    Args:
        graph: the whole graph; ``y`` (K, C) are the numbers of its target rows.
        num_neighbors: number of edges into a row at 0, 1, … L - 1 hops, (L,); -1 for all.
        tolerance: error below which each number of an answer is correct, in units of y.
        mask: attribute of the graph that marks the rows of this task, as for :class:`NodeClassification`.
        causal: use temporal edges past → future only.

    Raises:
        TypeError, ValueError: as for :class:`NodeClassification`, or answers that are not finite floats (K, C).

    Example:
        >>> import graphseq as gs, networkx as nx, torch
        >>> graph = gs.from_graph(nx.path_graph(9), x=torch.ones(9, 1), y=torch.arange(9.0)[:, None])
        >>> task = NodeRegression(graph, num_neighbors=[-1], tolerance=1.1)
        >>> task.hops, task.out_channels, round(task.chance, 4)
        (1, 1, 0.3333)
    """

    @checked_arguments
    def __init__(
        self,
        graph: SpaceTimeGraph,
        num_neighbors: Sequence[int],
        *,
        tolerance: float = 0.5,
        mask: str | None = None,
        causal: bool = False,
    ) -> None:
        self.tolerance = _checks.positive("tolerance", tolerance)
        super().__init__(graph, num_neighbors, mask=mask, causal=causal)

    def _select(self, numbers: Tensor) -> None:
        if self._y.dim() != 2 or not self._y.is_floating_point() or not bool(self._y.isfinite().all()):
            raise ValueError(f"y must hold finite floats, (K, C); got {self._y.dtype} {tuple(self._y.shape)}")
        self.out_channels = self._y.shape[1]
        super()._select(numbers)

    def _chance(self, y: Tensor) -> float:
        return min(share_of_best_constant(channel, self.tolerance) for channel in y.t())

    @property
    def config(self) -> dict[str, object]:
        """Config of any neighbourhoods, and the tolerance."""
        return {**super().config, "tolerance": self.tolerance}
