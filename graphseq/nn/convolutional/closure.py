"""The rows from which a path leads to each row: their smallest values, their means, and the reach that they are."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
import torch
from scipy.sparse import csgraph
from torch import Tensor

from graphseq.data.graph import SpaceTimeGraph
from graphseq.data.topology import Topology


class Closure:
    """For each row all rows from which a path leads to it, itself among them.

    Where every edge has one back these are the connected components, (V,) numbers. Otherwise all pairs are stored, up
    to V² of them.

    Args:
        pattern: entry (i, j) is true if row i reads row j, and on the diagonal, (V, V).
        device: of the rows.

    Example:
        >>> chain = sp.csr_array(np.array([[1, 0, 0], [1, 1, 0], [0, 1, 1]], dtype=bool))
        >>> closure = Closure(chain, torch.device("cpu"))
        >>> closure.mean(torch.tensor([[2.0], [4.0], [0.0]])).flatten().tolist()
        [2.0, 3.0, 2.0]
    """

    def __init__(self, pattern: sp.csr_array, device: torch.device) -> None:
        self.rows = pattern.shape[0]
        self.longest = 0
        self.is_grouped = (pattern != pattern.T).nnz == 0
        if self.is_grouped:
            count, label = csgraph.connected_components(pattern, directed=False)
            self.into, self.source = torch.from_numpy(label).long(), torch.arange(self.rows)
            self.of_row, self.groups = self.into, int(count)
            self.longest = int(np.bincount(label).max(initial=1)) - 1
        else:
            full = _closed(pattern)
            reader, source = (torch.from_numpy(index).long() for index in full.nonzero())
            self.into, self.source, self.of_row, self.groups = reader, source, torch.arange(self.rows), self.rows
            self.longest = int(np.diff(full.indptr).max(initial=1)) - 1
        self.into, self.source, self.of_row = (part.to(device) for part in (self.into, self.source, self.of_row))
        self.count = torch.bincount(self.into, minlength=self.groups)

    def smallest(self, values: Tensor) -> Tensor:
        """The smallest of the values (V, H) of the rows from which a path leads to each row, (V, H)."""
        index = self.into[:, None].expand(-1, values.shape[1])
        start = values.new_full((self.groups, values.shape[1]), torch.inf)
        return start.scatter_reduce(0, index, values.index_select(0, self.source), "amin").index_select(0, self.of_row)

    def mean(self, values: Tensor) -> Tensor:
        """The mean of the values (V, H) of the rows from which a path leads to each row, (V, H)."""
        start = values.new_zeros(self.groups, values.shape[1])
        total = start.index_add(0, self.into, values.index_select(0, self.source))
        return (total / self.count[:, None]).index_select(0, self.of_row)

    def pairs(self) -> tuple[Tensor, Tensor]:
        """All pairs of a row and a row from which a path leads to it, numbers (P,) of either; rows ascend."""
        if not self.is_grouped:
            return self.into, self.source
        order = self.of_row.argsort(stable=True)
        first = (self.count.cumsum(0) - self.count)[self.of_row]
        counts = self.count[self.of_row]
        rows = torch.arange(self.rows, device=counts.device).repeat_interleave(counts)
        nth = torch.arange(len(rows), device=counts.device) - (counts.cumsum(0) - counts)[rows]
        return rows, order[first[rows] + nth]

    def reach(self, rows: Tensor) -> Tensor:
        """The rows from which a path leads to each of ``rows`` (K,), (K, V) of ``bool`` on the CPU."""
        into, source, of_row = self.into.cpu(), self.source.cpu(), self.of_row.cpu()
        if self.is_grouped:
            return of_row[rows.cpu()][:, None] == of_row
        pairs = torch.zeros(self.rows, self.rows, dtype=torch.bool)
        pairs[into, source] = True
        return pairs[rows.cpu()]


def closure(graph: SpaceTimeGraph, *, causal: bool) -> Closure:
    """The closure of the space-time graph, kept with its topology."""
    topology: Topology = graph.topology

    def make() -> Closure:
        return Closure(topology.spacetime(causal).pattern, topology.node.device)

    return topology.keep(("closure", causal), make)


def _closed(pattern: sp.csr_array) -> sp.csr_array:
    """The pattern of all paths, by squaring until nothing is added."""
    while True:
        squared = (pattern @ pattern).astype(bool)
        if squared.nnz == pattern.nnz:
            return squared.tocsr()
        pattern = squared
