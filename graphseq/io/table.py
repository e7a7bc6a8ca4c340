"""Graphs over time from CSV: observations of nodes beside a list of edges, or events."""

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
    r"""Read a long table, one line a node and time, and edges between its nodes from a second one.

    A node is there at the times at which it has a line. Edges with a time are there at that time; edges without one
    whenever both ends are. Nodes are numbered in the order in which they first occur. Times that are whole numbers
    stay as they are; others, and dates, are numbered 0, 1, 2, … in order.

    Args:
        path: the observations, .csv or .csv.gz, with names in the first line.
        edges: the edges, likewise, in any order; without it, there are none.
        time: column of times in both files: numbers, ISO dates, or dates of ``time_format``.
        node: column of names of nodes.
        values: columns of features; without it, all others.
        source: column of ``edges`` of the nodes that they start at.
        target: column of those they end at.
        weight: column of their weights, if there is one.
        time_format: how dates are spelt, as ``datetime.strptime`` has it.
        sort: whether to sort lines that are not in the order of time, instead of refusing them.
        missing: what to do with a value that is empty or NaN: "refuse" the file, or "drop" the line, so that the node
            is away then, and with it edges that touch it then.
        delimiter: what stands between cells.

    Returns:
        Rows in the order of the lines (of time, where sorted).

    Raises:
        OSError: a file cannot be read.
        ValueError: a column that there is not, times that go back, a node twice at one time, a value that is no
            number or missing, an edge to a node that is not there at that time. The message names the line.

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
    there = _kept(table, columns, chosen, missing)
    number = {name: n for n, name in enumerate(dict.fromkeys(names[row] for row in there))}
    moments = sorted({when[row] for row in there})
    stamp = _stamps(moments, dates)
    observed = Observed(
        features(columns[there]),
        torch.tensor([number[names[row]] for row in there]),
        torch.tensor([stamp[when[row]] for row in there]),
        number,
        {(names[row], when[row]): place for place, row in enumerate(there)},
        set(zip(names, when, strict=True)),
        dates,
    )
    if edges is None:
        graph = SpaceTimeGraph(observed.x, observed.node, observed.time)
    else:
        columns_of_edges = EdgeColumns(source, target, weight, time)
        graph = joined(observed, read_table(edges, delimiter), columns_of_edges, time_format)
    shown = tuple(dated(moment) if dates else f"{moment:.15g}" for moment in moments)
    return TemporalDataset(Path(path).name, graph, tuple(number), shown, tuple(chosen))


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
    r"""Read a table of events, one a line, as one snapshot a window of time: see :func:`~graphseq.from_events`.

    Args:
        path: the events, .csv or .csv.gz, with names in the first line.
        window: the length of a window, in the units of the times; of dates, a ``timedelta`` or seconds.
        source: column of the names of those who act.
        target: column of the names of those acted on.
        time: column of times: numbers, ISO dates, or dates of ``time_format``.
        values: columns of features of events; without it, all others.
        time_format: how dates are spelt, as ``datetime.strptime`` has it.
        sort: whether to sort lines that are not in the order of time, instead of refusing them.
        start: where the first window begins; without it, the first event's time.
        present: which nodes have a row in a window, as in :func:`~graphseq.from_events`.
        empty: what to do with a window without events, likewise.
        delimiter: what stands between cells.

    Returns:
        Nodes numbered in the order in which they first occur, times called by the beginnings of their windows, and
        channels "sent", "received", and both of each feature.

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
    told = [table.present(name, table.numbers(name, table.column("values", name))) for name in chosen]
    events = TemporalData(
        src=torch.tensor([number[name] for name in ends[0]]),
        dst=torch.tensor([number[name] for name in ends[1]]),
        t=torch.tensor(when, dtype=torch.float64),
    )
    if told:
        events.msg = torch.tensor(told, dtype=torch.float32).t().contiguous()
    graph = from_events(events, length, start=first, present=present, empty=empty, num_nodes=len(number))
    begins = [first + k * length for k in graph.topology.times.tolist()]
    shown = tuple(dated(moment) if dates else f"{moment:.15g}" for moment in begins)
    channels = ("sent", "received", *(f"{name} {way}" for way in ("sent", "received") for name in chosen))
    return TemporalDataset(Path(path).name, graph, tuple(number), shown, channels)


def _others(table: Table, keys: Mapping[str, str]) -> list[str]:
    """Columns that are not among ``keys``, each of which must be there."""
    places = [table.place(argument, name) for argument, name in keys.items()]
    return [name for place, name in enumerate(table.header) if place not in places]


def _in_order(table: Table, when: list[float], sort: bool) -> tuple[Table, list[float]]:
    for row, (before, after) in enumerate(pairwise(when), start=1):
        if after < before:
            if not sort:
                raise ValueError(
                    f"{table.at(row)}: time goes back, behind that of line {table.lines[row - 1]}; sort the file, or "
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
                f"{table.at(row)}: node {key[0]!r} is already there at that time, on line {table.lines[first[key]]}"
            )
        first[key] = row


def _kept(table: Table, columns: np.ndarray, chosen: Sequence[str], missing: str) -> list[int]:
    """Rows whose values are all there."""
    absent = np.isnan(columns)
    if missing == "refuse" and absent.any():
        row, column = np.argwhere(absent)[0]
        raise ValueError(
            f'{table.at(row)}: {chosen[column]} is missing; fill it in, or read with missing="drop", so that the node '
            "is away then"
        )
    there: list[int] = np.flatnonzero(~absent.any(axis=1)).tolist()
    if not there:
        raise ValueError(f"{table.path} has no line whose values are all there")
    return there


def _stamps(moments: Sequence[float], dates: bool) -> dict[float, int]:
    whole = not dates and all(moment.is_integer() for moment in moments)
    return {moment: int(moment) if whole else n for n, moment in enumerate(moments)}


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
