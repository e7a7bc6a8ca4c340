"""Which way the edges of a static graph lead: both ways, or towards the rows that are asked."""

from __future__ import annotations

import torch
from torch import Tensor
from torch_geometric import utils

from graphseq.data.graph import SpaceTimeGraph
from graphseq.data.hops import shortest_paths
from graphseq.data.topology import Topology


def to_undirected(graph: SpaceTimeGraph) -> SpaceTimeGraph:
    """Read every spatial edge as leading both ways.

    Each edge is there once in each direction; edges that were doubled, or there in both directions, become one pair,
    which has the mean of their weights.

    Args:
        graph: any graph or batch.

    Returns:
        The same data over more edges, rows and all else as they were. Its topology is derived once from that of
        ``graph`` and kept with it. It can stand as ``transform`` of a :class:`graphseq.nn.Model`.

    Example:
        >>> import graphseq as gs, networkx as nx
        >>> to_undirected(gs.from_graph(nx.DiGraph([(0, 1), (2, 1)]))).edge_index.tolist()
        [[0, 1, 1, 2], [1, 0, 2, 1]]
    """
    return graph.replace(topology=_both_ways(graph.topology))


def root_at_targets(graph: SpaceTimeGraph) -> SpaceTimeGraph:
    r"""Read static graphs as directed acyclic ones that lead to the rows asked: a copy of its graph for each of them.

    .. math:: u \to v \quad \text{where } \{u, v\} \text{ is an edge, whichever way it led, and } d(u) = d(v) + 1

    with d the hops to the row asked. Of a tree that is all edges, turned so that this row is the root: a recurrence on
    directed acyclic graphs then reads the whole tree from its leaves to where the answer is. Of other graphs, edges
    between rows equally far away are left out, and so are rows that no way leads from.

    Args:
        graph: one static graph or a batch of them.

    Returns:
        For each of the K rows asked the rows of its graph, with ``y`` as it was and the targets in their old order. Its
        topology is derived once from that of ``graph`` and kept with it. It can stand as ``transform`` of a
        :class:`graphseq.nn.Model`.

    Raises:
        ValueError: a graph with nodes at several times, or no row asked.

    Example:
        >>> import graphseq as gs, networkx as nx
        >>> target = torch.tensor([True, False, True])
        >>> turned = root_at_targets(gs.from_graph(nx.path_graph(3), x=torch.arange(3), target=target))
        >>> turned.x.tolist(), turned.edge_index.tolist()
        ([0, 1, 2, 0, 1, 2], [[1, 2, 3, 4], [0, 1, 4, 5]])
    """
    old, asked = graph.topology, graph.target_rows
    if old.temporal_edges.shape[1]:
        raise ValueError(
            f"root_at_targets reads static graphs, but node {int(graph.node[old.temporal_edges[0, 0]])} is there at "
            "several times; turn one snapshot: from_graph(graph.snapshot(time))"
        )
    if not len(asked):
        raise ValueError(
            "root_at_targets points edges at the target rows, but there is none; mark at least one in target"
        )
    key = ("root_at_targets", asked.cpu().numpy().tobytes())
    topology, origin, root = old.keep(key, lambda: _turned(old, asked))
    return graph.replace_rows(topology, origin, root)


def _both_ways(old: Topology) -> Topology:
    return old.keep("to_undirected", lambda: _made_both_ways(old))


def _made_both_ways(old: Topology) -> Topology:
    if old.static_edge_index is not None:
        static = _pairs(old.static_edge_index, old.static_edge_weight)
        return Topology(old.node, old.time, static_edge_index=static[0], static_edge_weight=static[1])
    if old.edge_index is None:
        return old
    return Topology(old.node, old.time, *_pairs(old.edge_index, old.edge_weight))


def _pairs(index: Tensor, weight: Tensor | None) -> tuple[Tensor, Tensor | None]:
    if weight is None:
        return utils.to_undirected(index), None
    both: tuple[Tensor, Tensor] = utils.to_undirected(index, weight, reduce="mean")
    return both


def _turned(old: Topology, asked: Tensor) -> tuple[Topology, Tensor, Tensor]:
    """The copies side by side, the old row behind each new one, and which new rows are asked."""
    both = _both_ways(old).spatial
    source, target = both.edge_index
    hops = shortest_paths(both.pattern, asked).to(asked.device)
    near = hops >= 0
    copy, origin = near.nonzero().t()
    place = near.flatten().cumsum(0).view_as(near) - 1
    at, edge = (near[:, target] & (hops[:, source] == hops[:, target] + 1)).nonzero().t()
    index = torch.stack([place[at, source[edge]], place[at, target[edge]]])
    weight = None if both.edge_weight is None else both.edge_weight[edge]
    node = torch.arange(len(origin), device=origin.device)
    return Topology(node, old.time[origin], index, weight), origin, origin == asked[copy]
