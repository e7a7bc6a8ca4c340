"""Distances between the nodes of any graph: hops along edges, and effective resistance."""

from __future__ import annotations

import torch
from torch import Tensor

from graphseq import _checks
from graphseq.data.edges import AnyGraph, Edges, edges_of, undirected_edges_of
from graphseq.data.hops import shortest_paths
from graphseq.reach.probe.norms import TooLargeError

KINDS = ("hop", "resistance")
MOST_NODES = 5000  #: of one component, for an effective resistance: a matrix of 200 MB is inverted


def distances(graph: AnyGraph, kind: str = "hop", *, nodes: Tensor | None = None, causal: bool = False) -> Tensor:
    r"""Compute the distance from every node to each of some nodes.

    .. math:: d(i, j) = \text{edges on the shortest path } j \to i, \qquad
              R_{ij} = (e_i - e_j)^\top \mathcal{L}^{+} (e_i - e_j), \quad \mathcal{L} = D - A

    Hops count the edges whatever their weights. The resistance is that of a network in which each edge conducts as its
    weight says; on a tree without weights it is the number of hops, and further routes between two nodes lower it.

    Args:
        graph: PyG ``Data`` or ``Batch``, a networkx graph, or a :class:`~graphseq.SpaceTimeGraph`.
        kind: "hop" or "resistance".
        nodes: the K nodes to which distances are measured, (K,); ``None`` for all.
        causal: of a space-time graph, along time from past to future only; for hops.

    Returns:
        (K, V) in float64; infinite where there is no path.

    Raises:
        TypeError: a graph of another type.
        ValueError: an unknown kind, a node that does not exist, a resistance on directed edges.
        TooLargeError: a resistance in a component of more than 5,000 nodes. A ``ValueError``.

    Source: Klein and Randić, *Resistance distance* (1993), theorem A.

    Example:
        On a ring of four nodes, two routes of k and 4 - k edges in parallel: k (4 - k) / 4.

        >>> import networkx as nx
        >>> ring = nx.cycle_graph(4)
        >>> distances(ring, nodes=torch.tensor([0])).tolist()
        [[0.0, 1.0, 2.0, 1.0]]
        >>> distances(ring, "resistance", nodes=torch.tensor([0])).round(decimals=6).tolist()
        [[0.0, 0.75, 1.0, 0.75]]
    """
    _checks.one_of("kind", kind, KINDS)
    if kind == "hop":
        edges = edges_of(graph, causal=causal)
        found = shortest_paths(edges.simple, chosen_nodes(nodes, edges.num_nodes)).double()
        return torch.where(found < 0, torch.inf, found)
    edges = undirected_edges_of(graph, "resistance", causal=causal)
    return resistances(edges)[chosen_nodes(nodes, edges.num_nodes)]


def resistances(edges: Edges) -> Tensor:
    """Compute the effective resistance between all nodes of undirected edges, (V, V); infinite between components.

    Raises:
        TooLargeError: a component of more than 5,000 nodes.
    """
    component = edges.components
    result = torch.full((edges.num_nodes, edges.num_nodes), torch.inf, dtype=torch.float64)
    result.fill_diagonal_(0.0)
    for number in torch.bincount(component).gt(1).nonzero()[:, 0].tolist():
        rows = (component == number).nonzero()[:, 0]
        if len(rows) > MOST_NODES:
            raise TooLargeError(
                f"a component has {len(rows):,} nodes; effective resistances are computed up to {MOST_NODES:,}, by the "
                "inverse of a matrix: measure hops, or a part of the graph"
            )
        index = rows.numpy()
        a = torch.from_numpy(edges.matrix[index][:, index].toarray()).fill_diagonal_(0.0)
        result[rows[:, None], rows] = _of_component(a)
    return result


def _of_component(a: Tensor) -> Tensor:
    """Resistances of a connected graph: L + 11ᵀ/n has the inverse L⁺ + 11ᵀ/n, whose constant cancels."""
    laplacian = a.sum(dim=1).diag() - a
    scale = float(a.sum()) / len(a)  # of the same size as the entries of L, whatever the unit of the weights
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(laplacian + scale / len(a)))
    diagonal = inverse.diagonal()
    resistance: Tensor = diagonal[:, None] + diagonal - 2 * inverse
    return resistance.fill_diagonal_(0.0).clamp_(min=0.0)


def chosen_nodes(nodes: Tensor | None, count: int) -> Tensor:
    """The numbers of some nodes of a graph, (K,), on the CPU; of all where none are chosen.

    Raises:
        TypeError: no tensor.
        ValueError: they are no integers, or there is no such node.
    """
    if nodes is None:
        return torch.arange(count)
    rows = _checks.is_tensor("nodes", nodes).cpu()
    if rows.dim() != 1 or rows.is_floating_point() or rows.is_complex() or rows.dtype == torch.bool or not rows.numel():
        raise ValueError(f"nodes must be integers of shape (K,), got {rows.dtype} {tuple(rows.shape)}")
    rows = rows.long()
    is_outside = (rows < 0) | (rows >= count)
    if bool(is_outside.any()):
        raise ValueError(f"nodes must lie in 0 to {count - 1}, got {int(rows[is_outside][0])}")
    return rows
