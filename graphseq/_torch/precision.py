"""Where numbers of half the bits may be computed with, and where they may not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

PRECISIONS = ("float32", "bfloat16")
HALVES = (torch.bfloat16, torch.float16)


@contextmanager
def in_full(x: Tensor) -> Iterator[Tensor]:
    """Within the block, what is given as ``x`` is float32 where it is of half the bits, and autocast is off."""
    with torch.autocast(x.device.type, enabled=False):
        yield x.float() if x.dtype in HALVES else x


def is_mixed(x: Tensor) -> bool:
    """Whether ``x`` is of half the bits, or would be cast to them in a product."""
    return x.dtype in HALVES or torch.is_autocast_enabled(x.device.type)
