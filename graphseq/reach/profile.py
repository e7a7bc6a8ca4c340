"""Influence by distance: over hops, over time, over the (lag × hop) grid, and its mean distance.

Each takes values (K, V) of K asked rows and V rows, such as :func:`~graphseq.reach.influence` or its square, and
distances (K, V), such as :func:`~graphseq.reach.hop_distances`, of the same rows.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Profile(NamedTuple):
    """A sum at each distance."""

    at: Tensor  #: the distances, ascending, (D,)
    value: Tensor  #: mean over outputs of the sum of values at that distance, (D,)


class Grid(NamedTuple):
    """A sum at each lag in time and each hop in space."""

    lags: Tensor  #: the lags, ascending, (M,), in the graph's units of time
    hops: Tensor  #: 0 … D
    value: Tensor  #: mean over outputs of the sum of values there, (M, D + 1)


def by_hop(values: Tensor, hops: Tensor) -> Profile:
    r"""The values at each hop distance, summed over rows, averaged over outputs.

    .. math:: P_h = \frac{1}{K} \sum_k \sum_{v:\, d(k, v) = h} I_{kv}

    Args:
        values: (K, V), at least 0.
        hops: distances (K, V); -1 where there is no way.

    Raises:
        ValueError: shapes that differ, or a value other than 0 at a row from which no way leads.

    Source: Liang et al., *Towards quantifying long-range interactions in graph machine learning* (2025), section 4,
    with their sum of absolute entries where ``values`` holds that.

    Example:
        >>> by_hop(torch.tensor([[1.0, 2.0, 4.0]]), torch.tensor([[1, 0, 1]])).value.tolist()
        [2.0, 5.0]
    """
    sums = sums_by_hop(values, hops)
    return Profile(torch.arange(sums.shape[1], device=sums.device), sums.mean(dim=0))


def by_lag(values: Tensor, lags: Tensor) -> Profile:
    """The values at each time lag, summed over rows, averaged over outputs; negative lags are later rows.

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
    at, place = lags.unique(return_inverse=True)
    sums = values.new_zeros(len(at)).index_add_(0, place.flatten(), values.flatten())
    return Profile(at, sums / len(values))


def by_lag_and_hop(values: Tensor, lags: Tensor, hops: Tensor) -> Grid:
    """The values on the (lag × hop) grid, summed over rows, averaged over outputs: a light cone where there is one.

    Args:
        values: (K, V), at least 0.
        lags: (K, V), as :func:`~graphseq.reach.time_lags` gives them.
        hops: (K, V), as :func:`~graphseq.reach.space_hops` gives them; -1 where there is no way.

    Raises:
        ValueError: shapes that differ, or a value other than 0 at a row from which no way leads.

    Example:
        >>> grid = by_lag_and_hop(torch.ones(1, 3), torch.tensor([[0, 0, 5]]), torch.tensor([[0, 1, 1]]))
        >>> grid.lags.tolist(), grid.hops.tolist(), grid.value.tolist()
        ([0, 5], [0, 1], [[1.0, 1.0], [0.0, 1.0]])
    """
    lags, hops = _fitting(values, "lags", lags), _fitting(values, "hops", hops)
    there = _there(values, hops)
    at, place = lags.unique(return_inverse=True)
    width = int(hops.max()) + 1 if hops.numel() else 0
    sums = values.new_zeros(len(at) * width).index_add_(0, place[there] * width + hops[there], values[there])
    return Grid(at, torch.arange(width, device=values.device), sums.view(len(at), width) / len(values))


def mean_distance(values: Tensor, distances: Tensor) -> Tensor:
    r"""The mean distance of influence, the *range* of each output.

    .. math:: \rho_k = \sum_v I_{kv}\, d(k, v) \,\Big/ \sum_v I_{kv}

    Args:
        values: (K, V), at least 0.
        distances: hops, or lags, (K, V), in whose unit the result is; hops are -1 where there is no way.

    Returns:
        (K,); NaN for an output that nothing moves.

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
    """Sums over rows at each hop distance, an output at a time: (K, D + 1)."""
    hops = _fitting(values, "hops", hops)
    there = _there(values, hops)
    width = int(hops.max()) + 1 if hops.numel() else 0
    # Rows that no way leads from hold zeros: where those are added does not matter.
    place = torch.where(there, hops, 0)
    return values.new_zeros(len(values), width).scatter_add_(1, place, values)


def _there(values: Tensor, hops: Tensor) -> Tensor:
    there = hops >= 0
    stray = (values != 0) & ~there
    if bool(stray.any()):
        k, v = stray.nonzero()[0].tolist()
        raise ValueError(
            f"values[{k}, {v}] is {float(values[k, v]):.3g}, but hops[{k}, {v}] says that no way leads there; were the "
            "hops counted with the causal of the model, and from the rows that are asked?"
        )
    return there


def _fitting(values: Tensor, name: str, labels: Tensor) -> Tensor:
    if values.dim() != 2 or labels.shape != values.shape:
        raise ValueError(
            f"values and {name} must both be (K, V), one line an asked row; got {tuple(values.shape)} and "
            f"{tuple(labels.shape)}"
        )
    return labels.to(values.device)
