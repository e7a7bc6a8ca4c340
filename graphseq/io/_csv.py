"""The rows and cells of a CSV file; every error names the line."""

from __future__ import annotations

import csv
import gzip
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

_MISSING = {"", "nan", "na", "n/a", "null", "none"}


class Table(NamedTuple):
    """A CSV file whose first line holds the names of the columns."""

    path: Path
    header: list[str]
    cells: list[list[str]]
    lines: list[int]  #: number of the line that each row ends on, from 1

    def column(self, argument: str, name: str) -> list[str]:
        """Return the cells of the column ``name``, or raise with the columns that there are."""
        column = self.position(argument, name)
        return [row[column] for row in self.cells]

    def position(self, argument: str, name: str) -> int:
        """Return the index of the column ``name``."""
        if name not in self.header:
            raise ValueError(
                f"{self.path} has no column {name!r}; it has {', '.join(self.header)}. Name the column by {argument}="
            )
        return self.header.index(name)

    def at(self, row: int) -> str:
        """Return file and line of a row, for messages."""
        return f"{self.path}, line {self.lines[row]}"

    def numbers(self, name: str, cells: Sequence[str]) -> list[float]:
        """Return cells as numbers, NaN where a cell is empty; raise for text and infinite numbers."""
        return [self._number(name, row, cell) for row, cell in enumerate(cells)]

    def _number(self, name: str, row: int, cell: str) -> float:
        if cell.strip().lower() in _MISSING:
            return math.nan
        try:
            number = float(cell)
        except ValueError:
            raise ValueError(f"{self.at(row)}: {name} is {cell!r}, which is not a number") from None
        if not math.isfinite(number):
            raise ValueError(f"{self.at(row)}: {name} is {cell!r}; it must be finite")
        return number

    def present(self, name: str, numbers: Sequence[float]) -> list[float]:
        """Return the numbers, or raise if one is missing."""
        for row, number in enumerate(numbers):
            if math.isnan(number):
                raise ValueError(f"{self.at(row)}: {name} is missing")
        return list(numbers)

    def times(self, cells: Sequence[str], time_format: str | None) -> tuple[list[float], bool]:
        """Return times as numbers, dates as seconds since 1970, and True if they are dates."""
        dates = time_format is not None or any(_is_iso(cell) for cell in cells[:1])
        if not dates:
            return self.present("the time", self.numbers("the time", cells)), False
        return [self._seconds(row, cell, time_format) for row, cell in enumerate(cells)], True

    def _seconds(self, row: int, cell: str, time_format: str | None) -> float:
        try:
            if time_format is None:
                return seconds(datetime.fromisoformat(cell.strip()))
            return seconds(datetime.strptime(cell.strip(), time_format))
        except ValueError:
            kind = "an ISO date" if time_format is None else f"of time_format={time_format!r}"
            raise ValueError(f"{self.at(row)}: the time is {cell!r}, which is not {kind}") from None


def read_table(path: str | Path, delimiter: str) -> Table:
    """Read a CSV file, plain or compressed as .gz, in UTF-8.

    Raises:
        OSError: the file cannot be read.
        ValueError: a name that occurs twice in the first line, or rows of another length.
    """
    path = Path(path)
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, delimiter=delimiter)
        try:
            header = [name.strip() for name in next(reader, [])]
            read = [(row, reader.line_num) for row in reader if row]
        except UnicodeDecodeError as error:
            raise ValueError(f"{path} is not utf-8: {error.reason}") from None
        except csv.Error as error:
            raise ValueError(f"{path}, line {reader.line_num}: not CSV: {error}") from None
    for name in header:
        if header.count(name) > 1:
            raise ValueError(f"{path}, line 1: two columns are called {name!r}")
    for row, line in read:
        if len(row) != len(header):
            raise ValueError(
                f"{path}, line {line} has {len(row)} values for {len(header)} columns ({', '.join(header)})"
            )
    return Table(path, header, [row for row, _ in read], [line for _, line in read])


def seconds(when: datetime) -> float:
    """Return seconds since 1970; a date without a time zone is read as UTC."""
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


def dated(since: float) -> str:
    """Return seconds since 1970 as an ISO date, with the time of day unless it is midnight."""
    when = datetime.fromtimestamp(since, UTC).replace(tzinfo=None)
    return when.date().isoformat() if when == datetime(when.year, when.month, when.day) else when.isoformat(" ")


def _is_iso(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        try:
            datetime.fromisoformat(cell.strip())
        except ValueError:
            return False
        return True
    return False
