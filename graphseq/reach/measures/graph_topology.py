"""The topology of a graph as message passing meets it: bounds, curvature, resistance, spectral gap and bottlenecks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from scipy.sparse import csgraph
from torch import Tensor

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq._prompt import short_repr
from graphseq.data.curvature import Curvature, balanced_forman_curvature
from graphseq.data.edges import AnyGraph, Edges, edges_of, short
from graphseq.data.hops import shortest_paths
from graphseq.reach.measures.distance import MOST_NODES, chosen_nodes, resistances
from graphseq.reach.measures.gap import spectral_gap
from graphseq.reach.measures.operators import operator
from graphseq.reach.measures.sensitivity import operator_power

MOST_EDGES = 200_000  #: for a curvature, whose time grows with the products of degrees


@dataclass(frozen=True)
class Bottleneck:
    """An edge of negative curvature.

    Returned by :func:`graphseq.reach.topology`, as ``bottlenecks``.
    """

    source: int
    target: int
    curvature: float  #: balanced Forman curvature; the lower, the narrower
    resistance: float | None  #: between its ends, 1 where it is the only way (a bridge) and weighs 1
    is_bridge: bool  #: whether its removal disconnects its ends


@short_repr
@dataclass(frozen=True)
class GraphTopology:
    """The result of :func:`topology`; what a graph has not is ``None``, and ``notes`` say why.

    Returned by :func:`graphseq.reach.topology`.
    """

    num_nodes: int  #: V
    num_edges: int  #: pairs of nodes that are joined, self-loops left out; of a directed graph, directed edges
    num_components: int  #: weakly connected ones
    is_directed: bool
    layers: int  #: L
    nodes: Tensor  #: the K nodes at which hops and sensitivity are measured
    hops: Tensor  #: from every node to each of ``nodes``, (K, V), float64; infinite without a path
    sensitivity: Tensor  #: (Â^L) at ``nodes``, (K, V): bounds of the Jacobian over (αβ)^L, ∏ ‖W‖ or (c_σ w p)^L
    sensitivity_by_hop: Tensor  #: mean of the same over the pairs at 0, 1, … hops, (D + 1,); 0 beyond L hops
    curvature: Curvature | None  #: balanced Forman curvature of every edge
    resistance: Tensor | None  #: effective, from every node to each of ``nodes``, (K, V)
    total_resistance: float | None  #: sum over all pairs of nodes, the Kirchhoff index; over each component
    commute_time: Tensor | None  #: mean steps there and back of the walk D̃⁻¹ Ã, (K, V)
    spectral_gap: float | None  #: λ₂ of the normalised Laplacian I - D^(-1/2) A D^(-1/2)
    gcn_gap: float | None  #: 1 - λ₂(Â)
    bottlenecks: tuple[Bottleneck, ...]  #: edges of negative curvature, the lowest first; at most 10
    notes: tuple[str, ...]  #: what was not computed, and why

    def __str__(self) -> str:
        """Return a table of what is known."""
        kind = "directed" if self.is_directed else "undirected"
        parts = "connected" if self.num_components == 1 else f"{self.num_components} components"
        finite = self.hops[self.hops.isfinite()]
        lines = [
            f"{self.num_nodes:,} nodes, {self.num_edges:,} edges, {kind}, {parts}",
            f"most hops to the nodes measured   {int(finite.max()) if len(finite) else 0}",
        ]
        farthest = self.sensitivity_by_hop[: self.layers + 1]
        if len(farthest):
            lines.append(f"mean bound at {len(farthest) - 1} hops, {self.layers} layers   {float(farthest[-1]):.3g}")
        if self.curvature is not None and len(self.curvature.value):
            negative = int((self.curvature.value < 0).sum())
            lines.append(f"lowest curvature   {float(self.curvature.value.min()):.3g} (edges below 0: {negative:,})")
        for name, value in (
            ("spectral gap", self.spectral_gap),
            ("spectral gap of Â", self.gcn_gap),
            ("total resistance", self.total_resistance),
        ):
            if value is not None:
                lines.append(f"{name}   {value:.4g}")
        for edge in self.bottlenecks[:3]:
            bridge = ", a bridge" if edge.is_bridge else ""
            lines.append(f"bottleneck {edge.source} - {edge.target}   curvature {edge.curvature:.3g}{bridge}")
        return "\n".join([*lines, *self.notes])


@checked_arguments
def topology(
    graph: AnyGraph,
    layers: int = 8,
    *,
    nodes: Tensor | None = None,
    samples: int = 256,
    seed: int = 0,
    causal: bool = False,
) -> GraphTopology:
    r"""Measure the topology of any graph: where messages are squeezed, and how much of them can arrive.

    Bounds are those of L layers, :math:`(\hat A^L)_{vu}`, which every bound on a Jacobian multiplies with norms of the
    weights: see :func:`~graphseq.reach.measures.weights_bound`, ``message_passing_bound`` and ``sensitivity_bound``.
    Commute times are those of the walk with self-loops, :math:`C_{ij} = R_{ij} \sum_k \tilde d_k`.

    Args:
        graph: PyG ``Data`` or ``Batch``, a networkx graph or a :class:`~graphseq.SpaceTimeGraph`. Weights conduct;
            curvature does not see them.
        layers: L.
        nodes: the K nodes at which bounds, hops and resistances end, (K,); by default all, or of a larger graph
            ``samples`` of them, drawn with ``seed``.
        samples: the most nodes that are taken by default.
        seed: of the draw.
        causal: of a space-time graph, along time from past to future only.

    Returns:
        A :class:`GraphTopology`. Of directed graphs it has hops, bounds and components alone, since resistance,
        curvature and spectral gap are not defined on them; its notes say so.

    Raises:
        TypeError: a graph of another type.
        ValueError: a graph without nodes, a node that does not exist, a negative number.

    Source: Topping et al. (2022), lemma 1 and definition 1; Di Giovanni et al. (2023), theorem 3.2; Black et al.,
    *Understanding oversquashing in GNNs through the lens of effective resistance* (2023), for the total resistance;
    Chandra et al. (1989), theorem 2.1, for the commute time.

    Example:
        >>> import networkx as nx
        >>> print(topology(nx.barbell_graph(5, 0), layers=3))
        10 nodes, 21 edges, undirected, connected
        most hops to the nodes measured   3
        mean bound at 3 hops, 3 layers   0.00556
        lowest curvature   -1.2 (edges below 0: 1)
        spectral gap   0.0726
        spectral gap of Â   0.0584
        total resistance   49
        bottleneck 4 - 5   curvature -1.2, a bridge
    """
    depth = _checks.layers("layers", layers, 1)
    edges = edges_of(graph, causal=causal)
    if not edges.num_nodes:
        raise ValueError("graph has no nodes; a topology needs one at least")
    chosen = _nodes(edges.num_nodes, nodes, samples, seed)
    simple = edges.simple
    hops = shortest_paths(simple, chosen).double()
    hops = torch.where(hops < 0, torch.inf, hops)
    bound = operator_power(operator(edges), depth, chosen)
    component = edges.components
    known = _NONE if edges.is_directed else _of_undirected(graph, edges, chosen)
    return GraphTopology(
        num_nodes=edges.num_nodes,
        num_edges=int(simple.nnz) if edges.is_directed else int(simple.nnz) // 2,
        num_components=int(component.max()) + 1,
        is_directed=edges.is_directed,
        layers=depth,
        nodes=chosen,
        hops=hops,
        sensitivity=bound,
        sensitivity_by_hop=_by_hop(bound, hops),
        curvature=known.curvature,
        resistance=known.resistance,
        total_resistance=known.total_resistance,
        commute_time=known.commute_time,
        spectral_gap=known.spectral_gap,
        gcn_gap=known.gcn_gap,
        bottlenecks=known.bottlenecks,
        notes=tuple(_notes(edges, chosen)),
    )


class _OfUndirected(NamedTuple):
    """The part of a topology that only undirected graphs have; see :class:`GraphTopology`."""

    curvature: Curvature | None = None
    resistance: Tensor | None = None
    total_resistance: float | None = None
    commute_time: Tensor | None = None
    spectral_gap: float | None = None
    gcn_gap: float | None = None
    bottlenecks: tuple[Bottleneck, ...] = ()


_NONE = _OfUndirected()


def _of_undirected(graph: AnyGraph, edges: Edges, chosen: Tensor) -> _OfUndirected:
    found = _OfUndirected()
    table: Tensor | None = None
    if edges.num_nodes > 1:
        found = found._replace(spectral_gap=spectral_gap(edges), gcn_gap=spectral_gap(edges, loops=True))
    if _has_resistance(edges):
        table = resistances(edges)
        found = found._replace(
            resistance=table[chosen],
            total_resistance=float(table[table.isfinite()].sum()) / 2,
            commute_time=table[chosen] * _volumes(edges)[chosen][:, None],
        )
    if _has_curvature(edges):
        curvature = balanced_forman_curvature(graph)
        found = found._replace(curvature=curvature, bottlenecks=_bottlenecks(edges, curvature, table))
    return found


def _has_resistance(edges: Edges) -> bool:
    """True if the resistances of an undirected graph are computed: a matrix of all nodes, an inverse of a component."""
    return edges.num_nodes <= 2 * MOST_NODES and int(torch.bincount(edges.components).max()) <= MOST_NODES


def _has_curvature(edges: Edges) -> bool:
    """True if the curvature of an undirected graph is computed."""
    return bool(edges.simple.nnz // 2 <= MOST_EDGES)


def _nodes(count: int, nodes: Tensor | None, samples: int, seed: int) -> Tensor:
    if nodes is not None:
        return chosen_nodes(nodes, count)
    most = _checks.at_least("samples", samples, 1)
    g = torch.Generator().manual_seed(_checks.torch_seed("seed", seed))
    return torch.randperm(count, generator=g)[:most].sort().values if count > most else torch.arange(count)


def _notes(edges: Edges, chosen: Tensor) -> list[str]:
    """The sentences on what was not computed, and why."""
    notes = []
    if edges.is_directed:
        notes.append("directed: resistance, commute time, curvature and spectral gap are of undirected graphs")
    component = edges.components
    number = int(component.max()) + 1
    if number > 1:
        notes.append(
            f"{number} components, the largest of {int(torch.bincount(component).max()):,} nodes: no message passes "
            "between them, spectral gaps are 0, and the total resistance is the sum over each"
        )
    if not edges.is_directed and not _has_resistance(edges):
        notes.append(
            f"resistance and commute time are not computed above {MOST_NODES:,} nodes of a component, or "
            f"{2 * MOST_NODES:,} in all"
        )
    if not edges.is_directed and not _has_curvature(edges):
        notes.append(f"curvature is not computed above {MOST_EDGES:,} edges")
    if len(chosen) < edges.num_nodes:
        notes.append(f"hops and bounds are to {len(chosen):,} of the {edges.num_nodes:,} nodes")
    return notes


def _by_hop(bound: Tensor, hops: Tensor) -> Tensor:
    has_path = hops.isfinite()
    at = hops[has_path].long()
    sums = torch.bincount(at, weights=bound[has_path])
    return sums / torch.bincount(at).clamp(min=1)


def _volumes(edges: Edges) -> Tensor:
    """The sum of d̃ over the component of each node, self-loops counted once."""
    component = edges.components
    degree = torch.from_numpy(np.asarray(operator(edges, "sum").sum(axis=1)).ravel())
    return torch.zeros(int(component.max()) + 1, dtype=torch.float64).index_add_(0, component, degree)[component]


def _bottlenecks(edges: Edges, curvature: Curvature, resistance: Tensor | None) -> tuple[Bottleneck, ...]:
    order = curvature.value.argsort(stable=True)[:10]
    found = []
    for index in order[curvature.value[order] < 0].tolist():
        i, j = curvature.edge_index[:, index].tolist()
        between = None if resistance is None else float(resistance[i, j])
        found.append(Bottleneck(i, j, float(curvature.value[index]), between, _is_bridge(edges, i, j)))
    return tuple(found)


def _is_bridge(edges: Edges, i: int, j: int) -> bool:
    rest = edges.simple.tolil()
    rest[i, j] = rest[j, i] = 0.0
    reached = csgraph.breadth_first_order(short(rest.tocsr()), i, directed=False, return_predecessors=False)
    return j not in set(reached.tolist())
