"""What nodes and pairs of nodes remember from step to step, and from one piece of a stream to the next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from graphseq.data.topology import Topology
from graphseq.nn.recurrent import state as plain
from graphseq.nn.recurrent._forgetting_snapshots import Snapshots
from graphseq.nn.recurrent.state import RecurrentState


class Held(NamedTuple):
    """What is held between two steps; the products of gates as logarithms, 0 where nothing is forgotten."""

    states: tuple[Tensor, ...]  # (N, H) each: layer by layer the state, then the cell
    node: Tensor  # (N,) of each node
    pair: Tensor  # (P,) of each pair of nodes

    def packed(self, lasting: Snapshots | None) -> Tensor:
        """All of it, node by node, (N, S): states of the last layer first, then cells, then what is ``lasting``."""
        parts = [*self.states[-2::-2], *self.states[::-2]]
        if lasting is not None:
            places = (lasting.pairs[1], lasting.place)
            of_pairs = self.pair.new_zeros(len(self.node), lasting.width).index_put(places, self.pair)
            parts += [self.node[:, None], of_pairs]
        return torch.cat(parts, dim=1)

    def unpacked(self, packed: Tensor, lasting: Snapshots | None) -> Held:
        """What :meth:`packed` gave, again in parts like these."""
        layers, width = len(self.states) // 2, self.states[0].shape[1]
        parts = packed[:, : 2 * layers * width].split(width, dim=1)
        pairs = zip(parts[:layers][::-1], parts[layers:][::-1], strict=True)
        states = tuple(part for pair in pairs for part in pair)
        if lasting is None:
            return self._replace(states=states)
        node, of_pairs = packed[:, 2 * layers * width], packed[:, 2 * layers * width + 1 :]
        return Held(states, node, of_pairs[lasting.pairs[1], lasting.place])


@dataclass(frozen=True)
class ForgettingState(RecurrentState):
    """A :class:`RecurrentState` that also says what has been forgotten of the graph, where that lasts.

    Attributes:
        of_node: logarithm of each node's product of gates, (M,).
        pair: the pairs of nodes (j, i) that were joined so far, (2, P).
        of_pair: logarithm of their products, (P,); both are empty where products do not last.
    """

    of_node: Tensor
    pair: Tensor
    of_pair: Tensor

    def detach(self) -> ForgettingState:
        """The same, cut off from what it was computed from."""
        parts = tuple(part.detach() for part in self.parts)
        return ForgettingState(self.node, parts, self.time, self.of_node.detach(), self.pair, self.of_pair.detach())


def gather_state(
    memory: ForgettingState | None, topology: Topology, snapshots: Snapshots, layers: int, like: Tensor
) -> Held:
    """What the nodes of a piece, and the pairs of them that it joins, remember; 0 for those not seen before.

    Raises:
        TypeError: something else than a :class:`ForgettingState`.
        ValueError: the memory of an encoder of another shape, or of a time that is not before the piece's first.
    """
    if memory is not None and not isinstance(memory, ForgettingState):
        raise TypeError(f"memory must be what run() returned, or None at the beginning; got {type(memory).__name__}")
    states = plain.gather_state(memory, topology, 2 * layers, like)
    (node,) = plain.gather_state(_of_nodes(memory), topology, 1, like[:, :1])
    pair = like.new_zeros(snapshots.pairs.shape[1])
    if memory is not None and len(memory.of_pair):
        names, old = _keys(_named(topology, snapshots), memory.pair)
        old, order = old.sort()
        found = torch.searchsorted(old, names).clamp(max=len(old) - 1)
        pair = torch.where(old[found] == names, memory.of_pair[order[found]], pair)
    return Held(states, node[:, 0], pair)


def scatter_state(
    memory: ForgettingState | None, topology: Topology, held: Held, lasting: Snapshots | None
) -> ForgettingState:
    """What all nodes and pairs seen so far remember, once those of a piece hold ``held``.

    Args:
        memory: what came with the piece.
        topology: the rows of the piece.
        held: what its nodes and pairs hold at last.
        lasting: its snapshots, where products of gates last.
    """
    states = plain.scatter_state(memory, topology, held.states)
    of_node = plain.scatter_state(_of_nodes(memory), topology, (held.node[:, None],)).parts[0][:, 0]
    pair, of_pair = topology.node.new_zeros(2, 0), held.pair[:0]
    if lasting is not None:
        pair, of_pair = _named(topology, lasting), held.pair
    if memory is not None:
        new, old = _keys(pair, memory.pair)
        away = ~torch.isin(old, new)
        pair, of_pair = torch.cat([memory.pair[:, away], pair], dim=1), torch.cat([memory.of_pair[away], of_pair])
    return ForgettingState(states.node, states.parts, states.time, of_node, pair, of_pair)


def _of_nodes(memory: ForgettingState | None) -> RecurrentState | None:
    return None if memory is None else RecurrentState(memory.node, (memory.of_node[:, None],), memory.time)


def _named(topology: Topology, snapshots: Snapshots) -> Tensor:
    """Pairs by the numbers that nodes have in all pieces, (2, P)."""
    names: Tensor = topology.node.unique()[snapshots.pairs]
    return names


def _keys(*pairs: Tensor) -> list[Tensor]:
    """Each pair as one number, the same in all of ``pairs``."""
    size = 1 + max(int(each.max()) if each.numel() else 0 for each in pairs)
    return [each[1] * size + each[0] for each in pairs]
