"""How far states are from the one thing that many graph convolutions leave."""

from __future__ import annotations

import torch
from scipy.sparse import csgraph
from torch import Tensor
from torch_geometric.utils import add_remaining_self_loops

from graphseq import _checks
from graphseq.data.graph import SpaceTimeGraph


def distance_to_limit(states: Tensor, graph: SpaceTimeGraph, *, causal: bool = False) -> float:
    r"""The share of the states that is not yet what Â^L leaves of them as L → ∞, one pattern a component.

    .. math:: d(H) = \frac{\| H - u u^\top H \|_F^2}{\| H \|_F^2}, \qquad u = \tilde D^{1/2} 1 / \| \tilde D^{1/2} 1 \|

    with a u of its own for each component of the graph. It is 0 where all rows of a component hold the same, up to the
    root of their degree. For linear layers it goes down by at most λ₂² a layer, λ₂ the next largest of |λ(Â)|. Unlike
    the Dirichlet energy it does not depend on how long the waves are that are left, so that long paths and small
    graphs compare.

    Args:
        states: H, (V, H).
        graph: V rows. Components of a single row, which are always at their limit, do not count.
        causal: along time past → future only.

    Returns:
        Between 0 and 1, worked out in float64; NaN where all states that count are 0.

    Raises:
        TypeError: states that are not a floating tensor.
        ValueError: states that are not one row for each of the graph's.

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
    counted = torch.bincount(label)[label] > 1
    whole = float(h[counted].square().sum())
    if not whole > 0:
        return float("nan")
    number = int(label.max()) + 1
    shares = torch.zeros(number, h.shape[1], dtype=h.dtype).index_add_(0, label, root[:, None] * h)
    norms = torch.zeros(number, dtype=h.dtype).index_add_(0, label, root.square())
    left = h - root[:, None] * (shares / norms[:, None])[label]
    return float(left[counted].square().sum()) / whole


def _components(graph: SpaceTimeGraph, causal: bool) -> tuple[Tensor, Tensor]:
    """The component of each row, and the root of its degree in Ã, (V,) each."""
    adjacency = graph.topology.spacetime(causal)

    def make() -> tuple[Tensor, Tensor]:
        label = csgraph.connected_components(adjacency.pattern, directed=True, connection="weak")[1]
        index, weight = add_remaining_self_loops(adjacency.edge_index, adjacency.edge_weight, 1.0, graph.num_rows)
        each = torch.ones(index.shape[1]) if weight is None else weight
        degree = torch.zeros(graph.num_rows, dtype=torch.float64).index_add_(0, index[1].cpu(), each.cpu().double())
        return torch.from_numpy(label).long(), degree.clamp(min=0).sqrt()

    return graph.topology.keep(("components", causal), make)
