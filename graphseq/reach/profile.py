"""Influence by distance: over hops, over time lags, over the (lag × hop) grid, and its mean distance.

Each function takes values (K, V) of K targets and V rows, such as :func:`~graphseq.reach.influence` or its square, and
their distances (K, V), such as :func:`~graphseq.reach.hop_distances`. Where no path leads from a row, its value belongs
to no distance: it is kept apart. Values of 16 bits are summed in float32, integers in float64.
"""

from __future__ import annotations

from typing import NamedTuple

import networkx as nx
import torch
from torch import Tensor
from torch_geometric.data import Data

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq._prompt import short_repr
from graphseq._torch.precision import at_least_float32
from graphseq.data.edges import AnyGraph, edges_of
from graphseq.data.graph import SpaceTimeGraph
from graphseq.data.hops import shortest_paths
from graphseq.reach.hops import hop_distances


@short_repr
class Profile(NamedTuple):
    """The sum of values at each distance.

    Returned by :func:`graphseq.reach.by_hop`.
    """

    at: Tensor  #: the distances, ascending, (D,)
    value: Tensor  #: mean over outputs of the sum of values at that distance, (D,)
    no_path: float = 0.0  #: the same of the rows from which no path leads to the output


@short_repr
class Grid(NamedTuple):
    """The sum of values at each time lag and each spatial hop.

    Returned by :func:`graphseq.reach.by_lag_and_hop`.
    """

    lags: Tensor  #: the lags, ascending, (M,), in the graph's units of time
    hops: Tensor  #: 0 … D
    value: Tensor  #: mean over outputs of the sum of values at that lag and hop, (M, D + 1)
    no_path: float = 0.0  #: the same of the rows from which no path leads to the output, at all lags


@checked_arguments
def by_hop(values: Tensor, hops: Tensor | AnyGraph) -> Profile:
    r"""Sum the values at each hop distance over rows, and average over outputs.

    .. math:: P_h = \frac{1}{K} \sum_k \sum_{v:\, d(k, v) = h} I_{kv}

    Values at rows from which no path leads to the output are in ``no_path``: of a model with a norm over the graph,
    attention or a virtual node, say, whose outputs depend on other components.

    Args:
        values: (K, V), at least 0.
        hops: distances (K, V), -1 where there is no path; or the graph: PyG ``Data`` or ``Batch``, a networkx graph or
            a :class:`~graphseq.SpaceTimeGraph`, whose rows, or target rows where it has some, are the K outputs.

    Raises:
        ValueError: shapes that differ.

    Source: Liang et al., *Towards quantifying long-range interactions in graph machine learning* (2025), section 4,
    with their sum of absolute entries where ``values`` holds it.

    Example:
        >>> by_hop(torch.tensor([[1.0, 2.0, 4.0]]), torch.tensor([[1, 0, 1]])).value.tolist()
        [2.0, 5.0]
    """
    if not isinstance(hops, Tensor | Data | nx.Graph):
        raise TypeError(f"hops must be distances (K, V), a tensor, or a graph, got {_checks.shown(hops)}")
    if isinstance(hops, SpaceTimeGraph):
        hops.check_as_argument("hops")
    sums, no_path = sums_by_hop(values, hops if isinstance(hops, Tensor) else _hops_of(hops))
    return Profile(torch.arange(sums.shape[1], device=sums.device), sums.mean(dim=0), float(no_path.mean()))


@checked_arguments
def by_lag(values: Tensor, lags: Tensor) -> Profile:
    """Sum the values at each time lag over rows, and average over outputs; negative lags are of later rows.

    Args:
        values: (K, V).
        lags: (K, V), as :func:`~graphseq.reach.time_lags` gives them.

    Raises:
        ValueError: shapes that differ.

    Example:
        >>> profile = by_lag(torch.tensor([[1.0, 2.0, 4.0]]), torch.tensor([[20, 0, 20]]))
        >>> profile.at.tolist(), profile.value.tolist()
        ([0, 20], [2.0, 5.0])
    """
    values, lags = _summable(values), _fitting(values, "lags", lags)
    at, index = lags.unique(return_inverse=True)
    sums = values.new_zeros(len(at)).index_add_(0, index.flatten(), values.flatten())
    return Profile(at, sums / len(values))


