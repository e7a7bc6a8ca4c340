"""Distances asked on graphs that are drawn from a seed: of shortest paths, of eccentricity, of the diameter."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from graphseq import _checks
from graphseq._arguments import checked_arguments, checked_but
from graphseq.data.graph import SpaceTimeGraph
from graphseq.data.hops import hops_to
from graphseq.tasks.base import of_own_batch
from graphseq.tasks.longrange.distances import GraphDistances
from graphseq.tasks.longrange.drawn import Drawn, Question, ask_diameter, ask_eccentricity, ask_shortest_paths


class SeededDistances(GraphDistances):
    """Regression of distances on graphs that are drawn from a seed, within limits.

    Args:
        draw: gives the graphs of a number, limits and a source of randomness.
        num_graphs: number of graphs.
        seed: of the graphs.
        limits: smallest and largest size, or diameter, of a graph.
        name: of the limits, as users give them.
        at_least: the fewest graphs, and the smallest limit.
        tolerance: error below which an answer is correct, in hops.
    """

    @checked_but("draw")
    def __init__(
        self,
        draw: Callable[[int, tuple[int, int], np.random.Generator], Sequence[Drawn]],
        num_graphs: int,
        *,
        seed: int,
        limits: tuple[int, int],
        name: str,
        at_least: tuple[int, int],
        tolerance: float,
    ) -> None:
        num_graphs = _checks.at_least("num_graphs", num_graphs, at_least[0])
        if len(limits) != 2:
            raise ValueError(f"{name} must be the smallest and the largest; got {limits}")
        low = _checks.at_least(f"{name}[0]", limits[0], at_least[1])
        high = _checks.at_least(f"{name}[1]", limits[1], low)
        if (tolerance := _checks.positive("tolerance", tolerance)) > 0.5:
            raise ValueError(f"tolerance must be at most 0.5, or two distances would count as one; got {tolerance}")
        seed = _checks.seed("seed", seed)
        drawn = draw(num_graphs, (low, high), np.random.default_rng([seed, 0]))
        super().__init__(drawn, self._ask, np.random.default_rng([seed, 1]), tolerance=tolerance)
        self._drawn_as: dict[str, object] = {"seed": seed, name: [low, high]}

    @property
    def config(self) -> dict[str, object]:
        """Config of any collection, the seed and the limits."""
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


class OfShortestPaths:
    """The question for the distance of each row from a marked source."""

    @staticmethod
    def _ask(graph: Drawn, rng: np.random.Generator) -> Question:
        return ask_shortest_paths(graph, rng)

    @staticmethod
    def _relevant(graph: SpaceTimeGraph) -> Tensor:
        """The marked row of the graph of each target row, (K, V); the mark is the second feature."""
        owner = graph.graph_index
        marks: Tensor = (graph.x[:, 1] > 0) & (owner[graph.target_rows][:, None] == owner)
        return marks


class OfEccentricity:
    """The question for the distance of the farthest row, for every row."""

    @staticmethod
    def _ask(graph: Drawn, rng: np.random.Generator) -> Question:
        return ask_eccentricity(graph, rng)

    @staticmethod
    def _relevant(graph: SpaceTimeGraph) -> Tensor:
        """The rows farthest from each target row, (K, V)."""
        rows = graph.target_rows
        hops = hops_to(graph.topology, rows)
        return (hops == hops.amax(dim=1, keepdim=True)).to(rows.device)


class OfDiameter:
    """The question for the largest distance of each graph."""

    @staticmethod
    def _ask(graph: Drawn, rng: np.random.Generator) -> Question:
        return ask_diameter(graph, rng)

    @staticmethod
    def _relevant(graph: SpaceTimeGraph) -> Tensor:
        """The rows of each graph that are as far from another as its diameter, (B, V)."""
        owner = graph.graph_index
        farthest = hops_to(graph.topology, torch.arange(graph.num_nodes)).amax(dim=1).to(owner.device)
        diameter = torch.zeros(graph.num_graphs, dtype=farthest.dtype, device=owner.device)
        diameter = diameter.scatter_reduce(0, owner, farthest, "amax")
        return (owner == torch.arange(graph.num_graphs, device=owner.device)[:, None]) & (farthest == diameter[owner])
