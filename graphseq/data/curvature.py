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
    triangles = len(near[i] & near[j])
    only_i, only_j = near[i] - near[j] - {j}, near[j] - near[i] - {i}
    through_i = [count for k in only_i if (count := len(near[k] & only_j))]
    through_j = [count for w in only_j if (count := len(near[w] & only_i))]
    value = 2 / small + 2 / large - 2 + 2 * triangles / large + triangles / small
    if through_i:
        value += (len(through_i) + len(through_j)) / (max(*through_i, *through_j) * large)
    return round(value, 12) + 0.0  # exactly 0 where it is 0, as on a grid, and not -0
