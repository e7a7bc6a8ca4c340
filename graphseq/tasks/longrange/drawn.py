"""Graphs that were drawn at random, with all their distances; what families of graphs have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from scipy.sparse import csgraph
from torch import Tensor

from graphseq.data.graph import SpaceTimeGraph

Pairs = list[tuple[int, int]]
Ints = NDArray[np.int64]


class Drawn(NamedTuple):
    """An undirected graph of a family."""

    family: str
    edges: Ints  #: each edge in both directions, (2, E)
    hops: Ints  #: hops between any two nodes, -1 where there is no path, (N, N)

    @property
    def diameter(self) -> int:
        """The largest distance between two nodes."""
        return int(self.hops.max())


def shuffled(family: str, nodes: int, pairs: Pairs, rng: np.random.Generator) -> Drawn:
    """Return a graph whose nodes are in random order, so that their numbers say nothing.

    Args:
        family: its name.
        nodes: N.
        pairs: undirected edges, each once, without loops.
        rng: source of randomness.
    """
    ends = rng.permutation(nodes)[np.array(pairs, dtype=np.int64).reshape(-1, 2).T]
    edges = np.concatenate([ends, ends[::-1]], axis=1)
    edges = edges[:, np.lexsort((edges[1], edges[0]))]
    return Drawn(family, edges, distances(nodes, edges))


def distances(nodes: int, edges: Ints) -> Ints:
    """Return the hops between any two of ``nodes`` nodes along edges (2, E), -1 where there is no path, (N, N)."""
    matrix = sp.csr_array((np.ones(edges.shape[1]), (edges[0], edges[1])), shape=(nodes, nodes))
    matrix.indices, matrix.indptr = matrix.indices.astype(np.int32), matrix.indptr.astype(np.int32)
    hops = csgraph.shortest_path(matrix, method="D", unweighted=True)
    return np.where(np.isinf(hops), -1, hops).astype(np.int64)


def largest_component(nodes: int, pairs: Pairs) -> tuple[int, Pairs]:
    """Return the number of nodes and the edges of the largest connected part, its nodes counted from 0."""
    ends = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    matrix = sp.csr_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(nodes, nodes))
    _, label = csgraph.connected_components(matrix, directed=False)
    inside = label == np.bincount(label).argmax()
    place = inside.cumsum() - 1
    kept = ends[inside[ends[:, 0]]]
    return int(inside.sum()), [(int(place[a]), int(place[b])) for a, b in kept]


Answers = Callable[[Drawn, np.random.Generator], "Question"]


class Question(NamedTuple):
    """Inputs and answers of one graph."""

    x: NDArray[np.float64]  #: (N, F)
    y: Ints  #: answers of the target rows, or one of the graph, (K,)
    target: NDArray[np.bool_] | None  #: target rows, (N,); ``None`` where the graph is asked


def ask_shortest_paths(graph: Drawn, rng: np.random.Generator) -> Question:
    """Ask each row that a source leads to for its distance; x is a random number and the mark of the source."""
    nodes = len(graph.hops)
    source = int(rng.integers(nodes))
    mark = np.zeros(nodes)
    mark[source] = 1
    target = graph.hops[source] > 0
    return Question(np.stack([rng.random(nodes), mark], axis=1), graph.hops[source][target], target)


def ask_eccentricity(graph: Drawn, rng: np.random.Generator) -> Question:
    """Ask each row for the distance of the farthest row that it leads to; x is a random number."""
    nodes = len(graph.hops)
    return Question(rng.random((nodes, 1)), graph.hops.max(axis=1), np.ones(nodes, dtype=bool))


def ask_diameter(graph: Drawn, rng: np.random.Generator) -> Question:
    """Ask the graph for its largest distance; x is a random number."""
    return Question(rng.random((len(graph.hops), 1)), graph.hops.max(keepdims=True)[0], None)


def as_graph(drawn: Drawn, question: Question) -> SpaceTimeGraph:
    """Return a graph with the inputs and answers of a question, of torch's default type."""
    kind = torch.get_default_dtype()
    rows = torch.arange(len(drawn.hops))
    target: Tensor | None = None if question.target is None else torch.from_numpy(question.target)
    return SpaceTimeGraph(
        torch.from_numpy(question.x).to(kind),
        rows,
        torch.zeros_like(rows),
        torch.from_numpy(drawn.edges),
        y=torch.from_numpy(question.y)[:, None].to(kind),
        target=target,
    )
