"""The times of a recording: how regular they are, one length of step for all, and missing values in their place."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor

from graphseq.data.graph import SpaceTimeGraph
from graphseq.io import TemporalDataset
from graphseq.io._doubts import UNEVEN, are_monthly
from graphseq.io._times import SECOND, all_shown

UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_MOST_ROWS = 2**28  #: times by nodes


def with_notes(data: TemporalDataset) -> TemporalDataset:
    """Return the recording with notes on what of it is missing and on steps that are not as long as most."""
    notes = [note for note in data.notes if not note.startswith(UNEVEN)]  # which is said here with its remedy
    whole = len(data.nodes) * len(data.times)
    if data.graph.num_rows < whole:
        notes.append(_missing(whole - data.graph.num_rows, whole))
    if data.empty_times:
        count, first = len(data.empty_times), data.empty_times[0][1]
        notes.append(f"{count:,} time{'s' * (count > 1)} without any value left out, {first} first")
    if said := _irregular(data):
        notes.append(said)
    return replace(data, notes=tuple(notes))


def with_every_time(data: TemporalDataset) -> TemporalDataset:
    """Return the recording with a row for every node at every time, those without any value too; see :func:`masked`."""
    own = zip(data.graph.topology.times.tolist(), data.times, strict=True)
    every = sorted([*own, *data.empty_times])
    whole = replace(data, times=tuple(name for _, name in every), empty_times=())
    return masked(with_notes(whole), torch.tensor([time for time, _ in every]))


def masked(data: TemporalDataset, times: Tensor | None = None) -> TemporalDataset:
    """Return the recording with a row for every node at every time, and a feature that says which were observed.

    Where a node has no row, it has that of its last value, or, before its first, the mean of all values, for which
    :func:`~graphseq.experiments.forecast.data.make_ready` puts the node's own before the test set. "observed" is then 0
    instead of 1, and ``graph.observed`` (V,) is false, so that no answer is asked there.

    Args:
        data: the recording.
        times: all times, in order; by default those of the recording.
    """
    graph, count = data.graph, len(data.nodes)
    times = graph.topology.times if times is None else times
    _check_size(len(times), count)
    moment = torch.searchsorted(times, graph.time)
    there = torch.zeros(len(times), count, dtype=torch.bool)
    there[moment, graph.node] = True
    x = graph.x.new_zeros(len(times), count, graph.x.shape[1])
    x[moment, graph.node] = graph.x
    latest = torch.where(there, torch.arange(len(times))[:, None], -1).cummax(dim=0).values
    # What comes before a node's first value cannot be known then; the mean is what a model would guess.
    first = graph.x.double().mean(dim=0).to(x.dtype)
    filled = torch.where((latest >= 0)[..., None], x[latest.clamp(min=0), torch.arange(count)], first)
    values = torch.cat([filled, there[..., None].to(x.dtype)], dim=2).flatten(0, 1)
    rows = (torch.arange(count).repeat(len(times)), times.repeat_interleave(count))
    whole = SpaceTimeGraph(values, *rows, **_edges_over(graph, moment * count + graph.node))
    whole.observed = there.flatten()
    return replace(data, graph=whole, channels=(*data.channels, "observed"))


def _edges_over(graph: SpaceTimeGraph, row: Tensor) -> dict[str, Tensor | None]:
    """Return the edges of a graph between other rows, of which ``row`` names the new one of each old one."""
    topology = graph.topology
    if topology.static_edge_index is not None:
        return {
            "static_edge_index": topology.static_edge_index,
            "static_edge_weight": topology.static_edge_weight,
            "static_edge_attr": topology.static_edge_attr,
        }
    spatial = topology.spatial
    return {
        "edge_index": row[spatial.edge_index],
        "edge_weight": spatial.edge_weight,
        "edge_attr": spatial.edge_attr,
    }


def resampled(data: TemporalDataset, step: str, by: Literal["mean", "last", "sum"] = "mean") -> TemporalDataset:
    r"""Return the recording in steps of one length: step k holds what is in [k·s, (k+1)·s) from the first time.

    Of several observations of a node in a step the value is their mean, last or sum, for each channel; a node without
    one is missing then, and :func:`masked`. A time is named by the beginning of its step.

    Args:
        data: the recording, whose edges, if there are any, are the same at all times.
        step: s: a number with d, h, m or s behind it where times are dates, else a number.
        by: "mean", "last" or "sum".

    Raises:
        ValueError: a step of another kind than the times, or edges that change with time.
    """
    graph = data.graph
    if graph.topology.static_edge_index is None and graph.topology.spatial.edge_index.numel():
        raise ValueError(
            f"resample={step!r} needs edges that are the same at all times; those of {data.name} have times"
        )
    at, dates = moments_of(data)
    length = _length(step, dates=dates)
    bins = [math.floor((moment - at[0]) / length + 1e-9) for moment in at]
    count = len(data.nodes)
    _check_size(bins[-1] + 1, count)
    of_time = torch.tensor(bins)[torch.searchsorted(graph.topology.times, graph.time)]
    order = graph.time.argsort(stable=True)
    key, group = (of_time * count + graph.node)[order].unique(return_inverse=True)
    values = graph.x[order].double()
    x = values.new_zeros(len(key), values.shape[1])
    if by == "last":
        last = torch.zeros(len(key), dtype=torch.long).scatter_reduce_(0, group, torch.arange(len(group)), "amax")
        x = values[last]
    else:
        x.index_add_(0, group, values)
        x = x / torch.bincount(group)[:, None] if by == "mean" else x
    static = graph.topology
    binned = SpaceTimeGraph(
        x.to(graph.x.dtype),
        key % count,
        key.div(count, rounding_mode="floor"),
        static_edge_index=static.static_edge_index,
        static_edge_weight=static.static_edge_weight,
        static_edge_attr=static.static_edge_attr,
    )
    steps = bins[-1] + 1
    note = f"{len(at):,} times resampled to {steps:,} steps of {step}, by the {by} of the observations in each"
    notes = [*(said for said in data.notes if not said.startswith(UNEVEN)), note]
    if by == "sum":
        notes += _uneven_sums(torch.bincount(group))
    if len(key) < steps * count:
        notes.append(_missing(steps * count - len(key), steps * count))
    names = names_of([at[0] + k * length for k in range(steps)], dates=dates)
    whole = replace(data, graph=binned, times=names, notes=tuple(notes), empty_times=())
    return masked(whole, torch.arange(steps))


def _uneven_sums(observed: Tensor) -> list[str]:
    """Return a note where sums are of different numbers of observations, as of a day that has begun, or none."""
    usual = int(observed.mode().values)
    fewer = int((observed < usual).sum())
    if not fewer:
        return []
    verb = "is" if fewer == 1 else "are"
    return [
        f"{fewer:,} of {len(observed):,} sums {verb} of fewer observations than most, which are of {usual}, and so "
        "lower"
    ]


def _missing(count: int, whole: int) -> str:
    return f"{count:,} of {whole:,} observations, {count / whole:.1%}, are missing: no answer is asked there"


def _irregular(data: TemporalDataset) -> str:
    try:
        at, dates = moments_of(data)
    except ValueError:
        return ""
    steps = [round(after - before, 6) for before, after in pairwise(at)]
    if len(set(steps)) < 2 or (dates and are_monthly([round(moment * SECOND) for moment in at])):
        return ""
    usual, often = Counter(steps).most_common(1)[0]
    shortest, longest = (_span(step, dates=dates) for step in (min(steps), max(steps)))
    return (
        f"{len(steps) - often:,} of {len(steps):,} steps are not of {_span(usual, dates=dates)}, as most are, but of "
        f"{shortest} to {longest}; each counts as one step, and resample= brings them to one length"
    )


def moments_of(data: TemporalDataset) -> tuple[list[float], bool]:
    """Return the times as numbers, in seconds if they are dates, and True if they are."""
    try:
        return [float(name) for name in data.times], False
    except ValueError:
        try:
            return [datetime.fromisoformat(name).replace(tzinfo=UTC).timestamp() for name in data.times], True
        except ValueError:
            raise ValueError(f"the times of {data.name} are no numbers and no dates: {data.times[0]!r}") from None


def names_of(moments: Sequence[float], *, dates: bool) -> tuple[str, ...]:
    """Return the names of times that :func:`moments_of` gave as numbers."""
    if not dates:
        return tuple(f"{moment:.15g}" for moment in moments)
    return all_shown([round(moment * SECOND) for moment in moments], dates=True)


def _length(step: str, *, dates: bool) -> float:
    unit = UNITS.get(step[-1:])
    try:
        number = float(step if unit is None else step[:-1])
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf or (unit is not None) != dates:
        kind = "a number with d, h, m or s behind it, as times are dates" if dates else "a number, as times are"
        raise ValueError(f"resample must be {kind}; got {step!r}")
    return number if unit is None else timedelta(**{unit: number}).total_seconds()


def _span(step: float, *, dates: bool) -> str:
    """Return a length of time in the largest unit that it is a whole number of."""
    if not dates:
        return f"{step:g}"
    for unit, seconds in (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1)):
        if step % seconds == 0:
            return f"{step / seconds:g} {unit}{'s' * (step != seconds)}"
    return f"{step:g} seconds"


def _check_size(times: int, nodes: int) -> None:
    if times * nodes > _MOST_ROWS:
        raise ValueError(f"{times:,} steps of {nodes:,} nodes are too many rows; take longer steps")
