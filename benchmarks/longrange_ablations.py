"""The min-plus layer with one of its parts taken away, and a recurrence that is aligned with nothing."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

import graphseq as gs
from graphseq.data.graph import SpaceTimeGraph
from graphseq.nn.convolutional.closure import Closure
from graphseq.nn.convolutional.layered import LayerStack, ball
from graphseq.nn.convolutional.min_plus import MinPlusLayer
from graphseq.nn.convolutional.relaxation import Edges, edges_of

STEPS = 40  # of what does not stop by itself: the largest diameter of training


def reduced(values: Tensor, edges: Edges, how: str) -> Tensor:
    """Values (V, H) of the rows that each row reads, reduced by "amin", "amax" or "mean"; its own where it has none."""
    index = edges.reader[:, None].expand(-1, values.shape[1])
    return values.scatter_reduce(0, index, values.index_select(0, edges.source), how, include_self=how != "mean")


class FixedDepth(MinPlusLayer):
    """16 steps, whatever the graph."""

    steps = 16

    def relaxed(self, potential: Tensor, edges: Edges) -> Tensor:
        """The potentials after as many steps."""
        return self.after(potential, self.log_cost.exp(), edges)

    def lowest(self, potential: Tensor, edges: Edges, paths: Closure) -> Tensor:
        """The lowest potential within as many hops."""
        return self.after(potential, torch.zeros_like(self.log_cost), edges)

    def after(self, value: Tensor, cost: Tensor, edges: Edges) -> Tensor:
        """Relax for a number of steps."""
        for _ in range(self.steps):
            value = torch.minimum(value, reduced(value + cost, edges, "amin"))
        return value


class OwnCosts(MinPlusLayer):
    """A cost of its own at each of 40 steps, in place of one that all share."""

    def __init__(self, channels: int, groups: int, mean: bool) -> None:
        super().__init__(channels, groups, mean)
        self.log_cost = nn.Parameter(self.log_cost.detach().repeat(STEPS, 1) + torch.randn(STEPS, 1))

    def relaxed(self, potential: Tensor, edges: Edges) -> Tensor:
        """The potentials after 40 steps."""
        for cost in self.log_cost.exp():
            potential = torch.minimum(potential, reduced(potential + cost, edges, "amin"))
        return potential


class NoMinimum(MinPlusLayer):
    """40 steps of a mean over neighbours and the row itself, in place of a minimum; and the mean of all rows."""

    def relaxed(self, potential: Tensor, edges: Edges) -> Tensor:
        """The potentials after 40 steps."""
        gain, mixed = self.log_gain.exp(), self.log_cost.exp().clamp(max=1)
        value = potential / gain
        for _ in range(STEPS):
            value = value + 16 * mixed * (reduced(value, edges, "mean") - value)
        return value

    def lowest(self, potential: Tensor, edges: Edges, paths: Closure) -> Tensor:
        """The mean of the potentials, subtracted from the states after 40 steps."""
        return paths.mean(potential / self.log_gain.exp())


class ReluReading(MinPlusLayer):
    """A network with one hidden layer of ReLUs that reads the distances, in place of a linear map."""

    def __init__(self, channels: int, groups: int, mean: bool) -> None:
        super().__init__(channels, groups, mean)
        self.read = nn.Sequential(self.read, nn.ReLU(), nn.Linear(channels, channels))


class SmallGains(MinPlusLayer):
    """Gains of 1 to 8, so that many rows win, each in its surroundings."""

    def __init__(self, channels: int, groups: int, mean: bool) -> None:
        super().__init__(channels, groups, mean)
        self.log_gain = nn.Parameter(torch.linspace(0, math.log(8), channels))


class Recurrence(LayerStack):
    """A GRU over 40 steps of depth, one cell for all, that reads minima, maxima and means over neighbours.

    Its parts are general: nothing says that hops are counted, and the cell saturates.
    """

    def __init__(self, in_channels: int, hidden_channels: int) -> None:
        super().__init__(in_channels, hidden_channels, STEPS, causal=False)
        self.lin = nn.Linear(in_channels, hidden_channels)
        self.cell = nn.GRUCell(3 * hidden_channels, hidden_channels)

    def layers(self, graph: SpaceTimeGraph, x: Tensor) -> Iterator[Tensor]:
        """Yield the states after each step."""
        edges = graph.topology.keep("recurrence edges", lambda: edges_of(graph.topology.spacetime(), 0))
        h = self.lin(x).tanh()
        for _ in range(self.num_layers):
            h = self.cell(torch.cat([reduced(h, edges, how) for how in ("amin", "amax", "mean")], dim=1), h)
            yield h

    def reach(self, graph: SpaceTimeGraph, rows: Tensor) -> Tensor:
        """Rows within 40 hops."""
        return ball(graph, rows, self.num_layers, causal=False)


def ablated(layer: type[MinPlusLayer]) -> Callable[[int, int, int], gs.nn.Encoder]:
    """The factory of an encoder with other layers."""

    def build(in_channels: int, hidden_channels: int, num_layers: int) -> gs.nn.Encoder:
        encoder = gs.nn.MinPlusGCN(in_channels, hidden_channels, num_layers, mean=False)
        encoder.blocks = nn.ModuleList(layer(hidden_channels, encoder.groups, False) for _ in range(num_layers))
        return encoder

    return build
