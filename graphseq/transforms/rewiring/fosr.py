"""First-order spectral rewiring: edges that raise the spectral gap most."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq.transforms.rewiring.apply import changed
from graphseq.transforms.rewiring.parts import Change, Graph, Part, rewired

Floats = NDArray[np.float64]


@checked_arguments
def fosr(
    graph: Graph,
    edges: int,
    *,
    seed: int = 0,
    power_iterations: int = 10,
    edge_weight: float | None = None,
    edge_attr: Tensor | None = None,
) -> Graph:
    r"""Add edges that raise the spectral gap, each chosen by the first-order change of the second eigenvalue.

    .. math:: (i, j) = \operatorname*{arg\,min}_{i \not\sim j} \frac{x_i}{\sqrt{1 + d_i}} \frac{x_j}{\sqrt{1 + d_j}}

    x approximates the eigenvector of the second largest eigenvalue of :math:`D^{-1/2} A D^{-1/2}`, by power iterations
    orthogonal to :math:`\sqrt d`: some at first, and one more after each edge. The edge joins the two sides of the
    narrowest cut. A larger gap shortens the ways of messages, and smooths states faster. Since the choice is of first
    order, a single edge may also lower it.

    Args:
        graph: PyG ``Data`` or ``Batch``, a networkx graph or a static :class:`~graphseq.SpaceTimeGraph`, undirected;
            in a batch each graph gets edges of its own.
        edges: the number of undirected edges to add to each graph; fewer where it is complete before.
        seed: of the first x.
        power_iterations: the number at first.
        edge_weight: weight of new edges, where the graph has weights; the choice does not see weights.
        edge_attr: features (D,) of a new edge, where the graph has them.

    Returns:
        A graph of the same type, in which new edges come last, in a PyG ``Batch`` last in each graph.
        Usable as ``Model(transform=…)`` with
        ``functools.partial``.

    Raises:
        TypeError: another type.
        ValueError: a directed edge, several times, or attributes of edges that new ones would lack.

    Source: Karhadkar, Banerjee and Montúfar, *FoSR: first-order spectral rewiring for addressing oversquashing in GNNs*
    (2023), algorithm 1.

    Example:
        >>> import networkx as nx
        >>> path = nx.path_graph(6)
        >>> sorted(set(fosr(path, edges=1).edges) - set(path.edges))
        [(0, 5)]
    """
    count = _checks.at_least("edges", edges, 0)
    warm = _checks.at_least("power_iterations", power_iterations, 1)
    first = _checks.seed("seed", seed)
    change = rewired(
        graph, ("fosr", count, warm, first), lambda part, number: _edges(part, count, warm, [first, number])
    )
    return changed(graph, change, edge_weight=edge_weight, edge_attr=edge_attr)


def _edges(part: Part, count: int, warm: int, seed: list[int]) -> Change:
    near, change = part.near, Change()
    size = len(near)
    if size < 2:
        return change
    x = np.random.default_rng(seed).uniform(-1, 1, size)
    for _ in range(warm):
        x = _power(near, x)
    for _ in range(count):
        degree = np.array([len(nodes) for nodes in near], dtype=np.float64)
        pair = _smallest_product(x / np.sqrt(1 + degree), near)
        if pair is None:
            break
        i, j = pair
        near[i].add(j)
        near[j].add(i)
        change.join(i, j)
        x = _power(near, x)
    return change


def _power(near: list[set[int]], x: Floats) -> Floats:
    """One iteration of I + D^(-1/2) A D^(-1/2), whose eigenvalues are not negative, orthogonal to √d."""
    degree = np.array([len(nodes) for nodes in near], dtype=np.float64)
    root = np.sqrt(degree)
    if root.any():
        x = x - (x @ root) * root / degree.sum()
    scaled = np.divide(x, root, out=np.zeros_like(x), where=root > 0)
    source = np.repeat(np.arange(len(near)), [len(nodes) for nodes in near])
    target = np.fromiter((other for nodes in near for other in sorted(nodes)), dtype=np.int64, count=len(source))
    mixed = np.bincount(source, weights=scaled[target], minlength=len(near))
    y = x + np.divide(mixed, root, out=np.zeros_like(x), where=root > 0)
    norm = float(np.linalg.norm(y))
    return y / norm if norm > 0 else x


def _smallest_product(y: Floats, near: list[set[int]]) -> tuple[int, int] | None:
    """The pair i < j without an edge of the smallest y_i y_j, the first of several; ``None`` in a complete graph.

    The smallest products are those of the lowest and the highest y, so that only these are tried; more of them as long
    as a pair with one that was left out could be smaller.
    """
    order = np.argsort(y, kind="stable")
    width = min(32, len(y))
    while True:
        nodes = np.unique(np.concatenate([order[:width], order[-width:]]))
        best, pair = math.inf, None
        products = np.outer(y[nodes], y[nodes])
        for at in np.argsort(products, axis=None, kind="stable").tolist():
            a, b = divmod(at, len(nodes))
            i, j = int(nodes[a]), int(nodes[b])
            if i < j and j not in near[i]:
                best, pair = float(products[a, b]), (i, j)
                break
        if len(nodes) == len(y):
            return pair
        inner = y[order[[width, -width - 1]]]  # the extremes of those left out
        ends = y[order[[0, -1]]]
        if best <= float(np.outer(inner, ends).min()):
            return pair
        width = min(2 * width, len(y))
