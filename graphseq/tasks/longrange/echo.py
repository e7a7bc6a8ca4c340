"""ECHO, regenerated: shortest paths, eccentricity and diameter on six families of graphs of 17 to 40 hops."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
from torch import Tensor

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq.data.graph import SpaceTimeGraph
from graphseq.tasks.base import of_own_batch
from graphseq.tasks.longrange.distances import (
    GraphDistances,
    ends_of_longest,
    farthest_rows,
    marked_row,
)
from graphseq.tasks.longrange.drawn import Drawn, Question, ask_diameter, ask_eccentricity, ask_shortest_paths
from graphseq.tasks.longrange.echo_graphs import FAMILIES, echo_graphs


class Echo(GraphDistances):
    r"""Regression of a distance on graphs drawn as those of ECHO are described; the published files are not these.

    Families, each a sixth of the graphs: *line*, of which each row has with probability 0.2 a residual edge to the row
    2 to 6 hops further; *ladder*; *grid*, that lost each edge with probability 0.2, its largest connected part; *tree*;
    *caterpillar* and *lobster*, a path to which rows, and to these further rows, are attached. Graphs are drawn until
    their diameter is within ``diameters``, rows are in random order, and x is a number drawn from (0, 1) for each row,
    which says nothing.

    Three things are not those of the paper. Its trees are said to grow by preferential attachment with
    probability :math:`\propto k^3` of the degree k, but such trees are stars of 2 to 5 hops; here the probability
    is :math:`\propto k^{-3}`, whose trees of 35 to 200 rows have 17 to 40 hops. The sizes and the split of the
    published sets are not in its text. The source of shortest paths is no target, since its own input has its answer.

    The published measure is the mean absolute error in hops, ``metrics=["mae"]``; y is in hops.

    Args:
        num_graphs: number of graphs; published sets have 10,080.
        seed: of the graphs. The three tasks have the same graphs of a seed.
        diameters: smallest and largest diameter; (41, 80), say, asks whether a model trained at the default
            extrapolates.
        tolerance: error below which an answer is correct, in hops.

    Raises:
        TypeError, ValueError: fewer than one graph of each family, diameters below 3 or out of order, a tolerance
            outside 0 to 0.5.

    Source: Miglior, Tolloso, Gravina and Bacciu, *Can You Hear Me Now? A Benchmark for Long-Range Graph Propagation*
    (2026), arXiv 2512.17762.
    """

    @checked_arguments
    def __init__(
        self,
        num_graphs: int = 1008,
        *,
        seed: int = 0,
        diameters: tuple[int, int] = (17, 40),
        tolerance: float = 0.5,
    ) -> None:
        num_graphs = _checks.at_least("num_graphs", num_graphs, len(FAMILIES))
        if len(diameters) != 2:
            raise ValueError(f"diameters must be the smallest and the largest; got {diameters}")
        low = _checks.at_least("diameters[0]", diameters[0], 3)
        high = _checks.at_least("diameters[1]", diameters[1], low)
        if (tolerance := _checks.positive("tolerance", tolerance)) > 0.5:
            raise ValueError(f"tolerance must be at most 0.5, or two distances would count as one; got {tolerance}")
        seed = _checks.seed("seed", seed)
        drawn = echo_graphs(num_graphs, (low, high), np.random.default_rng([seed, 0]))
        super().__init__(drawn, self._ask, np.random.default_rng([seed, 1]), tolerance=tolerance)
        self._drawn_as: dict[str, object] = {"seed": seed, "diameters": [low, high]}

    @property
    def config(self) -> dict[str, object]:
        """Config of any collection, the seed and the range of diameters."""
        return {**super().config, **self._drawn_as}

    @checked_arguments
    @of_own_batch
    def relevant_nodes(self, graph: SpaceTimeGraph) -> Tensor:
        """Return the rows whose distance is asked for, (K, V), ``bool``."""
        return self._relevant(graph)

    @staticmethod
    @abstractmethod
    def _ask(graph: Drawn, rng: np.random.Generator) -> Question:
        """Return the inputs and answers of a graph."""

    @staticmethod
    @abstractmethod
    def _relevant(graph: SpaceTimeGraph) -> Tensor:
        """Return the marks of :meth:`relevant_nodes`."""


class EchoShortestPaths(Echo):
    """Regression of the distance of each row from a marked source, on the graphs of :class:`Echo`, regenerated.

    x is (V, 2): a random number, and 1 at the source, else 0; y is (K, 1), 1 to the largest diameter. Arguments, errors
    and source are those of :class:`~graphseq.tasks.longrange.echo.Echo`.

    Example:
        >>> import torch
        >>> task = EchoShortestPaths(6, seed=1)
        >>> task.families
        ('line', 'ladder', 'grid', 'tree', 'caterpillar', 'lobster')
        >>> graph = task.graphs(torch.arange(6))
        >>> int(graph.x[:, 1].sum()), int(graph.y.min())
        (6, 1)
    """

    @staticmethod
    def _ask(graph: Drawn, rng: np.random.Generator) -> Question:
        return ask_shortest_paths(graph, rng)

    @staticmethod
    def _relevant(graph: SpaceTimeGraph) -> Tensor:
        return marked_row(graph)


class EchoEccentricity(Echo):
    """Regression of the distance of the farthest row, for every row of the graphs of :class:`Echo`, regenerated.

    x is (V, 1), a random number; y is (V, 1). Arguments, errors and source are those of
    :class:`~graphseq.tasks.longrange.echo.Echo`.

    Example:
        >>> import torch
        >>> graph = EchoEccentricity(6).graphs(torch.arange(6))
        >>> bool((graph.y >= 17 / 2).all())  # no row is nearer to all others than half the diameter
        True
    """

    @staticmethod
    def _ask(graph: Drawn, rng: np.random.Generator) -> Question:
        return ask_eccentricity(graph, rng)

    @staticmethod
    def _relevant(graph: SpaceTimeGraph) -> Tensor:
        return farthest_rows(graph)


class EchoDiameter(Echo):
    """Regression of the largest distance of each graph of :class:`Echo`, regenerated: one answer a graph.

    A model must pool: ``Model(encoder, 1, pool="max")``. x is (V, 1), a random number; y is (B, 1). Arguments, errors
    and source are those of :class:`~graphseq.tasks.longrange.echo.Echo`.

    Example:
        >>> task = EchoDiameter(12, diameters=(20, 22))
        >>> task.per_graph, sorted(set(task.answers[:, 0].tolist()))
        (True, [20.0, 21.0, 22.0])
    """

    @staticmethod
    def _ask(graph: Drawn, rng: np.random.Generator) -> Question:
        return ask_diameter(graph, rng)

    @staticmethod
    def _relevant(graph: SpaceTimeGraph) -> Tensor:
        return ends_of_longest(graph)
