"""Recordings whose next values are known, a share of a node's own and of its neighbours' mean, and one of noise."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

import networkx as nx
import torch
from torch import Tensor

import graphseq as gs

OWN, NEIGHBOURS, NOISE = 0.3, 0.6, 0.1


def ring(nodes: int) -> list[list[int]]:
    """Edges both ways around a ring."""
    return [[n, (n + step) % nodes] for n in range(nodes) for step in (1, -1)]


def signal(times: int, nodes: int = 5, seed: int = 0) -> Tensor:
    """x_t = a x_{t-1} + b (x_{t-1} of both neighbours) / 2 + noise, (T, N)."""
    generator = torch.Generator().manual_seed(seed)
    x = [torch.randn(nodes, generator=generator)]
    for _ in range(times - 1):
        mean = (x[-1].roll(1) + x[-1].roll(-1)) / 2
        x.append(OWN * x[-1] + NEIGHBOURS * mean + NOISE * torch.randn(nodes, generator=generator))
    return torch.stack(x)


def noise() -> gs.SpaceTimeGraph:
    """Two nodes that show 0, 1 and 2, none of which tells of another, at more times than windows are ever drawn."""
    x = torch.randint(3, (20_000, 2, 1), generator=torch.Generator().manual_seed(0))
    return gs.from_signal(x.to(torch.get_default_dtype()), torch.tensor([[0, 1], [1, 0]]))


def graphs(classes: int, *, whole: bool = False, alike: bool = False) -> list[gs.SpaceTimeGraph]:
    """A thousand paths of one to four rows, or of three where all are ``alike``, that show noise and are asked noise.

    Args:
        classes: how many classes; 0 for numbers.
        whole: one answer a graph, instead of one for each of one or two target rows.
        alike: the same rows and edges in all.
    """
    return _graphs(classes, whole, alike, torch.get_default_dtype())


@lru_cache
def _graphs(classes: int, whole: bool, alike: bool, kind: torch.dtype) -> list[gs.SpaceTimeGraph]:
    generator = torch.Generator().manual_seed(0)
    found = []
    for number in range(1000):
        size = 3 if alike else 1 + number % 4
        asked = torch.arange(size) < 1 + number % 2
        answers = 1 if whole else int(asked.sum())
        y = torch.randint(max(classes, 3), (answers,), generator=generator)
        y = y if classes else y[:, None].to(kind)
        x = torch.randint(3, (size, 1), generator=generator).to(kind)
        path = nx.path_graph(size)
        found.append(gs.from_graph(path, x=x, y=y, target=None if whole else asked))
    return found


def large(classes: int) -> gs.SpaceTimeGraph:
    """A ring of five nodes over 4,000 times that shows noise, some rows of which are asked noise.

    Args:
        classes: how many classes; 0 for numbers.
    """
    kind = torch.get_default_dtype()
    generator = torch.Generator().manual_seed(0)
    graph = gs.from_signal(torch.randint(3, (4000, 5, 1), generator=generator).to(kind), torch.tensor(ring(5)).t())
    graph.target = torch.rand(20_000, generator=generator) < 0.5
    y = torch.randint(max(classes, 3), (int(graph.target.sum()),), generator=generator)
    graph.y = y if classes else y[:, None].to(kind)
    return graph


def write_json(path: Path, x: Tensor) -> Path:
    """In the form of PyTorch Geometric Temporal's chickenpox."""
    names = {f"n{n}": n for n in range(x.shape[1])}
    path.write_text(json.dumps({"edges": ring(x.shape[1]), "node_ids": names, "FX": x.tolist()}))
    return path
