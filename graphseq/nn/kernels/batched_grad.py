"""Batched gradients, of ``torch.autograd.grad(…, is_grads_batched=True)``, as tensors with one more dimension."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from graphseq._torch import compat


def opened(gradients: Sequence[Tensor | None], dim: int = 0) -> tuple[int | None, list[Tensor | None]]:
    """Torch's level of the P gradients, ``None`` where there is only one, and tensors in which ``dim`` counts them."""
    return compat.unbatched(list(gradients), dim)


def closed(gradient: Tensor | None, level: int | None) -> Tensor | None:
    """Gradients (P, …) of P passes as torch has them at this level."""
    if gradient is None:
        return None
    return gradient[0] if level is None else compat.batched(gradient, level)
