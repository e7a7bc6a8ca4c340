"""Base classes of linear recurrences, which are computed by a parallel scan: a layer, and an encoder of such layers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import ClassVar, cast

import torch
from torch import Tensor, nn

from graphseq import _checks
from graphseq._arguments import checked_arguments, checked_but
from graphseq.data.graph import SpaceTimeGraph
from graphseq.data.topology import Step, Topology
from graphseq.nn.encoder import Encoder
from graphseq.nn.recurrent.scan import scan_rows
from graphseq.nn.recurrent.state import RecurrentState, gather_state, scatter_state
from graphseq.nn.trace import Trace, through_time


class LinearRNNLayer(nn.Module, ABC):
    r"""One linear recurrence, whose coefficients depend on its input and not on its state.

    .. math:: h_t = a(x_t) ⊙ h_{t-1} + b(x_t), \qquad y_t = r(x_t, h_t)

    A new cell is a subclass with :meth:`factors`, and with :meth:`readout` and ``has_readout = True`` where its output
    is not h. :class:`LinearRNNBase` shows a whole one with its encoder.
    """

    num_parts: ClassVar[int] = 1  #: real numbers in the state of one unit: 2 where it is complex
    has_readout: ClassVar[bool] = False  #: whether the output differs from the state

    @abstractmethod
    def factors(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the coefficients a and b from inputs (R, ·).

        Returns:
            a, (R, H), or (1, H) where it is the same for all rows; and b, (R, H).
        """

    def readout(self, x: Tensor, h: Tensor) -> Tensor:
        """Compute the outputs (R, H) from inputs (R, ·) and states (R, H); by default they are the states."""
        return h


