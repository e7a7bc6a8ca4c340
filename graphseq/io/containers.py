"""The containers that the readers return: a graph over time, or many graphs, with the names of what is in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from graphseq.data.graph import SpaceTimeGraph

OnError = Literal["refuse", "skip"]
"""Refuse the file, naming the entry, or skip the entry and list it."""
ON_ERROR = ("refuse", "skip")


@dataclass(frozen=True)
class Skipped:
    """An entry that could not be read, and why."""

    name: str  #: what it goes by: a sentence by its ``sent_id`` or number, a molecule by its SMILES
    line: int  #: the line at fault, counted from 1
    reason: str


@dataclass(frozen=True, repr=False, eq=False)
class GraphDataset:
    """Static graphs with an answer each, for :class:`~graphseq.tasks.GraphClassification` or ``GraphRegression``."""

    name: str
    graphs: tuple[SpaceTimeGraph, ...]  #: x (N, F) in float32; y, where there is one, a class (1,) or numbers (1, C)
    names: tuple[str, ...]  #: what each graph is called: a molecule by its SMILES, else its number in the file
    channels: tuple[str, ...]  #: what each of the F columns of x is
    answers: tuple[str, ...]  #: what each class is called in the file, or what each of the C numbers is
    smiles: tuple[str, ...] = ()  #: of each graph, where they were read from such
    skipped: tuple[Skipped, ...] = ()  #: what could not be read, where that was asked for

    def __repr__(self) -> str:
        rows = sum(graph.num_rows for graph in self.graphs)
        left = f", {len(self.skipped)} skipped" if self.skipped else ""
        return f"GraphDataset({self.name}: {len(self.graphs)} graphs, V={rows}, F={len(self.channels)}{left})"


MISSING = ("refuse", "drop")
"""What to do with a value that is missing: "refuse" the data, or "drop" the row, so that the node is away then."""


@dataclass(frozen=True, repr=False, eq=False)
class TemporalDataset:
    """A recorded graph over time, and the names of its nodes, times and channels."""

    name: str
    graph: SpaceTimeGraph  #: the whole recording, x (V, F) in float32
    nodes: tuple[str, ...]  #: what each node is called, by its number in ``graph.node``
    times: tuple[str, ...]  #: what each time is called: one a distinct time of ``graph.time``, in order
    channels: tuple[str, ...]  #: what each of the F columns of x is

    def __repr__(self) -> str:
        counts = (len(self.nodes), len(self.times), self.graph.num_rows, self.graph.x.shape[1])
        return f"TemporalDataset({self.name}: N={counts[0]}, T={counts[1]}, V={counts[2]}, F={counts[3]})"


def floats(where: str, values: object, dims: Sequence[int]) -> NDArray[np.float64]:
    """Nested lists as an array whose missing values (null, NaN) are NaN, or the first place where they are not one.

    Args:
        where: what this is, for messages.
        values: nested lists of numbers.
        dims: how many dimensions it may have.

    Raises:
        ValueError: lists of unequal lengths, something that is no number, an infinite number.
    """
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{where} {_first_odd(values)}") from None
    if array.ndim not in dims:
        raise ValueError(f"{where} must have {' or '.join(map(str, dims))} dimensions, got shape {array.shape}")
    infinite = np.isinf(array)
    if infinite.any():
        place = ", ".join(str(number) for number in np.argwhere(infinite)[0])
        raise ValueError(f"{where}[{place}] is infinite; values must be finite")
    return array


def features(values: NDArray[np.float64]) -> Tensor:
    """Values (V, F) as x, float32."""
    return torch.from_numpy(values.astype(np.float32))


def _first_odd(values: object) -> str:
    """Why ``values`` is not an array: the first list of another length, or the first entry that is no number."""
    if not isinstance(values, list):
        return f"must be a list of numbers, got {type(values).__name__}"
    lengths = [len(one) if isinstance(one, list) else -1 for one in values]
    for place, length in enumerate(lengths):
        if length != lengths[0]:
            return f"has {_said(length)} at {place}, but {_said(lengths[0])} at 0; all must be as wide as the first"
    for place, one in enumerate(values):
        try:
            np.asarray(one, dtype=np.float64)
        except (TypeError, ValueError):
            inner = _first_odd(one) if isinstance(one, list) else f"is {one!r}, which is no number"
            return f"at {place} {inner}"
    return "must be lists of numbers, equally many each"


def _said(length: int) -> str:
    return "a number" if length < 0 else f"{length} values"
