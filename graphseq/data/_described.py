"""Short descriptions of a graph: a line for the prompt and a table for a notebook."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from torch import Tensor

_IN_THE_COUNTS = {"node", "time", "edge_index", "static_edge_index", "target", "batch", "ptr", "edge_label_index"}


def parts_of(store: Mapping[str, Any], sizes: Mapping[str, str], num_graphs: int) -> Iterator[tuple[str, str]]:
    """Yield the parts of a graph by name: its size, the shape of each attribute, and where an output is asked for."""
    if "batch" in store:
        yield "B", str(num_graphs)
    yield from sizes.items()
    for key, value in store.items():
        if key not in _IN_THE_COUNTS and value is not None:
            yield key, _size(value)
    if (pairs := store.get("edge_label_index")) is not None:
        yield "asked", f"{pairs.shape[1]} pairs of rows"
    elif (target := store.get("target")) is not None:
        yield "asked", f"{int(target.sum())} rows"


def line(name: str, parts: Iterator[tuple[str, str]]) -> str:
    """Return the description as one line."""
    return f"{name}({', '.join(f'{key}={value}' for key, value in parts)})"


def table(name: str, parts: Iterator[tuple[str, str]]) -> str:
    """Return the description as a table in HTML, for a notebook."""
    rows = "".join(
        f"<tr><th style='text-align:left'>{escape(_MEANINGS.get(key, key))}</th>"
        f"<td style='text-align:left'>{escape(value)}</td></tr>"
        for key, value in parts
    )
    return f"<table><caption style='text-align:left'>{escape(name)}</caption>{rows}</table>"


_MEANINGS = {
    "B": "graphs B",
    "N": "nodes N",
    "T": "times T",
    "V": "rows V",
    "E": "edges E",
    "x": "features x",
    "y": "answers y",
    "asked": "outputs asked for at",
}


def _size(value: object) -> str:
    """The shape of a tensor, the length of a list, or a short value as it is."""
    if isinstance(value, Tensor):
        return str(list(value.shape))
    if isinstance(value, list | tuple | dict):
        return f"[{len(value)}]"
    return (
        repr(value) if isinstance(value, int | float | bool | str) and len(repr(value)) <= 40 else type(value).__name__
    )
