"""A sequence read as a graph that grows, a node and an edge at each step."""

from __future__ import annotations

import torch
from torch import Tensor

from graphseq.graph import SpaceTimeGraph
from graphseq.topology import Topology


def grow(graph: SpaceTimeGraph) -> SpaceTimeGraph:
    r"""Read sequences as graphs that grow: at each step a node arrives, and an edge to the one before it.

    Row p of a sequence of T rows becomes node p at the times p, p + 1, …, T - 1, keeping its features, so a graph of
    T (T + 1) / 2 rows. What was asked at row p is asked of node p when it arrives: no later row can change it.

    Args:
        graph: one sequence or a batch of them, of any lengths, without spatial edges.

    Returns:
        The same data as dynamic graphs, with the targets and ``y`` in their old order. Its topology is derived once
        from that of ``graph`` and kept with it.

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
    target = graph.get("target")
    batch = graph.get("batch")
    return SpaceTimeGraph.from_topology(
        topology,
        graph.x[origin],
        y=graph.y,
        target=arrives if target is None else arrives & target[origin],
        batch=None if batch is None else batch[origin],
    )


def _grown(old: Topology) -> tuple[Topology, Tensor, Tensor]:
    """The grown topology, the old row behind each new one, and which new rows are arrivals."""
    position = old.position
    nodes = old.node_index
    length = torch.bincount(nodes)[nodes]
    lives = length - position
    origin = torch.arange(old.num_rows, device=position.device).repeat_interleave(lives)
    first = (lives.cumsum(0) - lives)[origin]
    age = torch.arange(len(origin), device=origin.device) - first
    before, after = old.temporal_edges
    joined = torch.stack([torch.cat([before, after]), torch.cat([after, before])])
    topology = Topology(origin, position[origin] + age, static_edge_index=joined)
    return topology, origin, age == 0
