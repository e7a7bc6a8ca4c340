"""A survey of a graph: hops from a source, shortest routes to targets, and the reach and influence of untrained models.

It computes what the command ``reach`` prints and draws, and returns it as data.

Example:
    >>> from graphseq.io import read_graph
    >>> def build(name, in_channels, hidden_channels, num_layers, causal):
    ...     return GCN(in_channels, hidden_channels, num_layers, causal=causal)
    >>> result = survey(
    ...     Request(read_graph("path_10"), source="0", build=build, targets=("3",), models=("GCN",), layers=(2, 3))
    ... )
    >>> target = result.targets[0]
    >>> target.hops, target.number_of_routes, [model.reaches_source for model in target.models]
    (3, 1, [False, True])
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from itertools import islice
from typing import TypeAlias

import networkx as nx
import torch
from torch import Tensor

from graphseq import reach, seeding
from graphseq.data.constructors import from_graph, from_signal
from graphseq.data.graph import SpaceTimeGraph
from graphseq.io import PlainGraph
from graphseq.nn import GCN
from graphseq.nn.encoder import Encoder
from graphseq.reach.hops import hops_from

Build: TypeAlias = Callable[[str, int, int, int, bool], Encoder]
"""Builds an untrained encoder from its name, F, H, L, and whether it must be causal."""

LISTED = 6  #: the number of routes that are listed
MOST_RESISTANCE = 500  #: the most nodes for an effective resistance, whose pseudo-inverse is the slowest step
DRAWS = 4  #: samples of an estimated influence, a quarter of the cost of the exact one with 16 units
FEATURES = 8  #: F
_DEEP = 256
_LARGE = 4096  #: rows from which on only the part around a receptive field is computed on


@dataclass(frozen=True)
class Request:
    """The settings of a survey."""

    graph: PlainGraph
    source: str  #: a node
    build: Build  #: of the encoders
    targets: tuple[str, ...] = ()  #: nodes; where empty, the one farthest from the source
    models: tuple[str, ...] = ("GCN", "RNN", "LSTM", "GCN-LSTM")  #: names that ``build`` knows
    layers: tuple[int, ...] = ()  #: numbers of layers; where empty, some around the hops needed
    times: int = 1  #: T; the source is at the first time, the targets are at the last
    causal: bool = False  #: along time past → future only
    hidden: int = 16  #: H
    seed: int = 0  #: of weights and features
    max_entries: int = 2**24  #: the most entries of an exact Jacobian; above it, influence is estimated


@dataclass(frozen=True)
class ModelSurvey:
    """The reach and influence of one untrained model at a target."""

    model: str  #: its name
    layers: int
    num_rows: int  #: the size of the receptive field
    reaches_source: bool  #: whether the source is in the receptive field
    influence: list[float]  #: on the target, summed over the rows at 0, 1, … hops from it
    is_estimated: bool  #: whether the influence is estimated from ``DRAWS`` samples


@dataclass(frozen=True)
class TargetSurvey:
    """The distance, routes and resistance from the source to a target, and the models there."""

    row: int
    hops: int  #: from the source: the number of graph convolutions needed
    number_of_routes: int  #: the number of shortest routes
    routes: list[list[int]]  #: the first ``LISTED`` shortest routes, as rows
    resistance: float | None  #: effective, between the two nodes; ``None`` where edges are directed or nodes too many
    models: list[ModelSurvey]
    linear: list[float]  #: influence of the deepest GCN without its ReLU, by hops; empty where there is no GCN


@dataclass(frozen=True)
class Survey:
    """The result of :func:`survey`."""

    request: Request
    names: list[str]  #: of nodes; row t·N + n is node n at time t
    spacetime: SpaceTimeGraph  #: V = N·T rows, with random features
    static: SpaceTimeGraph  #: the graph at one time, N rows
    source: int  #: row
    hops: Tensor  #: from the source to every row, (V,); -1 where there is no path
    targets: list[TargetSurvey] = field(default_factory=list)

    def label(self, row: int) -> str:
        """The name of a row's node, and its time where there are several."""
        name = self.names[row % len(self.names)]
        return name if self.request.times == 1 else f"{name} at {row // len(self.names)}"


