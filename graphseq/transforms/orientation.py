"""Directions of the edges of a static graph: both ways, or towards the target rows."""

from __future__ import annotations

import torch
from torch import Tensor
from torch_geometric import utils

from graphseq._arguments import checked_arguments
from graphseq.data.graph import SpaceTimeGraph
from graphseq.data.hops import shortest_paths
from graphseq.data.topology import Topology


@checked_arguments
def to_undirected(graph: SpaceTimeGraph) -> SpaceTimeGraph:
    """Return the graph with every spatial edge in both directions.

    Each edge occurs once in each direction; parallel edges, and edges that already had both directions, become one pair
    with their mean weight and mean features.

    Args:
        graph: any graph or batch.

    Returns:
        The same data with more edges; all attributes of rows stay. The topology is derived once and kept with that of
        ``graph``. Can be used as ``transform`` of a :class:`graphseq.nn.Model`.

    Example:
        >>> import graphseq as gs, networkx as nx
        >>> to_undirected(gs.from_graph(nx.DiGraph([(0, 1), (2, 1)]))).edge_index.tolist()
        [[0, 1, 1, 2], [1, 0, 2, 1]]
    """
    return graph.replace(topology=_both_ways(graph.topology))


@checked_arguments
def root_at_targets(graph: SpaceTimeGraph) -> SpaceTimeGraph:
    r"""Read static graphs as directed acyclic graphs that lead to the target rows, one copy for each of them.

    .. math:: u \to v \quad \text{where } \{u, v\} \text{ is an edge in either direction, and } d(u) = d(v) + 1

    with d the hops to the target row. In a tree these are all edges, directed so that the target row is the root: a
    recurrence on directed acyclic graphs then reads the whole tree from its leaves to the target. In other graphs,
    edges between rows at the same distance are removed, and so are rows without a path to the target.

    Args:
        graph: one static graph or a batch of them.

    Returns:
        The rows of its graph for each of the K target rows, with targets and ``y`` in the same order; attributes of
        rows follow their rows. The topology is derived once and kept with that of ``graph``. Can be used as
        ``transform`` of a :class:`graphseq.nn.Model`.

    Raises:
        ValueError: a graph with nodes at several times, no target row, or ``edge_label_index`` with other rows.

    Example:
        >>> import graphseq as gs, networkx as nx
        >>> target = torch.tensor([True, False, True])
        >>> turned = root_at_targets(gs.from_graph(nx.path_graph(3), x=torch.arange(3), target=target))
        >>> turned.x.tolist(), turned.edge_index.tolist()
        ([0, 1, 2, 0, 1, 2], [[1, 2, 3, 4], [0, 1, 4, 5]])
    """
    old, targets = graph.topology, graph.target_rows
    if old.temporal_edges.shape[1]:
        raise ValueError(
            f"root_at_targets reads static graphs, but node {int(graph.node[old.temporal_edges[0, 0]])} is there at "
            "several times; take one snapshot: from_graph(graph.snapshot(time))"
        )
    if not len(targets):
        raise ValueError(
            "root_at_targets points edges at the target rows, but there is none; mark at least one in target"
        )
    key = ("root_at_targets", targets.cpu().numpy().tobytes())
    topology, origin, root = old.keep(key, lambda: _turned(old, targets))
    return graph._over(topology, origin, root)


def _both_ways(old: Topology) -> Topology:
    return old.keep("to_undirected", lambda: _made_both_ways(old))


def _made_both_ways(old: Topology) -> Topology:
    if old.static_edge_index is not None:
        static, weight, attr = _pairs(old.static_edge_index, old.static_edge_weight, old.static_edge_attr)
        return Topology(old.node, old.time, None, None, static, weight, static_edge_attr=attr)
    if old.edge_index is None:
        return old
    index, weight, attr = _pairs(old.edge_index, old.edge_weight, old.edge_attr)
    return Topology(old.node, old.time, index, weight, edge_attr=attr)


def _pairs(index: Tensor, weight: Tensor | None, attr: Tensor | None) -> tuple[Tensor, Tensor | None, Tensor | None]:
    both, merged = utils.to_undirected(index, [part for part in (weight, attr) if part is not None], reduce="mean")
    weight, attr = (None if part is None else merged.pop(0) for part in (weight, attr))
    return both, weight, attr


def _turned(old: Topology, targets: Tensor) -> tuple[Topology, Tensor, Tensor]:
    """Return the copies as one topology, the old row behind each new one, and the mark of the new target rows."""
    both = _both_ways(old).spatial
    source, target = both.edge_index
    hops = shortest_paths(both.pattern, targets).to(targets.device)
    is_reached = hops >= 0
    copy_of_row, origin = is_reached.nonzero().t()
    new_row = is_reached.flatten().cumsum(0).view_as(is_reached) - 1
    copy_of_edge, edge = (is_reached[:, target] & (hops[:, source] == hops[:, target] + 1)).nonzero().t()
    index = torch.stack([new_row[copy_of_edge, source[edge]], new_row[copy_of_edge, target[edge]]])
    weight, attr = (None if values is None else values[edge] for values in (both.edge_weight, both.edge_attr))
    node = torch.arange(len(origin), device=origin.device)
    turned = Topology(node, old.time[origin], index, weight, edge_attr=attr)
    return turned, origin, origin == targets[copy_of_row]
