"""The file of a checkpoint: written with a checksum, and read only where it is whole and holds what ``fit`` writes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from graphseq._torch import archive
from graphseq.training.history import CURVES, History, is_whole

FORMAT = "graphseq checkpoint 1"
_PARTS = ("model", "optimizer", "history")
_KEYS = {"format", "callbacks", *_PARTS}


def write(path: str | Path, state: Mapping[str, object]) -> None:
    """Write a checkpoint in one piece, with a checksum, over an earlier one."""
    archive.write(path, {"format": FORMAT, **state}, overwrite=True)


def read(path: str | Path) -> dict[str, Any]:
    """The content of a checkpoint: weights, state of the optimiser, history as plain data, states of callbacks.

    Raises:
        ValueError: not a checkpoint, damaged, cut short, or of unexpected content; the message says which.
        OSError: the file cannot be read.
    """
    state, size = archive.read(path, "checkpoint")
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise ValueError(f"{path} was not written by this version of graphseq's fit")
    parts = [state[name] for name in _PARTS if isinstance(state.get(name), dict)]
    if len(parts) < len(_PARTS) or not is_whole(state["history"]) or not state.keys() <= _KEYS:
        raise ValueError(f"{path} does not hold model, optimizer and history; this version of fit did not write it")
    try:
        archive.check_tensors(state, size)
        return {**state, "history": _checked_history(state["history"])}
    except (ValueError, TypeError, RecursionError, RuntimeError) as error:
        raise ValueError(f"{path} holds what fit never writes: {str(error).splitlines()[0]}") from None


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
