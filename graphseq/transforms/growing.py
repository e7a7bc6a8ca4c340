"""Growing graphs: sequences and static graphs read as graphs over time, to which a node is added at each step."""

from __future__ import annotations

import torch
from torch import Tensor

from graphseq._arguments import checked_arguments
from graphseq.data.graph import SpaceTimeGraph
from graphseq.data.topology import Topology


@checked_arguments
def grow(graph: SpaceTimeGraph) -> SpaceTimeGraph:
    r"""Read sequences as growing graphs: at each step a node is added, with an edge to the one before it.

    Row p of a sequence of T rows becomes node p at the times p, p + 1, …, T - 1, with the same features at all of them,
    which makes T (T + 1) / 2 rows. The target row p becomes node p at time p, so no later row can change its output.

    Args:
        graph: one sequence or a batch of them, of any lengths, without spatial edges.

    Returns:
        The same data as dynamic graphs, with targets and ``y`` in the same order; attributes of rows follow their rows.
        The topology is derived once and kept with that of ``graph``.

    Raises:
        ValueError: ``graph`` has spatial edges, or several nodes in one graph.

    Example:
        >>> import graphseq as gs, torch
        >>> grown = grow(gs.from_sequence(torch.tensor([7, 8, 9])))
        >>> grown.to_dense().present.long().tolist()
        [[1, 0, 0], [1, 1, 0], [1, 1, 1]]
    """
    old = graph.topology
    if not old.spatial.is_identity:
        raise ValueError(f"grow reads sequences, but graph has {old.spatial.edge_index.shape[1]} spatial edges")
    if old.num_nodes != graph.num_graphs:
        raise ValueError(f"grow reads one sequence a graph; got {old.num_nodes} nodes in {graph.num_graphs} graphs")
    topology, origin, arrives = old.keep("grow", lambda: _grown(old))
    return graph._over(topology, origin, arrives)


@checked_arguments
def add_nodes_over_time(graph: SpaceTimeGraph) -> SpaceTimeGraph:
    r"""Read static graphs as growing graphs: at each step the next node is added, with its edges to earlier ones.

    Row p of a graph of N rows becomes node p at the times p, p + 1, …, N - 1, with the same features at all of them,
    which makes N (N + 1) / 2 rows. An edge is present at all times at which both ends are. The target row p becomes
    node p at the last time, when all nodes are present.

    So a sentence with its tree is a graph over time: the tree is space, and the order of the words is time.

    Args:
        graph: one static graph or a batch of them.

    Returns:
        The same data as dynamic graphs, with targets and ``y`` in the same order; attributes of rows follow their rows.
        The topology is derived once and kept with that of ``graph``.

    Raises:
        ValueError: a graph with nodes at several times.

    Example:
        >>> import graphseq as gs, networkx as nx
        >>> grown = add_nodes_over_time(gs.from_graph(nx.path_graph(3)))
        >>> grown.to_dense().present.long().tolist()
        [[1, 0, 0], [1, 1, 0], [1, 1, 1]]
        >>> grown.time[grown.target_rows].tolist()
        [2, 2, 2]
    """
    old, batch = graph.topology, graph.get("batch")
    if old.temporal_edges.shape[1]:
        raise ValueError(
            f"add_nodes_over_time reads static graphs, but node {int(graph.node[old.temporal_edges[0, 0]])} is there "
            "at several times; what changes over time has its order already"
        )
    key = ("add_nodes_over_time", None if batch is None else batch.cpu().numpy().tobytes())
    topology, origin, last = old.keep(key, lambda: _arrived(old, batch))
    return graph._over(topology, origin, last)


def _grown(old: Topology) -> tuple[Topology, Tensor, Tensor]:
    """Return the grown topology, the old row behind each new one, and the mark of each node's first row."""
    before, after = old.temporal_edges
    joined = torch.stack([torch.cat([before, after]), torch.cat([after, before])])
    nodes = old.node_index
    origin, age, _ = _lives(old.position, torch.bincount(nodes)[nodes])
    return Topology(origin, old.position[origin] + age, static_edge_index=joined), origin, age == 0


def _arrived(old: Topology, batch: Tensor | None) -> tuple[Topology, Tensor, Tensor]:
    """Return the grown topology, the old row behind each new one, and the mark of the rows at the last time."""
    member = torch.zeros_like(old.node) if batch is None else batch
    size = torch.bincount(member)
    order = member.argsort(stable=True)
    position = torch.empty_like(order)
    position[order] = torch.arange(len(order), device=order.device) - (size.cumsum(0) - size)[member[order]]
    origin, age, count = _lives(position, size[member])
    spatial = old.spatial
    time = position[origin] + age
    topology = Topology(
        origin,
        time,
        static_edge_index=spatial.edge_index,
        static_edge_weight=spatial.edge_weight,
        static_edge_attr=spatial.edge_attr,
    )
    return topology, origin, age == count[origin] - 1


def _lives(position: Tensor, size: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the old row behind each new one, its age, and the number of new rows of each old one."""
    count = size - position
    origin = torch.arange(len(position), device=position.device).repeat_interleave(count)
    first = (count.cumsum(0) - count)[origin]
    return origin, torch.arange(len(origin), device=origin.device) - first, count
