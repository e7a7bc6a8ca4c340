"""From a file or a name to one plain graph."""

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
        directed: read an edge list as directed; other forms say for themselves.

    Returns:
        One plain graph, whose nodes are their names, and notes on what was left out.

    Raises:
        OSError: the file cannot be read.
        ValueError: no such file and no such name; a file that is not what its suffix says, or has no edges; or
            ``directed`` for what says for itself. The message names the line where there is one.

    Example:
        >>> found = read_graph("grid_2x2")
        >>> sorted(found.graph.edges)
        [('0,0', '0,1'), ('0,0', '1,0'), ('0,1', '1,1'), ('1,0', '1,1')]
    """
    path = Path(source)
    if not path.exists() and not path.is_symlink():
        listed = named_graph(str(source))
        if listed is None:
            raise ValueError(_unknown(str(source), path))
        return plain_graph(str(source), _as_said(str(source), listed, directed))
    suffix = path.suffix.lower()
    if suffix not in {*FORMATS, ""}:
        raise ValueError(f"{path}: {suffix} is no form that is read; there are {', '.join(FORMATS)}")
    raw = path.read_bytes()
    notes: list[str] = []
    if suffix == ".graphml":
        listed, notes = _parse_graphml(str(path), raw)
    elif suffix == ".json":
        listed = parse_json(str(path), _decoded(path, raw))
    else:
        listed, notes = parse_edge_list(str(path), _decoded(path, raw), suffix=suffix, directed=directed)
    if suffix not in EDGE_LISTS:
        listed = _as_said(str(path), listed, directed)
    found = plain_graph(str(path), listed)
    return PlainGraph(found.graph, found.name, (*notes, *found.notes))


def _as_said(name: str, listed: Listed, directed: bool) -> Listed:
    if directed:
        raise ValueError(f"directed is for edge lists; {name} says itself whether it is directed")
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
        raise ValueError(f"{name}, line {error.position[0]}: no GraphML: {error}") from None
    except (nx.NetworkXError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"{name}: no GraphML that networkx reads: {error}") from None
    called, notes = _called(graph)
    edges = [
        Edge(called[a], called[b], data.get("weight"), f"the edge from {called[a]} to {called[b]}")
        for a, b, data in graph.edges(data=True)
    ]
    return Listed(list(called.values()), edges, graph.is_directed()), notes


def _called(graph: nx.Graph) -> tuple[dict[Hashable, Hashable], list[str]]:
    """What nodes are called: their ids are often n0, n1, …, and their names in an attribute."""
    for key in ("label", "name"):
        names = [data.get(key) for _, data in graph.nodes(data=True)]
        if names and all(isinstance(one, str) and one for one in names) and len(set(names)) == len(names):
            return dict(zip(graph, names, strict=True)), [f"nodes are called by their {key!r}"]
    return {node: node for node in graph}, []


def _unknown(source: str, path: Path) -> str:
    if path.suffix or len(path.parts) > 1:
        beside = [one.name for one in path.parent.iterdir()] if path.parent.is_dir() else []
        near = get_close_matches(path.name, beside, n=3, cutoff=0.6)
        meant = f"; did you mean {' or '.join(str(path.parent / one) for one in near)}?" if near else ""
        return f"{source}: no such file{meant}"
    near = nearest_names(source)
    meant = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(NAMES)}"
    return f"{source!r} is no file, and no graph by name; {meant}"
