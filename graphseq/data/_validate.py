"""Checks of the tensors of a :class:`~graphseq.SpaceTimeGraph`; an error names the first place that is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from graphseq import _checks
from graphseq.data.topology import Topology


def checked_x(x: object) -> Tensor:
    """Return the features, or raise if they are neither floats (V, F) nor tokens (V,)."""
    x = _checks.is_tensor("x", x)
    if x.is_floating_point():
        if x.dim() != 2:
            column = "; one feature a row is a column, x[:, None]" if x.dim() == 1 else ""
            raise ValueError(f"x must have shape (V, F), got {tuple(x.shape)}{column}")
    elif x.dtype == torch.bool or x.is_complex():
        raise TypeError(f"x must hold floats (V, F) or integer tokens (V,), got dtype {x.dtype}")
    elif x.dim() != 1:
        raise ValueError(f"x of integers holds tokens and must have shape (V,), got {tuple(x.shape)}")
    return x


def checked_parts(rows: int, given: Mapping[str, Tensor | None]) -> dict[str, Tensor | None]:
    """Return the tensors of a topology by name, or raise with the first place that does not fit.

    Args:
        rows: V.
        given: the arguments of a :class:`Topology` by name, all of them.
    """
    node, time, edge_index, edge_weight, static_edge_index, static_edge_weight, edge_attr, static_edge_attr = (
        given[key] for key in Topology.KEYS
    )
    node = _checks.integer_rows("node", node, rows)
    time = _checks.integer_rows("time", time, rows)
    if rows and int(node.min()) < 0:
        raise ValueError(f"node must be numbered from 0, got {int(node.min())}")
    _check_pairs_once(node, time)
    if edge_index is not None and static_edge_index is not None:
        raise ValueError("edge_index and static_edge_index were both given; a graph has one kind of spatial edges")
    for name, index, weight, attr in (
        ("edge", edge_index, edge_weight, edge_attr),
        ("static_edge", static_edge_index, static_edge_weight, static_edge_attr),
    ):
        for values, of in ((weight, "weight"), (attr, "attr")):
            if index is None and values is not None:
                raise ValueError(f"{name}_{of} was given without {name}_index")
    if static_edge_index is not None:
        size = int(node.max()) + 1 if rows else 0
        static_edge_index = _checks.edges("static_edge_index", static_edge_index, size, "nodes")
        static_edge_weight, static_edge_attr = checked_edge_values(
            static_edge_index.shape[1], static_edge_weight, static_edge_attr, "static_edge"
        )
        parts = (node, time, None, None, static_edge_index, static_edge_weight, None, static_edge_attr)
        return dict(zip(Topology.KEYS, parts, strict=True))
    if edge_index is None:
        edge_index = node.new_zeros((2, 0))
    edge_index = _checks.edges("edge_index", edge_index, rows, "rows")
    across = time[edge_index[0]] != time[edge_index[1]]
    if bool(across.any()):
        position = int(across.nonzero()[0])
        (i, j), (s, t) = edge_index[:, position].tolist(), time[edge_index[:, position]].tolist()
        raise ValueError(
            f"edge_index[:, {position}] joins row {i} at time {s} to row {j} at time {t}; spatial edges join rows of "
            "one time, and temporal edges are derived, not given"
        )
    edge_weight, edge_attr = checked_edge_values(edge_index.shape[1], edge_weight, edge_attr, "edge")
    kept = (node, time, edge_index, edge_weight, None, None, edge_attr, None)
    return dict(zip(Topology.KEYS, kept, strict=True))


def checked_edge_values(count: int, weight: object, attr: object, prefix: str) -> tuple[Tensor | None, Tensor | None]:
    """Return weights (E,) and features (E, D) of edges, or raise with the name of what does not fit."""
    return (
        None if weight is None else _checks.weights(f"{prefix}_weight", weight, count),
        None if attr is None else _checked_edge_attr(f"{prefix}_attr", attr, count),
    )


def _checked_edge_attr(name: str, attr: object, count: int) -> Tensor:
    attr = _checks.is_tensor(name, attr)
    if attr.dim() != 2 or attr.shape[0] != count:
        raise ValueError(f"{name} must have shape ({count}, D), one row an edge; got {tuple(attr.shape)}")
    if not attr.is_floating_point():
        raise TypeError(
            f"{name} must hold floats, got dtype {attr.dtype}; numbers go in as float(), classes as one-hot rows, say"
        )
    if not bool(attr.isfinite().all()):
        edge, column = (~attr.isfinite()).nonzero()[0].tolist()
        raise ValueError(f"{name}[{edge}, {column}] is {attr[edge, column].item()}; features of edges must be finite")
    return attr


def check_rows(rows: int, topology: Topology, attributes: Mapping[str, object]) -> None:
    """Raise if the topology or an attribute has another number of rows."""
    if topology.num_rows != rows:
        raise ValueError(f"topology has {topology.num_rows} rows for a graph of {rows}")
    if "x" in attributes and (x := checked_x(attributes["x"])).shape[0] != rows:
        raise ValueError(f"x has {x.shape[0]} rows for a graph of {rows}")
    if (target := attributes.get("target")) is not None:
        _checks.marked_rows("target", target, rows)
    if (batch := attributes.get("batch")) is not None:
        _checks.integer_rows("batch", batch, rows)


def checked_y(y: object) -> Tensor:
    """Return the answers, or raise if they are not finite real numbers."""
    y = _checks.is_tensor("y", y)
    if y.is_complex():
        raise TypeError(f"y must hold real numbers, got dtype {y.dtype}")
    if y.is_floating_point() and not bool(y.isfinite().all()):
        place = (~y.isfinite()).nonzero()[0].tolist()
        raise ValueError(
            f"y[{', '.join(map(str, place))}] is {y[tuple(place)].item()}; answers must be finite. Where some are "
            "missing, mark the rows that have one in target, and give y for these"
        )
    return y


def check_answers(y: object, target_rows: int, graphs: int) -> None:
    """Raise if there is neither one answer for each target row nor one for each graph."""
    y = checked_y(y)
    if y.dim() == 0 or y.shape[0] not in (target_rows, graphs):
        raise ValueError(f"y must have one entry for each of {target_rows} target rows, got {tuple(y.shape)}")


def check_finite(x: Tensor, topology: Topology) -> None:
    """Raise if a feature is not finite, naming its row, node and time."""
    if x.is_floating_point() and not bool(x.isfinite().all()):
        row, column = (~x.isfinite()).nonzero()[0].tolist()
        raise ValueError(
            f"x[{row}, {column}] is {x[row, column].item()}, at node {int(topology.node[row])} and time "
            f"{int(topology.time[row])}; features must be finite. A node without them has no row at that time"
        )


def _check_pairs_once(node: Tensor, time: Tensor) -> None:
    order = time.argsort(stable=True)
    order = order[node[order].argsort(stable=True)]
    repeated = (node[order[1:]] == node[order[:-1]]) & (time[order[1:]] == time[order[:-1]])
    if bool(repeated.any()):
        position = int(repeated.nonzero()[0])
        first, second = sorted(order[position : position + 2].tolist())
        raise ValueError(
            f"rows {first} and {second} are both node {int(node[first])} at time {int(time[first])}; "
            "a (node, time) pair occurs once"
        )


def checked_target(target: Tensor | None, y: Tensor | None, rows: int) -> Tensor | None:
    """Return the target mark, or raise if it and ``y`` do not fit the rows."""
    count = rows
    if target is not None:
        target = _checks.marked_rows("target", target, rows)
        count = int(target.sum())
    if y is not None and (checked_y(y).dim() == 0 or y.shape[0] not in (count, 1)):
        raise ValueError(
            f"y must have one entry for each of the {count} target rows, or one for the graph; got {tuple(y.shape)}"
        )
    return target


def checked_origin(origin: object, answers: object, old: int, new: int) -> Tensor:
    """Return the old row of each new one, or raise if it is no row, or if the rows answered are not marked rightly."""
    rows = _checks.rows("origin", origin, old)
    if len(rows) != new:
        raise ValueError(f"origin must have shape ({new},), one old row for each row of topology; got {len(rows)}")
    _checks.marked_rows("answers", answers, new)
    return rows


def checked_times(times: object, count: int) -> list[int]:
    """Return the times of snapshots, 0, 1, … where there are none, or raise if they are no ascending integers."""
    if times is None:
        return list(range(count))
    if isinstance(times, np.ndarray | Tensor) and times.ndim == 1:
        times = (_checks.is_tensor("times", times) if isinstance(times, Tensor) else times).tolist()
    if isinstance(times, str | bytes) or not isinstance(times, Sequence):
        raise TypeError(f"times must be a sequence of integers, one a snapshot; got {_checks.shown(times)}. {_ADVICE}")
    try:
        moments = [_checks.at_least(f"times[{place}]", time, -(2**63), 2**63 - 1) for place, time in enumerate(times)]
    except TypeError as error:
        raise TypeError(f"{error}. {_ADVICE}") from None
    if len(moments) != count or any(a >= b for a, b in pairwise(moments)):
        raise ValueError(f"times must be {count} strictly ascending integers, one a snapshot; got {moments!r:.80}")
    return moments


_ADVICE = "Number dates or names in their order, from 0"


def check_whole(name: str, attributes: Mapping[str, object]) -> None:
    """Raise if the attributes of a graph are not those of rows at times, in memory."""
    for key in ("node", "time"):
        value = attributes.get(key)
        if not isinstance(value, Tensor):
            raise ValueError(f"{name} is no whole graph: it has no {key} of its rows, (V,)")
        if value.is_meta:
            raise ValueError(f"{name} must hold numbers, but its {key} is on the meta device, where tensors have none")
    if not isinstance(x := attributes.get("x"), Tensor | None):
        raise TypeError(f"{name} must have features x that are a torch.Tensor, got {type(x).__name__}")
