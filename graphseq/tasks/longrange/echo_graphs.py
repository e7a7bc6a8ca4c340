"""The six families of graphs of ECHO, drawn from their description."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from graphseq.tasks.longrange.drawn import Drawn, Pairs, largest_component, shuffled

Family = Callable[[int, int, np.random.Generator], tuple[int, Pairs]]
"""A function of the smallest and largest diameter and a source of randomness, which gives N and edges."""

TREE_EXPONENT = -3.0
"""The exponent of the degree with which a new row of a tree chooses the row that it joins."""

_SHARE = 0.2  # of rows of a line with a residual edge, and of edges that a grid loses


def line(low: int, high: int, rng: np.random.Generator) -> tuple[int, Pairs]:
    """A path on which each row has, with probability 0.2, a residual edge to the row 2 to 6 hops further."""
    nodes = int(rng.integers(low + 1, 2 * high))
    pairs = [(i, i + 1) for i in range(nodes - 1)]
    for row in range(nodes):
        step = int(rng.integers(2, 7))
        if rng.random() < _SHARE and row + step < nodes:
            pairs.append((row, row + step))
    return nodes, pairs


def ladder(low: int, high: int, rng: np.random.Generator) -> tuple[int, Pairs]:
    """Two paths of equal length whose rows are joined in pairs; of n rungs, the diameter is n."""
    rungs = int(rng.integers(low, high + 1))
    sides = [(i + side, i + side + 2) for i in range(0, 2 * rungs - 2, 2) for side in (0, 1)]
    return 2 * rungs, [*sides, *((i, i + 1) for i in range(0, 2 * rungs, 2))]


def grid(low: int, high: int, rng: np.random.Generator) -> tuple[int, Pairs]:
    """A rectangle, 3 rows wide or more, that lost each edge with probability 0.2; its largest connected part."""
    around = int(rng.integers(low, high + 1))  # the diameter while no edge is lost
    width = int(rng.integers(3, max(4, around // 2 + 2)))
    length = max(around + 2 - width, 2)
    number = np.arange(width * length).reshape(width, length)
    down = np.stack([number[:-1].ravel(), number[1:].ravel()], axis=1)
    along = np.stack([number[:, :-1].ravel(), number[:, 1:].ravel()], axis=1)
    every = np.concatenate([down, along])
    kept = every[rng.random(len(every)) >= _SHARE]
    return largest_component(width * length, [(int(a), int(b)) for a, b in kept])


def grown_tree(nodes: int, exponent: float, rng: np.random.Generator) -> Pairs:
    r"""The edges of a tree of which each new row joins row i with probability :math:`\propto k_i^a`.

    Args:
        nodes: N, at least 2.
        exponent: a; :math:`k_i` is the degree of row i.
        rng: source of randomness.
    """
    degree = np.zeros(nodes)
    degree[:2] = 1
    pairs = [(0, 1)]
    for row in range(2, nodes):
        weight = (degree[:row] ** exponent).cumsum()
        joined = int(np.searchsorted(weight, rng.random() * weight[-1]))
        degree[joined] += 1
        degree[row] = 1
        pairs.append((joined, row))
    return pairs


def tree(low: int, high: int, rng: np.random.Generator) -> tuple[int, Pairs]:
    """A tree from :func:`grown_tree` at :data:`TREE_EXPONENT`."""
    nodes = int(rng.integers(2 * low, 5 * high + 1))
    return nodes, grown_tree(nodes, TREE_EXPONENT, rng)


def caterpillar(low: int, high: int, rng: np.random.Generator) -> tuple[int, Pairs]:
    """A path, to each row of which single rows may be attached, at random."""
    spine = int(rng.integers(max(low - 1, 2), high + 2))
    legs = int(rng.integers(spine // 2, 2 * spine + 1))
    path = [(i, i + 1) for i in range(spine - 1)]
    return spine + legs, [*path, *((int(rng.integers(spine)), spine + leg) for leg in range(legs))]


def lobster(low: int, high: int, rng: np.random.Generator) -> tuple[int, Pairs]:
    """A caterpillar, to each attached row of which single rows may be attached, at random."""
    nodes, pairs = caterpillar(low, high, rng)
    legs = [b for a, b in pairs if b != a + 1 or b >= nodes]
    spine = min(legs, default=nodes)
    ends = int(rng.integers(len(legs) // 2, len(legs) + 1)) if legs else 0
    return nodes + ends, [*pairs, *((int(rng.integers(spine, nodes)), nodes + end) for end in range(ends))]


FAMILIES: dict[str, Family] = {
    "line": line,
    "ladder": ladder,
    "grid": grid,
    "tree": tree,
    "caterpillar": caterpillar,
    "lobster": lobster,
}
"""The families by name."""


def echo_graphs(count: int, diameters: tuple[int, int], rng: np.random.Generator) -> list[Drawn]:
    """Return ``count`` graphs, of each family in turn, drawn again until their diameter is one of the range.

    Args:
        count: number of graphs.
        diameters: the smallest and the largest diameter, at least 3.
        rng: source of randomness.
    """
    low, high = diameters
    names = list(FAMILIES)
    return [_drawn(names[number % len(names)], low, high, rng) for number in range(count)]


def _drawn(name: str, low: int, high: int, rng: np.random.Generator) -> Drawn:
    while True:
        nodes, pairs = FAMILIES[name](low, high, rng)
        graph = shuffled(name, nodes, pairs, rng)
        if low <= graph.diameter <= high:
            return graph
