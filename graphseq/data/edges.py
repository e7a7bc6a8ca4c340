"""The edges of any graph as one sparse matrix: of PyG data, of a networkx graph, or of a space-time graph."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import networkx as nx
import numpy as np
import scipy.sparse as sp
import torch
from scipy.sparse import csgraph
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.data.data import BaseData

from graphseq import _checks
from graphseq.data.graph import SpaceTimeGraph

AnyGraph: TypeAlias = "Data | nx.Graph | SpaceTimeGraph"
"""A graph of PyG, of networkx, or of this library."""


@dataclass(frozen=True)
class Edges:
    """The edges of a graph without its features.

    Returned by :func:`graphseq.reach.measures.edges_of`.
    """

    matrix: sp.csr_array  #: weights (V, V); entry (i, j) is the weight of the edge j → i; parallel edges are summed
    is_directed: bool  #: whether an edge lacks its reverse, or has another weight than its reverse
    has_weights: bool  #: whether a weight was given

    @property
    def num_nodes(self) -> int:
        """V."""
        return int(self.matrix.shape[0])

    @cached_property
    def simple(self) -> sp.csr_array:
        """A of the simple graph: 1 for each pair joined by edges, no self-loops, (V, V)."""
        matrix = self.matrix.tocoo()
        is_kept = matrix.row != matrix.col
        ones = np.ones(int(is_kept.sum()))
        pairs = (matrix.row[is_kept], matrix.col[is_kept])
        return sp.csr_array((ones, pairs), shape=self.matrix.shape)

    @cached_property
    def components(self) -> Tensor:
        """The weakly connected component of each node, (V,)."""
        return torch.from_numpy(csgraph.connected_components(short(self.simple), directed=True)[1]).long()


def edges_of(graph: AnyGraph, *, causal: bool = False) -> Edges:
    """Read the edges of a graph.

    Args:
        graph: PyG ``Data`` or ``Batch``, with ``edge_index`` and perhaps ``edge_weight``; a networkx graph, whose edges
            may have a ``weight``, and whose nodes are numbered in its own order; or a
            :class:`~graphseq.SpaceTimeGraph`, whose edges are those in space and in time. Features of edges
            (``edge_attr``) are not weights and are not read. Edges of weight 0 are none.
        causal: of a space-time graph, edges in time from past to future only.

    Raises:
        TypeError: another type, such as heterogeneous data, or PyG data without ``edge_index``.
        ValueError: ``causal`` for a graph without times, an edge to a node that does not exist, a negative weight.

    Example:
        >>> edges_of(nx.path_graph(3)).matrix.toarray().tolist()
        [[0.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]
    """
    if causal and not isinstance(graph, SpaceTimeGraph):
        raise ValueError(f"causal=True is about time, past to future; graph is {type(graph).__name__}, without times")
    if isinstance(graph, SpaceTimeGraph):
        graph.check_as_argument("graph")
        adjacency = graph.topology.spacetime(causal)
        return _edges(adjacency.edge_index, adjacency.edge_weight, graph.num_rows)
    if isinstance(graph, nx.Graph):
        return _of_networkx(graph)
    if isinstance(graph, Data):
        index = graph.get("edge_index")
        if not isinstance(index, Tensor):
            found = "a sparse adj_t; take the data before ToSparseTensor" if "adj_t" in graph else "none"
            raise TypeError(f"graph must have edge_index, a tensor (2, E); this {type(graph).__name__} has {found}")
        if isinstance(graph.get("x"), list | tuple):
            raise TypeError(
                f"graph is bipartite: its x is {len(graph.x)} tensors, of nodes of different kinds; measures are of "
                "graphs with one kind of nodes"
            )
        rows = int(graph.num_nodes or 0)
        return _edges(_checks.edges("edge_index", index, rows, "nodes"), graph.get("edge_weight"), rows)
    kind = type(graph).__name__
    if isinstance(graph, BaseData):
        raise TypeError(
            f"graph is {kind}, with several kinds of nodes; measures are of graphs with one kind: use to_homogeneous()"
        )
    raise TypeError(f"graph must be PyG Data, a networkx graph or a graphseq.SpaceTimeGraph, got {kind}")


def undirected_edges_of(graph: AnyGraph, measure: str, *, causal: bool = False) -> Edges:
    """Read the edges of a graph, or refuse one that is directed.

    Args:
        graph: as for :func:`edges_of`.
        measure: the measure that is not defined on directed edges, for the message.
        causal: as for :func:`edges_of`.

    Raises:
        TypeError: as :func:`edges_of`.
        ValueError: as :func:`edges_of`; or a directed edge, which the message names.
    """
    edges = edges_of(graph, causal=causal)
    if edges.is_directed:
        unmatched = (edges.matrix - edges.matrix.T).tocoo()
        first = int(np.flatnonzero(unmatched.data > 0)[0])
        i, j = int(unmatched.row[first]), int(unmatched.col[first])
        there, back = float(edges.matrix[i, j]), float(edges.matrix[j, i])
        raise ValueError(
            f"{measure} is defined on undirected graphs, but the edge {j} → {i} of graph has weight {there:g} and {i} "
            f"→ {j} has {back:g}; make the edges undirected first, as T.ToUndirected() does"
        )
    return edges


def short(matrix: sp.csr_array) -> sp.csr_array:
    """Return a matrix with indices of 32 bits, the only ones that ``csgraph`` reads before scipy 1.15."""
    if max(matrix.nnz, *matrix.shape) < 2**31:
        matrix.indices, matrix.indptr = matrix.indices.astype(np.int32), matrix.indptr.astype(np.int32)
    return matrix


def _of_networkx(graph: nx.Graph) -> Edges:
    number = {node: index for index, node in enumerate(graph)}
    found = list(graph.edges(data="weight"))
    pairs = [(number[source], number[target]) for source, target, _ in found]
    given = [weight for _, _, weight in found]
    weights = None
    if any(weight is not None for weight in given):
        try:
            weights = torch.tensor([1.0 if weight is None else float(weight) for weight in given], dtype=torch.float64)
        except (TypeError, ValueError):
            raise ValueError(f"the weights of a networkx graph must be numbers, got {given[:3]}") from None
    index = torch.tensor(pairs, dtype=torch.long).reshape(-1, 2).t()
    if not graph.is_directed():
        is_pair = index[0] != index[1]
        index = torch.cat([index, index[:, is_pair].flip(0)], dim=1)
        weights = None if weights is None else torch.cat([weights, weights[is_pair]])
    return _edges(index, weights, len(number))


def _edges(index: Tensor, weights: Tensor | None, rows: int) -> Edges:
    source, target = index.detach().cpu().numpy()
    if weights is None:
        values = np.ones(len(source))
    else:
        flat = weights.detach().flatten() if isinstance(weights, Tensor) else weights
        values = _checks.weights("edge_weight", flat, len(source)).cpu().double().numpy()
        if (values < 0).any():
            edge = int(np.flatnonzero(values < 0)[0])
            raise ValueError(f"edge_weight[{edge}] is {values[edge]:g}; measures of a graph take weights of at least 0")
    matrix = sp.csr_array((values, (target, source)), shape=(rows, rows))
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    is_directed = bool((matrix - matrix.T).nnz) and not np.allclose((matrix - matrix.T).data, 0, atol=1e-12)
    return Edges(short(matrix), is_directed, weights is not None)
