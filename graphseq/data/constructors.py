"""Constructors of a :class:`~graphseq.SpaceTimeGraph` from sequences, graphs, snapshots and signals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import networkx as nx
import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor
from torch_geometric.data import Batch, Data

from graphseq import _checks
from graphseq.data import _dgl, _frames, _plain, _validate
from graphseq.data._dgl import DGLGraph
from graphseq.data.arrays import Numbers, as_tensor, is_frame, optional
from graphseq.data.graph import SpaceTimeGraph

_HOW = {
    "ndarray": "; an adjacency matrix goes in as scipy.sparse.csr_array(graph)",
    "Tensor": "; an adjacency matrix goes in as scipy.sparse.csr_array(graph)",
    "HeteroData": "; one kind of nodes and edges is graph.to_homogeneous()",
    "DataFrame": "; edges in a frame are read by gs.io.read_graph(graph).graph",
    "str": "; a file is read by gs.io.read_graph(graph).graph",
    "PlainGraph": "; what was read from a file is graph.graph",
    "PosixPath": "; a file is read by gs.io.read_graph(graph).graph",
    "TemporalData": "; events are for gs.from_events",
}


def from_sequence(x: Numbers, *, y: Numbers = None, target: Numbers = None) -> SpaceTimeGraph:
    """Read a sequence as one node at T times: its space-time graph is the path graph on T rows.

    Args:
        x: features (T, F), or integer tokens (T,): a tensor, a numpy array, a list, or a frame of pandas or polars.
        y: answers, (K, …).
        target: rows at which an output is asked for, (T,), ``bool``; all rows by default.

    Raises:
        TypeError, ValueError: as :class:`~graphseq.SpaceTimeGraph`.

    Example:
        >>> import torch
        >>> from_sequence(torch.tensor([3, 1, 4])).topology.temporal_edges.tolist()
        [[0, 1], [1, 2]]
    """
    _frames.check_ascending("x", x)
    x = _frames.features_of("x", x)
    if x.dim() == 1 and x.is_floating_point():
        raise ValueError(
            f"x must have shape (T, F), got {tuple(x.shape)}; one feature a step is a column: x[:, None], or a frame "
            "of one column"
        )
    rows = torch.arange(_length(x), device=x.device)
    return SpaceTimeGraph(x, torch.zeros_like(rows), rows, y=y, target=target)


def from_graph(
    graph: nx.Graph | Data | sp.sparray | sp.spmatrix | DGLGraph,
    *,
    x: Numbers = None,
    y: Numbers = None,
    target: Numbers = None,
) -> SpaceTimeGraph:
    """Read a static graph as N nodes at one time, in the order in which the graph lists its nodes.

    Args:
        graph: a networkx graph (an undirected edge becomes both directions; edge attributes ``weight``, ``edge_attr``
            and node attributes ``x``, ``y``, ``target`` are read where every edge, every node has one), a PyG ``Data``
            (``x``, ``edge_index`` or ``adj_t``, ``edge_weight``, ``edge_attr``, ``y``, ``target``), a PyG
            ``Batch``, which stays one of as many graphs, a ``DGLGraph`` of one kind of nodes and edges (``feat`` and
            ``label`` of its nodes are x and y; ``weight`` or ``w`` of its edges is the weight, ``feat`` their
            features), or a scipy sparse matrix whose entry (i, j) is the weight of the edge from i to j. The result of
            :meth:`~graphseq.SpaceTimeGraph.to_networkx` is read with its times.
            One column of PyG's ``edge_attr``, without ``edge_weight`` beside it, is the weight; more are features.
        x: features (N, F) or tokens (N,), in place of those of the graph; a constant 1 if there are none.
        y: answers, in place of those of the graph.
        target: rows at which an output is asked for, (N,), ``bool``, in place of those of the graph.

    Returns:
        The graph, with all other attributes under their names: ``train_mask`` and others of PyG, attributes of
        networkx's nodes, and of its edges as ``edge_…``. Names of networkx's nodes other than 0, 1, 2, …
        are ``node_names``, a list (N,).

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
    if isinstance(graph, Batch) and isinstance(graph, Data):
        _check_alone(x=x, y=y, target=target)
        joined: SpaceTimeGraph = Batch.from_data_list([from_graph(one) for one in graph.to_data_list()])
        return joined
    if isinstance(graph, Data):
        plain = graph
    elif isinstance(graph, nx.Graph):
        plain = _plain.read_networkx(graph)
    elif sp.issparse(graph):
        plain = _plain.read_scipy(graph)
    elif _dgl.is_dgl(graph):
        plain = _dgl.read_dgl(graph)
    else:
        raise TypeError(
            "graph must be a networkx graph, a PyG Data, a DGLGraph or a scipy sparse matrix, got "
            f"{type(graph).__name__}" + _HOW.get(type(graph).__name__, "")
        )
    index, weight, attr = _plain.edges_of("graph", plain, one_is_weight=isinstance(graph, Data))
    x = optional("x", plain.get("x") if x is None else x)
    known = plain.num_nodes if "num_nodes" in plain or plain.get("x") is not None else None
    if x is None:
        x = torch.ones(plain.num_nodes or 0, 1)
    rows = torch.arange(_length(x), device=x.device)
    if known is not None and known != len(rows):
        raise ValueError(f"x has {len(rows)} rows for a graph of {known} nodes")
    out = SpaceTimeGraph(
        x,
        plain.get("node", rows),
        plain.get("time", torch.zeros_like(rows)),
        index,
        weight,
        edge_attr=attr,
        y=plain.get("y") if y is None else y,
        target=plain.get("target") if target is None else target,
    )
    return _with_further(out, _plain.further(plain))


