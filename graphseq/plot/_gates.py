"""Gates grouped by snapshot, and the names of nodes and times, for the figures of forgetting models."""

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
from graphseq.plot._text import plain

OPEN, PLANTED = "#0072B2", "#D55E00"  # Okabe and Ito's blue and vermilion
ABSENT = "0.9"
HALF = 0.5  # a gate below it counts as closed

Values = NDArray[np.float64]
Irrelevant = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Snapshot:
    """One time step: its nodes and their gates, its edges between different nodes and their gates."""

    nodes: NDArray[np.int64]  # (R,)
    gate: Values  # (R,)
    node_planted: NDArray[np.bool_]  # (R,)
    pairs: NDArray[np.int64]  # (Q, 2), nodes j → i
    factor: Values  # (Q,)
    edge_planted: NDArray[np.bool_]  # (Q,)


def frames_of(graph: SpaceTimeGraph, gates: GateValues, irrelevant: Irrelevant | None) -> list[Snapshot]:
    """Return the snapshots in the order of time, after a check that the gates fit the graph."""
    index = graph.topology.spatial.edge_index.cpu()
    rows, edges = graph.num_rows, index.shape[1]
    gate, factor = _gates("node", gates.node, rows), _gates("factor", gates.factor, edges)
    marks = irrelevant or (torch.zeros(rows, dtype=torch.bool), torch.zeros(edges, dtype=torch.bool))
    for name, mark, size in zip(("rows", "edges"), marks, (rows, edges), strict=True):
        if mark.dtype != torch.bool or mark.shape != (size,):
            shape = tuple(mark.shape)
            raise ValueError(f"irrelevant must mark {size} {name} by bool of shape ({size},), got {mark.dtype} {shape}")
    row_marks, edge_marks = (mark.cpu().numpy() for mark in marks)
    node, time = graph.node.cpu(), graph.time.cpu()
    between_nodes = node[index[0]] != node[index[1]]  # not a self-loop
    snapshots = []
    for moment in graph.topology.times.tolist():
        row, edge = (time == moment).numpy(), (between_nodes & (time[index[0]] == moment)).numpy()
        pairs = node[index[:, edge]].T.numpy()
        snapshots.append(Snapshot(node[row].numpy(), gate[row], row_marks[row], pairs, factor[edge], edge_marks[edge]))
    return snapshots


def _gates(name: str, value: Tensor, size: int) -> Values:
    gates: Values = value.detach().cpu().double().numpy()
    if gates.shape != (size,):
        raise ValueError(f"gates.{name} must have shape ({size},) for this graph, got {gates.shape}")
    wrong = ~((gates >= 0) & (gates <= 1))
    if wrong.any():
        index = int(np.flatnonzero(wrong)[0])
        raise ValueError(f"gates.{name}[{index}] is {gates[index]}; a gate lies between 0 and 1")
    return gates


def node_names(numbers: Sequence[int], names: Sequence[str] | None) -> dict[int, str]:
    """Return the name of each node by its number; the number itself without names."""
    if names is not None and len(names) <= max(numbers):
        raise ValueError(
            f"names must have an entry for each node, at least {max(numbers) + 1} of them, got {len(names)}"
        )
    return {number: str(number) if names is None else plain(names[number]) for number in numbers}


def time_names(graph: SpaceTimeGraph, times: Sequence[str] | None, word: str = "time ") -> list[str]:
    """Return the names of the distinct times of ``graph``, in order."""
    numbers = graph.topology.times.tolist()
    if times is None:
        return [f"{word}{time}" for time in numbers]
    if len(times) != len(numbers):
        raise ValueError(f"times must have an entry for each distinct time, {len(numbers)} of them, got {len(times)}")
    return [plain(time) for time in times]


def colour_map(colour: str) -> Colormap:
    """Return a map from white to ``colour``, like that colour drawn on white at growing opacity."""
    share = np.linspace(0, 1, 256)[:, None]
    return ListedColormap(1 - share * (1 - np.array(to_rgb(colour)))).with_extremes(bad=ABSENT)
