"""A recorded graph as dictionaries, and what can be asked of its links, by loops."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from hypothesis import strategies as st
from randomgraphs import draw

import graphseq as gs
from graphseq.tasks import LinkPrediction

Pair = tuple[int, int]

# Who writes to whom, times 0 to 5; 4 is heard of first at time 3.
EVENTS = torch.tensor(
    [
        [0, 1, 0.0],
        [0, 1, 0.0],
        [1, 0, 0.0],
        [1, 2, 1.0],
        [0, 2, 2.0],
        [2, 0, 2.0],
        [3, 4, 3.0],
        [0, 1, 4.0],
        [0, 3, 5.0],
    ]
)
MAIL = gs.from_events(EVENTS, window=1, present="since")


@dataclass(frozen=True)
class Record:
    """Who is there and who is joined, by the place of each time among all times."""

    there: list[set[int]]
    edges: list[dict[Pair, float]]

    @classmethod
    def of(cls, graph: gs.SpaceTimeGraph) -> Record:
        times = sorted(set(graph.time.tolist()))
        moment, node = [times.index(time) for time in graph.time.tolist()], graph.node.tolist()
        there: list[set[int]] = [set() for _ in times]
        for t, n in zip(moment, node, strict=True):
            there[t].add(n)
        spatial = graph.topology.spatial
        count = spatial.edge_index.shape[1]
        weights = [1.0] * count if spatial.edge_weight is None else spatial.edge_weight.tolist()
        edges: list[dict[Pair, float]] = [{} for _ in times]
        for (j, i), weight in zip(spatial.edge_index.t().tolist(), weights, strict=True):
            if weight:
                at = edges[moment[j]]
                at[node[j], node[i]] = at.get((node[j], node[i]), 0.0) + weight
        return cls(there, edges)

    def positives(self, last: int, horizon: int) -> set[Pair]:
        """Edges ``horizon`` times after ``last`` between different nodes that are there at ``last``."""
        here = self.there[last]
        return {(j, i) for j, i in self.edges[last + horizon] if j != i and j in here and i in here}

    def others_of(self, source: int, last: int, horizon: int) -> set[Pair]:
        """Pairs of this source that have no edge then."""
        taken = self.positives(last, horizon)
        return {(source, i) for i in self.there[last] if i != source and (source, i) not in taken}

    def seen(self, last: int, horizon: int) -> set[Pair]:
        """Pairs that had an edge up to ``last``, are there, and have none then."""
        here, before = self.there[last], {pair for edges in self.edges[: last + 1] for pair in edges}
        return {(j, i) for j, i in before - self.positives(last, horizon) if j != i and j in here and i in here}

    def features(self, pair: Pair, last: int) -> list[float]:
        """log(1 + events) and 1/(1 + times since), there and back."""
        found = []
        for way in (pair, pair[::-1]):
            met = [t for t in range(last + 1) if way in self.edges[t]]
            found += [math.log1p(sum(self.edges[t][way] for t in met)), 1 / (1 + last - met[-1]) if met else 0.0]
        return found

    def askable(self, lags: int, horizon: int) -> list[int]:
        """Where windows end that ask anything."""
        return [t for t in range(lags - 1, len(self.there) - horizon) if self.positives(t, horizon)]


def pairs_of(graph: gs.SpaceTimeGraph, number: int, nodes: int, y: int | None = None) -> list[Pair]:
    """The pairs of one window by their nodes, in order; all of them, or those with this answer."""
    rows = graph.edge_label_index[:, graph.batch[graph.edge_label_index[0]] == number]
    answer = graph.y[graph.batch[graph.edge_label_index[0]] == number]
    kept = rows if y is None else rows[:, answer == y]
    return [(j, i) for j, i in (graph.node[kept] % nodes).t().tolist()]


SETTINGS = {
    "seed": st.integers(0, 500),
    "lags": st.integers(1, 3),
    "horizon": st.integers(1, 2),
    "negatives": st.integers(1, 3),
    "sampling": st.sampled_from(["random", "historical"]),
}


def drawn(seed: int, lags: int, horizon: int, **options: object) -> tuple[Record, LinkPrediction]:
    """A recording in which all comes and goes, and its task; the seed after the next where nothing can be asked."""
    for other in range(seed, seed + 9999, 1000):
        graph = draw(other, nodes=5, times=7, directed=True, weighted=bool(seed % 2))
        record = Record.of(graph)
        if record.askable(lags, horizon):
            return record, LinkPrediction(graph, lags=lags, horizon=horizon, **options)
    raise AssertionError("no such recording")


KEYS = ("x", "node", "time", "batch", "y", "edge_label_index", "pair_features")


def same(a: gs.SpaceTimeGraph, b: gs.SpaceTimeGraph) -> bool:
    edges = [graph.topology.spatial.edge_index for graph in (a, b)]
    return torch.equal(*edges) and all(torch.equal(a[key], b[key]) for key in KEYS)
