"""Memory for large results in passing, lent again once nothing holds it: fresh pages take longer than to fill them."""

from __future__ import annotations

import threading

import torch
from torch import Tensor

LARGE = 2**25  # bytes; below, the allocator keeps memory by itself


class Workspace:
    """One flat tensor that is lent over and over.

    It is lent only while no other tensor shares its storage, such as one that is kept for a gradient to come; else a
    new one takes its place, and it goes when its holders do. It is kept for as long as the workspace is.
    """

    def __init__(self) -> None:
        self._room: Tensor | None = None
        self._alone = 0
        self._turn = threading.Lock()  # between finding that nothing holds it and lending it

    def take(self, like: Tensor, *shape: int) -> Tensor:
        """An empty tensor of this shape, of the kind of ``like``."""
        size = 1
        for each in shape:
            size *= each
        if size * like.element_size() < LARGE or like.device.type != "cpu":
            return like.new_empty(shape)
        with self._turn:
            room = self._room
            if room is None or room.dtype != like.dtype or not size <= room.numel() <= 2 * size or self._is_lent(room):
                with torch.inference_mode(False):
                    room = self._room = torch.empty(size, dtype=like.dtype)
                    self._alone = _holders(room)
            # Its storage, and no view of it: autograd lets nobody write to a view that a function returns.
            return like.new_empty(0).set_(room.untyped_storage(), 0, shape)  # type: ignore[call-overload, no-any-return]

    def __reduce__(self) -> tuple[type[Workspace], tuple[()]]:
        """Elsewhere, and in a copy, it begins without memory."""
        return Workspace, ()

    def _is_lent(self, room: Tensor) -> bool:
        return _holders(room) > self._alone


def _holders(room: Tensor) -> int:
    """How many tensors share its storage; where torch does not say, as many as never lets it be lent again."""
    count = getattr(torch._C, "_storage_Use_Count", None)
    return 2**30 if count is None else int(count(room.untyped_storage()._cdata))
