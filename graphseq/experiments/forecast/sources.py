"""Recordings from what a user has at hand: a graph, an array, a data frame, a file or the name of a data set."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from graphseq import _checks
from graphseq.data.arrays import Numbers, array_of, as_tensor
from graphseq.data.graph import SpaceTimeGraph
from graphseq.datasets.temporal import RECORDINGS
from graphseq.experiments.forecast.data import events_of, load, observations_of
from graphseq.experiments.forecast.kinds import check_kind, is_json, refuse_reading
from graphseq.experiments.forecast.settings import Settings
from graphseq.io import TemporalDataset
from graphseq.io._frame import Frame, is_frame
from graphseq.io.containers import rounding


def recording_of(data: object, edges: object, settings: Settings) -> TemporalDataset:
    """Return the recording in ``data``, with its values missing where they are NaN.

    Args:
        data: see :class:`graphseq.Forecaster`.
        edges: likewise.
        settings: what a table needs: names of columns, the format of dates, what becomes of missing values.

    Raises:
        OSError, TypeError, ValueError: no recording, or edges where the data have their own.
    """
    if isinstance(data, TemporalDataset | SpaceTimeGraph):
        if edges is not None:
            raise ValueError(f"edges= goes with arrays, frames and tables; a {type(data).__name__} has its own")
        refuse_reading(settings, f"a {type(data).__name__}")
        return _single(data if isinstance(data, TemporalDataset) else _of_graph(data))
    if isinstance(data, str | Path):
        return _of_file(str(data), edges, settings)
    if is_frame(data):
        return _of_frame(data, edges, settings)
    if isinstance(data, torch.Tensor | list) or array_of("data", data) is not None:
        return _of_array(data, edges, settings)
    raise TypeError(
        "data must be a SpaceTimeGraph, a TemporalDataset, an array (T, N) or (T, N, F), a data frame, or the path of "
        f"a file; got {type(data).__name__}"
    )


def takes_edges(data: object, settings: Settings) -> bool:
    """Return whether edges come beside such data, as with arrays, frames and tables of observations."""
    if isinstance(data, str | Path):
        return not is_json(str(data)) and str(data) not in RECORDINGS and settings.window is None
    return not isinstance(data, TemporalDataset | SpaceTimeGraph) and settings.window is None


def _of_graph(graph: SpaceTimeGraph) -> TemporalDataset:
    if not graph.x.is_floating_point() or graph.num_graphs != 1:
        raise ValueError("data must be one recording with features (V, F); got tokens, or a batch of several")
    return _named(graph)


def _named(graph: SpaceTimeGraph) -> TemporalDataset:
    nodes = tuple(map(str, range(int(graph.node.max()) + 1)))
    times = tuple(map(str, graph.topology.times.tolist()))
    return TemporalDataset("data", graph, nodes, times, tuple(f"x{k}" for k in range(graph.x.shape[1])))


def _single(data: TemporalDataset) -> TemporalDataset:
    """Return a recording whose features are in float32, as those from files are, and as the models' weights."""
    x, notes = _float32(data.graph.x, "data")
    return data if x is data.graph.x else replace(data, graph=data.graph.replace(x=x), notes=(*data.notes, *notes))


def _float32(x: Tensor, name: str) -> tuple[Tensor, tuple[str, ...]]:
    """Return numbers in float32, and a note where that loses what tells them apart.

    Raises:
        ValueError: a number that is too large for it.
    """
    if x.dtype == torch.float32:
        return x, ()
    wide = x.detach().to("cpu", torch.float64, copy=True)
    if bool((wide.abs() > torch.finfo(torch.float32).max).logical_and(wide.isfinite()).any()):
        raise ValueError(f"{name} must hold numbers of at most 3.4e38, the largest of float32")
    wide[~wide.isfinite()] = torch.nan  # what is missing, or is refused later
    return x.float(), tuple(rounding(name, wide.numpy()))


def _of_file(path: str, edges: object, settings: Settings) -> TemporalDataset:
    if edges is not None and not isinstance(edges, str | Path):
        raise TypeError(f"edges must be the path of a table, as data is a path; got {type(edges).__name__}")
    return load(replace(settings, file=path, edges=None if edges is None else str(edges)), steadied=False)


def _of_frame(frame: Frame, edges: object, settings: Settings) -> TemporalDataset:
    if edges is not None and not is_frame(edges) and not isinstance(edges, str | Path):
        raise TypeError(f"edges must be a frame or the path of a table, as data is a frame; got {type(edges).__name__}")
    if settings.window is not None:
        if edges is not None:
            raise ValueError("edges= is for observations and window= for events; the frame is one of the two")
        check_kind(settings, "the frame", is_table=True, is_event=True)
        return events_of(frame, settings)
    check_kind(settings, "the frame", is_table=True, is_event=False)
    names = {str(name) for name in frame.columns}
    names |= {str(name) for name in getattr(getattr(frame, "index", None), "names", ())}
    wide = settings.wide or (bool(settings.node) and settings.node not in names)
    between = str(edges) if isinstance(edges, Path) else edges
    data = observations_of(frame, between, replace(settings, wide=wide))
    if wide and not settings.wide:
        note = (
            f"no column {settings.node!r}, so each column is read as a node and each line as a time; of a single "
            "series with columns of its own, give node= an empty name"
        )
        data = replace(data, notes=(*data.notes, note))
    return data


def _of_array(data: Numbers, edges: Numbers, settings: Settings) -> TemporalDataset:
    refuse_reading(settings, "an array")
    x = as_tensor("data", data)
    if x.is_complex():
        raise TypeError(f"data must hold real numbers, got {x.dtype}")
    x, notes = _float32(x, "data")
    if x.dim() not in (2, 3) or not x.numel():
        single = "; a single series is data[:, None], of pandas data.to_frame()" if x.dim() == 1 else ""
        raise ValueError(f"data must have shape (T, N) or (T, N, F), got {tuple(x.shape)}{single}")
    x = x[..., None] if x.dim() == 2 else x
    index = torch.empty(2, 0, dtype=torch.long) if edges is None else as_tensor("edges", edges)
    index = _checks.edges("edges", index, x.shape[1], "nodes")
    there = ~x.isnan().any(dim=2)
    if not bool(there.all()) and settings.missing == "refuse":
        time, node = (~there).nonzero()[0].tolist()
        raise ValueError(f'data[{time}, {node}] is missing (NaN); fill it in, or say missing="mask"')
    time, node = there.nonzero(as_tuple=True)
    if not len(time):
        raise ValueError("data has no time and node at which all values are there")
    graph = SpaceTimeGraph(x[there], node, time, static_edge_index=index)
    named = _named(graph)
    empty = tuple((int(at), str(int(at))) for at in (~there.any(dim=1)).nonzero()[:, 0])
    return replace(named, nodes=tuple(map(str, range(x.shape[1]))), notes=notes, empty_times=empty)
