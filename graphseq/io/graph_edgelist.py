"""Reader of edge lists: two names on each line, an optional weight, and further columns."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from graphseq.io._csv import listed
from graphseq.io._edge_lines import Line, lines_of
from graphseq.io.graph_plain import NO_NAME, Edge, Listed

_HEADERS = {
    ("source", "target"), ("from", "to"), ("src", "dst"), ("node1", "node2"), ("start", "end"),
    ("source", "destination"), ("source_id", "target_id"), ("from_id", "to_id"), ("fromnodeid", "tonodeid"),
    ("sender", "receiver"),
}  # fmt: skip
_PERHAPS = {("u", "v"), ("i", "j"), ("head", "tail"), ("parent", "child"), ("id1", "id2"), ("user", "item")}
_TIMES = {"time", "timestamp", "t", "date", "year", "when", "ts", "datetime"}
_NUMBERS_OF_EDGES = {"id", "index", "idx", "key", "no", "nr", "number", "edge", "edge_id", "edgeid", "eid"}
_UNIX = ((10**8, 4 * 10**9), (10**11, 4 * 10**12))  # of times since 1970, in seconds and in milliseconds
_STEM = re.compile(r"(.*?)[ _.-]?([12abijuv01xy])")
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?")
_WHOLE = re.compile(r"([+-]?\d+)\.0*")


class _Columns(NamedTuple):
    """The places of the columns that are read."""

    source: int
    target: int
    weight: int | None
    width: int | None  #: the number of columns, where a header says so
    kind: int | None = None  #: that says whether an edge is directed


def parse_edge_list(
    name: str, text: str, *, suffix: str, directed: bool, weight: str | None = None
) -> tuple[Listed, list[str]]:
    r"""Read an edge list, and report the lines and columns that were taken for something else than edges.

    Columns are separated by commas or semicolons in a .csv file, by tabs in a .tsv file, else by commas or semicolons
    if the first line has one, or by blanks; names that contain the separator are in double quotes. Lines that begin
    with # or % are comments. The first line may be a header, and then names the columns: those of the two ends, by a
    known pair of names or the first two, and that of weights; in a .csv or .tsv file a first line of texts is a header
    too, as in pandas, where it alone shares no name with any other line. Without one, a third column is a weight, or
    attributes as networkx writes them, {'weight': 2}.

    Args:
        name: name of the file, for messages.
        text: content of the file.
        suffix: suffix of the file, such as ".csv".
        directed: read an edge as leading from its first name to its second only.
        weight: column of weights, or attribute; by default weight, or the third and last column.

    Raises:
        ValueError: a line with fewer than two columns, or without a header more than three; a name that is missing; a
            weight that is not a number; the message names the line.

    Example:
        >>> parse_edge_list("mine", "# friends\nAnn Bob 2\n", suffix=".txt", directed=False)[0].edges
        [Edge(start='Ann', end='Bob', weight=2.0, where='line 2')]
    """
    lines, delimiter, notes = lines_of(name, text, suffix)
    header = _header(lines)
    if header is not None:
        notes.append(f"line {header.number}, {header.text.strip()!r}, is read as a header")
        return _under_header(name, header, lines[1:], delimiter, directed, weight, notes), notes
    if suffix in (".csv", ".tsv") and _is_lone(lines):
        notes.append(
            f"line {lines[0].number}, {lines[0].text.strip()!r}, is read as a header, since its names occur in no "
            "other line; if it is an edge, write source,target above it"
        )
        return _under_header(name, lines[0], lines[1:], delimiter, directed, weight, notes), notes
    columns = _Columns(0, 1, 2, None)
    edges = [_edge(name, line, columns, delimiter, weight or "weight", notes) for line in lines]
    if weight is not None and not any("{" in line.text for line in lines):
        raise ValueError(f"{name} has no header, so no column weight={weight!r}; weights are in its third column")
    notes += _doubts_of(lines, edges)
    is_odd = not all(_NUMBER.fullmatch(cell) for cell in lines[0].cells[:2])
    if is_odd and _is_apart([line.cells[:2] for line in lines]):
        notes.append(
            f"{edges[0].where}, {lines[0].text.strip()!r}, is read as an edge, though its names occur in no other "
            "line; if it is a header, delete it"
        )
    return Listed((), edges, directed), notes


def _doubts_of(lines: Sequence[Line], edges: Sequence[Edge]) -> list[str]:
    """Return notes on what a list without a header may hold in place of edges and weights."""
    notes = []
    first, others = lines[0].cells, {name for edge in edges[1:] for name in (edge.start, edge.end)}
    if all(map(str.isdecimal, first)) and first[-1] == str(len(edges) - 1) and first[0] == str(len(others)):
        notes.append(
            f"{edges[0].where}, {lines[0].text.strip()!r}, is read as an edge; if it is the number of nodes and of "
            "edges, delete it"
        )
    weights = [edge.weight for edge in edges if isinstance(edge.weight, float)]
    if weights and all(weight.is_integer() and any(a <= weight < b for a, b in _UNIX) for weight in weights):
        notes.append(
            f"the third column is read as weights, such as {weights[0]:.0f}; if it is of times, say so by a first line "
            "source,target,time"
        )
    return notes


def edges_of_table(
    name: str, header: Sequence[str], lines: Sequence[Line], *, directed: bool, weight: str | None
) -> tuple[Listed, list[str]]:
    """Read edges from a table whose columns have names, as :func:`parse_edge_list` does below a header.

    Args:
        name: name of the table, for messages.
        header: names of the columns, two of which must be known names of the ends of edges.
        lines: the edges.
        directed: read an edge as leading from its first name to its second only.
        weight: column of weights; by default weight, or the only further column of numbers.

    Raises:
        ValueError: no columns of ends; and as :func:`parse_edge_list`.
    """
    notes: list[str] = []
    first = Line(0, ",".join(header), list(header))
    names = [cell.casefold() for cell in header]
    if _known_pair(names) is None and not (tuple(names[:2]) in _PERHAPS or _are_numbered([names[:2]])):
        raise ValueError(
            f"{name} has no columns of the ends of edges; it has {listed(header, 12)}. Call them source and target"
        )
    return _under_header(name, first, lines, "", directed, weight, notes), notes


def _under_header(
    name: str,
    header: Line,
    lines: Sequence[Line],
    delimiter: str,
    directed: bool,
    weight: str | None,
    notes: list[str],
) -> Listed:
    columns = _placed(name, header, lines, weight, notes)
    edges = [_edge(name, line, columns, delimiter, weight or "weight", notes) for line in lines]
    if not edges:
        raise ValueError(f"{name} has no edges: it is empty, or all of it comments")
    if columns.kind is not None:
        kinds = [(line.where, line.cells[columns.kind]) for line in lines if len(line.cells) > columns.kind]
        directed = directed_by(name, header.cells[columns.kind], kinds, directed, notes)
    return Listed((), edges, directed)


def directed_by(name: str, column: str, kinds: Sequence[tuple[str, str]], directed: bool, notes: list[str]) -> bool:
    """Return whether edges are directed by a column that says Directed or Undirected of each, as Gephi writes it.

    Raises:
        ValueError: edges of both kinds, or undirected ones where ``directed`` is true.
    """
    found = {kind.casefold(): where for where, kind in reversed(kinds)}
    if len(found) > 1:
        raise ValueError(
            f"{name}: the column {column!r} has directed edges, {found['directed']}, and undirected ones, "
            f"{found['undirected']}; list each undirected one in both directions, and call all of them Directed"
        )
    is_directed = "directed" in found
    if directed and not is_directed:
        raise ValueError(f"{name}: directed=True, but the column {column!r} says that edges are undirected")
    notes.append(f"edges are {'directed' if is_directed else 'undirected'}, by the column {column!r}")
    return is_directed


def is_kind(cells: Sequence[str]) -> bool:
    """Return whether a column says of each edge whether it is directed."""
    return bool(cells) and {cell.casefold() for cell in cells} <= {"directed", "undirected"}


def _header(lines: Sequence[Line]) -> Line | None:
    """Return the first line if it is a header: by its names, or since all others have numbers where it has none."""
    first, others = lines[0], lines[1:]
    names = [cell.casefold() for cell in first.cells]
    if _known_pair(names) is not None:
        return first
    if not others or any(len(line.cells) < 2 for line in others):
        return None
    if not first.cells[0] and all(line.cells[0].isdecimal() for line in others):
        return first  # the index of a data frame has no name
    pairs = [line.cells[:2] for line in lines]
    numeric = [_NUMBER.fullmatch(cell) is not None for cell in first.cells]
    columns = list(zip(*(line.cells for line in others), strict=False))
    was_number = [all(_NUMBER.fullmatch(cell) for cell in column) for column in columns]
    apart = _is_apart(pairs)
    if not any(numeric[:2]) and apart and all(was_number[:2]):
        return first
    if len(was_number) > 2 and any(now and not was for was, now in zip(numeric[2:], was_number[2:], strict=False)):
        return None if first.cells[-1].startswith("{") else first
    return first if apart and (tuple(names[:2]) in _PERHAPS or _are_numbered(pairs)) else None


def _known_pair(names: Sequence[str]) -> tuple[int, int] | None:
    """Return the places of the two ends, side by side at best, where the names of columns are known ones."""
    pairs = [(names[a], names[b]) for a in range(len(names)) for b in range(len(names))]
    known = next((pair for pair in (*pairwise(names), *pairs) if pair in _HEADERS), None)
    return None if known is None else (names.index(known[0]), names.index(known[1]))


def _are_numbered(pairs: Sequence[Sequence[str]]) -> bool:
    """Return whether the first two names are of one stem, as id_1 and id_2 are, and none of the others is."""
    stems = [[match[1] if (match := _STEM.fullmatch(cell.casefold())) else None for cell in pair] for pair in pairs]
    (one, two), others = stems[0], stems[1:]
    return bool(one) and one == two and not any(one in pair for pair in others)


def _is_apart(pairs: Sequence[Sequence[str]]) -> bool:
    """Return whether the first edge shares no node with any of the others, as an unknown header would."""
    others = {name for pair in pairs[1:] for name in pair}
    return bool(others) and others.isdisjoint(pairs[0])


def _is_lone(lines: Sequence[Line]) -> bool:
    """Return whether the first line, of texts, is the only one that shares no name with any other, as a header is."""
    places: dict[str, set[int]] = {}
    for place, line in enumerate(lines):
        for cell in line.cells[:2]:
            places.setdefault(cell, set()).add(place)
    alone = [place for place, line in enumerate(lines) if all(len(places[cell]) == 1 for cell in line.cells[:2])]
    is_text = not any(_NUMBER.fullmatch(cell) or cell.startswith("{") for cell in lines[0].cells)
    return len(lines) > 2 and alone == [0] and is_text and len(lines[0].cells) == len(lines[1].cells)


def _placed(name: str, header: Line, lines: Sequence[Line], weight: str | None, notes: list[str]) -> _Columns:
    """Return the places of the columns that a header names; the notes say which are not read."""
    cells = header.cells
    names = [cell.casefold() for cell in cells]
    named = [place for place, cell in enumerate(names) if cell]
    source, target = _known_pair(names) or (*named, 0, 1)[:2]
    kind = next(
        (
            place
            for place, cell in enumerate(names)
            if cell == "type" and is_kind([line.cells[place] for line in lines if len(line.cells) > place])
        ),
        None,
    )
    spare = [place for place in range(len(names)) if place not in (source, target, kind)]
    if weight is not None:
        if weight.casefold() not in names:
            raise ValueError(
                f"{name}{f', {header.where}' if header.number else ''}: there is no column weight={weight!r} among "
                + listed(cells)
            )
        found: int | None = names.index(weight.casefold())
    elif "weight" in names:
        found = names.index("weight")
    else:
        found = _unnamed_weight(names, [place for place in spare if place > min(source, target)], lines)
        if found is not None:
            notes.append(f"the weights are those of the column {cells[found]!r}")
    unread = [repr(cells[place]) if cells[place] else "the one without a name" for place in spare if place != found]
    if unread:
        hint = "; weights are read from none of them: weight= names one" if found is None else ""
        notes.append(f"columns that are not read: {listed(unread)}{hint}")
    return _Columns(source, target, found, len(names), kind)


def _unnamed_weight(names: Sequence[str], spare: Sequence[int], lines: Sequence[Line]) -> int | None:
    """Return the one further column, if it is of numbers and not called as times or numbers of edges are."""
    if len(spare) != 1 or not names[spare[0]] or names[spare[0]] in _TIMES | _NUMBERS_OF_EDGES:
        return None
    cells = [line.cells[spare[0]] for line in lines if len(line.cells) > spare[0]]
    return spare[0] if cells and all(_NUMBER.fullmatch(cell.replace(",", ".")) for cell in cells) else None


def _edge(name: str, line: Line, columns: _Columns, delimiter: str, weight: str, notes: list[str]) -> Edge:
    cells, most = line.cells, columns.width or 3
    if len(cells) == columns.width:
        for what, place in (("source", columns.source), ("target", columns.target)):
            if not cells[place]:
                raise ValueError(f"{name}, {line.where}: the name of the {what} is missing")
    if not max(columns.source, columns.target) < len(cells) <= most or not (
        cells[columns.source] and cells[columns.target]
    ):
        counted = f"{len(cells)} column{'' if len(cells) == 1 else 's'}"
        hint = "; a name with a blank in it needs double quotes" if delimiter == " " and len(cells) > 3 else ""
        hint = hint or ("; further columns need a header in the first line" if len(cells) > 3 else "")
        expected = f"the header has {most}" if columns.width and len(cells) > most else "an edge is two names"
        raise ValueError(
            f"{name}, {line.where}: {counted} in {line.text.strip()[:60]!r}; {expected}, and at most a weight{hint}"
        )
    start, end = (_node(name, line, cells[place], notes) for place in (columns.source, columns.target))
    value = None
    if columns.weight is not None and len(cells) > columns.weight:
        value = _weight(name, line, cells[columns.weight], delimiter, weight, notes)
    return Edge(start, end, value, line.where)


def _node(name: str, line: Line, cell: str, notes: list[str]) -> str:
    if cell in NO_NAME:
        raise ValueError(f"{name}, {line.where}: the name of a node is missing ({cell})")
    whole = _WHOLE.fullmatch(cell)
    if whole is None:
        return cell
    if not any("whole numbers" in note for note in notes):
        notes.append(f"names that are whole numbers are read as such, {cell} as {whole[1]}")
    return whole[1]


def _weight(name: str, line: Line, word: str, delimiter: str, attribute: str, notes: list[str]) -> float | None:
    if not word:
        return None
    try:
        if word.startswith("{"):
            value = _attribute(word, attribute, notes)
        elif delimiter != "," and "," in word and "." not in word:
            value = float(word.replace(",", "."))
            if not any("decimal commas" in note for note in notes):
                notes.append(f"weights have decimal commas, such as {word}")
        else:
            value = float(word)
        return None if value is None else float(value)
    except (ValueError, SyntaxError, TypeError, AttributeError, RecursionError, MemoryError, OverflowError):
        raise ValueError(
            f"{name}, {line.where}: the weight {word[:60]!r} is not a number; a name with a blank in it needs "
            "double quotes"
        ) from None


def _attribute(word: str, attribute: str, notes: list[str]) -> float | None:
    data = ast.literal_eval(word)
    unread = [str(key) for key in data if key != attribute]
    if unread and not any("attributes of edges" in note for note in notes):
        notes.append(f"attributes of edges that are not read: {listed(unread)}")
    value: float | None = data.get(attribute)
    return value
