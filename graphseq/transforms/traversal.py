"""Orders in which the rows of a graph are read: breadth first, depth first, or by topological generations."""

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
from graphseq._arguments import checked_arguments
from graphseq.data.graph import SpaceTimeGraph
from graphseq.data.topology import Topology

Ints = NDArray[np.int64]

_ORDERS = ("bfs", "dfs", "given", "topological")
_UNSOURCED = {
    "given": "the given order begins at the first row",
    "topological": "a topological order begins at all rows that no edge enters",
}
_NAMED = 8  # the most rows of a cycle that an error lists


class CycleError(ValueError):
    """An error for directed edges that form a cycle, so that no order has every row after all that it reads."""


@checked_arguments
def to_sequence(
    graph: SpaceTimeGraph, order: Literal["bfs", "dfs", "given", "topological"] = "bfs", source: int | None = None
) -> SpaceTimeGraph:
    """Read a static graph as a sequence, so that a recurrent model reads any graph.

    Row v of the result is row v of ``graph``, so that targets and ``y`` stay paired; its node is the number of its
    graph, its time is its position in the order, from 0, and spatial edges are removed. ``time.argsort()`` lists the
    rows of one graph in the order in which they are read.

    Edges are followed from source to target; among several, the row with the smallest number comes first. When no
    further row can be reached, the search continues at the smallest row not yet read, so every component is read. Edges
    of weight 0 are ignored.

    Args:
        graph: one static graph or a batch of them, each at one time.
        order: "bfs", breadth first; "dfs", depth first (pre-order); "given", the order of the rows, whatever the edges;
            "topological", generation by generation (see :func:`generations`), the smallest row of each first.
        source: first row, counted within each graph of a batch; row 0 by default. Not for "given", and not for
            "topological", which begins at all rows without incoming edges.

    Returns:
        The same data as one sequence for each graph; all attributes of rows stay. The order is derived once and kept
        with the topology of ``graph``. Can be used as ``transform`` of a :class:`graphseq.nn.Model`.

    Raises:
        TypeError: not a graph, or a source that is not an integer.
        ValueError: an unknown order, a source outside a graph or for an order that takes none, a graph at several
            times.
        CycleError: "topological" on a graph with a cycle; the message lists it. A ``ValueError``.

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


@checked_arguments
def generations(edge_index: Tensor, num_rows: int) -> Tensor:
    r"""Return the topological generation of each row: the number of edges on the longest path that ends at it.

    .. math:: g_v = \max_{u \to v} (g_u + 1), \qquad g_v = 0 \text{ where no edge enters } v

    Levels are computed one after another; each edge is visited once.

    Args:
        edge_index: directed edges from source to target, (2, E); parallel ones count once.
        num_rows: V.

    Returns:
        Generations (V,), on the device of ``edge_index``.

    Raises:
        CycleError: there is a cycle; the message lists one, row by row.

    Source: Kahn, *Topological sorting of large networks* (1962).

    Example:
        >>> generations(torch.tensor([[0, 0, 1], [1, 2, 2]]), 4).tolist()
        [0, 1, 2, 0]
    """
    num_rows = _checks.at_least("num_rows", num_rows, 0)
    source, target = _checks.edges("edge_index", edge_index, num_rows, "rows").cpu().numpy()
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


def _cycle(after: sp.csr_array, remain: NDArray[np.bool_]) -> str:
    """Return an error message about one cycle among the rows that ``remain``."""
    edges = after.tocoo()
    within = remain[edges.row] & remain[edges.col]
    pairs = zip(edges.row[within].tolist(), edges.col[within].tolist(), strict=True)
    cycle = nx.find_cycle(nx.DiGraph(pairs))
    rows = [f"row {row}" for row, _ in cycle[:_NAMED]]
    more = [f"{len(cycle) - _NAMED} more"] if len(cycle) > _NAMED else []
    return (
        f"graph has a cycle, {' → '.join([*rows, *more, rows[0]])}, and so no generations. An undirected edge is two "
        "directed ones and a cycle of two: keep one of them, or read the graph in another order, as "
        'graphseq.transforms.to_sequence(graph, "bfs") does'
    )


def _pattern(source: Ints, target: Ints, size: int) -> sp.csr_array:
    """Return edges as a matrix (size, size) with sorted columns, in float64, which csgraph reads directly."""
    pattern = sp.csr_array((np.ones(len(source)), (source, target)), shape=(size, size))
    pattern.sum_duplicates()
    return pattern


def _as_sequences(topology: Topology, batch: Tensor | None, order: str, source: int) -> Topology:
    """Return the rows with the number of their graph as node and the position in the order as time."""
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
        rows, component = _depth_first(after, _starts(graph, source))
        rows = _breadth_first(after, rows, component) if order == "bfs" else rows
    sizes = np.bincount(graph)
    position = np.empty_like(rows)
    position[rows] = np.arange(len(rows)) - np.repeat(sizes.cumsum() - sizes, sizes)
    return Topology(member, torch.from_numpy(position).to(member.device))


def _check_static(topology: Topology, member: Tensor) -> None:
    """Raise if a graph has rows at several times, naming the graph."""
    time = topology.time
    ends = time.new_zeros(2, int(member.max()) + 1 if len(member) else 0)
    first = ends[0].scatter_reduce(0, member, time, "amin", include_self=False)
    last = ends[1].scatter_reduce(0, member, time, "amax", include_self=False)
    if not torch.equal(first, last):
        number = int((first != last).nonzero()[0])
        raise ValueError(
            f"a traversal reads static graphs, but graph {number} has rows at times {int(first[number])} to "
            f"{int(last[number])}; what changes over time has its order already. Take one snapshot: "
            "from_graph(graph.snapshot(time))"
        )


def _starts(graph: Ints, source: int) -> Ints:
    """Return all rows in the order in which a search may start at them: in each graph the source, then the smallest."""
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
    """Return rows in depth-first order, and for each the index of its start, by one search for all starts.

    Auxiliary nodes are added: the i-th leads to the i-th start and then to the next auxiliary node, so that a start is
    visited after everything that can be reached from earlier ones.
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


def _breadth_first(after: sp.csr_array, rows: Ints, component: Ints) -> Ints:
    """Return rows in breadth-first order from each start, by one search from all starts, sorted by start."""
    size = len(rows)
    if size == 0:
        return rows
    start_of = np.empty_like(component)
    start_of[rows] = component
    begins = rows[np.flatnonzero(np.diff(component, prepend=0))]
    edges = after.tocoo()
    within = start_of[edges.row] == start_of[edges.col]  # other edges lead to rows that an earlier start has reached
    source = np.concatenate([edges.row[within], np.full(len(begins), size)])
    target = np.concatenate([edges.col[within], begins])
    order = csgraph.breadth_first_order(_pattern(source, target, size + 1), size, return_predecessors=False)[1:]
    ordered: Ints = order[np.argsort(start_of[order], kind="stable")].astype(np.int64)
    return ordered
