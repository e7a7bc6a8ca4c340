"""The distance of states from the limit of over-smoothing."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from scipy.sparse import csgraph
from torch import Tensor
from torch_geometric.utils import add_remaining_self_loops

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq.data.edges import AnyGraph, edges_of
from graphseq.data.graph import SpaceTimeGraph
from graphseq.reach.measures.operators import operator as build_operator


@checked_arguments
def distance_to_limit(
    states: Tensor,
    graph: AnyGraph,
    *,
    operator: Literal["gcn", "walk", "mean"] | Tensor = "gcn",
    causal: bool = False,
) -> float:
    r"""Compute the share of the states outside the limit of the operator's powers, where over-smoothing leads.

    .. math:: d(H) = \frac{\| H - u u^\top H \|_F^2}{\| H \|_F^2}, \qquad
              u = \tilde D^{1/2} 1 / \| \tilde D^{1/2} 1 \| \text{ for } \hat A^L, \; L \to \infty

    with one u for each component of the graph. It is 0 where the states of all rows of a component are equal up to
    the root of their degree. For linear layers it decreases by at most λ₂² a layer, λ₂ the second largest of
    ``|λ(Â)|``. Unlike the Dirichlet energy it does not depend on the wavelength of the remainder, so that long paths
    and small graphs can be compared.

    The limit is that of the model's own operator. Means over neighbours, random walks and attention smooth to a
    constant, u = 1/√n on each component, whatever the degrees. Any other operator S has the span of its leading
    eigenvectors, those of the largest ``|λ|``.

    Args:
        states: H, (V, H).
        graph: V rows: PyG ``Data``, a networkx graph or a :class:`~graphseq.SpaceTimeGraph`. Components of a single
            row, which are always at their limit, are left out.
        operator: "gcn", Â; "walk" or "mean", also attention; or S itself, (V, V), such as
            :func:`~graphseq.reach.measures.layer_operator` finds it, whose rows then all count.
        causal: along time past → future only.

    Returns:
        A number between 0 and 1, computed in float64; NaN where all states that count are 0.

    Raises:
        TypeError: states that are not a floating tensor, or a graph of another type.
        ValueError: states of another number of rows than the graph, an operator of another shape or an unknown one.

    Source: the distance d_M to the invariant space of Oono and Suzuki, *Graph neural networks exponentially lose
    expressive power for node classification* (2020), squared and over ‖H‖²; for attention, Wu et al., *Demystifying
    oversmoothing in attention-based graph neural networks* (2023).

    Example:
        >>> import graphseq as gs
        >>> pair = gs.from_sequence(torch.zeros(2, 1))
        >>> distance_to_limit(torch.tensor([[1.0], [1.0]]), pair), distance_to_limit(torch.tensor([[1.0], [0.0]]), pair)
        (0.0, 0.5)
        >>> import networkx as nx
        >>> constant = torch.ones(6, 1)  # on a star the limit of attention, and not of a GCN
        >>> star = nx.star_graph(5)
        >>> distance_to_limit(constant, star, operator="walk"), round(distance_to_limit(constant, star), 3)
        (0.0, 0.056)
    """
    states = _checks.is_tensor("states", states)
    if not states.is_floating_point():
        raise TypeError(f"states must be floating, got {states.dtype}")
    if isinstance(graph, SpaceTimeGraph):
        graph.check_as_argument("graph")
    rows = graph.num_rows if isinstance(graph, SpaceTimeGraph) else edges_of(graph, causal=causal).num_nodes
    if states.dim() != 2 or len(states) != rows:
        raise ValueError(f"states must have one row for each of the graph's {rows}, got {tuple(states.shape)}")
    h = states.detach().cpu().double()
    h = h / (float(h.abs().max()) or 1.0)
    if isinstance(operator, Tensor):
        return share_outside(h, leading_eigenvectors(operator, rows))
    _checks.one_of("operator", operator, ("gcn", "walk", "mean"))
    label, root = _components(graph, causal)
    root = root if operator == "gcn" else torch.ones_like(root)
    is_counted = torch.bincount(label)[label] > 1
    total = float(h[is_counted].square().sum())
    if not total > 0:
        return float("nan")
    number = int(label.max()) + 1
    projections = torch.zeros(number, h.shape[1], dtype=h.dtype).index_add_(0, label, root[:, None] * h)
    norms = torch.zeros(number, dtype=h.dtype).index_add_(0, label, root.square())
    remainder = h - root[:, None] * (projections / norms[:, None])[label]
    return float(remainder[is_counted].square().sum()) / total


def leading_eigenvectors(operator: Tensor, rows: int) -> Tensor:
    r"""Compute an orthonormal basis of the eigenvectors of the largest ``|λ|`` of a matrix, and of no other.

    Args:
        operator: S (V, V), floating and finite.
        rows: V.

    Returns:
        (V, k): as many as there are eigenvalues of that size, up to a relative 1e-8; complex pairs give two.

    Raises:
        ValueError: another shape or type, or an operator that is 0.
    """
    matrix = operator.detach().cpu()
    if not matrix.is_floating_point() or matrix.shape != (rows, rows) or not bool(matrix.isfinite().all()):
        raise ValueError(
            f"operator must be floating, finite and ({rows}, {rows}), got {matrix.dtype} {tuple(matrix.shape)}"
        )
    values, vectors = torch.linalg.eig(matrix.double())
    size = values.abs()
    if not float(size.max()) > 0:
        raise ValueError("operator has no eigenvalue other than 0, so that its powers have no direction")
    chosen = vectors[:, size >= size.max() * (1 - 1e-8)]
    basis, sizes, _ = torch.linalg.svd(torch.cat([chosen.real, chosen.imag], dim=1), full_matrices=False)
    leading: Tensor = basis[:, sizes > 1e-8 * sizes[0]]
    return leading


def share_outside(h: Tensor, basis: Tensor) -> float:
    """The share of the squared norm of H (V, H) outside the span of an orthonormal basis (V, k); NaN where H is 0."""
    total = float(h.square().sum())
    if not total > 0:
        return float("nan")
    return float((h - basis @ (basis.T @ h)).square().sum()) / total


def _components(graph: AnyGraph, causal: bool) -> tuple[Tensor, Tensor]:
    """The component of each row, and the square root of its degree in Ã, (V,) each."""
    if not isinstance(graph, SpaceTimeGraph):
        edges = edges_of(graph)
        degree = torch.from_numpy(np.asarray(build_operator(edges, "sum").sum(axis=1)).ravel())
        return edges.components, degree.sqrt()
    adjacency = graph.topology.spacetime(causal)

    def build() -> tuple[Tensor, Tensor]:
        label = csgraph.connected_components(adjacency.pattern, directed=True, connection="weak")[1]
        index, weight = add_remaining_self_loops(adjacency.edge_index, adjacency.edge_weight, 1.0, graph.num_rows)
        weight = torch.ones(index.shape[1]) if weight is None else weight
        degree = torch.zeros(graph.num_rows, dtype=torch.float64).index_add_(0, index[1].cpu(), weight.cpu().double())
        return torch.from_numpy(label).long(), degree.clamp(min=0).sqrt()

    return graph.topology.keep(("components", causal), build)
