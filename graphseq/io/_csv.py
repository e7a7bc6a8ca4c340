"""The rows and cells of a table, from a CSV file or a data frame; every error names the line."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from graphseq.io._frame import Frame, columns_of, is_frame
from graphseq.io._text import read_text, without_separator
from graphseq.io._times import Moment, moments
from graphseq.io.graph_plain import NO_NAME

MISSING_CELLS = {"", "nan", "-nan", "na", "n/a", "#n/a", "#na", "null", "none", "<na>", "nat"}
_PERHAPS_MISSING = {"?", "-", "--", ".", "..", "*", "missing", "unknown", "#div/0!", "#value!", "#ref!", "#num!"}
_WHOLE = re.compile(r"([+-]?\d+)\.0*")
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")
_PERHAPS_THOUSANDS = re.compile(r"[+-]?\d{1,3}(\.\d{3})+")
_THOUSANDS = re.compile(r"[+-]?\d{1,3}([.,'’ \u00a0\u202f]\d{3})+([.,]\d*)?")
_UNIT = re.compile(r"[$€£¥]\s?[+-]?[\d.,]+|[+-]?[\d.,]+\s?[%$€£¥]")
_VALUE = re.compile(r"[+-]?\d+[.,]\d+|\d{4}-\d\d-\d\d.*")  # a number or a date, as names of columns rarely are
_INDEX = re.compile(r"|Unnamed: \d+")  # as pandas writes and reads an index
_DELIMITERS = ",;\t"


@dataclass(frozen=True)
class Table:
    """A table with the names of its columns, whose cells are without blanks around them."""

    name: str  #: of the file, for messages
    header: list[str]
    cells: list[list[str]]
    lines: list[int]  #: number of the line that each row ends on, from 1
    unit: str = "line"  #: "row" in a data frame
    top: int = 1  #: number of the line of the header
    commas: bool = False  #: numbers may have a decimal comma, since cells are not separated by commas
    delimiter: str | None = None  #: between the cells, where it was given
    notes: list[str] = field(default_factory=list)  #: what was not read, or read otherwise than it stands there

    def column(self, argument: str, name: str) -> list[str]:
        """Return the cells of the column ``name``, or raise with the columns that there are."""
        column = self.position(argument, name)
        return [row[column] for row in self.cells]

    def require(self, columns: Mapping[str, str], hint: str = "") -> None:
        """Refuse a table that lacks several of the columns, by argument; one alone is named when it is read."""
        missing = {argument: name for argument, name in columns.items() if name not in self.header}
        if len(missing) > 1 and len(self.header) > 1:
            raise ValueError(
                f"{self.name} has no columns {listed(list(map(repr, missing.values())))}; it has "
                f"{listed(self.header, 12)}. Name the columns by {' and '.join(f'{argument}=' for argument in missing)}"
                f"{hint}{self._headless()}"
            )

    def position(self, argument: str, name: str) -> int:
        """Return the index of the column ``name``."""
        if name not in self.header:
            if self.delimiter is not None and len(self.header) == 1:
                raise ValueError(
                    f"{self.name}: delimiter={self.delimiter!r} separates no columns in {self.header[0]!r:.80}; leave "
                    "it out, to have it found, or give another"
                )
            index = "; a pandas index of whole numbers is a column where it has a name, as by rename_axis('time')"
            raise ValueError(
                f"{self.name} has no column {name!r}; it has {listed(self.header, 12)}. Name the column by {argument}="
                f"{index if self.unit == 'row' and argument == 'time' else ''}{self._headless()}"
            )
        return self.header.index(name)

    def _headless(self) -> str:
        """Return what to do where the first line looks like one of values."""
        if self.unit == "row" or not any(_VALUE.fullmatch(name) for name in self.header):
            return ""
        return f"; if line {self.top} holds values, put one with the names of the columns above it"

    def at(self, row: int) -> str:
        """Return file and line of a row, for messages."""
        return f"{self.name}, {self.unit} {self.lines[row]}"

    def note(self, text: str) -> None:
        """Note something once, with the first of its examples, which follow "such as" or "read as such"."""
        said = text.partition(" such")[0]
        if not any(note.partition(" such")[0] == said for note in self.notes):
            self.notes.append(text)

    def ordered(self, order: Sequence[int]) -> Table:
        """Return the table with its rows in another order."""
        return replace(self, cells=[self.cells[n] for n in order], lines=[self.lines[n] for n in order])

    def without_index(self) -> Table:
        """Return the table without a column that has no name, where that is an index that pandas wrote, or is empty.

        Raises:
            ValueError: a column without a name that holds something else.
        """
        unnamed = [place for place, name in enumerate(self.header) if _INDEX.fullmatch(name)]
        for place in unnamed:
            cells = [row[place] for row in self.cells]
            is_index = all(re.fullmatch(r"\d+", cell) for cell in cells) and len(set(cells)) == len(cells)
            if any(cells) and not is_index:
                raise ValueError(
                    f"{self.name}: column {place + 1} has no name, and holds {next(filter(None, cells))!r}; name it"
                )
            self.note(
                f"{self.name}: column {place + 1}, without a name, is not read{': an index' if any(cells) else ''}"
            )
        kept = [place for place in range(len(self.header)) if place not in unnamed]
        cut = [[row[place] for place in kept] for row in self.cells]
        return replace(self, header=[self.header[place] for place in kept], cells=cut) if unnamed else self

    def with_names(self, names: Iterable[str]) -> Table:
        """Return the table with these names in place of those that differ from them by capitals alone.

        So that a column Weight is found as weight where there is no other of that name.
        """
        header = list(self.header)
        for name in names:
            like = [place for place, own in enumerate(header) if own.casefold() == name.casefold()]
            if name not in header and len(like) == 1:
                self.note(f"{self.name}: names of columns in other capitals are found, such as {header[like[0]]!r}")
                header[like[0]] = name
        return replace(self, header=header)

    def names(self, what: str, cells: Sequence[str]) -> list[str]:
        """Return names of nodes: whole numbers such as 2.0 become 2, as in a column of integers.

        Raises:
            ValueError: a name that is missing: empty, nan, None.
        """
        return [self._named(what, row, cell) for row, cell in enumerate(cells)]

    def _named(self, what: str, row: int, cell: str) -> str:
        if cell in NO_NAME:
            raise ValueError(f"{self.at(row)}: the name of {what} is missing{f' ({cell})' if cell else ''}")
        if cell == "NA":
            self.note(f"{self.at(row)}: the name of {what} is NA, which some programs write for a missing name")
        whole = _WHOLE.fullmatch(cell)
        if whole is None:
            return cell
        self.note(f"{self.name}: names that are whole numbers are read as such, {cell} as {whole[1]}")
        return whole[1]

    def numbers(self, name: str, cells: Sequence[str], hint: str = "") -> list[float]:
        """Return cells as numbers, NaN where a cell is empty; raise for text and infinite numbers."""
        self._check_thousands(name, cells)
        known = [cell for cell in cells if cell.lower() not in MISSING_CELLS]
        if self.commas and known and all(_PERHAPS_THOUSANDS.fullmatch(cell) for cell in known):
            self.note(
                f"{self.name}: numbers are read with a decimal point, such as {known[0]}; if it separates thousands, "
                "write them without"
            )
        return [self._number(name, row, cell, hint) for row, cell in enumerate(cells)]

    def _check_thousands(self, name: str, cells: Sequence[str]) -> None:
        """Raise for 1.234 beside 1,5: where commas are decimal, a point before three digits is one of thousands."""
        comma = next((cell for cell in cells if _DECIMAL_COMMA.fullmatch(cell)), None)
        point = next((row for row, cell in enumerate(cells) if _PERHAPS_THOUSANDS.fullmatch(cell)), None)
        if comma is not None and point is not None and self.commas:
            raise ValueError(
                f"{self.at(point)}: {name} is {cells[point]!r}, but others of the column have decimal commas, as in "
                f"{comma!r}, beside which a point separates thousands; write numbers without thousands separators"
            )

    def _number(self, name: str, row: int, cell: str, hint: str) -> float:
        if cell.lower() in MISSING_CELLS:
            return math.nan
        plain = cell
        if _DECIMAL_COMMA.fullmatch(cell):
            if not self.commas:
                raise ValueError(
                    f"{self.at(row)}: {name} is {cell!r}; where commas separate, numbers need a point, and no "
                    "separators of thousands"
                )
            plain = cell.replace(",", ".")
            self.note(f"{self.name}: numbers have decimal commas, such as {cell}")
        try:
            number = float(plain) if "_" not in plain else None
        except ValueError:
            number = None
        if cell.lower() in _PERHAPS_MISSING:
            hint = f"; if it stands for a missing value, leave the cell empty{hint}"
        elif _THOUSANDS.fullmatch(cell):
            hint = "; write numbers without thousands separators"
        elif _UNIT.fullmatch(cell):
            hint = "; write numbers without units"
        if number is None:
            raise ValueError(f"{self.at(row)}: {name} is {cell!r}, which is not a number{hint}")
        if not math.isfinite(number):
            raise ValueError(f"{self.at(row)}: {name} is {cell!r}; it must be finite")
        return number

    def present(self, name: str, numbers: Sequence[float]) -> list[float]:
        """Return the numbers, or raise if one is missing."""
        for row, number in enumerate(numbers):
            if math.isnan(number):
                raise ValueError(f"{self.at(row)}: {name} is missing")
        return list(numbers)

    def times(self, cells: Sequence[str], time_format: str | None) -> tuple[list[Moment], bool]:
        """Return times as exact numbers, dates as microseconds since 1970, and True if they are dates."""
        return moments(cells, time_format, self.at, self.note)


def read_table(source: str | Path | Frame, delimiter: str | None = None) -> Table:
    """Read a CSV file in UTF-8, plain or packed as .gz, or a data frame.

    Args:
        source: the file, or a frame of pandas or polars.
        delimiter: separator of cells; by default the one that a line such as sep=; above the names says, or the comma,
            semicolon or tab that separates most names in the first line.

    Raises:
        OSError: the file cannot be read.
        ValueError: a name that occurs twice in the first line, or rows of another length.
    """
    if is_frame(source):
        return _checked(_of_frame(source))
    if not isinstance(source, str | Path):
        raise TypeError(f"path must be a file or a data frame, got {type(source).__name__}")
    if delimiter is not None and (not isinstance(delimiter, str) or len(delimiter) != 1):
        raise ValueError(f"delimiter must be one character, got {delimiter!r}")
    (text, said), name = without_separator(read_text(source)), str(source)
    below = text.lstrip("\r\n")
    above = int(said is not None) + len(text[: len(text) - len(below)].splitlines())
    text = below
    if not text.strip():
        raise ValueError(f"{name} is empty; it must have the names of its columns in the first line")
    separator = delimiter or said or _delimiter(text.partition("\n")[0])
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=separator != " ")
    try:
        header = [name.strip() for name in next(reader, [])]
        read = [([cell.strip() for cell in row], reader.line_num + above) for row in reader if row]
    except csv.Error as error:
        raise ValueError(f"{name}, line {reader.line_num + above}: not CSV: {error}") from None
    table = Table(
        name,
        header,
        [row for row, _ in read],
        [line for _, line in read],
        top=1 + above,
        commas=separator != ",",
        delimiter=delimiter,
    )
    return _checked(table)


def header_of(path: str | Path) -> list[str]:
    """Return the names of the columns of a CSV file, whose lines are not looked at.

    Raises:
        OSError: the file cannot be read.
    """
    text, said = without_separator(read_text(path))
    first = text.lstrip("\r\n").partition("\n")[0]
    return [name.strip() for name in _cells(first, said or _delimiter(first))]


def _of_frame(frame: Frame) -> Table:
    try:
        header, columns = columns_of(frame)
    except ValueError as error:
        raise ValueError(f"the frame: {error}") from None
    cells = [list(row) for row in zip(*columns, strict=True)]
    return Table("the frame", header, cells, list(range(len(cells))), unit="row")


def _checked(table: Table) -> Table:
    for name in table.header:
        if name and table.header.count(name) > 1:
            raise ValueError(f"{table.name}, line {table.top}: two columns are called {name!r}{table._headless()}")
    for row, line in zip(table.cells, table.lines, strict=True):
        if len(row) != len(table.header):
            raise ValueError(
                f"{table.name}, line {line} has {len(row)} values for {len(table.header)} columns "
                f"({listed(table.header, 12)})"
            )
    return table


def _delimiter(first: str) -> str:
    """Return the separator that makes most columns of a line, the comma where there is none."""
    return max(_DELIMITERS, key=lambda character: len(_cells(first, character)))


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []


def listed(names: Iterable[str], most: int = 6) -> str:
    """Return names as a list in words, cut where there are many or one is long."""
    names = [name if len(name) <= 60 else f"{name[:60]}…" for name in names]
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
