"""What recurrences whose gates read the graph have in common: their maps, their layers, their light cone."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Literal, NamedTuple, cast

import torch
from torch import Tensor, nn

from graphseq import _checks
from graphseq.data.adjacency import Adjacency
from graphseq.data.graph import SpaceTimeGraph
from graphseq.data.topology import Step, Topology
from graphseq.nn.conv import GCNConv, convolve
from graphseq.nn.encoder import Encoder
from graphseq.nn.kernels.rnn import read
from graphseq.nn.kernels.schedule import Walk, scan
from graphseq.nn.recurrent import _light_cone
from graphseq.nn.recurrent.state import RecurrentState, gather_state, scatter_state
from graphseq.nn.trace import Trace, through_time

Conv = Callable[[int, int], nn.Module]
Sides = Literal["both", "input", "state"]
Held = tuple[Tensor, ...]


class Gates(NamedTuple):
    """How the gates of a layer read the graph."""

    of_input: bool
    of_state: bool
    hops: int

    @classmethod
    def checked(cls, sides: Sides, hops: int) -> Gates:
        """The same, from what a user wrote."""
        _checks.one_of("convolve", sides, ("both", "input", "state"))
        return cls(sides != "state", sides != "input", _checks.at_least("hops", hops, 1))


class GatedLayer(nn.Module, ABC):
    """One recurrent layer: a map of the inputs and one of the states, each with a bias, and a cell that joins them.

    ``conv_x`` and ``conv_h`` hold the weights that torch's recurrences call ``weight_ih, bias_ih`` and ``weight_hh,
    bias_hh``; the side that is not convolved has an ``nn.Linear``. A subclass names the ``mode`` of torch's recurrence
    that it is without a graph.

    Args:
        in_channels: F.
        hidden_channels: H.
        num_gates: how many times H the maps give.
        num_held: how many vectors of H a node remembers, its state the first.
        gates: how they read the graph.
        conv: makes the convolutions.
    """

    mode: ClassVar[str]

    def __init__(
        self, in_channels: int, hidden_channels: int, num_gates: int, num_held: int, gates: Gates, conv: Conv
    ) -> None:
        super().__init__()
        self.hidden_channels, self.num_held, self.gates = hidden_channels, num_held, gates
        width, before = num_gates * hidden_channels, torch.get_rng_state()
        self.conv_x = (conv if gates.of_input else nn.Linear)(in_channels, width)
        self.conv_h = (conv if gates.of_state else nn.Linear)(hidden_channels, width)
        # Where what is convolved is Â x W + b and no subclass, the weights may go to a kernel for all steps.
        convolved = [each for each, is_one in zip((self.conv_x, self.conv_h), gates[:2], strict=True) if is_one]
        self.is_plain = all(type(each) is GCNConv for each in convolved)
        if gates.hops > 1 and not self.is_plain:
            raise ValueError(f"hops={gates.hops} asks for Âᴸ, which GCNConv gates have; other convolutions take hops=1")
        if self.is_plain:
            # What was drawn is thrown away, so that one seed gives this and torch's recurrence the same weights.
            torch.set_rng_state(before)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw ``GCNConv`` gates as torch's recurrences draw their own, in that order; others keep what they drew."""
        if not self.is_plain:
            return
        bound = self.hidden_channels**-0.5
        for weight in self.weights():
            if isinstance(weight, nn.Parameter):
                nn.init.uniform_(weight, -bound, bound)

    def weights(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The weights of inputs and states, and both biases, of ``GCNConv`` gates; a bias left out is zero."""
        maps: list[Any] = [self.conv_x, self.conv_h]
        w_x, w_h = (conv.lin.weight if isinstance(conv, GCNConv) else conv.weight for conv in maps)
        b_x, b_h = (w_x.new_zeros(len(w_x)) if conv.bias is None else conv.bias for conv in maps)
        return w_x, w_h, b_x, b_h

    @abstractmethod
    def cell(self, from_input: Tensor, from_state: Tensor, *held: Tensor) -> Held:
        """What a node remembers after a step."""

    def forward(self, x: Tensor, topology: Topology) -> Tensor:
        """States (V, H) from inputs (V, F), rows in the order of time; a node that is away keeps its state."""
        apart = topology.spatial.is_identity or not self.gates.of_state
        if apart and self.is_plain and self.is_torchs:
            return self.along_time(x, topology)
        return self.run(x, topology)[0]

    @property
    def is_torchs(self) -> bool:
        """Whether the cell is that of torch's kernel."""
        return True

    def run(self, x: Tensor, topology: Topology, held: Held | None = None) -> tuple[Tensor, Held]:
        """States (V, H), and what the nodes remember at last, from what they remember at first, (N, H) each."""
        return self.step_by_step(x, topology, held)

    def along_time(self, x: Tensor, topology: Topology) -> Tensor:
        """The same where states do not mix: a recurrence without a graph on these very weights."""
        zero = x.new_zeros(1, topology.num_nodes, self.hidden_channels)
        weights = self.weights()

        def kernel(piece: Tensor, held: Any) -> tuple[Tensor, Any]:
            return read(self.mode, [weights], piece, held, training=self.training)

        start = zero if self.num_held == 1 else (zero,) * self.num_held
        return topology.sequences.along(self.mixed_input(x, topology), kernel, start)[0]

    def mixed_input(self, x: Tensor, topology: Topology) -> Tensor:
        """What the weights of inputs are multiplied with, (V, F)."""
        return mixed(x, topology.spatial, self.gates.hops if self.gates.of_input else 0)

    def step_by_step(self, x: Tensor, topology: Topology, held: Held | None = None) -> tuple[Tensor, Held]:
        """States (V, H), and what the nodes remember at last: snapshot after snapshot, for every convolution.

        Args:
            x: inputs (V, F).
            topology: their rows, in the order of time.
            held: what the nodes remember at first, (N, H) each; zero where not given.
        """
        terms = self.of_input(x, topology.spatial)
        if held is None:
            held = (terms.new_zeros(topology.num_nodes, self.hidden_channels),) * self.num_held
        walk, steps = Walk.over(topology), topology.steps
        return scan(
            walk.nodes, terms.split(walk.sizes), lambda t, h: self.of_state(h, steps[t].adjacency), self.cell, held
        )

    def of_input(self, x: Tensor, adjacency: Adjacency) -> Tensor:
        """What inputs (R, F) add to the gates."""
        return self._map(self.conv_x, x, adjacency if self.gates.of_input else None)

    def of_state(self, h: Tensor, adjacency: Adjacency) -> Tensor:
        """What states (R, H) add to the gates."""
        return self._map(self.conv_h, h, adjacency if self.gates.of_state else None)

    def _map(self, conv: nn.Module, x: Tensor, adjacency: Adjacency | None) -> Tensor:
        if adjacency is None:
            return conv(x)  # type: ignore[no-any-return]
        return convolve(conv, mixed(x, adjacency, self.gates.hops - 1), adjacency)


def mixed(x: Tensor, adjacency: Adjacency, hops: int) -> Tensor:
    """Âᴸ x, (V, F) → (V, F)."""
    if not adjacency.is_identity:
        for _ in range(hops):
            x = adjacency.normalised(x.dtype) @ x
    return x


class GatedEncoder(Encoder):
    """Layers of one kind, one upon the other, over a graph that changes; a node that is away keeps its state.

    Args:
        in_channels: F.
        hidden_channels: H.
        num_layers: how many.
        layer: makes one, given its input channels.
        residual: add each layer's input to its states, from the second layer on.
    """

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
        self.num_layers, self.residual = _checks.at_least("num_layers", num_layers, 1), residual
        self.layers = nn.ModuleList(layer(hidden_channels if number else in_channels) for number in range(num_layers))

    def encode(self, graph: SpaceTimeGraph, x: Tensor) -> Tensor:
        """States (V, H) from features (V, F)."""
        topology = graph.topology
        in_order = topology.sorted_by_time
        h = x if in_order is topology else x[topology.by_time]
        for number, layer in enumerate(self._stack):
            h = self._joined(number, h, layer(h, in_order))
        return h if in_order is topology else h[topology.place_in_time]

    def run(self, graph: SpaceTimeGraph, memory: RecurrentState | None = None) -> tuple[Tensor, RecurrentState]:
        """States (V, H) of a piece of a stream, and what is remembered for the next: together, one long pass.

        Args:
            graph: the piece, its times all after those of the pieces before; nodes are known by their numbers.
            memory: what the piece before returned; ``None`` at the beginning.

        Raises:
            ValueError: a memory of another encoder, or of a later time.

        Example:
            >>> import graphseq as gs, torch
            >>> encoder, memory = gs.nn.GCNLSTM(3, 8), None
            >>> for time in range(2):
            ...     now = torch.full((2,), time)
            ...     piece = gs.SpaceTimeGraph(torch.zeros(2, 3), torch.arange(2), now, torch.tensor([[0, 1], [1, 0]]))
            ...     states, memory = encoder.run(piece, memory)
        """
        topology, x = graph.topology, self._features(graph.x)
        in_order = topology.sorted_by_time
        first = gather_state(
            memory, topology, sum(layer.num_held for layer in self._stack), x.new_empty(0, self.hidden_channels)
        )
        h = x[topology.by_time]
        last: list[Tensor] = []
        for number, layer in enumerate(self._stack):
            out, held = layer.run(h, in_order, first[len(last) : len(last) + layer.num_held])
            h, last = self._joined(number, h, out), [*last, *held]
        return h[topology.place_in_time], scatter_state(memory, topology, tuple(last))

    @property
    def _stack(self) -> list[GatedLayer]:
        return cast("list[GatedLayer]", list(self.layers))

    def _joined(self, layer: int, x: Tensor, h: Tensor) -> Tensor:
        return x + h if self.residual and layer > 0 else h

    def trace(self, graph: SpaceTimeGraph) -> Trace:
        """What each node remembers after each step: h of the last layer down to the first, then c likewise, (N, S).

        Where ``residual`` makes the output another than h, it stands before them.
        """
        width, held = self.hidden_channels, sum(layer.num_held for layer in self._stack)
        memory = width * (held + self._has_output_of_its_own)
        states, out = through_time(graph.topology, self._cut(graph), memory, width, self._step)
        return Trace("step", states, out)

    @property
    def _has_output_of_its_own(self) -> bool:
        return self.residual and self.num_layers > 1

    def _step(self, x: Tensor, memory: Tensor, step: Step) -> Tensor:
        held = memory.split(self.hidden_channels, dim=1)[int(self._has_output_of_its_own) :]
        after: list[Tensor] = [x] * len(held)
        for number, layer in enumerate(self._stack):
            places = range(self.num_layers - 1 - number, len(held), self.num_layers)
            terms = layer.of_input(x, step.adjacency), layer.of_state(held[places[0]], step.adjacency)
            new = layer.cell(*terms, *(held[place] for place in places))
            for place, part in zip(places, new, strict=True):
                after[place] = part
            x = self._joined(number, x, new[0])
        return torch.cat([x, *after] if self._has_output_of_its_own else after, dim=1)

    def reach(self, graph: SpaceTimeGraph, rows: Tensor) -> Tensor:
        """A light cone: L hops at the row's own time for each layer, and L more each step back, (K, V).

        Where inputs alone are convolved it does not widen with time; where states alone are, the row itself begins it.
        """
        gates = self._stack[0].gates
        space = _light_cone.power(graph.topology.spatial.pattern, gates.hops)
        return _light_cone.cone(
            graph.topology, space, gates.of_input, gates.of_state, self.num_layers, self.residual, rows
        )
