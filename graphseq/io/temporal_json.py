"""The JSON of PyTorch Geometric Temporal's data sets, told apart by what is in the file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from graphseq import _checks
from graphseq.io.containers import MISSING, TemporalDataset, floats
from graphseq.io.recording import Edges, Recording, assembled, read_edges

_VALUES = ("X", "FX", "block", "y")
_UNDERSTOOD = (
    "edges and X, FX, block or y (tables of times by nodes); edge_mapping and such a table; one object a time, "
    '"0", "1", …, with X or y, edges being there or beside them; nodes and links; edges, "0", "1", … and LABEL'
)


def read_temporal_json(path: str | Path, *, missing: Literal["refuse", "drop"] = "refuse") -> TemporalDataset:
    """Read a file of the kind that PyTorch Geometric Temporal's data sets are kept in.

    Which kind it is follows from its keys, the first that fits:

    - ``nodes`` and ``links``: node-link form (Montevideo buses). Each node has ``id``, and ``X``, lists of T values by
      name, or ``y``, one such list; each link ``source``, ``target`` and, all or none, ``weight``.
    - ``LABEL`` and ``edges``: hand movements (MTM-1). Under "0", "1", … stand the frames of one joint each, "(x, y,
      z)". The class of each frame, in ``LABEL``, is not read.
    - "0", "1", …: one object a time (Wikipedia mathematics, Twitter tennis, PedalMe and chickenpox in their older
      form), with ``X`` (N × F) or ``y`` (N), or both; ``edges`` and ``weights`` in each, or once, outside.
    - ``edge_mapping`` (England's COVID-19): ``edge_index`` and ``edge_weight`` by time, and a table as below.
    - ``edges``, and ``weights`` where edges have them (chickenpox, PedalMe, windmills): edges that stay, and one table
      T × N, or more, under ``X``, ``FX``, ``block`` or ``y``.

    Values are read as they stand: where PyTorch Geometric Temporal's loaders standardise over all times, future ones
    too, this reader does not. An edge [i, j] goes from i to j. Names of nodes are those of ``node_ids``, else numbers;
    names of times are dates where each time has ``year``, ``month`` and ``day``, else numbers from 0.

    Args:
        path: the file.
        missing: what to do with a value that is null or NaN: "refuse" the file, or "drop" that row, so that the node is
            away at that time, and with it edges that change and touch it then.

    Returns:
        Rows sorted by time and node. Edges that stay are kept once, as ``static_edge_index``.

    Raises:
        OSError: the file cannot be read.
        ValueError: no JSON, or of another form; tables that do not fit; an edge to a node that there is not; a value
            that is missing, unless dropped. The message names the place.

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
    return assembled(path.name, _recording(path.name, content), missing)


def _content(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}, line {error.lineno}: no JSON: {error.msg}") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: byte {error.start} is not utf-8; is it JSON?") from None
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
    raise ValueError(f"{name} has the keys {', '.join(content) or 'of nothing'}; understood are {_UNDERSTOOD}")


def _static(name: str, content: dict[str, Any], tables: Sequence[str]) -> Recording:
    values, channels = _tables(name, content, tables)
    edges = read_edges(f"{name}: edges", content["edges"], content.get("weights"), values.shape[1])
    return Recording(values, channels, _names(name, content, values.shape[1]), _numbers(name, content, values), edges)


def _mapped(name: str, content: dict[str, Any], tables: Sequence[str]) -> Recording:
    values, channels = _tables(name, content, tables)
    times = _numbers(name, content, values)
    where = f"{name}: edge_mapping"
    mapping = _object(where, content["edge_mapping"])
    index = _by_time(f"{where}.edge_index", mapping.get("edge_index"), times)
    weights: Sequence[object] = [None] * len(times)
    if "edge_weight" in mapping:
        weights = _by_time(f"{where}.edge_weight", mapping["edge_weight"], times)
    edges = [
        read_edges(f"{where}.edge_index[{time!r}]", pairs, weight, values.shape[1])
        for time, pairs, weight in zip(times, index, weights, strict=True)
    ]
    return Recording(values, channels, _names(name, content, values.shape[1]), times, edges)


def _periods(name: str, content: dict[str, Any]) -> Recording:
    count = sum(key.isdecimal() for key in content)
    one = {str(t): _object(f"{name}: time {t}", content.get(str(t))) for t in range(count)}
    keys = [key for key in _VALUES if key in one["0"]]
    if not keys:
        raise ValueError(f"{name}: time 0 has the keys {', '.join(one['0'])}, but none of {', '.join(_VALUES)}")
    snapshots: list[NDArray[np.float64]] = []
    for t, period in one.items():
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
        edges = read_edges(f"{name}: edges", content["edges"], content.get("weights"), nodes)
    else:
        for t, period in one.items():
            if ("weights" in period) != ("weights" in one["0"]):
                raise ValueError(f"{name}: times 0 and {t} must both have weights of edges, or neither")
        edges = [
            read_edges(f"{name}: edges at time {t}", period.get("edges"), period.get("weights"), nodes)
            for t, period in one.items()
        ]
    return Recording(values, channels, _names(name, content, nodes), _dates(name, list(one.values())), edges)


