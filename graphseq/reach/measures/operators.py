"""The operators by which layers mix the rows of a graph, as sparse matrices."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from graphseq import _checks
from graphseq.data.edges import AnyGraph, Edges, edges_of

OPERATORS = ("gcn", "walk", "mean", "sum")


def operator(graph: AnyGraph | Edges, kind: str = "gcn", *, causal: bool = False) -> sp.csr_array:
    r"""Build the operator S of a layer H ← σ(S H W).

    .. math:: \text{gcn: } \tilde D^{-1/2} \tilde A \tilde D^{-1/2}, \quad
              \text{walk: } \tilde D^{-1} \tilde A, \quad
              \text{mean: } D^{-1} A, \quad
              \text{sum: } A + I

    "gcn" is ``GCNConv``, "walk" the mean over a node and its neighbours, and the mean of attention with equal scores,
    "mean" the neighbours in ``SAGEConv``, "sum" ``GINConv`` with ε = 0. Degrees are those of incoming edges.

    Args:
        graph: any graph, see :func:`~graphseq.reach.measures.edges_of`.
        kind: "gcn", "walk", "mean" or "sum".
        causal: of a space-time graph, along time from past to future only.

    Returns:
        (V, V) in float64; row i reads from its in-neighbours. Rows of nodes without neighbours are 0 under "mean".

    Raises:
        TypeError: a graph of another type.
        ValueError: an unknown kind.

    Source: Kipf and Welling (2017), eq. 2; Hamilton et al. (2017), algorithm 1; Xu et al. (2019), eq. 4.1.

    Example:
        >>> import networkx as nx
        >>> operator(nx.path_graph(3), "walk").toarray().round(4).tolist()
        [[0.5, 0.5, 0.0], [0.3333, 0.3333, 0.3333], [0.0, 0.5, 0.5]]
    """
    _checks.one_of("kind", kind, OPERATORS)
    matrix = (graph if isinstance(graph, Edges) else edges_of(graph, causal=causal)).matrix
    if kind != "mean":
        loops = matrix.diagonal()
        matrix = matrix + sp.diags_array(np.where(loops == 0, 1.0, 0.0), format="csr")  # a stored loop stays
    if kind == "sum":
        return sp.csr_array(matrix)
    degree = np.asarray(matrix.sum(axis=1)).ravel()
    with np.errstate(divide="ignore"):
        scale = np.where(degree > 0, degree ** (-0.5 if kind == "gcn" else -1.0), 0.0)
    scaled = sp.diags_array(scale, format="csr") @ matrix
    return sp.csr_array(scaled @ sp.diags_array(scale, format="csr") if kind == "gcn" else scaled)
