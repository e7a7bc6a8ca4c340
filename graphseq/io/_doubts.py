"""Notes on what is read as it stands, but may be meant otherwise: codes for missing values, names, gaps in time."""

from __future__ import annotations

import calendar
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphseq.io._times import SECOND, Moment, shown

_CODES = (
    -99,
    -999,
    -9999,
    -99999,
    -999.9,
    -999.99,
    -9999.9,
    -32768,
    999,
    9999,
    99999,
    999.9,
    9999.9,
    1e20,
    1e30,
    -1e30,
)
_FAR = 5.0  # times as large as any other value, at which such a number is no measurement
_CUT = re.compile(r"\d(\.\d+)?[eE]\+\d+")  # as spreadsheets write long numbers, with the digits that they show


def codes(name: str, values: NDArray[np.float64]) -> list[str]:
    """Return a note if a number far beyond all others is one that stands for a missing value in many files, or none.

    Example:
        >>> codes("temp", np.array([21.5, -999.0, 20.0]))
        ['temp: -999 occurs once, far from all other values; if it stands for a missing value, leave the cell empty']
    """
    for code in _CODES:
        is_code: NDArray[np.bool_] = np.asarray(values == code)
        if not is_code.any():
            continue
        others = np.abs(values[~is_code & np.isfinite(values)])
        if others.size and abs(code) > _FAR * others.max():
            count = int(is_code.sum())
            times, cells = ("once", "cell") if count == 1 else (f"{count:,} times", "cells")
            return [
                f"{name}: {code:g} occurs {times}, far from all other values; if it stands for a missing value, leave "
                f"the {cells} empty"
            ]
    return []


def names(found: Iterable[str]) -> list[str]:
    """Return notes on names that look alike, and on names that are numbers without all of their digits.

    Example:
        >>> names(["Ann", "7", "ann", "007"])
        ["names that look alike are different nodes, such as 'Ann' and 'ann'"]
    """
    first: dict[str, str] = {}
    notes = []
    for name in found:
        other = first.setdefault(_look(name), name)
        if other != name:
            show = repr if name.casefold() == other.casefold() else ascii
            notes = [f"names that look alike are different nodes, such as {show(other)} and {show(name)}"]
            break
    cut = next((name for name in first.values() if _CUT.fullmatch(name)), None)
    if cut is not None:
        notes.append(f"names are numbers that a spreadsheet may have cut, such as {cut}: two may have become one")
    return notes


def sums(nodes: Sequence[str], values: NDArray[np.float64]) -> list[str]:
    """Return a note if the values of a node are the sum or the mean of those of all others, or none.

    Args:
        nodes: their names.
        values: (T, N), NaN where one is missing.

    Example:
        >>> sums(["a", "b", "all"], np.array([[1.0, 2.0, 3.0], [4.0, 1.0, 5.0]]))
        ["the node 'all' is the sum of all others; if it is no node, name the others by values="]
    """
    whole = values[~np.isnan(values).any(axis=1)]
    if len(nodes) < 3 or len(whole) < 2:  # of two nodes, each is the other
        return []
    rest = whole.sum(axis=1, keepdims=True) - whole
    for what, those in (("sum", rest), ("mean", rest / (len(nodes) - 1))):
        near: NDArray[np.bool_] = np.asarray((np.abs(whole - those) <= 1e-3 * whole.std(axis=0)).all(axis=0))
        found = np.flatnonzero(near & (whole.std(axis=0) > 0))
        if len(found):
            name = nodes[found[0]]
            return [f"the node {name!r} is the {what} of all others; if it is no node, name the others by values="]
    return []


def _look(name: str) -> str:
    """Return a name without what is hard to see: capitals, composed characters, kinds and numbers of blanks, zeros."""
    plain = "".join(c for c in unicodedata.normalize("NFKC", name) if unicodedata.category(c) != "Cf")
    plain = " ".join(plain.casefold().split())
    return plain.lstrip("0") or "0" if plain.isdecimal() else plain


UNEVEN = "times are not equally far apart"
"""The beginning of the note on such times."""


def gaps(moments: Sequence[Moment], *, dates: bool) -> list[str]:
    """Return a note if times in ascending order are not equally far apart, as days, months and years are, or none.

    Example:
        >>> gaps([0, 1, 2, 9], dates=False)
        ['times are not equally far apart, mostly 1 but 7 before 9; each counts as one step']
    """
    steps = [after - before for before, after in pairwise(moments)]
    if len(set(steps)) < 2 or (dates and are_monthly(moments)):
        return []
    common, count = Counter(steps).most_common(1)[0]
    place = max(range(len(steps)), key=lambda n: (steps[n] != common, steps[n]))
    mostly = f"mostly {_length(common, dates)} but " if 2 * count > len(steps) else "as much as "
    return [
        f"{UNEVEN}, {mostly}{_length(steps[place], dates)} before "
        f"{shown(moments[place + 1], dates=dates)}; each counts as one step"
    ]


def are_monthly(moments: Sequence[Moment]) -> bool:
    """Return whether dates are the same number of months apart, on one day of the month or the last one."""
    try:
        days = [datetime.fromtimestamp(0, UTC) + timedelta(microseconds=int(moment)) for moment in moments]
    except OverflowError:
        return False
    months = [day.year * 12 + day.month for day in days]
    is_one_day = len({(day.day, day.time()) for day in days}) == 1
    is_last = all(day.day == calendar.monthrange(day.year, day.month)[1] for day in days)
    steps = {after - before for before, after in pairwise(months)}
    return (is_one_day or is_last) and len(steps) == 1 and 0 not in steps


def _length(step: Any, dates: bool) -> str:
    if not dates:
        return shown(step, dates=False)
    length = timedelta(microseconds=int(step))
    if step < SECOND:
        return f"{float(step) / SECOND:g} s"
    return str(length) if length % timedelta(days=1) else f"{length.days} day{'' if length.days == 1 else 's'}"
