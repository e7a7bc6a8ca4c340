"""Eccentricity: how far away is the farthest row? Asked of every row of a random graph."""

from __future__ import annotations

import torch
from torch import Tensor

from graphseq import _checks
from graphseq.data.graph import SpaceTimeGraph
from graphseq.data.hops import dense_hops
from graphseq.tasks.base import Regression, blocks
from graphseq.tasks.synthetic.random_graphs import (
    assemble,
    checked,
    checked_tolerance,
    draw_edges,
    draw_layers,
    edges_of,
)


class Eccentricity(Regression):
    r"""The greatest distance of any row, :math:`y_v = \max_u d(v, u)`, in hops, on a fresh random graph.

    Every graph has diameter h = length - 1, so answers lie between h/2 and h. The graph is random layers between two
    end rows: each other row has an edge to the layer below and one to the layer above, and further edges join rows of
    one layer or of two adjacent ones, with chance ``density`` each. Rows stand in random order and all look alike, so
    what a model tells apart it tells by who is joined to whom. What must be known of a row is that the rows farthest
    from it are there: those are its :meth:`relevant_nodes`.

    Chance is the share of the commonest answer, counted on a sample of up to 1,000 graphs when the task is made.

    Args:
        length: rows on the way between the ends, both counted, at least 3, so that ``hops`` = length - 1.
        num_nodes: N, at least ``length``; without it, twice as many.
        density: between 0 and 1.
        tolerance: an answer is right when nearer than this.

    x is (V, 1), ones; y is (B·N, 1).

    Raises:
        ValueError: a length below 3, fewer nodes than ``length``, a density outside 0 to 1, a tolerance outside 0 to
            0.5.

    Source: eccentricity as in Corso et al., *Principal Neighbourhood Aggregation for Graph Nets* (2020) and Gravina,
    Bacciu and Gallicchio, *Anti-Symmetric DGN* (2023), on other graphs: theirs have no diameter set beforehand.

    Example:
        >>> import torch
        >>> task = Eccentricity(length=3, num_nodes=3)  # a path, in some order
        >>> graph = task.batch(1, torch.Generator().manual_seed(0))
        >>> graph.edge_index.tolist()
        [[0, 1, 2, 2], [2, 2, 0, 1]]
        >>> graph.y[:, 0].tolist()
        [2.0, 2.0, 1.0]
    """

    def __init__(
        self, length: int, *, num_nodes: int | None = None, density: float = 0.1, tolerance: float = 0.5
    ) -> None:
        self.length, self.num_nodes, self.density = checked(length, num_nodes, density)
        self.tolerance = checked_tolerance(tolerance)
        self.in_channels = self.out_channels = 1
        self.hops = length - 1
        self.chance = self._share_of_the_commonest()

    @property
    def config(self) -> dict[str, object]:
        """Name, length and what the graphs are drawn by."""
        drawn = {"length": self.length, "num_nodes": self.num_nodes, "density": self.density}
        return {**super().config, **drawn, "tolerance": self.tolerance}

    def batch(self, size: int, generator: torch.Generator) -> SpaceTimeGraph:
        """``size`` graphs."""
        size = _checks.at_least("size", size, 1)
        layer = draw_layers(size, self.num_nodes, self.hops, generator, ends=True)
        edges = draw_edges(layer, self.density, generator, ends=True)
        y = dense_hops(edges).amax(dim=2).view(-1, 1).to(torch.get_default_dtype())
        return assemble(edges, torch.ones(*layer.shape, 1), y, torch.ones_like(edges[:, 0]))

    def relevant_nodes(self, graph: SpaceTimeGraph) -> Tensor:
        """The rows farthest from each row, (K, V), ``bool``."""
        hops = dense_hops(edges_of(graph, self.num_nodes))
        return blocks(hops == hops.amax(dim=2, keepdim=True))

    def _share_of_the_commonest(self) -> float:
        samples = max(100, min(1000, 10**6 // self.num_nodes**2))
        y = self.batch(samples, torch.Generator().manual_seed(0)).y
        return float(torch.bincount(y[:, 0].long()).max()) / len(y)
