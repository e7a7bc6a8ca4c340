"""Base classes of recurrences whose gates are graph convolutions: a layer, and an encoder of such layers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Literal, NamedTuple, cast

import scipy.sparse as sp
import torch
from torch import Tensor, nn

from graphseq import _checks
from graphseq._arguments import checked_arguments, checked_but
from graphseq.data.adjacency import Adjacency
from graphseq.data.graph import SpaceTimeGraph
from graphseq.data.topology import Step, Topology
from graphseq.nn.conv import GCNConv, check_no_edge_attr, convolve, has_hooks
from graphseq.nn.conv_reach import ConvReach, conv_reach
from graphseq.nn.encoder import Encoder
from graphseq.nn.kernels.rnn import read
from graphseq.nn.kernels.schedule import Walk, scan
from graphseq.nn.recurrent import _light_cone
from graphseq.nn.recurrent.state import RecurrentState, gather_state, scatter_state
from graphseq.nn.trace import Trace, through_time

Conv = Callable[[int, int], nn.Module]
Sides = Literal["both", "input", "state"]
NodeState = tuple[Tensor, ...]


class Gates(NamedTuple):
    """The maps of a layer that are graph convolutions, and their hops."""

    of_input: bool  # whether the input map is a graph convolution; else it is linear
    of_state: bool  # whether the state map is a graph convolution; else it is linear
    hops: int  # L, of Âᴸ

    @classmethod
    def checked(cls, sides: Sides, hops: int) -> Gates:
        """Build the gates from the arguments ``convolve`` and ``hops`` of an encoder."""
        _checks.one_of("convolve", sides, ("both", "input", "state"))
        return cls(sides != "state", sides != "input", _checks.layers("hops", hops, 1))


class GatedLayer(nn.Module, ABC):
    """One recurrent layer: an input map and a state map, each with a bias, whose outputs a cell combines.

    ``conv_x`` and ``conv_h`` hold the weights that torch's recurrences call ``weight_ih, bias_ih`` and ``weight_hh,
    bias_hh``; a map that is not convolved is an ``nn.Linear``.

    A new cell is a subclass with :meth:`cell` and ``mode``, the recurrence of torch ("RNN_TANH", "GRU" or "LSTM") that
    the layer equals on a graph without edges; where it equals none, it overrides :attr:`is_torchs` with ``False``.

    Args:
        in_channels: F.
        hidden_channels: H.
        num_gates: the width of both maps' outputs, in units of H.
        num_parts: the number of vectors of H in a node's recurrent state: 1 for h, 2 for h and c.
        gates: which maps are graph convolutions.
        conv: a factory of the convolutions, called with in and out channels.

    Example:
        A new cell in full, the minimal gated unit, and its encoder:

        >>> import graphseq as gs, torch
        >>> from graphseq.nn import GCNConv
        >>> from graphseq.nn.recurrent.gated import GatedEncoder, GatedLayer, Gates
        >>> class MGULayer(GatedLayer):
        ...     mode, is_torchs = "GRU", False
        ...     def __init__(self, in_channels, hidden_channels):
        ...         super().__init__(in_channels, hidden_channels, 2, 1, Gates.checked("both", 1), GCNConv)
        ...     def cell(self, from_input, from_state, *state):
        ...         f, candidate = (from_input + from_state).chunk(2, dim=-1)
        ...         return (torch.lerp(state[0], candidate.tanh(), f.sigmoid()),)
        >>> class MGU(GatedEncoder):
        ...     def __init__(self, in_channels, hidden_channels, num_layers=1):
        ...         super().__init__(
        ...             in_channels,
        ...             hidden_channels,
        ...             num_layers,
        ...             lambda width: MGULayer(width, hidden_channels),
        ...             residual=False,
        ...         )
        >>> signal = gs.from_signal(torch.zeros(5, 2, 3), torch.tensor([[0, 1], [1, 0]]))
        >>> MGU(3, 8)(signal).shape
        torch.Size([10, 8])
    """

    mode: ClassVar[str]

    def __init__(
        self, in_channels: int, hidden_channels: int, num_gates: int, num_parts: int, gates: Gates, conv: Conv
    ) -> None:
        super().__init__()
        self.hidden_channels, self.num_parts, self.gates = hidden_channels, num_parts, gates
        width, before = num_gates * hidden_channels, torch.get_rng_state()
        self.conv_x = _checks.made("conv", conv if gates.of_input else nn.Linear, in_channels, width)
        self.conv_h = _checks.made("conv", conv if gates.of_state else nn.Linear, hidden_channels, width)
        # A GCNConv, and no subclass of it, computes Â x W + b, so that one kernel can run all steps on its weights.
        convolved = [each for each, is_one in zip((self.conv_x, self.conv_h), gates[:2], strict=True) if is_one]
        self.is_plain = all(type(each) is GCNConv for each in convolved)
        if gates.hops > 1 and not self.is_plain:
            raise ValueError(f"hops={gates.hops} requires GCNConv gates; other convolutions take hops=1")
        self._reach_x = _gate_reach(self.conv_x) if gates.of_input else None
        self._reach_h = _gate_reach(self.conv_h) if gates.of_state else None
        if self.is_plain:
            # The convolutions' own draws are undone, so that one seed gives this and torch's recurrence equal weights.
            torch.set_rng_state(before)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weights of ``GCNConv`` gates as torch's recurrences do, in the same order; others are unchanged."""
        if not self.is_plain:
            return
        bound = self.hidden_channels**-0.5
        for weight in self.weights():
            if isinstance(weight, nn.Parameter):
                nn.init.uniform_(weight, -bound, bound)

    def weights(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """W_x, W_h, b_x and b_h of ``GCNConv`` gates; a bias that is ``None`` is zero."""
        maps: list[Any] = [self.conv_x, self.conv_h]
        w_x, w_h = (conv.lin.weight if isinstance(conv, GCNConv) else conv.weight for conv in maps)
        b_x, b_h = (w_x.new_zeros(len(w_x)) if conv.bias is None else conv.bias for conv in maps)
        return w_x, w_h, b_x, b_h

    @abstractmethod
    def cell(self, from_input: Tensor, from_state: Tensor, *state: Tensor) -> NodeState:
        """Compute the new state, ``num_parts`` tensors (R, H), h first.

        Args:
            from_input: the output of the input map, (R, num_gates · H).
            from_state: the output of the state map, (R, num_gates · H).
            state: the state before the step, ``num_parts`` tensors (R, H), h first.
        """

    def forward(self, x: Tensor, topology: Topology) -> Tensor:
        """Compute the states (V, H) from inputs (V, F), rows in the order of time; an absent node keeps its state."""
        if self.is_plain:
            check_no_edge_attr("GCNConv", topology.edge_attr, topology.static_edge_attr)
        is_separate = topology.spatial.is_identity or not self.gates.of_state
        if is_separate and self.reads_weights and self.is_torchs:
            return self.along_time(x, topology)
        return self.run(x, topology)[0]

    @property
    def reads_weights(self) -> bool:
        """True if one kernel may run all steps on :meth:`weights`: plain maps, without hooks that it would not call."""
        return self.is_plain and not (has_hooks(self.conv_x) or has_hooks(self.conv_h))

    @property
    def is_torchs(self) -> bool:
        """True if the cell is that of torch's recurrence ``mode``."""
        return True

    def run(self, x: Tensor, topology: Topology, state: NodeState | None = None) -> tuple[Tensor, NodeState]:
        """Compute the outputs (V, H) and the last state of each node from its first state, (N, H) each."""
        return self.step_by_step(x, topology, state)

    def along_time(self, x: Tensor, topology: Topology) -> Tensor:
        """Compute the outputs (V, H) where nodes do not exchange states, by torch's recurrence on the same weights."""
        zero = x.new_zeros(1, topology.num_nodes, self.hidden_channels)
        weights = self.weights()

        def kernel(piece: Tensor, state: Any) -> tuple[Tensor, Any]:
            return read(self.mode, [weights], piece, state, training=self.training)

        start = zero if self.num_parts == 1 else (zero,) * self.num_parts
        return topology.sequences.along(self.mixed_input(x, topology), kernel, start)[0]

    def mixed_input(self, x: Tensor, topology: Topology) -> Tensor:
        """Âᴸ x where the input map is a graph convolution, else x, (V, F)."""
        return mixed(x, topology.spatial, self.gates.hops if self.gates.of_input else 0)

    def step_by_step(self, x: Tensor, topology: Topology, state: NodeState | None = None) -> tuple[Tensor, NodeState]:
        """Compute the outputs (V, H) and the last state of each node, snapshot by snapshot, for any convolution.

        Args:
            x: inputs (V, F).
            topology: their rows, in the order of time.
            state: the first state of the nodes, (N, H) each; zero where not given.
        """
        terms = self.of_input(x, topology.spatial)
        if state is None:
            state = (terms.new_zeros(topology.num_nodes, self.hidden_channels),) * self.num_parts
        walk, steps = Walk.over(topology), topology.steps
        return scan(
            walk.nodes, terms.split(walk.sizes), lambda t, h: self.of_state(h, steps[t].adjacency), self.cell, state
        )

    def of_input(self, x: Tensor, adjacency: Adjacency) -> Tensor:
        """The input map, from inputs (R, F)."""
        return self._map(self.conv_x, self._reach_x, x, adjacency)

    def of_state(self, h: Tensor, adjacency: Adjacency) -> Tensor:
        """The state map, from h (R, H)."""
        return self._map(self.conv_h, self._reach_h, h, adjacency)

    def _map(self, conv: nn.Module, reach: ConvReach | None, x: Tensor, adjacency: Adjacency) -> Tensor:
        if reach is None:
            return conv(x)  # type: ignore[no-any-return]
        return convolve(conv, mixed(x, adjacency, self.gates.hops - 1), adjacency, reach=reach)

    def patterns(self, adjacency: Adjacency) -> tuple[sp.csr_array | None, sp.csr_array | None]:
        """The rows that the input map and the state map read at each row, (V, V) of ``bool``; ``None`` where linear."""
        of_input, of_state = (
            None if reach is None else _light_cone.power(reach.pattern(adjacency), self.gates.hops)
            for reach in (self._reach_x, self._reach_h)
        )
        return of_input, of_state


def _gate_reach(conv: nn.Module) -> ConvReach:
    reach = conv_reach(conv)
    if reach.is_global or reach.reads_batch:
        raise ValueError(
            f"conv: {type(conv).__name__} reads all rows of a graph, which gates do not tell it; use it in a GCN, or "
            "take a convolution over neighbours"
        )
    return reach


def mixed(x: Tensor, adjacency: Adjacency, hops: int) -> Tensor:
    """Âᴸ x, (V, F) → (V, F)."""
    if not adjacency.is_identity:
        for _ in range(hops):
            x = adjacency.normalised(x.dtype) @ x
    return x


class GatedEncoder(Encoder):
    """A stack of :class:`GatedLayer` over a dynamic graph; a node that is absent at a time keeps its state.

    A new encoder is a subclass whose constructor passes a factory of its layers; all else is here. See
    :class:`~graphseq.nn.recurrent.gcn_gru.GCNGRU`.

    Args:
        in_channels: F.
        hidden_channels: H.
        num_layers: the number of layers.
        layer: a factory of the layers, called with a layer's input channels.
        residual: add each layer's input to its output, from the second layer on.
    """

    @checked_arguments
    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        num_layers: int,
        layer: Callable[[int], GatedLayer],
        *,
        residual: bool,
    ) -> None:
        super().__init__(in_channels, hidden_channels, causal=True)
        self.num_layers, self.residual = _checks.layers("num_layers", num_layers, 1), residual
        self.layers = nn.ModuleList(layer(hidden_channels if number else in_channels) for number in range(num_layers))

    def encode(self, graph: SpaceTimeGraph, x: Tensor) -> Tensor:
        """Compute the states (V, H) from features (V, F)."""
        topology = graph.topology
        in_order = topology.sorted_by_time
        h = x if in_order is topology else x[topology.by_time]
        for number, layer in enumerate(self._stack):
            h = self._joined(number, h, layer(h, in_order))
        return h if in_order is topology else h[topology.place_in_time]

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
            >>> encoder, state = gs.nn.GCNLSTM(3, 8), None
            >>> for time in range(2):
            ...     now = torch.full((2,), time)
            ...     piece = gs.SpaceTimeGraph(torch.zeros(2, 3), torch.arange(2), now, torch.tensor([[0, 1], [1, 0]]))
            ...     out, state = encoder.run(piece, state)
        """
        topology, x = graph.topology, self._features(graph.x)
        in_order = topology.sorted_by_time
        first = gather_state(
            state, topology, sum(layer.num_parts for layer in self._stack), x.new_empty(0, self.hidden_channels)
        )
        h = x[topology.by_time]
        last: list[Tensor] = []
        for number, layer in enumerate(self._stack):
            out, parts = layer.run(h, in_order, first[len(last) : len(last) + layer.num_parts])
            h, last = self._joined(number, h, out), [*last, *parts]
        return h[topology.place_in_time], scatter_state(state, topology, tuple(last))

    @property
    def _stack(self) -> list[GatedLayer]:
        return cast("list[GatedLayer]", list(self.layers))

    def _joined(self, layer: int, x: Tensor, h: Tensor) -> Tensor:
        return x + h if self.residual and layer > 0 else h

    @checked_arguments
    def trace(self, graph: SpaceTimeGraph) -> Trace:
        """The recurrent state after each time step, (N, S): h of the last layer down to the first, then c likewise.

        With ``residual`` and several layers the output, which is then not h, comes before them.
        """
        width, num_parts = self.hidden_channels, sum(layer.num_parts for layer in self._stack)
        state_channels = width * (num_parts + self._has_separate_output)
        states, out = through_time(graph.topology, self._leaf(graph), state_channels, width, self._step)
        return Trace("step", states, out)

    @property
    def _has_separate_output(self) -> bool:
        return self.residual and self.num_layers > 1

    def _step(self, x: Tensor, state: Tensor, step: Step) -> Tensor:
        parts = state.split(self.hidden_channels, dim=1)[int(self._has_separate_output) :]
        new_parts: list[Tensor] = [x] * len(parts)
        for number, layer in enumerate(self._stack):
            columns = range(self.num_layers - 1 - number, len(parts), self.num_layers)
            terms = layer.of_input(x, step.adjacency), layer.of_state(parts[columns[0]], step.adjacency)
            new = layer.cell(*terms, *(parts[column] for column in columns))
            for column, part in zip(columns, new, strict=True):
                new_parts[column] = part
            x = self._joined(number, x, new[0])
        return torch.cat([x, *new_parts] if self._has_separate_output else new_parts, dim=1)

    @checked_arguments
    def reach(self, graph: SpaceTimeGraph, rows: Tensor) -> Tensor:
        """A light cone: L hops at the row's own time for each layer, and L more each step back, (K, V).

        It does not widen with time where only the input map is convolved; where only the state map is, it begins with
        the row itself.
        """
        rows = _checks.rows("rows", rows, graph.num_rows)
        patterns = [layer.patterns(graph.topology.spatial) for layer in self._stack]
        return _light_cone.cone(graph.topology, patterns, self.residual, rows)
