"""Edges from a table, between nodes that were observed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from graphseq.data.graph import SpaceTimeGraph
from graphseq.io._csv import Table, listed
from graphseq.io._times import Moment
from graphseq.io.containers import features, rounding
from graphseq.io.graph_edgelist import directed_by, is_kind


class EdgeColumns(NamedTuple):
    """Names of the columns of an edge list; ``weight`` and ``time`` are read if these columns exist."""

    source: str
    target: str
    weight: str
    time: str
    features: tuple[str, ...]  #: columns that become ``edge_attr``, in this order
    undirected: bool  #: each edge leads in both directions
    kind: str | None = None  #: that says whether edges are directed, as Gephi writes it


@dataclass(frozen=True)
class Observed:
    """Observations of nodes, between which the edges lead."""

    x: Tensor  #: (V, F)
    node: Tensor  #: (V,)
    time: Tensor  #: (V,)
    number: Mapping[str, int]  #: number of each node that has a row
    names: Sequence[str]  #: name of the node of each line, including dropped ones
    when: Sequence[Moment]  #: time of each line
    rows: Sequence[int]  #: the line of each row
    dates: bool  #: True if times are dates

    @cached_property
    def row(self) -> dict[tuple[str, Moment], int]:
        """Row of each name and time."""
        return {(self.names[line], self.when[line]): row for row, line in enumerate(self.rows)}

    @cached_property
    def lines(self) -> set[tuple[str, Moment]]:
        """Names and times that have a line."""
        return set(zip(self.names, self.when, strict=True))


class _Edges(NamedTuple):
    """The edges of a table: the line and the two ends of each, as positions among nodes or rows."""

    line: list[int]
    ends: list[tuple[int, int]]


def joined(observed: Observed, table: Table, columns: EdgeColumns, time_format: str | None) -> SpaceTimeGraph:
    """Return the graph of the observations with the edges of ``table``.

    Raises:
        ValueError: a column that does not exist, a name, weight or feature that is missing or not a number, an edge to
            a node that is never observed or, if edges have times, not at that time; with ``undirected``, an edge that
            is there in both directions with two weights. The message names the line.
    """
    table = table.without_index().with_names((columns.source, columns.target, columns.weight, columns.time))
    columns = _by_kind(table, columns)
    places = [("source", columns.source), ("target", columns.target)]
    table.require(dict(places))
    starts, stops = (table.names(f"the {what}", table.column(what, column)) for what, column in places)
    ends = list(zip(starts, stops, strict=True))
    _note_unread(table, columns)
    known = set(observed.names)
    for line, pair in enumerate(ends):
        for end in pair:
            if end not in known:
                near = get_close_matches(end, known, n=1) or [one for one in known if one.casefold() == end.casefold()]
                asked = f"; did you mean {near[0]!r}?" if near else ""
                raise ValueError(f"{table.at(line)}: node {end!r} is never observed{asked}")
    values = _values(table, columns)
    rows = (observed.x, observed.node, observed.time)
    is_timed = columns.time in table.header
    if is_timed:
        spots = _spots(observed, table, columns, time_format, ends)
        found = [(line, both) for line, both in enumerate(spots) if all(spot in observed.row for spot in both)]
        edges = _Edges([line for line, _ in found], [(observed.row[a], observed.row[b]) for _, (a, b) in found])
    else:
        lines = [line for line, pair in enumerate(ends) if all(end in observed.number for end in pair)]
        edges = _Edges(lines, [(observed.number[ends[line][0]], observed.number[ends[line][1]]) for line in lines])
    edges = _both_ways(table, edges, values) if columns.undirected else _one_way(table, edges)
    index = torch.tensor(edges.ends, dtype=torch.long).reshape(-1, 2).t().contiguous()
    is_weighted = columns.weight in table.header
    shape = (len(edges.line), is_weighted + len(columns.features))
    numbers = np.array([values[line] for line in edges.line], dtype=np.float64).reshape(shape)
    read = features(numbers)
    named = [columns.weight] * is_weighted + list(columns.features)
    for name, column in zip(named, numbers.T, strict=True) if edges.line else ():
        table.notes.extend(rounding(f"{table.name}: {name}", column))
    weight = read[:, 0].contiguous() if is_weighted else None
    attr = read[:, int(is_weighted) :].contiguous() if columns.features else None
    if is_timed:
        return SpaceTimeGraph(*rows, index, weight, edge_attr=attr)
    return SpaceTimeGraph(*rows, static_edge_index=index, static_edge_weight=weight, static_edge_attr=attr)


def _by_kind(table: Table, columns: EdgeColumns) -> EdgeColumns:
    """Return the columns with the one in which Gephi says whether edges are directed, if there is one."""
    named = {columns.source, columns.target, columns.weight, columns.time, *columns.features}
    for column in table.header:
        cells = [row[table.header.index(column)] for row in table.cells]
        if column.casefold() == "type" and column not in named and is_kind(cells):
            kinds = [(f"{table.unit} {line}", cell) for line, cell in zip(table.lines, cells, strict=True)]
            notes: list[str] = []
            is_directed = directed_by(table.name, column, kinds, False, notes)
            if is_directed and columns.undirected:
                raise ValueError(
                    f"{table.name}: undirected=True, but the column {column!r} says that edges are directed"
                )
            table.notes.extend(f"{table.name}: {note}" for note in notes)
            return columns._replace(undirected=not is_directed, kind=column)
    return columns


def _note_unread(table: Table, columns: EdgeColumns) -> None:
    read = {columns.source, columns.target, columns.weight, columns.time, columns.kind, *columns.features}
    unread = [name for name in table.header if name not in read]
    if unread:
        weights = "" if columns.weight in table.header else f", and weights from none: there is no {columns.weight!r}"
        table.note(f"{table.name}: edges are read without the columns {listed(map(repr, unread))}{weights}")


def _values(table: Table, columns: EdgeColumns) -> list[tuple[float, ...]]:
    """Return weight and features of each line, as far as there are any."""
    named = [("the weight", "weight", columns.weight)] if columns.weight in table.header else []
    named += [(name, "edge_attr", name) for name in columns.features]
    read = [table.present(what, table.numbers(what, table.column(argument, name))) for what, argument, name in named]
    return list(zip(*read, strict=True)) if read else [()] * len(table.cells)


def _one_way(table: Table, edges: _Edges) -> _Edges:
    """Return the edges as they are, and note it where none leads back, as in a list that has each edge once."""
    present = set(edges.ends)
    if len(present) > 1 and not any(a != b and (b, a) in present for a, b in present):
        table.note(f"{table.name}: no edge leads back; undirected=True reads each in both directions")
    if len(present) < len(edges.ends):
        again = len(edges.ends) - len(present)
        words = "edge is listed again, and counts again" if again == 1 else "edges are listed again, and count again"
        table.note(f"{table.name}: {again:,} {words}")
    return edges


def _both_ways(table: Table, edges: _Edges, values: Sequence[tuple[float, ...]]) -> _Edges:
    """Return each edge in both directions, once, however often it is listed."""
    first: dict[tuple[int, int], int] = {}
    for line, (a, b) in zip(edges.line, edges.ends, strict=True):
        known = first.setdefault((min(a, b), max(a, b)), line)
        if values[known] != values[line]:
            raise ValueError(
                f"{table.at(line)}: this edge is already on {table.unit} {table.lines[known]} with other values; with "
                "undirected=True it has one"
            )
    kept = [(line, pair) for pair, line in first.items()]
    kept += [(line, (b, a)) for line, (a, b) in kept if a != b]
    return _Edges([line for line, _ in kept], [pair for _, pair in kept])


def _spots(
    observed: Observed, table: Table, columns: EdgeColumns, time_format: str | None, ends: Sequence[tuple[str, str]]
) -> list[tuple[tuple[str, Moment], tuple[str, Moment]]]:
    """Return name and time of both ends of each edge, all of which must have a line."""
    cells = table.column("time", columns.time)
    when, dates = table.times(cells, time_format)
    if cells and dates != observed.dates:
        raise ValueError(f"{table.at(0)}: the time is {cells[0]!r}; it must be a number or a date as in observations")
    for line, (pair, moment) in enumerate(zip(ends, when, strict=True)):
        for end in pair:
            if (end, moment) not in observed.lines:
                raise ValueError(f"{table.at(line)}: node {end!r} has no line at time {cells[line]}")
    return [((a, moment), (b, moment)) for (a, b), moment in zip(ends, when, strict=True)]
