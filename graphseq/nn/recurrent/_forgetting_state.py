"""The recurrent state of nodes and of pairs of nodes: between two steps, and between two pieces of a stream."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from graphseq._prompt import short_repr
from graphseq.data.topology import Topology
from graphseq.nn.recurrent import state as plain
from graphseq.nn.recurrent._forgetting_snapshots import Snapshots
from graphseq.nn.recurrent.state import RecurrentState


class StepState(NamedTuple):
    """The state between two steps. Products of gates are logarithms, 0 where nothing is forgotten."""

    states: tuple[Tensor, ...]  # (N, H) each: layer by layer h, then c
    node: Tensor  # (N,) the product of each node
    pair: Tensor  # (P,) the product of each pair of nodes

    def packed(self, accumulated: Snapshots | None) -> Tensor:
        """The state as one tensor, (N, S): h of the last layer first, then c, then the products.

        Args:
            accumulated: the snapshots, where products accumulate; ``None`` leaves the products out.
        """
        parts = [*self.states[-2::-2], *self.states[::-2]]
        if accumulated is not None:
            index = (accumulated.pairs[1], accumulated.slot)
            of_pairs = self.pair.new_zeros(len(self.node), accumulated.width).index_put(index, self.pair)
            parts += [self.node[:, None], of_pairs]
        return torch.cat(parts, dim=1)

    def unpacked(self, packed: Tensor, accumulated: Snapshots | None) -> StepState:
        """The inverse of :meth:`packed`, with this state's number of layers."""
        layers, width = len(self.states) // 2, self.states[0].shape[1]
        parts = packed[:, : 2 * layers * width].split(width, dim=1)
        pairs = zip(parts[:layers][::-1], parts[layers:][::-1], strict=True)
        states = tuple(part for pair in pairs for part in pair)
        if accumulated is None:
            return self._replace(states=states)
        node, of_pairs = packed[:, 2 * layers * width], packed[:, 2 * layers * width + 1 :]
        return StepState(states, node, of_pairs[accumulated.pairs[1], accumulated.slot])


@short_repr
@dataclass(frozen=True)
class ForgettingState(RecurrentState):
    """A :class:`RecurrentState` with the accumulated gates of nodes and of pairs of nodes.

    Returned by :meth:`graphseq.nn.ForgettingGCNLSTM.run`.

    Attributes:
        of_node: the logarithm of each node's product of gates, (M,).
        pair: the pairs of nodes (j, i) that had an edge so far, (2, P).
        of_pair: the logarithm of their products, (P,). ``pair`` and ``of_pair`` are empty without ``accumulate``.
    """

    of_node: Tensor
    pair: Tensor
    of_pair: Tensor

    def detach(self) -> ForgettingState:
        """The same state without its autograd graph."""
        parts = tuple(part.detach() for part in self.parts)
        return ForgettingState(self.node, parts, self.time, self.of_node.detach(), self.pair, self.of_pair.detach())


def gather_state(
    state: ForgettingState | None, topology: Topology, snapshots: Snapshots, layers: int, like: Tensor
) -> StepState:
    """The state of the nodes of a piece, and of its pairs of nodes, before its first time; 0 for those not seen before.

    Raises:
        TypeError: ``state`` is not a :class:`ForgettingState`.
        ValueError: the state of an encoder of another shape, or of a time that is not before the piece's first.
    """
    if state is not None and not isinstance(state, ForgettingState):
        raise TypeError(f"state must be what run() returned, or None for the first piece; got {type(state).__name__}")
    parts = plain.gather_state(state, topology, 2 * layers, like)
    (node,) = plain.gather_state(_node_products(state), topology, 1, like[:, :1])
    pair = like.new_zeros(snapshots.pairs.shape[1])
    if state is not None and len(state.of_pair):
        new, old = _keys(_numbered_pairs(topology, snapshots), state.pair)
        old, order = old.sort()
        index = torch.searchsorted(old, new).clamp(max=len(old) - 1)
        pair = torch.where(old[index] == new, state.of_pair[order[index]], pair)
    return StepState(parts, node[:, 0], pair)


def scatter_state(
    state: ForgettingState | None, topology: Topology, last: StepState, accumulated: Snapshots | None
) -> ForgettingState:
    """The state of all nodes and pairs seen so far, given the last state of those of a piece.

    Args:
        state: the state passed in with the piece.
        topology: the rows of the piece.
        last: the state of its nodes and pairs after its last time.
        accumulated: its snapshots, where products of gates accumulate.
    """
    states = plain.scatter_state(state, topology, last.states)
    of_node = plain.scatter_state(_node_products(state), topology, (last.node[:, None],)).parts[0][:, 0]
    pair, of_pair = topology.node.new_zeros(2, 0), last.pair[:0]
    if accumulated is not None:
        pair, of_pair = _numbered_pairs(topology, accumulated), last.pair
    if state is not None:
        new, old = _keys(pair, state.pair)
        is_absent = ~torch.isin(old, new)
        pair = torch.cat([state.pair[:, is_absent], pair], dim=1)
        of_pair = torch.cat([state.of_pair[is_absent], of_pair])
    return ForgettingState(states.node, states.parts, states.time, of_node, pair, of_pair)


def _node_products(state: ForgettingState | None) -> RecurrentState | None:
    return None if state is None else RecurrentState(state.node, (state.of_node[:, None],), state.time)


def _numbered_pairs(topology: Topology, snapshots: Snapshots) -> Tensor:
    """The pairs of nodes by the numbers that nodes have in all pieces, (2, P)."""
    numbers: Tensor = topology.node.unique()[snapshots.pairs]
    return numbers


def _keys(*pairs: Tensor) -> list[Tensor]:
    """Each pair as one integer, equal for equal pairs across all of ``pairs``."""
    size = 1 + max(int(columns.max()) if columns.numel() else 0 for columns in pairs)
    return [columns[1] * size + columns[0] for columns in pairs]
