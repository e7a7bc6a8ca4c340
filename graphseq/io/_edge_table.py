"""Edges from a CSV file, between nodes that were observed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from graphseq.data.graph import SpaceTimeGraph
from graphseq.io._csv import Table


class EdgeColumns(NamedTuple):
    """Names of the columns of an edge list; ``weight`` and ``time`` are read if these columns exist."""

    source: str
    target: str
    weight: str
    time: str


class Observed(NamedTuple):
    """Observations of nodes, between which the edges lead."""

    x: Tensor  #: (V, F)
    node: Tensor  #: (V,)
    time: Tensor  #: (V,)
    number: Mapping[str, int]  #: number of each node that has a row
    row: Mapping[tuple[str, float], int]  #: row of each name and time
    lines: set[tuple[str, float]]  #: names and times that have a line, including dropped ones
    dates: bool  #: True if times are dates


def joined(observed: Observed, table: Table, columns: EdgeColumns, time_format: str | None) -> SpaceTimeGraph:
    """Return the graph of the observations with the edges of ``table``.

    Raises:
        ValueError: a column that does not exist, a weight that is missing or not a number, an edge to a node that is
            never observed or, if edges have times, not at that time. The message names the line.
    """
    ends = list(zip(table.column("source", columns.source), table.column("target", columns.target), strict=True))
    for name in table.header:
        if name not in columns:
            expected = ", ".join(f"{argument}={column!r}" for argument, column in columns._asdict().items())
            raise ValueError(f"{table.path}, line 1: column {name!r} is not a column of edges: {expected}")
    known = {name for name, _ in observed.lines}
    for line, pair in enumerate(ends):
        for end in pair:
            if end not in known:
                raise ValueError(f"{table.at(line)}: node {end!r} is never observed")
    weight = None
    if columns.weight in table.header:
        weight = table.present("the weight", table.numbers("the weight", table.column("weight", columns.weight)))
    rows = (observed.x, observed.node, observed.time)
    if columns.time not in table.header:
        lines = [line for line, pair in enumerate(ends) if all(end in observed.number for end in pair)]
        index = [[observed.number[end] for end in ends[line]] for line in lines]
        return SpaceTimeGraph(*rows, static_edge_index=_index(index), static_edge_weight=_chosen(weight, lines))
    spots = _spots(observed, table, columns, time_format, ends)
    lines = [line for line, both in enumerate(spots) if all(spot in observed.row for spot in both)]
    index = [[observed.row[spot] for spot in spots[line]] for line in lines]
    return SpaceTimeGraph(*rows, _index(index), _chosen(weight, lines))


def _spots(
    observed: Observed, table: Table, columns: EdgeColumns, time_format: str | None, ends: Sequence[tuple[str, str]]
) -> list[list[tuple[str, float]]]:
    """Return name and time of both ends of each edge, all of which must have a line."""
    cells = table.column("time", columns.time)
    when, dates = table.times(cells, time_format)
    if cells and dates != observed.dates:
        raise ValueError(f"{table.at(0)}: the time is {cells[0]!r}; it must be a number or a date as in observations")
    for line, (pair, moment) in enumerate(zip(ends, when, strict=True)):
        for end in pair:
            if (end, moment) not in observed.lines:
                raise ValueError(f"{table.at(line)}: node {end!r} has no line at time {cells[line]}")
    return [[(end, moment) for end in pair] for pair, moment in zip(ends, when, strict=True)]


def _index(pairs: Sequence[Sequence[int]]) -> Tensor:
    return torch.tensor(pairs, dtype=torch.long).reshape(-1, 2).t().contiguous()


def _chosen(weight: Sequence[float] | None, lines: Sequence[int]) -> Tensor | None:
    return None if weight is None else torch.tensor([weight[line] for line in lines], dtype=torch.float32)
