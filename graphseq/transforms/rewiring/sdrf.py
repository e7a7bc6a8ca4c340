"""Stochastic discrete Ricci flow: edges that relieve the narrowest bottleneck."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq.data.curvature import curvature_of, curvatures_with
from graphseq.transforms.rewiring.apply import changed
from graphseq.transforms.rewiring.parts import Change, Graph, Part, rewired

Edge = tuple[int, int]
_MOST_CANDIDATES = 100_000  # pairs of neighbours that are tried for one bottleneck


@checked_arguments
def sdrf(
    graph: Graph,
    edges: int,
    *,
    temperature: float = 50.0,
    removal_above: float | None = None,
    seed: int = 0,
    edge_weight: float | None = None,
    edge_attr: Tensor | None = None,
) -> Graph:
    r"""Relieve bottlenecks: add edges around the edge of the lowest balanced Forman curvature, again and again.

    In each of ``edges`` iterations, of the edge i ~ j with the lowest curvature, every pair k, l with
    :math:`k \in B_1(i)`, :math:`l \in B_1(j)` without an edge is tried, and one is drawn with the probability

    .. math:: p_{kl} \propto \exp\big(\tau\, (\mathrm{Ric}_{kl}(i, j) - \mathrm{Ric}(i, j))\big)

    with :math:`\mathrm{Ric}_{kl}` the curvature once k ~ l is added. Then, where ``removal_above`` is given, the edge
    of the highest curvature is removed if that is above it. It ends early where neither is possible.

    Args:
        graph: PyG ``Data`` or ``Batch``, a networkx graph or a static :class:`~graphseq.SpaceTimeGraph`, undirected;
            in a batch each graph has iterations of its own.
        edges: the number of iterations, and so the most undirected edges that are added to each graph.
        temperature: τ, above 0: the larger, the more often the best pair.
        removal_above: C⁺; ``None`` to remove nothing.
        seed: of the draws.
        edge_weight: weight of new edges, where the graph has weights; the curvature does not see weights.
        edge_attr: features (D,) of a new edge, where the graph has them.

    Returns:
        A graph of the same type, in which new edges come last, in a PyG ``Batch`` last in each graph.
        Usable as ``Model(transform=…)`` with
        ``functools.partial``.

    Raises:
        TypeError: another type.
        ValueError: a directed edge, several times, attributes of edges that new ones would lack, or a bottleneck whose
            ends have more than 100,000 pairs of neighbours.

    Source: Topping et al., *Understanding over-squashing and bottlenecks on graphs via curvature* (2022), algorithm 1.

    Example:
        >>> import networkx as nx
        >>> from graphseq.data.curvature import balanced_forman_curvature
        >>> barbell = nx.barbell_graph(4, 0)
        >>> [round(float(balanced_forman_curvature(one).value.min()), 2) for one in (barbell, sdrf(barbell, edges=4))]
        [-1.0, 0.0]
    """
    count = _checks.at_least("edges", edges, 0)
    tau = _checks.positive("temperature", temperature)
    bound = None if removal_above is None else _checks.between("removal_above", removal_above, -2.0, 1e300)
    first = _checks.seed("seed", seed)
    change = rewired(
        graph, ("sdrf", count, tau, bound, first), lambda part, number: _flow(part, count, tau, bound, [first, number])
    )
    return changed(graph, change, edge_weight=edge_weight, edge_attr=edge_attr)


def _flow(part: Part, count: int, tau: float, bound: float | None, seed: list[int]) -> Change:
    near, change, rng = part.near, Change(), np.random.default_rng(seed)
    curvature = {(i, j): curvature_of(near, i, j) for i, nodes in enumerate(near) for j in sorted(nodes) if i < j}
    for _ in range(count):
        if not curvature:
            break
        added = _drawn(near, min(curvature, key=lambda edge: (curvature[edge], edge)), curvature, tau, rng)
        if added is not None:
            near[added[0]].add(added[1])
            near[added[1]].add(added[0])
            change.join(*added)
            _update(near, curvature, added)
        removed = None if bound is None else min(curvature, key=lambda edge: (-curvature[edge], edge))
        if removed is not None and bound is not None and curvature[removed] > bound:
            near[removed[0]].remove(removed[1])
            near[removed[1]].remove(removed[0])
            del curvature[removed]
            change.part(*removed)
            _update(near, curvature, removed)
        elif added is None:
            break
    return change


def _drawn(
    near: list[set[int]], edge: Edge, curvature: dict[Edge, float], tau: float, rng: np.random.Generator
) -> Edge | None:
    """Draw a new edge around the ends of ``edge``, or return ``None`` where there is none."""
    i, j = edge
    if (len(near[i]) + 1) * (len(near[j]) + 1) > _MOST_CANDIDATES:
        raise ValueError(
            f"the lowest curvature is between two nodes of {len(near[i]):,} and {len(near[j]):,} neighbours, "
            f"more than {_MOST_CANDIDATES:,} pairs to try; use fosr, which does not try them one by one"
        )
    balls = [{i, *near[i]}, {j, *near[j]}]
    pairs = sorted({(min(k, m), max(k, m)) for k in balls[0] for m in balls[1] if k != m and m not in near[k]})
    if not pairs:
        return None
    gains = np.array(curvatures_with(near, i, j, pairs)) - curvature[edge]
    odds = np.exp(tau * (gains - gains.max()))
    return pairs[int(rng.choice(len(pairs), p=odds / odds.sum()))]


def _update(near: list[set[int]], curvature: dict[Edge, float], changed_edge: Edge) -> None:
    """Compute again the curvature of the edges that can see a change: those of its ends and of their neighbours."""
    seen = {*changed_edge}.union(*(near[node] for node in changed_edge))
    for i in seen:
        for j in near[i]:
            pair = (min(i, j), max(i, j))
            curvature[pair] = curvature_of(near, *pair)
