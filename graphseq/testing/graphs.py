"""Small random graphs on which encoders are checked, and measurements on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import networkx as nx
import torch
from torch import Tensor
from torch_geometric.data import Batch

from graphseq import _checks
from graphseq._arguments import check_fields, checked_arguments
from graphseq.data.constructors import from_graph, from_signal
from graphseq.data.graph import SpaceTimeGraph
from graphseq.data.topology import Topology
from graphseq.transforms.growing import grow

_MOST = 10_000  # nodes or times
CHANNELS = 2  # input features of every graph here, unless it is asked for others


def random_graph(
    seed: int,
    *,
    nodes: int = 4,
    times: int = 4,
    directed: bool = False,
    weighted: bool = False,
    channels: int = CHANNELS,
    dtype: torch.dtype = torch.float64,
) -> SpaceTimeGraph:
    """A graph in which nodes and edges come and go, at uneven times, its rows and nodes in no order."""
    generator = torch.Generator().manual_seed(_checks.torch_seed("seed", seed))
    nodes, times = _checks.at_least("nodes", nodes, 1, _MOST), _checks.at_least("times", times, 1, _MOST)
    present = torch.rand(times, nodes, generator=generator) < 0.7
    present[0, 0] = True
    moment, node = present.nonzero().t()
    order = torch.randperm(len(node), generator=generator)
    moment, node = moment[order], node[order]
    when = torch.randint(1, 4, (times,), generator=generator).cumsum(0)
    rows = torch.arange(len(node))
    joinable = (moment[:, None] == moment) & (rows[:, None] != rows)
    joined = joinable & (torch.rand(len(node), len(node), generator=generator) < 0.4)
    if not directed:
        joined = joined | joined.t()
    edge_index = joined.nonzero().t()
    weight = torch.rand(len(node), len(node), generator=generator, dtype=dtype) + 0.5
    weight = weight if directed else weight + weight.t()
    return SpaceTimeGraph(
        torch.randn(len(node), channels, generator=generator, dtype=dtype),
        torch.randperm(nodes, generator=generator)[node],
        when[moment],
        edge_index,
        weight[edge_index[0], edge_index[1]] if weighted else None,
    )


def random_sequence(
    seed: int, length: int, channels: int = CHANNELS, dtype: torch.dtype = torch.float64
) -> SpaceTimeGraph:
    """A sequence of ``length`` rows of Gaussian features."""
    length, seed = _checks.at_least("length", length, 0, _MOST**2), _checks.torch_seed("seed", seed)
    x = torch.randn(length, channels, generator=torch.Generator().manual_seed(seed), dtype=dtype)
    rows = torch.arange(length)
    return SpaceTimeGraph(x, torch.zeros_like(rows), rows)


def join(graphs: Sequence[SpaceTimeGraph]) -> SpaceTimeGraph:
    """PyG's batch of ``graphs``."""
    batch: SpaceTimeGraph = Batch.from_data_list(list(graphs))
    return batch


def with_features(graph: SpaceTimeGraph, x: Tensor) -> SpaceTimeGraph:
    """``graph`` with other features."""
    return graph.replace(x=x)


def renumbered(graph: SpaceTimeGraph, seed: int) -> tuple[SpaceTimeGraph, Tensor]:
    """``graph``, its rows listed and its nodes numbered in another order, and the old row behind each new one."""
    generator = torch.Generator().manual_seed(seed)
    old = torch.randperm(graph.num_nodes, generator=generator)
    new = old.argsort()
    name = torch.randperm(int(graph.node.max()) + 1, generator=generator)
    spatial = graph.topology.spatial
    node, time = name[graph.node[old]], graph.time[old]
    weight, attr = spatial.edge_weight, spatial.edge_attr
    return SpaceTimeGraph(graph.x[old], node, time, new[spatial.edge_index], weight, edge_attr=attr), old


def jacobian_pattern(function: Callable[[SpaceTimeGraph], Tensor], graph: SpaceTimeGraph) -> Tensor:
    """The pattern of the Jacobian of ``function`` in the features of ``graph``, true where it is not 0: (outputs, V).

    One backward pass an output, in a random direction of its channels, in which no sum cancels.
    """
    x = graph.x.clone().requires_grad_()
    out = function(with_features(graph, x))
    direction = torch.randn(out.shape[1], dtype=out.dtype, generator=torch.Generator().manual_seed(0))
    if not out.requires_grad:  # it depends on nothing
        return torch.zeros(len(out), len(x), dtype=torch.bool)
    gradients = [torch.autograd.grad(row @ direction, x, retain_graph=True, materialize_grads=True)[0] for row in out]
    return torch.stack([gradient.abs().sum(1) > 0 for gradient in gradients])


