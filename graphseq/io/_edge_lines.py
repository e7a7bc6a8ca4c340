"""The lines of an edge list as cells: comments, separators, quotes."""

from __future__ import annotations

import csv
import re
from typing import NamedTuple

from graphseq.io._text import without_separator

ATTRIBUTES = re.compile(r"^(.*\S)\s+(\{.*\})$")  # as networkx writes attributes
_QUOTED = re.compile(r'"[^"]*"')
_DECIMAL = re.compile(r"\d,\d")


class Line(NamedTuple):
    """A line of an edge list, or a row of a data frame."""

    number: int  #: in the file, from 1
    text: str
    cells: list[str]  #: without blanks around them, and without empty ones at the end
    unit: str = "line"  #: "row" in a data frame

    @property
    def where(self) -> str:
        """The line, for messages."""
        return f"{self.unit} {self.number}"


def lines_of(name: str, text: str, suffix: str) -> tuple[list[Line], str, list[str]]:
    """Return the lines that are no comments, their separator, and notes on comments that may be none.

    A line that begins with # or % is a comment. Below the first edge of a table, where commas, semicolons or tabs
    separate, it is an edge if it has the columns of one and no blank follows the sign.

    Raises:
        ValueError: no lines, or one whose quotes do not end or whose separator is unclear; the message names it.
    """
    text, said = without_separator(text)
    if text.startswith("%%MatrixMarket"):
        raise ValueError(f"{name} is a Matrix Market file; gs.from_graph reads it through scipy.io.mmread")
    numbered = enumerate(text.splitlines(), start=1 if said is None else 2)
    raw = [(number, line.strip("\r\n")) for number, line in numbered if line.strip()]
    first = next((place for place, (_, line) in enumerate(raw) if line.lstrip()[0] not in "#%"), None)
    if first is None:
        raise ValueError(f"{name} has no edges: it is empty, or all of it comments")
    delimiter = said or _delimiter(name, suffix, *raw[first])
    width = len(_cells(name, *raw[first], delimiter))
    lines, notes = [], []
    for place, (number, line) in enumerate(raw):
        if line.lstrip()[0] not in "#%":
            lines.append(Line(number, line, _cells(name, number, line, delimiter)))
            continue
        is_edge = _is_like(line.lstrip(), delimiter, width)
        if is_edge and place > first:
            lines.append(Line(number, line, _cells(name, number, line, delimiter)))
            notes.append(f"line {number}, {line.strip()[:60]!r}, is read as an edge, not as a comment")
        elif is_edge or place > first:
            notes.append(f"line {number}, {line.strip()[:60]!r}, is read as a comment")
    return lines, delimiter, notes if len(notes) < 4 else [*notes[:3], f"{len(notes) - 3} more lines like these"]


def _is_like(line: str, delimiter: str, width: int) -> bool:
    """Return whether a line that begins as a comment does could be an edge."""
    is_table = delimiter != " " and len(line) > 1 and not line[1].isspace()
    return is_table and width == len(line.split(delimiter)) > 1


def _delimiter(name: str, suffix: str, number: int, first: str) -> str:
    if suffix == ".tsv":
        return "\t"
    plain = _QUOTED.sub("", first)
    if not ATTRIBUTES.match(first):
        if ";" in plain and "," in _DECIMAL.sub("", plain):
            raise ValueError(
                f"{name}, line {number}: commas and semicolons in {first.strip()[:60]!r}; put names that contain one "
                "of them in double quotes"
            )
        for character in ";,":
            if character in plain:
                return character
    return "," if suffix == ".csv" else " "


def _cells(name: str, number: int, line: str, delimiter: str) -> list[str]:
    attributes = ATTRIBUTES.match(line)
    line, data = attributes.groups() if attributes and delimiter == " " else (line, "")
    if delimiter == " ":
        line = " ".join(_words(line))
    try:
        (cells,) = csv.reader([line], delimiter=delimiter, skipinitialspace=True, strict=True)
    except csv.Error as error:
        raise ValueError(f"{name}, line {number}: {error}; a name in double quotes must end") from None
    columns = [column.strip() for column in cells]
    while len(columns) > 2 and not columns[-1]:
        columns.pop()
    return [*columns, data] if data else columns


def _words(line: str) -> list[str]:
    """Return what is between tabs and blanks; quoted text is one word."""
    return re.findall(r'"[^"]*"|[^\s"]\S*|\S', line)
