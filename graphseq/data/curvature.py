"""The balanced Forman curvature of the edges of any graph, by which bottlenecks are found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from graphseq._prompt import short_repr
from graphseq.data.edges import AnyGraph, undirected_edges_of

Neighbours = Sequence[set[int]]


@short_repr
@dataclass(frozen=True)
class Curvature:
    """The curvature of each edge of an undirected graph.

    Returned by :func:`graphseq.reach.measures.balanced_forman_curvature`.
    """

    edge_index: Tensor  #: each edge once, (2, E), the smaller node first, in order
    value: Tensor  #: (E,), float64, between -2 and 2; bottlenecks are negative


def balanced_forman_curvature(graph: AnyGraph) -> Curvature:
    r"""Compute the balanced Forman curvature of every edge.

    .. math:: \mathrm{Ric}(i, j) = \frac{2}{d_i} + \frac{2}{d_j} - 2
              + 2 \frac{|\sharp_\Delta|}{\max(d_i, d_j)} + \frac{|\sharp_\Delta|}{\min(d_i, d_j)}
              + \frac{|\sharp_\square^i| + |\sharp_\square^j|}{\gamma_{\max} \max(d_i, d_j)}

    and 0 where d_i or d_j is 1. :math:`\sharp_\Delta` are the triangles on the edge; :math:`\sharp_\square^i` the
    neighbours k of i, other than j and its neighbours, that lie on a 4-cycle i, j, w, k without diagonals inside it;
    :math:`\gamma_{\max}` the most such cycles through one node k or w. The last term is 0 where there is no such cycle.

    Complete graphs of n nodes have n / (n - 1), rings of 3, 4 and more nodes 3/2, 1 and 0, square grids 0, and edges of
    trees 2/d_i + 2/d_j - 2. The authors' code differs from the definition: it takes i and j for corners of their own
    cycles.

    Args:
        graph: PyG ``Data``, a networkx graph or a :class:`~graphseq.SpaceTimeGraph`, undirected. Weights, self-loops
            and parallel edges do not count.

    Raises:
        TypeError: a graph of another type.
        ValueError: a directed edge.

    Source: Topping et al., *Understanding over-squashing and bottlenecks on graphs via curvature* (2022), definition 1.

    Example:
        >>> import networkx as nx
        >>> balanced_forman_curvature(nx.cycle_graph(4)).value.tolist()
        [1.0, 1.0, 1.0, 1.0]
    """
    simple = undirected_edges_of(graph, "balanced Forman curvature").simple
    near = [
        set(simple.indices[start:end].tolist()) for start, end in zip(simple.indptr, simple.indptr[1:], strict=False)
    ]
    pairs = [(i, j) for i, nodes in enumerate(near) for j in sorted(nodes) if i < j]
    values = [curvature_of(near, i, j) for i, j in pairs]
    index = torch.tensor(pairs, dtype=torch.long).reshape(-1, 2).t().contiguous()
    return Curvature(index, torch.tensor(values, dtype=torch.float64))


def curvature_of(near: Neighbours, i: int, j: int) -> float:
    """Compute the curvature of one edge, given the neighbours of every node."""
    small, large = sorted((len(near[i]), len(near[j])))
    if small == 1:
        return 0.0
    corners_i, corners_j = _corners(near, i, j)
    through = [count for count in (*corners_i.values(), *corners_j.values()) if count]
    return _value(small, large, len(near[i] & near[j]), len(through), max(through, default=0))


def curvatures_with(near: Neighbours, i: int, j: int, pairs: Sequence[tuple[int, int]]) -> list[float]:
    """Compute what the curvature of the edge i ~ j is once one further edge is there, for each of some pairs of nodes.

    Each pair is of a node of the ball around i and one of the ball around j, without an edge. Between a neighbour of i
    alone and one of j alone it makes the edge the side of one more 4-cycle through each; one with a common neighbour
    changes nothing; and only one that ends at i or j has to be counted anew.

    Args:
        near: the neighbours of every node; left as they are.
        i: one end of the edge.
        j: the other end.
        pairs: the further edges.
    """
    small, large = sorted((len(near[i]), len(near[j])))
    triangles = len(near[i] & near[j])
    corners_i, corners_j = _corners(near, i, j)
    corners = corners_i | corners_j
    squares, most = sum(count > 0 for count in corners.values()), max(corners.values(), default=0)
    unchanged = curvature_of(near, i, j)
    found = []
    for k, m in pairs:
        if {k, m} & {i, j}:
            near[k].add(m)
            near[m].add(k)
            found.append(curvature_of(near, i, j))
            near[k].remove(m)
            near[m].remove(k)
        elif k in corners and m in corners and (k in corners_i) != (m in corners_i):
            new = (corners[k] == 0) + (corners[m] == 0)
            found.append(_value(small, large, triangles, squares + new, max(most, corners[k] + 1, corners[m] + 1)))
        else:
            found.append(unchanged)
    return found


def _corners(near: Neighbours, i: int, j: int) -> tuple[dict[int, int], dict[int, int]]:
    """The number of 4-cycles on the edge through each neighbour of i alone, and through each of j alone."""
    only_i, only_j = near[i] - near[j] - {j}, near[j] - near[i] - {i}
    return {k: len(near[k] & only_j) for k in only_i}, {w: len(near[w] & only_i) for w in only_j}


def _value(small: int, large: int, triangles: int, squares: int, most: int) -> float:
    """The curvature of an edge.

    Args:
        small: the smaller degree of its ends.
        large: the larger degree.
        triangles: the number of triangles on it.
        squares: the number of nodes through which 4-cycles on it lead.
        most: the most of these cycles through one node.
    """
    value = 2 / small + 2 / large - 2 + 2 * triangles / large + triangles / small
    if squares:
        value += squares / (most * large)
    return round(value, 12) + 0.0  # exactly 0 where it is 0, as on a grid, and not -0
