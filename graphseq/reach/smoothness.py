"""Measures of over-smoothing: Dirichlet energy, mean average distance, and effective rank.

Each function takes states (V, H) and returns one number. It is computed in float64 on states scaled to a largest entry
of 1, so that states of 1e-30 after a deep GCN are measured as accurately as its input. It is NaN for states that are
not all finite.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch_geometric.utils import add_remaining_self_loops

from graphseq import _checks
from graphseq.data.adjacency import Adjacency
from graphseq.data.graph import SpaceTimeGraph

_CHUNK = 2**16  # the most entries in the states of a chunk of pairs, so that it stays in cache


def dirichlet_energy(states: Tensor, graph: SpaceTimeGraph, *, causal: bool = False, relative: bool = False) -> float:
    r"""Compute the Dirichlet energy, the squared differences of neighbouring states scaled by the root of their degree.

    .. math:: E(H) = \frac12 \sum_{ij} \tilde A_{ij}
              \left\| \frac{h_i}{\sqrt{\tilde d_i}} - \frac{h_j}{\sqrt{\tilde d_j}} \right\|^2
              = \mathrm{tr}\, H^\top (I - \hat A) H

    It is 0 where :math:`h_i \propto \sqrt{\tilde d_i}` on each component, the limit of layers H ← Â H W. With A and D
    in place of Ã and D̃ it is another energy, which does not go to 0 under a GCN.

    The sum is the definition; the trace equals it where Â is symmetric. On directed edges, as in a causal GCN, each
    edge counts half and d̃ are in-degrees, as in PyG's ``gcn_norm``. Then too
    :math:`\hat A \tilde D^{1/2} 1 = \tilde D^{1/2} 1`, where the sum is 0, while the trace can be negative.

    Args:
        states: H, (V, H).
        graph: V rows; the edges are those of its space-time graph.
        causal: along time past → future only, as for a causal GCN.
        relative: divide by ‖H‖²_F, so that the scale of the states does not matter. The result is between 0 and
            :math:`2 \max_i (1 - \tilde A_{ii} / \tilde d_i)` where Â is symmetric: at most 2d / (d + 1) for edges
            without weights and a largest degree of d, 4/3 on paths and rings, always below 2.

    Returns:
        A number of at least 0; rows with d̃ = 0 are left out. With ``relative``, NaN for states that are all 0.

    Raises:
        TypeError: states that are not a floating tensor.
        ValueError: states of another number of rows than the graph, or a negative weight.

    Source: Cai and Wang, *A note on over-smoothing for graph neural networks* (2020), for undirected edges.

    Example:
        Two adjacent rows, d̃ = 2:

        >>> import graphseq as gs, torch
        >>> dirichlet_energy(torch.tensor([[3.0], [1.0]]), gs.from_sequence(torch.zeros(2, 1)))
        2.0
    """
    h, scale = _scaled(states)
    if len(h) != graph.num_rows:
        raise ValueError(f"states must have one row for each of the graph's {graph.num_rows}, got {len(h)}")
    terms = graph.topology.keep(("energy", causal), lambda: _terms(graph.topology.spacetime(causal)))
    reader, source, weight, root = terms
    energy = float((weight * _squared_distances(h * root[:, None], reader, source)).sum()) / 2
    if relative:
        size = float(h.square().sum())
        return energy / size if size else math.nan
    return energy * scale * scale


def mad(states: Tensor, pairs: SpaceTimeGraph | Tensor | None = None) -> float:
    r"""Compute the mean average distance: the mean over rows of the mean cosine distance to the rows paired with each.

    .. math:: D_{ij} = 1 - \frac{h_i \cdot h_j}{\|h_i\| \|h_j\|}, \qquad
              \mathrm{MAD} = \frac{1}{|\{i: P_i \neq \emptyset\}|} \sum_i \frac{1}{|P_i|} \sum_{j \in P_i} D_{ij}

    It is 0 where all rows are parallel, and at most 2. The paper leaves distances of exactly 0 out of both means, so
    that two groups of equal rows count as farther apart than rows that differ slightly; here they are included.

    Args:
        states: H, (V, H).
        pairs: a graph of V rows, whose spatial and temporal edges pair each row i with its neighbours j; or pairs
            (i, j) as columns, (2, P); ``None`` for all pairs. Self-pairs are left out, and duplicates count once. Near
            pairs and remote pairs, from :func:`~graphseq.reach.hop_distances`, give the two terms of the paper's
            MADGap.

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
    h, _ = _scaled(states)
    has_direction = (h != 0).any(dim=1)
    unit = h[has_direction] / h[has_direction].abs().amax(dim=1, keepdim=True)
    unit = unit / torch.linalg.vector_norm(unit, dim=1, keepdim=True)
    if pairs is None:  # each pair twice over m (m - 1), and 1 - cos = ½ ‖u_i - u_j‖²: the variance of directions
        return float((unit - unit.mean(dim=0)).square().sum() / (len(unit) - 1)) if len(unit) > 1 else math.nan
    first, second = _pairs(pairs, h)
    is_kept = has_direction[first] & has_direction[second]
    index = has_direction.cumsum(0) - 1
    first, second = index[first[is_kept]], index[second[is_kept]]
    sums = unit.new_zeros(len(unit)).index_add_(0, first, _squared_distances(unit, first, second) / 2)
    counts = torch.bincount(first, minlength=len(unit))
    return float((sums[counts > 0] / counts[counts > 0]).mean())


