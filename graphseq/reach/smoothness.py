"""How much alike states are: between neighbours, between all rows, and as a whole.

Each takes states (V, H) and gives one number, worked out in float64 on states brought to size 1 first, so that what a
deep GCN has shrunk to 1e-30 is measured as well as what it began with. Of states that are not all finite each is NaN.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch_geometric.utils import add_remaining_self_loops

from graphseq import _checks
from graphseq.data.adjacency import Adjacency
from graphseq.data.graph import SpaceTimeGraph

_CHUNK = 2**16  # numbers that the states of some pairs may hold: what stays in cache


def dirichlet_energy(states: Tensor, graph: SpaceTimeGraph, *, causal: bool = False, relative: bool = False) -> float:
    r"""How far the states of joined rows are apart, each scaled by the root of its degree.

    .. math:: E(H) = \frac12 \sum_{ij} \tilde A_{ij}
              \left\| \frac{h_i}{\sqrt{\tilde d_i}} - \frac{h_j}{\sqrt{\tilde d_j}} \right\|^2
              = \mathrm{tr}\, H^\top (I - \hat A) H

    It is 0 where :math:`h_i \propto \sqrt{\tilde d_i}` on each component, and that is where layers H ← Â H W lead. With
    A and D in the place of Ã and D̃ it is another energy, which does not go to 0 under a GCN.

    The sum is the definition, and the trace is equal to it where Â is symmetric. On directed edges, those of a causal
    GCN among them, each edge counts half and d̃ are in-degrees, as PyG's ``gcn_norm`` has them: then too
    :math:`\hat A \tilde D^{1/2} 1 = \tilde D^{1/2} 1`, and the sum is 0 there, where the trace could be negative.

    Args:
        states: H, (V, H).
        graph: V rows; its space-time graph is what counts as joined.
        causal: along time past → future only, as for a causal GCN.
        relative: divide by ‖H‖²_F, so that the size of the states does not count. Between 0 and
            :math:`2 \max_i (1 - \tilde A_{ii} / \tilde d_i)` where Â is symmetric: that is 2d / (d + 1) at most for
            edges without weights and a largest degree of d, 4/3 on paths and rings, always below 2.

    Returns:
        At least 0; a row whose d̃ is 0 takes no part. Where ``relative``, NaN for states that are all 0.

    Raises:
        TypeError: states that are not a floating tensor.
        ValueError: states that are not one row for each of the graph's, or a negative weight.

    Source: Cai and Wang, *A note on over-smoothing for graph neural networks* (2020), for undirected edges.

    Example:
        Two joined rows, d̃ = 2:

        >>> import graphseq as gs, torch
        >>> dirichlet_energy(torch.tensor([[3.0], [1.0]]), gs.from_sequence(torch.zeros(2, 1)))
        2.0
    """
    h, scale = _brought_to_one(states)
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
    r"""Mean average distance: the mean over rows of the mean cosine distance to the rows each is paired with.

    .. math:: D_{ij} = 1 - \frac{h_i \cdot h_j}{\|h_i\| \|h_j\|}, \qquad
              \mathrm{MAD} = \frac{1}{|\{i: P_i \neq \emptyset\}|} \sum_i \frac{1}{|P_i|} \sum_{j \in P_i} D_{ij}

    Between 0, all alike up to their length, and 2. The paper leaves distances that are exactly 0 out of both means,
    so that two groups of equal rows seem farther apart than rows that differ a little; here they count.

    Args:
        states: H, (V, H).
        pairs: a graph of V rows, whose edges in space and along time pair each row i with those j that it reads or that
            stand next to it in time; or pairs (i, j) as columns, (2, P); without it, all. A row is no pair with itself,
            and a pair counts once. Rows that are near and rows that are far, from
            :func:`~graphseq.reach.hop_distances`, give the two terms of the paper's MADGap.

    Returns:
        A row that is 0 has no direction, and its pairs are left out; NaN where none are left.

    Raises:
        TypeError: states that are not a floating tensor, pairs of another kind.
        ValueError: states that do not fit the graph, pairs outside of them.

    Source: Chen et al., *Measuring and relieving the over-smoothing problem for graph neural networks from the
    topological view* (2020).

    Example:
        >>> mad(torch.tensor([[2.0, 0.0], [0.0, 3.0], [0.0, 5.0]]), torch.tensor([[0, 1], [1, 2]]))
        0.5
    """
    h, _ = _brought_to_one(states)
    there = (h != 0).any(dim=1)
    unit = h[there] / h[there].abs().amax(dim=1, keepdim=True)
    unit = unit / torch.linalg.vector_norm(unit, dim=1, keepdim=True)
    if pairs is None:  # each pair twice over m (m - 1), and 1 - cos = ½ ‖u_i - u_j‖²: the variance of directions
        return float((unit - unit.mean(dim=0)).square().sum() / (len(unit) - 1)) if len(unit) > 1 else math.nan
    first, second = _pairs(pairs, h)
    kept = there[first] & there[second]
    place = there.cumsum(0) - 1
    first, second = place[first[kept]], place[second[kept]]
    sums = unit.new_zeros(len(unit)).index_add_(0, first, _squared_distances(unit, first, second) / 2)
    counts = torch.bincount(first, minlength=len(unit))
    return float((sums[counts > 0] / counts[counts > 0]).mean())


def effective_rank(states: Tensor) -> float:
    r"""How many directions the states take, counted by how evenly.

    .. math:: \mathrm{erank}(H) = \exp\Big(- \sum_k p_k \ln p_k\Big), \qquad p_k = \sigma_k \Big/ \sum_j \sigma_j

    with σ the singular values of H. Between 1 and the rank; what smoothing leaves, :math:`\tilde D^{1/2} 1 w^\top`, has
    1.

    Args:
        states: H, (V, H).

    Returns:
        1 or more; NaN for states that are all 0.

    Raises:
        TypeError: states that are not a floating tensor.
        ValueError: states that are not (V, H).

    Source: Roy and Vetterli, *The effective rank: a measure of effective dimensionality* (2007), definition 1.

    Example:
        >>> round(effective_rank(torch.diag(torch.tensor([2.0, 2.0, 0.0]))), 6)
        2.0
    """
    h, _ = _brought_to_one(states)
    if not bool(h.isfinite().all()):
        return math.nan
    values = torch.linalg.svdvals(h)
    shares = values / values.sum()
    return float(torch.special.entr(shares).sum().exp())


def _brought_to_one(states: Tensor) -> tuple[Tensor, float]:
    """States in float64 over their largest entry, and that entry; states that are all 0 as they are, and 1."""
    states = _checks.is_tensor("states", states)
    if not states.is_floating_point():
        raise TypeError(f"states must be floating, got {states.dtype}")
    if states.dim() != 2 or not states.numel():
        raise ValueError(f"states must be (V, H), one row at least, got {tuple(states.shape)}")
    h = states.detach().double()
    scale = float(h.abs().max()) or 1.0
    return h / scale, scale


def _terms(adjacency: Adjacency) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Readers, sources and weights of the edges in Ã, and 1/√d̃ of each row, 0 where d̃ is."""
    index, rows = adjacency.edge_index, adjacency.num_rows
    ones = torch.ones(index.shape[1], dtype=torch.float64, device=index.device)
    weight = ones if adjacency.edge_weight is None else adjacency.edge_weight.detach().double()
    if bool((weight < 0).any()):
        place = int((weight < 0).nonzero()[0])
        raise ValueError(f"edge_weight[{place}] is {float(weight[place]):g}; an energy takes weights of at least 0")
    index, weight = add_remaining_self_loops(index, weight, 1.0, rows)
    degree = weight.new_zeros(rows).index_add_(0, index[1], weight)
    root = degree.rsqrt().masked_fill(degree == 0, 0.0)
    kept = (index[0] != index[1]) & (degree[index] > 0).all(dim=0)
    return index[1, kept], index[0, kept], weight[kept], root


def _pairs(pairs: SpaceTimeGraph | Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
    """Each pair (i, j) once, i ≠ j."""
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
    """Squared distance of the states of each pair, (P,), some pairs at a time."""
    size = max(1, _CHUNK // h.shape[1])
    some = zip(first.split(size), second.split(size), strict=True)
    return torch.cat([(h[a] - h[b]).square().sum(dim=1) for a, b in some])
