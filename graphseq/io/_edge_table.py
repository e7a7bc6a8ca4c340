"""Edges listed in a CSV file, beside observations of their ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from graphseq.data.graph import SpaceTimeGraph
from graphseq.io._csv import Table


class EdgeColumns(NamedTuple):
    """What the columns of a list of edges are called; ``weight`` and ``time`` are read where there are such columns."""

    source: str
    target: str
    weight: str
    time: str


class Observed(NamedTuple):
    """Observations that edges are to join."""

    x: Tensor  #: (V, F)
    node: Tensor  #: (V,)
    time: Tensor  #: (V,)
    number: Mapping[str, int]  #: of each node that has a row
    row: Mapping[tuple[str, float], int]  #: of each name and time that has one
    lines: set[tuple[str, float]]  #: names and times that have a line, dropped ones too
    dates: bool  #: whether times are dates


def joined(observed: Observed, table: Table, columns: EdgeColumns, time_format: str | None) -> SpaceTimeGraph:
    """The graph of observations and the edges of ``table``.

    Raises:
        ValueError: a column that there is not, a weight that is missing or no number, an edge to a node that is never
            observed or, where edges have times, not then. The message names the line.
    """
    ends = list(zip(table.column("source", columns.source), table.column("target", columns.target), strict=True))
    for name in table.header:
        if name not in columns:
            told = ", ".join(f"{argument}={column!r}" for argument, column in columns._asdict().items())
            raise ValueError(f"{table.path}, line 1: column {name!r} is none of those of edges: {told}")
    known = {name for name, _ in observed.lines}
    for at, pair in enumerate(ends):
        for end in pair:
            if end not in known:
                raise ValueError(f"{table.at(at)}: node {end!r} is never observed")
    weight = None
    if columns.weight in table.header:
        weight = table.present("the weight", table.numbers("the weight", table.column("weight", columns.weight)))
    rows = (observed.x, observed.node, observed.time)
    if columns.time not in table.header:
        kept = [at for at, pair in enumerate(ends) if all(end in observed.number for end in pair)]
        index = [[observed.number[end] for end in ends[at]] for at in kept]
        return SpaceTimeGraph(*rows, static_edge_index=_index(index), static_edge_weight=_chosen(weight, kept))
    spots = _spots(observed, table, columns, time_format, ends)
    kept = [at for at, both in enumerate(spots) if all(spot in observed.row for spot in both)]
    index = [[observed.row[spot] for spot in spots[at]] for at in kept]
    return SpaceTimeGraph(*rows, _index(index), _chosen(weight, kept))


def _spots(
    observed: Observed, table: Table, columns: EdgeColumns, time_format: str | None, ends: Sequence[tuple[str, str]]
) -> list[list[tuple[str, float]]]:
    """Name and time of both ends of each edge, each of which must have a line."""
    cells = table.column("time", columns.time)
    when, dates = table.times(cells, time_format)
    if cells and dates != observed.dates:
        raise ValueError(f"{table.at(0)}: the time is {cells[0]!r}; it must be of the kind that observations have")
    for at, (pair, moment) in enumerate(zip(ends, when, strict=True)):
        for end in pair:
            if (end, moment) not in observed.lines:
                raise ValueError(f"{table.at(at)}: node {end!r} is not there at time {cells[at]}")
    return [[(end, moment) for end in pair] for pair, moment in zip(ends, when, strict=True)]


def _index(pairs: Sequence[Sequence[int]]) -> Tensor:
    return torch.tensor(pairs, dtype=torch.long).reshape(-1, 2).t().contiguous()


def _chosen(weight: Sequence[float] | None, kept: Sequence[int]) -> Tensor | None:
    return None if weight is None else torch.tensor([weight[at] for at in kept], dtype=torch.float32)
