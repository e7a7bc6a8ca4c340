"""Random connected graphs of a given depth, drawn many at a time."""

from __future__ import annotations

import torch
from torch import Tensor

from graphseq import _checks
from graphseq.data.graph import SpaceTimeGraph
from graphseq.data.topology import Topology


def draw_layers(size: int, num_nodes: int, last: int, generator: torch.Generator, *, ends: bool) -> Tensor:
    """Return random layers 0 … ``last`` of the nodes, (B, N), none empty, with one node in layer 0.

    Args:
        size: B.
        num_nodes: N, at least ``last`` + 1.
        last: the highest layer.
        generator: source of randomness.
        ends: give the last layer one node only, too.
    """
    further = torch.randint(1, last if ends else last + 1, (size, num_nodes - last - 1), generator=generator)
    layers = torch.cat([torch.arange(last + 1).expand(size, -1), further], dim=1)
    return layers.gather(1, torch.rand(size, num_nodes, generator=generator).argsort(dim=1))


def draw_edges(layer: Tensor, density: float, generator: torch.Generator, *, ends: bool) -> Tensor:
    """Return random undirected edges, (B, N, N), ``bool``: each node has one to the layer below, none skips one.

    So a node of layer l is l hops from the node of layer 0.

    Args:
        layer: layers from :func:`draw_layers`, (B, N).
        density: probability of a further edge between two nodes of one layer or of two adjacent ones.
        generator: source of randomness.
        ends: give each node an edge to the layer above it, too, except in the last layer.
    """
    shape = (*layer.shape, layer.shape[1])
    up = layer[:, None, :] - layer[:, :, None]
    edges = (torch.rand(shape, generator=generator) < density).triu(1) & (up.abs() <= 1)
    for step in (-1, 1) if ends else (-1,):
        chosen = torch.where(up == step, torch.rand(shape, generator=generator), -1).argmax(dim=2, keepdim=True)
        edges |= torch.zeros_like(edges).scatter_(2, chosen, up.gather(2, chosen) == step)
    return edges | edges.mT


def assemble(edges: Tensor, x: Tensor, y: Tensor, target: Tensor) -> SpaceTimeGraph:
    """Return graphs as a batch, as PyG's ``Batch`` joins them.

    Args:
        edges: (B, N, N), ``bool``.
        x: (B, N, F).
        y: answers of the target rows in their order, (K, …).
        target: (B, N), ``bool``.
    """
    size, nodes = target.shape
    graph, source, reader = edges.nonzero().t()
    rows = torch.arange(size * nodes)
    topology = Topology(rows, torch.zeros_like(rows), torch.stack([source, reader]) + graph * nodes)
    return SpaceTimeGraph.from_topology(topology, x.flatten(0, 1), y=y, target=target.flatten(), batch=rows // nodes)


def edges_of(graph: SpaceTimeGraph, num_nodes: int) -> Tensor:
    """Return the edges of a batch from :func:`assemble`, (B, N, N), ``bool``."""
    source, reader = graph.edge_index
    edges = torch.zeros(graph.num_graphs, num_nodes, num_nodes, dtype=torch.bool, device=source.device)
    edges[source // num_nodes, source % num_nodes, reader % num_nodes] = True
    return edges


def checked(length: object, num_nodes: object, density: object) -> tuple[int, int, float]:
    """Return the parameters of the graphs, or raise if they are invalid."""
    length = _checks.at_least("length", length, 3)
    nodes = 2 * length if num_nodes is None else _checks.at_least("num_nodes", num_nodes, length)
    return length, nodes, _checks.between("density", density, 0, 1)


def checked_tolerance(tolerance: object) -> float:
    """Return the tolerance of an answer in hops, or raise if it is invalid."""
    if (value := _checks.positive("tolerance", tolerance)) > 0.5:
        raise ValueError(f"tolerance must be at most 0.5, or two distances would count as one; got {value}")
    return value
