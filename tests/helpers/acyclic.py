"""Small directed acyclic graphs, and recurrences over them a row at a time."""

from __future__ import annotations

import torch
from hypothesis import strategies as st
from randomgraphs import sequence
from strategies import dynamic_graphs, edge_lists, features, gappy_signals, index, weights
from torch import Tensor

from graphseq import SpaceTimeGraph
from graphseq.nn.recurrent.dag import ChildSum

F64 = torch.float64


def of(edges: list[tuple[int, int]], rows: int, weight: list[float] | None = None) -> SpaceTimeGraph:
    """A static graph of directed edges, with random features."""
    nodes, x = torch.arange(rows), sequence(7, rows).x
    counts = None if weight is None else torch.tensor(weight, dtype=F64)
    return SpaceTimeGraph(x, nodes, torch.zeros_like(nodes), index(edges), counts)


@st.composite
def dense_graphs(draw: st.DrawFn) -> SpaceTimeGraph:
    """One time, and many edges for its rows."""
    edges, weight, rows = draw(edge_lists())
    nodes = torch.arange(rows)
    return SpaceTimeGraph(draw(features(rows, 2)), nodes, torch.zeros_like(nodes), edges, weight)


@st.composite
def dags(draw: st.DrawFn) -> SpaceTimeGraph:
    """Nodes and edges that come and go, some doubled, some of weight 0; each leads to the row that ranks higher."""
    graph = draw(st.one_of(dense_graphs(), dynamic_graphs(channels=2), gappy_signals(channels=2)))
    spatial = graph.topology.spatial
    rank = torch.tensor(draw(st.permutations(range(graph.num_rows))))
    edges = spatial.edge_index[:, rank[spatial.edge_index[0]] < rank[spatial.edge_index[1]]]
    weight = draw(weights(edges.shape[1], values=st.sampled_from([0.0, 0.5, 1.0, -2.0])))
    return SpaceTimeGraph(graph.x.double(), graph.node, graph.time, edges, None if weight is None else weight.double())


def children(graph: SpaceTimeGraph) -> dict[int, list[tuple[int, float]]]:
    """The children of each row, and how much each counts."""
    spatial = graph.topology.spatial
    values = [1.0] * spatial.edge_index.shape[1] if spatial.edge_weight is None else spatial.edge_weight.tolist()
    found: dict[int, list[tuple[int, float]]] = {row: [] for row in range(graph.num_rows)}
    for (child, row), w in zip(spatial.edge_index.t().tolist(), values, strict=True):
        found[row].append((child, w))
    rows = list(zip(graph.time.tolist(), graph.node.tolist(), range(graph.num_rows), strict=True))
    for time, node, row in rows:
        earlier = [other for other in rows if other[0] < time and other[1] == node]
        if earlier:
            found[row].append((max(earlier)[2], 1.0))
    return found


def naive(encoder: ChildSum, graph: SpaceTimeGraph) -> Tensor:
    """The equations over dictionaries, a row at a time once its children are there, each child at a time."""
    kids, x = children(graph), dict(enumerate(graph.x))
    for layer in encoder.kernel.all_weights:
        h: dict[int, Tensor] = {}
        c: dict[int, Tensor] = {}
        while len(h) < graph.num_rows:
            row = next(row for row in x if row not in h and all(child in h for child, _ in kids[row]))
            told = [(w, h[child], c[child]) for child, w in kids[row]]
            h[row], c[row] = naive_row(encoder.kernel.mode, layer, x[row], told)
        x = h
    return torch.stack([x[row] for row in range(graph.num_rows)])


def naive_row(
    mode: str, layer: list[Tensor], x: Tensor, told: list[tuple[float, Tensor, Tensor]]
) -> tuple[Tensor, Tensor]:
    """What one row remembers, h and c, from its input and the weight, h and c of each child."""
    w_x, w_h, b_x, b_h = layer
    zero = torch.zeros(w_h.shape[1], dtype=F64)
    summed = sum((w * h for w, h, _ in told), zero)
    a, s = w_x @ x + b_x, w_h @ summed + b_h
    if mode == "RNN_TANH":
        return torch.tanh(a + s), zero
    if mode == "GRU":
        (a_r, a_z, a_n), (s_r, s_z, s_n) = a.chunk(3), s.chunk(3)
        z = torch.sigmoid(a_z + s_z)
        return (1 - z) * torch.tanh(a_n + torch.sigmoid(a_r + s_r) * s_n) + z * summed, zero
    i, _, g, o = (a + s).chunk(4)
    c = torch.sigmoid(i) * torch.tanh(g)
    for w, h, held in told:
        c = c + w * torch.sigmoid((a + w_h @ h + b_h).chunk(4)[1]) * held
    return torch.sigmoid(o) * torch.tanh(c), c
