"""What linear recurrences share: layers whose steps do not wait for one another, along each node's time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import ClassVar, cast

import torch
from torch import Tensor, nn

from graphseq import _checks
from graphseq.data.graph import SpaceTimeGraph
from graphseq.data.topology import Step, Topology
from graphseq.nn.encoder import Encoder
from graphseq.nn.recurrent.scan import scan_rows
from graphseq.nn.recurrent.state import RecurrentState, gather_state, scatter_state
from graphseq.nn.trace import Trace, through_time


class ScannedLayer(nn.Module, ABC):
    r"""One linear recurrence: what it keeps and what it adds depend on its input, and not on its state.

    .. math:: h_t = a(x_t) ⊙ h_{t-1} + b(x_t), \qquad y_t = r(x_t, h_t)
    """

    parts: ClassVar[int] = 1  #: real numbers that a unit's state has: 2 where it is complex
    reads: ClassVar[bool] = False  #: whether the output is another than the state

    @abstractmethod
    def factors(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """What is kept, a, (R, H) or (1, H) where it is the same for all rows, and added, b, (R, H), from (R, ·)."""

    def read(self, x: Tensor, h: Tensor) -> Tensor:
        """Outputs (R, H) from inputs (R, ·) and states (R, H); the states unless a layer says otherwise."""
        return h


class LinearRNNBase(Encoder):
    """Layers of linear recurrences, one upon the other, each over all rows in one scan of O(log T) rounds.

    Nothing is padded, and a row's state depends on nothing but its own past. The state starts at zero for each node and
    is not kept between calls; :meth:`run` takes and returns it. :meth:`trace` goes a step at a time.

    Args:
        in_channels: F.
        hidden_channels: H.
        layers: the recurrences, the lowest first.
        lift: the map from features (V, F) to the first one's inputs; none where it takes the features.
    """

    def __init__(
        self, in_channels: int, hidden_channels: int, layers: Iterable[ScannedLayer], lift: nn.Module | None = None
    ) -> None:
        super().__init__(in_channels, hidden_channels, causal=True)
        self.lift = nn.Identity() if lift is None else lift
        self.layers = nn.ModuleList(layers)
        self.num_layers = len(self.layers)

    def encode(self, graph: SpaceTimeGraph, x: Tensor) -> Tensor:
        """States (V, H) from features (V, F)."""
        x = self.lift(x)
        for layer in self._stack:
            x = layer.read(x, scan_rows(*layer.factors(x), graph.topology))
        return x

    def run(self, graph: SpaceTimeGraph, memory: RecurrentState | None = None) -> tuple[Tensor, RecurrentState]:
        """States (V, H) of a piece of a stream, and what is remembered for the next: together, one long pass.

        Args:
            graph: the piece, its times all after those of the pieces before; nodes are known by their numbers.
            memory: what the piece before returned; ``None`` at the beginning.

        Raises:
            ValueError: a memory of another encoder, or of a later time.

        Example:
            >>> import graphseq as gs, torch
            >>> encoder, memory = gs.nn.MinGRU(3, 8), None
            >>> for time in range(2):
            ...     piece = gs.SpaceTimeGraph(torch.zeros(1, 3), torch.tensor([7]), torch.tensor([time]))
            ...     states, memory = encoder.run(piece, memory)
        """
        topology, x = graph.topology, self._features(graph.x)
        first, last = topology.keep("ends", lambda: _ends(topology))
        held = list(gather_state(memory, topology, self._num_parts, x.new_empty(0, self.hidden_channels)))
        after: list[Tensor] = []
        x = self.lift(x)
        for layer in self._stack:
            a, b = layer.factors(x)
            before = _joined([held.pop(0) for _ in range(layer.parts)])
            b = b.index_add(0, first, (a if len(a) == 1 else a[first]) * before)
            h = scan_rows(a, b, topology)
            after += _parts(h[last])
            x = layer.read(x, h)
        return x, scatter_state(memory, topology, tuple(after))

    def trace(self, graph: SpaceTimeGraph) -> Trace:
        """What each node remembers after each step, (N, S): h of the last layer down to the first.

        Where the output is another than h, it stands before them; a complex h is its real and its imaginary part.
        """
        memory = (self._num_parts + self._reads) * self.hidden_channels
        states, out = through_time(graph.topology, self._cut(graph), memory, self.hidden_channels, self._step)
        return Trace("step", states, out)

    def _step(self, x: Tensor, memory: Tensor, _: Step) -> Tensor:
        held = list(memory.split(self.hidden_channels, dim=1)[int(self._reads) :])
        after: list[Tensor] = []
        x = self.lift(x)
        for layer in self._stack:
            a, b = layer.factors(x)
            h = a * _joined(held[-layer.parts :]) + b
            del held[-layer.parts :]
            after = [*_parts(h), *after]
            x = layer.read(x, h)
        return torch.cat([x, *after] if self._reads else after, dim=1)

    def reach(self, graph: SpaceTimeGraph, rows: Tensor) -> Tensor:
        """A line: the rows of the same node at the same time or before, (K, V)."""
        node, time = graph.node, graph.time
        line: Tensor = (node[rows][:, None] == node) & (time <= time[rows][:, None])
        return line.cpu()

    @property
    def _stack(self) -> list[ScannedLayer]:
        return cast("list[ScannedLayer]", list(self.layers))

    @property
    def _num_parts(self) -> int:
        return sum(layer.parts for layer in self._stack)

    @property
    def _reads(self) -> bool:
        return self._stack[-1].reads


def input_widths(in_channels: int, hidden_channels: int, num_layers: int) -> list[int]:
    """How many inputs each layer of a stack has: F, then H."""
    _checks.at_least("in_channels", in_channels, 1)
    _checks.at_least("hidden_channels", hidden_channels, 1)
    return [in_channels] + [hidden_channels] * (_checks.at_least("num_layers", num_layers, 1) - 1)


def _parts(h: Tensor) -> list[Tensor]:
    """States as real numbers."""
    return [h.real, h.imag] if h.is_complex() else [h]


def _joined(parts: list[Tensor]) -> Tensor:
    """States from real numbers."""
    return torch.complex(*parts) if len(parts) == 2 else parts[0]


def _ends(topology: Topology) -> tuple[Tensor, Tensor]:
    """The first and the last row of each of N nodes, (N,) each."""
    node, goes_on = topology.node_index, torch.zeros_like(topology.previous, dtype=torch.bool)
    goes_on[topology.temporal_edges[0]] = True
    ends = []
    for rows in ((topology.previous < 0).nonzero()[:, 0], (~goes_on).nonzero()[:, 0]):
        of_node = torch.empty_like(rows)
        of_node[node[rows]] = rows
        ends.append(of_node)
    return ends[0], ends[1]
