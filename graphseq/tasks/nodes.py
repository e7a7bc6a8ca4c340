"""Rows of one large graph as samples: each is asked in its own neighbourhood, whole or sampled."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor

from graphseq import _checks, seeding
from graphseq.data.graph import SpaceTimeGraph
from graphseq.data.neighbor_sampler import NeighborSampler
from graphseq.tasks.base import Regression, share_of_best_constant
from graphseq.tasks.graphs import Collection


class Neighborhoods(Collection):
    """A task whose samples are the asked rows of one graph; :class:`NodeClassification` and :class:`NodeRegression`.

    ``hops`` is the number of layers that neighbourhoods are cut for. What is needed of real data is not known
    beforehand.

    Args:
        graph: the whole graph, with ``y``: one entry for each target row, (K, …).
        num_neighbors: see :class:`~graphseq.data.neighbor_sampler.NeighborSampler`.
        causal: likewise; it then takes a model built with ``causal=True``, and otherwise one that is not.
    """

    def __init__(self, graph: SpaceTimeGraph, num_neighbors: Sequence[int], *, causal: bool) -> None:
        # In place of Collection's own, which joins many graphs: here they are cut out of one.
        if not isinstance(graph, SpaceTimeGraph):
            raise TypeError(f"graph must be a SpaceTimeGraph, got {type(graph).__name__}")
        self._sampler = NeighborSampler(graph, num_neighbors, causal=causal)
        self._rows, y = graph.target_rows, graph.get("y")
        if not isinstance(y, Tensor) or y.dim() == 0 or len(y) != len(self._rows) or not len(y):
            shape = tuple(y.shape) if isinstance(y, Tensor) else y
            raise ValueError(
                f"graph must have an answer in y for each of its {len(self._rows)} asked rows; got {shape}"
            )
        self._y: Tensor = y
        self.causal = causal
        self.in_channels = graph.x.shape[1] if graph.x.dim() == 2 else int(graph.x.max()) + 1
        self._select(torch.arange(len(y)))

    @property
    def hops(self) -> int:  # type: ignore[override]
        """L, for as many layers."""
        return len(self._sampler.num_neighbors)

    @property
    def answers(self) -> Tensor:
        """All answers, in the order of the asked rows, (K, …)."""
        return self._y[self._numbers]

    @property
    def config(self) -> dict[str, object]:
        """Name, size, which rows, how they are cut out, and a fingerprint of the whole graph."""
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
        mixed = hashlib.blake2b(self._sampler.digest.encode(), digest_size=8)
        for part in (self._rows, self._y):
            mixed.update(part.detach().cpu().contiguous().numpy().tobytes())
        return mixed.hexdigest()

    def batch(self, size: int, generator: torch.Generator) -> SpaceTimeGraph:
        """The neighbourhoods of ``size`` rows drawn evenly: none a second time before each was drawn once."""
        return self._cut(self._drawn(size, generator), generator)

    def graphs(self, numbers: Tensor) -> SpaceTimeGraph:
        """The neighbourhoods of these rows, counted from 0 among the asked ones; sampled ones are drawn from one seed.

        Raises:
            TypeError, ValueError: numbers that are no integers 0 … len(task) - 1, (B,), at least one.
        """
        generator = torch.Generator().manual_seed(seeding.derive(0, seeding.EVALUATE))
        return self._cut(self._checked(numbers), generator)

    def _drawn(self, size: int, generator: torch.Generator) -> Tensor:
        """As of any collection, at a cost that does not grow with the graph: few of many are seldom drawn twice."""
        if _checks.at_least("size", size, 1) > len(self) // 2:
            return super()._drawn(size, generator)
        drawn = torch.empty(0, dtype=torch.long)
        while len(drawn) < size:
            more = torch.cat([drawn, torch.randint(len(self), (size,), generator=generator)])
            sorted_, order = more.sort(stable=True)
            again = order[1:][sorted_[1:] == sorted_[:-1]]
            kept = torch.ones(len(more), dtype=torch.bool).index_fill(0, again, False)
            drawn = more[kept][:size]
        return drawn

    def _cut(self, numbers: Tensor, generator: torch.Generator) -> SpaceTimeGraph:
        which = self._numbers[numbers]
        graph = self._sampler(self._rows[which], generator, disjoint=True)
        graph.y = self._y[which]
        return graph


class NodeClassification(Neighborhoods):
    r"""Which class? Asked of rows of one large graph, each in its L-hop neighbourhood.

    .. math:: y_i = \arg\max_c \, p_c(x, \hat A)_i, \quad c = 0, \dots, C - 1

    Chance is the share of the commonest class. Batches are those of
    :class:`~graphseq.data.neighbor_sampler.NeighborSampler`, disjoint: with whole neighbourhoods, a GCN of L layers is
    trained on the outputs that it has on the whole graph, and what it has learned holds there.

    Args:
        graph: the whole graph; ``y`` (K,) are the classes of its target rows, of all rows where it has no ``target``.
        num_classes: C.
        num_neighbors: how many edges a row at 0, 1, … L - 1 hops takes in, (L,); -1 for all.
        causal: read temporal edges past → future only.

    Raises:
        TypeError, ValueError: no graph, answers that are no classes, ``num_classes`` below 2, or neighbours as for
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

    def __init__(
        self, graph: SpaceTimeGraph, num_classes: int, num_neighbors: Sequence[int], *, causal: bool = False
    ) -> None:
        self.out_channels = _checks.at_least("num_classes", num_classes, 2)
        super().__init__(graph, num_neighbors, causal=causal)

    def _select(self, numbers: Tensor) -> None:
        self.best_constant(self._y)  # refuses what is no class
        super()._select(numbers)


