"""Conversions of a space-time graph to networkx, scipy and dense tensors."""

from __future__ import annotations

from typing import NamedTuple

import networkx as nx
import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from graphseq._prompt import short_repr
from graphseq.data.topology import Topology


@short_repr
class Dense(NamedTuple):
    """A small graph as dense tensors, to be read and checked by hand.

    Returned by :meth:`graphseq.SpaceTimeGraph.to_dense`.
    """

    x: Tensor  #: features, (T, N, F), zero where a node has no row; tokens (T, N)
    present: Tensor  #: True where a node has a row at a time, (T, N), ``bool``
    adjacency: Tensor  #: A at each time, (T, N, N); entry (t, i, j) is the weight of the edge from i to j


def to_networkx(topology: Topology, x: Tensor) -> nx.MultiDiGraph:
    """Return rows, spatial and temporal edges as a networkx graph."""
    out = nx.MultiDiGraph()
    for key, values in (("x", x), ("weight", topology.spatial.edge_weight), ("edge_attr", topology.spatial.edge_attr)):
        if values is not None and values.is_floating_point() and values.dtype != torch.get_default_dtype():
            out.graph[f"{key}_dtype"] = str(values.dtype).removeprefix("torch.")  # which Python's floats do not tell
    rows = zip(x.tolist(), topology.node.tolist(), topology.time.tolist(), strict=True)
    out.add_nodes_from((row, {"x": x, "node": node, "time": time}) for row, (x, node, time) in enumerate(rows))
    spatial = topology.spatial
    data: list[dict[str, object]] = [{"kind": "space"} for _ in range(spatial.edge_index.shape[1])]
    for key, values in (("weight", spatial.edge_weight), ("edge_attr", spatial.edge_attr)):
        for edge, value in zip(data, [] if values is None else values.tolist(), strict=False):
            edge[key] = value
    pairs = zip(spatial.edge_index.t().tolist(), data, strict=True)
    out.add_edges_from((i, j, of_edge) for (i, j), of_edge in pairs)
    out.add_edges_from((i, j, {"kind": "time"}) for i, j in topology.temporal_edges.t().tolist())
    return out


def to_scipy(topology: Topology) -> sp.coo_array:
    """Return the spatial edges as a sparse matrix (V, V)."""
    spatial = topology.spatial
    index = spatial.edge_index.cpu().numpy().copy()  # the matrix may be written to
    weight = spatial.edge_weight
    values = np.ones(index.shape[1], dtype=np.float32) if weight is None else weight.detach().cpu().numpy().copy()
    return sp.coo_array((values, (index[0], index[1])), shape=(topology.num_rows, topology.num_rows))


def to_dense(topology: Topology, x: Tensor) -> Dense:
    """Return features, presence and adjacency as dense tensors."""
    steps, n = topology.steps, topology.num_nodes
    features = x.new_zeros((len(steps), n, *x.shape[1:]))
    present = torch.zeros(len(steps), n, dtype=torch.bool, device=x.device)
    weight = topology.spatial.edge_weight
    dtype = torch.get_default_dtype() if weight is None else weight.dtype
    adjacency = torch.zeros(len(steps), n, n, dtype=dtype, device=x.device)
    for t, step in enumerate(steps):
        features[t, step.nodes] = x[step.rows]
        present[t, step.nodes] = True
        source, target = step.nodes[step.adjacency.edge_index]
        values = step.adjacency.edge_weight
        values = adjacency.new_ones(len(source)) if values is None else values.detach()
        adjacency[t].index_put_((source, target), values, accumulate=True)
    return Dense(features, present, adjacency)
