"""A graph rewired by name, to compare a model on both."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq.transforms.rewiring import add_virtual_node, fosr, k_hop, sdrf
from graphseq.transforms.rewiring.parts import Graph

METHODS = ("fosr", "k_hop", "sdrf", "virtual_node")
_TAKES = {"edges": ("fosr", "sdrf"), "hops": ("k_hop",), "seed": ("fosr", "sdrf"), "removal_above": ("sdrf",)}


@checked_arguments
def rewire(
    graph: Graph,
    method: Literal["fosr", "sdrf", "virtual_node", "k_hop"],
    *,
    edges: int | None = None,
    hops: int | None = None,
    seed: int | None = None,
    removal_above: float | None = None,
    edge_weight: float | None = None,
    edge_attr: Tensor | None = None,
) -> Graph:
    """Return a graph rewired by the method of that name.

    Args:
        graph: PyG ``Data`` or ``Batch``, a networkx graph or a static :class:`~graphseq.SpaceTimeGraph`.
        method: "fosr" and "sdrf" add ``edges`` undirected edges, see :func:`~graphseq.transforms.fosr` and
            :func:`~graphseq.transforms.sdrf`; "k_hop" joins nodes within ``hops``, see
            :func:`~graphseq.transforms.k_hop`; "virtual_node" joins all to a new one, see
            :func:`~graphseq.transforms.add_virtual_node`.
        edges: for "fosr" and "sdrf".
        hops: for "k_hop".
        seed: for "fosr" and "sdrf"; 0 by default.
        removal_above: for "sdrf", the curvature above which edges are removed.
        edge_weight: weight of new edges, where the graph has weights.
        edge_attr: features (D,) of a new edge, where the graph has them.

    Raises:
        TypeError: another type of graph.
        ValueError: an unknown method, an argument that it does not take or lacks; as the method.

    Example:
        >>> import networkx as nx
        >>> from graphseq.reach.measures import spectral_gap
        >>> path = nx.path_graph(10)
        >>> [round(spectral_gap(one), 3) for one in (path, rewire(path, "fosr", edges=2))]
        [0.06, 0.207]
    """
    _checks.one_of("method", method, METHODS)
    given = {"edges": edges, "hops": hops, "seed": seed, "removal_above": removal_above}
    for name, value in given.items():
        if value is not None and method not in _TAKES[name]:
            raise ValueError(f"{name}={_checks.plain(value)} was given, but method={method!r} does not take it")
    if method == "virtual_node":
        return add_virtual_node(graph, edge_weight=edge_weight, edge_attr=edge_attr)
    if method == "k_hop":
        return k_hop(graph, _needed(method, "hops", hops), edge_weight=edge_weight, edge_attr=edge_attr)
    count, first = _needed(method, "edges", edges), 0 if seed is None else seed
    if method == "fosr":
        return fosr(graph, count, seed=first, edge_weight=edge_weight, edge_attr=edge_attr)
    return sdrf(graph, count, seed=first, removal_above=removal_above, edge_weight=edge_weight, edge_attr=edge_attr)


def _needed(method: str, name: str, value: int | None) -> int:
    if value is None:
        raise ValueError(f"method={method!r} needs {name}=…")
    return value
