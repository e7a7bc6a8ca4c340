"""The distance of states from the limit of over-smoothing."""

from __future__ import annotations

import torch
from scipy.sparse import csgraph
from torch import Tensor
from torch_geometric.utils import add_remaining_self_loops

from graphseq import _checks
from graphseq.data.graph import SpaceTimeGraph


def distance_to_limit(states: Tensor, graph: SpaceTimeGraph, *, causal: bool = False) -> float:
    r"""Compute the share of the states outside the limit of Â^L as L → ∞, a rank-one pattern on each component.

    .. math:: d(H) = \frac{\| H - u u^\top H \|_F^2}{\| H \|_F^2}, \qquad u = \tilde D^{1/2} 1 / \| \tilde D^{1/2} 1 \|

    with one u for each component of the graph. It is 0 where the states of all rows of a component are equal up to the
    root of their degree. For linear layers it decreases by at most λ₂² a layer, λ₂ the second largest of |λ(Â)|. Unlike
    the Dirichlet energy it does not depend on the wavelength of the remainder, so that long paths and small graphs can
    be compared.

    Args:
        states: H, (V, H).
        graph: V rows. Components of a single row, which are always at their limit, are left out.
        causal: along time past → future only.

    Returns:
        A number between 0 and 1, computed in float64; NaN where all states that count are 0.

    Raises:
        TypeError: states that are not a floating tensor.
        ValueError: states of another number of rows than the graph.

    Source: the distance d_M to the invariant space of Oono and Suzuki, *Graph neural networks exponentially lose
    expressive power for node classification* (2020), squared and over ‖H‖².

    Example:
        >>> import graphseq as gs
        >>> pair = gs.from_sequence(torch.zeros(2, 1))
        >>> distance_to_limit(torch.tensor([[1.0], [1.0]]), pair), distance_to_limit(torch.tensor([[1.0], [0.0]]), pair)
        (0.0, 0.5)
    """
    states = _checks.is_tensor("states", states)
    if not states.is_floating_point():
        raise TypeError(f"states must be floating, got {states.dtype}")
    if states.dim() != 2 or len(states) != graph.num_rows:
        raise ValueError(
            f"states must have one row for each of the graph's {graph.num_rows}, got {tuple(states.shape)}"
        )
    label, root = _components(graph, causal)
    h = states.detach().cpu().double()
    h = h / (float(h.abs().max()) or 1.0)
    is_counted = torch.bincount(label)[label] > 1
    total = float(h[is_counted].square().sum())
    if not total > 0:
        return float("nan")
    number = int(label.max()) + 1
    projections = torch.zeros(number, h.shape[1], dtype=h.dtype).index_add_(0, label, root[:, None] * h)
    norms = torch.zeros(number, dtype=h.dtype).index_add_(0, label, root.square())
    remainder = h - root[:, None] * (projections / norms[:, None])[label]
    return float(remainder[is_counted].square().sum()) / total


def _components(graph: SpaceTimeGraph, causal: bool) -> tuple[Tensor, Tensor]:
    """The component of each row, and the square root of its degree in Ã, (V,) each."""
    adjacency = graph.topology.spacetime(causal)

    def build() -> tuple[Tensor, Tensor]:
        label = csgraph.connected_components(adjacency.pattern, directed=True, connection="weak")[1]
        index, weight = add_remaining_self_loops(adjacency.edge_index, adjacency.edge_weight, 1.0, graph.num_rows)
        weight = torch.ones(index.shape[1]) if weight is None else weight
        degree = torch.zeros(graph.num_rows, dtype=torch.float64).index_add_(0, index[1].cpu(), weight.cpu().double())
        return torch.from_numpy(label).long(), degree.clamp(min=0).sqrt()

    return graph.topology.keep(("components", causal), build)
