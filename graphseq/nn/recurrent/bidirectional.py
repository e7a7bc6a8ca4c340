"""Recurrences in both directions of time: one from the first row of a node on, and one from the last row back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import cast

import torch
from torch import Tensor, nn

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq.data.graph import SpaceTimeGraph
from graphseq.data.topology import Topology
from graphseq.nn.convolutional.layered import LayerStack
from graphseq.nn.encoder import Encoder


class Bidirectional(LayerStack):
    r"""Any recurrent encoder in both directions of time, its states side by side.

    .. math:: H^{(l)} = \overrightarrow{E}^{(l)}(H^{(l-1)}) \,\|\, \overleftarrow{E}^{(l)}(H^{(l-1)}),
              \qquad H^{(0)} = X

    The second encoder reads the same graph with time reversed. With ``build=LSTM`` it is torch's LSTM with
    ``bidirectional=True``, weight for weight; with ``build=GCNLSTM``, a graph recurrence that reads past and future.

    Args:
        build: a recurrent encoder's class, or a factory, called with in and hidden channels.
        in_channels: F.
        hidden_channels: H of each direction; states have 2H channels.
        num_layers: the number of layers, each of which reads both directions of the one below.

    Shapes: graph of V rows → (V, 2H).

    Raises:
        TypeError: ``build`` gives something other than an encoder.
        ValueError: a size below 1, or an encoder that reads both directions of time already.

    Source: Schuster and Paliwal, *Bidirectional recurrent neural networks* (1997).

    Example:
        >>> import graphseq as gs, torch
        >>> sequence = gs.from_sequence(torch.eye(3))
        >>> encoder = Bidirectional(gs.nn.LSTM, 3, 8)
        >>> encoder(sequence).shape
        torch.Size([3, 16])
        >>> encoder.reach(sequence, torch.tensor([1])).tolist()
        [[True, True, True]]
    """

    @checked_arguments
    def __init__(
        self, build: Callable[[int, int], Encoder], in_channels: int, hidden_channels: int, num_layers: int = 1
    ) -> None:
        hidden = _checks.at_least("hidden_channels", hidden_channels, 1)
        super().__init__(in_channels, 2 * hidden, num_layers, causal=False)
        widths = [in_channels] + [2 * hidden] * (num_layers - 1)
        self.forwards = nn.ModuleList(_recurrence(build, width, hidden) for width in widths)
        self.backwards = nn.ModuleList(_recurrence(build, width, hidden) for width in widths)

    def layers(self, graph: SpaceTimeGraph, x: Tensor) -> Iterator[Tensor]:
        """Yield the states after each layer, (V, 2H) each, from features (V, F)."""
        back, h = reversed_in_time(graph), x
        for there, from_there in self._pairs:
            h = torch.cat([there.encode(graph, h), from_there.encode(back, h)], dim=1)
            yield h

    @checked_arguments
    def reach(self, graph: SpaceTimeGraph, rows: Tensor) -> Tensor:
        """The rows that either direction reads, layer by layer, (K, V)."""
        rows = _checks.rows("rows", rows, graph.num_rows)
        back, everyone = reversed_in_time(graph), torch.arange(graph.num_rows, device=rows.device)
        field = torch.zeros(len(rows), graph.num_rows, dtype=torch.bool)
        field[torch.arange(len(rows)), rows.cpu()] = True
        for there, from_there in reversed(self._pairs):
            reads = there.reach(graph, everyone) | from_there.reach(back, everyone)
            field = field.float() @ reads.float() > 0
        return field

    @property
    def _pairs(self) -> list[tuple[Encoder, Encoder]]:
        return cast("list[tuple[Encoder, Encoder]]", list(zip(self.forwards, self.backwards, strict=True)))


def reversed_in_time(graph: SpaceTimeGraph) -> SpaceTimeGraph:
    """The same rows, features and edges with times from the last to the first."""

    def turned() -> Topology:
        topology = graph.topology
        last = topology.time.max() if topology.num_rows else 0
        return Topology(topology.node, last - topology.time, *topology.parts[2:])

    topology = graph.topology.keep("reversed in time", turned)
    return SpaceTimeGraph.from_topology(topology, graph.x, batch=graph.get("batch"))


def _recurrence(build: Callable[[int, int], Encoder], in_channels: int, hidden_channels: int) -> Encoder:
    encoder = _checks.made("build", build, in_channels, hidden_channels)
    if not isinstance(encoder, Encoder):
        raise TypeError(f"build must give a graphseq.nn.Encoder, got {type(encoder).__name__}")
    if not encoder.causal:
        raise ValueError(f"build must give a recurrence over time; {type(encoder).__name__} reads later rows already")
    return encoder
