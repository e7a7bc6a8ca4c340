"""What nodes remember from one piece of a stream to the next, given and returned openly."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from graphseq.data.topology import Topology


@dataclass(frozen=True)
class RecurrentState:
    """What a recurrent encoder returns after a piece of a stream, to be given to it with the next.

    It is in the autograd graph of the piece; :meth:`detach` cuts it off, as truncated backpropagation through time
    does after each piece.

    Attributes:
        node: the numbers of the M nodes seen so far, ascending, (M,).
        parts: what they remember, (M, H) each: layer by layer the state, then the cell where there is one.
        time: the last time seen.
    """

    node: Tensor
    parts: tuple[Tensor, ...]
    time: int

    def detach(self) -> RecurrentState:
        """The same, cut off from what it was computed from."""
        return RecurrentState(self.node, tuple(part.detach() for part in self.parts), self.time)


def gather_state(memory: RecurrentState | None, topology: Topology, parts: int, like: Tensor) -> tuple[Tensor, ...]:
    """What the N nodes of a piece remember, (N, H) each; zero for those not seen before.

    Args:
        memory: what came with the piece; ``None`` at the beginning.
        topology: the rows of the piece.
        parts: how many parts there are to be.
        like: a tensor (…, H) of the width, number type and device that they are to have.

    Raises:
        TypeError: something else than a :class:`RecurrentState`.
        ValueError: the memory of an encoder of another shape, or of a time that is not before the piece's first.
    """
    zero = like.new_zeros(topology.num_nodes, like.shape[-1])
    if memory is None:
        return (zero,) * parts
    if not isinstance(memory, RecurrentState):
        raise TypeError(f"memory must be what run() returned, or None at the beginning; got {type(memory).__name__}")
    widths = [part.shape[1] for part in memory.parts]
    if widths != [like.shape[-1]] * parts:
        raise ValueError(
            f"memory has parts of widths {widths}, but this encoder remembers {parts} of {like.shape[-1]}; each "
            "encoder goes on with its own"
        )
    first = int(topology.times[0])
    if first <= memory.time:
        raise ValueError(f"graph begins at time {first}, but memory is of time {memory.time}; pieces come in order")
    names = _names(topology)
    place = torch.searchsorted(memory.node, names).clamp(max=len(memory.node) - 1)
    known = (memory.node[place] == names)[:, None]
    return tuple(torch.where(known, part[place], zero) for part in memory.parts)


def scatter_state(memory: RecurrentState | None, topology: Topology, parts: tuple[Tensor, ...]) -> RecurrentState:
    """What all nodes seen so far remember, once those of a piece remember ``parts``, (N, H) each."""
    names, time = _names(topology), int(topology.times[-1])
    if memory is None:
        return RecurrentState(names, parts, time)
    away = ~torch.isin(memory.node, names)
    node, order = torch.cat([memory.node[away], names]).sort()
    pairs = zip(memory.parts, parts, strict=True)
    return RecurrentState(node, tuple(torch.cat([old[away], new])[order] for old, new in pairs), time)


def _names(topology: Topology) -> Tensor:
    """The numbers of the nodes, (N,), in the order in which a topology counts them."""
    names: Tensor = topology.node.unique()
    return names
