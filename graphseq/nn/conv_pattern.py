r"""The receptive field of one convolution: how many hops it reads, in which direction, and what it takes besides.

A stack's receptive field is only as right as that of its layers, and PyG's convolutions differ: a ``TAGConv`` reads K
hops, a ``ChebConv`` K - 1, a ``GPSConv`` the whole graph, and a convolution that normalises without self-loops does not
read a row that nothing leads to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import scipy.sparse as sp
import torch
from torch_geometric.utils import remove_self_loops

from graphseq._arguments import checked_arguments
from graphseq.data.adjacency import Adjacency

Flow = Literal["in", "out", "both"]
Dropped = Literal["source", "target"]


@dataclass(frozen=True)
class ConvReach:
    r"""The rows that one application of a convolution reads, and the arguments that it takes.

    Row i reads row j if a walk of p edges, p in ``powers``, leads from j to i, or if i = j and ``own_from`` or more
    rows have an edge into i. With M the matrix of edges,

    .. math:: R = \bigcup_{p} M^p \;\cup\; \{(i, i) : d_i \ge \text{own\_from}\}

    A module that is no convolution of PyG may declare its own in an attribute ``conv_reach``.

    Attributes:
        hops: the largest number of hops.
        is_global: whether each row reads all rows of its graph, as by attention or statistics over a graph.
        reads_batch: whether it must be told the graph of each row.
        reads_edge_weight: whether it takes ``edge_weight``.
        reads_edge_attr: whether it was made to read ``edge_attr``.
        powers: the lengths of the walks that are read; (``hops``,) where empty.
        loops: whether a walk may stay at a row, so that M is Ã in place of A.
        flow: the edges that are read: "in", those into a row, "out", those out of it, or "both".
        dropped: edges that count nothing for a degree of 0: "source", those from rows that read nothing themselves (the
            normalisation of ``GCNConv`` without self-loops, or with a self-loop of weight 0), or "target", those into
            rows with no edge out of them (the Laplacian of ``ChebConv``).
        own_from: the number of rows with an edge into a row from which on it reads itself (2 for attention without
            self-loops, whose weights sum to 1), or ``None`` where the walks say it.

    Example:
        Of a path 0 → 1 → 2, a convolution of two hops without self-loops reads row 0 at row 2, and nothing else:

        >>> import torch
        >>> path = Adjacency(torch.tensor([[0, 1], [1, 2]]), None, 3)
        >>> ConvReach(2, loops=False).pattern(path).toarray().astype(int).tolist()
        [[0, 0, 0], [0, 0, 0], [1, 0, 0]]
    """

    hops: int
    is_global: bool = False
    reads_batch: bool = False
    reads_edge_weight: bool = False
    reads_edge_attr: bool = False
    powers: tuple[int, ...] = ()
    loops: bool = True
    flow: Flow = "in"
    dropped: Dropped | None = None
    own_from: int | None = None

    @property
    def is_plain(self) -> bool:
        """True if it reads the rows within ``hops`` of a row, along the edges, as Ã of that power does."""
        walks = set(self.powers or (self.hops,))
        return self.loops and self.flow == "in" and not self.is_global and self.hops in walks

    @checked_arguments
    def pattern(self, adjacency: Adjacency) -> sp.csr_array:
        """The rows that each row reads along edges, (V, V) of ``bool``: entry (i, j) is true if row i reads row j."""
        edges = self._edges(adjacency)
        readings = [] if self.flow == "out" else [self._walks(edges)]
        readings += [] if self.flow == "in" else [self._walks(edges.T.tocsr())]
        return sp.csr_array(sum(readings[1:], readings[0]), dtype=bool)

    def _edges(self, adjacency: Adjacency) -> sp.csr_array:
        """A or Ã, with the entries that are not zero."""
        index, weight, size = adjacency.edge_index, adjacency.edge_weight, adjacency.num_rows
        if self.loops and (weight is None or self.reads_edge_weight):
            return adjacency.pattern
        if weight is not None and self.reads_edge_weight:
            index = index[:, weight != 0]
        if self.dropped == "target":
            index, _ = remove_self_loops(index)
            index = index[:, torch.bincount(index[0], minlength=size)[index[1]] > 0]
        source, reader = index.cpu().numpy()
        ones = np.ones(len(source), dtype=bool)
        edges = sp.csr_array((ones, (reader, source)), shape=(size, size))
        edges.sum_duplicates()
        return edges + sp.eye_array(size, dtype=bool, format="csr") if self.loops else edges

    def _walks(self, edges: sp.csr_array) -> sp.csr_array:
        if self.dropped == "source" and not _sums(edges).all():
            edges = edges @ _diagonal(_sums(edges) > 0)
        size = edges.shape[0]
        own = np.zeros(size, dtype=bool) if self.own_from is None else _sums(edges) >= self.own_from
        total, walk = _diagonal(own), sp.eye_array(size, dtype=bool, format="csr")
        wanted = set(self.powers or (self.hops,))
        for power in range(self.hops + 1):
            total = total + walk if power in wanted else total
            walk = walk if power == self.hops else walk @ edges
        total.eliminate_zeros()
        return total


def _sums(edges: sp.csr_array) -> np.ndarray[Any, Any]:
    """The number of rows that each row reads, (V,)."""
    return np.diff(edges.indptr)


def _diagonal(values: np.ndarray[Any, Any]) -> sp.csr_array:
    (rows,) = values.nonzero()
    return sp.csr_array((np.ones(len(rows), dtype=bool), (rows, rows)), shape=(len(values), len(values)))
