"""The spectral gap of a graph: how fast a walk on it forgets where it began."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import ArpackNoConvergence, eigsh

from graphseq.data.edges import AnyGraph, Edges, undirected_edges_of
from graphseq.reach.measures.operators import operator

_DENSE = 1000  # nodes up to which all eigenvalues are computed


def spectral_gap(graph: AnyGraph | Edges, *, loops: bool = False) -> float:
    r"""Compute the second smallest eigenvalue of the normalised Laplacian.

    .. math:: \lambda_2(I - D^{-1/2} A D^{-1/2}), \qquad \text{with loops: } 1 - \lambda_2(\hat A)

    Where it is small, few edges join parts of the graph (Cheeger's inequality), and a signal takes about 1 / gap layers
    from one to the other. It is 0 for a graph of several components. With A it is n / (n - 1) for complete graphs and
    1 - cos(π / (n - 1)) for paths; with loops it is 1 for complete graphs.

    Args:
        graph: an undirected graph of two nodes or more, see :func:`~graphseq.reach.measures.edges_of`.
        loops: of Â, the operator of a GCN, whose second largest eigenvalue governs over-smoothing.

    Raises:
        TypeError: a graph of another type.
        ValueError: a directed edge, or fewer than two nodes.

    Source: Chung, *Spectral graph theory* (1997), section 1.2; for rewiring, Karhadkar et al. (2023), section 3.

    Example:
        >>> import networkx as nx
        >>> round(spectral_gap(nx.complete_graph(5)), 6)
        1.25
    """
    edges = graph if isinstance(graph, Edges) else undirected_edges_of(graph, "a spectral gap")
    count = edges.num_nodes
    if count < 2:
        raise ValueError(f"a spectral gap needs two nodes or more; graph has {count}")
    if int(edges.components.max()) > 0:
        return 0.0
    matrix = operator(edges, "gcn") if loops else _normalised(edges.matrix)
    if count <= _DENSE:
        return float(max(0.0, 1 - np.linalg.eigvalsh(matrix.toarray())[-2]))
    start = np.random.default_rng(0).standard_normal(count)  # so that the same graph gives the same number
    try:
        largest = eigsh(matrix, k=2, which="LA", return_eigenvectors=False, v0=start, tol=1e-9, maxiter=60)
        return float(max(0.0, 1 - np.sort(largest)[0]))
    except ArpackNoConvergence:  # a small gap, as of a long path, whose Laplacian is fast to factorise
        laplacian = sp.csc_matrix(sp.diags_array(np.ones(count), format="csr") - matrix)
        smallest = eigsh(laplacian, k=2, sigma=-1e-6, which="LM", return_eigenvectors=False, v0=start)
        return float(max(0.0, np.sort(smallest)[1]))


def _normalised(matrix: sp.csr_array) -> sp.csr_array:
    degree = np.asarray(matrix.sum(axis=1)).ravel()
    with np.errstate(divide="ignore"):
        root = sp.diags_array(np.where(degree > 0, degree**-0.5, 0.0), format="csr")
    return sp.csr_array(root @ matrix @ root)
