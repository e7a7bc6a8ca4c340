"""Reader of one plain graph from a file, from a data frame of edges, or by a name."""

from __future__ import annotations

from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

from graphseq._arguments import checked_arguments
from graphseq._printable import printable_errors
from graphseq.io._csv import read_table
from graphseq.io._edge_lines import Line
from graphseq.io._frame import Frame, is_frame
from graphseq.io._graph_markup import MARKUP, parse_markup
from graphseq.io._text import decoded, read_bytes
from graphseq.io.graph_edgelist import edges_of_table, parse_edge_list
from graphseq.io.graph_json import parse_json
from graphseq.io.graph_names import NAMES, named_graph, nearest_names
from graphseq.io.graph_plain import Listed, PlainGraph, plain_graph

EDGE_LISTS = (".txt", ".csv", ".tsv", ".edgelist", ".edges", "")
FORMATS = (*EDGE_LISTS[:-1], *MARKUP, ".json")
"""Endings of the files that :func:`read_graph` reads."""


@printable_errors
@checked_arguments
def read_graph(source: str | Path | Frame, *, directed: bool = False, weight: str | None = None) -> PlainGraph:
    """Read a graph from a file, by its suffix, or by a name such as karate_club or grid_5x4.

    Args:
        source: a file (.txt, .csv, .tsv, .edgelist or .edges, an edge list; .graphml, .gexf, .gml; .json; each also
            packed, as .gz); a data frame of pandas or polars with the columns of such a list, source and target say;
            or one of ``NAMES``.
        directed: read an edge list as directed; other formats contain this, as does Gephi's column Type of a table.
        weight: column or edge attribute that is the weight; by default the one called weight, and in an edge list of
            three columns the third.

    Returns:
        One plain graph, whose nodes are their names, with notes on removed edges and on what is not read.
        ``gs.from_graph(plain.graph)`` is its :class:`~graphseq.SpaceTimeGraph`.

    Raises:
        OSError: the file cannot be read.
        ValueError: no such file or name; a file that is not in the format of its suffix, or has no edges; or
            ``directed`` for a format that contains it. The message names the line if there is one.

    Example:
        >>> plain = read_graph("grid_2x2")
        >>> sorted(plain.graph.edges)
        [('0,0', '0,1'), ('0,0', '1,0'), ('0,1', '1,1'), ('1,0', '1,1')]
    """
    if is_frame(source):
        return _of_frame(source, directed, weight)
    if not isinstance(source, str | Path):
        raise TypeError(
            f"source must be a file, a name or a data frame, got {type(source).__name__}; a graph in memory is for "
            "gs.from_graph"
        )
    path = Path(source)
    if "\0" in str(source) or not (path.exists() or path.is_symlink()):
        found = named_graph(str(source))
        if found is None:
            raise ValueError(_unknown(str(source), path))
        if weight is not None:
            raise ValueError(f"weight={weight!r} is about files; {source} is a graph by name")
        return plain_graph(str(source), _undirected_only(str(source), found, directed))
    suffix = Path(path.stem if path.suffix.lower() == ".gz" else path.name).suffix.lower()
    if suffix not in {*FORMATS, ""}:
        raise ValueError(f"{path}: {suffix} is not a known format; there are {', '.join(FORMATS)}")
    raw = read_bytes(path)
    if suffix in MARKUP:
        found, notes = parse_markup(str(path), raw, suffix, weight)
    elif suffix == ".json":
        found, notes = parse_json(str(path), decoded(path, raw), weight=weight)
    else:
        text = decoded(path, raw)
        found, notes = parse_edge_list(str(path), text, suffix=suffix, directed=directed, weight=weight)
    if suffix not in EDGE_LISTS:
        found = _undirected_only(str(path), found, directed)
    plain = plain_graph(str(path), found)
    return replace(plain, notes=(*notes, *plain.notes))


def _of_frame(frame: Frame, directed: bool, weight: str | None) -> PlainGraph:
    table = read_table(frame).without_index()
    rows = [Line(number, ",".join(cells), cells, "row") for number, cells in zip(table.lines, table.cells, strict=True)]
    found, notes = edges_of_table(table.name, table.header, rows, directed=directed, weight=weight)
    plain = plain_graph(table.name, found)
    return replace(plain, notes=(*table.notes, *notes, *plain.notes))


def _undirected_only(name: str, found: Listed, directed: bool) -> Listed:
    if directed:
        raise ValueError(f"directed is for edge lists; {name} states itself if it is directed")
    return found


def _unknown(source: str, path: Path) -> str:
    if path.suffix or len(path.parts) > 1:
        files = [name.name for name in path.parent.iterdir()] if path.parent.is_dir() else []
        similar = get_close_matches(path.name, files, n=3, cutoff=0.6)
        meant = f"; did you mean {' or '.join(str(path.parent / name) for name in similar)}?" if similar else ""
        return f"{source}: no such file{meant}"
    similar = nearest_names(source)
    meant = f"did you mean {' or '.join(similar)}?" if similar else f"there are {', '.join(NAMES)}"
    return f"source {source!r} is neither a file nor the name of a graph; {meant}"
