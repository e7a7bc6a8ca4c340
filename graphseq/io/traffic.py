"""Reader of recordings of traffic: HDF5 as pandas writes it (METR-LA, PEMS-BAY) and .npz (PEMS04, PEMS08)."""

from __future__ import annotations

import csv
import io
import math
import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq._printable import printable_errors
from graphseq.io._text import decoded, read_bytes
from graphseq.io.containers import MISSING, TemporalDataset
from graphseq.io.recording import Edges, Recording, assembled

SUFFIXES = (".h5", ".hdf5", ".npz")
_ENDS = (("from", "to", "cost"), ("source", "target", "distance"), ("from", "to", "distance"))
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?")
_LEAST = 0.1  #: weights below this are no edges


class _Table(NamedTuple):
    values: NDArray[np.float64]  # (T, N, F)
    times: tuple[str, ...]
    nodes: tuple[str, ...]
    channels: tuple[str, ...]


@printable_errors
@checked_arguments
def read_traffic(
    path: str | Path,
    distances: str | Path | None = None,
    *,
    zeros_missing: bool = False,
    missing: Literal["refuse", "drop"] = "refuse",
) -> TemporalDataset:
    r"""Read a recording of sensors, times by sensors, and their graph from a table of distances.

    HDF5 files hold a data frame of pandas in its "fixed" format, times by sensors, under any one key; they are read
    with the package ``h5py``. An .npz file holds one array ``data`` (T, N, F), (T, N), or one array of any name. An
    edge has the weight

    .. math:: w_{ij} = e^{-d_{ij}^2 / \sigma^2}, \quad \text{where it is at least } 0.1,

    with σ the standard deviation of all distances.

    Args:
        path: the recording, .h5, .hdf5 or .npz.
        distances: a .csv with columns from, to and cost (or source, target, distance), or with such lines and no names
            above them, as the one of PEMS-BAY; sensors are named as in the recording, or numbered from 0 where it has
            no names. Of a pair that is listed again the last line counts. Without a table there are no edges.
        zeros_missing: a value of 0 is a missing one, as in METR-LA.
        missing: "refuse" a missing value, or "drop" it, so that the node is absent at that time.

    Raises:
        ModuleNotFoundError: an HDF5 file, and the package ``h5py`` is not installed.
        OSError: a file cannot be read.
        ValueError: a file of another form; the message says which part.

    Source:
        Li, Yu, Shahabi and Liu, *Diffusion Convolutional Recurrent Neural Network* (2018), section 4.1, on the
        weights; there, too, zeros are missing.

    Example:
        >>> import tempfile
        >>> with tempfile.NamedTemporaryFile(suffix=".npz") as file:
        ...     np.savez(file, data=np.ones((4, 2, 3)))
        ...     _ = file.flush()
        ...     read_traffic(file.name).graph
        SpaceTimeGraph(N=2, T=4, V=8, E=0 static, x=[8, 3])
    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(f"path must end in {', '.join(SUFFIXES)}; got {str(path)!r}")
    _checks.one_of("missing", missing, MISSING)
    values, times, nodes, channels = (_npz if path.suffix.lower() == ".npz" else _hdf5)(path)
    notes: list[str] = []
    zeros = int((values == 0).sum())
    if zeros_missing:
        values = np.where(values == 0, np.nan, values)
    elif zeros:
        share = f"{zeros / values.size:.1%} of the values are 0"
        notes.append(f"{share}, which may stand for missing; zeros_missing= reads them so")
    edges = Edges(np.zeros((2, 0), dtype=np.int64), None)
    if distances is not None:
        edges, said = _edges(Path(distances), nodes, path.name)
        notes += said
    if np.isinf(values).any():
        raise ValueError(f"{path.name} has an infinite value; values must be finite")
    data = assembled(path.name, Recording(values, channels, nodes, times, edges), missing)
    return replace(data, notes=(*data.notes, *notes))


def _npz(path: Path) -> _Table:
    try:
        with np.load(io.BytesIO(read_bytes(path)), allow_pickle=False) as parts:
            names = list(parts.files)
            key = "data" if "data" in names else names[0] if len(names) == 1 else None
            array = None if key is None else np.asarray(parts[key])
    except (ValueError, zipfile.BadZipFile, EOFError, KeyError) as error:
        raise ValueError(f"{path.name} is not a whole .npz of numbers: {error}") from None
    if array is None:
        raise ValueError(f"{path.name} holds the arrays {', '.join(names)}; one of them must be called data")
    if array.ndim not in (2, 3) or not array.size or array.dtype.kind not in "fiu":
        raise ValueError(f"data of {path.name} must be numbers (T, N) or (T, N, F), got {array.dtype} {array.shape}")
    values = array.astype(np.float64)[..., None] if array.ndim == 2 else array.astype(np.float64)
    channels = (
        ("flow", "occupancy", "speed") if values.shape[2] == 3 else tuple(f"x{k}" for k in range(values.shape[2]))
    )
    times, nodes = (tuple(map(str, range(size))) for size in values.shape[:2])
    return _Table(values, times, nodes, channels)


def _hdf5(path: Path) -> _Table:
    try:
        import h5py  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"HDF5 files are read with the package h5py: pip install 'graphseq[traffic]' ({error})"
        ) from None
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist, or is no file")
    try:
        with h5py.File(path, "r") as file:
            groups = [group for group in file.values() if isinstance(group, h5py.Group) and "axis1" in group]
            if len(groups) != 1:
                raise ValueError(f"it holds {len(groups)} frames of pandas in the fixed format, keys {list(file)}")
            return _of_frame(groups[0])
    except (OSError, KeyError, ValueError, RuntimeError) as error:
        reason = f"{path.name} is not an HDF5 file with one frame, as DataFrame.to_hdf writes"
        advice = "write one frame in pandas' fixed format, packed by zlib or not at all, its times in order"
        raise ValueError(f"{reason}: {error}; {advice}") from None


def _of_frame(group: Any) -> _Table:
    """Return the content of a frame in the fixed format of pandas: axes, and blocks of columns of one type."""
    columns, index = _names(group["axis0"][()]), group["axis1"]
    number = {name: n for n, name in enumerate(columns)}
    if len(number) < len(columns):
        raise ValueError("two of its columns have one name")
    values = np.full((len(index), len(columns)), np.nan)
    for block in range(int(group.attrs.get("nblocks", 1))):
        place = [number[name] for name in _names(group[f"block{block}_items"][()])]
        values[:, place] = np.asarray(group[f"block{block}_values"][()], dtype=np.float64)
    kind = index.attrs.get("kind", b"")
    kind = kind.decode() if isinstance(kind, bytes) else str(kind)
    stamps = np.asarray(index[()])
    if kind.startswith("datetime64"):
        unit = "ns" if kind == "datetime64" else kind.removeprefix("datetime64[").removesuffix("]")
        texts = np.datetime_as_string(stamps.astype(f"datetime64[{unit}]"), unit="s")
        times = tuple(str(text).replace("T", " ") for text in texts)
    else:
        times = tuple(_names(stamps))
    if len(set(times)) < len(times) or bool((np.diff(stamps) < 0).any()):
        raise ValueError("its times are not in order, or one comes twice")
    return _Table(values[..., None], times, tuple(columns), ("value",))


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"


def _names(cells: Sequence[object] | NDArray[Any]) -> list[str]:
    return [cell.decode() if isinstance(cell, bytes) else str(cell) for cell in cells]


def _edges(path: Path, nodes: Sequence[str], recording: str) -> tuple[Edges, list[str]]:
    """Return the edges of a table of distances, and notes on lines that are read otherwise than they stand there."""
    places, lines, notes = _distances(path)
    number = {name: n for n, name in enumerate(nodes)}
    found: dict[tuple[int, int], float] = {}
    known = count = 0
    for line, cells in lines:
        if not cells:
            continue
        try:
            source, target, cost = (cells[place].strip() for place in places)
            distance = float(cost)
        except (IndexError, ValueError):
            raise ValueError(f"{path.name}, line {line}: {cells} is no pair of sensors with a distance") from None
        if not 0 <= distance < math.inf:
            raise ValueError(f"{path.name}, line {line}: the distance is {cost}; it must be 0 or more, and finite")
        count += 1
        if source in number and target in number:
            known += 1
            found[number[source], number[target]] = distance
    if not found:
        raise ValueError(f"no line of {path.name} joins two sensors of the recording, such as {nodes[0]}")
    if left_out := count - known:
        plural, verb = ("", "s") if left_out == 1 else ("s", "")
        notes.append(f"{left_out:,} line{plural} of {path.name} name{verb} a sensor that is not in {recording}")
    if known > len(found):
        notes.append(f"{path.name}: pairs are listed again, {_times(known - len(found))}; the last line counts")
    distances = np.array(list(found.values()))
    weight = np.exp(-((distances / (float(np.std(distances)) or 1.0)) ** 2)).astype(np.float32).astype(np.float64)
    near = weight >= _LEAST
    return Edges(np.array(list(found), dtype=np.int64).T[:, near], weight[near]), notes


def _distances(path: Path) -> tuple[list[int], Iterator[tuple[int, list[str]]], list[str]]:
    """Return the columns of the ends and the distance, the numbered lines, and a note where no names stand above."""
    every = list(csv.reader(io.StringIO(decoded(path.name, read_bytes(path)))))
    header = [name.strip().lower() for name in every[0]] if every else []
    found = next((names for names in _ENDS if set(names) <= set(header)), None)
    if found is not None:
        return [header.index(name) for name in found], enumerate(every[1:], start=2), []
    if len(header) == len(_ENDS[0]) and _NUMBER.fullmatch(header[2]):
        note = f"{path.name} has no names of columns; they are read as {', '.join(_ENDS[0])}"
        return [0, 1, 2], enumerate(every, start=1), [note]
    raise ValueError(f"{path.name} must have the columns from, to and cost; its first line is {', '.join(header)}")
