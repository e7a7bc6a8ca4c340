"""Shortest paths: the distance of the marked row, for every other row of a random graph."""

from __future__ import annotations

import torch
from torch import Tensor

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq.data.graph import SpaceTimeGraph
from graphseq.tasks.base import Regression, of_own_batch
from graphseq.tasks.synthetic.random_graphs import assemble, checked, checked_tolerance, draw_edges, draw_layers


class ShortestPaths(Regression):
    r"""Regression of the distance of each row from a marked one, :math:`y_v = d(v, s)`, in hops, on a random graph.

    Distances are 1 to h = length - 1, each about equally often; at least one row is h hops away. The graph has random
    layers around the marked row: each row has an edge to the layer below, and further edges join rows of one layer or
    of two adjacent ones, with probability ``density`` each. Rows are in random order. The marked row is not a target,
    since its own input has its answer.

    A model of reach r distinguishes distances up to r, and knows little more of the others than that they are larger. A
    constant is correct for at most one distance in h; the smallest mean squared error is that of the mean, (h + 1)/2,
    with :math:`(h^2 - 1)/12`.

    Args:
        length: number of rows on the path to the farthest row, including both ends, at least 3; ``hops`` = length - 1.
        num_nodes: N, at least ``length``; twice as many by default.
        density: probability of a further edge, between 0 and 1; 0 gives trees.
        tolerance: error below which an answer is correct.

    x is (V, 1): 1 at the marked row, else 0; y is (B·(N - 1), 1).

    Raises:
        ValueError: a length below 3, fewer nodes than ``length``, a density outside 0 to 1, a tolerance outside 0 to
            0.5.

    Source: single-source shortest paths as in Corso et al., *Principal Neighbourhood Aggregation for Graph Nets* (2020)
    and Gravina, Bacciu and Gallicchio, *Anti-Symmetric DGN* (2023), on other graphs: theirs have no fixed
    depth.

    Example:
        >>> import torch
        >>> task = ShortestPaths(length=3, num_nodes=4)
        >>> graph = task.batch(1, torch.Generator().manual_seed(0))
        >>> graph.edge_index.tolist()
        [[0, 0, 1, 2, 3, 3], [1, 3, 0, 3, 0, 2]]
        >>> graph.x[:, 0].tolist(), graph.y[:, 0].tolist()
        ([0.0, 0.0, 0.0, 1.0], [1.0, 2.0, 1.0])
    """

    @checked_arguments
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
        """Name, length and parameters of the graphs."""
        parameters = {"length": self.length, "num_nodes": self.num_nodes, "density": self.density}
        return {**super().config, **parameters, "tolerance": self.tolerance}

    @checked_arguments
    def batch(self, size: int, generator: torch.Generator) -> SpaceTimeGraph:
        """Return ``size`` graphs."""
        size = _checks.at_least("size", size, 1)
        layer = draw_layers(size, self.num_nodes, self.hops, generator, ends=False)
        edges = draw_edges(layer, self.density, generator, ends=False)
        x = (layer == 0)[..., None].to(torch.get_default_dtype())
        return assemble(edges, x, layer[layer > 0][:, None].to(x.dtype), layer > 0)

    @checked_arguments
    @of_own_batch
    def relevant_nodes(self, graph: SpaceTimeGraph) -> Tensor:
        """Return the marked row of the graph of each target row, (K, V), ``bool``."""
        owner = graph.target_rows // self.num_nodes
        marked: Tensor = graph.x[:, 0] > 0
        same_graph: Tensor = owner[:, None] == graph.batch
        return marked & same_graph
