"""The topology that a graph keeps, for as long as the graph holds what it was derived from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from graphseq._torch import compat
from graphseq.data.adjacency import is_learned, lasting
from graphseq.data.topology import Topology


class Kept:
    """The topology of a graph, kept for as long as the graph holds what it was derived from.

    On the CPU that is compared number by number at each use, since memory can be written to in ways that torch does not
    count: through numpy, ``.data``, or under ``torch.inference_mode``. On other devices torch's count is trusted.

    It is left out of copies and pickles, where the topology is derived again.

    Args:
        topology: what was derived.
        tensors: the tensors of the graph, in the order of ``Topology.KEYS``.
    """

    def __init__(self, topology: Topology | None = None, tensors: Sequence[Tensor | None] = ()) -> None:
        self.topology = topology
        self._seen = [None if tensor is None else (tensor, _version(tensor)) for tensor in tensors]

    def __reduce__(self) -> tuple[type[Kept], tuple[()]]:
        """Copy and pickle nothing."""
        return type(self), ()

    def of(self, tensors: Sequence[Tensor | None]) -> Topology | None:
        """Return the topology, or ``None`` if ``tensors`` hold something else than it was derived from."""
        # A graph is a constant to a function that is compiled or recorded.
        if self.topology is None or torch.compiler.is_compiling() or compat.is_recording():
            return self.topology
        holds = all(map(_holds, self.topology.parts, tensors, self._seen))
        return self.topology if holds else None


def _holds(own: Tensor | None, tensor: Tensor | None, seen: tuple[Tensor, int] | None) -> bool:
    """Return True if ``tensor`` holds what ``own`` does; a learned one must be the same tensor."""
    if own is None or tensor is None:
        return own is tensor
    if tensor.is_floating_point() and (is_learned(own) or is_learned(tensor)):
        return own is tensor
    if not tensor.is_cpu:
        return seen is not None and tensor is seen[0] and _version(tensor) == seen[1]
    return own.dtype == tensor.dtype and own.is_cpu and torch.equal(own, tensor)


def copies(tensors: Iterable[Tensor | None]) -> list[Tensor | None]:
    """Return tensors of the same numbers with memory of their own, but those that are learned as they are."""
    return lasting(
        lambda: [
            tensor
            if tensor is None or is_learned(tensor)
            else tensor.detach().clone(memory_format=torch.contiguous_format)
            for tensor in tensors
        ]
    )


def _version(tensor: Tensor) -> int:
    return 0 if tensor.is_inference() else compat.version(tensor)