def from_snapshots(
    snapshots: Iterable[Data],
    *,
    times: Sequence[int] | None = None,
    y: Numbers = None,
    target: Numbers = None,
) -> SpaceTimeGraph:
    """Read a list of graphs as a graph that changes over time; nodes and edges may differ between snapshots.

    Args:
        snapshots: PyG ``Data`` with ``x``, ``edge_index``, optional ``edge_weight`` and ``edge_attr``, and optional
            ``node`` (or ``n_id``, as PyG's samplers have it), the number of the node of each row; by default row i is
            node i. One column of ``edge_attr``, without ``edge_weight`` beside it, is the weight, as in the snapshots
            of PyTorch Geometric Temporal, whose signals can be given as they are.
        times: strictly ascending integers, one for each snapshot; 0, 1, 2, … by default.
        y: answers, (K, …); by default the concatenated ``y`` of the snapshots, if all have one.
        target: rows at which an output is asked for, (V,), over all snapshots in order; by default the concatenated
            ``target`` of the snapshots, if all have one.

    Returns:
        The graph. Other attributes with one entry for each row, masks say, or for each edge are concatenated, those
        that are equal in all snapshots are kept, and others are refused.

    Raises:
        TypeError: something in the list is not ``Data``.
        ValueError: an empty list, times out of order, features of another width, weights or other attributes in some
            snapshots only; the message names the snapshot.

    Example:
        >>> import torch
        >>> a, b = (Data(x=torch.ones(n, 1), edge_index=torch.tensor([[0], [1]])) for n in (2, 3))
        >>> from_snapshots([a, b]).time.tolist()
        [0, 0, 1, 1, 1]
    """
    parts = _listed(snapshots)
    moments = _validate.checked_times(times, len(parts))
    read = [_read_snapshot(f"snapshots[{number}]", one, parts[0]) for number, one in enumerate(parts)]
    sizes = [len(one["x"]) for one in read]
    when = torch.tensor(moments).repeat_interleave(torch.tensor(sizes))
    starts = np.cumsum([0, *sizes]).tolist()
    _fill_without_edges(read)
    joined = {key: _joined(key, [one[key] for one in read]) for key in read[0] if key != "edge_index"}
    out = SpaceTimeGraph(
        joined["x"],
        joined["node"],
        when.to(read[0]["x"].device),
        torch.cat([one["edge_index"] + start for one, start in zip(read, starts, strict=False)], dim=1),
        joined["edge_weight"],
        edge_attr=joined["edge_attr"],
        y=joined["y"] if y is None else y,
        target=joined["target"] if target is None else target,
    )
    return _with_further(out, _joined_further(parts, sizes, [one["edge_index"].shape[1] for one in read]))


