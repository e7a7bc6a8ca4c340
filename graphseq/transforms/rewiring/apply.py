"""A graph with other edges, whatever its type; weights and features of new edges are given, or refused by name."""

from __future__ import annotations

import networkx as nx
import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Batch, Data

from graphseq import _checks
from graphseq.data.graph import SpaceTimeGraph
from graphseq.data.topology import Topology
from graphseq.transforms.rewiring.parts import Change, Graph, kept


def changed(graph: Graph, change: Change, *, edge_weight: float | None, edge_attr: Tensor | None) -> Graph:
    """Return a graph with a change of its edges; the rest stays, and the old edges keep their order.

    Args:
        graph: PyG ``Data``, a networkx graph or a static :class:`~graphseq.SpaceTimeGraph`.
        change: the edges to add and to remove.
        edge_weight: the weight of new edges; needed where edges have weights, and there alone.
        edge_attr: the features of a new edge, (D,); needed where edges have features, and there alone.

    Raises:
        ValueError: weights or features of edges without those of new ones, or these for a graph without; further
            attributes of edges.
    """
    if isinstance(graph, nx.Graph):
        return _of_networkx(graph, change, edge_weight, edge_attr)
    if isinstance(graph, SpaceTimeGraph):
        spatial = graph.topology.spatial
        _refuse_further(graph, {*Topology.KEYS})

        def make() -> Topology:
            old = (spatial.edge_index, spatial.edge_weight, spatial.edge_attr)
            index, weight, attr = _joined(*old, change, edge_weight, edge_attr)
            return Topology(graph.node, graph.time, index, weight, edge_attr=attr)

        attr_key = None if edge_attr is None else edge_attr.detach().cpu().numpy().tobytes()
        return graph.replace(topology=kept(graph, ("made", *change.key, edge_weight, attr_key), make))
    _refuse_further(graph, {"edge_index", "edge_weight", "edge_attr"})
    out = Data()
    for key in graph.keys():  # noqa: SIM118 - iterating Data gives pairs
        out[key] = graph[key]
    if "num_nodes" not in out and "x" not in out:
        out.num_nodes = graph.num_nodes
    parts = _joined(graph.edge_index, graph.get("edge_weight"), graph.get("edge_attr"), change, edge_weight, edge_attr)
    for key, value in zip(("edge_index", "edge_weight", "edge_attr"), parts, strict=True):
        if value is not None:
            out[key] = value
    return batched(graph, out)


def batched(graph: Data, out: Data) -> Data:
    """Join ``out`` graph by graph where ``graph`` is a ``Batch`` of the same nodes, so that it can be split again.

    Edges are then ordered by graph. A batch that its own ``to_data_list`` does not give back whole, such as one with
    attributes that were set later, stays ``Data`` with ``batch``.
    """
    if not isinstance(graph, Batch):
        return out
    try:
        parts = graph.to_data_list()
    except RuntimeError:  # made by other means than from_data_list
        return out
    sizes = torch.tensor([part.num_nodes for part in parts])
    held = {key for part in parts for key in part.keys()} | {"batch", "ptr", "num_nodes"}  # noqa: SIM118
    member, numbers = graph.batch.cpu(), torch.arange(len(parts))
    if not held >= set(out.keys()) or not torch.equal(member, numbers.repeat_interleave(sizes)):
        return out
    first = sizes.cumsum(0) - sizes
    owner = member[out.edge_index[0].cpu()]
    for number, part in enumerate(parts):
        at = (owner == number).nonzero()[:, 0].to(out.edge_index.device)
        part.edge_index = out.edge_index[:, at] - int(first[number])
        for key in ("edge_weight", "edge_attr"):
            if key in out:
                part[key] = out[key][at]
    return Batch.from_data_list(parts)


def new_values(
    weight: Tensor | None, attr: Tensor | None, count: int, edge_weight: float | None, edge_attr: Tensor | None
) -> tuple[Tensor | None, Tensor | None]:
    """The weights and features of ``count`` new edges, of the types of the old ones.

    Raises:
        TypeError, ValueError: as :func:`changed`.
    """
    if weight is None and edge_weight is not None:
        raise ValueError(f"edge_weight={_checks.plain(edge_weight)} was given, but the edges of graph have no weights")
    if weight is not None and edge_weight is None and count:
        raise ValueError("edges of graph have weights; give those of new edges, such as edge_weight=1.0")
    if attr is None and edge_attr is not None:
        raise ValueError("edge_attr was given, but the edges of graph have no features")
    if attr is not None and edge_attr is None and count:
        raise ValueError(
            f"edges of graph have features, edge_attr {tuple(attr.shape)}; give those of a new edge, such as "
            f"edge_attr=torch.zeros({', '.join(map(str, attr.shape[1:])) or '()'})"
        )
    weights = features = None
    if weight is not None:
        value = 0.0 if edge_weight is None else _checks.between("edge_weight", edge_weight, 0.0, 1e300)
        weights = weight.new_full((count, *weight.shape[1:]), value)
    if attr is not None:
        one = attr.new_zeros(attr.shape[1:]) if edge_attr is None else _checks.is_tensor("edge_attr", edge_attr)
        if one.shape != attr.shape[1:]:
            raise ValueError(f"edge_attr of a new edge must be {tuple(attr.shape[1:])}, got {tuple(one.shape)}")
        features = one.to(attr).expand(count, *attr.shape[1:])
    return weights, features


def _joined(
    index: Tensor,
    weight: Tensor | None,
    attr: Tensor | None,
    change: Change,
    edge_weight: float | None,
    edge_attr: Tensor | None,
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    pairs = index.t().tolist()
    kept = torch.tensor([tuple(pair) not in change.removed for pair in pairs], dtype=torch.bool, device=index.device)
    new = torch.tensor(change.added, dtype=index.dtype, device=index.device).reshape(-1, 2).t()
    weights, features = new_values(weight, attr, new.shape[1], edge_weight, edge_attr)
    return (
        torch.cat([index[:, kept], new], dim=1),
        None if weight is None or weights is None else torch.cat([weight[kept], weights]),
        None if attr is None or features is None else torch.cat([attr[kept], features]),
    )


def _of_networkx(graph: nx.Graph, change: Change, edge_weight: float | None, edge_attr: Tensor | None) -> nx.Graph:
    if edge_attr is not None:
        raise ValueError("edge_attr is of PyG data and space-time graphs; edges of a networkx graph have attributes")
    names = list(graph)
    has_weights = any("weight" in values for *_, values in graph.edges(data=True))
    weights, _ = new_values(torch.ones(1) if has_weights else None, None, len(change.added), edge_weight, None)
    out = graph.copy()
    for i, j in change.removed:
        while out.has_edge(names[i], names[j]):
            out.remove_edge(names[i], names[j])
    for i, j in change.added:
        if not out.has_edge(names[i], names[j]):
            out.add_edge(names[i], names[j], **({} if weights is None else {"weight": edge_weight}))
    return out


def _refuse_further(graph: Data, known: set[str]) -> None:
    for key in graph.keys():  # noqa: SIM118 - iterating Data gives pairs
        is_of_edges = graph.is_edge_attr(key) or ("edge" in key and not key.startswith("edge_label"))
        value = graph[key]
        if key not in known and is_of_edges and isinstance(value, Tensor | np.ndarray | list):
            raise ValueError(
                f"graph has {key}, an attribute of its edges that new edges would lack; remove it first, or move it to "
                "edge_attr"
            )
