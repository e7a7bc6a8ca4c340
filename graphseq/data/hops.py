"""Hop distances: numbers of edges on the shortest paths between rows, sparse for large graphs and dense for many."""

from __future__ import annotations

import math

import numpy as np
import scipy.sparse as sp
import torch
from scipy.sparse import csgraph
from torch import Tensor

from graphseq.data.topology import Topology


def shortest_paths(cost: sp.csr_array, rows: Tensor, *, unweighted: bool = True, limit: float = math.inf) -> Tensor:
    """Return the lengths of the shortest paths that end at each of ``rows``, rounded down.

    Args:
        cost: entry (i, j) is the length of the edge from row j to row i, (V, V); an entry on the diagonal is no edge.
        rows: the rows at which paths end, (K,).
        unweighted: count every edge as 1, whatever its entry.
        limit: the longest path to follow.

    Returns:
        (K, V) of ``long``, on the CPU; -1 where there is no path.

    Example:
        >>> cost = sp.csr_array(np.array([[0.0, 0.0], [1.0, 0.0]]))
        >>> shortest_paths(cost, torch.tensor([0, 1])).tolist()
        [[0, -1], [1, 0]]
    """
    edges = _with_short_indices(cost.astype(np.float64))
    lengths = torch.from_numpy(csgraph.dijkstra(edges, indices=rows.cpu().numpy(), unweighted=unweighted, limit=limit))
    return torch.where(lengths.isinf(), -1, lengths).floor().long()


def _with_short_indices(matrix: sp.csr_array) -> sp.csr_array:
    """Give a matrix indices of 32 bits, the only ones that ``csgraph`` reads before scipy 1.15."""
    if max(matrix.nnz, *matrix.shape) < 2**31:
        matrix.indices, matrix.indptr = matrix.indices.astype(np.int32), matrix.indptr.astype(np.int32)
    return matrix


def hops_to(topology: Topology, rows: Tensor, *, causal: bool = False, limit: float = math.inf) -> Tensor:
    """Return the hops of the space-time graph from every row to each of ``rows``, along edges.

    Args:
        topology: V rows.
        rows: the rows at which paths end, (K,).
        causal: along time past → future only.
        limit: the most hops to follow.

    Returns:
        (K, V) of ``long``, on the CPU; -1 where there is no path.
    """
    return shortest_paths(topology.spacetime(causal).pattern, rows, limit=limit)


def hops_from(topology: Topology, row: int, *, causal: bool = False) -> Tensor:
    """Return the hops from one row to every row, along edges, (V,) of ``long``; -1 where there is no path."""
    return shortest_paths(topology.spacetime(causal).pattern.T.tocsr(), torch.tensor([row]))[0]


def dense_hops(edges: Tensor) -> Tensor:
    r"""Return the hops between all nodes of each of many small graphs.

    .. math:: d_{ij} = \min \{ d : (\tilde A^d)_{ij} \ne 0 \}

    Args:
        edges: (B, N, N), ``bool``, undirected.

    Returns:
        (B, N, N) of ``long``.

    Raises:
        ValueError: a graph is not connected.

    Example:
        >>> dense_hops(torch.tensor([[[0, 1, 0], [1, 0, 1], [0, 1, 0]]]).bool()).tolist()
        [[[0, 1, 2], [1, 0, 1], [2, 1, 0]]]
    """
    reads = (edges | torch.eye(edges.shape[1], dtype=torch.bool, device=edges.device)).float()
    reached = torch.eye(edges.shape[1], dtype=reads.dtype, device=edges.device).expand_as(reads)
    hops = torch.zeros(edges.shape, dtype=torch.long, device=edges.device)
    for _ in range(edges.shape[1]):
        if bool(reached.all()):
            return hops
        hops += reached == 0
        reached = (reached @ reads > 0).float()
    raise ValueError("edges must make a graph connected; between some of its nodes there is no path")
