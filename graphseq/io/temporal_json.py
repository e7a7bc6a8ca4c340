"""Reader of the JSON files of PyTorch Geometric Temporal, whose format follows from their keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq._printable import printable_errors
from graphseq.io._csv import listed
from graphseq.io._json import parsed
from graphseq.io._text import decoded, read_bytes
from graphseq.io.containers import MISSING, TemporalDataset, floats
from graphseq.io.recording import Edges, Recording, assembled, read_edges

_VALUES = ("y", "X", "FX", "block")  # y, what the format has as the answer, is the first channel
_WEIGHTS = ("weights", "edge_weight", "edge_weights", "weight")
_TABLES = {*_VALUES, "edges", "edge_mapping", "node_ids", "time_periods", *_WEIGHTS}
_OF_PERIODS = {*_VALUES, "edges", "index", "year", "month", "day", *_WEIGHTS}
_UNDERSTOOD = (
    "edges and X, FX, block or y (tables of times by nodes); edge_mapping and such a table; one object a time, "
    '"0", "1", …, with X or y, with edges in each or beside them; nodes and links; edges, "0", "1", … and LABEL'
)


@printable_errors
@checked_arguments
def read_temporal_json(path: str | Path, *, missing: Literal["refuse", "drop"] = "refuse") -> TemporalDataset:
    """Read a JSON file in one of the formats of PyTorch Geometric Temporal's data sets.

    The format follows from the keys of the file; the first of these that fits is used:

    - ``nodes`` and ``links``: node-link form (Montevideo buses). Each node has ``id``, and ``X``, lists of T values by
      name, or ``y``, one such list; each link ``source``, ``target`` and, all or none, ``weight``.
    - ``LABEL`` and ``edges``: hand movements (MTM-1). "0", "1", … each hold the frames of one joint, "(x, y, z)".
      The class of each frame, in ``LABEL``, is not read.
    - "0", "1", …: one object for each time (Wikipedia mathematics, Twitter tennis, PedalMe and chickenpox in their
      older format), with ``X`` (N × F) or ``y`` (N), or both; ``edges`` and ``weights`` in each, or once, outside.
    - ``edge_mapping`` (England's COVID-19): ``edge_index`` and ``edge_weight`` by time, and a table as below.
    - ``edges``, and optionally ``weights`` (chickenpox, PedalMe, windmills): the same edges at all times, and one
      table T × N, or more, under ``X``, ``FX``, ``block`` or ``y``.

    Where there is a ``y``, what the format has as the answer, it is the first channel. Weights may also be called
    ``edge_weight``. Values are not changed: unlike PyTorch Geometric Temporal's loaders, this reader does not
    standardise over all times, including future ones. An edge [i, j] goes from i to j, and with ``"directed": false``
    links go in both directions. Names of nodes are those of ``node_ids``, else numbers; names of times are dates if
    each time has ``year``, ``month`` and ``day``, else numbers from 0.

    Args:
        path: the file.
        missing: "refuse" a file with a value that is null or NaN, or "drop" that row: the node is then absent at that
            time, as are its edges.

    Returns:
        Rows sorted by time and node. Edges that are the same at all times are stored once, as ``static_edge_index``.

    Raises:
        OSError: the file cannot be read.
        ValueError: not JSON, or JSON in another format; tables that do not fit; an edge to a node that does not
            exist; a missing value, unless dropped. The message names the place.

    Example:
        >>> import tempfile
        >>> content = '{"edges": [[0, 1]], "node_ids": {"A": 0, "B": 1}, "FX": [[1, 2], [3, 4], [5, 6]]}'
        >>> with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        ...     _ = file.write(content), file.flush()
        ...     data = read_temporal_json(file.name)
        >>> data.nodes, data.times, data.graph.x.flatten().tolist()
        (('A', 'B'), ('0', '1', '2'), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    """
    _checks.one_of("missing", missing, MISSING)
    path = Path(path)
    content = _content(path)
    data = assembled(path.name, _recording(path.name, content), missing)
    return replace(data, notes=(*_unread(path.name, content), *data.notes))


def _unread(name: str, content: dict[str, Any]) -> list[str]:
    """Return a note on each key of the file, and of its times, nodes and links, that is not read."""
    if "nodes" in content and "links" in content:
        nodes = {key for node in content["nodes"] for key in node} - {"id", "X", "y"}
        links = {key for link in content["links"] for key in link} - {"source", "target", "key", *_WEIGHTS}
        formal = {"nodes", "links", "directed", "multigraph", "graph", "time_periods"}
        found = {"": set(content) - formal, "nodes: ": nodes, "links: ": links}
    else:
        times = {key for key in content if key.isdecimal()} if "0" in content else set()
        periods = set() if "LABEL" in content else {key for time in times for key in content[time]} - _OF_PERIODS
        found = {"": set(content) - _TABLES - times, "times: ": periods}
    return [f"{name}: {where}keys that are not read: {listed(sorted(keys))}" for where, keys in found.items() if keys]


def _weights(where: str, holder: dict[str, Any]) -> object:
    """Return the weights of edges, under whichever of their names, or None."""
    names = [key for key in _WEIGHTS if key in holder]
    if len(names) > 1:
        raise ValueError(f"{where} has weights of edges under {' and '.join(names)}; they must be there once")
    return holder[names[0]] if names else None


def _content(path: Path) -> dict[str, Any]:
    content = parsed(str(path), decoded(path, read_bytes(path)))
    if not isinstance(content, dict):
        raise ValueError(f"{path} holds a {type(content).__name__}, not an object; understood are {_UNDERSTOOD}")
    return content


def _recording(name: str, content: dict[str, Any]) -> Recording:
    if "nodes" in content and "links" in content:
        return _node_link(name, content)
    if "LABEL" in content and "edges" in content:
        return _joints(name, content)
    if "0" in content:
        return _periods(name, content)
    tables = [key for key in _VALUES if key in content]
    if tables and "edge_mapping" in content:
        return _mapped(name, content, tables)
    if tables and "edges" in content:
        return _static(name, content, tables)
    raise ValueError(
        f"{name} has {'the keys ' + ', '.join(content) if content else 'no keys'}; understood are {_UNDERSTOOD}"
    )


def _static(name: str, content: dict[str, Any], tables: Sequence[str]) -> Recording:
    values, channels = _tables(name, content, tables)
    edges = read_edges(f"{name}: edges", content["edges"], _weights(name, content), values.shape[1])
    return Recording(values, channels, _names(name, content, values.shape[1]), _numbers(name, content, values), edges)


def _mapped(name: str, content: dict[str, Any], tables: Sequence[str]) -> Recording:
    values, channels = _tables(name, content, tables)
    times = _numbers(name, content, values)
    where = f"{name}: edge_mapping"
    mapping = _object(where, content["edge_mapping"])
    index = _by_time(f"{where}.edge_index", mapping.get("edge_index"), times)
    weights: Sequence[object] = [None] * len(times)
    if (by_time := _weights(where, mapping)) is not None:
        weights = _by_time(f"{where}.edge_weight", by_time, times)
    edges = [
        read_edges(f"{where}.edge_index[{time!r}]", pairs, weight, values.shape[1])
        for time, pairs, weight in zip(times, index, weights, strict=True)
    ]
    return Recording(values, channels, _names(name, content, values.shape[1]), times, edges)


def _periods(name: str, content: dict[str, Any]) -> Recording:
    count = sum(key.isdecimal() for key in content)
    periods = {str(t): _object(f"{name}: time {t}", content.get(str(t))) for t in range(count)}
    keys = [key for key in _VALUES if key in periods["0"]]
    if not keys:
        raise ValueError(f"{name}: time 0 has the keys {', '.join(periods['0'])}, but none of {', '.join(_VALUES)}")
    snapshots: list[NDArray[np.float64]] = []
    for t, period in periods.items():
        columns, channels = _columns(f"{name}: time {t}", period, keys)
        if snapshots and columns.shape != snapshots[0].shape:
            raise ValueError(
                f"{name}: time {t} has (nodes, features) {columns.shape}, but time 0 {snapshots[0].shape}; "
                "all times must have the same nodes, and features of the same width"
            )
        snapshots.append(columns)
    values = np.stack(snapshots)
    _numbers(name, content, values)
    nodes = values.shape[1]
    edges: Edges | list[Edges]
    if "edges" in content:
        edges = read_edges(f"{name}: edges", content["edges"], _weights(name, content), nodes)
    else:
        edges = _changing(name, periods, nodes)
    return Recording(values, channels, _names(name, content, nodes), _dates(name, list(periods.values())), edges)


def _changing(name: str, periods: dict[str, dict[str, Any]], nodes: int) -> list[Edges]:
    """Return the edges of each time; a time whose list is empty need not have weights."""
    first = ""  #: time of the first edges
    for t, period in periods.items():
        if period.get("edges") is None:
            raise ValueError(f"{name}: time {t} has no edges; give an empty list where there are none")
        if period["edges"] != []:
            first = first or t
            if (_weights(name, period) is None) != (_weights(name, periods[first]) is None):
                raise ValueError(f"{name}: times {first} and {t} must both have weights of edges, or neither must")
    return [
        read_edges(f"{name}: edges at time {t}", period["edges"], _weights(name, period), nodes)
        for t, period in periods.items()
    ]


def _node_link(name: str, content: dict[str, Any]) -> Recording:
    rows: list[object] = []
    names: list[str] = []
    channels: list[str] = []
    for index, node in enumerate(content["nodes"]):
        where = f"{name}: nodes[{index}]"
        fields = _object(where, node)
        if "id" not in fields:
            raise ValueError(f"{where} has no id")
        series = dict(_object(f"{where}.X", fields.get("X", {})))
        if "y" in fields and series.setdefault("y", fields["y"]) != fields["y"]:
            raise ValueError(f"{where} has other values under y than under y in X; they must be there once")
        if rows and sorted(series, key=lambda key: key != "y") != channels:
            raise ValueError(f"{where} has values of {list(series)}, but nodes[0] of {channels}")
        channels = sorted(series, key=lambda key: key != "y")  # y first
        rows.append([series[key] for key in channels])
        names.append(str(fields["id"]))
    values = floats(f"{name}: values of nodes", rows, (3,)).transpose(2, 0, 1)
    number = {node_name: index for index, node_name in enumerate(_once(name, names))}
    links = [_object(f"{name}: links[{index}]", link) for index, link in enumerate(content["links"])]
    for index, link in enumerate(links):
        for end in ("source", "target"):
            if str(link.get(end)) not in number:
                raise ValueError(f"{name}: links[{index}] has {end} {link.get(end)!r}, which is not among the nodes")
    pairs = [[number[str(link["source"])], number[str(link["target"])]] for link in links]
    if content.get("directed") is False:  # each link is there once
        back = [(link, pair[::-1]) for link, pair in zip(links, pairs, strict=True) if pair[0] != pair[1]]
        links, pairs = [*links, *(link for link, _ in back)], [*pairs, *(pair for _, pair in back)]
    found = [_weights(f"{name}: links[{index}]", link) for index, link in enumerate(links)]
    weights = found if any(weight is not None for weight in found) else None
    edges = read_edges(f"{name}: links", pairs, weights, len(names))
    return Recording(values, tuple(channels), tuple(names), _numbers(name, content, values), edges)


def _joints(name: str, content: dict[str, Any]) -> Recording:
    count = sum(key.isdecimal() for key in content)
    joints = [_object(f"{name}: joint {n}", content.get(str(n))) for n in range(count)]
    frames = list(joints[0]) if joints else []
    for n, joint in enumerate(joints):
        if list(joint) != frames:
            raise ValueError(f"{name}: joint {n} has other frames than joint 0")
    positions = [
        [[number.strip() for number in point.strip("()").split(",")] for point in one.values()] for one in joints
    ]
    values = floats(f"{name}: joints", positions, (3,)).transpose(1, 0, 2)
    edges = read_edges(f"{name}: edges", content["edges"], None, count)
    axes = tuple("xyz") if values.shape[2] == 3 else tuple(str(f) for f in range(values.shape[2]))
    return Recording(values, axes, tuple(str(n) for n in range(count)), tuple(frames), edges)


def _tables(name: str, content: dict[str, Any], keys: Sequence[str]) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Return tables T × N, or T × N × F, side by side as channels (T, N, F)."""
    tables = [floats(f"{name}: {key}", content[key], (2, 3)) for key in keys]
    return _beside(name, keys, [table[..., None] if table.ndim == 2 else table for table in tables])


def _columns(where: str, period: dict[str, Any], keys: Sequence[str]) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Return the values of one time, N or N × F, side by side, (N, F)."""
    for key in keys:
        if key not in period:
            raise ValueError(f"{where} has no {key}, but time 0 has")
    tables = [floats(f"{where}: {key}", period[key], (1, 2)) for key in keys]
    return _beside(where, keys, [table[..., None] if table.ndim == 1 else table for table in tables])


def _beside(
    where: str, keys: Sequence[str], tables: Sequence[NDArray[np.float64]]
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    for key, table in zip(keys, tables, strict=True):
        if table.shape[:-1] != tables[0].shape[:-1]:
            raise ValueError(f"{where}: {key} is {table.shape[:-1]}, but {keys[0]} {tables[0].shape[:-1]}")
    widths = [table.shape[-1] for table in tables]
    channels = [
        key if width == 1 else f"{key}_{f}" for key, width in zip(keys, widths, strict=True) for f in range(width)
    ]
    return np.concatenate(tables, axis=-1), tuple(channels)


def _numbers(name: str, content: dict[str, Any], values: NDArray[np.float64]) -> tuple[str, ...]:
    """Return the numbers of the times as names, after comparing their count with ``time_periods``."""
    said = content.get("time_periods", len(values))
    if said != len(values):
        raise ValueError(f"{name}: time_periods is {said}, but there are values of {len(values)} times")
    return tuple(str(t) for t in range(len(values)))


def _dates(name: str, periods: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    if not all({"year", "month", "day"} <= set(period) for period in periods):
        return tuple(str(t) for t in range(len(periods)))
    try:
        return tuple(date(period["year"], period["month"], period["day"]).isoformat() for period in periods)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: year, month and day of a time are not a date: {error}") from None


def _names(name: str, content: dict[str, Any], nodes: int) -> tuple[str, ...]:
    if "node_ids" not in content:
        return tuple(str(n) for n in range(nodes))
    number = _object(f"{name}: node_ids", content["node_ids"])
    if sorted(map(str, number.values())) != sorted(str(n) for n in range(nodes)):
        came = f"{len(number)} names, of {listed(sorted(map(str, number.values())))}"
        raise ValueError(f"{name}: node_ids must name each of the {nodes} nodes 0 to {nodes - 1} once; got {came}")
    return tuple(sorted(number, key=lambda node: int(number[node])))


def _once(name: str, names: Sequence[str]) -> tuple[str, ...]:
    known: set[str] = set()
    for node in names:
        if node in known:
            raise ValueError(f"{name} has two nodes named {node}")
        known.add(node)
    return tuple(names)


def _by_time(where: str, by_time: object, times: Sequence[str]) -> list[object]:
    entries = _object(where, by_time)
    if set(entries) != set(times):
        wrong = sorted(set(entries) ^ set(times))[0]
        verb = "has no" if wrong in times else "has a"
        raise ValueError(f"{where} {verb} time {wrong!r}; there are values at times {times[0]} to {times[-1]}")
    return [entries[time] for time in times]


def _object(where: str, value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        came = "nothing" if value is None else type(value).__name__
        raise ValueError(f"{where} must be an object, got {came}")
    return value
