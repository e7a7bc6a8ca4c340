"""A graph read as one without cycles: each edge leads from what a traversal reads earlier to what it reads later."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch_geometric.utils import coalesce

from graphseq import _checks
from graphseq.data.graph import SpaceTimeGraph
from graphseq.data.topology import Topology
from graphseq.transforms.traversal import traverse


def oriented(
    graph: SpaceTimeGraph, order: Literal["bfs", "dfs"] = "bfs", source: int | None = None, *, reverse: bool = False
) -> SpaceTimeGraph:
    r"""Point each edge of a static graph along a traversal, for models that read directed acyclic graphs.

    .. math:: u \to v \iff \{u, v\} \in E \text{ and } τ_u < τ_v

    with τ the place in the order of :func:`~graphseq.traverse`. No edge is lost, as in a spanning tree one would be
    where a ring closes, and there is no cycle: :class:`~graphseq.nn.DAGLSTM`, the child-sum Tree-LSTM, reads any graph
    so. In an undirected graph the source of a component comes before all of it; ``reverse`` turns every edge, so that
    the source reads all of its component, as the root of a tree does.

    Args:
        graph: one static graph or a batch of them, each at one time. Self-loops and edges of weight 0 are left out, and
            edges that join the same two rows, whichever way, become one, whose weight is their mean.
        order: "bfs", breadth first, or "dfs", depth first; see :func:`~graphseq.traverse`.
        source: the row to begin at, counted within each graph of a batch; without it row 0.
        reverse: lead from later to earlier.

    Returns:
        The same rows in the same order, each a node of its own, with ``x``, ``y``, ``target`` and ``batch`` as they
        were. The topology is worked out once and kept with that of ``graph``. It can stand as ``view`` of a
        :class:`graphseq.nn.Model`.

    Raises:
        TypeError: not a graph, or a source that is not an integer.
        ValueError: an unknown order, a source outside a graph, a graph at several times.

    Example:
        A ring of three, from row 0 and back to it:

        >>> import graphseq as gs, networkx as nx
        >>> ring = gs.from_graph(nx.cycle_graph(3))
        >>> oriented(ring).edge_index.tolist()
        [[0, 0, 1], [1, 2, 2]]
        >>> oriented(ring, reverse=True).edge_index.tolist()
        [[1, 2, 2], [0, 0, 1]]
    """
    _checks.one_of("order", order, ("bfs", "dfs"))
    place = traverse(graph, order, source).time
    old, batch = graph.topology, graph.get("batch")
    key = ("oriented", order, source or 0, reverse, None if batch is None else batch.cpu().numpy().tobytes())
    topology = old.keep(key, lambda: _oriented(old, place, reverse))
    return SpaceTimeGraph.from_topology(topology, graph.x, y=graph.get("y"), target=graph.get("target"), batch=batch)


def _oriented(old: Topology, place: Tensor, reverse: bool) -> Topology:
    index, weight = old.spatial.edge_index, old.spatial.edge_weight
    kept = index[0] != index[1]
    if weight is not None:
        kept &= weight != 0
        weight = weight[kept]
    index = index[:, kept]
    against = (place[index[0]] > place[index[1]]) ^ reverse
    index = torch.where(against, index.flip(0), index)
    if weight is None:
        index = coalesce(index, num_nodes=old.num_rows)
    else:
        index, weight = coalesce(index, weight, num_nodes=old.num_rows, reduce="mean")
    rows = torch.arange(old.num_rows, device=index.device)
    return Topology(rows, torch.zeros_like(rows), index, weight)
