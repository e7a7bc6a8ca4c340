"""The Dirichlet energy of states and their Rayleigh quotient, of a GCN's operator and of others.

Each function takes states (V, H) and returns one number. It is computed in float64 on states scaled to a largest entry
of 1, so that states of 1e-30 after a deep GCN are measured as accurately as its input. It is NaN for states that are
not all finite.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor
from torch_geometric.utils import add_remaining_self_loops

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq.data.adjacency import Adjacency
from graphseq.data.edges import AnyGraph, edges_of
from graphseq.data.graph import SpaceTimeGraph
from graphseq.reach.scaled import scaled, squared_distances


@checked_arguments
def dirichlet_energy(
    states: Tensor,
    graph: AnyGraph,
    *,
    operator: Literal["gcn", "walk", "mean", "unnormalised"] = "gcn",
    causal: bool = False,
    relative: bool = False,
) -> float:
    r"""Compute the Dirichlet energy, the squared differences of neighbouring states scaled by the root of their degree.

    .. math:: E(H) = \frac12 \sum_{ij} \tilde A_{ij}
              \left\| \frac{h_i}{\sqrt{\tilde d_i}} - \frac{h_j}{\sqrt{\tilde d_j}} \right\|^2
              = \mathrm{tr}\, H^\top (I - \hat A) H

    It is 0 where :math:`h_i \propto \sqrt{\tilde d_i}` on each component, the limit of layers H ← Â H W. With A and D
    in place of Ã and D̃ it is another energy, which does not go to 0 under a GCN.

    The energy that goes to 0 is that of the model's own operator. Means over neighbours, also those of attention,
    smooth to a constant on each component, so that theirs is the unnormalised energy,

    .. math:: E(H) = \frac12 \sum_{ij} A_{ij} \| h_i - h_j \|^2 = \mathrm{tr}\, H^\top (D - A) H

    The sum is the definition; the trace equals it where the operator is symmetric. On directed edges, as in a causal
    GCN, each edge counts half and d̃ are in-degrees, as in PyG's ``gcn_norm``. Then too
    :math:`\hat A \tilde D^{1/2} 1 = \tilde D^{1/2} 1`, where the sum is 0, while the trace can be negative.

    Args:
        states: H, (V, H).
        graph: V rows: PyG ``Data``, a networkx graph, or a :class:`~graphseq.SpaceTimeGraph`, whose edges are those of
            its space-time graph.
        operator: "gcn", the operator Â; "walk", D̃⁻¹Ã, or "mean", D⁻¹A; "unnormalised", none. The last three have the
            same energy and differ in the scale of ``relative``. See :func:`~graphseq.reach.measures.operator`.
        causal: along time past → future only, as for a causal GCN.
        relative: the Rayleigh quotient, see :func:`rayleigh_quotient`: divide by ‖H‖²_F (for "walk" by
            :math:`\sum_i \tilde d_i \|h_i\|^2`, for "mean" the same with d), so that the scale of the states does not
            matter. For Â the result is between 0 and :math:`2 \max_i (1 - \tilde A_{ii} / \tilde d_i)` where it is
            symmetric: at most 2d / (d + 1) for edges without weights and a largest degree of d, 4/3 on paths and rings,
            always below 2.

    Returns:
        A number of at least 0; rows with d̃ = 0 are left out. With ``relative``, NaN for states that are all 0.

    Raises:
        TypeError: states that are not a floating tensor.
        ValueError: states of another number of rows than the graph, a negative weight, an unknown operator.

    Source: Cai and Wang, *A note on over-smoothing for graph neural networks* (2020), for undirected edges; Rusch,
    Bronstein and Mishra, *A survey on oversmoothing in graph neural networks* (2023), for the unnormalised energy.

    Example:
        Two adjacent rows, d̃ = 2:

        >>> import graphseq as gs, torch
        >>> pair = gs.from_sequence(torch.zeros(2, 1))
        >>> states = torch.tensor([[3.0], [1.0]])
        >>> dirichlet_energy(states, pair), dirichlet_energy(states, pair, operator="unnormalised")
        (2.0, 4.0)
    """
    _checks.one_of("operator", operator, ("gcn", "walk", "mean", "unnormalised"))
    h, scale = scaled(states)
    terms = _energy_terms(graph, operator, causal)
    reader, source, weight, root, size = (part.to(h.device) for part in terms)
    if len(h) != len(root):
        raise ValueError(f"states must have one row for each of the graph's {len(root)}, got {len(h)}")
    energy = float((weight * squared_distances(h * root[:, None], reader, source)).sum()) / 2
    if relative:
        total = float((size[:, None] * h.square()).sum())
        return energy / total if total else math.nan
    return energy * scale * scale


@checked_arguments
def rayleigh_quotient(
    states: Tensor,
    graph: AnyGraph,
    *,
    operator: Literal["gcn", "walk", "mean", "unnormalised"] = "gcn",
    causal: bool = False,
) -> float:
    r"""Compute the Rayleigh quotient of states, their Dirichlet energy over their squared norm.

    .. math:: \frac{\mathrm{tr}\, H^\top \mathcal{L} H}{\mathrm{tr}\, H^\top M H}, \qquad
              (\mathcal{L}, M) = (I - \hat A,\, I), \; (D - A,\, \tilde D), \; (D - A,\, D), \; (D - A,\, I)

    for "gcn", "walk", "mean" and "unnormalised": the mean of the eigenvalues of the operator's Laplacian, weighted by
    how much of H lies in their eigenvectors. It is 0 at the operator's limit, small for smooth states, large for states
    that alternate; the scale of H does not matter.

    Args:
        states: H, (V, H).
        graph: V rows, as for :func:`dirichlet_energy`.
        operator: the operator that the model has.
        causal: along time past → future only.

    Returns:
        A number of at least 0; NaN for states that are all 0.

    Raises:
        TypeError, ValueError: as :func:`dirichlet_energy`.

    Source: Chung, *Spectral graph theory* (1997), section 1.2; Di Giovanni et al., *Understanding convolution on graphs
    via energies* (2023), as a measure of over-smoothing.

    Example:
        The states 1, -1 on two adjacent nodes are an eigenvector of both Laplacians:

        >>> import networkx as nx
        >>> states = torch.tensor([[1.0], [-1.0]])
        >>> round(rayleigh_quotient(states, nx.path_graph(2)), 6)
        1.0
        >>> rayleigh_quotient(states, nx.path_graph(2), operator="mean")
        2.0
    """
    return dirichlet_energy(states, graph, operator=operator, causal=causal, relative=True)


def _energy_terms(graph: AnyGraph, operator: str, causal: bool) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """The targets, sources and weights of edges, and of each row the scale of its state and the weight of its norm."""
    if isinstance(graph, SpaceTimeGraph):
        graph.check_as_argument("graph")
        topology = graph.topology
        found: tuple[Tensor, Tensor, Tensor, Tensor] = topology.keep(
            ("energy", causal), lambda: _terms(topology.spacetime(causal))
        )
    else:
        edges = edges_of(graph, causal=causal)
        matrix = edges.matrix.tocoo()
        index = torch.stack([torch.from_numpy(matrix.col).long(), torch.from_numpy(matrix.row).long()])
        found = _terms(Adjacency(index, torch.from_numpy(matrix.data), edges.num_nodes))
    reader, source, weight, root = found
    if operator == "gcn":
        return reader, source, weight, root, torch.ones_like(root)
    degree = root.new_zeros(len(root)).index_add_(0, reader, weight)
    loops = torch.where(root > 0, root.pow(-2) - degree, 0.0)  # d̃ counts the self-loop, 1 where none is given
    size = {"walk": degree + loops, "mean": degree, "unnormalised": torch.ones_like(root)}[operator]
    return reader, source, weight, torch.ones_like(root), size


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
