"""Readers of graphs over time from CSV: observations of nodes with a list of edges, or events."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch_geometric.data import TemporalData

from graphseq import _checks
from graphseq.data.events import from_events
from graphseq.data.graph import SpaceTimeGraph
from graphseq.io._csv import Table, dated, read_table, seconds
from graphseq.io._edge_table import EdgeColumns, Observed, joined
from graphseq.io.containers import MISSING, TemporalDataset, features


def read_observations(
    path: str | Path,
    edges: str | Path | None = None,
    *,
    time: str = "time",
    node: str = "node",
    values: Sequence[str] | None = None,
    source: str = "source",
    target: str = "target",
    weight: str = "weight",
    time_format: str | None = None,
    sort: bool = False,
    missing: Literal["refuse", "drop"] = "refuse",
    delimiter: str = ",",
) -> TemporalDataset:
    r"""Read a long table, one line for each node and time, and edges between its nodes from a second table.

    A node is present at the times at which it has a line. Edges with a time are present at that time; edges without one
    whenever both ends are. Nodes are numbered in the order in which they first occur. Whole-number times are kept;
    others, and dates, are numbered 0, 1, 2, … in order.

    Args:
        path: file of observations, .csv or .csv.gz, with names in the first line.
        edges: file of edges, likewise, in any order; without it, there are none.
        time: column of times in both files: numbers, ISO dates, or dates of ``time_format``.
        node: column of names of nodes.
        values: columns of features; by default all others.
        source: column of ``edges`` with the nodes at which edges start.
        target: column of ``edges`` with the nodes at which edges end.
        weight: column of ``edges`` with weights, if there is one.
        time_format: format of dates, as for ``datetime.strptime``.
        sort: sort lines that are not in the order of time, instead of refusing them.
        missing: "refuse" a file with a value that is empty or NaN, or "drop" the line: the node is then absent at that
            time, as are its edges.
        delimiter: separator of cells.

    Returns:
        Rows in the order of the lines (in the order of time with ``sort``).

    Raises:
        OSError: a file cannot be read.
        ValueError: a column that does not exist, times that decrease, a node twice at one time, a value that is
            missing or not a number, an edge to a node that is absent at that time. The message names the line.

    Example:
        >>> import tempfile
        >>> lines = "time,node,heat\n2024-01-01,A,1\n2024-01-01,B,2\n2024-01-02,A,3\n"
        >>> with tempfile.NamedTemporaryFile("w", suffix=".csv") as file:
        ...     _ = file.write(lines), file.flush()
        ...     data = read_observations(file.name)
        >>> data.nodes, data.times, data.channels, data.graph.time.tolist()
        (('A', 'B'), ('2024-01-01', '2024-01-02'), ('heat',), [0, 0, 1])
    """
    _checks.one_of("missing", missing, MISSING)
    table = read_table(path, delimiter)
    chosen = _others(table, {"node": node, "time": time}) if values is None else list(values)
    if not table.cells or not chosen:
        raise ValueError(f"{path} has no {'columns of values' if table.cells else 'observations'}")
    when, dates = table.times(table.column("time", time), time_format)
    table, when = _in_order(table, when, sort)
    columns = np.array([table.numbers(name, table.column("values", name)) for name in chosen]).T
    names = table.column("node", node)
    _check_once(table, names, when)
    rows = _kept(table, columns, chosen, missing)
    number = {name: n for n, name in enumerate(dict.fromkeys(names[row] for row in rows))}
    moments = sorted({when[row] for row in rows})
    stamp = _stamps(moments, dates)
    observed = Observed(
        features(columns[rows]),
        torch.tensor([number[names[row]] for row in rows]),
        torch.tensor([stamp[when[row]] for row in rows]),
        number,
        {(names[row], when[row]): index for index, row in enumerate(rows)},
        set(zip(names, when, strict=True)),
        dates,
    )
    if edges is None:
        graph = SpaceTimeGraph(observed.x, observed.node, observed.time)
    else:
        columns_of_edges = EdgeColumns(source, target, weight, time)
        graph = joined(observed, read_table(edges, delimiter), columns_of_edges, time_format)
    time_names = tuple(dated(moment) if dates else f"{moment:.15g}" for moment in moments)
    return TemporalDataset(Path(path).name, graph, tuple(number), time_names, tuple(chosen))


def read_events(
    path: str | Path,
    window: float | timedelta,
    *,
    source: str = "source",
    target: str = "target",
    time: str = "time",
    values: Sequence[str] | None = None,
    time_format: str | None = None,
    sort: bool = False,
    start: float | datetime | None = None,
    present: Literal["all", "since", "active"] = "all",
    empty: Literal["refuse", "keep"] = "refuse",
    delimiter: str = ",",
) -> TemporalDataset:
    r"""Read a table of events, one on each line, as snapshots of windows of time, by :func:`~graphseq.from_events`.

    Args:
        path: file of events, .csv or .csv.gz, with names in the first line.
        window: length of a window, in the units of the times; for dates, a ``timedelta`` or seconds.
        source: column of the names of source nodes.
        target: column of the names of target nodes.
        time: column of times: numbers, ISO dates, or dates of ``time_format``.
        values: columns of features of events; by default all others.
        time_format: format of dates, as for ``datetime.strptime``.
        sort: sort lines that are not in the order of time, instead of refusing them.
        start: beginning of the first window; by default the time of the first event.
        present: nodes that have a row in a window, as in :func:`~graphseq.from_events`.
        empty: refuse or keep a window without events, as in :func:`~graphseq.from_events`.
        delimiter: separator of cells.

    Returns:
        Nodes numbered in the order in which they first occur, times named by the beginnings of their windows, and
        channels "sent" and "received", in number and for each feature.

    Raises:
        OSError: the file cannot be read.
        TypeError: a ``timedelta`` or ``datetime`` where times are numbers.
        ValueError: as :func:`read_observations` and :func:`~graphseq.from_events`. The message names the line.

    Example:
        >>> import tempfile
        >>> lines = "source,target,time\nann,bob,0\nann,bob,3\nbob,cem,12\n"
        >>> with tempfile.NamedTemporaryFile("w", suffix=".csv") as file:
        ...     _ = file.write(lines), file.flush()
        ...     data = read_events(file.name, window=10.0)
        >>> data.nodes, data.times, data.graph.edge_weight.tolist()
        (('ann', 'bob', 'cem'), ('0', '10'), [2.0, 1.0])
    """
    table = read_table(path, delimiter)
    chosen = _others(table, {"source": source, "target": target, "time": time}) if values is None else list(values)
    if not table.cells:
        raise ValueError(f"{path} has no events")
    when, dates = table.times(table.column("time", time), time_format)
    table, when = _in_order(table, when, sort)
    length = _in_units("window", window, dates)
    first = when[0] if start is None else _in_units("start", start, dates)
    if when[0] < first:
        raise ValueError(f"{table.at(0)}: the event is before start={start}")
    if empty == "refuse" and length > 0:
        _check_windows(table, when, first, length, dates)
    ends = [table.column("source", source), table.column("target", target)]
    number = {
        name: n for n, name in enumerate(dict.fromkeys(name for pair in zip(*ends, strict=True) for name in pair))
    }
    event_values = [table.present(name, table.numbers(name, table.column("values", name))) for name in chosen]
    events = TemporalData(
        src=torch.tensor([number[name] for name in ends[0]]),
        dst=torch.tensor([number[name] for name in ends[1]]),
        t=torch.tensor(when, dtype=torch.float64),
    )
    if event_values:
        events.msg = torch.tensor(event_values, dtype=torch.float32).t().contiguous()
    graph = from_events(events, length, start=first, present=present, empty=empty, num_nodes=len(number))
    begins = [first + k * length for k in graph.topology.times.tolist()]
    time_names = tuple(dated(moment) if dates else f"{moment:.15g}" for moment in begins)
    channels = ("sent", "received", *(f"{name} {direction}" for direction in ("sent", "received") for name in chosen))
    return TemporalDataset(Path(path).name, graph, tuple(number), time_names, channels)


def _others(table: Table, keys: Mapping[str, str]) -> list[str]:
    """Return the columns that are not among ``keys``, each of which must exist."""
    indices = [table.position(argument, name) for argument, name in keys.items()]
    return [name for index, name in enumerate(table.header) if index not in indices]


def _in_order(table: Table, when: list[float], sort: bool) -> tuple[Table, list[float]]:
    for row, (before, after) in enumerate(pairwise(when), start=1):
        if after < before:
            if not sort:
                raise ValueError(
                    f"{table.at(row)}: the time is before that of line {table.lines[row - 1]}; sort the file, or "
                    "read it with sort=True"
                )
            order = sorted(range(len(when)), key=when.__getitem__)
            cells, lines = [table.cells[n] for n in order], [table.lines[n] for n in order]
            return table._replace(cells=cells, lines=lines), [when[n] for n in order]
    return table, when


def _check_once(table: Table, names: Sequence[str], when: Sequence[float]) -> None:
    first: dict[tuple[str, float], int] = {}
    for row, key in enumerate(zip(names, when, strict=True)):
        if key in first:
            raise ValueError(
                f"{table.at(row)}: node {key[0]!r} already has a line at that time, line {table.lines[first[key]]}"
            )
        first[key] = row


def _kept(table: Table, columns: np.ndarray, chosen: Sequence[str], missing: str) -> list[int]:
    """Return the rows that have all values."""
    absent = np.isnan(columns)
    if missing == "refuse" and absent.any():
        row, column = np.argwhere(absent)[0]
        raise ValueError(
            f'{table.at(row)}: {chosen[column]} is missing; fill it in, or read with missing="drop", which removes '
            "the node at that time"
        )
    rows: list[int] = np.flatnonzero(~absent.any(axis=1)).tolist()
    if not rows:
        raise ValueError(f"{table.path} has no line with all values")
    return rows


def _stamps(moments: Sequence[float], dates: bool) -> dict[float, int]:
    are_whole = not dates and all(moment.is_integer() for moment in moments)
    return {moment: int(moment) if are_whole else n for n, moment in enumerate(moments)}


def _in_units(argument: str, value: object, dates: bool) -> float:
    if isinstance(value, (timedelta, datetime)):
        if not dates:
            raise TypeError(f"{argument} must be a number, as the times of the file are; got {value!r}")
        return value.total_seconds() if isinstance(value, timedelta) else seconds(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise TypeError(
            f"{argument} must be a finite number, or a date or timedelta where times are dates; got {value!r}"
        )
    return float(value)


def _check_windows(table: Table, when: Sequence[float], first: float, length: float, dates: bool) -> None:
    windows = [math.floor((moment - first) / length) for moment in when]
    for row, (before, after) in enumerate(pairwise([-1, *windows])):
        if after > before + 1:
            begins = first + (before + 1) * length
            raise ValueError(
                f"{table.at(row)}: window {before + 1}, from {dated(begins) if dates else f'{begins:.15g}'} on, has no "
                'event before this one; take longer windows, or empty="keep"'
            )
