"""The adding problem: the sum of two marked numbers of a long sequence."""

from __future__ import annotations

import torch
from torch import Tensor

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq.data.graph import SpaceTimeGraph
from graphseq.tasks.base import FixedTask, Regression, blocks, of_own_batch, path


class Adding(Regression, FixedTask):
    r"""Regression of the sum of two marked numbers among T: :math:`y = \sum_t m_t u_t` with :math:`\sum_t m_t = 2`.

    Row t has a number :math:`u_t`, uniform between 0 and 1, and a mark :math:`m_t`, 0 or 1; one row of the first half
    is marked and one of the second; the last row is the target. It is never marked itself, so its own input carries no
    information. ``hops`` is the distance of the first row, the farthest that can be marked.

    The best constant is 1, with a mean squared error of 1/6 (two variances of 1/12). With one of the two numbers known
    it is 1/12.

    Args:
        length: T, at least 3.
        tolerance: error below which an answer is correct. The best constant scores :math:`1 - (1 - \min(1, τ))^2`.

    x is (V, 2): number and mark; y is (B, 1).

    Raises:
        ValueError: a length below 3, a tolerance that is not above 0.

    Source: Hochreiter and Schmidhuber, *Long Short-Term Memory* (1997), the adding problem, where an answer scaled to
    0 … 1 is correct within 0.04: the sum here is twice that. With a mark in either half and numbers from 0
    to 1, and the constant as baseline: Arjovsky, Shah and Bengio, *Unitary Evolution Recurrent Neural Networks* (2016).

    Example:
        >>> import torch
        >>> graph = Adding(length=4).batch(1, torch.Generator().manual_seed(0))
        >>> [(round(number, 2), mark) for number, mark in graph.x.tolist()], round(graph.y.item(), 2)
        ([(0.5, 0.0), (0.77, 1.0), (0.09, 1.0), (0.13, 0.0)], 0.86)
    """

    @checked_arguments
    def __init__(self, length: int, *, tolerance: float = 0.08) -> None:
        self.length = _checks.at_least("length", length, 3)
        self.tolerance = _checks.positive("tolerance", tolerance)
        self.in_channels, self.out_channels = 2, 1
        self.hops = length - 1
        self.chance = 1 - (1 - min(1.0, self.tolerance)) ** 2
        super().__init__(*path(length))

    @property
    def config(self) -> dict[str, object]:
        """Name, length and tolerance."""
        return {**super().config, "length": self.length, "tolerance": self.tolerance}

    @checked_arguments
    def batch(self, size: int, generator: torch.Generator) -> SpaceTimeGraph:
        """Return ``size`` sequences."""
        size, half = _checks.at_least("size", size, 1), self.length // 2
        numbers = torch.rand(size, self.length, generator=generator)
        first = torch.randint(half, (size, 1), generator=generator)
        second = torch.randint(half, self.length - 1, (size, 1), generator=generator)
        marks = torch.zeros_like(numbers).scatter_(1, torch.cat([first, second], dim=1), 1)
        return self._assemble(torch.stack([numbers, marks], dim=2), (numbers * marks).sum(dim=1, keepdim=True))

    @checked_arguments
    @of_own_batch
    def relevant_nodes(self, graph: SpaceTimeGraph) -> Tensor:
        """Return the two marked rows, (K, V), ``bool``."""
        return blocks((graph.x[:, 1] > 0).view(graph.num_graphs, 1, -1))
