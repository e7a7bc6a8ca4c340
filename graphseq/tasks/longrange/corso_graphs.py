"""The mixture of small random graphs of Corso et al., drawn from the description of their generator."""

from __future__ import annotations

from collections.abc import Callable
from math import isqrt

import networkx as nx
import numpy as np

from graphseq.tasks.longrange.drawn import Drawn, Pairs, shuffled

_NOMINAL = 0.9  # share of the edges that the generator asks for, see :func:`chance`


def _factors(nodes: int) -> tuple[int, int]:
    """Return the two factors of a number that are nearest to each other, the smaller first."""
    first = next(factor for factor in range(isqrt(nodes), 0, -1) if nodes % factor == 0)
    return first, nodes // first


def _seed(rng: np.random.Generator) -> int:
    return int(rng.integers(2**31))


def _ladder(nodes: int) -> nx.Graph:
    graph = nx.ladder_graph(nodes // 2)
    if nodes % 2:
        graph.add_edge(0, nodes - 1)
    return graph


def _caterpillar(nodes: int, rng: np.random.Generator) -> nx.Graph:
    spine = int(rng.integers(1, nodes))
    graph = nx.path_graph(spine)
    graph.add_edges_from((row, int(rng.integers(spine))) for row in range(spine, nodes))
    return graph


def _lobster(nodes: int, rng: np.random.Generator) -> nx.Graph:
    spine = int(rng.integers(1, nodes))
    legs = int(rng.integers(spine + 1, nodes + 1))
    graph = nx.path_graph(spine)
    graph.add_edges_from((row, int(rng.integers(spine))) for row in range(spine, legs))
    graph.add_edges_from((row, int(rng.integers(spine, legs))) for row in range(legs, nodes))
    return graph


Family = Callable[[int, np.random.Generator], nx.Graph]

FAMILIES: dict[str, tuple[float, Family]] = {
    "Erdős-Rényi": (0.2, lambda n, rng: nx.fast_gnp_random_graph(n, rng.random(), seed=_seed(rng))),
    "Barabási-Albert": (0.2, lambda n, rng: nx.barabasi_albert_graph(n, int(rng.integers(1, n)), seed=_seed(rng))),
    "grid": (0.05, lambda n, _: nx.grid_2d_graph(*_factors(n))),
    "caveman": (0.05, lambda n, _: nx.caveman_graph(*_factors(n))),
    "tree": (0.15, lambda n, rng: nx.random_powerlaw_tree(n, seed=_seed(rng), tries=10_000)),
    "ladder": (0.05, lambda n, _: _ladder(n)),
    "line": (0.05, lambda n, _: nx.path_graph(n)),
    "star": (0.05, lambda n, _: nx.star_graph(n - 1)),
    "caterpillar": (0.1, _caterpillar),
    "lobster": (0.1, _lobster),
}
"""The families by name, each with its share."""


def chance(nominal: float) -> float:
    r"""The probability that a pair passes the generator's test against a nominal probability.

    .. math:: P(u + v < p) = 2 p^2 \text{ for } p \le \tfrac12, \quad 1 - 2 (1 - p)^2 \text{ above}

    The generator draws a symmetric matrix as the sum of two numbers u, v uniform in (0, 1/2), which is not uniform: an
    edge that is nominally kept with probability 0.9 is kept with 0.98, and few are added.

    Args:
        nominal: p, between 0 and 1.

    Example:
        >>> chance(0.5), round(chance(0.9), 4), round(chance(0.01), 4)
        (0.5, 0.98, 0.0002)
    """
    return 2 * nominal**2 if nominal <= 0.5 else 1 - 2 * (1 - nominal) ** 2


def toggled(nodes: int, pairs: Pairs, rng: np.random.Generator) -> Pairs:
    """Return edges of which each is kept with probability :func:`chance` (0.9), and some new ones.

    Of a graph with edges between more than half of its pairs, each is kept more often.
    """
    adjacent = np.zeros((nodes, nodes), dtype=bool)
    ends = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    adjacent[ends[0], ends[1]] = adjacent[ends[1], ends[0]] = True
    first, second = np.triu_indices(nodes, 1)
    is_edge = adjacent[first, second]
    edges, others = int(is_edge.sum()), int((~is_edge).sum())
    if edges <= others:
        kept, new = _NOMINAL, (1 - _NOMINAL) * edges / max(others, 1)
    else:
        kept, new = _NOMINAL + (1 - _NOMINAL) * (edges - others) / edges, 1 - _NOMINAL
    stays = rng.random(len(first)) < np.where(is_edge, chance(kept), chance(new))
    return list(zip(first[stays].tolist(), second[stays].tolist(), strict=True))


def corso_graphs(count: int, sizes: tuple[int, int], rng: np.random.Generator) -> list[Drawn]:
    """Return ``count`` graphs of random families and sizes, none with a row without edges.

    Args:
        count: number of graphs.
        sizes: the smallest and largest N.
        rng: source of randomness.
    """
    shares = [share for share, _ in FAMILIES.values()]
    names = rng.choice(list(FAMILIES), size=count, p=shares)
    return [_drawn(str(name), sizes, rng) for name in names]


def _drawn(name: str, sizes: tuple[int, int], rng: np.random.Generator) -> Drawn:
    while True:
        nodes = int(rng.integers(sizes[0], sizes[1] + 1))
        graph = nx.convert_node_labels_to_integers(FAMILIES[name][1](nodes, rng))
        pairs = toggled(nodes, list(graph.edges), rng)
        if len({row for pair in pairs for row in pair}) == nodes:
            return shuffled(name, nodes, pairs, rng)