@dataclass(frozen=True)
class Graphs:
    """The graphs on which an encoder is checked.

    Made by :func:`graphseq.testing.check_encoder`.

    Attributes:
        acyclic: keep only those spatial edges that lead to a row of a larger number, for encoders that read directed
            acyclic graphs alone.
        edge_channels: D, features of each edge, for encoders that read them; with 0 edges have none.
    """

    acyclic: bool = False
    edge_channels: int = 0

    def __post_init__(self) -> None:
        check_fields(self)

    @checked_arguments
    def random(self, seed: int, *, nodes: int = 4, times: int = 4, directed: bool = False) -> SpaceTimeGraph:
        """A :func:`random_graph`."""
        return self._allowed(random_graph(seed, nodes=nodes, times=times, directed=directed))

    @checked_arguments
    def directed(self, seed: int) -> SpaceTimeGraph:
        """A :func:`random_graph` with directed edges."""
        return self.random(seed, directed=True)

    @checked_arguments
    def sequence(self, seed: int, length: int = 7) -> SpaceTimeGraph:
        """A :func:`random_sequence`."""
        return self.completed(random_sequence(seed, length))

    @checked_arguments
    def static(self, seed: int) -> SpaceTimeGraph:
        """Six nodes at one time; with directed edges where the seed is odd."""
        seed = _checks.torch_seed("seed", seed)
        graph = nx.gnp_random_graph(6, 0.4, seed=seed, directed=bool(seed % 2))
        return self._allowed(from_graph(graph, x=_noise(6, seed=seed)))

    @checked_arguments
    def signal(self, seed: int) -> SpaceTimeGraph:
        """Six nodes at three times, over the same edges at each."""
        seed = _checks.torch_seed("seed", seed)
        return self.completed(from_signal(_noise(3, 6, seed=seed), self.static(seed).edge_index))

    def several(self) -> list[SpaceTimeGraph]:
        """Four graphs of different sizes."""
        return [
            self.random(1),
            self.random(2, nodes=1, times=1),
            self.random(3, nodes=2, times=6),
            self.random(4, directed=True),
        ]

    @checked_arguments
    def grow(self, graph: SpaceTimeGraph) -> SpaceTimeGraph:
        """A sequence as a graph to which a node and an edge are added at each step."""
        return self._allowed(grow(graph), is_grown=True)

    @checked_arguments
    def completed(self, graph: SpaceTimeGraph) -> SpaceTimeGraph:
        """The same graph with features of its edges, where they are to have any."""
        return self._with_features(graph, is_constant=False)

    def _with_features(self, graph: SpaceTimeGraph, *, is_constant: bool) -> SpaceTimeGraph:
        if not self.edge_channels:
            return graph
        old = graph.topology
        static, index = old.static_edge_index, old.edge_index
        index = old.node.new_zeros((2, 0)) if static is None and index is None else index
        count = (index if static is None else static).shape[1]  # type: ignore[union-attr]
        generator = torch.Generator().manual_seed(count)
        attr = torch.rand(count, self.edge_channels, dtype=torch.float64, generator=generator) + 0.5
        if is_constant:  # the edges of a batch that grows are in another order than those of each graph
            attr = torch.linspace(0.5, 1, self.edge_channels, dtype=torch.float64).expand(count, -1).contiguous()
        of_rows, of_nodes = (attr, None) if static is None else (None, attr)
        weights = old.edge_weight, static, old.static_edge_weight
        return graph.replace(topology=Topology(old.node, old.time, index, *weights, of_rows, of_nodes))

    def _allowed(self, graph: SpaceTimeGraph, *, is_grown: bool = False) -> SpaceTimeGraph:
        return self._with_features(self._upwards(graph) if self.acyclic else graph, is_constant=is_grown)

    def _upwards(self, graph: SpaceTimeGraph) -> SpaceTimeGraph:
        spatial = graph.topology.spatial
        edge_index, weight, attr = spatial.edge_index, spatial.edge_weight, spatial.edge_attr
        upwards = edge_index[0] < edge_index[1]
        weight, attr = (None if values is None else values[upwards] for values in (weight, attr))
        topology = Topology(graph.node, graph.time, edge_index[:, upwards], weight, edge_attr=attr)
        return SpaceTimeGraph.from_topology(
            topology, graph.x, y=graph.get("y"), target=graph.get("target"), batch=graph.get("batch")
        )


def _noise(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, CHANNELS, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
