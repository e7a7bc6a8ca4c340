"""ShortestPaths: how far away is the marked row? Asked of every other row of a random graph."""

from __future__ import annotations

import torch
from torch import Tensor

from graphseq import _checks
from graphseq.data.graph import SpaceTimeGraph
from graphseq.tasks.base import Regression
from graphseq.tasks.synthetic.random_graphs import assemble, checked, checked_tolerance, draw_edges, draw_layers


class ShortestPaths(Regression):
    r"""The distance of each row from the one that is marked, :math:`y_v = d(v, s)`, in hops, on a fresh random graph.

    Distances run from 1 to h = length - 1, each about equally often; one row at least is as far as h. The graph is
    random layers around the marked row: each row has an edge to the layer below, and further edges join rows of one
    layer or of two adjacent ones, with chance ``density`` each. Rows stand in random order. The marked row, which would
    read its answer off its own input, is not asked.

    A model of reach r tells distances up to r from each other, and of the others little more than that they are
    farther. A constant is right for one distance in h at best; of least mean squared error is the mean, (h + 1)/2,
    with :math:`(h^2 - 1)/12`.

    Args:
        length: rows on the way to the farthest row, both ends counted, at least 3, so that ``hops`` = length - 1.
        num_nodes: N, at least ``length``; without it, twice as many.
        density: between 0 and 1; 0 draws trees.
        tolerance: an answer is right when nearer than this.

    x is (V, 1): 1 at the marked row, else 0; y is (B·(N - 1), 1).

    Raises:
        ValueError: a length below 3, fewer nodes than ``length``, a density outside 0 to 1, a tolerance outside 0 to
            0.5.

    Source: single-source shortest paths as in Corso et al., *Principal Neighbourhood Aggregation for Graph Nets* (2020)
    and Gravina, Bacciu and Gallicchio, *Anti-Symmetric DGN* (2023), on other graphs: theirs have no depth set
    beforehand.

    Example:
        >>> import torch
        >>> task = ShortestPaths(length=3, num_nodes=4)
        >>> graph = task.batch(1, torch.Generator().manual_seed(0))
        >>> graph.edge_index.tolist()
        [[0, 0, 1, 2, 3, 3], [1, 3, 0, 3, 0, 2]]
        >>> graph.x[:, 0].tolist(), graph.y[:, 0].tolist()
        ([0.0, 0.0, 0.0, 1.0], [1.0, 2.0, 1.0])
    """

    def __init__(
        self, length: int, *, num_nodes: int | None = None, density: float = 0.1, tolerance: float = 0.5
    ) -> None:
        self.length, self.num_nodes, self.density = checked(length, num_nodes, density)
        self.tolerance = checked_tolerance(tolerance)
        self.in_channels = self.out_channels = 1
        self.hops = length - 1
        self.chance = 1 / self.hops

    @property
    def config(self) -> dict[str, object]:
        """Name, length and what the graphs are drawn by."""
        drawn = {"length": self.length, "num_nodes": self.num_nodes, "density": self.density}
        return {**super().config, **drawn, "tolerance": self.tolerance}

    def batch(self, size: int, generator: torch.Generator) -> SpaceTimeGraph:
        """``size`` graphs."""
        size = _checks.at_least("size", size, 1)
        layer = draw_layers(size, self.num_nodes, self.hops, generator, ends=False)
        edges = draw_edges(layer, self.density, generator, ends=False)
        x = (layer == 0)[..., None].to(torch.get_default_dtype())
        return assemble(edges, x, layer[layer > 0][:, None].to(x.dtype), layer > 0)

    def relevant_nodes(self, graph: SpaceTimeGraph) -> Tensor:
        """The marked row of each asked row's graph, (K, V), ``bool``."""
        owner = graph.target_rows // self.num_nodes
        marked: Tensor = graph.x[:, 0] > 0
        same_graph: Tensor = owner[:, None] == graph.batch
        return marked & same_graph
