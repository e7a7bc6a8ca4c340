"""The order in which a graph is read row by row: breadth first, depth first, or generation by generation."""

from __future__ import annotations

from typing import Literal

import networkx as nx
import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from scipy.sparse import csgraph
from torch import Tensor

from graphseq import _checks
from graphseq.data.graph import SpaceTimeGraph
from graphseq.data.topology import Topology

Ints = NDArray[np.int64]

_ORDERS = ("bfs", "dfs", "given", "topological")
_UNSOURCED = {
    "given": "the order in which rows stand begins at the first of them",
    "topological": "a topological order begins at all rows that no edge enters",
}
_NAMED = 8  # the most rows of a cycle that an error lists


class CycleError(ValueError):
    """Directed edges lead from a row back to itself, so no order has every row after all that it reads."""


def to_sequence(
    graph: SpaceTimeGraph, order: Literal["bfs", "dfs", "given", "topological"] = "bfs", source: int | None = None
) -> SpaceTimeGraph:
    """Read a static graph as a sequence, so that a recurrent model reads any graph.

    Row v of the answer is row v of ``graph``, so that targets and ``y`` stay paired; its node is the number of its
    graph, its time is its place in the order, from 0, and spatial edges are gone. ``time.argsort()`` lists the rows of
    one graph as they are read.

    Edges are followed from source to target; where several lead on, the row of the smallest number comes first. When
    nothing more can be reached, the smallest row not yet read starts again, so every component is read. An edge of
    weight 0 is none.

    Args:
        graph: one static graph or a batch of them, each at one time.
        order: "bfs", breadth first; "dfs", depth first, a row when it is first met; "given", as the rows stand,
            whatever the edges; "topological", generation after generation (see :func:`generations`), in each the
            smallest row first.
        source: the row to begin at, counted within each graph of a batch; without it row 0. Not for "given", and not
            for "topological", which begins at all rows that no edge enters.

    Returns:
        The same data as one sequence a graph, with ``x``, ``y``, ``target`` and ``batch`` as they were. The order is
        worked out once and kept with the topology of ``graph``. It can stand as ``transform`` of a
        :class:`graphseq.nn.Model`.

    Raises:
        TypeError: not a graph, or a source that is not an integer.
        ValueError: an unknown order, a source outside a graph or for an order that takes none, a graph at several
            times.
        CycleError: "topological" on a graph with a cycle, which is named; a ``ValueError``.

    Example:
        >>> import graphseq as gs, networkx as nx
        >>> tree = gs.from_graph(nx.balanced_tree(2, 2))
        >>> to_sequence(tree).time.tolist()
        [0, 1, 2, 3, 4, 5, 6]
        >>> to_sequence(tree, "dfs").time.argsort().tolist()
        [0, 1, 3, 4, 2, 5, 6]
    """
    if not isinstance(graph, SpaceTimeGraph):
        raise TypeError(f"graph must be a graphseq.SpaceTimeGraph, got {type(graph).__name__}")
    _checks.one_of("order", order, _ORDERS)
    if source is not None:
        source = _checks.at_least("source", source, 0)
        if order in _UNSOURCED:
            raise ValueError(f"source={source} was given, but {_UNSOURCED[order]}")
    old, batch = graph.topology, graph.get("batch")
    key = ("to_sequence", order, source or 0, None if batch is None else batch.cpu().numpy().tobytes())
    topology = old.keep(key, lambda: _as_sequences(old, batch, order, source or 0))
    return graph.replace(topology=topology)


def generations(edge_index: Tensor, num_rows: int) -> Tensor:
    r"""How many edges the longest way to each row has; what a row reads is all of earlier generations.

    .. math:: g_v = \max_{u \to v} (g_u + 1), \qquad g_v = 0 \text{ where no edge enters } v

    Level by level, each edge looked at once.

    Args:
        edge_index: directed edges from source to target, (2, E); doubled ones count once.
        num_rows: V.

    Returns:
        Generations (V,), on the device of ``edge_index``.

    Raises:
        CycleError: there is a cycle; one is named, row after row.

    Source: Kahn, *Topological sorting of large networks* (1962).

    Example:
        >>> generations(torch.tensor([[0, 0, 1], [1, 2, 2]]), 4).tolist()
        [0, 1, 2, 0]
    """
    source, target = edge_index.cpu().numpy()
    after = _pattern(source, target, num_rows)
    start, count = after.indptr[:-1], np.diff(after.indptr)
    unread = np.bincount(after.indices, minlength=num_rows)  # edges that enter each row from rows without a generation
    depth = np.full(num_rows, -1)
    ready, level = np.flatnonzero(unread == 0), 0
    while len(ready):
        depth[ready] = level
        out = count[ready]
        edge = np.arange(out.sum()) + np.repeat(start[ready] - (out.cumsum() - out), out)
        entered = after.indices[edge]
        np.subtract.at(unread, entered, 1)
        ready, level = np.unique(entered[unread[entered] == 0]), level + 1
    if (depth < 0).any():
        raise CycleError(_cycle(after, depth < 0))
    return torch.from_numpy(depth).to(edge_index.device)


