"""One plain graph from nodes and edges as they were listed: no parallel edges, no self-loops, names that are unique."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import networkx as nx


class Edge(NamedTuple):
    """An edge as it was listed."""

    start: Hashable
    end: Hashable
    weight: object  #: ``None`` where there is none
    where: str  #: its place in the file, for people


class Listed(NamedTuple):
    """A graph as it was listed."""

    nodes: Sequence[Hashable]  #: those named for themselves; ends of edges need not be
    edges: Sequence[Edge]
    directed: bool


@dataclass(frozen=True)
class PlainGraph:
    """A graph of at most one edge between two nodes, an ``nx.DiGraph`` where directed, and how it came about."""

    graph: nx.Graph | nx.DiGraph  #: nodes are their names, ``str``; edges have ``weight``, all of them or none
    name: str
    notes: tuple[str, ...]  #: what was left out or read in some way, a sentence each

    @property
    def weighted(self) -> bool:
        """Whether edges have weights."""
        return any("weight" in data for *_, data in self.graph.edges(data=True))


def plain_graph(name: str, listed: Listed) -> PlainGraph:
    """Make one plain graph of what was listed.

    An edge that is listed again counts once, with the last of its weights; in an undirected graph A, B and B, A are
    one. Self-loops are left out, because Ã = A + I has them all, and so are edges of weight 0, which carry nothing.

    Args:
        name: of the file or graph, for messages.
        listed: nodes and edges.

    Raises:
        ValueError: two nodes with one name, a weight that is no finite number of at least 0, weights on some edges
            only, or no edge between two nodes; the message names the place.

    Example:
        >>> twice = [Edge("A", "B", None, "line 1"), Edge("B", "A", None, "line 2")]
        >>> found = plain_graph("mine", Listed((), twice, directed=False))
        >>> list(found.graph.edges), found.notes
        ([('A', 'B')], ('1 edge is listed more than once: it counts once',))
    """
    names = _names(name, listed)
    weights = [_weight(name, edge) for edge in listed.edges]
    _all_or_none(name, listed.edges, weights)
    graph = nx.DiGraph() if listed.directed else nx.Graph()
    graph.add_nodes_from(names.values())
    loops, again = 0, set()
    for edge, weight in zip(listed.edges, weights, strict=True):
        start, end = names[edge.start], names[edge.end]
        if start == end:
            loops += 1
            continue
        if graph.has_edge(start, end):
            again.add((start, end) if listed.directed else frozenset((start, end)))
        graph.add_edge(start, end, **({} if weight is None else {"weight": weight}))
    empty = [(a, b) for a, b, data in graph.edges(data=True) if data.get("weight") == 0]
    graph.remove_edges_from(empty)
    if not graph.size():
        raise ValueError(f"{name} has no edge that joins two nodes ({_counted(len(graph), 'node')}): nothing travels")
    return PlainGraph(graph, name, tuple(_notes(loops, len(again), len(empty), weights != [None] * len(weights))))


def _names(name: str, listed: Listed) -> dict[Hashable, str]:
    """The name of each node: as the file has it, spelt out."""
    names: dict[Hashable, str] = {}
    taken: dict[str, Hashable] = {}
    ends = (end for edge in listed.edges for end in (edge.start, edge.end))
    for node in (*listed.nodes, *ends):
        if node in names:
            continue
        spelt = str(node)
        if spelt in taken:
            raise ValueError(f"{name} has two nodes called {spelt}: {taken[spelt]!r} and {node!r}; rename one")
        names[node], taken[spelt] = spelt, node
    return names


def _weight(name: str, edge: Edge) -> float | None:
    if edge.weight is None:
        return None
    try:
        weight = float(edge.weight)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        weight = math.nan
    if isinstance(edge.weight, bool) or not math.isfinite(weight) or weight < 0:
        raise ValueError(f"{name}, {edge.where}: a weight must be a finite number of at least 0, got {edge.weight!r}")
    return weight


def _all_or_none(name: str, edges: Sequence[Edge], weights: Sequence[float | None]) -> None:
    without = [place for place, weight in enumerate(weights) if weight is None]
    if not without or len(without) == len(weights):
        return
    having = next(place for place, weight in enumerate(weights) if weight is not None)
    raise ValueError(
        f"{name}, {edges[without[0]].where}: an edge without a weight, but {edges[having].where} has one; "
        "give one to every edge or to none"
    )


def _notes(loops: int, again: int, empty: int, weighted: bool) -> list[str]:
    notes = []
    if again:
        rest = "it counts once" if again == 1 else "each counts once"
        last = ", with the last of its weights" if weighted else ""
        notes.append(f"{_counted(again, 'edge')} {_is(again)} listed more than once: {rest}{last}")
    if loops:
        notes.append(f"{_counted(loops, 'self-loop')} {_is(loops)} left out: Ã = A + I has one at every row")
    if empty:
        notes.append(f"{_counted(empty, 'edge')} of weight 0 {_is(empty)} left out: nothing travels there")
    return notes


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _is(count: int) -> str:
    return "is" if count == 1 else "are"
