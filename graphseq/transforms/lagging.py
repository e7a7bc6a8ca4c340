"""A graph over time read as one that has no cycle: along each edge comes what was there one time before."""

from __future__ import annotations

import torch
from torch import Tensor

from graphseq.data.graph import SpaceTimeGraph
from graphseq.data.topology import Topology


def lagged(graph: SpaceTimeGraph) -> SpaceTimeGraph:
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
        >>> lagged(graph).edge_index.tolist()
        [[0, 1, 0, 1], [2, 3, 3, 2]]
        >>> lagged(gs.from_sequence(torch.zeros(3, 1))).edge_index.tolist()
        [[0, 1], [1, 2]]
    """
    old = graph.topology
    topology = old.keep("lagged", lambda: _lagged(old))
    out = SpaceTimeGraph.from_topology(
        topology, graph.x, y=graph.get("y"), target=graph.get("target"), batch=graph.get("batch")
    )
    for key in ("edge_label_index", "pair_features"):
        if key in graph:
            out[key] = graph[key]
    return out


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