def _node_link(name: str, content: dict[str, Any]) -> Recording:
    rows: list[object] = []
    names: list[str] = []
    channels: list[str] = []
    for place, node in enumerate(content["nodes"]):
        where = f"{name}: nodes[{place}]"
        told = _object(where, node)
        if "id" not in told:
            raise ValueError(f"{where} has no id")
        series = _object(f"{where}.X", told.get("X", {}))
        series = series if "y" in series or "y" not in told else {**series, "y": told["y"]}
        if rows and list(series) != channels:
            raise ValueError(f"{where} has values of {list(series)}, but nodes[0] of {channels}")
        channels = list(series)
        rows.append([series[key] for key in channels])
        names.append(str(told["id"]))
    values = floats(f"{name}: values of nodes", rows, (3,)).transpose(2, 0, 1)
    number = {one: place for place, one in enumerate(names)}
    links = [_object(f"{name}: links[{place}]", link) for place, link in enumerate(content["links"])]
    for place, link in enumerate(links):
        for end in ("source", "target"):
            if str(link.get(end)) not in number:
                raise ValueError(f"{name}: links[{place}] has {end} {link.get(end)!r}, which is not among the nodes")
    pairs = [[number[str(link["source"])], number[str(link["target"])]] for link in links]
    weights = [link.get("weight") for link in links] if any("weight" in link for link in links) else None
    edges = read_edges(f"{name}: links", pairs, weights, len(names))
    return Recording(values, tuple(channels), _once(name, names), _numbers(name, content, values), edges)


def _joints(name: str, content: dict[str, Any]) -> Recording:
    count = sum(key.isdecimal() for key in content)
    joints = [_object(f"{name}: joint {n}", content.get(str(n))) for n in range(count)]
    frames = list(joints[0]) if joints else []
    for n, joint in enumerate(joints):
        if list(joint) != frames:
            raise ValueError(f"{name}: joint {n} has other frames than joint 0")
    places = [[[part.strip() for part in spot.strip("()").split(",")] for spot in one.values()] for one in joints]
    values = floats(f"{name}: joints", places, (3,)).transpose(1, 0, 2)
    edges = read_edges(f"{name}: edges", content["edges"], None, count)
    axes = tuple("xyz") if values.shape[2] == 3 else tuple(str(f) for f in range(values.shape[2]))
    return Recording(values, axes, tuple(str(n) for n in range(count)), tuple(frames), edges)


def _tables(name: str, content: dict[str, Any], keys: Sequence[str]) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Tables T × N, or T × N × F, side by side as channels (T, N, F)."""
    tables = [floats(f"{name}: {key}", content[key], (2, 3)) for key in keys]
    return _beside(name, keys, [one[..., None] if one.ndim == 2 else one for one in tables])


def _columns(where: str, period: dict[str, Any], keys: Sequence[str]) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Values of one time, N or N × F, side by side (N, F)."""
    for key in keys:
        if key not in period:
            raise ValueError(f"{where} has no {key}, but time 0 has")
    tables = [floats(f"{where}: {key}", period[key], (1, 2)) for key in keys]
    return _beside(where, keys, [one[..., None] if one.ndim == 1 else one for one in tables])


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
    """Times named by their numbers; ``time_periods`` must say as many."""
    said = content.get("time_periods", len(values))
    if said != len(values):
        raise ValueError(f"{name}: time_periods says {said}, but there are values of {len(values)} times")
    return tuple(str(t) for t in range(len(values)))


def _dates(name: str, periods: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    if not all({"year", "month", "day"} <= set(period) for period in periods):
        return tuple(str(t) for t in range(len(periods)))
    try:
        return tuple(date(one["year"], one["month"], one["day"]).isoformat() for one in periods)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: year, month and day of a time are no date: {error}") from None


def _names(name: str, content: dict[str, Any], nodes: int) -> tuple[str, ...]:
    if "node_ids" not in content:
        return tuple(str(n) for n in range(nodes))
    number = _object(f"{name}: node_ids", content["node_ids"])
    if sorted(map(str, number.values())) != sorted(str(n) for n in range(nodes)):
        raise ValueError(f"{name}: node_ids must name each of the {nodes} nodes 0 to {nodes - 1} once; got {number}")
    return tuple(sorted(number, key=lambda one: int(number[one])))


def _once(name: str, names: Sequence[str]) -> tuple[str, ...]:
    seen: set[str] = set()
    for one in names:
        if one in seen:
            raise ValueError(f"{name} has two nodes called {one}")
        seen.add(one)
    return tuple(names)


def _by_time(where: str, by_time: object, times: Sequence[str]) -> list[object]:
    told = _object(where, by_time)
    if set(told) != set(times):
        odd = sorted(set(told) ^ set(times))[0]
        has = "has no" if odd in times else "has a"
        raise ValueError(f"{where} {has} time {odd!r}; values are there at times {times[0]} to {times[-1]}")
    return [told[time] for time in times]


def _object(where: str, value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        came = "nothing" if value is None else type(value).__name__
        raise ValueError(f"{where} must be an object, got {came}")
    return value
