"""Reusable buffers for large temporary tensors.

Allocating fresh memory page-faults, which for tensors above 32 MiB costs more than writing the values.
"""

from __future__ import annotations

import threading

import torch
from torch import Tensor

from graphseq._torch import compat

LARGE = 2**25  # bytes from which on a buffer pays; smaller blocks are reused by the allocator itself


class Workspace:
    """One flat buffer, given out again and again.

    It is given out only while no other tensor shares its storage, such as one that autograd saved for a gradient.
    Otherwise a new buffer takes its place, and the former is freed with the last tensor that uses it. The current
    buffer lives as long as the workspace.
    """

    def __init__(self) -> None:
        self._buffer: Tensor | None = None
        self._idle_uses: int | None = 0  # tensors that share the storage while the buffer is free
        self._lock = threading.Lock()  # from the check that the buffer is free until it is given out

    def take(self, like: Tensor, *shape: int) -> Tensor:
        """An uninitialised tensor of this shape, with the dtype and device of ``like``."""
        size = 1
        for length in shape:
            size *= length
        if size * like.element_size() < LARGE or like.device.type != "cpu":
            return like.new_empty(shape)
        with self._lock:
            buffer = self._buffer
            if buffer is None or not self._fits(buffer, like, size) or self._is_in_use(buffer):
                with torch.inference_mode(False):
                    buffer = self._buffer = torch.empty(size, dtype=like.dtype)
                    self._idle_uses = compat.storage_uses(buffer)
            # On its storage, and not a view of it: autograd forbids writing to a view that a function returns.
            return like.new_empty(0).set_(buffer.untyped_storage(), 0, shape)  # type: ignore[call-overload, no-any-return]

    def __reduce__(self) -> tuple[type[Workspace], tuple[()]]:
        """A copy, and a pickle, begin without a buffer."""
        return Workspace, ()

    def _fits(self, buffer: Tensor, like: Tensor, size: int) -> bool:
        return buffer.dtype == like.dtype and size <= buffer.numel() <= 2 * size

    def _is_in_use(self, buffer: Tensor) -> bool:
        uses = compat.storage_uses(buffer)
        return uses is None or self._idle_uses is None or uses > self._idle_uses  # if torch does not tell, it may be