def effective_rank(states: Tensor) -> float:
    r"""Compute the effective rank, the exponential of the entropy of the normalised singular values.

    .. math:: \mathrm{erank}(H) = \exp\Big(- \sum_k p_k \ln p_k\Big), \qquad p_k = \sigma_k \Big/ \sum_j \sigma_j

    with σ the singular values of H. It is between 1 and the rank, and 1 for the limit of over-smoothing,
    :math:`\tilde D^{1/2} 1 w^\top`.

    Args:
        states: H, (V, H).

    Returns:
        A number of at least 1; NaN for states that are all 0.

    Raises:
        TypeError: states that are not a floating tensor.
        ValueError: states that are not (V, H).

    Source: Roy and Vetterli, *The effective rank: a measure of effective dimensionality* (2007), definition 1.

    Example:
        >>> round(effective_rank(torch.diag(torch.tensor([2.0, 2.0, 0.0]))), 6)
        2.0
    """
    h, _ = _scaled(states)
    if not bool(h.isfinite().all()):
        return math.nan
    values = torch.linalg.svdvals(h)
    shares = values / values.sum()
    return float(torch.special.entr(shares).sum().exp())


def _scaled(states: Tensor) -> tuple[Tensor, float]:
    """The states in float64 divided by their largest absolute entry, and that entry; 1 where all are 0."""
    states = _checks.is_tensor("states", states)
    if not states.is_floating_point():
        raise TypeError(f"states must be floating, got {states.dtype}")
    if states.dim() != 2 or not states.numel():
        raise ValueError(f"states must be (V, H), one row at least, got {tuple(states.shape)}")
    h = states.detach().double()
    scale = float(h.abs().max()) or 1.0
    return h / scale, scale


def _terms(adjacency: Adjacency) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The targets, sources and weights of the edges of Ã, and 1/√d̃ of each row, 0 where d̃ is 0."""
    index, rows = adjacency.edge_index, adjacency.num_rows
    ones = torch.ones(index.shape[1], dtype=torch.float64, device=index.device)
    weight = ones if adjacency.edge_weight is None else adjacency.edge_weight.detach().double()
    if bool((weight < 0).any()):
        index_below = int((weight < 0).nonzero()[0])
        value = float(weight[index_below])
        raise ValueError(f"edge_weight[{index_below}] is {value:g}; an energy takes weights of at least 0")
    index, weight = add_remaining_self_loops(index, weight, 1.0, rows)
    degree = weight.new_zeros(rows).index_add_(0, index[1], weight)
    root = degree.rsqrt().masked_fill(degree == 0, 0.0)
    is_kept = (index[0] != index[1]) & (degree[index] > 0).all(dim=0)
    return index[1, is_kept], index[0, is_kept], weight[is_kept], root


def _pairs(pairs: SpaceTimeGraph | Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
    """The distinct pairs (i, j) with i ≠ j."""
    if isinstance(pairs, SpaceTimeGraph):
        if pairs.num_rows != len(h):
            raise ValueError(f"states must have one row for each of the graph's {pairs.num_rows}, got {len(h)}")
        reader, source = pairs.topology.spacetime().pattern.nonzero()
        index = torch.stack([torch.from_numpy(reader).long(), torch.from_numpy(source).long()])
    elif isinstance(pairs, Tensor):
        index = _checks.edges("pairs", pairs, len(h), "rows").unique(dim=1)
    else:
        raise TypeError(f"pairs must be a SpaceTimeGraph, a tensor (2, P) or None, got {type(pairs).__name__}")
    first, second = index[:, index[0] != index[1]].to(h.device)
    return first, second


def _squared_distances(h: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """The squared distances of the states of all pairs, (P,), computed in chunks."""
    size = max(1, _CHUNK // h.shape[1])
    chunks = zip(first.split(size), second.split(size), strict=True)
    return torch.cat([(h[a] - h[b]).square().sum(dim=1) for a, b in chunks])
