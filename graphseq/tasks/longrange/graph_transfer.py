"""Graph transfer, repaired: the number of a source, asked at a row whose own input says nothing of it."""

from __future__ import annotations

import torch
from torch import Tensor

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq.data.graph import SpaceTimeGraph
from graphseq.tasks.base import FixedTask, Regression, blocks, of_own_batch
from graphseq.tasks.synthetic.shapes import shape_of, target_mark


class GraphTransfer(Regression, FixedTask):
    r"""Regression of the number of a source at a target some hops away, among rows of other random numbers.

    .. math:: y = x_{s,0}, \quad x_{v,0} \sim U(0, 1) \text{ but } 0 \text{ at the target}, \quad
        x_{v,1} = [v = s], \quad x_{v,2} = [v = t]

    In the published task of the name the source holds 1, the target 0, and every row is asked for its own number but
    the target (in one set also the source), which is asked for 1: a rule that reads a row's own input alone is right on
    all rows. Here the source's number is drawn anew for each graph and only the target is asked, so a model that sees
    less than ``hops`` hops has at best the constant 1/2, whose mean squared error is 1/12.

    Args:
        length: number of rows on the shortest path from source to target, including both, at least 2.
        shape: see :class:`~graphseq.tasks.Transfer`.
        tolerance: error below which an answer is correct, at most 0.5.

    x is (V, 3); y is (B, 1).

    Raises:
        TypeError, ValueError: as for :class:`~graphseq.tasks.Transfer`; a length of 1, a tolerance outside 0 to 0.5.

    Source: repaired from the graph transfer of Gravina et al., *On Oversquashing in Graph Neural Networks Through the
    Lens of Dynamical Systems* (2025), after Di Giovanni et al. (2023).

    Example:
        >>> import torch
        >>> task = GraphTransfer(length=3)
        >>> graph = task.batch(1, torch.Generator().manual_seed(0))
        >>> bool(graph.y[0, 0] == graph.x[0, 0]), graph.x[:, 1:].tolist()
        (True, [[1.0, 0.0], [0.0, 0.0], [0.0, 1.0]])
    """

    @checked_arguments
    def __init__(self, length: int, *, shape: str = "path", tolerance: float = 0.05) -> None:
        length = _checks.at_least("length", length, 2)
        if (tolerance := _checks.positive("tolerance", tolerance)) > 0.5:
            raise ValueError(f"tolerance must be at most 0.5, half the range of the answers; got {tolerance}")
        made = shape_of(shape, length)
        super().__init__(made.topology, target_mark(made))
        self.length, self.shape, self.tolerance = length, shape, tolerance
        self._source, self._asked = made.source, made.asked
        self.in_channels, self.out_channels = 3, 1
        self.hops = length - 1
        self.chance = 2 * tolerance

    @property
    def config(self) -> dict[str, object]:
        """Name, shape, length and tolerance."""
        return {**super().config, "shape": self.shape, "length": self.length, "tolerance": self.tolerance}

    @checked_arguments
    def batch(self, size: int, generator: torch.Generator) -> SpaceTimeGraph:
        """Return ``size`` graphs."""
        x = torch.zeros(_checks.at_least("size", size, 1), self._template.num_rows, 3)
        x[..., 0] = torch.rand(x.shape[:2], generator=generator)
        x[:, self._asked, 0] = 0
        x[:, self._source, 1] = 1
        x[:, self._asked, 2] = 1
        return self._assemble(x, x[:, self._source, :1].clone())

    @checked_arguments
    @of_own_batch
    def relevant_nodes(self, graph: SpaceTimeGraph) -> Tensor:
        """Return the source, (K, V), ``bool``."""
        source = torch.arange(self._template.num_rows, device=graph.x.device) == self._source
        return blocks(source.expand(graph.num_graphs, 1, -1))
