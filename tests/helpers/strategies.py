"""Small graphs for hypothesis to draw, and how two of them are compared."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import torch
from hypothesis import strategies as st
from torch import Tensor

import graphseq as gs
from graphseq import SpaceTimeGraph

# Quarters: sums and products of a few of them are exact in float32.
QUARTERS = st.integers(-8, 8).map(lambda k: k / 4)
WEIGHTS = st.integers(1, 8).map(lambda k: k / 4)
WEIGHTS_AND_ZERO = st.integers(0, 8).map(lambda k: k / 4)


def index(pairs: Sequence[tuple[int, int]]) -> Tensor:
    """Edges (2, E) from pairs (from, to)."""
    return torch.tensor(pairs, dtype=torch.long).reshape(-1, 2).t().contiguous()


@st.composite
def features(draw: st.DrawFn, rows: int, channels: int | None = None) -> Tensor:
    """(rows, F) in quarters."""
    channels = draw(st.integers(1, 3)) if channels is None else channels
    values = draw(st.lists(QUARTERS, min_size=rows * channels, max_size=rows * channels))
    return torch.tensor(values, dtype=torch.float32).reshape(rows, channels)


@st.composite
def features_or_tokens(draw: st.DrawFn, rows: int) -> Tensor:
    """(rows, F) in quarters, or tokens (rows,)."""
    if draw(st.booleans()):
        return draw(features(rows))
    return torch.tensor(draw(st.lists(st.integers(0, 9), min_size=rows, max_size=rows)), dtype=torch.long)


@st.composite
def weights(
    draw: st.DrawFn, count: int, weighted: bool | None = None, values: st.SearchStrategy = WEIGHTS
) -> Tensor | None:
    """(count,) or ``None``."""
    if weighted is False or (weighted is None and not draw(st.booleans())):
        return None
    return torch.tensor(draw(st.lists(values, min_size=count, max_size=count)), dtype=torch.float32)


@st.composite
def edge_lists(draw: st.DrawFn, values: st.SearchStrategy = WEIGHTS_AND_ZERO) -> tuple[Tensor, Tensor | None, int]:
    """Edges, their weights and V: directed, with self-loops, doubled edges and rows that have none."""
    rows = draw(st.integers(1, 6))
    ends = st.integers(0, rows - 1)
    edge_index = index(draw(st.lists(st.tuples(ends, ends), max_size=12)))
    return edge_index, draw(weights(edge_index.shape[1], values=values)), rows


Rows = tuple[Tensor, Tensor]  # node and time


def histories(rows: Rows) -> dict[int, list[int]]:
    """The rows of each node in the order of time."""
    node, time = (part.tolist() for part in rows)
    found: dict[int, list[int]] = defaultdict(list)
    for row in sorted(range(len(node)), key=lambda row: time[row]):
        found[node[row]].append(row)
    return found


@st.composite
def rows_at_times(draw: st.DrawFn) -> tuple[Tensor, Tensor]:
    """Node and time of each row, in no order, with holes in the names and the times."""
    names = draw(st.lists(st.integers(0, 5), unique=True, min_size=1, max_size=4))
    times = draw(st.lists(st.integers(-3, 9), unique=True, min_size=1, max_size=4))
    pairs = st.tuples(st.sampled_from(names), st.sampled_from(times))
    node, time = index(draw(st.lists(pairs, unique=True, min_size=1, max_size=9)))
    return node, time


@st.composite
def dynamic_graphs(draw: st.DrawFn, channels: int | None = None, weighted: bool | None = None) -> SpaceTimeGraph:
    """Nodes and edges that come and go: directed, with self-loops and doubled edges."""
    node, time = draw(rows_at_times())
    v = len(node)
    joinable = [(i, j) for i in range(v) for j in range(v) if time[i] == time[j]]
    edge_index = index(draw(st.lists(st.sampled_from(joinable), max_size=10)))
    x = draw(features_or_tokens(v) if channels is None else features(v, channels))
    return SpaceTimeGraph(x, node, time, edge_index, draw(weights(edge_index.shape[1], weighted)))


@st.composite
def static_edges(draw: st.DrawFn, nodes: int, weighted: bool | None = None) -> tuple[Tensor, Tensor | None]:
    """Edges among nodes, and their weights."""
    ends = st.integers(0, nodes - 1)
    edge_index = index(draw(st.lists(st.tuples(ends, ends), max_size=8)))
    return edge_index, draw(weights(edge_index.shape[1], weighted))


@st.composite
def gappy_signals(draw: st.DrawFn, channels: int | None = None, weighted: bool | None = None) -> SpaceTimeGraph:
    """Edges that stay while nodes come and go."""
    node, time = draw(rows_at_times())
    edge_index, weight = draw(static_edges(int(node.max()) + 1, weighted))
    x = draw(features_or_tokens(len(node)) if channels is None else features(len(node), channels))
    return SpaceTimeGraph(x, node, time, static_edge_index=edge_index, static_edge_weight=weight)


@st.composite
def signals(draw: st.DrawFn) -> tuple[Tensor, Tensor, Tensor | None]:
    """A signal (T, N, F) or tokens (T, N), edges and weights, for ``from_signal``."""
    steps, nodes = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    edge_index, weight = draw(static_edges(nodes))
    return draw(features_or_tokens(steps * nodes)).unflatten(0, (steps, nodes)), edge_index, weight


@st.composite
def static_graphs(draw: st.DrawFn) -> SpaceTimeGraph:
    """One time only."""
    edge_index, weight, rows = draw(edge_lists())
    nodes = torch.arange(rows)
    return SpaceTimeGraph(draw(features_or_tokens(rows)), nodes, torch.zeros_like(nodes), edge_index, weight)


@st.composite
def sequences(draw: st.DrawFn, channels: int = 2) -> SpaceTimeGraph:
    """One to five steps, some of them asked; y is the number of the row."""
    x = draw(features(draw(st.integers(1, 5)), channels))
    target = torch.tensor(draw(st.lists(st.booleans(), min_size=len(x), max_size=len(x))))
    return gs.from_sequence(x, y=target.nonzero()[:, 0], target=target)


@st.composite
def members(draw: st.DrawFn) -> list[SpaceTimeGraph]:
    """One to four graphs that PyG can join: of one width, and all with weights or none."""
    kind = draw(st.sampled_from((dynamic_graphs, gappy_signals)))
    return draw(st.lists(kind(channels=2, weighted=draw(st.booleans())), min_size=1, max_size=4))


def bag(edge_index: Tensor, edge_weight: Tensor | None = None) -> Counter[tuple[int, int, float]]:
    """Edges and weights without their order; an edge without a weight counts 1."""
    values = [1.0] * edge_index.shape[1] if edge_weight is None else edge_weight.tolist()
    return Counter((i, j, w) for (i, j), w in zip(edge_index.t().tolist(), values, strict=True))


def spatial_bag(graph: SpaceTimeGraph) -> Counter[tuple[int, int, float]]:
    """All spatial edges between rows."""
    spatial = graph.topology.spatial
    return bag(spatial.edge_index, spatial.edge_weight)


def equal_at(a: SpaceTimeGraph, b: SpaceTimeGraph, keys: Iterable[str]) -> bool:
    """Whether both have, or both lack, each of ``keys``, and equal to the last bit, dtypes too."""
    return all(
        (key in a) == (key in b) and (key not in a or (a[key].dtype == b[key].dtype and torch.equal(a[key], b[key])))
        for key in keys
    )


def identical(a: SpaceTimeGraph, b: SpaceTimeGraph) -> bool:
    """Whether everything stored is equal."""
    return set(a.keys()) == set(b.keys()) and equal_at(a, b, a.keys())


def same_rows_and_edges(a: SpaceTimeGraph, b: SpaceTimeGraph) -> bool:
    """Whether rows are equal, in order, and edges as a bag."""
    return equal_at(a, b, ("x", "node", "time")) and spatial_bag(a) == spatial_bag(b)


def good(**changed: object) -> dict[str, object]:
    """Three rows: node 0 at times 0 and 1, node 1 at time 0, joined at time 0."""
    sound = {
        "x": torch.zeros(3, 2),
        "node": torch.tensor([0, 1, 0]),
        "time": torch.tensor([0, 0, 1]),
        "edge_index": index([(0, 1), (1, 0)]),
    }
    return {**sound, **changed}
