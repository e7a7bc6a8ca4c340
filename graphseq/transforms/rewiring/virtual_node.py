"""A virtual node in each graph, joined to all of its nodes."""

from __future__ import annotations

import networkx as nx
import torch
from torch import Tensor
from torch_geometric.data import Batch, Data

from graphseq._arguments import checked_arguments
from graphseq.data.graph import SpaceTimeGraph
from graphseq.data.topology import Topology
from graphseq.transforms.rewiring.apply import batched, new_values
from graphseq.transforms.rewiring.parts import Graph, check_static, graph_index

_IGNORED = -100  # the class that torch's losses ignore


@checked_arguments
def add_virtual_node(graph: Graph, *, edge_weight: float | None = None, edge_attr: Tensor | None = None) -> Graph:
    """Add one node to each graph, with edges to and from all of its nodes, so that any two are two hops apart.

    Its features are zeros. No answer is asked at it: masks are ``False`` there, ``target`` too, and where PyG data has
    a ``y`` of each node it is -100, the class that losses of torch ignore, or NaN. ``is_virtual`` marks it.

    Args:
        graph: PyG ``Data`` or ``Batch``, a networkx graph or a static :class:`~graphseq.SpaceTimeGraph`.
        edge_weight: weight of new edges, where the graph has weights.
        edge_attr: features (D,) of a new edge, where the graph has them.

    Returns:
        A graph of the same type, in which the virtual node comes last; in a PyG ``Batch`` last in each graph, and in a
        batch of space-time graphs after all rows, one for each graph in order. A ``Batch`` that its own
        ``to_data_list`` does not give back whole, such as one with attributes that were set later, becomes ``Data``
        with ``batch``, in which all virtual nodes come last. Usable as ``Model(transform=…)``.

    Raises:
        TypeError: another type, or features that are tokens, of which 0 is one.
        ValueError: several times, or attributes of edges that new ones would lack.

    Source: Gilmer et al., *Neural message passing for quantum chemistry* (2017), section 5.2, as ordinary edges.

    Example:
        >>> import graphseq as gs, networkx as nx
        >>> found = add_virtual_node(gs.from_graph(nx.path_graph(3), x=torch.ones(3, 2)))
        >>> found.x[3].tolist(), found.target.tolist(), found.edge_index[:, 4:].tolist()
        ([0.0, 0.0], [True, True, True, False], [[0, 1, 2, 3, 3, 3], [3, 3, 3, 0, 1, 2]])
    """
    check_static(graph, "add_virtual_node")
    if isinstance(graph, nx.Graph):
        return _of_networkx(graph, edge_weight, edge_attr)
    if isinstance(graph.get("x"), Tensor) and not graph.x.is_floating_point() and not _is_numbered(graph):
        raise TypeError(
            f"x holds tokens ({graph.x.dtype}), of which 0 is one; a virtual node needs features, such as one-hot"
        )
    if isinstance(graph, SpaceTimeGraph):
        return _of_rows(graph, edge_weight, edge_attr)
    whole = batched(graph, graph)  # its edges ordered by graph, whatever was done to it
    if isinstance(whole, Batch) and whole is not graph:
        return Batch.from_data_list([_of_data(part, edge_weight, edge_attr) for part in whole.to_data_list()])
    return _of_data(graph, edge_weight, edge_attr)


def _is_numbered(graph: Data) -> bool:
    """True if x are the numbers of the rows, by which ``Model.reach`` follows them through a transform."""
    return graph.x.dim() == 1 and torch.equal(graph.x.cpu(), torch.arange(len(graph.x)))


def _of_networkx(graph: nx.Graph, edge_weight: float | None, edge_attr: Tensor | None) -> nx.Graph:
    if edge_attr is not None:
        raise ValueError("edge_attr is of PyG data and space-time graphs; edges of a networkx graph have attributes")
    has_weights = any("weight" in values for *_, values in graph.edges(data=True))
    new_values(torch.ones(1) if has_weights else None, None, len(graph), edge_weight, None)
    name = "virtual"
    while name in graph:
        name += "_"
    out, values = graph.copy(), {"weight": edge_weight} if has_weights else {}
    out.add_node(name, is_virtual=True)
    for node in graph:
        out.add_edge(node, name, **values)
        if graph.is_directed():
            out.add_edge(name, node, **values)
    return out


