"""Eccentricity: the distance of the farthest row, for every row of a random graph."""

from __future__ import annotations

import torch
from torch import Tensor

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq.data.graph import SpaceTimeGraph
from graphseq.data.hops import dense_hops
from graphseq.tasks.base import Regression, blocks, of_own_batch
from graphseq.tasks.synthetic.random_graphs import (
    assemble,
    checked,
    checked_tolerance,
    draw_edges,
    draw_layers,
    edges_of,
)


class Eccentricity(Regression):
    r"""Regression of the eccentricity of each row, :math:`y_v = \max_u d(v, u)`, in hops, on a random graph.

    Every graph has diameter h = length - 1, so answers are between h/2 and h. The graph has random layers between two
    end rows: each other row has an edge to the layer below and one to the layer above, and further edges join rows of
    one layer or of two adjacent ones, with probability ``density`` each. Rows are in random order and have equal
    features, so a model can distinguish them by the edges only. The :meth:`relevant_nodes` of a row are those farthest
    from it.

    Chance is the share of the most frequent answer in a sample of up to 1,000 graphs, drawn by the constructor.

    Args:
        length: number of rows on the path between the ends, including both, at least 3; ``hops`` = length - 1.
        num_nodes: N, at least ``length``; twice as many by default.
        density: probability of a further edge, between 0 and 1.
        tolerance: error below which an answer is correct.

    x is (V, 1), ones; y is (B·N, 1).

    Raises:
        ValueError: a length below 3, fewer nodes than ``length``, a density outside 0 to 1, a tolerance outside 0 to
            0.5.

    Source: eccentricity as in Corso et al., *Principal Neighbourhood Aggregation for Graph Nets* (2020) and Gravina,
    Bacciu and Gallicchio, *Anti-Symmetric DGN* (2023), on other graphs: theirs have no fixed diameter.

    Example:
        >>> import torch
        >>> task = Eccentricity(length=3, num_nodes=3)  # a path, in some order
        >>> graph = task.batch(1, torch.Generator().manual_seed(0))
        >>> graph.edge_index.tolist()
        [[0, 1, 2, 2], [2, 2, 0, 1]]
        >>> graph.y[:, 0].tolist()
        [2.0, 2.0, 1.0]
    """

    @checked_arguments
    def __init__(
        self, length: int, *, num_nodes: int | None = None, density: float = 0.1, tolerance: float = 0.5
    ) -> None:
        self.length, self.num_nodes, self.density = checked(length, num_nodes, density)
        self.tolerance = checked_tolerance(tolerance)
        self.in_channels = self.out_channels = 1
        self.hops = length - 1
        self.chance = self._share_of_most_frequent()

    @property
    def config(self) -> dict[str, object]:
        """Name, length and parameters of the graphs."""
        parameters = {"length": self.length, "num_nodes": self.num_nodes, "density": self.density}
        return {**super().config, **parameters, "tolerance": self.tolerance}

    @checked_arguments
    def batch(self, size: int, generator: torch.Generator) -> SpaceTimeGraph:
        """Return ``size`` graphs."""
        size = _checks.at_least("size", size, 1)
        layer = draw_layers(size, self.num_nodes, self.hops, generator, ends=True)
        edges = draw_edges(layer, self.density, generator, ends=True)
        y = dense_hops(edges).amax(dim=2).view(-1, 1).to(torch.get_default_dtype())
        return assemble(edges, torch.ones(*layer.shape, 1), y, torch.ones_like(edges[:, 0]))

    @checked_arguments
    @of_own_batch
    def relevant_nodes(self, graph: SpaceTimeGraph) -> Tensor:
        """Return the rows farthest from each row, (K, V), ``bool``."""
        hops = dense_hops(edges_of(graph, self.num_nodes))
        return blocks(hops == hops.amax(dim=2, keepdim=True))

    def _share_of_most_frequent(self) -> float:
        samples = max(100, min(1000, 10**6 // self.num_nodes**2))
        y = self.batch(samples, torch.Generator().manual_seed(0)).y
        return float(torch.bincount(y[:, 0].long()).max()) / len(y)
