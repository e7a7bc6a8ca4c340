"""A product of several models' distributions, each to a power that depends on a group of the position."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

_AT_FIRST = 0.5
_PULL = 1e-4  # towards the powers at first, so that those of an empty group are defined


def log_product(experts: Sequence[Tensor], groups: Tensor, powers: Tensor) -> Tensor:
    r"""Return the log-probabilities of a product of distributions.

    .. math:: \log p(c) = \sum_j w_{gj} \log p_j(c) - \log Z

    A power says how far a model is trusted at a position of the group g; their sum need not be 1.

    Args:
        experts: log p_j, each (N, C).
        groups: g of each position, (N,).
        powers: w, (G, J).

    Returns:
        (N, C).

    Source: Hinton, *Training products of experts* (2002), section 2; powers fitted by context, as in the mixing of
    Mahoney, *Adaptive weighing of context models for lossless data compression* (2005).

    Example:
        >>> half = torch.tensor([[0.5, 0.5]]).log()
        >>> log_product([half, torch.tensor([[0.2, 0.8]]).log()], torch.tensor([0]), torch.tensor([[3.0, 1.0]])).exp()
        tensor([[0.2000, 0.8000]])
    """
    joined = sum(powers[groups, j, None] * expert for j, expert in enumerate(experts))
    return torch.log_softmax(torch.as_tensor(joined), 1)


def fitted_powers(
    experts: Sequence[Tensor], groups: Tensor, targets: Tensor, *, count: int, iterations: int = 60
) -> Tensor:
    """Return the powers with the fewest nats on ``targets``, the minimum of a convex function, by L-BFGS.

    Args:
        experts: as for :func:`log_product`.
        groups: likewise.
        targets: the characters that came, (N,).
        count: G; a group without a position has the powers 0.5.
        iterations: the most iterations.

    Returns:
        (G, J).
    """
    powers = torch.full((count, len(experts)), _AT_FIRST, dtype=experts[0].dtype, requires_grad=True)
    optimizer = torch.optim.LBFGS([powers], max_iter=iterations, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        joined = sum(powers[groups, j, None] * expert for j, expert in enumerate(experts))
        found = cross_entropy(torch.as_tensor(joined), targets) + _PULL * ((powers - _AT_FIRST) ** 2).mean()
        found.backward()
        return found

    optimizer.step(loss)
    return powers.detach()
