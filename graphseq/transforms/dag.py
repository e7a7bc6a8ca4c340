"""Directed acyclic graphs from static graphs, by a traversal, and from graphs over time, by unrolling."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch_geometric.utils import coalesce

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq.data.graph import SpaceTimeGraph
from graphseq.data.topology import Topology
from graphseq.transforms.traversal import to_sequence


@checked_arguments
def to_dag(
    graph: SpaceTimeGraph, order: Literal["bfs", "dfs"] = "bfs", source: int | None = None, *, reverse: bool = False
) -> SpaceTimeGraph:
    r"""Direct each edge of a static graph along a traversal, for models that read directed acyclic graphs.

    .. math:: u \to v \iff \{u, v\} \in E \text{ and } τ_u < τ_v

    with τ the position in the order of :func:`~graphseq.transforms.to_sequence`. Unlike in a spanning tree no edge is
    lost, and there is no cycle, so :class:`~graphseq.nn.DAGLSTM`, the child-sum Tree-LSTM, can read any graph. In an
    undirected graph the source of a component comes first; with ``reverse`` all edges are reversed, so that the source
    reads its whole component, as the root of a tree does.

    Args:
        graph: one static graph or a batch of them, each at one time. Self-loops and edges of weight 0 are removed, and
            edges between the same two rows, in either direction, become one with their mean weight and mean
            features.
        order: "bfs", breadth first, or "dfs", depth first; see :func:`~graphseq.transforms.to_sequence`.
        source: first row, counted within each graph of a batch; row 0 by default.
        reverse: direct edges from later rows to earlier ones.

    Returns:
        The same rows in the same order, each a node of its own; all attributes of rows stay. The topology is derived
        once and kept with that of ``graph``. Can be used as ``transform`` of a :class:`graphseq.nn.Model`.

    Raises:
        TypeError: not a graph, or a source that is not an integer.
        ValueError: an unknown order, a source outside a graph, a graph at several times.

    Example:
        A ring of three, directed away from row 0 and towards it:

        >>> import graphseq as gs, networkx as nx
        >>> ring = gs.from_graph(nx.cycle_graph(3))
        >>> to_dag(ring).edge_index.tolist()
        [[0, 0, 1], [1, 2, 2]]
        >>> to_dag(ring, reverse=True).edge_index.tolist()
        [[1, 2, 2], [0, 0, 1]]
    """
    _checks.one_of("order", order, ("bfs", "dfs"))
    position = to_sequence(graph, order, source).time
    old, batch = graph.topology, graph.get("batch")
    key = ("to_dag", order, source or 0, reverse, None if batch is None else batch.cpu().numpy().tobytes())
    topology = old.keep(key, lambda: _oriented(old, position, reverse))
    return graph.replace(topology=topology)


def _oriented(old: Topology, position: Tensor, reverse: bool) -> Topology:
    spatial = old.spatial
    index = spatial.edge_index
    is_kept = index[0] != index[1]
    if spatial.edge_weight is not None:
        is_kept &= spatial.edge_weight != 0
    index = index[:, is_kept]
    against = (position[index[0]] > position[index[1]]) ^ bool(reverse)
    index = torch.where(against, index.flip(0), index)
    values = [None if part is None else part[is_kept] for part in (spatial.edge_weight, spatial.edge_attr)]
    index, merged = coalesce(index, [part for part in values if part is not None], old.num_rows, reduce="mean")
    weight, attr = (None if part is None else merged.pop(0) for part in values)
    rows = torch.arange(old.num_rows, device=index.device)
    return Topology(rows, torch.zeros_like(rows), index, weight, edge_attr=attr)


@checked_arguments
def unroll_time(graph: SpaceTimeGraph) -> SpaceTimeGraph:
    r"""Unroll time into a directed acyclic graph, for models such as :class:`graphseq.nn.DAGLSTM`.

    Row (v, t) reads the previous row of v, and for each edge u → v at time t the previous row of u:

    .. math:: C(v, t) = \{(v, t^-_v)\} \cup \{(u, t^-_u) : (u, t) \to (v, t)\}

    with :math:`t^-_u < t` the last time before t at which u had a row. The edges are those of the newer snapshot and
    the states those of the older one, as in a GCN-LSTM, which multiplies :math:`\hat A_t` by :math:`H_{t-1}`; edges of
    the first snapshot have no earlier row. Every edge goes forward in time, so there is no cycle, and undirected and
    static edges can be used. An absent node is read at its last row; a node without an earlier row is not read.
    Self-loops are removed, since each row reads the previous row of its node anyway. Edge weights and features are
    kept, and a step along time has weight 1 and features of 0; :class:`~graphseq.nn.DAGLSTM` counts an edge of weight w
    as w edges.

    Args:
        graph: any graph over time, or a batch of them.

    Returns:
        The same rows in the same order, each a node of its own at time 0, with these edges; all attributes of rows
        stay. The topology is derived once and kept with that of ``graph``.

    Example:
        Two nodes with an edge at two times, and a path:

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
    is_kept = (before >= 0) & (source != reader)
    along = old.temporal_edges
    weight, attr = old.spatial.edge_weight, old.spatial.edge_attr
    if weight is not None:
        weight = torch.cat([weight.new_ones(along.shape[1]), weight[is_kept]])
    if attr is not None:
        attr = torch.cat([attr.new_zeros(along.shape[1], attr.shape[1]), attr[is_kept]])
    rows = torch.arange(old.num_rows, device=source.device)
    index: Tensor = torch.cat([along, torch.stack([before[is_kept], reader[is_kept]])], dim=1)
    return Topology(rows, torch.zeros_like(rows), index, weight, edge_attr=attr)
