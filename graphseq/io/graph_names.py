"""Graphs by name, without a file: well-known graphs of networkx, and small shapes by their sizes."""

from __future__ import annotations

import re
from collections.abc import Callable
from difflib import get_close_matches

import networkx as nx

from graphseq._arguments import checked_arguments
from graphseq.io.graph_plain import Edge, Listed

_KNOWN: dict[str, Callable[[], nx.Graph]] = {
    "davis_southern_women": nx.davis_southern_women_graph,
    "florentine_families": nx.florentine_families_graph,
    "karate_club": nx.karate_club_graph,
    "krackhardt_kite": nx.krackhardt_kite_graph,
    "les_miserables": nx.les_miserables_graph,
    "petersen": nx.petersen_graph,
}
_MOST_NODES = 100_000


def _grid(columns: int, rows: int) -> nx.Graph:
    return nx.grid_2d_graph(columns, rows)


# By pattern: constructor from the numbers, their minimum, and a bound on the number of nodes and edges.
_SHAPES: dict[str, tuple[Callable[..., nx.Graph], int, Callable[..., int]]] = {
    "path_N": (nx.path_graph, 2, lambda n: n),
    "cycle_N": (nx.cycle_graph, 3, lambda n: n),
    "star_N": (lambda n: nx.star_graph(n - 1), 2, lambda n: n),
    "complete_N": (nx.complete_graph, 2, lambda n: n * n // 2),
    "grid_NxN": (_grid, 2, lambda a, b: a * b),
    "ladder_N": (nx.ladder_graph, 2, lambda n: 2 * n),
    "barbell_N": (lambda n: nx.barbell_graph(n, 0), 3, lambda n: n * n),
    "binary_tree_N": (lambda n: nx.balanced_tree(2, n), 1, lambda n: 2 ** min(n + 1, 64)),
}
NAMES: tuple[str, ...] = (*_KNOWN, *_SHAPES)
"""All names; N is a number of nodes, of columns and lines (grid) or of generations (tree)."""


@checked_arguments
def named_graph(name: str) -> Listed | None:
    """Return the graph with this name, or ``None`` if there is none.

    Nodes of a grid are named by column and line, "0,0" first. A star has N nodes with node 0 in the middle.

    Raises:
        ValueError: a shape that is too small, or too large (100,000 nodes or edges).

    Example:
        >>> [edge[:2] for edge in named_graph("path_3").edges]
        [(0, 1), (1, 2)]
    """
    graph = _KNOWN[name]() if name in _KNOWN else _shape(name)
    if graph is None:
        return None
    relabelled = nx.relabel_nodes(graph, {node: f"{node[0]},{node[1]}" for node in graph if isinstance(node, tuple)})
    edges = [Edge(a, b, data.get("weight"), f"edge {a}-{b}") for a, b, data in relabelled.edges(data=True)]
    return Listed(list(relabelled), edges, False)


def nearest_names(name: str) -> list[str]:
    """Return up to three names that are similar to ``name``."""
    return get_close_matches(name, [example(pattern) for pattern in NAMES], n=3, cutoff=0.5)


def example(name: str) -> str:
    """Return a name with numbers for its N: path_N becomes path_10."""
    return name.replace("NxN", "5x4").replace("tree_N", "tree_3").replace("_N", "_10")


def _shape(name: str) -> nx.Graph | None:
    for pattern, (make, least, size) in _SHAPES.items():
        match = re.fullmatch(pattern.replace("N", r"(\d{1,9})"), name)
        if match is None:
            continue
        numbers = [int(number) for number in match.groups()]
        if min(numbers) < least:
            raise ValueError(f"{name} is not a graph: {pattern} takes numbers of at least {least}")
        if size(*numbers) > _MOST_NODES:
            raise ValueError(f"{name} is too large: {pattern} goes up to {_MOST_NODES:,} nodes or edges; use a file")
        return make(*numbers)
    return None
