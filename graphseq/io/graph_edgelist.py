"""Reader of edge lists: two names on each line, and an optional weight."""

from __future__ import annotations

import ast
import csv
import re

from graphseq.io.graph_plain import Edge, Listed

_HEADERS = {("source", "target"), ("from", "to"), ("src", "dst"), ("node1", "node2"), ("start", "end")}
_DATA = re.compile(r"^(.*\S)\s+(\{.*\})$")  # as networkx writes attributes


def parse_edge_list(name: str, text: str, *, suffix: str, directed: bool) -> tuple[Listed, list[str]]:
    r"""Read an edge list, and report the line that was taken for a header.

    Columns are separated by commas or semicolons in a .csv file, by tabs in a .tsv file, else by commas or semicolons
    if the first line has one, or by blanks; names that contain the separator are in double quotes. Lines that begin
    with # or % are comments. A third column is a weight, or attributes as networkx writes them, {'weight': 2}.

    Args:
        name: name of the file, for messages.
        text: content of the file.
        suffix: suffix of the file, such as ".csv".
        directed: read an edge as leading from its first name to its second only.

    Raises:
        ValueError: a line with fewer than two or more than three columns, or a weight that is not a number; the message
            names the line.

    Example:
        >>> parse_edge_list("mine", "# friends\nAnn Bob 2\n", suffix=".txt", directed=False)[0].edges
        [Edge(start='Ann', end='Bob', weight=2.0, where='line 2')]
    """
    lines = [(number, line.strip("\r\n")) for number, line in enumerate(text.splitlines(), start=1)]
    lines = [(number, line) for number, line in lines if line.strip() and line.lstrip()[0] not in "#%"]
    if not lines:
        raise ValueError(f"{name} has no edges: it is empty, or all of it comments")
    delimiter = _delimiter(suffix, lines[0][1])
    edges, notes = [], []
    for index, (number, line) in enumerate(lines):
        columns = _columns(name, number, line, delimiter)
        if index == 0 and tuple(column.casefold() for column in columns[:2]) in _HEADERS:
            notes.append(f"line {number}, {line.strip()!r}, is read as a header")
            continue
        edges.append(Edge(columns[0], columns[1], _weight(name, number, columns), f"line {number}"))
    if not notes and suffix in (".csv", ".tsv") and _is_apart(edges):
        notes.append(
            f"{edges[0].where}, {lines[0][1].strip()!r}, is read as an edge, though its names occur in no other line; "
            "if it is a header, delete it"
        )
    return Listed((), edges, directed), notes


def _is_apart(edges: list[Edge]) -> bool:
    """Return whether the first edge shares no node with any of the others, as an unknown header would."""
    others = {name for edge in edges[1:] for name in (edge.start, edge.end)}
    return bool(others) and others.isdisjoint((edges[0].start, edges[0].end))


def _delimiter(suffix: str, first: str) -> str:
    if suffix == ".tsv":
        return "\t"
    for character in ",;":
        if character in first and not _DATA.match(first):
            return character
    return "," if suffix == ".csv" else " "


def _columns(name: str, number: int, line: str, delimiter: str) -> list[str]:
    attributes = _DATA.match(line)
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
    if not 2 <= len(columns) <= 3 or not all(columns):
        hint = "; a name with a blank in it needs double quotes" if delimiter == " " and len(columns) > 3 else ""
        raise ValueError(
            f"{name}, line {number}: {len(columns)} column{'' if len(columns) == 1 else 's'} in {line.strip()[:60]!r}; "
            f"an edge is two names, and at most a weight{hint}"
        )
    return [*columns, data] if data else columns


def _words(line: str) -> list[str]:
    """Return what is between tabs and blanks; quoted text is one word."""
    return re.findall(r'"[^"]*"|[^\s"]\S*|\S', line)


def _weight(name: str, number: int, columns: list[str]) -> float | None:
    if len(columns) < 3:
        return None
    word = columns[2]
    try:
        value = ast.literal_eval(word).get("weight") if word.startswith("{") else float(word)
        return None if value is None else float(value)
    except (ValueError, SyntaxError, TypeError, AttributeError):
        raise ValueError(
            f"{name}, line {number}: the weight {word[:60]!r} is not a number; a name with a blank in it needs double "
            "quotes"
        ) from None
