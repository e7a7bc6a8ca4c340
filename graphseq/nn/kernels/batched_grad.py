"""Many gradients at once, as ``torch.autograd.grad(…, is_grads_batched=True)`` asks, as a dimension like any other."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch._C._functorch import is_legacy_batchedtensor


def opened(parts: Sequence[Tensor | None], dim: int = 0) -> tuple[int | None, list[Tensor | None]]:
    """Each with a dimension of passes, of one where only one is asked; and torch's level of them, then ``None``."""
    batched = next((part for part in parts if part is not None and is_legacy_batchedtensor(part)), None)
    if batched is None:
        return None, [None if part is None else part.unsqueeze(dim) for part in parts]
    level: int = torch._C._vmapmode_increment_nesting() - 1
    torch._C._vmapmode_decrement_nesting()
    passes = len(torch._remove_batch_dim(batched, level, 0, 0))
    return level, [None if part is None else torch._remove_batch_dim(part, level, passes, dim) for part in parts]


def closed(part: Tensor | None, level: int | None) -> Tensor | None:
    """What has its passes first, as torch has it at this level."""
    if part is None:
        return None
    return part[0] if level is None else torch._add_batch_dim(part, 0, level)
