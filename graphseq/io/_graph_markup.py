"""Readers of GraphML, GEXF and GML, by networkx: names, weights with their defaults, and what is not read."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Hashable, Mapping
from typing import Any
from xml.etree.ElementTree import ParseError

import networkx as nx

from graphseq.io._csv import listed
from graphseq.io._text import decoded
from graphseq.io.graph_plain import Edge, Listed

_GRAPH = re.compile(r"\bgraph\s*\[")
_GRAPHS = re.compile(rb"<(?:\w+:)?graph[\s>]")
_FORMAL = {"id", "label", "name", "networkx_key"}  # attributes that say which edge it is, and nothing of it


def _gml(name: str, raw: bytes) -> nx.Graph:
    text = decoded(name, raw)
    try:
        return nx.parse_gml(text.splitlines(), label="id")
    except nx.NetworkXError as error:
        if "duplicated" not in str(error):
            raise
        return nx.parse_gml(_GRAPH.sub(r"\g<0> multigraph 1 ", text, count=1).splitlines(), label="id")


_READERS: dict[str, tuple[str, Callable[[str, bytes], nx.Graph]]] = {
    ".graphml": ("GraphML", lambda _, raw: nx.read_graphml(io.BytesIO(raw))),
    ".gexf": ("GEXF", lambda _, raw: nx.read_gexf(io.BytesIO(raw))),
    ".gml": ("GML", _gml),
}
MARKUP = tuple(_READERS)


def parse_markup(name: str, raw: bytes, suffix: str, weight: str | None) -> tuple[Listed, list[str]]:
    """Read a graph in one of these formats, and report how nodes are named and which attributes are not read.

    Args:
        name: name of the file, for messages.
        raw: its content.
        suffix: one of ``MARKUP``.
        weight: edge attribute that is the weight; by default the attribute called weight.

    Raises:
        ValueError: not in the format, with the line if it is known; an XML file with entities of its own.
    """
    title, read = _READERS[suffix]
    if suffix != ".gml" and b"<!ENTITY" in raw.upper().replace(b"\0", b""):
        raise ValueError(f"{name}: it defines entities, which graphs have no use for, and which may expand without end")
    if suffix != ".gml" and (count := len(_GRAPHS.findall(raw.replace(b"\0", b"")))) > 1:
        raise ValueError(f"{name} holds {count} graphs, beside or within each other; it must hold one")
    try:
        graph = read(name, raw)
    except ParseError as error:
        raise ValueError(f"{name}, line {error.position[0]}: not {title}: {error}") from None
    except (nx.NetworkXException, LookupError, ValueError, TypeError, AttributeError, RecursionError) as error:
        if str(error).startswith(name):
            raise
        raise ValueError(f"{name}: not {title} that networkx can read: {error}") from None
    names, notes = _node_names(graph)
    defaults = graph.graph.get("edge_default")
    defaults = defaults if isinstance(defaults, Mapping) else {}
    key = weight or "weight"
    data = [(a, b, {**defaults, **own}) for a, b, own in graph.edges(data=True)]
    if weight is not None and not any(weight in own for _, _, own in data):
        there = listed(dict.fromkeys(name for _, _, own in data for name in own)) or "none"
        raise ValueError(f"{name}: no edge has the attribute weight={weight!r}; there are {there}")
    edges = [Edge(names[a], names[b], own.get(key), f"the edge from {names[a]} to {names[b]}") for a, b, own in data]
    if key in defaults:
        notes.append(f"edges without a weight of their own have the default, {defaults[key]}")
    notes += unread("edges", (own for _, _, own in data), {key, *_FORMAL})
    notes += unread("nodes", (own for _, own in graph.nodes(data=True)), _FORMAL)
    return Listed(list(names.values()), edges, graph.is_directed()), notes


def unread(what: str, attributes: Any, read: set[str]) -> list[str]:
    """Return a note on the attributes that are not among those that are read, or none."""
    found = dict.fromkeys(str(name) for own in attributes for name in own if name not in read)
    hint = "; weight= names one that is the weight" if what == "edges" and "weight" in read else ""
    return [f"attributes of {what} that are not read: {listed(found)}{hint}"] if found else []


def _node_names(graph: nx.Graph) -> tuple[dict[Hashable, Hashable], list[str]]:
    """Return the names of nodes: ids are often n0, n1, …, and names are in an attribute."""
    for key in ("label", "name"):
        names = [data.get(key) for _, data in graph.nodes(data=True)]
        if names and all(isinstance(name, str) and name for name in names) and len(set(names)) == len(names):
            return dict(zip(graph, names, strict=True)), [f"nodes are named by their {key!r}"]
    return {node: node for node in graph}, []
