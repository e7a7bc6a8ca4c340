"""Mean average distance of states, and MADGap, which compares remote rows with neighbours."""

from __future__ import annotations

import math
from collections.abc import Iterator

import networkx as nx
import scipy.sparse as sp
import torch
from torch import Tensor
from torch_geometric.data import Data

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq.data.edges import AnyGraph, Edges, edges_of
from graphseq.data.graph import SpaceTimeGraph
from graphseq.data.hops import shortest_paths
from graphseq.reach.scaled import CHUNK, scaled, squared_distances

_ROWS = 1024  # of small components that are measured together


@checked_arguments
def mad(states: Tensor, pairs: AnyGraph | Tensor | None = None) -> float:
    r"""Compute the mean average distance: the mean over rows of the mean cosine distance to the rows paired with each.

    .. math:: D_{ij} = 1 - \frac{h_i \cdot h_j}{\|h_i\| \|h_j\|}, \qquad
              \mathrm{MAD} = \frac{1}{|\{i: P_i \neq \emptyset\}|} \sum_i \frac{1}{|P_i|} \sum_{j \in P_i} D_{ij}

    It is 0 where all rows are parallel, and at most 2. The paper leaves distances of exactly 0 out of both means, so
    that two groups of equal rows count as farther apart than rows that differ slightly; here they are included.

    Args:
        states: H, (V, H).
        pairs: a graph of V rows, PyG ``Data``, networkx or :class:`~graphseq.SpaceTimeGraph`, whose edges, in space
            and in time, pair each row i with its neighbours j; or pairs (i, j) as columns, (2, P); ``None`` for all
            pairs. Self-pairs are left out, and duplicates count once. :func:`mad_gap` compares near and remote pairs.

    Returns:
        A number between 0 and 2; pairs with a row of zeros, which has no direction, are left out. NaN where no pair
        remains.

    Raises:
        TypeError: states that are not a floating tensor, or pairs of another type.
        ValueError: states of another number of rows than the graph, or pairs out of range.

    Source: Chen et al., *Measuring and relieving the over-smoothing problem for graph neural networks from the
    topological view* (2020).

    Example:
        >>> mad(torch.tensor([[2.0, 0.0], [0.0, 3.0], [0.0, 5.0]]), torch.tensor([[0, 1], [1, 2]]))
        0.5
    """
    h, _ = scaled(states)
    has_direction = (h != 0).any(dim=1)
    unit = h[has_direction] / h[has_direction].abs().amax(dim=1, keepdim=True)
    unit = unit / torch.linalg.vector_norm(unit, dim=1, keepdim=True)
    if pairs is None:  # each pair twice over m (m - 1), and 1 - cos = ½ ‖u_i - u_j‖²: the variance of directions
        return float((unit - unit.mean(dim=0)).square().sum() / (len(unit) - 1)) if len(unit) > 1 else math.nan
    first, second = _pairs(pairs, h)
    is_kept = has_direction[first] & has_direction[second]
    index = has_direction.cumsum(0) - 1
    first, second = index[first[is_kept]], index[second[is_kept]]
    sums = unit.new_zeros(len(unit)).index_add_(0, first, squared_distances(unit, first, second) / 2)
    counts = torch.bincount(first, minlength=len(unit))
    return float((sums[counts > 0] / counts[counts > 0]).mean())


