"""The recurrent state of every node, which an encoder's ``run`` takes and returns between two pieces of a stream."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from graphseq._prompt import short_repr
from graphseq.data.topology import Topology


@short_repr
@dataclass(frozen=True)
class RecurrentState:
    """The state that ``encoder.run`` returns after a piece of a stream, to be passed in with the next piece.

    Returned by :meth:`graphseq.nn.LSTM.run`.

    It belongs to the autograd graph of the piece. :meth:`detach` cuts it off, as truncated backpropagation through time
    does after each piece.

    Attributes:
        node: the numbers of the M nodes seen so far, ascending, (M,).
        parts: their state, (M, H) each: layer by layer h, then c for an LSTM.
        time: the last time seen.
    """

    node: Tensor
    parts: tuple[Tensor, ...]
    time: int

    def detach(self) -> RecurrentState:
        """The same state without its autograd graph."""
        return RecurrentState(self.node, tuple(part.detach() for part in self.parts), self.time)


def gather_state(state: RecurrentState | None, topology: Topology, num_parts: int, like: Tensor) -> tuple[Tensor, ...]:
    """The state of the N nodes of a piece before its first time, (N, H) each; zero for nodes not seen before.

    Args:
        state: the state passed in with the piece; ``None`` for the first piece.
        topology: the rows of the piece.
        num_parts: the number of parts that the encoder has.
        like: a tensor (…, H) of the width, dtype and device of the parts.

    Raises:
        TypeError: ``state`` is not a :class:`RecurrentState`.
        ValueError: the state of an encoder of another shape, or of a time that is not before the piece's first.
    """
    zero = like.new_zeros(topology.num_nodes, like.shape[-1])
    if state is None:
        return (zero,) * num_parts
    if not isinstance(state, RecurrentState):
        raise TypeError(f"state must be what run() returned, or None for the first piece; got {type(state).__name__}")
    widths = [part.shape[1] for part in state.parts]
    if widths != [like.shape[-1]] * num_parts:
        raise ValueError(
            f"state has parts of widths {widths}, but this encoder has {num_parts} of width {like.shape[-1]}; pass a "
            "state only to the encoder that returned it"
        )
    first = int(topology.times[0])
    if first <= state.time:
        raise ValueError(
            f"graph begins at time {first}, but state is of time {state.time}; pass the pieces in the order of time"
        )
    numbers = _node_numbers(topology)
    index = torch.searchsorted(state.node, numbers).clamp(max=len(state.node) - 1)
    is_known = (state.node[index] == numbers)[:, None]
    return tuple(torch.where(is_known, part[index], zero) for part in state.parts)


def scatter_state(state: RecurrentState | None, topology: Topology, parts: tuple[Tensor, ...]) -> RecurrentState:
    """The state of all nodes seen so far, given ``parts``, (N, H) each, of the nodes of the last piece."""
    numbers, time = _node_numbers(topology), int(topology.times[-1])
    if state is None:
        return RecurrentState(numbers, parts, time)
    is_absent = ~torch.isin(state.node, numbers)
    node, order = torch.cat([state.node[is_absent], numbers]).sort()
    pairs = zip(state.parts, parts, strict=True)
    return RecurrentState(node, tuple(torch.cat([old[is_absent], new])[order] for old, new in pairs), time)


def _node_numbers(topology: Topology) -> Tensor:
    """The numbers of the nodes, (N,), in the order in which a topology counts them."""
    numbers: Tensor = topology.node.unique()
    return numbers