class LinearRNNBase(Encoder):
    """A stack of linear recurrences, each computed for all rows in one scan of O(log T) rounds.

    Nothing is padded, and a row's state depends on its own past alone. The state starts at zero for each node and is
    not kept between calls; :meth:`run` takes and returns it. :meth:`trace` computes one step at a time.

    A new encoder is a subclass whose constructor passes its layers; all else is here.

    Args:
        in_channels: F.
        hidden_channels: H.
        layers: the recurrences, the first layer first.
        lift: a map of the features (V, F) before the first layer; ``None`` where that layer takes the features.

    Example:
        A new cell in full, a leaky average with one learned rate a channel:

        >>> import graphseq as gs, torch
        >>> from graphseq.nn.recurrent.linear_rnn import LinearRNNBase, LinearRNNLayer, input_widths
        >>> from torch import nn
        >>> class AverageLayer(LinearRNNLayer):
        ...     def __init__(self, in_channels, hidden_channels):
        ...         super().__init__()
        ...         self.lin = nn.Linear(in_channels, hidden_channels)
        ...         self.rate = nn.Parameter(torch.zeros(1, hidden_channels))
        ...     def factors(self, x):
        ...         a = self.rate.sigmoid()
        ...         return a, (1 - a) * self.lin(x)
        >>> class Average(LinearRNNBase):
        ...     def __init__(self, in_channels, hidden_channels, num_layers=1):
        ...         widths = input_widths(in_channels, hidden_channels, num_layers)  # refuses sizes below 1
        ...         super().__init__(in_channels, hidden_channels, [AverageLayer(f, hidden_channels) for f in widths])
        >>> Average(3, 8)(gs.from_sequence(torch.eye(3))).shape
        torch.Size([3, 8])
    """

    @checked_arguments
    def __init__(
        self, in_channels: int, hidden_channels: int, layers: Iterable[LinearRNNLayer], lift: nn.Module | None = None
    ) -> None:
        super().__init__(in_channels, hidden_channels, causal=True)
        self.lift = nn.Identity() if lift is None else lift
        self.layers = nn.ModuleList(layers)
        self.num_layers = len(self.layers)

    def encode(self, graph: SpaceTimeGraph, x: Tensor) -> Tensor:
        """Compute the states (V, H) from features (V, F)."""
        x = self.lift(x)
        for layer in self._stack:
            x = layer.readout(x, scan_rows(*layer.factors(x), graph.topology))
        return x

    @checked_but("state")
    def run(self, graph: SpaceTimeGraph, state: RecurrentState | None = None) -> tuple[Tensor, RecurrentState]:
        """Run over a piece of a stream and return its states (V, H) and the recurrent state to pass on to the next.

        Running over all pieces in turn gives what one pass over the whole stream gives.

        Args:
            graph: the piece, its times all after those of the pieces before; nodes keep their numbers.
            state: the recurrent state that the piece before returned; ``None`` for the first piece.

        Raises:
            ValueError: the state of another encoder, or of a later time.

        Example:
            >>> import graphseq as gs, torch
            >>> encoder, state = gs.nn.MinGRU(3, 8), None
            >>> for time in range(2):
            ...     piece = gs.SpaceTimeGraph(torch.zeros(1, 3), torch.tensor([7]), torch.tensor([time]))
            ...     out, state = encoder.run(piece, state)
        """
        topology, x = graph.topology, self._features(graph.x)
        first, last = topology.keep("ends", lambda: _ends(topology))
        parts = list(gather_state(state, topology, self._num_parts, x.new_empty(0, self.hidden_channels)))
        new_parts: list[Tensor] = []
        x = self.lift(x)
        for layer in self._stack:
            a, b = layer.factors(x)
            before = _from_parts([parts.pop(0) for _ in range(layer.num_parts)])
            b = b.index_add(0, first, (a if len(a) == 1 else a[first]) * before)
            h = scan_rows(a, b, topology)
            new_parts += _parts(h[last])
            x = layer.readout(x, h)
        return x, scatter_state(state, topology, tuple(new_parts))

    @checked_arguments
    def trace(self, graph: SpaceTimeGraph) -> Trace:
        """The recurrent state after each time step, (N, S): h of the last layer down to the first.

        Where the output differs from h, it comes before them; a complex h is its real and its imaginary part.
        """
        state_channels = (self._num_parts + self._has_readout) * self.hidden_channels
        states, out = through_time(graph.topology, self._leaf(graph), state_channels, self.hidden_channels, self._step)
        return Trace("step", states, out)

    def _step(self, x: Tensor, state: Tensor, _: Step) -> Tensor:
        parts = list(state.split(self.hidden_channels, dim=1)[int(self._has_readout) :])
        new_parts: list[Tensor] = []
        x = self.lift(x)
        for layer in self._stack:
            a, b = layer.factors(x)
            h = a * _from_parts(parts[-layer.num_parts :]) + b
            del parts[-layer.num_parts :]
            new_parts = [*_parts(h), *new_parts]
            x = layer.readout(x, h)
        return torch.cat([x, *new_parts] if self._has_readout else new_parts, dim=1)

    @checked_arguments
    def reach(self, graph: SpaceTimeGraph, rows: Tensor) -> Tensor:
        """A line: the rows of the same node up to the same time, (K, V)."""
        rows = _checks.rows("rows", rows, graph.num_rows)
        node, time = graph.node, graph.time
        line: Tensor = (node[rows][:, None] == node) & (time <= time[rows][:, None])
        return line.cpu()

    @property
    def _stack(self) -> list[LinearRNNLayer]:
        return cast("list[LinearRNNLayer]", list(self.layers))

    @property
    def _num_parts(self) -> int:
        return sum(layer.num_parts for layer in self._stack)

    @property
    def _has_readout(self) -> bool:
        return self._stack[-1].has_readout


def input_widths(in_channels: int, hidden_channels: int, num_layers: int) -> list[int]:
    """The input channels of each layer of a stack: F, then H.

    Raises:
        ValueError: a size below 1.
    """
    _checks.at_least("in_channels", in_channels, 1)
    _checks.at_least("hidden_channels", hidden_channels, 1)
    return [in_channels] + [hidden_channels] * (_checks.layers("num_layers", num_layers, 1) - 1)


def _parts(h: Tensor) -> list[Tensor]:
    """The real parts of states: h itself, or its real and its imaginary part."""
    return [h.real, h.imag] if h.is_complex() else [h]


def _from_parts(parts: list[Tensor]) -> Tensor:
    """States from their real parts."""
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