def _star(graph: Data, count: int) -> tuple[Tensor, Tensor, int]:
    """New edges, to the virtual nodes and then from them, (2, 2V); the graph of each node; the number of graphs."""
    member = graph_index(graph, count)
    number = int(member.max()) + 1 if count else 1
    node = torch.arange(count)
    to = torch.stack([node, count + member])
    return torch.cat([to, to.flip(0)], dim=1), member, number


def _of_data(graph: Data, edge_weight: float | None, edge_attr: Tensor | None) -> Data:
    count = int(graph.num_nodes)
    star, member, number = _star(graph, count)
    weights, features = new_values(
        graph.get("edge_weight"), graph.get("edge_attr"), star.shape[1], edge_weight, edge_attr
    )
    out = Data()
    for key in graph.keys():  # noqa: SIM118 - iterating Data gives pairs
        value = graph[key]
        if key in ("ptr", "num_nodes", "edge_index", "edge_weight", "edge_attr"):
            continue
        if graph.is_edge_attr(key) and isinstance(value, Tensor):
            raise ValueError(f"graph has {key}, an attribute of its edges that new edges would lack; remove it first")
        if graph.is_node_attr(key) and isinstance(value, Tensor) and key != "batch":
            value = torch.cat([value, _blank(key, value, number)])
        out[key] = value
    out.edge_index = torch.cat([graph.edge_index, star.to(graph.edge_index.device)], dim=1)
    for key, new in (("edge_weight", weights), ("edge_attr", features)):
        if new is not None:
            out[key] = torch.cat([graph[key], new])
    device = graph.edge_index.device
    out.is_virtual = (torch.arange(count + number) >= count).to(device)
    if "batch" in graph:
        out.batch = torch.cat([member, torch.arange(number)]).to(graph.batch.device)
    out.num_nodes = count + number
    return out


def _blank(key: str, value: Tensor, number: int) -> Tensor:
    blank = value.new_zeros(number, *value.shape[1:])
    if key == "y" and value.dtype != torch.bool:
        return blank.fill_(torch.nan if value.is_floating_point() else _IGNORED)
    return blank


def _of_rows(graph: SpaceTimeGraph, edge_weight: float | None, edge_attr: Tensor | None) -> SpaceTimeGraph:
    old, count = graph.topology, graph.num_rows
    if not count:
        raise ValueError("graph has no rows, to which a virtual node could be joined")
    star, member, number = _star(graph, count)
    device = graph.node.device
    spatial = old.spatial
    weights, features = new_values(spatial.edge_weight, spatial.edge_attr, star.shape[1], edge_weight, edge_attr)
    first = torch.stack([(member == one).nonzero()[0, 0] for one in range(number)]).to(device)
    node = torch.cat([graph.node, int(graph.node.max()) + 1 + torch.arange(number, device=device)])
    index = torch.cat([spatial.edge_index, star.to(device)], dim=1)
    weight = None if weights is None or spatial.edge_weight is None else torch.cat([spatial.edge_weight, weights])
    attr = None if features is None or spatial.edge_attr is None else torch.cat([spatial.edge_attr, features])
    topology = Topology(node, torch.cat([graph.time, graph.time[first]]), index, weight, edge_attr=attr)
    origin = torch.cat([torch.arange(count, device=device), first])
    is_old = torch.arange(count + number, device=device) < count
    out = graph._over(topology, origin, is_old)
    out.is_virtual = ~is_old
    none = torch.zeros_like(out.x) if out.x.is_floating_point() else torch.full_like(out.x, -1)  # shows no row
    return out.replace(x=out.x.where(is_old.view(-1, *[1] * (out.x.dim() - 1)), none))
