"""Readers of graphs in JSON: networkx's node-link and adjacency data, and a plain list of pairs."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterator
from typing import Any

from graphseq.io._graph_markup import unread
from graphseq.io._json import parsed
from graphseq.io.graph_plain import Edge, Listed

_FORMS = '{"edges": [["A", "B"], …]}, or networkx\'s node_link_data or adjacency_data'


def parse_json(name: str, text: str, *, weight: str | None = None) -> tuple[Listed, list[str]]:
    """Read a graph in one of three JSON formats, and report the attributes that are not read.

    The plain format has ``edges``, pairs of names or pairs with a weight, and optionally ``nodes`` and ``directed``.

    Args:
        name: name of the file, for messages.
        text: content of the file.
        weight: attribute of edges that is the weight; by default the one called weight.

    Raises:
        ValueError: not JSON (the message names the line), or JSON in another format.

    Example:
        >>> parse_json("mine", '{"edges": [["A", "B"], ["B", 3]]}')[0].edges[1][:2]
        ('B', 3)
    """
    data = parsed(name, text)
    key = weight or "weight"
    if isinstance(data, list):
        data = {"edges": data}
    if not isinstance(data, dict):
        raise ValueError(f"{name} holds no graph; expected {_FORMS}")
    directed = data.get("directed", False)
    if not isinstance(directed, bool):
        raise ValueError(f'{name}: "directed" must be true or false, got {directed!r}')
    if "adjacency" in data:
        nodes, edges = _adjacency(name, data, key)
        entries = [entry for entries in data["adjacency"] for entry in entries]
        return Listed(nodes, edges, directed), _notes(name, data, entries, weight)
    links = data.get("edges", data.get("links"))
    if not isinstance(links, list):
        raise ValueError(f"{name} holds no graph; expected {_FORMS}")
    nodes = [_identity(name, node) for node in _list(name, "nodes", data.get("nodes", []))]
    edges = [_edge(name, number, link, key) for number, link in enumerate(links, start=1)]
    if any(isinstance(node, dict) for node in data.get("nodes", [])):
        known = set(nodes)
        for edge in edges:
            for end in (edge.start, edge.end):
                if end not in known:
                    raise ValueError(f"{name}, {edge.where}: it names {end!r}, which is not among the nodes")
    return Listed(nodes, edges, directed), _notes(name, data, links, weight)


def _notes(name: str, data: dict[str, Any], links: list[Any], weight: str | None) -> list[str]:
    """Return notes on the attributes that are not read, or raise where no edge has the one that is the weight."""
    attributes = [
        own for link in links for own in (link if isinstance(link, list) else [link]) if isinstance(own, dict)
    ]
    if weight is not None and not any(weight in own for own in attributes):
        raise ValueError(f"{name}: no edge has the attribute weight={weight!r}")
    notes = unread("edges", attributes, {"source", "target", "id", "key", weight or "weight"})
    return notes + unread("nodes", [node for node in data.get("nodes", []) if isinstance(node, dict)], {"id"})


def _adjacency(name: str, data: dict[str, Any], weight: str) -> tuple[list[Hashable], list[Edge]]:
    nodes = [_identity(name, node) for node in _list(name, "nodes", data.get("nodes"))]
    lists = _list(name, "adjacency", data["adjacency"])
    if len(lists) != len(nodes):
        raise ValueError(f'{name}: "adjacency" has {len(lists)} entries for {len(nodes)} nodes')
    one_way = data.get("directed") is True or data.get("multigraph") is True
    return nodes, list(_listed_once(name, nodes, lists, one_way, weight))


def _listed_once(name: str, nodes: list[Hashable], lists: list[Any], one_way: bool, key: str) -> Iterator[Edge]:
    """Yield each undirected edge once, although it is in the lists of both its ends."""
    listed = set()
    for node, entries in zip(nodes, lists, strict=True):
        for entry in _list(name, "adjacency", entries):
            end, weight = _identity(name, entry), entry.get(key) if isinstance(entry, dict) else None
            if one_way or (end, node) not in listed:
                yield Edge(node, end, weight, f"the list of {node!r}")
            listed.add((node, end))


def _edge(name: str, number: int, link: object, key: str) -> Edge:
    where = f"edge {number}"
    if isinstance(link, dict) and {"source", "target"} <= set(link):
        return Edge(_name(name, where, link["source"]), _name(name, where, link["target"]), link.get(key), where)
    if isinstance(link, list) and len(link) in {2, 3}:
        weight = link[2] if len(link) == 3 else None
        weight = weight.get(key) if isinstance(weight, dict) else weight
        return Edge(_name(name, where, link[0]), _name(name, where, link[1]), weight, where)
    said = json.dumps(link, ensure_ascii=False)[:60]
    raise ValueError(f"{name}, {where}: expected two names and at most a weight, got {said}")


def _identity(name: str, node: object) -> Hashable:
    if isinstance(node, dict):
        if "id" not in node:
            raise ValueError(f'{name}: a node without an "id": {json.dumps(node, ensure_ascii=False)[:60]}')
        node = node["id"]
    return _name(name, "nodes", node)


def _name(name: str, where: str, value: object) -> Hashable:
    if isinstance(value, str | int | float) and not isinstance(value, bool) and value != "":
        return value
    raise ValueError(f"{name}, {where}: the name of a node must be a text or a number, got {json.dumps(value)[:60]}")


def _list(name: str, key: str, value: object) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f'{name}: "{key}" must be a list; expected {_FORMS}')
    return value