def survey(request: Request) -> Survey:
    """Survey a graph from one source.

    Args:
        request: the graph, its source and targets, and the models.

    Raises:
        ValueError: a node that is not in the graph or cannot be reached, or ``causal`` with a single time.
    """
    names = list(request.graph.graph)
    if request.causal and request.times == 1:
        raise ValueError("causal=True is about time, past to future; it needs times=2 or more")
    source = find(request.graph, "source", request.source)
    last = (request.times - 1) * len(names)
    targets = [last + find(request.graph, "targets", name) for name in request.targets]
    static = from_graph(request.graph.graph)
    spacetime = _over_time(static, request)
    hops = hops_from(spacetime, source, causal=request.causal)
    result = Survey(request, names, spacetime, static, source, hops)
    targets = targets or [_farthest(result, last)]
    for row in targets:
        _check_target(result, row)
    layers = request.layers or _default_layers(max(int(hops[row]) for row in targets))
    encoders = [(name, depth, encoder(name, depth, request)) for name in request.models for depth in layers]
    edges = nx.from_scipy_sparse_array(spacetime.topology.spacetime(request.causal).pattern.T, create_using=nx.DiGraph)
    return replace(result, targets=[_survey_target(result, edges, row, encoders) for row in targets])


def find(graph: PlainGraph, argument: str, name: str) -> int:
    """The index of a node, by its name.

    Args:
        graph: the graph.
        argument: the argument that holds the name, for the message.
        name: of the node.

    Raises:
        ValueError: no node has that name; the message suggests similar ones.
    """
    names = list(graph.graph)
    if name in graph.graph:
        return names.index(name)
    near = get_close_matches(name.casefold(), [node.casefold() for node in names], n=3, cutoff=0.6)
    similar = [node for node in names if node.casefold() in near][:3]
    if similar:
        hint = f"did you mean {' or '.join(similar)}?"
    else:
        hint = f"its {len(names):,} nodes are {', '.join(names[:8])}{', …' if len(names) > 8 else ''}"
    raise ValueError(f"{argument}={name!r} is no node of {graph.name}; {hint}")


def encoder(name: str, layers: int, request: Request) -> Encoder:
    """Build an untrained encoder in float64, whose weights depend on the seed alone.

    Args:
        name: one that ``request.build`` knows.
        layers: the number of layers.
        request: gives the builder, H, the seed, and whether a model is causal.
    """
    with seeding.forked(request.seed, seeding.BUILD):
        return request.build(name, FEATURES, request.hidden, layers, request.causal).double()


def linear_influence(gcn: GCN, graph: SpaceTimeGraph, row: int) -> Tensor:
    r"""Compute the influence of every row on one target in a GCN without its ReLU, by one sparse product a layer.

    .. math:: I_v = |(\hat A^L)_{kv}| \; \| W_1 W_2 \cdots W_L \|_F

    Args:
        gcn: L layers of ``GCNConv``.
        graph: V rows.
        row: the target, k.

    Returns:
        (V,) in float64: row k of :func:`graphseq.reach.theory.linear_gcn_influence`.
    """
    transpose = graph.topology.spacetime(gcn.causal).normalised(torch.float64).transpose
    power = torch.zeros(graph.num_rows, 1, dtype=torch.float64)
    power[row] = 1.0
    weights = torch.eye(gcn.in_channels, dtype=torch.float64)
    for conv in gcn.convs:
        power = transpose @ power
        weights = weights @ conv.get_parameter("lin.weight").detach().double().T
    influence: Tensor = power[:, 0].abs() * torch.linalg.matrix_norm(weights)
    return influence


def number_of_routes(edges: nx.DiGraph, source: int, target: int) -> int:
    """The number of shortest routes from ``source`` to ``target``, counted without listing them."""
    predecessors = nx.predecessor(edges, source)
    counts = {source: 1}
    for node in predecessors:  # in the order of their hops
        if node != source:
            counts[node] = sum(counts[before] for before in predecessors[node])
    return counts[target]


def _over_time(static: SpaceTimeGraph, request: Request) -> SpaceTimeGraph:
    """The graph at T times, with random features."""
    generator = torch.Generator().manual_seed(seeding.derive(request.seed, seeding.BUILD, 1))
    x = torch.randn(request.times, static.num_rows, FEATURES, generator=generator)
    return from_signal(x, static.edge_index, static.get("edge_weight"), edge_attr=static.get("edge_attr"))


def _farthest(result: Survey, last: int) -> int:
    """The row farthest from the source, among those at the last time."""
    hops = result.hops[last:]
    if int(hops.max()) <= 0:
        raise ValueError(f"source={result.names[result.source]!r}: no edge leads from it, it reaches only itself")
    return last + int(hops.argmax())


