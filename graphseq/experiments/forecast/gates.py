"""The gates of a model that forgets, on the last snapshots of its windows."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from graphseq.data.graph import SpaceTimeGraph
from graphseq.nn import ForgettingGCNLSTM, GateValues
from graphseq.tasks.forecast import Forecasting

BATCH = 64
"""The windows in memory at a time."""


def last_gates(encoder: ForgettingGCNLSTM, task: Forecasting) -> tuple[SpaceTimeGraph, GateValues]:
    """Return the last snapshot of each window as one recording, and the gates on its rows and edges.

    Each window begins without a state, so these are the gates with which each forecast was made, and not those of one
    pass over the whole recording, which is longer than the windows of training.

    Args:
        encoder: the trained encoder.
        task: the windows, each read once.

    Returns:
        The snapshots, with the features and node numbers of the recording and the times of the windows' ends; and
        the gates of its rows and of its edges.
    """
    device = next(encoder.parameters()).device
    rows: list[tuple[Tensor, ...]] = []
    edges: list[tuple[Tensor, ...]] = []
    shift = 0
    for numbers in torch.arange(len(task)).split(BATCH):
        graph = task.windows(numbers)
        with torch.no_grad():
            gates = encoder.gate_values(graph.to(device))
        last, spatial = graph.time == task.lags - 1, graph.topology.spatial
        between = last[spatial.edge_index[0]]
        weight = torch.ones(len(between)) if spatial.edge_weight is None else spatial.edge_weight
        of_row = (graph.x, graph.node % task.recording.num_nodes, graph.batch + numbers[0], gates.node.cpu())
        rows.append(tuple(part[last] for part in of_row))
        source, target = (last.cumsum(0) - 1 + shift)[spatial.edge_index]
        of_edge = (source, target, weight, gates.edge.cpu(), gates.factor.cpu())
        edges.append(tuple(part[between] for part in of_edge))
        shift += int(last.sum())
    x, node, window, node_gates = (torch.cat(part) for part in zip(*rows, strict=True))
    source, target, weight, edge_gates, factor = (torch.cat(part) for part in zip(*edges, strict=True))
    snapshots = SpaceTimeGraph(x, node, _ends(task)[window], torch.stack([source, target]), weight)
    return snapshots, GateValues(node_gates, edge_gates, factor)


def _ends(task: Forecasting) -> Tensor:
    """Return the time of the last input of each window, (W,)."""
    times = task.recording.times
    return times[torch.searchsorted(times, task.answer_times(torch.arange(len(task)))) - task.horizon]


def packed(graph: SpaceTimeGraph, gates: GateValues) -> dict[str, Tensor]:
    """Return both as plain tensors by name, for a file; :func:`unpacked` is the inverse."""
    return {
        "gate_x": graph.x,
        "gate_rows": torch.stack([graph.node, graph.time]),
        "gate_edge_index": graph.topology.spatial.edge_index,
        "gate_edge_weight": graph.edge_weight,
        "gate_of_node": gates.node,
        "gate_of_edge": gates.edge,
        "gate_factor": gates.factor,
    }


def unpacked(parts: Mapping[str, Tensor]) -> tuple[SpaceTimeGraph, GateValues]:
    """Return the arguments of :func:`packed`."""
    rows, index = parts["gate_rows"], parts["gate_edge_index"]
    graph = SpaceTimeGraph(parts["gate_x"], rows[0], rows[1], index, parts["gate_edge_weight"])
    return graph, GateValues(parts["gate_of_node"], parts["gate_of_edge"], parts["gate_factor"])


def latest(graph: SpaceTimeGraph, gates: GateValues, count: int) -> tuple[SpaceTimeGraph, GateValues]:
    """Return the last ``count`` snapshots and their gates."""
    times = graph.topology.times
    rows = graph.time >= times[max(0, len(times) - count)]
    place, index = rows.cumsum(0) - 1, graph.edge_index
    edges = rows[index[0]]
    weight = None if graph.edge_weight is None else graph.edge_weight[edges]
    part = SpaceTimeGraph(graph.x[rows], graph.node[rows], graph.time[rows], place[index[:, edges]], weight)
    return part, GateValues(gates.node[rows], gates.edge[edges], gates.factor[edges])
