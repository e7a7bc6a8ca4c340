"""The last window of a recording, whose answers are not known yet, and the forecasts that are made from it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from graphseq import _checks, _files
from graphseq._arguments import checked_arguments
from graphseq._printable import printable
from graphseq.data.graph import SpaceTimeGraph
from graphseq.evaluation import tables

if TYPE_CHECKING:
    import pandas as pd

_MOST_NODES = 20
_WIDTH = 100


class Forecast(NamedTuple):
    """Forecasts of H horizons at N nodes, in the units of the data.

    Returned by :meth:`graphseq.Forecaster.predict`.
    """

    horizon: tuple[int, ...]  #: steps after the last time
    last: str  #: name of the last time that was read
    nodes: tuple[str, ...]  #: name of each of the N nodes
    channels: tuple[str, ...]  #: name of each of the C columns
    values: Tensor  #: (H, N, C), NaN at a node that has no row at the last time
    low: Tensor  #: lower ends of the prediction intervals, (H, N, C)
    high: Tensor  #: upper ends
    times: tuple[str, ...] = ()  #: name of the time of each horizon, of steps as long as most are
    models: tuple[str, ...] = ()  #: name of the model of each horizon
    coverage: float = math.nan  #: share of the answers that the intervals are to hold

    def __repr__(self) -> str:
        """The shape of the values."""
        h, n, c = self.values.shape
        return f"Forecast(after {printable(self.last)}: H={h} horizons {list(self.horizon)}, N={n}, C={c})"

    def __str__(self) -> str:
        """A line for each node and column, the value of each horizon with its interval; of many nodes the first 20."""
        nodes = self.nodes[:_MOST_NODES]
        keys = [["node", "column"], *([node, name] for node in nodes for name in self.channels)]
        columns = [self._column(h) for h in range(len(self.horizon))]
        fixed = sum(max(len(line[k]) for line in keys) + 2 for k in (0, 1))
        blocks: list[list[list[str]]] = []
        room = 0
        for column in columns:
            width = max(map(len, column)) + 2
            if not blocks or width > room:
                blocks.append([])
                room = _WIDTH - fixed
            blocks[-1].append(column)
            room -= width
        shown = [_table([[*key, *cells] for key, *cells in zip(keys, *block, strict=True)]) for block in blocks]
        held = "" if math.isnan(self.coverage) else f", with {tables.percent(self.coverage)} intervals"
        rest = len(self.nodes) - _MOST_NODES
        end = [f"and {rest} more nodes"] if rest > 0 else []
        return printable("\n".join([f"after {self.last}{held}", "\n\n".join(shown), *end]))

    def _repr_html_(self) -> str:
        """The same, which notebooks show."""
        return f"<pre>{escape(str(self))}</pre>"

    def to_pandas(self) -> pd.DataFrame:
        """Return a frame of pandas with a line for each horizon, node and column.

        Its columns are time, horizon, node, column, value, low and high; ``time`` holds dates where the recording has
        dates, numbers where it has numbers, and names otherwise.

        Raises:
            ImportError: pandas is not installed.

        Example:
            >>> import graphseq as gs, torch
            >>> x = torch.arange(40.0)[:, None].repeat(1, 2).sin()
            >>> gs.forecast(x, models=["autoregression"]).predict().to_pandas()[["time", "node", "column"]]
               time node column
            0    40    0     x0
            1    40    1     x0
        """
        try:
            import pandas as pd  # noqa: PLC0415 - not among what the library needs
        except ImportError:
            raise ImportError("Forecast.to_pandas needs pandas: pip install pandas") from None
        frame = pd.DataFrame(self._rows(), columns=list(_NAMES))
        if self.times:
            for convert in (pd.to_numeric, pd.to_datetime):
                try:
                    frame["time"] = convert(frame["time"])
                except (ValueError, TypeError):
                    continue
                break
        return frame

    def to_records(self) -> list[dict[str, object]]:
        """Return the lines of :meth:`to_pandas` as dictionaries, with None where there is no value."""
        return [dict(zip(_NAMES, row, strict=True)) for row in self._rows()]

    @checked_arguments
    def to_csv(self, path: str | Path | None = None, *, overwrite: bool = False) -> str:
        """Return the lines of :meth:`to_pandas` as CSV, without pandas, and write them to ``path`` if there is one.

        Raises:
            OSError: the file is there and ``overwrite`` is false, or it cannot be written.
        """
        text = tables.to_csv(_NAMES, self._rows())
        if path is not None:
            _files.write_text(_checks.path("path", path), text, overwrite=overwrite)
        return text

    def _rows(self) -> list[list[object]]:
        times = self.times or tuple(f"{self.last} + {ahead}" for ahead in self.horizon)
        ends = shortest(torch.stack([self.values, self.low, self.high], dim=-1))
        return [
            [times[h], ahead, node, name, *(None if math.isnan(end) else end for end in ends[h][n][c])]
            for h, ahead in enumerate(self.horizon)
            for n, node in enumerate(self.nodes)
            for c, name in enumerate(self.channels)
        ]

    def _column(self, h: int) -> list[str]:
        head = f"{self.horizon[h]} ahead" + (f", {self.times[h]}" if self.times else "")
        nodes = range(min(len(self.nodes), _MOST_NODES))
        return [head, *(self._cell(h, n, c) for n in nodes for c in range(len(self.channels)))]

    def _cell(self, h: int, n: int, c: int) -> str:
        value, low, high = (float(part[h, n, c]) for part in (self.values, self.low, self.high))
        return "no row" if math.isnan(value) else f"{value:.5g} [{low:.5g}, {high:.5g}]"


def shortest(values: Tensor) -> list[Any]:
    """Return nested lists of numbers, each with no more digits than tell it from others of its type.

    Example:
        >>> shortest(torch.tensor([24.64])), torch.tensor([24.64]).tolist()
        ([24.64], [24.639999389648438])
    """
    as_text = values.detach().cpu().numpy().astype("U32")
    numbers: list[Any] = as_text.astype(np.float64).tolist()
    return numbers


_NAMES = ("time", "horizon", "node", "column", "value", "low", "high")


def _table(lines: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = ("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)
    return "\n".join(line.rstrip() for line in padded)


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
