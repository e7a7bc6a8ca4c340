"""Small random graphs, and what the tests of several modules measure on them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch_geometric.data import Batch

from graphseq import SpaceTimeGraph


def draw(
    seed: int,
    *,
    nodes: int = 4,
    times: int = 4,
    directed: bool = False,
    weighted: bool = False,
    channels: int = 2,
    dtype: torch.dtype = torch.float64,
) -> SpaceTimeGraph:
    """A graph in which nodes and edges come and go, at uneven times, its rows and nodes in no order."""
    g = torch.Generator().manual_seed(seed)
    there = torch.rand(times, nodes, generator=g) < 0.7
    there[0, 0] = True
    moment, node = there.nonzero().t()
    shuffled = torch.randperm(len(node), generator=g)
    moment, node = moment[shuffled], node[shuffled]
    when = torch.randint(1, 4, (times,), generator=g).cumsum(0)
    rows = torch.arange(len(node))
    same = (moment[:, None] == moment) & (rows[:, None] != rows)
    chosen = same & (torch.rand(len(node), len(node), generator=g) < 0.4)
    if not directed:
        chosen = chosen | chosen.t()
    index = chosen.nonzero().t()
    weight = torch.rand(len(node), len(node), generator=g, dtype=dtype) + 0.5
    weight = weight if directed else weight + weight.t()
    return SpaceTimeGraph(
        torch.randn(len(node), channels, generator=g, dtype=dtype),
        torch.randperm(nodes, generator=g)[node],
        when[moment],
        index,
        weight[index[0], index[1]] if weighted else None,
    )


def sequence(seed: int, length: int, channels: int = 2, dtype: torch.dtype = torch.float64) -> SpaceTimeGraph:
    """A random sequence."""
    x = torch.randn(length, channels, generator=torch.Generator().manual_seed(seed), dtype=dtype)
    rows = torch.arange(length)
    return SpaceTimeGraph(x, torch.zeros_like(rows), rows)


def join(graphs: list[SpaceTimeGraph]) -> SpaceTimeGraph:
    """PyG's batch of ``graphs``."""
    return Batch.from_data_list(graphs)  # type: ignore[no-any-return]


def with_x(graph: SpaceTimeGraph, x: Tensor) -> SpaceTimeGraph:
    """``graph`` with other features."""
    return graph.replace(x=x)


def renumbered(graph: SpaceTimeGraph, seed: int) -> tuple[SpaceTimeGraph, Tensor]:
    """The same graph, its rows listed and its nodes numbered in another order, and the old row behind each new one."""
    g = torch.Generator().manual_seed(seed)
    old = torch.randperm(graph.num_nodes, generator=g)
    new = old.argsort()
    name = torch.randperm(int(graph.node.max()) + 1, generator=g)
    spatial = graph.topology.spatial
    return SpaceTimeGraph(
        graph.x[old], name[graph.node[old]], graph.time[old], new[spatial.edge_index], spatial.edge_weight
    ), old


def seen(function: Callable[[SpaceTimeGraph], Tensor], graph: SpaceTimeGraph) -> Tensor:
    """Where the Jacobian of ``function`` in the features of ``graph`` is not exactly zero: outputs × rows.

    One backward pass an output, in a random direction of its channels, in which no sum cancels.
    """
    x = graph.x.clone().requires_grad_()
    out = function(with_x(graph, x))
    direction = torch.randn(out.shape[1], dtype=out.dtype, generator=torch.Generator().manual_seed(0))
    rows = [torch.autograd.grad(state @ direction, x, retain_graph=True)[0].abs().sum(1) > 0 for state in out]
    return torch.stack(rows)
