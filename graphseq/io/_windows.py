"""Windows of time: their lengths and beginnings in the units of a table, and those without events."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from numbers import Real

import numpy as np

from graphseq import _checks
from graphseq.io._csv import Table
from graphseq.io._times import SECOND, Moment, exact, microseconds, shown


def in_units(argument: str, value: object, dates: bool) -> Moment:
    """Return a length or a beginning in the units of the times, which are microseconds for dates."""
    if isinstance(value, np.timedelta64 | np.datetime64) and not np.isnat(value):
        value = value.astype("m8[us]" if isinstance(value, np.timedelta64) else "M8[us]").item()
    if isinstance(value, (timedelta, datetime)):
        if not dates:
            raise TypeError(f"{argument} must be a number, as the times of the file are; got {_checks.shown(value)}")
        return value // timedelta(microseconds=1) if isinstance(value, timedelta) else microseconds(value)
    if isinstance(value, bool) or not isinstance(value, Real) or not _checks.is_finite(value):
        raise TypeError(
            f"{argument} must be a finite number, or a date or timedelta where times are dates; got "
            f"{_checks.shown(value)}"
        )
    number = exact(value if isinstance(value, int) else float(value))
    return number * SECOND if dates else number


def check_windows(table: Table, windows: Sequence[int], first: Moment, length: Moment, dates: bool) -> None:
    for row, (before, after) in enumerate(pairwise([-1, *windows])):
        if after > before + 1:
            begins = exact(first + (before + 1) * length)
            raise ValueError(
                f"{table.at(row)}: window {before + 1}, from {shown(begins, dates=dates)} on, has no "
                'event before this one; take longer windows, or empty="keep"'
            )