def _cycle(after: sp.csr_array, left: NDArray[np.bool_]) -> str:
    """What to say of one cycle among the rows that are ``left``."""
    edges = after.tocoo()
    within = left[edges.row] & left[edges.col]
    pairs = zip(edges.row[within].tolist(), edges.col[within].tolist(), strict=True)
    found = nx.find_cycle(nx.DiGraph(pairs))
    rows = [f"row {row}" for row, _ in found[:_NAMED]]
    more = [f"{len(found) - _NAMED} more"] if len(found) > _NAMED else []
    return (
        f"graph has a cycle, {' → '.join([*rows, *more, rows[0]])}, and so no generations. An undirected edge is two "
        "directed ones and a cycle of two: keep one of them, or read the graph in another order, as "
        'graphseq.transforms.to_sequence(graph, "bfs") does'
    )


def _pattern(source: Ints, target: Ints, size: int) -> sp.csr_array:
    """Edges as (size, size), what each row leads to in ascending order; csgraph reads float64 as it is."""
    found = sp.csr_array((np.ones(len(source)), (source, target)), shape=(size, size))
    found.sum_duplicates()
    return found


def _as_sequences(topology: Topology, batch: Tensor | None, order: str, source: int) -> Topology:
    """The rows, each of the node that is its graph's number, at the time that is its place in the order."""
    member = torch.zeros_like(topology.node) if batch is None else batch.clone()
    _check_static(topology, member)
    graph = member.cpu().numpy()
    spatial = topology.spatial
    edges = spatial.edge_index if spatial.edge_weight is None else spatial.edge_index[:, spatial.edge_weight != 0]
    if order == "given":
        rows = np.argsort(graph, kind="stable")
    elif order == "topological":
        depth = generations(edges, topology.num_rows).cpu().numpy()
        rows = np.lexsort((depth, graph))
    else:
        tail, head = edges.cpu().numpy()
        after = _pattern(tail, head, topology.num_rows)
        rows, part = _depth_first(after, _starts(graph, source))
        rows = _breadth_first(after, rows, part) if order == "bfs" else rows
    sizes = np.bincount(graph)
    place = np.empty_like(rows)
    place[rows] = np.arange(len(rows)) - np.repeat(sizes.cumsum() - sizes, sizes)
    return Topology(member, torch.from_numpy(place).to(member.device))


def _check_static(topology: Topology, member: Tensor) -> None:
    """Say which graph has rows at several times."""
    time = topology.time
    ends = time.new_zeros(2, int(member.max()) + 1 if len(member) else 0)
    first = ends[0].scatter_reduce(0, member, time, "amin", include_self=False)
    last = ends[1].scatter_reduce(0, member, time, "amax", include_self=False)
    if not torch.equal(first, last):
        number = int((first != last).nonzero()[0])
        raise ValueError(
            f"to_sequence reads static graphs, but graph {number} has rows at times {int(first[number])} to "
            f"{int(last[number])}; what changes over time has its order already. Traverse one snapshot: "
            "from_graph(graph.snapshot(time))"
        )


def _starts(graph: Ints, source: int) -> Ints:
    """All rows in the order in which they may start: graph by graph, the source, then the smallest."""
    rows = np.argsort(graph, kind="stable")
    sizes = np.bincount(graph)
    short = (sizes > 0) & (sizes <= source)
    if short.any():
        number = int(np.flatnonzero(short)[0])
        raise ValueError(f"source must lie in 0 to {sizes[number] - 1}, the rows of graph {number}; got {source}")
    first = (sizes.cumsum() - sizes)[sizes > 0] + source
    begins = np.zeros(len(rows), dtype=bool)
    begins[first] = True
    return rows[np.lexsort((~begins, graph[rows]))]


def _depth_first(after: sp.csr_array, starts: Ints) -> tuple[Ints, Ints]:
    """Rows in order, and for each the number of the start that it was reached from: one search for all starts.

    A chain of helpers is put before the rows: the i-th leads to the i-th start, and when all that follows from it has
    been read, to the next helper.
    """
    size = len(starts)
    if size == 0:
        return starts, starts
    edges = after.tocoo()
    helpers = np.arange(size, 2 * size)
    source = np.concatenate([edges.row, helpers, helpers[:-1]])
    target = np.concatenate([edges.col, starts, helpers[1:]])
    order, parent = csgraph.depth_first_order(_pattern(source, target, 2 * size), size)
    rows = order[order < size].astype(np.int64)
    return rows, np.cumsum(parent[rows] >= size)


def _breadth_first(after: sp.csr_array, rows: Ints, part: Ints) -> Ints:
    """Rows in order, from what each start reaches: one search from all starts at once, sorted apart again."""
    size = len(rows)
    if size == 0:
        return rows
    of = np.empty_like(part)
    of[rows] = part
    begins = rows[np.flatnonzero(np.diff(part, prepend=0))]
    edges = after.tocoo()
    within = of[edges.row] == of[edges.col]  # the others lead to what an earlier start has reached
    source = np.concatenate([edges.row[within], np.full(len(begins), size)])
    target = np.concatenate([edges.col[within], begins])
    order = csgraph.breadth_first_order(_pattern(source, target, size + 1), size, return_predecessors=False)[1:]
    found: Ints = order[np.argsort(of[order], kind="stable")].astype(np.int64)
    return found
