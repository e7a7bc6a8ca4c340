"""Influence by distance: over hops, over time lags, over the (lag × hop) grid, and its mean distance.

Each function takes values (K, V) of K targets and V rows, such as :func:`~graphseq.reach.influence` or its square, and
their distances (K, V), such as :func:`~graphseq.reach.hop_distances`.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Profile(NamedTuple):
    """The sum of values at each distance."""

    at: Tensor  #: the distances, ascending, (D,)
    value: Tensor  #: mean over outputs of the sum of values at that distance, (D,)


class Grid(NamedTuple):
    """The sum of values at each time lag and each spatial hop."""

    lags: Tensor  #: the lags, ascending, (M,), in the graph's units of time
    hops: Tensor  #: 0 … D
    value: Tensor  #: mean over outputs of the sum of values at that lag and hop, (M, D + 1)


def by_hop(values: Tensor, hops: Tensor) -> Profile:
    r"""Sum the values at each hop distance over rows, and average over outputs.

    .. math:: P_h = \frac{1}{K} \sum_k \sum_{v:\, d(k, v) = h} I_{kv}

    Args:
        values: (K, V), at least 0.
        hops: distances (K, V); -1 where there is no path.

    Raises:
        ValueError: shapes that differ, or a value other than 0 at a row from which no path leads.

    Source: Liang et al., *Towards quantifying long-range interactions in graph machine learning* (2025), section 4,
    with their sum of absolute entries where ``values`` holds it.

    Example:
        >>> by_hop(torch.tensor([[1.0, 2.0, 4.0]]), torch.tensor([[1, 0, 1]])).value.tolist()
        [2.0, 5.0]
    """
    sums = sums_by_hop(values, hops)
    return Profile(torch.arange(sums.shape[1], device=sums.device), sums.mean(dim=0))


def by_lag(values: Tensor, lags: Tensor) -> Profile:
    """Sum the values at each time lag over rows, and average over outputs; negative lags are of later rows.

    Args:
        values: (K, V).
        lags: (K, V), as :func:`~graphseq.reach.time_lags` gives them.

    Raises:
        ValueError: shapes that differ.

    Example:
        >>> by_lag(torch.tensor([[1.0, 2.0, 4.0]]), torch.tensor([[20, 0, 20]]))
        Profile(at=tensor([ 0, 20]), value=tensor([2., 5.]))
    """
    lags = _fitting(values, "lags", lags)
    at, index = lags.unique(return_inverse=True)
    sums = values.new_zeros(len(at)).index_add_(0, index.flatten(), values.flatten())
    return Profile(at, sums / len(values))


def by_lag_and_hop(values: Tensor, lags: Tensor, hops: Tensor) -> Grid:
    """Sum the values at each (lag, hop) over rows, and average over outputs; it shows a light cone where there is one.

    Args:
        values: (K, V), at least 0.
        lags: (K, V), as :func:`~graphseq.reach.time_lags` gives them.
        hops: (K, V), as :func:`~graphseq.reach.space_hops` gives them; -1 where there is no path.

    Raises:
        ValueError: shapes that differ, or a value other than 0 at a row from which no path leads.

    Example:
        >>> grid = by_lag_and_hop(torch.ones(1, 3), torch.tensor([[0, 0, 5]]), torch.tensor([[0, 1, 1]]))
        >>> grid.lags.tolist(), grid.hops.tolist(), grid.value.tolist()
        ([0, 5], [0, 1], [[1.0, 1.0], [0.0, 1.0]])
    """
    lags, hops = _fitting(values, "lags", lags), _fitting(values, "hops", hops)
    reachable = _reachable(values, hops)
    at, index = lags.unique(return_inverse=True)
    width = int(hops.max()) + 1 if hops.numel() else 0
    cells = index[reachable] * width + hops[reachable]
    sums = values.new_zeros(len(at) * width).index_add_(0, cells, values[reachable])
    return Grid(at, torch.arange(width, device=values.device), sums.view(len(at), width) / len(values))


def mean_distance(values: Tensor, distances: Tensor) -> Tensor:
    r"""Compute the mean distance of influence, the *range* of each output.

    .. math:: \rho_k = \sum_v I_{kv}\, d(k, v) \,\Big/ \sum_v I_{kv}

    Args:
        values: (K, V), at least 0.
        distances: hops or lags, (K, V); hops are -1 where there is no path.

    Returns:
        (K,), in the unit of ``distances``; NaN for an output whose values are all 0.

    Raises:
        ValueError: shapes that differ.

    Source: Bamberger et al., *On measuring long-range interactions in graph neural networks* (2025), the normalised
    node range.

    Example:
        >>> mean_distance(torch.tensor([[1.0, 3.0]]), torch.tensor([[0, 4]])).tolist()
        [3.0]
    """
    distances = _fitting(values, "distances", distances)
    return (values * distances).sum(dim=1) / values.sum(dim=1)


def sums_by_hop(values: Tensor, hops: Tensor) -> Tensor:
    """Sum the values of each output at each hop distance over rows: (K, D + 1)."""
    hops = _fitting(values, "hops", hops)
    reachable = _reachable(values, hops)
    width = int(hops.max()) + 1 if hops.numel() else 0
    # Values of unreachable rows are zero, so that it does not matter where they are added.
    index = torch.where(reachable, hops, 0)
    return values.new_zeros(len(values), width).scatter_add_(1, index, values)


def _reachable(values: Tensor, hops: Tensor) -> Tensor:
    """The mask of rows from which a path leads to the target, (K, V)."""
    reachable = hops >= 0
    is_wrong = (values != 0) & ~reachable
    if bool(is_wrong.any()):
        k, v = is_wrong.nonzero()[0].tolist()
        raise ValueError(
            f"values[{k}, {v}] is {float(values[k, v]):.3g}, but by hops[{k}, {v}] there is no path; compute hops with "
            "the model's causal, and to the same target rows"
        )
    return reachable


def _fitting(values: Tensor, name: str, labels: Tensor) -> Tensor:
    if values.dim() != 2 or labels.shape != values.shape:
        raise ValueError(
            f"values and {name} must both be (K, V), one line for each target; got {tuple(values.shape)} and "
            f"{tuple(labels.shape)}"
        )
    return labels.to(values.device)