@checked_arguments
def by_lag_and_hop(values: Tensor, lags: Tensor, hops: Tensor) -> Grid:
    """Sum the values at each (lag, hop) over rows, and average over outputs; it shows a light cone where there is one.

    Args:
        values: (K, V), at least 0.
        lags: (K, V), as :func:`~graphseq.reach.time_lags` gives them.
        hops: (K, V), as :func:`~graphseq.reach.space_hops` gives them; -1 where there is no path.

    Raises:
        ValueError: shapes that differ.

    Example:
        >>> grid = by_lag_and_hop(torch.ones(1, 3), torch.tensor([[0, 0, 5]]), torch.tensor([[0, 1, 1]]))
        >>> grid.lags.tolist(), grid.hops.tolist(), grid.value.tolist()
        ([0, 5], [0, 1], [[1.0, 1.0], [0.0, 1.0]])
    """
    lags, hops = _fitting(values, "lags", lags), _fitting(values, "hops", hops)
    values = _summable(values)
    reachable = hops >= 0
    at, index = lags.unique(return_inverse=True)
    width = int(hops.max()) + 1 if hops.numel() else 0
    cells = index[reachable] * width + hops[reachable]
    sums = values.new_zeros(len(at) * width).index_add_(0, cells, values[reachable])
    no_path = float(values[~reachable].sum()) / max(len(values), 1)
    return Grid(at, torch.arange(width, device=values.device), sums.view(len(at), width) / len(values), no_path)


@checked_arguments
def mean_distance(values: Tensor, distances: Tensor) -> Tensor:
    r"""Compute the mean distance of influence, the *range* of each output.

    .. math:: \rho_k = \sum_v I_{kv}\, d(k, v) \,\Big/ \sum_v I_{kv}

    Both sums are over the rows from which a path leads to the output; see :func:`mean_lag` for distances in time.

    Args:
        values: (K, V), at least 0.
        distances: (K, V), such as hops; negative or infinite where there is no path.

    Returns:
        (K,), in the unit of ``distances``; NaN for an output whose values at rows with a path are all 0.

    Raises:
        ValueError: shapes that differ.

    Source: Bamberger et al., *On measuring long-range interactions in graph neural networks* (2025), the normalised
    node range.

    Example:
        >>> mean_distance(torch.tensor([[1.0, 3.0, 9.0]]), torch.tensor([[0, 4, -1]])).tolist()
        [3.0]
    """
    values, distances = _summable(values), _fitting(values, "distances", distances)
    has_path = (distances >= 0) & distances.isfinite()
    reached = torch.where(has_path, values, 0)
    return (reached * torch.where(has_path, distances, 0)).sum(dim=1) / reached.sum(dim=1)


@checked_arguments
def mean_lag(values: Tensor, lags: Tensor) -> Tensor:
    r"""Compute the mean time lag of influence of each output, Σ_v I_kv (t_k - t_v) / Σ_v I_kv.

    Args:
        values: (K, V), at least 0.
        lags: (K, V), as :func:`~graphseq.reach.time_lags` gives them; negative of later rows.

    Returns:
        (K,), in the graph's units of time; NaN for an output whose values are all 0.

    Raises:
        ValueError: shapes that differ.

    Example:
        >>> mean_lag(torch.tensor([[1.0, 3.0]]), torch.tensor([[-1, 3]])).tolist()
        [2.0]
    """
    values, lags = _summable(values), _fitting(values, "lags", lags)
    return (values * lags).sum(dim=1) / values.sum(dim=1)


def sums_by_hop(values: Tensor, hops: Tensor) -> tuple[Tensor, Tensor]:
    """Sum the values of each output at each hop distance over rows, (K, D + 1), and where there is no path, (K,)."""
    values, hops = _summable(values), _fitting(values, "hops", hops)
    width = int(hops.max()) + 2 if hops.numel() else 1
    sums = values.new_zeros(len(values), width).scatter_add_(1, hops.clamp(min=-1) + 1, values)
    return sums[:, 1:], sums[:, 0]


def _hops_of(graph: AnyGraph) -> Tensor:
    """The hops from all rows to the K outputs of a graph."""
    if isinstance(graph, SpaceTimeGraph):
        return hop_distances(graph, graph.target_rows)
    edges = edges_of(graph)
    return shortest_paths(edges.simple, torch.arange(edges.num_nodes))


def _summable(values: Tensor) -> Tensor:
    """Values whose sums can be held: in float32 those of 16 bits, in float64 integers."""
    return at_least_float32(values) if values.is_floating_point() else values.double()


def _fitting(values: Tensor, name: str, labels: Tensor) -> Tensor:
    labels = _checks.is_tensor(name, labels)
    if values.dim() != 2 or labels.shape != values.shape:
        raise ValueError(
            f"values and {name} must both be (K, V), one line for each target; got {tuple(values.shape)} and "
            f"{tuple(labels.shape)}"
        )
    labels = labels.to(values.device)
    if name != "hops":  # lags may be times, and distances resistances, that are no integers
        return labels
    if labels.is_floating_point() or labels.is_complex() or labels.dtype == torch.bool:
        raise TypeError(f"{name} must hold integers, got dtype {labels.dtype}")
    return labels.long()
