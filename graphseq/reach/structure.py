"""Receptive fields, the layers that a distance needs, and shortest routes, all from structure alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from graphseq import _checks
from graphseq._arguments import checked_arguments, checked_but
from graphseq.data.graph import SpaceTimeGraph
from graphseq.data.hops import hops_from, hops_to
from graphseq.nn.encoder import Encoder
from graphseq.nn.heads import RowHead
from graphseq.nn.model import Model
from graphseq.reach.probe.given import check_data
from graphseq.reach.probe.probe import Probe


class UnreachableError(ValueError):
    """No path leads from the source to the target, so that no number of layers is enough.

    Raised by :func:`graphseq.reach.layers_needed`.
    """


@checked_but("model")
def receptive_field(model: Callable[..., object], graph: object, row: int) -> Tensor:
    """Compute the rows whose input can change the output of ``model`` at ``row``: a ball, a line or a light cone.

    Of a model of this library they follow from structure alone. Of any other model they follow from the layers that it
    calls where its Jacobian agrees, else from its Jacobian; :meth:`graphseq.reach.Probe.receptive_field` says which.

    Args:
        model: a model with one output a row, or an encoder; any model that :class:`~graphseq.reach.Probe` takes.
        graph: its data, V rows; up to millions for models of this library.
        row: the target, whether or not the graph's ``target`` marks it.

    Returns:
        The rows, ascending, (R,).

    Raises:
        TypeError: a model that cannot be called, or data of another type.
        ValueError: a row outside the graph, or a model that pools rows; use ``model.reach(graph)`` for that.

    Example:
        >>> import graphseq as gs, torch
        >>> receptive_field(gs.nn.GCN(1, 4, num_layers=2), gs.from_sequence(torch.zeros(9, 1)), 4).tolist()
        [2, 3, 4, 5, 6]
    """
    if not isinstance(model, Model | Encoder) or not isinstance(graph, SpaceTimeGraph):
        check_data("graph", model, graph)
        return _of_any(Probe(model, graph), row)
    graph.check_as_argument("graph")
    at = _row("row", row, graph)
    if isinstance(model, Encoder):
        return model.reach(graph, torch.tensor([at], device=graph.node.device))[0].nonzero()[:, 0]
    if not isinstance(model.head, RowHead):
        raise ValueError(
            "model pools all rows of a graph, so that no single row has a receptive field; see model.reach(graph)"
        )
    target = torch.zeros(graph.num_rows, dtype=torch.bool, device=graph.node.device)
    target[at] = True
    return model.reach(graph.replace(target=target, y=None))[0].nonzero()[:, 0]


def _of_any(probe: Probe, row: int) -> Tensor:
    if probe.kind != "node":
        raise ValueError(
            f"the model answers for {probe.kind}s, so that no single row has a receptive field; see "
            "Probe.receptive_field, which takes the number of an answer"
        )
    (output,) = probe.outputs_at([_checks.at_least("row", row, 0)]).tolist()
    return probe.receptive_field(output).rows


@checked_arguments
def layers_needed(graph: SpaceTimeGraph, source: int, target: int, *, causal: bool = False) -> int:
    """Compute the number of graph convolutions that a target needs to depend on a source: the hops between them.

    Args:
        graph: V rows, up to millions.
        source: the source row.
        target: the target row.
        causal: along time past → future only.

    Returns:
        The hops of the shortest path, 0 where both are one row.

    Raises:
        UnreachableError: no path leads to the target; a ``ValueError``.
        ValueError: a row outside the graph.

    Example:
        >>> import graphseq as gs, networkx as nx
        >>> layers_needed(gs.from_graph(nx.cycle_graph(6)), source=0, target=4)
        2
    """
    source, target = _row("source", source, graph), _row("target", target, graph)
    to_target = hops_to(graph.topology, torch.tensor([target]), causal=causal)[0]
    return _hops(to_target, source, target, causal)


@checked_arguments
def routes(
    graph: SpaceTimeGraph, source: int, target: int, *, causal: bool = False, limit: int = 10_000
) -> list[list[int]]:
    """List all shortest routes from a source row to a target row, along edges of the space-time graph.

    Args:
        graph: V rows.
        source: the row at which each route begins.
        target: the row at which each route ends.
        causal: along time past → future only.
        limit: the most routes to list; their number can grow like 2 to the hops.

    Returns:
        Each route as its rows from source to target, both included, in lexicographic order.

    Raises:
        UnreachableError: no path leads to the target; a ``ValueError``.
        ValueError: a row outside the graph, or more routes than ``limit``; the message says how many.

    Example:
        >>> import graphseq as gs, networkx as nx
        >>> graph = nx.Graph()
        >>> graph.add_nodes_from("ABCDEF")
        >>> graph.add_edges_from(["AB", "AE", "AF", "BC", "BD", "CD", "DF", "EF"])
        >>> shortest = routes(gs.from_graph(graph), source="ABCDEF".index("C"), target="ABCDEF".index("E"))
        >>> ["".join("ABCDEF"[row] for row in route) for route in shortest]
        ['CBAE', 'CDFE']
    """
    source, target = _row("source", source, graph), _row("target", target, graph)
    to_target = hops_to(graph.topology, torch.tensor([target]), causal=causal)[0]
    hops = _hops(to_target, source, target, causal)
    from_source = hops_from(graph.topology, source, causal=causal).numpy()
    on_route = (from_source >= 0) & (to_target.numpy() >= 0) & (from_source + to_target.numpy() == hops)
    entries = graph.topology.spacetime(causal).pattern.tocoo()
    start, end = entries.col, entries.row
    forward = on_route[start] & on_route[end] & (from_source[end] == from_source[start] + 1)
    start, end = start[forward], end[forward]
    order = np.argsort(from_source[start], kind="stable")
    edges = list(zip(start[order].tolist(), end[order].tolist(), strict=True))
    number = _count(edges, source, target)
    if number > _checks.at_least("limit", limit, 1):
        raise ValueError(
            f"there are {number} shortest routes of {hops} hops, above limit={limit}; raise it to list all"
        )
    return _listed(edges, source, target)


def _count(edges: list[tuple[int, int]], source: int, target: int) -> int:
    """The number of routes from source to target over ``edges``, which are sorted by hops from the source."""
    counts = {source: 1}
    for start, end in edges:
        counts[end] = counts.get(end, 0) + counts[start]
    return counts[target]


def _listed(edges: list[tuple[int, int]], source: int, target: int) -> list[list[int]]:
    """All routes from source to target over ``edges``, each of which is on such a route, in lexicographic order."""
    successors: dict[int, list[int]] = {}
    for start, end in sorted(edges):
        successors.setdefault(start, []).append(end)
    complete, route = [], [source]
    branches = [iter(successors.get(source, []))]
    while route:
        if route[-1] == target:
            complete.append(route.copy())
        following = next(branches[-1], None)
        if following is None:
            route.pop()
            branches.pop()
        else:
            route.append(following)
            branches.append(iter(successors.get(following, [])))
    return complete


def _hops(to_target: Tensor, source: int, target: int, causal: bool) -> int:
    if int(to_target[source]) >= 0:
        return int(to_target[source])
    path = "path from past to future" if causal else "path"
    count = int((to_target >= 0).sum())
    raise UnreachableError(
        f"row {target} is unreachable from row {source}: there is no {path} between them, for any number of layers; "
        f"{count} of the {len(to_target)} rows, itself included, reach row {target}"
    )


def _row(name: str, value: object, graph: SpaceTimeGraph) -> int:
    row = _checks.at_least(name, value, 0)
    if row >= graph.num_rows:
        raise ValueError(
            f"{name} must lie in 0 to {graph.num_rows - 1}, got {row}; the graph has {graph.num_rows} rows"
        )
    return row