def _check_target(result: Survey, row: int) -> None:
    if row == result.source:
        raise ValueError(f"targets= and source= are both {result.label(row)}; they must differ")
    if int(result.hops[row]) < 0:
        count = int((result.hops > 0).sum())
        raise ValueError(
            f"targets={result.label(row)!r} is unreachable from {result.label(result.source)}: no path leads there, "
            f"for any number of layers; {result.label(result.source)} reaches {count:,} of the "
            f"{len(result.hops) - 1:,} other rows"
        )


def _default_layers(needed: int) -> tuple[int, ...]:
    """One layer, one too few, and the number needed; a few small numbers where that is very deep."""
    return tuple(sorted({1, max(1, needed - 1), needed})) if needed <= _DEEP else (1, 8, 64)


def _survey_target(
    result: Survey, edges: nx.DiGraph, row: int, encoders: Sequence[tuple[str, int, Encoder]]
) -> TargetSurvey:
    hops = reach.hop_distances(result.spacetime, torch.tensor([row]), causal=result.request.causal)
    gcns = [model for _, _, model in encoders if isinstance(model, GCN)]
    linear = linear_influence(gcns[-1], result.spacetime, row)[None] if gcns else None
    return TargetSurvey(
        row,
        int(result.hops[row]),
        number_of_routes(edges, result.source, row),
        sorted(islice(nx.all_shortest_paths(edges, result.source, row), LISTED)),
        _resistance(result, row),
        [_survey_model(result, name, depth, model, row, hops) for name, depth, model in encoders],
        [] if linear is None else reach.by_hop(linear, hops).value.tolist(),
    )


def _resistance(result: Survey, row: int) -> float | None:
    graph = result.request.graph.graph
    start, end = (result.names[index % len(result.names)] for index in (result.source, row))
    if graph.is_directed() or start == end:
        return None
    component = graph.subgraph(nx.node_connected_component(graph, start))
    if len(component) > MOST_RESISTANCE:
        return None
    order = list(component)
    matrix = torch.from_numpy(nx.to_numpy_array(component, nodelist=order))
    return float(reach.theory.effective_resistance(matrix)[order.index(start), order.index(end)])


def _around(result: Survey, receptive_field: Tensor) -> tuple[SpaceTimeGraph, Tensor]:
    """Return the part of a large graph that a target's state depends on, and its rows; of a small graph, all of it.

    It is made of the nodes of the receptive field and their neighbours, at all times, and all edges between them: the
    farthest nodes within the field have their degrees in the whole graph, and those of their neighbours do not matter.
    """
    graph, nodes = result.spacetime, len(result.names)
    if graph.num_rows < _LARGE:
        return graph, torch.arange(graph.num_rows)
    source, end = result.static.topology.spatial.edge_index
    kept = torch.zeros(nodes, dtype=torch.bool).index_fill_(0, receptive_field % nodes, True)
    kept = kept.index_fill(0, source[kept[end]], True).index_fill(0, end[kept[source]], True)
    between = kept[source] & kept[end]
    weight = result.static.topology.spatial.edge_weight
    number = kept.cumsum(0) - 1
    x = graph.x.view(result.request.times, nodes, -1)[:, kept]
    edges = number[torch.stack([source[between], end[between]])]
    part = from_signal(x, edges, None if weight is None else weight[between])
    return part, kept.repeat(result.request.times).nonzero()[:, 0]


def _survey_model(result: Survey, name: str, depth: int, model: Encoder, row: int, hops: Tensor) -> ModelSurvey:
    receptive_field = reach.receptive_field(model, result.spacetime, row)
    graph, rows = _around(result, receptive_field)
    target = torch.searchsorted(rows, torch.tensor([row]))
    try:
        within = reach.influence(model, graph, outputs=target, max_entries=result.request.max_entries)
        is_estimated = False
    except reach.TooLargeError:
        seed = result.request.seed
        within = reach.estimate_influence(model, graph, samples=DRAWS, seed=seed, outputs=target).norm
        is_estimated = True
    influence = within.new_zeros(1, result.spacetime.num_rows).index_copy_(1, rows, within)
    profile = reach.by_hop(influence, hops).value.tolist()
    reaches_source = bool((receptive_field == result.source).any())
    return ModelSurvey(name, depth, len(receptive_field), reaches_source, profile, is_estimated)
