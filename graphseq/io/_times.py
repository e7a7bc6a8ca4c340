"""Times as exact numbers: integers stay integers, fractions are kept, dates are microseconds since 1970."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction

Moment = int | Fraction
"""A time: exact, so that nanoseconds that differ by 1 differ, and steps of 0.1 add up."""

SECOND = 10**6  #: microseconds
_MISSING = {"", "nan", "na", "n/a", "null", "none", "<na>", "nat"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INTEGER = re.compile(r"[+-]?\d+")
_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
_QUARTER = re.compile(r"(\d{4})[- ]?Q([1-4])")
_ZONE = re.compile(r"(?<=\d) ?(UTC|GMT)")
_DAYS = (
    "%d.%m.%Y",
    "%d.%m.%y",
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%m/%d/%y",
    "%d/%m/%y",
    "%Y/%m/%d",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%d %b %Y",
    "%d %B %Y",
    "%d-%b-%Y",
    "%d-%b-%y",
    "%b %d, %Y",
    "%B %d, %Y",
    "%a, %d %b %Y",
    "%b %Y",
    "%m/%Y",
)
_HOURS = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p", " %H:%M:%S %z")
_SUMS = re.compile(r"(grand |sub)?totals?|sum|mean|average|all", re.IGNORECASE)
_AS_NUMBER = {
    "%Y%m%d": re.compile(r"(19|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])"),
    "%Y%m": re.compile(r"(19|20)\d\d(0[1-9]|1[0-2])"),
}
_FINER = re.compile(r"[.,]\d{6}0*[1-9]")


def moments(
    cells: Sequence[str], time_format: str | None, at: Callable[[int], str], note: Callable[[str], None]
) -> tuple[list[Moment], bool]:
    """Return the times in the cells of a column, and True if they are dates.

    Args:
        cells: of the column.
        time_format: format of dates, as for ``strptime``; without it, dates are in ISO format.
        at: file and line of a row, for messages.
        note: called with what is to be known of how they were read.

    Raises:
        ValueError: a time that is missing, is no number or no date, or some dates with a zone and some without.
    """
    first = next((cell for cell in cells if cell.lower() not in _MISSING), "")
    if time_format is None and not _is_iso(first):
        _note_dates(cells, first, note)
        return [_number(cells, row, at) for row in range(len(cells))], False
    dates = [_date(cells, row, time_format, at) for row in range(len(cells))]
    zoned = [when.tzinfo is not None for when in dates]
    if any(zoned):
        if not all(zoned):
            row = next(row for row, has in enumerate(zoned) if has != zoned[0])
            has = "has a time zone" if zoned[row] else "has no time zone"
            raise ValueError(f"{at(row)}: the time is {cells[row]!r}, which {has}, unlike that of {at(0)}")
        if any(when.utcoffset() for when in dates):
            note("times have zones, and are shown in UTC")
    return [microseconds(when) for when in dates], True


def iso_date(text: str) -> datetime:
    """Return an ISO date, of a day, a month or a quarter, with a time of day or without, in UTC where that is said.

    Raises:
        ValueError: something else.
    """
    if quarter := _QUARTER.fullmatch(text):
        return datetime(int(quarter[1]), 3 * int(quarter[2]) - 2, 1)
    if zone := _ZONE.search(text):
        text = f"{text[: zone.start()]}+00:00" if zone.end() == len(text) else text
    return datetime.fromisoformat(f"{text}-01" if _MONTH.fullmatch(text) else text)


def _note_dates(cells: Sequence[str], first: str, note: Callable[[str], None]) -> None:
    """Note it where all numbers could be dates without separators, whose months and years are then of 100 steps."""
    for time_format, pattern in _AS_NUMBER.items():
        if all(pattern.fullmatch(cell) for cell in cells):
            note(
                f"times are read as numbers, such as {first}; if they are dates, time_format={time_format!r} reads them"
            )


def microseconds(when: datetime) -> int:
    """Return microseconds since 1970; a date without a time zone is read as UTC."""
    return ((when if when.tzinfo else when.replace(tzinfo=UTC)) - _EPOCH) // timedelta(microseconds=1)


def exact(number: float | Fraction) -> Moment:
    """Return a number as its shortest decimals say it, so that 0.1 is a tenth."""
    value = number if isinstance(number, int | Fraction) else Fraction(repr(float(number)))
    return int(value) if value == int(value) else value


def shown(moment: Moment, *, dates: bool, hours: bool = False) -> str:
    """Return the name of a time: a number, or a date with the time of day, at midnight only where ``hours`` says so."""
    if not dates:
        return str(moment) if isinstance(moment, int) else f"{float(moment):.15g}"
    try:
        when = (_EPOCH + timedelta(microseconds=math.floor(moment))).replace(tzinfo=None)
    except OverflowError:
        return f"{float(moment) / SECOND:.15g} s"
    return when.isoformat(" ") if hours or not _is_midnight(moment) else when.date().isoformat()


def all_shown(moments: Sequence[Moment], *, dates: bool) -> tuple[str, ...]:
    """Return the names of times: dates alone if all are at midnight, else all with the time of day.

    Example:
        >>> all_shown([0, 90 * SECOND], dates=True)
        ('1970-01-01 00:00:00', '1970-01-01 00:01:30')
    """
    hours = dates and not all(map(_is_midnight, moments))
    return tuple(shown(moment, dates=dates, hours=hours) for moment in moments)


def _is_midnight(moment: Moment) -> bool:
    return math.floor(moment) % (24 * 60 * 60 * SECOND) == 0


def _number(cells: Sequence[str], row: int, at: Callable[[int], str]) -> Moment:
    cell = cells[row]
    if cell.lower() in _MISSING:
        raise ValueError(f"{at(row)}: the time is missing")
    if _INTEGER.fullmatch(cell) and len(cell) < 20 and abs(int(cell)) < 2**62:
        return int(cell)
    try:
        number = float(cell) if "_" not in cell else math.nan
    except ValueError:
        number = math.nan
    if math.isnan(number):
        raise ValueError(
            f"{at(row)}: the time is {cell!r}, which is not a number, and not an ISO date"
            f"{_advice(cells, row) or '; name the format of dates by time_format='}"
        )
    if not abs(number) < 2**62:
        raise ValueError(f"{at(row)}: the time is {cell!r}; it must be finite, and below {2**62}")
    return exact(number)


def _date(cells: Sequence[str], row: int, time_format: str | None, at: Callable[[int], str]) -> datetime:
    cell = cells[row]
    if cell.lower() in _MISSING:
        raise ValueError(f"{at(row)}: the time is missing")
    kind = "an ISO date" if time_format is None else f"of time_format={time_format!r}"
    if time_format is None and _FINER.search(cell):
        raise ValueError(
            f"{at(row)}: the time is {cell!r}, finer than a microsecond; give times in nanoseconds as whole numbers"
        )
    try:
        when = iso_date(cell) if time_format is None else datetime.strptime(cell, time_format)
        microseconds(when)
    except (ValueError, OverflowError):
        raise ValueError(f"{at(row)}: the time is {cell!r}, which is not {kind}{_advice(cells, row)}") from None
    return when


def _advice(cells: Sequence[str], row: int) -> str:
    """Return what may be done about a time that is none: a format that reads all of the column, or no line of sums."""
    if _SUMS.fullmatch(cells[row]):
        return "; if the line sums up others, delete it"
    known = [cell for cell in cells if cell.lower() not in _MISSING]
    found = [f"{day}{hour}" for day in _DAYS for hour in _HOURS if _reads(f"{day}{hour}", known)]
    reading = " or ".join(f"time_format={one!r}" for one in found)
    return f"; {reading} reads all{', whichever is meant' if len(found) > 1 else ''}" if found else ""


def _reads(time_format: str, cells: Sequence[str]) -> bool:
    try:
        return all(datetime.strptime(cell, time_format) for cell in cells)
    except ValueError:
        return False


def _is_iso(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        try:
            iso_date(cell)
        except ValueError:
            return False
        return True
    return False
