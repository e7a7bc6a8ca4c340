"""Graphs with a source and a target a given number of hops apart, by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import networkx as nx
import torch

from graphseq import _checks
from graphseq.data.constructors import from_graph
from graphseq.data.topology import Topology
from graphseq.tasks.base import path as sequence


class Shape(NamedTuple):
    """A graph whose target is ``length`` - 1 hops from its source."""

    topology: Topology
    source: int
    asked: int


def path(length: int) -> Shape:
    """A sequence, from its first row to its last."""
    return Shape(sequence(length)[0], 0, length - 1)


def ring(length: int) -> Shape:
    """A ring of 2 (length - 1) rows, from a row to the opposite one."""
    # Two rows are not a cycle in networkx: a ring of length 2 is one edge.
    return _static(nx.cycle_graph(2 * (length - 1)) if length > 2 else nx.path_graph(2), 0, length - 1)


def crossed_ring(length: int) -> Shape:
    """A ring whose two ways round are joined by crossed edges, of which none is a shorter way to the opposite row."""
    hops = length - 1
    nodes = 2 * hops
    graph = nx.cycle_graph(nodes)
    for row in range(1, hops):
        graph.add_edge(row, nodes - 1 - row)
        if row > 1:
            graph.add_edge(row, nodes + 1 - row)
    graph.remove_edges_from(list(nx.selfloop_edges(graph)))
    return _static(graph, 0, hops)


def clique_path(length: int) -> Shape:
    """A clique of length - 2 rows with a path of as many, from a row of the clique to the end of the path."""
    rows = length - 2
    return _static(nx.lollipop_graph(max(rows, 2), rows), 0, max(rows, 2) + rows - 1)


def barbell(length: int) -> Shape:
    """Two cliques of five rows joined by a path, from a row of one to a row of the other."""
    between = length - 4
    return _static(nx.barbell_graph(5, between), 0, 10 + between - 1)


def tree(length: int) -> Shape:
    """A full binary tree, from a leaf to the root."""
    if length > 20:
        raise ValueError(f"length must be at most 20 for a tree, which has 2^length - 1 rows; got {length}")
    graph = nx.balanced_tree(2, length - 1)
    return _static(graph, len(graph) - 1, 0)


def caterpillar(length: int) -> Shape:
    """A path with one more row attached to each of its rows, from its first row to its last."""
    graph = nx.path_graph(length)
    graph.add_edges_from((row, length + row) for row in range(length))
    return _static(graph, 0, length - 1)


def grid(length: int) -> Shape:
    """A grid of 3 by length - 2 rows, from a corner to the opposite one."""
    graph = nx.convert_node_labels_to_integers(nx.grid_2d_graph(3, length - 2), ordering="sorted")
    return _static(graph, 0, len(graph) - 1)


SHAPES: dict[str, tuple[Callable[[int], Shape], int]] = {
    "path": (path, 1),
    "ring": (ring, 2),
    "crossed ring": (crossed_ring, 3),
    "clique path": (clique_path, 4),
    "barbell": (barbell, 4),
    "tree": (tree, 1),
    "caterpillar": (caterpillar, 2),
    "grid": (grid, 3),
}
"""The function of each shape, and its smallest length."""


def shape_of(name: str, length: object) -> Shape:
    """Return the graph of a name and a length.

    Raises:
        TypeError, ValueError: an unknown name, a length below its smallest, a tree above 2²⁰ rows.
    """
    _checks.one_of("shape", name, SHAPES)
    make, smallest = SHAPES[name]
    return make(_checks.at_least("length", length, smallest))


def _static(graph: nx.Graph, source: int, asked: int) -> Shape:
    in_order: nx.Graph = nx.Graph()  # networkx adds the nodes of some graphs out of order, and rows follow the order
    in_order.add_nodes_from(sorted(graph))
    in_order.add_edges_from(graph.edges)
    return Shape(from_graph(in_order).topology, source, asked)


def target_mark(shape: Shape) -> torch.Tensor:
    """Return the mark of the one target row, (V,), ``bool``."""
    mark = torch.zeros(shape.topology.num_rows, dtype=torch.bool)
    mark[shape.asked] = True
    return mark
