"""A model whose answers change with a value, but not by a gradient, found before it is measured as if they stayed."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def check_gradient(value: Tensor, out: Tensor, name: str, answers: Callable[[Tensor], Tensor]) -> None:
    """Refuse answers that change with a value, but not by a gradient; those that never change have influence 0.

    Args:
        value: what the answers were computed from.
        out: the answers.
        name: of the value.
        answers: from a value to the answers.

    Raises:
        ValueError: answers without a gradient that are others at another value.
    """
    if out.requires_grad or not value.requires_grad:
        return
    with torch.no_grad():
        g = torch.Generator().manual_seed(0)
        noise = torch.randn(value.shape, generator=g, dtype=torch.float64).to(value.device, value.dtype)
        other = answers(value + noise)
    if not torch.equal(other.nan_to_num(), out.nan_to_num()):
        raise ValueError(
            f"the model's output changes with {name}, but not by a gradient: its forward runs under torch.no_grad() or "
            "inference_mode(), detaches, or rounds (argmax); influence is a derivative, so let gradients through"
        )
