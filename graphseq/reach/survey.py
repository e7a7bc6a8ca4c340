"""What can be said of reach on a graph that was given: hops, routes, what models see, and what they are moved by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from itertools import islice

import networkx as nx
import torch
from torch import Tensor

from graphseq import reach, seeding
from graphseq.data.constructors import from_graph, from_signal
from graphseq.data.graph import SpaceTimeGraph
from graphseq.io import PlainGraph
from graphseq.nn import GCN, GCNLSTM, GRU, LSTM, RNN
from graphseq.nn.encoder import Encoder
from graphseq.reach.hops import hops_from

FAMILIES: dict[str, str] = {"gcn": "GCN", "rnn": "RNN", "gru": "GRU", "lstm": "LSTM", "gcn-lstm": "GCN-LSTM"}
LISTED = 6  #: routes that are listed, and drawn
MOST_RESISTANCE = 500  #: nodes; the pseudo-inverse of more takes longer than all else
DRAWS = 4  #: of an estimate: a quarter of what the exact value of 16 units costs
FEATURES = 8  #: F
_DEEP = 256


@dataclass(frozen=True)
class Request:
    """What is asked of a graph."""

    graph: PlainGraph
    source: str  #: a node
    asked: tuple[str, ...] = ()  #: nodes; without them the farthest from the source
    models: tuple[str, ...] = ("gcn", "rnn", "lstm", "gcn-lstm")  #: keys of ``FAMILIES``
    layers: tuple[int, ...] = ()  #: depths; without them around what is needed
    times: int = 1  #: T; the source is read at the first, the others are asked at the last
    causal: bool = False  #: along time past → future only
    hidden: int = 16  #: H
    seed: int = 0  #: of weights and features
    max_entries: int = 2**24  #: of a Jacobian that is computed exactly


@dataclass(frozen=True)
class Seen:
    """One untrained model, asked at one row."""

    model: str
    layers: int
    rows: int  #: how many rows its reach holds
    source_within: bool  #: whether the source is one of them
    influence: list[float]  #: on the row asked, summed over the rows at 0, 1, … hops from it
    estimated: bool  #: from ``DRAWS`` draws, because the Jacobian is too large


@dataclass(frozen=True)
class Asked:
    """What is known of one row that is asked."""

    row: int
    hops: int  #: from the source, and so the graph convolutions needed
    number_of_routes: int
    routes: list[list[int]]  #: the first ``LISTED``, as rows
    resistance: float | None  #: effective, between the two nodes; ``None`` if directed, or too large
    seen: list[Seen]
    linear: list[float]  #: closed form of the deepest GCN without its ReLU; empty where there is no GCN


@dataclass(frozen=True)
class Survey:
    """All of it."""

    request: Request
    names: list[str]  #: of nodes; row t·N + n is node n at time t
    rows: SpaceTimeGraph  #: V = N·T rows, with random features
    still: SpaceTimeGraph  #: the graph at one time
    source: int  #: row
    hops: Tensor  #: from the source to every row, (V,); -1 where there is no way
    asked: list[Asked] = field(default_factory=list)

    def label(self, row: int) -> str:
        """A row by the name of its node, and its time where there are several."""
        name = self.names[row % len(self.names)]
        return name if self.request.times == 1 else f"{name} at {row // len(self.names)}"


def survey(request: Request) -> Survey:
    """Work out everything of a request.

    Raises:
        ValueError: a node that there is not, one that cannot be reached, ``causal`` without several times.
    """
    names = list(request.graph.graph)
    if request.causal and request.times == 1:
        raise ValueError("causal=True is about time, past to future; it needs times=2 or more")
    source = find(request.graph, "source", request.source)
    last = (request.times - 1) * len(names)
    asked = [last + find(request.graph, "asked", name) for name in request.asked]
    still = from_graph(request.graph.graph)
    rows = _over_time(still, request)
    found = Survey(request, names, rows, still, source, hops_from(rows, source, causal=request.causal))
    asked = asked or [_farthest(found, last)]
    for row in asked:
        _check(found, row)
    layers = request.layers or _layers(max(int(found.hops[row]) for row in asked))
    encoders = [(FAMILIES[key], depth, encoder(key, depth, request)) for key in request.models for depth in layers]
    ways = nx.from_scipy_sparse_array(rows.topology.spacetime(request.causal).pattern.T, create_using=nx.DiGraph)
    return Survey(request, names, rows, still, source, found.hops, [_ask(found, ways, row, encoders) for row in asked])


def find(graph: PlainGraph, argument: str, name: str) -> int:
    """The place of a node by its name, or the names that are nearest to it.

    Raises:
        ValueError: there is none of that name.
    """
    names = list(graph.graph)
    if name in graph.graph:
        return names.index(name)
    near = get_close_matches(name.casefold(), [one.casefold() for one in names], n=3, cutoff=0.6)
    meant = [one for one in names if one.casefold() in near][:3]
    if meant:
        rest = f"did you mean {' or '.join(meant)}?"
    else:
        rest = f"its {len(names):,} nodes are {', '.join(names[:8])}{', …' if len(names) > 8 else ''}"
    raise ValueError(f"{argument}={name!r} is no node of {graph.name}; {rest}")


def encoder(key: str, layers: int, request: Request) -> Encoder:
    """An untrained model in float64, from the seed alone."""
    with seeding.forked(request.seed, seeding.BUILD):
        if key == "gcn":
            made: Encoder = GCN(FEATURES, request.hidden, layers, causal=request.causal)
        else:
            made = {"rnn": RNN, "gru": GRU, "lstm": LSTM, "gcn-lstm": GCNLSTM}[key](FEATURES, request.hidden, layers)
    return made.double()


def linear_influence(gcn: GCN, graph: SpaceTimeGraph, row: int) -> Tensor:
    r"""The influence of every row on one in a GCN without its ReLU, in as many sparse products as it has layers.

    .. math:: I_v = |(\hat A^L)_{kv}| \; \| W_1 W_2 \cdots W_L \|_F

    Returns:
        (V,) in float64, what :func:`graphseq.reach.theory.linear_gcn_influence` has in its line k.
    """
    back = graph.topology.spacetime(gcn.causal).normalised(torch.float64).transpose
    carried = torch.zeros(graph.num_rows, 1, dtype=torch.float64)
    carried[row] = 1.0
    weights = torch.eye(gcn.in_channels, dtype=torch.float64)
    for conv in gcn.convs:
        carried = back @ carried
        weights = weights @ conv.get_parameter("lin.weight").detach().double().T
    found: Tensor = carried[:, 0].abs() * torch.linalg.matrix_norm(weights)
    return found


def _over_time(still: SpaceTimeGraph, request: Request) -> SpaceTimeGraph:
    generator = torch.Generator().manual_seed(seeding.derive(request.seed, seeding.BUILD, 1))
    x = torch.randn(request.times, still.num_rows, FEATURES, generator=generator)
    return from_signal(x, still.edge_index, still.get("edge_weight"))


def _farthest(found: Survey, last: int) -> int:
    hops = found.hops[last:]
    if int(hops.max()) <= 0:
        raise ValueError(f"source={found.names[found.source]!r}: no edge leads from it, it reaches only itself")
    return last + int(hops.argmax())


def _check(found: Survey, row: int) -> None:
    if row == found.source:
        raise ValueError(f"asked= and source= are both {found.label(row)}; they must differ")
    if int(found.hops[row]) < 0:
        some = int((found.hops > 0).sum())
        raise ValueError(
            f"asked={found.label(row)!r} is unreachable from {found.label(found.source)}: no way leads there, however "
            f"many layers; {found.label(found.source)} reaches {some:,} of the {len(found.hops) - 1:,} other rows"
        )


def _layers(needed: int) -> tuple[int, ...]:
    """One layer, one too few, and as many as are needed; some small ones where that would be very deep."""
    return tuple(sorted({1, max(1, needed - 1), needed})) if needed <= _DEEP else (1, 8, 64)


def _ask(found: Survey, ways: nx.DiGraph, row: int, encoders: Sequence[tuple[str, int, Encoder]]) -> Asked:
    asked = torch.tensor([row])
    hops = reach.hop_distances(found.rows, asked, causal=found.request.causal)
    gcns = [model for _, _, model in encoders if isinstance(model, GCN)]
    linear = linear_influence(gcns[-1], found.rows, row)[None] if gcns else None
    return Asked(
        row,
        int(found.hops[row]),
        number_of_routes(ways, found.source, row),
        sorted(islice(nx.all_shortest_paths(ways, found.source, row), LISTED)),
        _resistance(found, row),
        [_seen(found, name, depth, model, row, hops) for name, depth, model in encoders],
        [] if linear is None else reach.by_hop(linear, hops).value.tolist(),
    )


def number_of_routes(ways: nx.DiGraph, source: int, asked: int) -> int:
    """How many shortest routes there are, counted without listing them."""
    before = nx.predecessor(ways, source)
    counts = {source: 1}
    for node in before:  # in the order of their hops
        if node != source:
            counts[node] = sum(counts[one] for one in before[node])
    return counts[asked]


def _resistance(found: Survey, row: int) -> float | None:
    graph = found.request.graph.graph
    start, end = (found.names[one % len(found.names)] for one in (found.source, row))
    if graph.is_directed() or start == end:
        return None
    part = graph.subgraph(nx.node_connected_component(graph, start))
    if len(part) > MOST_RESISTANCE:
        return None
    order = list(part)
    matrix = torch.from_numpy(nx.to_numpy_array(part, nodelist=order))
    return float(reach.theory.effective_resistance(matrix)[order.index(start), order.index(end)])


def _seen(found: Survey, name: str, depth: int, model: Encoder, row: int, hops: Tensor) -> Seen:
    asked = torch.tensor([row])
    within = reach.receptive_field(model, found.rows, row)
    try:
        values = reach.influence(model, found.rows, outputs=asked, max_entries=found.request.max_entries)
        estimated = False
    except reach.TooLargeError:
        values = reach.estimate_influence(model, found.rows, samples=DRAWS, seed=found.request.seed, outputs=asked).norm
        estimated = True
    profile = reach.by_hop(values, hops).value.tolist()
    return Seen(name, depth, len(within), bool((within == found.source).any()), profile, estimated)
