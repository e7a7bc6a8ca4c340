"""Plain graphs from listed nodes and edges: without parallel edges and self-loops, and with unique names."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import networkx as nx

from graphseq._arguments import checked_arguments
from graphseq._printable import printable, printable_errors
from graphseq._prompt import short_repr
from graphseq.io import _doubts

NO_NAME = {"", "nan", "NaN", "NAN", "None", "null", "NULL", "<NA>", "NaT"}
"""Texts that stand where a name is missing. NA and Null are not among them: they are names of somebody."""


class Edge(NamedTuple):
    """An edge as it is listed in a file.

    Made for :func:`graphseq.io.plain_graph`.
    """

    start: Hashable
    end: Hashable
    weight: object  #: ``None`` without a weight
    where: str  #: its place in the file, for messages


class Listed(NamedTuple):
    """A graph as it is listed in a file.

    Made for :func:`graphseq.io.plain_graph`.
    """

    nodes: Sequence[Hashable]  #: listed nodes; those that are ends of edges may be omitted
    edges: Sequence[Edge]
    directed: bool


@short_repr
@dataclass(frozen=True)
class PlainGraph:
    """A graph with at most one edge between two nodes, an ``nx.DiGraph`` if directed, with notes on how it was read.

    Returned by :func:`graphseq.io.plain_graph`.
    """

    graph: nx.Graph | nx.DiGraph  #: nodes are their names, ``str``; edges have ``weight``, all of them or none
    name: str
    notes: tuple[str, ...]  #: removed edges and assumptions, one sentence each

    def __post_init__(self) -> None:
        object.__setattr__(self, "notes", tuple(map(printable, self.notes)))

    @property
    def weighted(self) -> bool:
        """True if edges have weights."""
        return any("weight" in data for *_, data in self.graph.edges(data=True))


@printable_errors
@checked_arguments
def plain_graph(name: str, listed: Listed) -> PlainGraph:
    """Return one plain graph of the listed nodes and edges.

    An edge that is listed several times counts once, with the last of its weights; in an undirected graph A, B and B, A
    are the same edge. Self-loops are removed, because Ã = A + I has them all, and so are edges of weight 0.

    Args:
        name: name of the file or graph, for messages.
        listed: nodes and edges.

    Raises:
        ValueError: two nodes with the same name, a weight that is not a finite number of at least 0, weights on some
            edges only, or no edge between two nodes; the message names the place.

    Example:
        >>> twice = [Edge("A", "B", None, "line 1"), Edge("B", "A", None, "line 2")]
        >>> plain = plain_graph("mine", Listed((), twice, directed=False))
        >>> list(plain.graph.edges), plain.notes
        ([('A', 'B')], ('1 edge is listed more than once: it counts once',))
    """
    names = _names(name, listed)
    weights = [_weight(name, edge) for edge in listed.edges]
    _all_or_none(name, listed.edges, weights)
    graph = nx.DiGraph() if listed.directed else nx.Graph()
    graph.add_nodes_from(names.values())
    loops, repeated = 0, set()
    for edge, weight in zip(listed.edges, weights, strict=True):
        start, end = names[edge.start], names[edge.end]
        if start == end:
            loops += 1
            continue
        if graph.has_edge(start, end):
            repeated.add((start, end) if listed.directed else frozenset((start, end)))
        graph.add_edge(start, end, **({} if weight is None else {"weight": weight}))
    zero = [(a, b) for a, b, data in graph.edges(data=True) if data.get("weight") == 0]
    graph.remove_edges_from(zero)
    if not graph.size():
        raise ValueError(f"{name} has no edge that joins two nodes ({_counted(len(graph), 'node')})")
    notes = _notes(loops, len(repeated), len(zero), weights != [None] * len(weights))
    return PlainGraph(graph, name, (*notes, *_doubts.names(graph)))


def _names(name: str, listed: Listed) -> dict[Hashable, str]:
    """Return the name of each node as a string."""
    names: dict[Hashable, str] = {}
    node_of: dict[str, Hashable] = {}
    ends = (end for edge in listed.edges for end in (edge.start, edge.end))
    for node in (*listed.nodes, *ends):
        if node in names:
            continue
        is_whole = isinstance(node, float) and node.is_integer()
        text = str(int(node)) if is_whole else str(node)  # type: ignore[call-overload]
        if text in node_of:
            raise ValueError(f"{name} has two nodes named {text}: {node_of[text]!r} and {node!r}; rename one")
        names[node], node_of[text] = text, node
    return names


def _weight(name: str, edge: Edge) -> float | None:
    if edge.weight is None:
        return None
    try:
        weight = float(edge.weight)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        weight = math.nan
    if isinstance(edge.weight, bool) or not math.isfinite(weight) or weight < 0:
        raise ValueError(f"{name}, {edge.where}: a weight must be a finite number of at least 0, got {edge.weight!r}")
    return weight


def _all_or_none(name: str, edges: Sequence[Edge], weights: Sequence[float | None]) -> None:
    without = [index for index, weight in enumerate(weights) if weight is None]
    if not without or len(without) == len(weights):
        return
    having = next(index for index, weight in enumerate(weights) if weight is not None)
    raise ValueError(
        f"{name}, {edges[without[0]].where}: an edge without a weight, but {edges[having].where} has one; "
        "give one to every edge or to none"
    )


def _notes(loops: int, repeated: int, zero: int, weighted: bool) -> list[str]:
    notes = []
    if repeated:
        count = "it counts once" if repeated == 1 else "each counts once"
        suffix = ", with the last of its weights" if weighted else ""
        notes.append(f"{_counted(repeated, 'edge')} {_is(repeated)} listed more than once: {count}{suffix}")
    if loops:
        notes.append(f"{_counted(loops, 'self-loop')} {_is(loops)} removed: Ã = A + I has one at every row")
    if zero:
        notes.append(f"{_counted(zero, 'edge')} of weight 0 {_is(zero)} removed")
    return notes


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _is(count: int) -> str:
    return "is" if count == 1 else "are"
