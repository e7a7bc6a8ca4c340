"""Graphs that change, and recurrences over them, as plain loops over dictionaries keyed by (node, time).

Nothing here calls the library but :func:`graph_of` and :func:`read`, which say a story in its terms and back.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from strategies import index
from torch import Tensor

import graphseq as gs

Place = tuple[int, int]  # node, time
Edge = tuple[int, int, float]  # source, target, weight
Vector = NDArray[Any]
Held = tuple[Vector, ...]  # what a node remembers: its state, and its cell where there is one


@dataclass(frozen=True)
class Story:
    """Who is there when, with which features, and who is joined to whom; ``always`` where both ends are there."""

    x: dict[Place, Vector]
    edges: dict[int, list[Edge]] = field(default_factory=dict)
    always: list[Edge] | None = None
    weighted: bool = True

    @property
    def times(self) -> list[int]:
        return sorted({time for _, time in self.x})

    def there(self, time: int) -> list[int]:
        return sorted(node for node, when in self.x if when == time)

    def edges_at(self, time: int) -> list[Edge]:
        if self.always is None:
            return self.edges.get(time, [])
        there = self.there(time)
        return [edge for edge in self.always if edge[0] in there and edge[1] in there]

    def between(self, start: int, stop: int) -> Story:
        """The piece of it from ``start`` to before ``stop``."""
        return replace(self, x={(node, time): row for (node, time), row in self.x.items() if start <= time < stop})


def dice(seed: int) -> Random:
    return Random(seed)  # noqa: S311 - nothing is kept secret


def drawn(seed: int, *, channels: int = 2) -> Story:
    """Nodes that come, go and come back at uneven times, and other edges each time or the same; doubled and looped."""
    r = dice(seed)
    directed, weighted, stays = r.random() < 0.5, r.random() < 0.7, r.random() < 0.4
    names = r.sample(range(7), r.randint(1, 5))
    times = np.cumsum([r.randint(-4, 3), *(r.randint(1, 4) for _ in range(r.randint(0, 5)))]).tolist()
    often = r.choice((0.4, 0.7, 1.0))
    places = [(node, time) for time in times for node in names if r.random() < often] or [(names[0], times[0])]
    x = {place: np.array([r.gauss(0, 1) for _ in range(channels)]) for place in places}

    def edges(nodes: list[int]) -> list[Edge]:
        pairs = [(r.choice(nodes), r.choice(nodes)) for _ in range(r.choice((0, 1, 3, 2 * len(nodes))))]
        pairs += r.sample(pairs, len(pairs) // 4)
        told = [(i, j, r.choice((0.0, 0.25, 1.0, 2.5)) if weighted else 1.0) for i, j in pairs]
        return told if directed else [e for i, j, w in told for e in ((i, j, w), (j, i, w))[: 1 + (i != j)]]

    if stays:
        return Story(x, always=edges(list(range(max(node for node, _ in x) + 1))), weighted=weighted)
    story = Story(x, weighted=weighted)
    return replace(story, edges={time: edges(story.there(time)) for time in story.times})


def graph_of(story: Story, seed: int = 0) -> gs.SpaceTimeGraph:
    """The story as a graph, its rows in random order."""
    places = list(story.x)
    dice(seed).shuffle(places)
    row = {place: number for number, place in enumerate(places)}
    x = torch.tensor(np.stack([story.x[place] for place in places]))
    node, time = torch.tensor(places).t().contiguous()
    edges = [(row[i, t], row[j, t], w) for t in reversed(story.times) for i, j, w in story.edges_at(t)]
    if story.always is not None:
        edges = [edge for edge in story.always if max(edge[:2]) <= int(node.max())]
    pairs, weight = index([edge[:2] for edge in edges]), torch.tensor([edge[2] for edge in edges], dtype=torch.double)
    prefix = "" if story.always is None else "static_"
    told = {f"{prefix}edge_index": pairs, **({f"{prefix}edge_weight": weight} if story.weighted else {})}
    return gs.SpaceTimeGraph(x, node, time, **told)


def by_place(graph: gs.SpaceTimeGraph, rows: Tensor) -> dict[Place, Vector]:
    """What stands at each (node, time)."""
    places = zip(graph.node.tolist(), graph.time.tolist(), strict=True)
    return dict(zip(places, rows.detach().numpy(), strict=True))


def read(graph: gs.SpaceTimeGraph) -> tuple[dict[Place, list[float]], dict[int, list[Edge]]]:
    """Features by (node, time), and the edges of each time that has any, sorted."""
    node, time, spatial = graph.node.tolist(), graph.time.tolist(), graph.topology.spatial
    weight = torch.ones(spatial.edge_index.shape[1]) if spatial.edge_weight is None else spatial.edge_weight
    edges: dict[int, list[Edge]] = {}
    for (a, b), w in zip(spatial.edge_index.t().tolist(), weight.tolist(), strict=True):
        edges.setdefault(time[a], []).append((node[a], node[b], w))
    features = {place: row.tolist() for place, row in by_place(graph, graph.x).items()}
    return features, {when: sorted(some) for when, some in edges.items()}


def hat(nodes: Iterable[int], edges: Iterable[Edge]) -> dict[tuple[int, int], float]:
    """Â by its equation, (reader, source) to entry: doubled edges add up, a stored self-loop stands for the added one.

    Of several self-loops the last stands, and who reads nothing at all, not even oneself, gives nothing and gets none.
    """
    tilde = {(node, node): 1.0 for node in nodes}
    for source, target, weight in edges:
        before = 0.0 if source == target else tilde.get((target, source), 0.0)
        tilde[target, source] = before + weight
    degree = {i: sum(w for (reader, _), w in tilde.items() if reader == i) for i, _ in tilde}
    return {
        (i, j): w / math.sqrt(degree[i] * degree[j]) if degree[i] and degree[j] else 0.0 for (i, j), w in tilde.items()
    }


def mixed(values: dict[int, Vector], weights: dict[tuple[int, int], float], hops: int) -> dict[int, Vector]:
    """Âᴸ of one vector a node."""
    for _ in range(hops):
        values = {i: sum(w * values[j] for (reader, j), w in weights.items() if reader == i) for i in values}
    return values


def sigma(a: Vector) -> Vector:
    return 1 / (1 + np.exp(-a))


def lstm(a: Vector, s: Vector, held: Held, peepholes: Vector) -> Held:
    """States and cells after a step, where peepholes of zero are none."""
    (i, f, g, o), c = np.split(a + s, 4), held[1]
    c = sigma(f + peepholes[1] * c) * c + sigma(i + peepholes[0] * c) * np.tanh(g)
    return sigma(o + peepholes[2] * c) * np.tanh(c), c


def gru(a: Vector, s: Vector, held: Held) -> Held:
    """States after a step."""
    (a_r, a_z, a_n), (s_r, s_z, s_n) = np.split(a, 3), np.split(s, 3)
    z = sigma(a_z + s_z)
    return ((1 - z) * np.tanh(a_n + sigma(a_r + s_r) * s_n) + z * held[0],)


def layer(story: Story, x: dict[Place, Vector], of: dict[str, Vector], sides: str, hops: int) -> dict[Place, Held]:
    """What each node remembers after each time at which it is there, with the weights of a layer."""
    w_x, w_h = (of["conv_" + side] for side in "xh")
    hidden = w_h.shape[1]
    is_lstm = len(w_h) == 4 * hidden
    start: Held = (np.zeros(hidden),) * (1 + is_lstm)
    held: dict[Place, Held] = {}
    last: dict[int, Held] = {}
    for time in story.times:
        nodes = story.there(time)
        weights = hat(nodes, story.edges_at(time))
        now = mixed({node: x[node, time] for node in nodes}, weights, 0 if sides == "state" else hops)
        was = mixed({node: last.get(node, start)[0] for node in nodes}, weights, 0 if sides == "input" else hops)
        for node in nodes:
            a, s = w_x @ now[node] + of["conv_x.bias"], w_h @ was[node] + of["conv_h.bias"]
            before, peepholes = last.get(node, start), of.get("peepholes", np.zeros((3, hidden)))
            held[node, time] = last[node] = lstm(a, s, before, peepholes) if is_lstm else gru(a, s, before)
    return held


def twin(
    story: Story, weights: dict[str, Vector], *, convolve: str = "both", hops: int = 1, residual: bool = False
) -> tuple[dict[Place, Vector], list[dict[Place, Held]]]:
    """Outputs, and what each layer remembers, by (node, time); ``weights`` are named as in a ``state_dict``."""
    x, every = story.x, []
    for number in range(1 + max(int(name.split(".")[1]) for name in weights)):
        prefix = f"layers.{number}."
        own = {
            name.removeprefix(prefix).removesuffix(".weight").removesuffix(".lin"): value
            for name, value in weights.items()
            if name.startswith(prefix)
        }
        held = layer(story, x, own, convolve, hops)
        x = {place: new[0] + x[place] if residual and number else new[0] for place, new in held.items()}
        every.append(held)
    return x, every