class NodeRegression(Regression, Neighborhoods):
    r"""Which C numbers? Asked of rows of one large graph, each in its L-hop neighbourhood.

    Otherwise as :class:`NodeClassification`. Chance is the largest share of all answers within ``tolerance`` of one
    constant; of several numbers, the least such share, which no constant exceeds.

    Args:
        graph: the whole graph; ``y`` (K, C) are the numbers of its target rows.
        num_neighbors: how many edges a row at 0, 1, … L - 1 hops takes in, (L,); -1 for all.
        tolerance: an answer is right when every number of it is nearer than this, in units of y.
        causal: read temporal edges past → future only.

    Raises:
        TypeError, ValueError: as for :class:`NodeClassification`, or answers that are no finite floats (K, C).

    Example:
        >>> import graphseq as gs, networkx as nx, torch
        >>> graph = gs.from_graph(nx.path_graph(9), x=torch.ones(9, 1), y=torch.arange(9.0)[:, None])
        >>> task = NodeRegression(graph, num_neighbors=[-1], tolerance=1.1)
        >>> task.hops, task.out_channels, round(task.chance, 4)
        (1, 1, 0.3333)
    """

    def __init__(
        self,
        graph: SpaceTimeGraph,
        num_neighbors: Sequence[int],
        *,
        tolerance: float = 0.5,
        causal: bool = False,
    ) -> None:
        self.tolerance = _checks.positive("tolerance", tolerance)
        super().__init__(graph, num_neighbors, causal=causal)

    def _select(self, numbers: Tensor) -> None:
        if self._y.dim() != 2 or not self._y.is_floating_point() or not bool(self._y.isfinite().all()):
            raise ValueError(f"y must hold finite floats, (K, C); got {self._y.dtype} {tuple(self._y.shape)}")
        self.out_channels = self._y.shape[1]
        super()._select(numbers)

    def _chance(self, y: Tensor) -> float:
        return min(share_of_best_constant(each, self.tolerance) for each in y.t())

    @property
    def config(self) -> dict[str, object]:
        """As of any neighbourhoods, and the tolerance."""
        return {**super().config, "tolerance": self.tolerance}
