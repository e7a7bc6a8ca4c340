"""Constructor of graphs over time from networkx: one graph for each time, or one graph whose edges have times."""

from __future__ import annotations

import operator
from collections.abc import Hashable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Literal

import networkx as nx
import numpy as np
import torch
from numpy.typing import NDArray

from graphseq import _checks
from graphseq._arguments import checked_but
from graphseq._printable import printable_errors
from graphseq.data.graph import SpaceTimeGraph
from graphseq.io._missing import MissingValueError
from graphseq.io.containers import MISSING, TemporalDataset, features, floats, rounding


@printable_errors
@checked_but("graphs")
def from_temporal_networkx(
    graphs: Mapping[int, nx.Graph] | Sequence[nx.Graph] | nx.Graph,
    *,
    x: str = "x",
    time: str = "time",
    weight: str = "weight",
    missing: Literal["refuse", "drop"] = "refuse",
) -> TemporalDataset:
    """Read networkx graphs as a graph over time; an undirected edge becomes both directions.

    Either one graph for each time, with the nodes that are present then and their features. Or one graph for all times,
    which may be a multigraph: each edge has the times at which it is present, an integer or several; a node has either
    constant features, and is present at every time at which there is an edge, or a mapping from times to features, and
    is present at these times.

    Args:
        graphs: graphs by time, in the order of time, or a sequence of them (times 0, 1, 2, …); or one graph.
        x: node attribute with features, (F,) numbers or one number; a constant 1 if no node has it.
        time: edge attribute with times, for one graph.
        weight: edge attribute with weights, on all edges or none.
        missing: "refuse" a graph with a feature that is None or NaN, or "drop" the node and its edges at that time.

    Returns:
        Nodes numbered in the order in which they first occur, and named by ``str``.

    Raises:
        TypeError: something that is not a networkx graph, times that are not integers.
        ValueError: no graph, times out of order, features on some nodes only or of different widths, weights on some
            edges only, an edge to a node that is absent at that time; the message names the time and the node or edge.

    Example:
        >>> graph = nx.DiGraph()
        >>> graph.add_edge("A", "B", time=[0, 2])
        >>> graph.add_edge("B", "C", time=1)
        >>> data = from_temporal_networkx(graph)
        >>> data.nodes, data.times, data.graph.edge_index.tolist()
        (('A', 'B', 'C'), ('0', '1', '2'), [[0, 4, 6], [1, 5, 7]])
    """
    _checks.one_of("missing", missing, MISSING)
    by_time = _by_time(_split(graphs, x, time) if isinstance(graphs, nx.Graph) else graphs)
    width = _width(by_time, x)
    number: dict[Hashable, int] = {}
    row: dict[tuple[int, Hashable], int] = {}
    rows: list[NDArray[np.float64]] = []
    for when, graph in by_time.items():
        for node, data in graph.nodes(data=True):
            values = _features(f"node {node!r} at time {when}", data, x, width)
            if np.isnan(values).any():
                if missing == "refuse":
                    raise MissingValueError(f"node {node!r} at time {when} has NaN in {x!r}")
                continue
            number.setdefault(node, len(number))
            row[when, node] = len(rows)
            rows.append(values)
    if not rows:
        raise ValueError("graphs have no node; at least one is needed")
    pairs, weights = _edges(by_time, row, weight)
    values = np.stack(rows)
    graph = SpaceTimeGraph(
        features(values),
        torch.tensor([number[node] for _, node in row]),
        torch.tensor([when for when, _ in row]),
        torch.tensor(pairs, dtype=torch.long).reshape(-1, 2).t().contiguous(),
        None if weights is None else features(np.array(weights, dtype=np.float64)),
    )
    times = tuple(str(when) for when in dict.fromkeys(when for when, _ in row))
    channels = (x,) if width == 1 else tuple(f"{x}_{f}" for f in range(width or 1))
    channels = channels if width else ("constant",)
    notes = [note for channel, column in zip(channels, values.T, strict=True) for note in rounding(channel, column)]
    notes += rounding("weights of edges", np.array(weights)) if weights else []
    return TemporalDataset("networkx", graph, _names(number), times, channels, tuple(notes))


def _by_time(graphs: object) -> dict[int, nx.Graph]:
    """Return graphs by time, checked."""
    if isinstance(graphs, Mapping):
        by_time = {_integer("a time of graphs", when): graph for when, graph in graphs.items()}
    elif isinstance(graphs, Sequence):
        by_time = dict(enumerate(graphs))
    else:
        raise TypeError(
            f"graphs must be networkx graphs by time, a sequence of them or one; got {type(graphs).__name__}"
        )
    if not by_time:
        raise ValueError("graphs is empty; at least one graph is needed")
    for when, graph in by_time.items():
        if not isinstance(graph, nx.Graph):
            raise TypeError(f"graphs: the graph at time {when} must be a networkx graph, got {type(graph).__name__}")
    for before, after in pairwise(by_time):
        if after <= before:
            raise ValueError(f"graphs must be in the order of time; time {after} comes after {before}")
    return by_time


