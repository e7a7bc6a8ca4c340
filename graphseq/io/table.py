"""Readers of graphs over time from tables: observations of nodes with a list of edges, or events."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch_geometric.data import TemporalData

from graphseq import _checks
from graphseq._arguments import checked_arguments, checked_but
from graphseq._printable import printable_errors
from graphseq.data.events import from_events
from graphseq.data.graph import SpaceTimeGraph
from graphseq.io import _doubts
from graphseq.io._csv import Table, listed, read_table
from graphseq.io._edge_table import EdgeColumns, Observed, joined
from graphseq.io._frame import Frame, is_frame
from graphseq.io._missing import MissingValueError
from graphseq.io._times import Moment, all_shown, exact
from graphseq.io._windows import check_windows, in_units
from graphseq.io.containers import MISSING, TemporalDataset, features, rounding

_MOST_ROWS = 2**28  #: windows by nodes
_SINGLE = "series"  #: the name of the node of a table that has no column of nodes


@printable_errors
@checked_arguments
def read_observations(
    path: str | Path | Frame,
    edges: str | Path | Frame | None = None,
    *,
    time: str = "time",
    node: str | None = "node",
    values: Sequence[str] | None = None,
    wide: bool = False,
    source: str = "source",
    target: str = "target",
    weight: str = "weight",
    edge_attr: Sequence[str] = (),
    undirected: bool = False,
    time_format: str | None = None,
    sort: bool = False,
    missing: Literal["refuse", "drop"] = "refuse",
    delimiter: str | None = None,
) -> TemporalDataset:
    r"""Read a table, one line for each node and time, and edges between its nodes from a second table.

    A node is present at the times at which it has a line. Edges with a time are present at that time; edges without one
    whenever both ends are. Nodes are numbered in the order in which they first occur. Whole-number times are kept;
    others, and dates, are numbered 0, 1, 2, … in order. Blanks around cells are no part of them, and a name such as 2.0
    is the name 2. What is not read is said in the ``notes`` of the data.

    Args:
        path: file of observations, .csv or .csv.gz, with names in the first line; or a data frame of pandas or polars,
            whose named index is a column like others.
        edges: table of edges, likewise, in any order; without it, there are none.
        time: column of times in both tables: numbers, ISO dates, or dates of ``time_format``.
        node: column of names of nodes; ``None`` for a single series, whose lines are times of one node.
        values: columns of features; by default all others. In a wide table, columns of nodes.
        wide: the table has one line for each time and a column for each node, instead of a line for each of both; its
            values are the one channel "value".
        source: column of ``edges`` with the nodes at which edges start.
        target: column of ``edges`` with the nodes at which edges end.
        weight: column of ``edges`` with weights, if there is one.
        edge_attr: columns of ``edges`` with features of edges.
        undirected: edges lead in both directions, though listed once.
        time_format: format of dates, as for ``datetime.strptime``.
        sort: sort lines that are not in the order of time, instead of refusing them.
        missing: "refuse" a file with a value that is empty or NaN, or "drop" the line: the node is then absent at that
            time, as are its edges.
        delimiter: separator of cells; by default a comma, semicolon or tab, whichever separates names in the first
            line. Where it is no comma, numbers may have decimal commas.

    Returns:
        Rows in the order of the lines (in the order of time with ``sort``).

    Raises:
        OSError: a file cannot be read.
        ValueError: a column that does not exist or has no name, times that decrease, a node twice at one time, a name
            or value that is missing, a value that is not a number, an edge to a node that is absent at that time. The
            message names the line.

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
    read = _wide if wide else _long
    if node is None and (wide or edges is not None):
        other = "wide=True is of a column a node" if wide else "edges are between nodes"
        raise ValueError(f"node= names no column, as of a single series, and {other}")
    seen = read(table, {**({} if node is None else {"node": node}), "time": time}, values, time_format, sort=sort)
    _check_once(seen)
    rows = _kept(seen, missing)
    number = {name: n for n, name in enumerate(dict.fromkeys(seen.names[row] for row in rows))}
    moments = sorted({seen.when[row] for row in rows})
    every = sorted(set(seen.when))
    stamp = _stamps(every, seen.dates)
    observed = Observed(
        features(seen.values[rows]),
        torch.tensor([number[seen.names[row]] for row in rows]),
        torch.tensor([stamp[seen.when[row]] for row in rows]),
        number,
        seen.names,
        seen.when,
        rows,
        seen.dates,
    )
    of_nodes = ["values"] if seen.is_wide else seen.channels
    notes = [*seen.table.notes]
    for channel, column in zip(of_nodes, seen.values[rows].T, strict=True):
        name = f"{seen.table.name}: {channel}"
        notes += [*rounding(name, column), *_doubts.codes(name, column)]
    if edges is None:
        _refuse_without_edges(edge_attr, undirected)
        graph = SpaceTimeGraph(observed.x, observed.node, observed.time)
    else:
        columns = EdgeColumns(source, target, weight, time, tuple(edge_attr), undirected)
        between = read_table(edges, delimiter)
        graph = joined(observed, between, columns, time_format)
        notes = [*notes, *between.notes]
    notes = [*notes, *_doubts.names(number), *_doubts.gaps(moments, dates=seen.dates)]
    shown = dict(zip(every, all_shown(every, dates=seen.dates), strict=True))
    times = tuple(shown[moment] for moment in moments)
    empty = tuple((stamp[moment], shown[moment]) for moment in sorted(set(every) - set(moments)))
    return TemporalDataset(_name(path), graph, tuple(number), times, seen.channels, tuple(notes), empty)


