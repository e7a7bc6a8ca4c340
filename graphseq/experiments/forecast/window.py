"""The last window of a recording, whose answers are not known yet, and the forecasts that are made from it."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from graphseq._printable import printable
from graphseq.data.graph import SpaceTimeGraph

_MOST_NODES = 20


class Forecast(NamedTuple):
    """Forecasts of H horizons at N nodes, in the units of the data."""

    horizon: tuple[int, ...]  #: steps after the last time
    last: str  #: name of the last time that was read
    nodes: tuple[str, ...]  #: name of each of the N nodes
    channels: tuple[str, ...]  #: name of each of the C columns
    values: Tensor  #: (H, N, C), NaN at a node that has no row at the last time
    low: Tensor  #: lower ends of the prediction intervals, (H, N, C)
    high: Tensor  #: upper ends

    def __repr__(self) -> str:
        """The shape of the values."""
        h, n, c = self.values.shape
        return f"Forecast(after {printable(self.last)}: H={h} horizons {list(self.horizon)}, N={n}, C={c})"

    def __str__(self) -> str:
        """A line for each node and column, the value of each horizon with its interval; of many nodes the first 20."""
        head = ["node", "column", *(f"{horizon} ahead" for horizon in self.horizon)]
        lines = [
            [printable(node), printable(channel), *(self._cell(h, n, c) for h in range(len(self.horizon)))]
            for n, node in enumerate(self.nodes[:_MOST_NODES])
            for c, channel in enumerate(self.channels)
        ]
        widths = [max(map(len, column)) for column in zip(head, *lines, strict=True)]
        table = [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in (head, *lines)
        ]
        rest = len(self.nodes) - _MOST_NODES
        end = [f"and {rest} more nodes"] if rest > 0 else []
        return "\n".join([f"after {printable(self.last)}", *(line.rstrip() for line in table), *end])

    def _cell(self, h: int, n: int, c: int) -> str:
        value, low, high = (float(part[h, n, c]) for part in (self.values, self.low, self.high))
        return "no row" if math.isnan(value) else f"{value:.5g} [{low:.5g}, {high:.5g}]"


def last_window(graph: SpaceTimeGraph, lags: int) -> SpaceTimeGraph:
    """Return the last times of a recording, with the rows of the last one as targets."""
    times = graph.topology.times
    if len(times) < lags:
        raise ValueError(f"data has {len(times)} times; a forecast reads lags={lags}")
    row = (graph.time >= times[-lags]).nonzero()[:, 0]
    place = torch.full((graph.num_rows,), -1).index_put_((row,), torch.arange(len(row)))
    topology = graph.topology
    edges: dict[str, Tensor | None] = {
        "static_edge_index": topology.static_edge_index,
        "static_edge_weight": topology.static_edge_weight,
        "static_edge_attr": topology.static_edge_attr,
    }
    if topology.static_edge_index is None:
        spatial = topology.spatial
        inside = place[spatial.edge_index[0]] >= 0
        weight, attr = spatial.edge_weight, spatial.edge_attr
        edges = {
            "edge_index": place[spatial.edge_index[:, inside]],
            "edge_weight": None if weight is None else weight[inside],
            "edge_attr": None if attr is None else attr[inside],
        }
    else:
        here = torch.isin(topology.static_edge_index, graph.node[row]).all(dim=0)
        for key, part in edges.items():
            if part is not None:
                edges[key] = part[..., here] if key == "static_edge_index" else part[here]
    last = graph.time[row] == times[-1]
    return SpaceTimeGraph(graph.x[row], graph.node[row], graph.time[row], target=last, **edges)


def by_node(values: Tensor, node: Tensor, count: int) -> Tensor:
    """Return values (K, C) in the places of their nodes, (N, C), NaN elsewhere."""
    whole = values.new_full((count, values.shape[1]), math.nan)
    whole[node] = values
    return whole