def _split(graph: nx.Graph, x: str, time: str) -> dict[int, nx.Graph]:
    """Return one graph for each time, from a graph whose edges have times."""
    make = nx.MultiDiGraph if graph.is_directed() else nx.MultiGraph
    timed = []
    for source, target, data in graph.edges(data=True):
        if time not in data:
            raise ValueError(f"edge {source!r}-{target!r} has no {time!r}; every edge must have times")
        timed += [(when, source, target, data) for when in _times(f"edge {source!r}-{target!r}", data[time])]
    node_times = {node: data[x] for node, data in graph.nodes(data=True) if isinstance(data.get(x), Mapping)}
    moments = {when for when, *_ in timed} | {
        _integer(f"a time of node {n!r}", t) for n in node_times for t in node_times[n]
    }
    if not moments:
        raise ValueError("graph has neither an edge nor a node with a time; at least one is needed")
    by_time = {when: make() for when in sorted(moments)}
    for when, snapshot in by_time.items():
        for node, data in graph.nodes(data=True):
            if node not in node_times:
                snapshot.add_node(node, **({x: data[x]} if x in data else {}))
            elif when in node_times[node]:
                snapshot.add_node(node, **{x: node_times[node][when]})
    for when, source, target, data in timed:
        for node in (source, target):
            if node not in by_time[when]:
                raise ValueError(f"edge {source!r}-{target!r} is present at time {when}, but node {node!r} is not")
        by_time[when].add_edge(source, target, **data)
    return by_time


def _times(where: str, value: object) -> list[int]:
    times = value if isinstance(value, Iterable) and not isinstance(value, str) else [value]
    return [_integer(f"a time of {where}", one) for one in times]


def _integer(where: str, value: object) -> int:
    try:
        return operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"{where} must be an integer, got {value!r}") from None


def _width(by_time: Mapping[int, nx.Graph], x: str) -> int:
    """Return F, or 0 if no node has features."""
    for when, graph in by_time.items():
        for node, data in graph.nodes(data=True):
            if x in data:
                return int(
                    np.atleast_1d(floats(f"{x!r} of node {node!r} at time {when}", _plain(data[x]), (0, 1))).size
                )
    return 0


def _features(where: str, data: Mapping[str, Any], x: str, width: int) -> NDArray[np.float64]:
    if width == 0:
        return np.ones(1)
    if x not in data:
        raise ValueError(f"{where} has no {x!r}, but others have; give it to every node or to none")
    values = np.atleast_1d(floats(f"{x!r} of {where}", _plain(data[x]), (0, 1)))
    if len(values) != width:
        raise ValueError(f"{where} has {len(values)} features, but the first node {width}")
    return values


def _plain(value: object) -> object:
    return value.tolist() if isinstance(value, (np.ndarray, torch.Tensor)) else value


def _edges(
    by_time: Mapping[int, nx.Graph], row: Mapping[tuple[int, Hashable], int], weight: str
) -> tuple[list[tuple[int, int]], list[float] | None]:
    """Return edges between rows, and their weights if all edges have one."""
    pairs, weights = [], []
    for when, graph in by_time.items():
        for source, target, data in graph.edges(data=True):
            if (when, source) not in row or (when, target) not in row:
                continue  # one of its ends was dropped
            both = (
                [(source, target)] if graph.is_directed() or source == target else [(source, target), (target, source)]
            )
            pairs += [(row[when, a], row[when, b]) for a, b in both]
            weights += [(when, source, target, data.get(weight))] * len(both)
    without = [entry for entry in weights if entry[3] is None]
    if len(without) == len(weights):
        return pairs, None
    if without:
        when, source, target, _ = without[0]
        raise ValueError(f"edge {source!r}-{target!r} at time {when} has no {weight!r}, but others have")
    return pairs, floats("weights of edges", [entry[3] for entry in weights], (1,)).tolist()


def _names(number: Mapping[Hashable, int]) -> tuple[str, ...]:
    names: dict[str, Hashable] = {}
    for node in number:
        if str(node) in names:
            raise ValueError(f"nodes {names[str(node)]!r} and {node!r} are both named {node}; rename one")
        names[str(node)] = node
    return tuple(names)
