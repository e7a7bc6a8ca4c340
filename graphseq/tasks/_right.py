"""The answers that outputs of classes get right."""

from __future__ import annotations

from torch import Tensor


def are_right(output: Tensor, y: Tensor) -> Tensor:
    """Return whether the largest output (K, C) of each answer is that of its class y (K,), as ``bool`` (K,).

    An answer among whose outputs is a NaN is wrong: torch takes NaN for the largest number, so that a model that
    diverged would be right wherever y is the class of the first NaN.

    Example:
        >>> import torch
        >>> output = torch.tensor([[2.0, 1.0], [torch.nan, 1.0], [0.0, 3.0]])
        >>> are_right(output, torch.tensor([0, 0, 0])).tolist()
        [True, False, False]
    """
    largest, best = output.max(dim=1)
    return (best == y) & ~largest.isnan()
