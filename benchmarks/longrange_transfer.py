"""Transfer of a class over 100 hops on eight graphs, and by a model that was trained on short paths alone."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache

import networkx as nx
import torch

import graphseq as gs
from graphseq import seeding

HOPS = 100
CLASSES = 10


@cache
def random_tree(hops: int) -> gs.tasks.Transfer:
    """Transfer from end to end of a random tree of as many hops, since a full one of 100 hops has 2^100 rows."""
    for seed in range(1000):
        graph = nx.random_labeled_tree(hops * hops // 6, seed=seed)
        *_, end = nx.single_source_shortest_path_length(graph, 0)  # the farthest row, which is an end of a longest path
        *_, (other, distance) = nx.single_source_shortest_path_length(graph, end).items()
        if distance == hops:
            return gs.tasks.Transfer.on(gs.from_graph(graph), end, other, num_classes=CLASSES)
    raise ValueError(f"no tree of {hops} hops was drawn")


SHAPES: dict[str, Callable[[int], gs.tasks.Transfer]] = {
    **{
        shape: lambda hops, shape=shape: gs.tasks.Transfer(hops + 1, shape=shape, num_classes=CLASSES)
        for shape in ("path", "ring", "crossed ring", "clique path", "barbell", "caterpillar", "grid")
    },
    "random tree": random_tree,
}
"""The suite's graphs, of a number of hops."""


def _model(seed: int) -> gs.nn.Model:
    with seeding.forked(seed, seeding.BUILD):
        return gs.nn.Model(gs.nn.MinPlusGCN(CLASSES, 32, 1, mean=False), CLASSES)


def _accuracy(model: gs.nn.Model, task: gs.tasks.Task) -> float:
    batch = task.batch(40, torch.Generator().manual_seed(10**6))
    with torch.no_grad():
        return float(task.score(model(batch), batch.y).mean())


def _train(model: gs.nn.Model, of_step: Callable[[int], gs.tasks.Task], steps: int, size: int, seed: int) -> None:
    optimizer, generator = torch.optim.Adam(model.parameters(), 1e-2), torch.Generator().manual_seed(seed)
    for step in range(steps):
        task = of_step(step)
        batch = task.batch(size, generator)
        loss = task.loss(model(batch), batch.y)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()


def transferred(shape: str, seed: int) -> dict[str, float]:
    """The accuracy of a model that was trained on a shape at 100 hops."""
    task, model, begun = SHAPES[shape](HOPS), _model(seed), time.perf_counter()
    _train(model, lambda _: task, 100, 8, seed)
    return {"accuracy": _accuracy(model, task), "seconds": time.perf_counter() - begun}


def zero_shot(seed: int) -> dict[str, float]:
    """The accuracy at 100 hops, on each shape, of a model that was trained on paths of 2 to 12 hops."""
    model, begun = _model(seed), time.perf_counter()
    short = [gs.tasks.Transfer(hops + 1, num_classes=CLASSES) for hops in range(2, 13)]
    _train(model, lambda step: short[step % len(short)], 300, 32, seed)
    found = {shape: _accuracy(model, SHAPES[shape](HOPS)) for shape in SHAPES}
    return {**found, "path of 1000": _accuracy(model, SHAPES["path"](1000)), "seconds": time.perf_counter() - begun}
