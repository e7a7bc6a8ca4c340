"""Data frames as features: what their lines and columns are, and how they are named."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from graphseq.data.arrays import as_tensor, is_frame

_TIME_COLUMNS = {"time", "timestamp", "date", "datetime", "index"}


def features_of(name: str, x: object) -> Tensor:
    """Return a tensor of what was given; the numbers of a frame are features, never tokens."""
    if not is_frame(x):
        return as_tensor(name, x)
    for axis in ("index", "columns"):
        if (levels := getattr(getattr(x, axis, None), "nlevels", 1)) > 1:
            raise ValueError(
                f"{name}.{axis} has {levels} levels, but lines are times, and columns nodes or features; unstack the "
                "frame, or give an array, (T, N, F) of a signal"
            )
    columns = list(x.columns)  # type: ignore[attr-defined]
    if len(set(columns)) < len(columns):
        twice = next(column for column in columns if columns.count(column) > 1)
        raise ValueError(f"two columns of {name} are called {twice!r}; rename one")
    values = as_tensor(name, x)
    return values if values.is_floating_point() or values.is_complex() else values.to(torch.get_default_dtype())


def names_of(x: object) -> dict[str, Any]:
    """Return names of the columns and lines of a frame, where they are more than numbers from 0."""
    if not is_frame(x):
        return {}
    names = {"node_names": list(x.columns), "time_names": list(getattr(x, "index", ()))}  # type: ignore[attr-defined]
    return {key: value for key, value in names.items() if value and value != list(range(len(value)))}


def check_ascending(name: str, x: object) -> None:
    """Raise if the lines of a frame have names that do not ascend, and so are in no order of time."""
    index = getattr(x, "index", None)
    if is_frame(x) and index is not None and not callable(index):
        ascends = getattr(index, "is_monotonic_increasing", True) and getattr(index, "is_unique", True)
        if not ascends:
            raise ValueError(f"the index of {name} must ascend, each time once; sort it: {name}.sort_index()")


def check_nodes_alone(name: str, x: object) -> None:
    """Raise if a frame whose columns are nodes has one of times."""
    columns = list(x.columns) if is_frame(x) else []  # type: ignore[attr-defined]
    for column in columns:
        if isinstance(column, str) and column.strip().casefold() in _TIME_COLUMNS:
            raise ValueError(
                f"the columns of {name} are the N nodes, but one is called {column!r}; make it the index, "
                f"{name}.set_index({column!r}) in pandas, or leave it out, {name}.drop({column!r}) in polars"
            )