def from_signal(
    x: Numbers,
    edge_index: Numbers,
    edge_weight: Numbers = None,
    *,
    edge_attr: Numbers = None,
    y: Numbers = None,
    target: Numbers = None,
) -> SpaceTimeGraph:
    """Read a signal on a graph that does not change over time; its edges are stored once, not T times.

    Args:
        x: the signal, (T, N, F), or tokens (T, N). Row t·N + n is node n at time t. Of a frame of pandas or polars, the
            lines are the T times and the columns the N nodes, with F = 1.
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
    _frames.check_ascending("x", x)
    _frames.check_nodes_alone("x", x)
    signal = _frames.features_of("x", x)
    if is_frame(x) and signal.dim() == 2:
        signal = signal[:, :, None]
    wide = 3 if signal.is_floating_point() else 2
    if signal.dim() != wide:
        raise ValueError(f"x must have shape (T, N, F), or (T, N) where it holds tokens; got {tuple(signal.shape)}")
    steps, nodes = signal.shape[:2]
    target = optional("target", target)
    if target is not None and target.shape == (steps, nodes):
        target = target.flatten()
    index = _checks.edges("edge_index", as_tensor("edge_index", _index_of(edge_index)), nodes, "nodes")
    weight, attr = optional("edge_weight", edge_weight), optional("edge_attr", edge_attr)
    weight, attr = _validate.checked_edge_values(index.shape[1], weight, attr, "edge")
    out = SpaceTimeGraph(
        signal.flatten(0, 1),
        torch.arange(nodes, device=signal.device).repeat(steps),
        torch.arange(steps, device=signal.device).repeat_interleave(nodes),
        static_edge_index=index,
        static_edge_weight=weight,
        static_edge_attr=attr,
        y=y,
        target=target,
    )
    return _with_further(out, _frames.names_of(x))


def _index_of(edges: object) -> object:
    """Return the edges, or say where those of a whole graph are."""
    if isinstance(edges, nx.Graph | Data):
        raise TypeError(
            f"edge_index must be a torch.Tensor, got {type(edges).__name__}; its edges are from_graph(graph).edge_index"
        )
    return edges


def _check_alone(**given: object) -> None:
    for key, value in given.items():
        if value is not None:
            raise ValueError(f"{key} was given for a Batch; put it into its graphs, or read them one by one")


def _with_further(graph: SpaceTimeGraph, attributes: dict[str, Any]) -> SpaceTimeGraph:
    for key, value in attributes.items():
        graph[key] = value
    return graph


def _length(x: Tensor) -> int:
    if x.dim() == 0:
        raise ValueError("x must have one row or more, got a single number")
    return x.shape[0]


def _listed(snapshots: object) -> list[Data]:
    if isinstance(snapshots, Data | nx.Graph | Tensor | str | bytes) or not isinstance(snapshots, Iterable):
        raise TypeError(f"snapshots must be several PyG Data, in a list say; got one {type(snapshots).__name__}")
    parts = list(snapshots)
    if not parts:
        raise ValueError("snapshots is empty; at least one graph is needed")
    for number, one in enumerate(parts):
        if not isinstance(one, Data):
            hint = "; networkx graphs are for gs.io.from_temporal_networkx" if isinstance(one, nx.Graph) else ""
            raise TypeError(f"snapshots[{number}] must be a PyG Data, got {type(one).__name__}{hint}")
    return parts


def _read_snapshot(name: str, snapshot: Data, first: Data) -> dict[str, Any]:
    """Return what a snapshot gives to the arguments of a graph, with the nodes of its rows."""
    x = optional(f"{name}.x", snapshot.get("x"))
    if x is None:
        raise ValueError(f"{name} has no x")
    width = as_tensor("snapshots[0].x", first.get("x")).shape
    if x.shape[1:] != width[1:] or not x.dim():
        raise ValueError(
            f"{name}.x has shape {tuple(x.shape)}, but snapshots[0].x {tuple(width)}; "
            "all snapshots must have the same feature width"
        )
    rows = torch.arange(len(x), device=x.device)
    index, weight, attr = _plain.edges_of(name, snapshot)
    index = rows.new_zeros((2, 0)) if index is None else _checks.edges(f"{name}.edge_index", index, len(x), "rows")
    target = optional(f"{name}.target", snapshot.get("target"))
    if target is not None:
        _checks.marked_rows(f"{name}.target", target, len(x))
    key = "node" if "node" in snapshot or "n_id" not in snapshot else "n_id"
    node = _checks.integer_rows(f"{name}.{key}", as_tensor(f"{name}.{key}", snapshot.get(key, rows)), len(x))
    return {
        "x": x,
        "node": node,
        "edge_index": index,
        "edge_weight": weight,
        "edge_attr": attr,
        "y": optional(f"{name}.y", snapshot.get("y")),
        "target": target,
    }


def _fill_without_edges(read: Sequence[dict[str, Any]]) -> None:
    """Give snapshots without edges the values of none, where the others have values of edges."""
    for key in ("edge_weight", "edge_attr"):
        like = next((one[key] for one in read if one[key] is not None), None)
        for one in read:
            if one[key] is None and like is not None and not one["edge_index"].shape[1]:
                one[key] = like[:0]


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


def _joined_further(parts: Sequence[Data], rows: Sequence[int], edges: Sequence[int]) -> dict[str, Any]:
    """Return the attributes that are no arguments of a graph, concatenated over rows or edges, or kept where equal."""
    all_of = [_plain.further(part) for part in parts]
    out: dict[str, Any] = {}
    for key in dict.fromkeys(key for one in all_of for key in one):
        missing = next((number for number, one in enumerate(all_of) if key not in one), None)
        if missing is not None:
            raise ValueError(f"snapshots[{missing}] has no {key}, but others have; give it to all or to none")
        values = [one[key] for one in all_of]
        sizes = edges if "edge" in key else rows
        if all(isinstance(v, Tensor) and v.dim() and len(v) == n for v, n in zip(values, sizes, strict=True)):
            out[key] = _joined(key, values)
        elif all(isinstance(v, list) and len(v) == n for v, n in zip(values, sizes, strict=True)):
            out[key] = [entry for value in values for entry in value]
        elif all(_is_equal(value, values[0]) for value in values):
            out[key] = values[0]
        else:
            raise ValueError(
                f"{key} of the snapshots has neither one entry for each row or edge nor the same value in all; "
                f"remove it from them, and set it on the result"
            )
    return out


def _is_equal(a: object, b: object) -> bool:
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return a.shape == b.shape and torch.equal(a, b)
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return np.array_equal(a, b)  # type: ignore[arg-type]
    return type(a) is type(b) and bool(a == b)
