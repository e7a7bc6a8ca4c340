"""The gates of a graph, snapshot by snapshot, as pictures of them need them, and what nodes and times are called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.colors import Colormap, ListedColormap, to_rgb
from numpy.typing import NDArray
from torch import Tensor

from graphseq.data.graph import SpaceTimeGraph
from graphseq.nn.recurrent.forgetting import GateValues

KEPT, PLANTED = "#0072B2", "#D55E00"  # Okabe and Ito's blue and vermilion
AWAY = "0.9"
HALF = 0.5  # a gate below it is called forgotten

Values = NDArray[np.float64]
Irrelevant = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Snapshot:
    """One time: its nodes and their gates, and its edges between different nodes and theirs."""

    nodes: NDArray[np.int64]  # (R,)
    gate: Values  # (R,)
    node_planted: NDArray[np.bool_]  # (R,)
    pairs: NDArray[np.int64]  # (Q, 2), nodes j → i
    factor: Values  # (Q,)
    edge_planted: NDArray[np.bool_]  # (Q,)


def frames_of(graph: SpaceTimeGraph, gates: GateValues, irrelevant: Irrelevant | None) -> list[Snapshot]:
    """The snapshots in the order of time, once it is known that gates and graph belong together."""
    index = graph.topology.spatial.edge_index.cpu()
    rows, edges = graph.num_rows, index.shape[1]
    gate, factor = _gates("node", gates.node, rows), _gates("factor", gates.factor, edges)
    marks = irrelevant or (torch.zeros(rows, dtype=torch.bool), torch.zeros(edges, dtype=torch.bool))
    for name, each, size in zip(("rows", "edges"), marks, (rows, edges), strict=True):
        if each.dtype != torch.bool or each.shape != (size,):
            shape = tuple(each.shape)
            raise ValueError(f"irrelevant must mark {size} {name} by bool of shape ({size},), got {each.dtype} {shape}")
    bad_row, bad_edge = (each.cpu().numpy() for each in marks)
    node, time = graph.node.cpu(), graph.time.cpu()
    apart = node[index[0]] != node[index[1]]
    found = []
    for moment in graph.topology.times.tolist():
        row, edge = (time == moment).numpy(), (apart & (time[index[0]] == moment)).numpy()
        pairs = node[index[:, edge]].T.numpy()
        found.append(Snapshot(node[row].numpy(), gate[row], bad_row[row], pairs, factor[edge], bad_edge[edge]))
    return found


def _gates(name: str, value: Tensor, size: int) -> Values:
    gates: Values = value.detach().cpu().double().numpy()
    if gates.shape != (size,):
        raise ValueError(f"gates.{name} must have shape ({size},) for this graph, got {gates.shape}")
    wrong = ~((gates >= 0) & (gates <= 1))
    if wrong.any():
        place = int(np.flatnonzero(wrong)[0])
        raise ValueError(f"gates.{name}[{place}] is {gates[place]}; a gate lies between 0 and 1")
    return gates


def called(numbers: Sequence[int], names: Sequence[str] | None) -> dict[int, str]:
    """What each node is called, by its number."""
    if names is not None and len(names) <= max(numbers):
        raise ValueError(f"names must have one a node, at least {max(numbers) + 1} of them, got {len(names)}")
    return {number: str(number) if names is None else str(names[number]) for number in numbers}


def moments(graph: SpaceTimeGraph, times: Sequence[str] | None, word: str = "time ") -> list[str]:
    """What each time of ``graph`` is called, in order."""
    there = graph.topology.times.tolist()
    if times is None:
        return [f"{word}{time}" for time in there]
    if len(times) != len(there):
        raise ValueError(f"times must have one a distinct time, {len(there)} of them, got {len(times)}")
    return [str(time) for time in times]


def scale(colour: str) -> Colormap:
    """From white to ``colour``: what its opacity makes of it on white."""
    share = np.linspace(0, 1, 256)[:, None]
    return ListedColormap(1 - share * (1 - np.array(to_rgb(colour)))).with_extremes(bad=AWAY)
