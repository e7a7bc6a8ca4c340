"""A table of values, times by nodes, and edges: what most files hold, and how it becomes a graph over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from graphseq.data.graph import SpaceTimeGraph
from graphseq.io.containers import TemporalDataset, features, floats


@dataclass(frozen=True)
class Edges:
    """Edges between nodes."""

    index: NDArray[np.int64]  #: (2, E)
    weight: NDArray[np.float64] | None  #: (E,)

    def kept(self, both: NDArray[np.bool_]) -> Edges:
        """Those marked."""
        return Edges(self.index[:, both], None if self.weight is None else self.weight[both])


class Recording(NamedTuple):
    """What was read."""

    values: NDArray[np.float64]  #: (T, N, F), NaN where a value is missing
    channels: tuple[str, ...]
    nodes: tuple[str, ...]
    times: tuple[str, ...]
    edges: Edges | list[Edges]  #: there at every time, or one a time


def read_edges(where: str, pairs: object, weights: object, nodes: int) -> Edges:
    """Pairs [from, to] of numbers of nodes, and their weights, or the first place where they are not.

    Args:
        where: what this is, for messages.
        pairs: list of pairs.
        weights: list of numbers, or ``None``.
        nodes: N.

    Raises:
        ValueError: ends that are no whole numbers from 0 to N - 1; weights that are no finite numbers, one an edge.
    """
    array = floats(where, pairs, (2,)) if pairs != [] else np.zeros((0, 2))
    if array.shape[1] != 2:
        raise ValueError(f"{where} must be pairs [from, to], got {array.shape[1]} numbers an edge")
    outside = ((array != np.floor(array)) | (array < 0) | (array >= nodes)).any(axis=1)
    if outside.any():
        place = int(outside.argmax())
        ends = " to ".join(f"{end:g}" for end in array[place])
        raise ValueError(f"{where}[{place}] goes from {ends}, but there are the {nodes} nodes 0 to {nodes - 1}")
    if weights is None:
        return Edges(array.T.astype(np.int64), None)
    weight = floats(f"weights of {where}", weights, (1,))
    if len(weight) != len(array):
        raise ValueError(f"{where} has {len(array)} edges, but {len(weight)} weights; each edge must have one")
    if np.isnan(weight).any():
        raise ValueError(f"{where}[{int(np.isnan(weight).argmax())}] has a weight that is missing (NaN)")
    return Edges(array.T.astype(np.int64), weight)


def assembled(name: str, recording: Recording, missing: str) -> TemporalDataset:
    """The graph of a recording: one row a node and time whose values are all there, sorted by time and node.

    Args:
        name: of the data, and in messages.
        recording: what was read.
        missing: one of ``MISSING``. An edge at a time at which one of its ends is dropped is dropped with it.

    Raises:
        ValueError: no value at all; a value that is missing and ``missing`` is "refuse". The message names the place.
    """
    absent = np.isnan(recording.values)
    if missing == "refuse" and absent.any():
        t, n, f = np.argwhere(absent)[0]
        raise ValueError(
            f"{name}: node {recording.nodes[n]} has no value of {recording.channels[f]} (NaN) at time "
            f'{recording.times[t]}; fill it in, or read with missing="drop", so that the node is away then'
        )
    there: NDArray[np.bool_] = np.asarray(~absent.any(axis=2))
    if not there.any():
        raise ValueError(f"{name} holds no value at all")
    time, node = np.nonzero(there)
    x, rows = features(recording.values[there]), (_tensor(node), _tensor(time))
    if isinstance(recording.edges, Edges):
        ever: NDArray[np.bool_] = np.asarray(there.any(axis=0))
        edges = recording.edges.kept(np.asarray(ever[recording.edges.index].all(axis=0)))
        graph = SpaceTimeGraph(x, *rows, static_edge_index=_tensor(edges.index), static_edge_weight=_weights(edges))
    else:
        edges = _between_rows(recording.edges, there)
        graph = SpaceTimeGraph(x, *rows, _tensor(edges.index), _weights(edges))
    times = tuple(recording.times[t] for t in np.flatnonzero(there.any(axis=1)))
    return TemporalDataset(name, graph, recording.nodes, times, recording.channels)


def _between_rows(edges: Sequence[Edges], there: NDArray[np.bool_]) -> Edges:
    """Edges between nodes, one set a time, as edges between rows."""
    row = np.cumsum(there).reshape(there.shape) - 1
    kept = [one.kept(there[t][one.index].all(axis=0)) for t, one in enumerate(edges)]
    index = [row[t][one.index] for t, one in enumerate(kept)]
    weights = [one.weight for one in kept if one.weight is not None]
    return Edges(np.concatenate(index, axis=1), np.concatenate(weights) if weights else None)


def _tensor(numbers: NDArray[np.int64]) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(numbers))


def _weights(edges: Edges) -> torch.Tensor | None:
    return None if edges.weight is None else torch.from_numpy(edges.weight.astype(np.float32))
