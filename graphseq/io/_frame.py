"""Data frames, of pandas or polars, as the cells of a table, so that they pass the checks of a file."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Protocol, TypeGuard


class Frame(Protocol):
    """A table in memory whose columns are taken by their names, as pandas and polars have them."""

    @property
    def columns(self) -> Any:
        """The names of the columns."""

    def __getitem__(self, name: Any, /) -> Any:
        """Return a column by its name."""


def is_frame(source: object) -> TypeGuard[Frame]:
    """Return whether a source is a table in memory."""
    kind = type(source)  # asked instead of the source, whose columns may be work to find
    return hasattr(kind, "columns") and hasattr(kind, "__getitem__")


def columns_of(frame: Frame) -> tuple[list[str], list[list[str]]]:
    """Return the names of the columns and the cells of each.

    A named index of pandas, or one that holds something other than whole numbers, is a column like others.

    Raises:
        TypeError: a lazy frame, or a column without a list of values.
        ValueError: two columns of one name.
    """
    if hasattr(type(frame), "collect"):
        raise TypeError(f"a {type(frame).__name__} is not read yet; give its collect()")
    names, cells = [], []
    for name, values in (*_index(frame), *_columns(frame)):
        names.append(str(name))
        cells.append([_cell(value) for value in values])
    return names, cells


def _columns(frame: Frame) -> Iterator[tuple[object, list[Any]]]:
    names = list(frame.columns)
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"two columns are called {str(name)!r}")
        column = frame[name]
        to_list = getattr(column, "to_list", None) or getattr(column, "tolist", None)
        if to_list is None:
            raise TypeError(f"the column {str(name)!r} must have to_list(), as in pandas and polars")
        yield name, to_list()


def _index(frame: Frame) -> Iterator[tuple[str, list[Any]]]:
    index = getattr(frame, "index", None)
    if index is None or not hasattr(index, "get_level_values"):
        return
    for number, name in enumerate(index.names):
        values = index.get_level_values(number).to_list()
        if name is not None or not all(isinstance(value, int) for value in values):
            yield "" if name is None else str(name), values


def _cell(value: Any) -> str:
    """Return a value as a file would have it: missing ones empty, times in ISO format, spans in seconds, numbers."""
    if value is None or type(value).__name__ in ("NaTType", "NAType"):
        return ""
    if isinstance(value, float):
        return "" if math.isnan(value) else repr(float(value))
    if hasattr(value, "start_time"):  # a period of pandas, by its beginning
        return str(value.start_time.isoformat())
    if hasattr(value, "total_seconds"):
        return repr(float(value.total_seconds()))
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    return str(value).strip()
