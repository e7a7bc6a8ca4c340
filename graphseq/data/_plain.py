"""Graphs of networkx, scipy and PyG as plain PyG data, with everything that they carry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import networkx as nx
import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor
from torch_geometric.data import Data

from graphseq.data import _validate
from graphseq.data.arrays import as_tensor, optional
from graphseq.data.topology import Topology

READ = ("x", "node", "time", "edge_index", "edge_weight", "edge_attr", "adj_t", "y", "target", "num_nodes")
_OWN = {*Topology.KEYS, "batch", "ptr", "num_nodes", "edge_label_index", "pair_features", "adj_t"} - {"node", "time"}

Items = Sequence[tuple[object, Mapping[str, object]]]


def further(data: Data) -> dict[str, Any]:
    """Return the attributes that no argument of a :class:`~graphseq.SpaceTimeGraph` takes, by name: masks, names, …."""
    return {key: value for key, value in data.to_dict().items() if key not in READ}


def edges_of(
    name: str, data: Data, *, one_is_weight: bool = True
) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    """Return index (2, E), weights (E,) and features (E, D) of the edges of PyG data.

    One column of ``edge_attr``, without ``edge_weight`` beside it, is the weight, unless ``one_is_weight`` is false.
    ``adj_t``, the transposed adjacency of PyG's ``ToSparseTensor``, is read where there is no ``edge_index``.
    """
    if data.get("adj_t") is not None:
        return _of_adjacency(name, data)
    index = optional(f"{name}.edge_index", data.get("edge_index"))
    weight = optional(f"{name}.edge_weight", data.get("edge_weight"))
    attr = optional(f"{name}.edge_attr", data.get("edge_attr"))
    if attr is not None and attr.dim() == 1:
        attr = attr[:, None]
    if one_is_weight and weight is None and attr is not None and attr.dim() == 2 and attr.shape[1] == 1:
        weight, attr = _as_weight(name, attr), None
    count = index.shape[1] if index is not None and index.dim() == 2 else 0
    if index is None and (weight is not None or attr is not None):
        raise ValueError(f"{name} has edge_weight or edge_attr, but no edge_index")
    return index, *_validate.checked_edge_values(count, weight, attr, f"{name}.edge")


def _as_weight(name: str, attr: Tensor) -> Tensor:
    if not attr.is_floating_point():
        raise TypeError(
            f"{name}.edge_attr holds one integer an edge, which may be a weight or a class; give weights as "
            "edge_weight, and classes as edge_attr (E, D) of floats, one-hot say"
        )
    return attr[:, 0]


def _of_adjacency(name: str, data: Data) -> tuple[Tensor, Tensor | None, Tensor | None]:
    if data.get("edge_index") is not None:
        raise ValueError(f"{name} has both edge_index and adj_t; remove one of them, which may differ")
    matrix = data.adj_t
    if isinstance(matrix, Tensor):
        entries = matrix.to_sparse_coo().coalesce()
        (reader, source), values = entries.indices(), entries.values()
    elif hasattr(matrix, "coo"):
        reader, source, values = matrix.coo()
    else:
        raise TypeError(f"{name}.adj_t must be a sparse tensor, got {type(matrix).__name__}")
    if values is not None and values.dim() == 1 and bool((values == 1).all()):
        values = None  # PyG writes 1 where edges have no weight
    index = torch.stack([source, reader])
    weight, attr = (values, None) if values is None or values.dim() == 1 else (None, values)
    return index, *_validate.checked_edge_values(index.shape[1], weight, attr, f"{name}.edge")


def read_scipy(matrix: sp.sparray | sp.spmatrix) -> Data:
    """Return a square matrix as a graph, entry (i, j) as the weight of the edge from i to j."""
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"graph must be a square matrix, got shape {matrix.shape}")
    entries = matrix.tocoo()
    index = torch.from_numpy(np.stack([entries.row, entries.col]).astype(np.int64))
    return Data(edge_index=index, edge_weight=as_tensor("graph", entries.data), num_nodes=matrix.shape[0])


def read_networkx(graph: nx.Graph) -> Data:
    """Return nodes, edges, and the attributes of both, an undirected edge as two.

    An attribute of numbers at every node is a tensor (N, …), any other a list (N,) with ``None`` where a node has none.
    Names of nodes that are not 0, 1, 2, … are the list ``node_names``; an
    attribute ``a`` of edges, other than ``weight`` and ``edge_attr``, is ``edge_a``. Where every node has ``node`` and
    ``time``, as ``to_networkx`` writes them, edges of kind "time" are left out.
    """
    row_of = {name: row for row, name in enumerate(graph.nodes)}
    of_nodes: Items = list(graph.nodes(data=True))
    is_ours = bool(of_nodes) and all("node" in data and "time" in data for _, data in of_nodes)  # of to_networkx
    edges = [(a, b, data) for a, b, data in graph.edges(data=True) if not (is_ours and data.get("kind") == "time")]
    if not graph.is_directed():
        both = ([(a, b, data)] if a == b else [(a, b, data), (b, a, data)] for a, b, data in edges)
        edges = [edge for pair in both for edge in pair]
    ends = [(row_of[a], row_of[b]) for a, b, _ in edges]
    index = torch.tensor(ends, dtype=torch.long).reshape(-1, 2).t().contiguous()
    plain = Data(edge_index=index, num_nodes=len(row_of))
    of_edges: Items = [((a, b), data) for a, b, data in edges]
    for key, name in (("weight", "edge_weight"), ("edge_attr", "edge_attr")):
        if (values := _all_or_none("edge", key, of_edges)) is not None:
            numbers = _stacked("edge", key, [one for one, _ in of_edges], values, _kind(graph, key))
            plain[name] = numbers if numbers.is_floating_point() else numbers.to(torch.get_default_dtype())
    for key in ("x", "node", "time") if is_ours else ("x",):
        if (values := _all_or_none("node", key, of_nodes)) is not None:
            plain[key] = _stacked("node", key, list(graph.nodes), values, _kind(graph, key))
    if list(graph.nodes) != list(range(len(row_of))):
        plain["node_names"] = list(graph.nodes)
    _add_further(plain, "node", of_nodes, {"x", "node", "time"} if is_ours else {"x"}, "")
    _add_further(plain, "edge", of_edges, {"weight", "edge_attr", *(("kind",) if is_ours else ())}, "edge_")
    return plain


def _add_further(plain: Data, what: str, items: Items, read: set[str], prefix: str) -> None:
    keys = dict.fromkeys(str(key) for _, data in items for key in data)
    for key in (key for key in keys if key not in read):
        name = key if not prefix or key.startswith(prefix) else prefix + key
        if name in _OWN or name in plain or name in ("node", "time"):
            raise ValueError(f"{what} attribute {key!r} has the name of a part of the graph itself; rename it")
        values = [data.get(key) for _, data in items]
        plain[name] = _numbers_or_list(values)


def _numbers_or_list(values: list[object]) -> Tensor | list[object]:
    if all(isinstance(value, bool | np.bool_) for value in values):
        return torch.tensor([bool(value) for value in values])
    if any(value is None or isinstance(value, str | bytes | bool | np.bool_) for value in values):
        return values
    try:
        return as_tensor("", [np.asarray(value).tolist() for value in values])
    except (TypeError, ValueError):
        return values


def _kind(graph: nx.Graph, key: str) -> torch.dtype | None:
    """Return the number type that ``to_networkx`` wrote down, since Python's own floats have none."""
    return getattr(torch, str(graph.graph.get(f"{key}_dtype")), None)


def _stacked(
    what: str, key: str, names: Iterable[object], values: Sequence[object], kind: torch.dtype | None
) -> Tensor:
    for name, value in zip(names, values, strict=True):
        if isinstance(value, str):
            raise ValueError(
                f"{what} attribute {key!r} must hold numbers, but {what} {name!r} has {value!r}, which is text; make "
                f"it a number: float({value!r})"
            )
        if value is None:
            raise ValueError(f"{what} attribute {key!r} must hold numbers, but {what} {name!r} has None")
    try:
        numbers = as_tensor(key, np.asarray([np.asarray(value).tolist() for value in values]))
    except (TypeError, ValueError):
        raise ValueError(f"{what} attribute {key!r} must hold numbers, equally many at every {what}") from None
    if kind is None:
        kind = torch.get_default_dtype() if numbers.is_floating_point() else numbers.dtype
    return numbers.to(kind)


def _all_or_none(what: str, key: str, items: Items) -> list[object] | None:
    missing = [name for name, data in items if key not in data]
    if len(missing) == len(items):
        return None
    if missing:
        raise ValueError(f"{what} {missing[0]!r} has no {key!r}, but others have; give it to every {what} or to none")
    return [data[key] for _, data in items]
