"""The memory horizon of a recurrence: for how many steps it keeps what it has read."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from graphseq import _checks
from graphseq.reach.measures.lyapunov import _steps


@dataclass(frozen=True)
class Horizon:
    """The memory horizon of a recurrence.

    Returned by :func:`graphseq.reach.measures.memory_horizon`.
    """

    steps: float  #: the sum of shares that remain over all lags; infinite where they do not decrease
    measured: float  #: the part of it over the lags that were measured
    half: int | None  #: the first lag at which less than half remains; ``None`` where it is beyond what was measured


def memory_horizon(remaining: Tensor) -> Horizon:
    r"""Compute the memory horizon from how much remains after each lag.

    .. math:: M = \sum_{k \ge 0} \frac{g_k}{g_0}, \qquad g_k = \left\| \frac{\partial h_T}{\partial h_{T-k}} \right\|

    It is the mean age that a recurrence with a geometric memory keeps: a constant forget gate f = σ(b) has
    M = 1 / (1 - f) = 1 + e^b, see :func:`~graphseq.reach.theory.lstm_horizon`. Beyond the last lag K it goes on as over
    the last half of the lags, by the factor :math:`r = (g_K / g_{\lfloor K/2 \rfloor})^{1/\lceil K/2 \rceil}` a step;
    where r is 1 or more the horizon is infinite.

    Args:
        remaining: g_0 … g_K, (K + 1,), at least 0, with g_0 above 0: norms of products of Jacobians from
            :func:`gradient_over_lags`, influence by lag, or forget gates multiplied.

    Raises:
        TypeError: not a tensor of real numbers.
        ValueError: another shape, a negative or infinite entry, nothing at lag 0.

    Source: Tallec and Ollivier, *Can recurrent neural networks warp time?* (2018), section 2, for constant gates.

    Example:
        >>> memory_horizon(0.5 ** torch.arange(6.0)).steps
        2.0
    """
    g = _checks.is_real("remaining", remaining).detach().cpu().double()
    if g.dim() != 1 or not len(g) or not bool((g.isfinite() & (g >= 0)).all()) or not float(g[0]) > 0:
        raise ValueError(
            "remaining must be (K + 1,), finite numbers from 0 of which the first is above 0; got "
            f"{tuple(g.shape)} with first entries {g.flatten()[:3].tolist()}"
        )
    share = g / g[0]
    measured, last = float(share.sum()), float(share[-1])
    below = (share < 0.5).nonzero()
    half = int(below[0]) if len(below) else None
    if last == 0:
        return Horizon(measured, measured, half)
    middle = (len(share) - 1) // 2
    span = len(share) - 1 - middle
    factor = (last / float(share[middle])) ** (1 / span) if span and float(share[middle]) > 0 else 1.0
    tail = last * factor / (1 - factor) if factor < 1 else float("inf")
    return Horizon(measured + tail, measured, half)


def gradient_over_lags(jacobians: Tensor) -> Tensor:
    r"""Compute how much of a change of the state remains after each lag, as norms of products of Jacobians.

    .. math:: g_k = \| J_T J_{T-1} \cdots J_{T-k+1} \|_F \, / \, \sqrt{S}, \qquad g_0 = 1

    Products are scaled at each step, so that neither small nor large ones leave the range of numbers before g does.

    Args:
        jacobians: J_1 … J_T, (T, S, S), such as :func:`~graphseq.reach.measures.step_jacobians`.

    Returns:
        (T + 1,) in float64.

    Raises:
        TypeError, ValueError: as :func:`~graphseq.reach.measures.lyapunov_exponents`.

    Source: Pascanu, Mikolov and Bengio, *On the difficulty of training recurrent neural networks* (2013), eq. 5.

    Example:
        >>> gradient_over_lags(0.5 * torch.eye(3).expand(4, 3, 3)).round(decimals=6).tolist()
        [1.0, 0.5, 0.25, 0.125, 0.0625]
    """
    steps = _steps(jacobians)
    product = torch.eye(steps.shape[1], dtype=torch.float64)
    log, found = 0.0, [1.0]
    for step in steps.flip(0):
        product = product @ step
        norm = float(torch.linalg.matrix_norm(product))
        if norm == 0:
            found += [0.0] * (len(steps) + 1 - len(found))
            break
        product = product / norm
        log += float(torch.tensor(norm, dtype=torch.float64).log())
        found.append(float(torch.tensor(log, dtype=torch.float64).exp()) / steps.shape[1] ** 0.5)
    return torch.tensor(found, dtype=torch.float64)
