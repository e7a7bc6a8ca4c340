"""Constructors of a :class:`~graphseq.SpaceTimeGraph` from sequences, graphs, snapshots and signals."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from itertools import pairwise

import networkx as nx
import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor
from torch_geometric.data import Data

from graphseq import _checks
from graphseq.data import _validate
from graphseq.data.graph import SpaceTimeGraph


def from_sequence(x: Tensor, *, y: Tensor | None = None, target: Tensor | None = None) -> SpaceTimeGraph:
    """Read a sequence as one node at T times: its space-time graph is the path graph on T rows.

    Args:
        x: features (T, F), or integer tokens (T,).
        y: answers, (K, …).
        target: rows at which an output is asked for, (T,), ``bool``; all rows by default.

    Raises:
        TypeError, ValueError: as :class:`~graphseq.SpaceTimeGraph`.

    Example:
        >>> import torch
        >>> from_sequence(torch.tensor([3, 1, 4])).topology.temporal_edges.tolist()
        [[0, 1], [1, 2]]
    """
    rows = torch.arange(_length(x), device=x.device)
    return SpaceTimeGraph(x, torch.zeros_like(rows), rows, y=y, target=target)


def from_graph(
    graph: nx.Graph | Data | sp.sparray | sp.spmatrix,
    *,
    x: Tensor | None = None,
    y: Tensor | None = None,
    target: Tensor | None = None,
) -> SpaceTimeGraph:
    """Read a static graph as N nodes at one time, in the order in which the graph lists its nodes.

    Args:
        graph: a networkx graph (an undirected edge becomes both directions; edge attribute ``weight`` and node
            attributes ``x`` are read where every edge, every node has one, and so are lists ``edge_attr`` of edges), a
            PyG ``Data`` (``x``, ``edge_index``, ``edge_weight``, ``edge_attr``, ``y``, ``target``), or a scipy sparse
            matrix whose entry (i, j) is the weight of the edge from i to j. The result of
            :meth:`~graphseq.SpaceTimeGraph.to_networkx` is read with its times. One column of PyG's ``edge_attr``,
            without ``edge_weight`` beside it, is the weight; more are features of edges.
        x: features (N, F) or tokens (N,), in place of those of the graph; a constant 1 if there are none.
        y: answers, in place of those of the graph.
        target: rows at which an output is asked for, (N,), ``bool``, in place of those of the graph.

    Raises:
        TypeError: ``graph`` is none of these.
        ValueError: weights on some edges only, features on some nodes only, a matrix that is not square; and as
            :class:`~graphseq.SpaceTimeGraph`.

    Example:
        >>> import networkx as nx
        >>> from_graph(nx.path_graph(3)).edge_index.tolist()
        [[0, 1, 1, 2], [1, 0, 2, 1]]
    """
    if isinstance(graph, SpaceTimeGraph):
        raise TypeError("graph is already a SpaceTimeGraph; use it as it is")
    if isinstance(graph, Data):
        plain = graph
    elif isinstance(graph, nx.Graph):
        plain = _read_networkx(graph)
    elif sp.issparse(graph):
        plain = _read_scipy(graph)
    else:
        raise TypeError(
            f"graph must be a networkx graph, a PyG Data or a scipy sparse matrix, got {type(graph).__name__}"
        )
    known = plain.num_nodes if "num_nodes" in plain or plain.x is not None else None
    x = plain.x if x is None else x
    if x is None:
        x = torch.ones(plain.num_nodes or 0, 1)
    rows = torch.arange(_length(x), device=x.device)
    if known is not None and known != len(rows):
        raise ValueError(f"x has {len(rows)} rows for a graph of {known} nodes")
    weight, attr = _edge_values("graph", plain, one_is_weight=isinstance(graph, Data))
    return SpaceTimeGraph(
        x,
        rows if "node" not in plain else plain.node,
        torch.zeros_like(rows) if plain.time is None else plain.time,
        plain.edge_index,
        weight,
        edge_attr=attr,
        y=plain.y if y is None else y,
        target=plain.get("target") if target is None else target,
    )


def from_snapshots(
    snapshots: Sequence[Data],
    *,
    times: Sequence[int] | None = None,
    y: Tensor | None = None,
    target: Tensor | None = None,
) -> SpaceTimeGraph:
    """Read a list of graphs as a graph that changes over time; nodes and edges may differ between snapshots.

    Args:
        snapshots: PyG ``Data`` with ``x``, ``edge_index``, optional ``edge_weight`` and ``edge_attr``, and optional
            ``node``, the number of the node of each row; by default row i is node i. An ``edge_attr`` of one column,
            without ``edge_weight`` beside it, is the weight, as in the snapshots of PyTorch Geometric Temporal.
        times: strictly ascending integers, one for each snapshot; 0, 1, 2, … by default.
        y: answers, (K, …); by default the concatenated ``y`` of the snapshots, if all have one.
        target: rows at which an output is asked for, (V,), over all snapshots in order; by default the concatenated
            ``target`` of the snapshots, if all have one.

    Raises:
        TypeError: something in the list is not ``Data``.
        ValueError: an empty list, times out of order, features of another width, weights in some snapshots only;
            the message names the snapshot.

    Example:
        >>> import torch
        >>> a, b = (Data(x=torch.ones(n, 1), edge_index=torch.tensor([[0], [1]])) for n in (2, 3))
        >>> from_snapshots([a, b]).time.tolist()
        [0, 0, 1, 1, 1]
    """
    if not snapshots:
        raise ValueError("snapshots is empty; at least one graph is needed")
    try:
        moments = [operator.index(time) for time in (range(len(snapshots)) if times is None else times)]
    except TypeError:
        raise TypeError(f"times must be integers, one a snapshot; got {times}") from None
    if len(moments) != len(snapshots) or any(a >= b for a, b in pairwise(moments)):
        raise ValueError(f"times must be {len(snapshots)} strictly ascending integers, one a snapshot; got {times}")
    index, node = zip(*(_read_snapshot(number, one, snapshots[0]) for number, one in enumerate(snapshots)), strict=True)
    values = [_edge_values(f"snapshots[{number}]", one) for number, one in enumerate(snapshots)]
    sizes = [len(one) for one in node]
    starts = np.cumsum([0, *sizes]).tolist()
    when = torch.tensor(moments).repeat_interleave(torch.tensor(sizes))
    return SpaceTimeGraph(
        torch.cat([snapshot.x for snapshot in snapshots]),
        torch.cat(node),
        when.to(node[0].device),
        torch.cat([one + start for one, start in zip(index, starts, strict=False)], dim=1),
        _joined("edge_weight", [weight for weight, _ in values]),
        edge_attr=_joined("edge_attr", [attr for _, attr in values]),
        y=_joined("y", [one.get("y") for one in snapshots]) if y is None else y,
        target=_joined("target", [one.get("target") for one in snapshots]) if target is None else target,
    )


def from_signal(
    x: Tensor,
    edge_index: Tensor,
    edge_weight: Tensor | None = None,
    *,
    edge_attr: Tensor | None = None,
    y: Tensor | None = None,
    target: Tensor | None = None,
) -> SpaceTimeGraph:
    """Read a signal on a graph that does not change over time; its edges are stored once, not T times.

    Args:
        x: the signal, (T, N, F), or tokens (T, N). Row t·N + n is node n at time t.
        edge_index: edges between the N nodes, (2, E).
        edge_weight: their weights, (E,).
        edge_attr: their features, (E, D).
        y: answers, (K, …).
        target: rows at which an output is asked for, (T·N,) or (T, N), ``bool``.

    Raises:
        TypeError, ValueError: as :class:`~graphseq.SpaceTimeGraph`.

    Example:
        >>> import torch
        >>> graph = from_signal(torch.zeros(100, 2, 1), torch.tensor([[0], [1]]))
        >>> graph.num_nodes, graph.static_edge_index.shape[1]
        (200, 1)
    """
    wide = 3 if _checks.is_tensor("x", x).is_floating_point() else 2
    if x.dim() != wide:
        raise ValueError(f"x must have shape (T, N, F), or (T, N) where it holds tokens; got {tuple(x.shape)}")
    steps, nodes = x.shape[:2]
    if target is not None and _checks.is_tensor("target", target).shape == (steps, nodes):
        target = target.flatten()
    index = _checks.edges("edge_index", _index_of(edge_index), nodes, "nodes")
    weight, attr = _validate.checked_edge_values(index.shape[1], edge_weight, edge_attr, "edge")
    return SpaceTimeGraph(
        x.flatten(0, 1),
        torch.arange(nodes, device=x.device).repeat(steps),
        torch.arange(steps, device=x.device).repeat_interleave(nodes),
        static_edge_index=index,
        static_edge_weight=weight,
        static_edge_attr=attr,
        y=y,
        target=target,
    )


def _index_of(edges: object) -> object:
    """Return the edges, or say where those of a whole graph are."""
    if isinstance(edges, nx.Graph | Data):
        raise TypeError(
            f"edge_index must be a torch.Tensor, got {type(edges).__name__}; its edges are from_graph(graph).edge_index"
        )
    return edges


def _length(x: object) -> int:
    x = _checks.is_tensor("x", x)
    if x.dim() == 0:
        raise ValueError("x must have one row or more, got a single number")
    return x.shape[0]


def _read_snapshot(number: int, snapshot: object, first: Data) -> tuple[Tensor, Tensor]:
    """Return the edges among the rows of one snapshot, and the nodes of its rows."""
    if not isinstance(snapshot, Data):
        raise TypeError(f"snapshots[{number}] must be a PyG Data, got {type(snapshot).__name__}")
    if snapshot.x is None:
        raise ValueError(f"snapshots[{number}] has no x")
    if snapshot.x.shape[1:] != first.x.shape[1:]:
        raise ValueError(
            f"snapshots[{number}].x has shape {tuple(snapshot.x.shape)}, but snapshots[0].x {tuple(first.x.shape)}; "
            "all snapshots must have the same feature width"
        )
    count = snapshot.x.shape[0]
    rows = torch.arange(count, device=snapshot.x.device)
    index = rows.new_zeros((2, 0)) if snapshot.edge_index is None else snapshot.edge_index
    index = _checks.edges(f"snapshots[{number}].edge_index", index, count, "rows")
    if "target" in snapshot:
        _checks.marked_rows(f"snapshots[{number}].target", snapshot.target, count)
    if "node" not in snapshot:
        return index, rows
    return index, _checks.integer_rows(f"snapshots[{number}].node", snapshot.node, count)


def _edge_values(name: str, data: Data, *, one_is_weight: bool = True) -> tuple[Tensor | None, Tensor | None]:
    """Return weights (E,) and features (E, D) of the edges; ``edge_attr`` of one column, alone, is the weight."""
    weight, attr = data.get("edge_weight"), data.get("edge_attr")
    count = 0 if data.edge_index is None else data.edge_index.shape[1]
    if isinstance(attr, Tensor) and attr.dim() == 1:
        attr = attr[:, None]
    if one_is_weight and weight is None and isinstance(attr, Tensor) and attr.dim() == 2 and attr.shape[1] == 1:
        if not attr.is_floating_point():
            raise TypeError(
                f"{name}.edge_attr holds one integer an edge, which may be a weight or a class; give weights as "
                "edge_weight, and classes as edge_attr (E, D) of floats, one-hot say"
            )
        weight, attr = attr[:, 0], None
    return _validate.checked_edge_values(count, weight, attr, f"{name}.edge")


def _joined(key: str, values: Sequence[Tensor | None]) -> Tensor | None:
    have = [value is not None for value in values]
    if not any(have):
        return None
    if not all(have):
        raise ValueError(f"snapshots[{have.index(False)}] has no {key}, but snapshots[{have.index(True)}] has")
    parts = [value for value in values if value is not None]
    other = next((number for number, part in enumerate(parts) if part.shape[1:] != parts[0].shape[1:]), None)
    if other is not None:
        raise ValueError(
            f"snapshots[{other}].{key} has shape {tuple(parts[other].shape)}, but snapshots[0].{key} "
            f"{tuple(parts[0].shape)}; all snapshots must have the same width"
        )
    return torch.cat(parts)


def _read_networkx(graph: nx.Graph) -> Data:
    row_of = {name: row for row, name in enumerate(graph.nodes)}
    edges = [(row_of[a], row_of[b], data) for a, b, data in graph.edges(data=True) if data.get("kind") != "time"]
    if not graph.is_directed():
        both = ([(a, b, data)] if a == b else [(a, b, data), (b, a, data)] for a, b, data in edges)
        edges = [edge for pair in both for edge in pair]
    index = torch.tensor([edge[:2] for edge in edges], dtype=torch.long).reshape(-1, 2).t().contiguous()
    plain = Data(edge_index=index, num_nodes=len(row_of))
    weights = _all_or_none("edge", "weight", [(edge[:2], edge[2]) for edge in edges])
    if weights is not None:
        plain.edge_weight = torch.tensor(weights, dtype=torch.get_default_dtype())
    attrs = _all_or_none("edge", "edge_attr", [(edge[:2], edge[2]) for edge in edges])
    if attrs is not None:
        plain.edge_attr = torch.tensor(attrs, dtype=torch.get_default_dtype())
    for key in ("x", "node", "time"):
        values = _all_or_none("node", key, list(graph.nodes(data=True)))
        if values is not None:
            plain[key] = _stacked(key, values)
    return plain


def _stacked(key: str, values: Sequence[object]) -> Tensor:
    try:
        return torch.tensor([np.asarray(value).tolist() for value in values])
    except (TypeError, ValueError):
        raise ValueError(f"node attribute {key!r} must hold numbers, equally many at every node") from None


def _all_or_none(what: str, key: str, items: Sequence[tuple[object, dict[str, object]]]) -> list[object] | None:
    missing = [name for name, data in items if key not in data]
    if len(missing) == len(items):
        return None
    if missing:
        raise ValueError(f"{what} {missing[0]!r} has no {key!r}, but others have; give it to every {what} or to none")
    return [data[key] for _, data in items]


def _read_scipy(matrix: sp.sparray | sp.spmatrix) -> Data:
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"graph must be a square matrix, got shape {matrix.shape}")
    entries = matrix.tocoo()
    index = torch.from_numpy(np.stack([entries.row, entries.col]).astype(np.int64))
    # A copy: the graph's weights must not change with the matrix.
    return Data(edge_index=index, edge_weight=torch.from_numpy(np.array(entries.data)), num_nodes=matrix.shape[0])
