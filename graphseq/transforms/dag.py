"""Static graphs and graphs over time as directed acyclic graphs."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch_geometric.utils import coalesce

from graphseq import _checks
from graphseq.data.graph import SpaceTimeGraph
from graphseq.data.topology import Topology
from graphseq.transforms.traversal import to_sequence


def to_dag(
    graph: SpaceTimeGraph, order: Literal["bfs", "dfs"] = "bfs", source: int | None = None, *, reverse: bool = False
) -> SpaceTimeGraph:
    r"""Point each edge of a static graph along a traversal, for models that read directed acyclic graphs.

    .. math:: u \to v \iff \{u, v\} \in E \text{ and } τ_u < τ_v

    with τ the place in the order of :func:`~graphseq.transforms.to_sequence`. No edge is lost, as in a spanning tree
    one would be where a ring closes, and there is no cycle: :class:`~graphseq.nn.DAGLSTM`, the child-sum Tree-LSTM,
    reads any graph so. In an undirected graph the source of a component comes before all of it; ``reverse`` turns every
    edge, so that the source reads all of its component, as the root of a tree does.

    Args:
        graph: one static graph or a batch of them, each at one time. Self-loops and edges of weight 0 are left out, and
            edges that join the same two rows, whichever way, become one, whose weight is their mean.
        order: "bfs", breadth first, or "dfs", depth first; see :func:`~graphseq.transforms.to_sequence`.
        source: the row to begin at, counted within each graph of a batch; without it row 0.
        reverse: lead from later to earlier.

    Returns:
        The same rows in the same order, each a node of its own, with ``x``, ``y``, ``target`` and ``batch`` as they
        were. The topology is worked out once and kept with that of ``graph``. It can stand as ``transform`` of a
        :class:`graphseq.nn.Model`.

    Raises:
        TypeError: not a graph, or a source that is not an integer.
        ValueError: an unknown order, a source outside a graph, a graph at several times.

    Example:
        A ring of three, from row 0 and back to it:

        >>> import graphseq as gs, networkx as nx
        >>> ring = gs.from_graph(nx.cycle_graph(3))
        >>> to_dag(ring).edge_index.tolist()
        [[0, 0, 1], [1, 2, 2]]
        >>> to_dag(ring, reverse=True).edge_index.tolist()
        [[1, 2, 2], [0, 0, 1]]
    """
    _checks.one_of("order", order, ("bfs", "dfs"))
    place = to_sequence(graph, order, source).time
    old, batch = graph.topology, graph.get("batch")
    key = ("to_dag", order, source or 0, reverse, None if batch is None else batch.cpu().numpy().tobytes())
    topology = old.keep(key, lambda: _oriented(old, place, reverse))
    return graph.replace(topology=topology)


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


def unroll_time(graph: SpaceTimeGraph) -> SpaceTimeGraph:
    r"""Unroll time into a directed acyclic graph, for models that read such, as :class:`graphseq.nn.DAGLSTM` does.

    Row (v, t) reads the row of v before it, and of each u that an edge of its own time leads from, the row of u before
    that time:

    .. math:: C(v, t) = \{(v, t^-_v)\} \cup \{(u, t^-_u) : (u, t) \to (v, t)\}

    with :math:`t^-_u < t` the last time before t at which u was there. So it is the newer snapshot that says who is
    read, and the older one what is read, as in a GCN-LSTM, where :math:`\hat A_t` meets :math:`H_{t-1}`: edges of the
    last snapshot count, those of the first lead to no row before them. Every edge goes forward in time, so there is no
    cycle, and undirected edges and static ones are read as well. A node that was away is read as it was when last
    seen; one that was never there before is not read. A self-loop says what the path of its node says already, and is
    left out. Edge weights are kept, and a step along a node's path weighs 1; :class:`~graphseq.nn.DAGLSTM` counts an
    edge of weight w as w edges.

    Args:
        graph: any graph over time, or a batch of them.

    Returns:
        The same rows in the same order, as one node each, all at time 0, with those edges. ``target``, ``y``,
        ``batch`` and what is asked of pairs stay as they are. Its topology is derived once from that of ``graph`` and
        kept with it.

    Example:
        Two nodes at two times, joined at both, and a path:

        >>> import graphseq as gs, torch
        >>> graph = gs.from_signal(torch.zeros(2, 2, 1), torch.tensor([[0, 1], [1, 0]]))
        >>> unroll_time(graph).edge_index.tolist()
        [[0, 1, 0, 1], [2, 3, 3, 2]]
        >>> unroll_time(gs.from_sequence(torch.zeros(3, 1))).edge_index.tolist()
        [[0, 1], [1, 2]]
    """
    old = graph.topology
    topology = old.keep("unroll_time", lambda: _lagged(old))
    return graph.replace(topology=topology)


def _lagged(old: Topology) -> Topology:
    source, reader = old.spatial.edge_index
    before = old.previous[source]
    kept = (before >= 0) & (source != reader)
    along = old.temporal_edges
    weight = old.spatial.edge_weight
    if weight is not None:
        weight = torch.cat([weight.new_ones(along.shape[1]), weight[kept]])
    rows = torch.arange(old.num_rows, device=source.device)
    index: Tensor = torch.cat([along, torch.stack([before[kept], reader[kept]])], dim=1)
    return Topology(rows, torch.zeros_like(rows), index, weight)