@printable_errors
@checked_but("start")
def read_events(
    path: str | Path | Frame,
    window: float | timedelta,
    *,
    source: str = "source",
    target: str = "target",
    time: str = "time",
    values: Sequence[str] | None = None,
    bipartite: bool = False,
    time_format: str | None = None,
    sort: bool = False,
    start: float | datetime | None = None,
    present: Literal["all", "since", "active"] = "all",
    empty: Literal["refuse", "keep"] = "refuse",
    delimiter: str | None = None,
) -> TemporalDataset:
    r"""Read a table of events, one on each line, as snapshots of windows of time, by :func:`~graphseq.from_events`.

    Times are compared exactly: of events every 0.1, windows of 0.1 hold one each.

    Args:
        path: file of events, .csv or .csv.gz, with names in the first line; or a data frame of pandas or polars.
        window: length of a window, in the units of the times; for dates, a ``timedelta`` or seconds.
        source: column of the names of source nodes.
        target: column of the names of target nodes.
        time: column of times: numbers, ISO dates, or dates of ``time_format``.
        values: columns of features of events; by default all others.
        bipartite: sources and targets are nodes of two kinds, such as users and items, and never the same, whatever
            their names; nodes are then named with their column before.
        time_format: format of dates, as for ``datetime.strptime``.
        sort: sort lines that are not in the order of time, instead of refusing them.
        start: beginning of the first window; by default the time of the first event.
        present: nodes that have a row in a window, as in :func:`~graphseq.from_events`.
        empty: refuse or keep a window without events, as in :func:`~graphseq.from_events`.
        delimiter: separator of cells; as in :func:`read_observations`.

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
    table = read_table(path, delimiter).without_index().with_names((source, target, time))
    chosen = _others(table, {"source": source, "target": target, "time": time}) if values is None else list(values)
    if not table.cells:
        raise ValueError(f"{table.name} has no events")
    table.require({"source": source, "target": target, "time": time})
    when, dates = table.times(table.column("time", time), time_format)
    table, when = _in_order(table, when, sort)
    length = in_units("window", window, dates)
    _checks.positive("window", length)
    first = when[0] if start is None else in_units("start", start, dates)
    if when[0] < first:
        raise ValueError(f"{table.at(0)}: the event is before start={start}")
    windows = [math.floor((moment - first) / Fraction(length)) for moment in when]
    if empty == "refuse":
        check_windows(table, windows, first, length, dates)
    ends = _ends(table, {"source": source, "target": target}, bipartite=bipartite)
    number = {
        name: n for n, name in enumerate(dict.fromkeys(name for pair in zip(*ends, strict=True) for name in pair))
    }
    if (windows[-1] + 1) * len(number) > _MOST_ROWS:
        raise ValueError(
            f"window={window!r} makes {windows[-1] + 1:,} windows of {len(number):,} nodes, which is too much; take "
            "longer windows"
        )
    hint = "; name the columns of numbers by values="
    event_values = [table.present(name, table.numbers(name, table.column("values", name), hint)) for name in chosen]
    # The windows are numbered here, exactly, and are 1 long from here on.
    events = TemporalData(
        src=torch.tensor([number[name] for name in ends[0]]),
        dst=torch.tensor([number[name] for name in ends[1]]),
        t=torch.tensor(windows),
    )
    if event_values:
        events.msg = features(np.array(event_values).T).contiguous()
        for name, column in zip(chosen, event_values, strict=True):
            of_column = np.array(column), f"{table.name}: {name}"
            table.notes.extend((*rounding(*of_column[::-1]), *_doubts.codes(*of_column[::-1])))
    graph = from_events(events, 1.0, start=0.0, present=present, empty=empty, num_nodes=len(number))
    table.notes.extend(_doubts.names(number))
    begins = [first + k * length for k in graph.topology.times.tolist()]
    time_names = all_shown([exact(moment) for moment in begins], dates=dates)
    channels = ("sent", "received", *(f"{name} {direction}" for direction in ("sent", "received") for name in chosen))
    return TemporalDataset(_name(path), graph, tuple(number), time_names, channels, tuple(table.notes))


@dataclass(frozen=True)
class _Seen:
    """Observations as they were read: the node, the time and the values of each."""

    table: Table
    line: Sequence[int]  #: row of the table of each observation
    names: Sequence[str]
    when: Sequence[Moment]
    values: np.ndarray  #: (V, F), NaN where one is missing
    channels: tuple[str, ...]
    dates: bool
    is_wide: bool

    def what(self, row: int, column: int) -> str:
        """Return the name of a value, for messages."""
        return self.names[row] if self.is_wide else self.channels[column]


def _long(
    table: Table, keys: Mapping[str, str], values: Sequence[str] | None, time_format: str | None, *, sort: bool
) -> _Seen:
    """Read a table with a line for each node and time."""
    table = table.without_index().with_names(keys.values())
    wide = "; if each column is a node, read it with wide=True"
    table.require(keys, wide)
    node = keys.get("node")
    if node is not None and node not in table.header and keys["time"] in table.header:
        raise ValueError(
            f"{table.name} has no column {node!r}; it has {listed(table.header, 12)}. Name the column by node={wide}; "
            "of a single series there is none, node=None"
        )
    chosen = _others(table, keys) if values is None else list(values)
    if not table.cells or not chosen:
        raise ValueError(f"{table.name} has no {'columns of values' if table.cells else 'observations'}")
    when, dates = table.times(table.column("time", keys["time"]), time_format)
    table, when = _in_order(table, when, sort)
    hint = "; name the columns of numbers by values="
    columns = np.array([table.numbers(name, table.column("values", name), hint) for name in chosen]).T
    if unread := [name for name in table.header if name not in {*keys.values(), *chosen}]:
        table.note(f"{table.name}: columns that are not read: {listed(unread)}")
    names = [_SINGLE] * len(when) if node is None else table.names("the node", table.column("node", node))
    return _Seen(table, range(len(when)), names, when, columns, tuple(chosen), dates, is_wide=False)


def _wide(
    table: Table, keys: Mapping[str, str], values: Sequence[str] | None, time_format: str | None, *, sort: bool
) -> _Seen:
    """Read a table with a line for each time and a column for each node."""
    time = keys["time"]
    if time not in table.header and table.header[:1] == [""]:
        table.note(f"{table.name}: column 1, without a name, is read as the times")
        table.header[0] = time
    table = table.without_index().with_names([time])
    chosen = _others(table, {"time": time}) if values is None else list(values)
    if not table.cells or not chosen:
        raise ValueError(f"{table.name} has no {'columns of nodes' if table.cells else 'observations'}")
    when, dates = table.times(table.column("time", time), time_format)
    table, when = _in_order(table, when, sort)
    first: dict[Moment, int] = {}
    for row, moment in enumerate(when):
        if first.setdefault(moment, row) != row:
            back = "; where clocks were set back, write times with their zones" if dates else ""
            other = f"{table.unit} {table.lines[first[moment]]}"
            raise ValueError(f"{table.at(row)}: its time is that of {other} as well; delete one of them{back}")
    hint = "; name the columns of nodes by values="
    columns = np.array([table.numbers(f"the value of {name}", table.column("values", name), hint) for name in chosen]).T
    nodes = table.names("a node in the first line", chosen)
    if len(set(nodes)) < len(nodes):
        twice = next(name for name in nodes if nodes.count(name) > 1)
        raise ValueError(f"{table.name}, line {table.top}: two columns are the node {twice!r}")
    for note in _doubts.sums(nodes, columns):
        table.note(f"{table.name}: {note}")
    line = [row for row in range(len(when)) for _ in nodes]
    return _Seen(
        table, line, nodes * len(when), [when[row] for row in line], columns.reshape(-1, 1), ("value",), dates, True
    )


def _name(source: str | Path | Frame) -> str:
    return "frame" if is_frame(source) else Path(source).name  # type: ignore[arg-type]


def _refuse_without_edges(edge_attr: Sequence[str], undirected: bool) -> None:
    for name, value in (("edge_attr", tuple(edge_attr)), ("undirected", undirected)):
        if value:
            raise ValueError(f"{name}={value!r} is about edges, and there are none; give them by edges=")


def _ends(table: Table, columns: Mapping[str, str], *, bipartite: bool) -> list[list[str]]:
    """Return the names of the sources and of the targets of events."""
    ends = [table.names(f"the {what}", table.column(what, name)) for what, name in columns.items()]
    if bipartite:
        return [[f"{column} {name}" for name in names] for column, names in zip(columns.values(), ends, strict=True)]
    common, names = set(ends[0]) & set(ends[1]), tuple(columns.values())
    if names != ("source", "target") and common:
        table.note(
            f"{table.name}: names in both {names[0]!r} and {names[1]!r} are taken for the same nodes, such as "
            f"{min(common)!r}; bipartite=True keeps them apart"
        )
    return ends


def _others(table: Table, keys: Mapping[str, str]) -> list[str]:
    """Return the columns that are not among ``keys``, each of which must exist."""
    indices = [table.position(argument, name) for argument, name in keys.items()]
    return [name for index, name in enumerate(table.header) if index not in indices]


def _in_order(table: Table, when: list[Moment], sort: bool) -> tuple[Table, list[Moment]]:
    for row, (before, after) in enumerate(pairwise(when), start=1):
        if after < before:
            if not sort:
                raise ValueError(
                    f"{table.at(row)}: the time is before that of {table.unit} {table.lines[row - 1]}; sort the file, "
                    "or read it with sort=True"
                )
            order = sorted(range(len(when)), key=when.__getitem__)
            return table.ordered(order), [when[n] for n in order]
    return table, when


def _check_once(seen: _Seen) -> None:
    if seen.is_wide:  # whose times and columns were compared already
        return
    first: dict[tuple[str, Moment], int] = {}
    for row, key in enumerate(zip(seen.names, seen.when, strict=True)):
        if first.setdefault(key, row) != row:
            unit, line = seen.table.unit, seen.table.lines[first[key]]
            raise ValueError(f"{seen.table.at(row)}: node {key[0]!r} already has a line at that time, {unit} {line}")


def _kept(seen: _Seen, missing: str) -> list[int]:
    """Return the rows that have all values."""
    absent = np.isnan(seen.values)
    if missing == "refuse" and absent.any():
        row, column = np.argwhere(absent)[0].tolist()
        raise MissingValueError(f"{seen.table.at(seen.line[row])}: {seen.what(row, column)} is missing")
    rows: list[int] = np.flatnonzero(~absent.any(axis=1)).tolist()
    if not rows:
        raise ValueError(f"{seen.table.name} has no line with all values")
    return rows


def _stamps(moments: Sequence[Moment], dates: bool) -> dict[Moment, int]:
    are_whole = not dates and all(isinstance(moment, int) for moment in moments)
    return {moment: int(moment) if are_whole else n for n, moment in enumerate(moments)}
