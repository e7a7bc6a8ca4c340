"""The file of a checkpoint: written with a checksum, and read only where it is whole and holds what ``fit`` writes."""

from __future__ import annotations

import hashlib
import math
import os
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from graphseq import _files
from graphseq.training.history import CURVES, History, is_whole

FORMAT = "graphseq checkpoint 1"
_PARTS = ("model", "optimizer", "history")
_KEYS = {"format", "callbacks", *_PARTS}

# An archive ends with a record of 22 bytes, the last two of them the length of a comment, which follows.
_RECORD, _SIGNATURE, _LENGTH = 22, b"PK\x05\x06", 2
_MARK = b"graphseq sha256 "
_COMMENT = len(_MARK) + 64


def write(path: str | Path, state: Mapping[str, object]) -> None:
    """Write a checkpoint in one piece, over an earlier one.

    Its last 64 bytes are the SHA-256 of all others, in the comment of the archive that torch writes.
    """

    def put(file: BinaryIO) -> None:
        torch.save({"format": FORMAT, **state}, file)
        file.seek(-_LENGTH, os.SEEK_END)
        file.write(_COMMENT.to_bytes(_LENGTH, "little") + _MARK)
        file.write(_digest(file, file.tell()).encode())

    _files.write(path, put, overwrite=True)


def read(path: str | Path) -> dict[str, Any]:
    """The content of a checkpoint: weights, state of the optimiser, history as plain data, states of callbacks.

    Raises:
        ValueError: not a checkpoint, damaged, cut short, or of unexpected content; the message says which.
        OSError: the file cannot be read.
    """
    with open(path, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        try:
            _check_digest(file, size)
            with zipfile.ZipFile(file) as archive:
                _check_sizes(archive, size)
                if damaged := archive.testzip():
                    raise zipfile.BadZipFile(f"{damaged} is damaged")
            file.seek(0)
            state = torch.load(file, map_location="cpu", weights_only=True)
        except Exception as error:  # a damaged file makes zipfile and torch raise almost anything
            reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
            raise ValueError(f"{path} is not a whole checkpoint, it may have been cut short: {reason}") from None
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise ValueError(f"{path} was not written by this version of graphseq's fit")
    parts = [state[name] for name in _PARTS if isinstance(state.get(name), dict)]
    if len(parts) < len(_PARTS) or not is_whole(state["history"]) or not state.keys() <= _KEYS:
        raise ValueError(f"{path} does not hold model, optimizer and history; this version of fit did not write it")
    try:
        _check_tensors(state, size)
        return {**state, "history": _checked_history(state["history"])}
    except (ValueError, TypeError, RecursionError, RuntimeError) as error:
        raise ValueError(f"{path} holds what fit never writes: {str(error).splitlines()[0]}") from None


def _check_digest(file: BinaryIO, size: int) -> None:
    """Compare the checksum; a file of an earlier version ends without one."""
    file.seek(max(0, size - _COMMENT))
    end = file.read()
    if end.startswith(_MARK):
        if _digest(file, size - 64).encode() != end[len(_MARK) :]:
            raise ValueError("its checksum is not that of its content, so that some bits of it have changed")
    elif end[-_RECORD:][: len(_SIGNATURE)] != _SIGNATURE:
        raise ValueError("it does not end as a checkpoint does")


def _digest(file: BinaryIO, size: int) -> str:
    """The SHA-256 of the first ``size`` bytes, in hexadecimal digits; the file is then read up to there."""
    digest = hashlib.sha256()
    file.seek(0)
    while size:
        piece = file.read(min(size, 1 << 20))
        if not piece:
            break
        digest.update(piece)
        size -= len(piece)
    return digest.hexdigest()


def _check_sizes(archive: zipfile.ZipFile, size: int) -> None:
    """Refuse an archive that holds more than its file has bytes: torch writes every part as it is."""
    parts = archive.infolist()
    if any(part.compress_type != zipfile.ZIP_STORED for part in parts) or sum(part.file_size for part in parts) > size:
        raise ValueError("it holds compressed parts, which fit never writes")


def _check_tensors(value: object, size: int) -> None:
    """Refuse a tensor of more entries than the file has room for, as one that repeats an entry can have."""
    if isinstance(value, Tensor):
        if value.device.type != "cpu" or (
            value.layout == torch.strided and value.numel() * value.element_size() > size
        ):
            raise ValueError(f"a tensor of shape {tuple(value.shape)} on {value.device} in a file of {size} bytes")
        return
    for part in value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ():
        _check_tensors(part, size)


def _checked_history(record: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a history as plain data."""
    record = {**{"gradients": {}, "metrics": {}}, **record}
    named = [record["gradients"], record["metrics"]]
    for curves in named:
        if not isinstance(curves, dict) or not all(isinstance(name, str) for name in curves):
            raise ValueError(f"curves that have no names: {type(curves).__name__}")
    lengths = {_length(curve) for curve in [*(record[name] for name in CURVES), *named[0].values(), *named[1].values()]}
    if len(lengths) != 1:
        raise ValueError(f"curves of {sorted(lengths)} steps")
    types: dict[str, type | tuple[type, ...]] = {
        "solved": bool,
        "config": dict,
        "machine": dict,
        "seconds": (int, float),
    }
    for name, kind in types.items():
        if not isinstance(record[name], kind):
            raise ValueError(f"history.{name} is {record[name]!r:.80}")
    if not math.isfinite(record["seconds"]) or not isinstance(record.get("stopped_by"), str | None):
        raise ValueError("history.seconds or history.stopped_by is of another kind")
    return {name: _plain(value) for name, value in record.items()}


def _length(curve: object) -> int:
    if isinstance(curve, Tensor):
        if curve.dim() != 1 or not curve.is_floating_point() or curve.layout != torch.strided:
            raise ValueError(f"a curve of shape {tuple(curve.shape)} and {curve.dtype}")
        return len(curve)
    if not isinstance(curve, Sequence) or not all(isinstance(value, int | float) for value in curve):
        raise ValueError(f"a curve that is no list of numbers: {type(curve).__name__}")
    return len(curve)


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(_plain, value)) if type(value) in (list, tuple) else [_plain(part) for part in value]
    return value.tolist() if isinstance(value, Tensor) else value


def record_of(history: History) -> dict[str, Any]:
    """The fields of a history as :func:`write` takes them: curves as tensors, which are smaller than lists."""
    record = dict(vars(history))
    for curve in CURVES:
        record[curve] = torch.tensor(record[curve], dtype=torch.float64)
    for curves in ("gradients", "metrics"):
        record[curves] = {name: torch.tensor(curve, dtype=torch.float64) for name, curve in record[curves].items()}
    return record
