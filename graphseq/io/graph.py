"""Reader of one plain graph from a file or by a name."""

from __future__ import annotations

import io
from collections.abc import Hashable
from difflib import get_close_matches
from pathlib import Path
from xml.etree.ElementTree import ParseError

import networkx as nx

from graphseq.io.graph_edgelist import parse_edge_list
from graphseq.io.graph_json import parse_json
from graphseq.io.graph_names import NAMES, named_graph, nearest_names
from graphseq.io.graph_plain import Edge, Listed, PlainGraph, plain_graph

EDGE_LISTS = (".txt", ".csv", ".tsv", ".edgelist", ".edges", "")
FORMATS = (*EDGE_LISTS[:-1], ".graphml", ".json")


def read_graph(source: str | Path, *, directed: bool = False) -> PlainGraph:
    """Read a graph from a file, by its suffix, or by a name such as karate_club or grid_5x4.

    Args:
        source: a file (.txt, .csv, .tsv, .edgelist or .edges, an edge list; .graphml; .json), or one of ``NAMES``.
        directed: read an edge list as directed; other formats contain this.

    Returns:
        One plain graph, whose nodes are their names, with notes on removed edges.

    Raises:
        OSError: the file cannot be read.
        ValueError: no such file or name; a file that is not in the format of its suffix, or has no edges; or
            ``directed`` for a format that contains it. The message names the line if there is one.

    Example:
        >>> plain = read_graph("grid_2x2")
        >>> sorted(plain.graph.edges)
        [('0,0', '0,1'), ('0,0', '1,0'), ('0,1', '1,1'), ('1,0', '1,1')]
    """
    path = Path(source)
    if not path.exists() and not path.is_symlink():
        listed = named_graph(str(source))
        if listed is None:
            raise ValueError(_unknown(str(source), path))
        return plain_graph(str(source), _undirected_only(str(source), listed, directed))
    suffix = path.suffix.lower()
    if suffix not in {*FORMATS, ""}:
        raise ValueError(f"{path}: {suffix} is not a known format; there are {', '.join(FORMATS)}")
    raw = path.read_bytes()
    notes: list[str] = []
    if suffix == ".graphml":
        listed, notes = _parse_graphml(str(path), raw)
    elif suffix == ".json":
        listed = parse_json(str(path), _decoded(path, raw))
    else:
        listed, notes = parse_edge_list(str(path), _decoded(path, raw), suffix=suffix, directed=directed)
    if suffix not in EDGE_LISTS:
        listed = _undirected_only(str(path), listed, directed)
    plain = plain_graph(str(path), listed)
    return PlainGraph(plain.graph, plain.name, (*notes, *plain.notes))


def _undirected_only(name: str, listed: Listed, directed: bool) -> Listed:
    if directed:
        raise ValueError(f"directed is for edge lists; {name} states itself if it is directed")
    return listed


def _decoded(path: Path, raw: bytes) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise ValueError(f"{path}, line {line}: byte {error.start} is not utf-8; is it a text?") from None


def _parse_graphml(name: str, raw: bytes) -> tuple[Listed, list[str]]:
    try:
        graph = nx.read_graphml(io.BytesIO(raw))
    except ParseError as error:
        raise ValueError(f"{name}, line {error.position[0]}: not GraphML: {error}") from None
    except (nx.NetworkXError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"{name}: not GraphML that networkx can read: {error}") from None
    names, notes = _node_names(graph)
    edges = [
        Edge(names[a], names[b], data.get("weight"), f"the edge from {names[a]} to {names[b]}")
        for a, b, data in graph.edges(data=True)
    ]
    return Listed(list(names.values()), edges, graph.is_directed()), notes


def _node_names(graph: nx.Graph) -> tuple[dict[Hashable, Hashable], list[str]]:
    """Return the names of nodes: ids are often n0, n1, …, and names are in an attribute."""
    for key in ("label", "name"):
        names = [data.get(key) for _, data in graph.nodes(data=True)]
        if names and all(isinstance(name, str) and name for name in names) and len(set(names)) == len(names):
            return dict(zip(graph, names, strict=True)), [f"nodes are named by their {key!r}"]
    return {node: node for node in graph}, []


def _unknown(source: str, path: Path) -> str:
    if path.suffix or len(path.parts) > 1:
        files = [name.name for name in path.parent.iterdir()] if path.parent.is_dir() else []
        similar = get_close_matches(path.name, files, n=3, cutoff=0.6)
        meant = f"; did you mean {' or '.join(str(path.parent / name) for name in similar)}?" if similar else ""
        return f"{source}: no such file{meant}"
    similar = nearest_names(source)
    meant = f"did you mean {' or '.join(similar)}?" if similar else f"there are {', '.join(NAMES)}"
    return f"{source!r} is neither a file nor the name of a graph; {meant}"
