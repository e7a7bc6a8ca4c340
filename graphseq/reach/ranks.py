"""Ranks of states: the effective rank, and the collapse to equal rows."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from graphseq._arguments import checked_arguments
from graphseq.reach.scaled import scaled


@checked_arguments
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
    h, _ = scaled(states)
    if not bool(h.isfinite().all()):
        return math.nan
    values = torch.linalg.svdvals(h)
    shares = values / values.sum()
    return float(torch.special.entr(shares).sum().exp())


@checked_arguments
def rank_collapse(states: Tensor) -> float:
    r"""Compute the share of states that is not the same in every row.

    .. math:: r(H) = \min_x \frac{\| H - 1 x^\top \|_F}{\| H \|_F}

    It is 0 where all rows are equal, so that the rank is 1, the limit of attention without residual connections; and at
    most 1. The paper bounds it in another norm, the root of the 1-norm times the ∞-norm. Rank collapse to another
    direction than 1, as of a GCN, shows in :func:`effective_rank` and in
    :func:`~graphseq.reach.distance_to_limit`.

    Args:
        states: H, (V, H).

    Returns:
        A number between 0 and 1; NaN for states that are all 0.

    Raises:
        TypeError: states that are not a floating tensor.
        ValueError: states that are not (V, H).

    Source: Dong, Cordonnier and Loukas, *Attention is not all you need: pure attention loses rank doubly exponentially
    with depth* (2021), section 2.

    Example:
        >>> rank_collapse(torch.tensor([[2.0, 1.0], [2.0, 1.0]])), rank_collapse(torch.tensor([[1.0], [-1.0]]))
        (0.0, 1.0)
    """
    h, _ = scaled(states)
    total = torch.linalg.matrix_norm(h)
    if not total > 0:
        return math.nan
    return float(torch.linalg.matrix_norm(h - h.mean(dim=0)) / total)