@checked_arguments
def mad_gap(states: Tensor, graph: AnyGraph, *, near: int = 3, remote: int = 8, causal: bool = False) -> float:
    r"""Compute MADGap, how much farther apart the states of remote rows are than those of neighbours.

    .. math:: \mathrm{MADGap} = \mathrm{MAD}^{\mathrm{rmt}} - \mathrm{MAD}^{\mathrm{neb}}

    MAD over the pairs at 8 hops and more, minus MAD over those within 3. Near 0, or below, a model cannot tell remote
    rows from neighbours: it is over-smoothed. Pairs without a path are in neither, and distances of 0 count, see
    :func:`mad`.

    Args:
        states: H, (V, H).
        graph: V rows, PyG ``Data``, networkx or :class:`~graphseq.SpaceTimeGraph`.
        near: the most hops of neighbours.
        remote: the fewest hops of remote rows.
        causal: hops along time past → future only.

    Returns:
        A number between -2 and 2; NaN for a graph without remote or without near pairs.

    Raises:
        TypeError, ValueError: as :func:`mad`; remote rows that are no farther than near ones.

    Source: Chen et al., *Measuring and relieving the over-smoothing problem for graph neural networks from the
    topological view* (2020), section 3.3.

    Example:
        The two halves of a path of 20 rows point in two directions:

        >>> import networkx as nx
        >>> states = torch.eye(2).repeat_interleave(10, dim=0)
        >>> round(mad_gap(states, nx.path_graph(20)), 3)
        0.814
    """
    if _checks.at_least("remote", remote, 1) <= _checks.at_least("near", near, 1):
        raise ValueError(f"remote rows must be farther than near ones; got remote={remote} and near={near}")
    h, _ = scaled(states)
    h = h.cpu()
    edges = edges_of(graph, causal=causal)
    if len(h) != edges.num_nodes:
        raise ValueError(f"states must have one row for each of the graph's {edges.num_nodes}, got {len(h)}")
    has_direction = (h != 0).any(dim=1)
    unit = h / torch.linalg.vector_norm(h, dim=1, keepdim=True).masked_fill(~has_direction[:, None], 1.0)
    unit = unit - unit[has_direction].mean(dim=0)  # differences stay; what all rows share would cost digits
    squares = unit.square().sum(dim=1)
    means: tuple[list[Tensor], list[Tensor]] = ([], [])
    for part, simple in _parts(edges):  # no path leads from one part to another
        own, of_part = unit[part], squares[part]
        for rows in has_direction[part].nonzero()[:, 0].split(max(1, CHUNK * 16 // len(part))):
            hops = shortest_paths(simple, rows)
            distance = ((of_part[rows][:, None] + of_part) / 2 - own[rows] @ own.T).clamp(min=0)
            for found, chosen in zip(means, ((hops >= 1) & (hops <= near), hops >= remote), strict=True):
                kept = chosen & has_direction[part]
                count = kept.sum(dim=1)
                found.append(((distance * kept).sum(dim=1) / count)[count > 0])
    close, far = (torch.cat(found) if found else h.new_zeros(0) for found in means)
    return float(far.mean() - close.mean()) if len(far) and len(close) else math.nan


def _parts(edges: Edges) -> Iterator[tuple[Tensor, sp.csr_array]]:
    """The rows of some components at a time, with the edges between them; components of one row are left out."""
    component, simple = edges.components, edges.simple
    order, sizes = torch.argsort(component, stable=True), torch.bincount(component)
    ends = sizes.cumsum(0)
    first = 0
    while first < len(sizes):
        start = int(ends[first] - sizes[first])
        last = max(first, int(torch.searchsorted(ends, start + _ROWS, right=True)) - 1)
        rows = order[start : int(ends[last])]
        first = last + 1
        rows = rows[sizes[component[rows]] > 1].sort().values
        if len(rows):
            yield rows, simple if len(rows) == edges.num_nodes else simple[rows.numpy()][:, rows.numpy()]


def _pairs(pairs: AnyGraph | Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
    """The distinct pairs (i, j) with i ≠ j."""
    if isinstance(pairs, Tensor):
        index = _checks.edges("pairs", pairs, len(h), "rows").unique(dim=1)
    elif isinstance(pairs, SpaceTimeGraph):
        pairs.check_as_argument("pairs")
        if pairs.num_rows != len(h):
            raise ValueError(f"states must have one row for each of the graph's {pairs.num_rows}, got {len(h)}")
        reader, source = pairs.topology.spacetime().pattern.nonzero()
        index = torch.stack([torch.from_numpy(reader).long(), torch.from_numpy(source).long()])
    elif isinstance(pairs, Data | nx.Graph):
        simple = edges_of(pairs).simple.tocoo()
        if simple.shape[0] != len(h):
            raise ValueError(f"states must have one row for each of the graph's {simple.shape[0]}, got {len(h)}")
        index = torch.stack([torch.from_numpy(simple.row).long(), torch.from_numpy(simple.col).long()])
    else:
        raise TypeError(f"pairs must be a graph, a tensor (2, P) or None, got {type(pairs).__name__}")
    first, second = index[:, index[0] != index[1]].to(h.device)
    return first, second
