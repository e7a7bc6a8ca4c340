"""Recordings: a table of values, times by nodes, with edges, and the graph over time that they make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from graphseq.data.graph import SpaceTimeGraph
from graphseq.io._missing import MissingValueError
from graphseq.io.containers import TemporalDataset, features, floats, rounding


@dataclass(frozen=True)
class Edges:
    """Edges between nodes."""

    index: NDArray[np.int64]  #: (2, E)
    weight: NDArray[np.float64] | None  #: (E,)

    def where(self, mark: NDArray[np.bool_]) -> Edges:
        """Return the edges that are marked."""
        return Edges(self.index[:, mark], None if self.weight is None else self.weight[mark])


class Recording(NamedTuple):
    """Values, names and edges that were read from a file."""

    values: NDArray[np.float64]  #: (T, N, F), NaN where a value is missing
    channels: tuple[str, ...]
    nodes: tuple[str, ...]
    times: tuple[str, ...]
    edges: Edges | list[Edges]  #: the same at every time, or one for each time


def read_edges(where: str, pairs: object, weights: object, nodes: int) -> Edges:
    """Return pairs [from, to] of node numbers and their weights, or raise with the first invalid place.

    Args:
        where: name of the edges, for messages.
        pairs: list of pairs.
        weights: list of numbers, or ``None``.
        nodes: N.

    Raises:
        ValueError: ends that are not whole numbers from 0 to N - 1; weights that are not one finite number per edge.
    """
    array = floats(where, pairs, (2,)) if pairs != [] else np.zeros((0, 2))
    if array.shape[1] != 2:
        raise ValueError(f"{where} must be pairs [from, to], got {array.shape[1]} numbers for each edge")
    outside = ((array != np.floor(array)) | (array < 0) | (array >= nodes)).any(axis=1)
    if outside.any():
        position = int(outside.argmax())
        ends = " to ".join(f"{end:g}" for end in array[position])
        raise ValueError(f"{where}[{position}] goes from {ends}, but there are the {nodes} nodes 0 to {nodes - 1}")
    if weights is None:
        return Edges(array.T.astype(np.int64), None)
    weight = floats(f"weights of {where}", weights, (1,))
    if len(weight) != len(array):
        raise ValueError(f"{where} has {len(array)} edges, but {len(weight)} weights; each edge must have one")
    if np.isnan(weight).any():
        raise ValueError(f"{where}[{int(np.isnan(weight).argmax())}] has a weight that is missing (NaN)")
    return Edges(array.T.astype(np.int64), weight)


def assembled(name: str, recording: Recording, missing: str) -> TemporalDataset:
    """Return the graph of a recording: one row for each node and time with all values, sorted by time and node.

    Args:
        name: name of the data, also for messages.
        recording: values, names and edges.
        missing: one of ``MISSING``. Where a row is dropped, its edges at that time are dropped too.

    Raises:
        ValueError: no values; or a missing value, if ``missing`` is "refuse". The message names the place.
    """
    absent = np.isnan(recording.values)
    if missing == "refuse" and absent.any():
        t, n, f = np.argwhere(absent)[0]
        place = f"of {recording.channels[f]} (NaN) at time {recording.times[t]}"
        raise MissingValueError(f"{name}: node {recording.nodes[n]} has no value {place}")
    is_complete: NDArray[np.bool_] = np.asarray(~absent.any(axis=2))
    if not is_complete.any():
        raise ValueError(f"{name} has no values")
    time, node = np.nonzero(is_complete)
    x, rows = features(recording.values[is_complete]), (_tensor(node), _tensor(time))
    if isinstance(recording.edges, Edges):
        has_row: NDArray[np.bool_] = np.asarray(is_complete.any(axis=0))
        edges = recording.edges.where(np.asarray(has_row[recording.edges.index].all(axis=0)))
        graph = SpaceTimeGraph(x, *rows, static_edge_index=_tensor(edges.index), static_edge_weight=_weights(edges))
    else:
        edges = _between_rows(recording.edges, is_complete)
        graph = SpaceTimeGraph(x, *rows, _tensor(edges.index), _weights(edges))
    has_rows = is_complete.any(axis=1)
    times = tuple(recording.times[t] for t in np.flatnonzero(has_rows))
    empty = tuple((int(t), recording.times[t]) for t in np.flatnonzero(~has_rows))
    columns = zip(recording.channels, recording.values[is_complete].T, strict=True)
    notes = [note for channel, column in columns for note in rounding(f"{name}: {channel}", column)]
    if edges.weight is not None and edges.weight.size:
        notes += rounding(f"{name}: weights of edges", edges.weight)
    return TemporalDataset(name, graph, recording.nodes, times, recording.channels, tuple(notes), empty)


def _between_rows(edges: Sequence[Edges], is_complete: NDArray[np.bool_]) -> Edges:
    """Return edges between nodes, one set for each time, as edges between rows."""
    row = np.cumsum(is_complete).reshape(is_complete.shape) - 1
    present = [one.where(is_complete[t][one.index].all(axis=0)) for t, one in enumerate(edges)]
    index = [row[t][one.index] for t, one in enumerate(present)]
    weights = [one.weight for one in present if one.weight is not None]
    return Edges(np.concatenate(index, axis=1), np.concatenate(weights) if weights else None)


def _tensor(numbers: NDArray[np.int64]) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(numbers))


def _weights(edges: Edges) -> torch.Tensor | None:
    return None if edges.weight is None else features(edges.weight)
