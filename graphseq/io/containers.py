"""Containers that the readers return: a graph over time or many graphs, with names of nodes, times and channels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from graphseq._printable import printable
from graphseq.data.graph import SpaceTimeGraph

OnError = Literal["refuse", "skip"]
"""Refuse a file with an entry that cannot be read, or skip such entries and list them."""
ON_ERROR = ("refuse", "skip")


@dataclass(frozen=True)
class Skipped:
    """An entry that could not be read, and the reason.

    Kept by :func:`graphseq.io.read_smiles`, as ``skipped``.
    """

    name: str  #: ``sent_id`` or number of a sentence, SMILES of a molecule
    line: int  #: line of the error, counted from 1
    reason: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "reason", printable(self.reason))


@dataclass(frozen=True, repr=False, eq=False)
class GraphDataset:
    """Static graphs with one answer each, for :class:`~graphseq.tasks.GraphClassification` or ``GraphRegression``.

    Returned by :func:`graphseq.io.from_smiles` and :func:`graphseq.io.read_smiles`.
    """

    name: str
    graphs: tuple[SpaceTimeGraph, ...]  #: x (N, F) in float32; y, if given, a class (1,) or numbers (1, C)
    names: tuple[str, ...]  #: the SMILES of each molecule, or the number of each graph in the file
    channels: tuple[str, ...]  #: name of each of the F columns of x
    answers: tuple[str, ...]  #: name of each class in the file, or of each of the C numbers
    smiles: tuple[str, ...] = ()  #: SMILES of each graph, for molecules
    skipped: tuple[Skipped, ...] = ()  #: entries that could not be read, with ``on_error="skip"``
    notes: tuple[str, ...] = ()  #: what was read otherwise than it stands in the file

    def __post_init__(self) -> None:
        object.__setattr__(self, "notes", tuple(map(printable, self.notes)))

    def __repr__(self) -> str:
        notes = "".join(f"; {note}" for note in self.notes)
        rows = sum(graph.num_rows for graph in self.graphs)
        skipped = f", {len(self.skipped)} skipped" if self.skipped else ""
        counts = f"{len(self.graphs)} graphs, V={rows}, F={len(self.channels)}"
        return f"GraphDataset({printable(self.name)}: {counts}{skipped}{notes})"


MISSING = ("refuse", "drop")
"""Refuse data with a missing value, or drop its row, so that the node is absent at that time."""


@dataclass(frozen=True, repr=False, eq=False)
class TemporalDataset:
    """A graph over time with the names of its nodes, times and channels.

    Returned by :func:`graphseq.io.read_observations`.
    """

    name: str
    graph: SpaceTimeGraph  #: the whole recording, x (V, F) in float32
    nodes: tuple[str, ...]  #: name of each node, by its number in ``graph.node``
    times: tuple[str, ...]  #: name of each distinct time of ``graph.time``, in order
    channels: tuple[str, ...]  #: name of each of the F columns of x
    notes: tuple[str, ...] = ()  #: what the file holds that was not read, or was read otherwise than it stands there
    empty_times: tuple[tuple[int, str], ...] = ()  #: times of the file at which no node has a row: ``time`` and name

    def __post_init__(self) -> None:
        object.__setattr__(self, "notes", tuple(map(printable, self.notes)))

    def __repr__(self) -> str:
        counts = (len(self.nodes), len(self.times), self.graph.num_rows, self.graph.x.shape[1])
        notes = "".join(f"; {note}" for note in self.notes)
        name = printable(self.name)
        return f"TemporalDataset({name}: N={counts[0]}, T={counts[1]}, V={counts[2]}, F={counts[3]}{notes})"


def floats(where: str, values: object, dims: Sequence[int]) -> NDArray[np.float64]:
    """Return nested lists as an array with NaN for missing values (null, NaN), or raise with the first invalid place.

    Args:
        where: name of the values, for messages.
        values: nested lists of numbers.
        dims: allowed numbers of dimensions.

    Raises:
        ValueError: lists of unequal lengths, an entry that is not a number, an infinite number.
    """
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{where} {_first_odd(values)}") from None
    if array.ndim not in dims:
        raise ValueError(f"{where} must have {' or '.join(map(str, dims))} dimensions, got shape {array.shape}")
    infinite = np.isinf(array)
    if infinite.any():
        index = ", ".join(str(number) for number in np.argwhere(infinite)[0])
        raise ValueError(f"{where}[{index}] is infinite; values must be finite")
    return array


def features(values: NDArray[np.float64]) -> Tensor:
    """Return values (V, F) as float32 features, or raise if one is too large for that."""
    largest = np.finfo(np.float32).max
    if (np.abs(values) > largest).any():
        value = values[np.abs(values) > largest][0]
        raise ValueError(f"values must be at most {largest:.3g}, which is what float32 holds; one is {value:.3g}")
    return torch.from_numpy(values.astype(np.float32))


def rounding(name: str, values: NDArray[np.float64]) -> list[str]:
    """Return a note if numbers, as float32, lose what tells them apart, or none.

    These are whole numbers that become others, numbers that become 0, and those that are moved by more than a
    thousandth of the range that they lie in, as times in seconds since 1970 are.

    Args:
        name: name of the numbers, for the note.
        values: numbers as they were read, one or more, which float32 can hold.
    """
    turned = values.astype(np.float32).astype(np.float64)
    moved = np.nan_to_num(np.abs(turned - values))
    if not moved.any():
        return []
    coarse = moved > 1e-3 * (np.nanmax(values) - np.nanmin(values))
    is_whole = (values == np.floor(values)) & (np.abs(values) < 2**53)  # beyond that float64 rounds them as well
    lost = (moved > 0) & (coarse | is_whole | (turned == 0))
    if not lost.any():
        return []
    first, then = (repr(float(numbers[lost][0])).removesuffix(".0") for numbers in (values, turned))
    return [f"{name}: numbers are rounded to the seven digits of float32, such as {first} to {then}"]


def _first_odd(values: object) -> str:
    """Return the reason why ``values`` is no array: a list of another length, or an entry that is not a number."""
    if not isinstance(values, list):
        return f"must be a list of numbers, got {type(values).__name__}"
    lengths = [len(value) if isinstance(value, list) else -1 for value in values]
    for index, length in enumerate(lengths):
        if length != lengths[0]:
            return f"has {_said(length)} at {index}, but {_said(lengths[0])} at 0; all must be as wide as the first"
    for index, value in enumerate(values):
        try:
            np.asarray(value, dtype=np.float64)
        except (TypeError, ValueError, OverflowError):
            inner = _first_odd(value) if isinstance(value, list) else f"is {value!r}, which is not a number"
            return f"at {index} {inner}"
    return "must be lists of numbers, equally many each"


def _said(length: int) -> str:
    return "a number" if length < 0 else f"{length} values"
