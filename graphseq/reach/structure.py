"""What structure alone says of carrying information: who is seen, how many layers it takes, and by which routes."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from graphseq import _checks
from graphseq.data.graph import SpaceTimeGraph
from graphseq.data.hops import hops_from, hops_to
from graphseq.nn.encoder import Encoder
from graphseq.nn.heads import RowHead
from graphseq.nn.model import Model


class UnreachableError(ValueError):
    """There is no way from the source to the row asked: no number of layers carries anything."""


def receptive_field(model: Model | Encoder, graph: SpaceTimeGraph, row: int) -> Tensor:
    """The rows whose input can change what ``model`` says at ``row``: a ball, a line or a cone.

    Args:
        model: a model with one output a row, or an encoder.
        graph: V rows; a million are fine.
        row: the row asked, whether or not the graph's ``target`` marks it.

    Returns:
        Numbers of rows, ascending, (R,).

    Raises:
        TypeError: neither a model nor an encoder.
        ValueError: a row outside the graph, or a model that pools rows, for which ``model.reach(graph)`` answers.

    Example:
        >>> import graphseq as gs, torch
        >>> receptive_field(gs.nn.GCN(1, 4, num_layers=2), gs.from_sequence(torch.zeros(9, 1)), 4).tolist()
        [2, 3, 4, 5, 6]
    """
    at = _row("row", row, graph)
    if isinstance(model, Encoder):
        return model.reach(graph, torch.tensor([at], device=graph.node.device))[0].nonzero()[:, 0]
    if not isinstance(model, Model):
        raise TypeError(f"model must be a graphseq.nn.Model or Encoder, got {type(model).__name__}")
    if not isinstance(model.head, RowHead):
        raise ValueError("a receptive field is that of one row; this model pools all rows: see model.reach(graph)")
    target = torch.zeros(graph.num_rows, dtype=torch.bool, device=graph.node.device)
    target[at] = True
    return model.reach(graph.replace(target=target, y=None))[0].nonzero()[:, 0]


def layers_needed(graph: SpaceTimeGraph, source: int, asked: int, *, causal: bool = False) -> int:
    """How many graph convolutions carry something from row ``source`` to row ``asked``: the hops between them.

    Args:
        graph: V rows; a million are fine.
        source: the row that knows.
        asked: the row that is asked.
        causal: along time past → future only.

    Returns:
        Hops of the shortest way, 0 where both are one row.

    Raises:
        UnreachableError: there is no way; a ``ValueError``.
        ValueError: a row outside the graph.

    Example:
        >>> import graphseq as gs, networkx as nx
        >>> layers_needed(gs.from_graph(nx.cycle_graph(6)), source=0, asked=4)
        2
    """
    source, asked = _row("source", source, graph), _row("asked", asked, graph)
    to_asked = hops_to(graph.topology, torch.tensor([asked]), causal=causal)[0]
    return _hops(to_asked, source, asked, causal)


def routes(
    graph: SpaceTimeGraph, source: int, asked: int, *, causal: bool = False, limit: int = 10_000
) -> list[list[int]]:
    """All shortest routes from row ``source`` to row ``asked``, along edges of the space-time graph.

    Args:
        graph: V rows.
        source: where each route begins.
        asked: where each route ends.
        causal: along time past → future only.
        limit: the most routes to list; their number can grow like 2 to the hops.

    Returns:
        Each route as its row numbers from source to asked, both included, in lexicographic order.

    Raises:
        UnreachableError: there is no way; a ``ValueError``.
        ValueError: a row outside the graph, or more routes than ``limit``; the message says how many.

    Example:
        >>> import graphseq as gs, networkx as nx
        >>> graph = nx.Graph()
        >>> graph.add_nodes_from("ABCDEF")
        >>> graph.add_edges_from(["AB", "AE", "AF", "BC", "BD", "CD", "DF", "EF"])
        >>> found = routes(gs.from_graph(graph), source="ABCDEF".index("C"), asked="ABCDEF".index("E"))
        >>> ["".join("ABCDEF"[row] for row in route) for route in found]
        ['CBAE', 'CDFE']
    """
    source, asked = _row("source", source, graph), _row("asked", asked, graph)
    to_asked = hops_to(graph.topology, torch.tensor([asked]), causal=causal)[0]
    hops = _hops(to_asked, source, asked, causal)
    gone = hops_from(graph.topology, source, causal=causal).numpy()
    on_route = (gone >= 0) & (to_asked.numpy() >= 0) & (gone + to_asked.numpy() == hops)
    entries = graph.topology.spacetime(causal).pattern.tocoo()
    start, end = entries.col, entries.row
    forward = on_route[start] & on_route[end] & (gone[end] == gone[start] + 1)
    start, end = start[forward], end[forward]
    order = np.argsort(gone[start], kind="stable")
    edges = list(zip(start[order].tolist(), end[order].tolist(), strict=True))
    number = _count(edges, source, asked)
    if number > _checks.at_least("limit", limit, 1):
        raise ValueError(
            f"there are {number} shortest routes of {hops} hops, above limit={limit}; raise it to list all"
        )
    return _listed(edges, source, asked)


def _count(edges: list[tuple[int, int]], source: int, asked: int) -> int:
    """Ways from source to asked over ``edges``, which are sorted by hops from the source."""
    ways = {source: 1}
    for start, end in edges:
        ways[end] = ways.get(end, 0) + ways[start]
    return ways[asked]


def _listed(edges: list[tuple[int, int]], source: int, asked: int) -> list[list[int]]:
    """All ways from source to asked over ``edges``, every one of which lies on such a way, in lexicographic order."""
    onward: dict[int, list[int]] = {}
    for start, end in sorted(edges):
        onward.setdefault(start, []).append(end)
    found, route = [], [source]
    open_ends = [iter(onward.get(source, []))]
    while route:
        if route[-1] == asked:
            found.append(route.copy())
        following = next(open_ends[-1], None)
        if following is None:
            route.pop()
            open_ends.pop()
        else:
            route.append(following)
            open_ends.append(iter(onward.get(following, [])))
    return found


def _hops(to_asked: Tensor, source: int, asked: int, causal: bool) -> int:
    if int(to_asked[source]) >= 0:
        return int(to_asked[source])
    way = "way from past to future" if causal else "way"
    others = int((to_asked >= 0).sum())
    raise UnreachableError(
        f"row {asked} is unreachable from row {source}: there is no {way} between them, however many layers; "
        f"{others} of the {len(to_asked)} rows, itself among them, reach row {asked}"
    )


def _row(name: str, value: object, graph: SpaceTimeGraph) -> int:
    row = _checks.at_least(name, value, 0)
    if row >= graph.num_rows:
        raise ValueError(f"{name} must lie in 0 to {graph.num_rows - 1}, got {row}")
    return row
