"""Buffers of small kernels: tensors of one storage that is given out again, with all views of them made beforehand.

In a recurrence over few rows, most of the time goes into calls of torch, and a tenth of it into views of each step's
rows. They are of the same places at each pass, if the places are the same.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Sequence
from typing import Generic, TypeVar

import torch
from torch import Tensor

from graphseq._torch import compat
from graphseq.data.cache import BoundedCache

V = TypeVar("V")

_KINDS = 4  # buffers of so many shapes are kept
_EACH = 4  # and so many of each, as layers keep theirs until the gradient comes


class Buffer(Generic[V]):
    """Parts of one storage, and what was made of them: ``views``."""

    def __init__(self, flat: Tensor, shapes: Sequence[tuple[int, ...]], see: Callable[[list[Tensor]], V]) -> None:
        self._flat, self.parts = flat, _cut(flat, shapes)
        self.views = see(self.parts)
        self._idle_uses = compat.storage_uses(flat)  # when no other view of it is left than those here

    @property
    def is_free(self) -> bool:
        """True if no other tensor shares the storage, such as one that autograd saved for a gradient."""
        uses = compat.storage_uses(self._flat)
        return uses is not None and self._idle_uses is not None and uses <= self._idle_uses

    def aliases(self) -> list[Tensor]:
        """The parts as other tensors: while one of them lives, the buffer is not free."""
        return [part.detach() for part in self.parts]


class Buffers(Generic[V]):
    """A bounded number of buffers of each kind, each given out while it is free."""

    def __init__(self) -> None:
        self._kinds = BoundedCache(_KINDS)
        self._lock = threading.Lock()  # from the check that a buffer is free until it is given out

    def take(
        self, kind: Hashable, like: Tensor, shapes: Sequence[tuple[int, ...]], see: Callable[[list[Tensor]], V]
    ) -> tuple[list[Tensor], V]:
        """Return tensors of these shapes and what ``see`` makes of them, the same of all that are of one kind.

        The tensors hold what was in them before, at first zeros. The buffer is free when they are gone.
        """
        key = (kind, like.dtype, like.device)
        with self._lock:
            kept: list[Buffer[V]] = self._kinds.get(key, list)
            for buffer in kept:
                if buffer.is_free:
                    return buffer.aliases(), buffer.views
            with torch.inference_mode(False), torch.no_grad():
                buffer = Buffer(like.new_zeros(sum(torch.Size(shape).numel() for shape in shapes)), shapes, see)
            if len(kept) < _EACH and buffer.is_free:
                kept.append(buffer)
            return buffer.aliases(), buffer.views


def _cut(flat: Tensor, shapes: Sequence[tuple[int, ...]]) -> list[Tensor]:
    sizes = [torch.Size(shape).numel() for shape in shapes]
    return [piece.view(shape) for piece, shape in zip(flat.split_with_sizes(sizes), shapes, strict=True)]
