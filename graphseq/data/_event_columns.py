"""Events as columns: sources, targets, times and features, from PyG's temporal data, tables and frames."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import TemporalData

from graphseq import _checks
from graphseq.data.arrays import array_of, as_tensor, is_frame

_NAMES = (("source", "target", "time"), ("src", "dst", "t"), ("user", "item", "time"), ("user", "item", "timestamp"))
_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
_EPOCH = np.datetime64(0, "us")


@dataclass(frozen=True)
class Events:
    """E events in the order of time."""

    source: Tensor  # (E,)
    target: Tensor  # (E,)
    time: Tensor  # (E,), integers where the times are, so that nothing is rounded
    features: Tensor  # (E, F)
    names: list[object] | None = None  # of the nodes, where they are no numbers
    num_sources: int | None = None  # of a bipartite graph: its targets are numbered after these
    unit: str | None = None  # of times that are dates: "ns" or "us"


def read_events(events: object, bipartite: bool | None) -> Events:
    """Return the columns of events, checked.

    Raises:
        TypeError: neither temporal data, a table nor a frame, or columns of the wrong kind.
        ValueError: columns of different lengths, or events that make no sense, each with its number.
    """
    names = unit = None
    if isinstance(events, TemporalData):
        ends = [as_tensor("events.src", events.src), as_tensor("events.dst", events.dst)]
        when, features = as_tensor("events.t", events.t), events.get("msg")
        features = None if features is None else as_tensor("events.msg", features)
    elif is_frame(events):
        ends, when, features, names, unit, bipartite = _of_frame(events, bipartite)
    else:
        if not isinstance(events, Tensor | np.ndarray | Sequence) or isinstance(events, str | bytes):
            raise TypeError(
                "events must be a PyG TemporalData or a table (E, 3 + F) of numbers or a data frame, got "
                + type(events).__name__
            )
        table = as_tensor("events", events)
        if table.dim() != 2 or table.shape[1] < 3:
            raise ValueError(f"events must be a table (E, 3 + F): source, target, time, …; got {tuple(table.shape)}")
        ends, when, features = [table[:, 0], table[:, 1]], table[:, 2], table[:, 3:]
    return _checked(ends, when, features, names, unit, bipartite is True)


def _of_frame(
    frame: Any, bipartite: bool | None
) -> tuple[list[Tensor], Tensor, Tensor, list[object] | None, str | None, bool]:
    columns = [str(column) for column in frame.columns]
    chosen = next((names for names in _NAMES if set(names) <= set(columns)), None)
    if chosen is None:
        raise ValueError(
            f"events has the columns {', '.join(columns)}; name those of source, target and time 'source', 'target', "
            "'time' (or 'src', 'dst', 't', or 'user', 'item', 'time')"
        )
    if chosen[0] == "user" and bipartite is None:
        raise ValueError(
            "events has columns user and item; say whether user 0 and item 0 are two nodes, bipartite=True, or one, "
            "bipartite=False"
        )
    source, target = (_ids(name, frame[name]) for name in chosen[:2])
    names: list[object] | None = None
    if source.dtype.kind == "O" or target.dtype.kind == "O":
        if bipartite:
            known, number = np.unique(source.astype(str), return_inverse=True)
            others, second = np.unique(target.astype(str), return_inverse=True)
            names = [*known.tolist(), *others.tolist()]
        else:
            known, both = np.unique(np.concatenate([source.astype(str), target.astype(str)]), return_inverse=True)
            number, second, names = both[: len(source)], both[len(source) :], known.tolist()
        source, target = number, second
    when, unit = times_of(chosen[2], frame[chosen[2]])
    others_of = [name for name in columns if name not in chosen]
    parts = [as_tensor(f"events[{name!r}]", frame[name]).reshape(-1, 1) for name in others_of]
    features = torch.cat([part.to(torch.get_default_dtype()) for part in parts], dim=1) if parts else None
    ends = [torch.from_numpy(np.array(end)) for end in (source, target)]
    if features is None:
        features = torch.zeros(len(when), 0)
    return ends, when, features, names, unit, bool(bipartite)


def _ids(name: str, column: object) -> Any:
    """Return numbers of nodes, or their names as objects; a missing one is refused."""
    array = array_of(f"events[{name!r}]", column)
    if array is None:
        raise TypeError(f"events[{name!r}] must be a column of a frame, got {type(column).__name__}")
    if array.dtype.kind in "iuf":
        return array
    for event, entry in enumerate(array):
        if not isinstance(entry, str) or not entry:
            if isinstance(entry, int | np.integer) and not isinstance(entry, bool):
                continue
            raise ValueError(f"event {event} has {name} {entry!r}; nodes are numbers or names, none of them missing")
    if len({isinstance(entry, str) for entry in array}) > 1:
        raise ValueError(f"{name} of the events mixes names and numbers; make them all of one kind")
    return array.astype(object)


def times_of(name: str, column: object) -> tuple[Tensor, str | None]:
    """Return times as numbers, and of dates the unit: nanoseconds or microseconds since 1970, in UTC.

    Raises:
        TypeError, ValueError: neither numbers nor dates, or dates with and without a zone.
    """
    array = array_of(name, column)
    if array is None:
        raise TypeError(f"{name} must hold times, got {type(column).__name__}")
    if array.dtype.kind == "M":
        unit = "ns" if np.datetime_data(array.dtype)[0] in ("ns", "ps", "fs", "as") else "us"
        if np.isnat(array).any():
            raise ValueError(f"event {int(np.isnat(array).argmax())} has no {name}")
        return torch.from_numpy(array.astype(f"M8[{unit}]").astype(np.int64)), unit
    if array.dtype.kind in "biuf":
        return as_tensor(name, array), None
    moments = [_moment(name, event, entry) for event, entry in enumerate(array)]
    if len({moment.tzinfo is None for moment in moments}) > 1:
        raise ValueError(f"{name} holds dates with and without a zone; give all of them one, or none")
    return torch.tensor([_microseconds(moment) for moment in moments], dtype=torch.long), "us"


def _moment(name: str, event: int, entry: object) -> datetime:
    if isinstance(entry, datetime) and entry == entry:  # noqa: PLR0124 - a missing date is unlike itself
        return entry
    try:
        is_month = isinstance(entry, str) and _MONTH.fullmatch(entry)
        return datetime.fromisoformat(f"{entry}-01" if is_month else entry)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise ValueError(
            f"event {event} has {name} {entry!r}; times are numbers, or dates as 2020-01-31T23:59:59"
        ) from None


def _microseconds(moment: datetime) -> int:
    since = moment - (datetime(1970, 1, 1, tzinfo=moment.tzinfo) if moment.tzinfo is None else _zero())
    return since // timedelta(microseconds=1)


def _zero() -> datetime:
    return datetime.fromisoformat("1970-01-01T00:00:00+00:00")


_FARTHEST = 2**62  # the largest time, or length of a window


def amount(name: str, value: object, unit: str | None) -> float | int:
    """Return the length of a window in the unit of the times: a number, or of dates a ``timedelta``.

    Raises:
        TypeError, ValueError: a number where times are dates, the reverse, or a length not above 0.
    """
    is_duration = isinstance(value, timedelta | np.timedelta64)
    if unit is None and is_duration:
        raise TypeError(f"{name} must be a number, in the unit of the times, which are no dates; got {value!r}")
    if unit is not None:
        if not is_duration:
            raise TypeError(f"{name} must be a timedelta, since the times are dates; got {_checks.shown(value)}")
        value = int(np.timedelta64(value, "us" if isinstance(value, timedelta) else None) / np.timedelta64(1, unit))  # type: ignore[call-overload]
    number = _checks.positive(name, value)
    _checks.between(name, number, 0, _FARTHEST)
    return int(number) if number.is_integer() else number


def moment_of(name: str, value: object, unit: str | None) -> float | int:
    """Return a time in the unit of the times: a finite number, or of dates a date."""
    if unit is not None:
        times, _ = times_of(name, np.array([value], dtype=object) if not isinstance(value, np.datetime64) else [value])
        return int(times[0]) * (1000 if unit == "ns" else 1)
    number = _checks.between(name, value, -_FARTHEST, _FARTHEST)
    return int(value) if isinstance(value, int | np.integer) else number


def shown(time: Tensor | float) -> str:
    """Return a time for a message: integers with all their digits."""
    number = time.item() if isinstance(time, Tensor) else time
    return str(int(number)) if float(number).is_integer() else repr(number)


def _checked(
    ends: list[Tensor],
    when: Tensor,
    features: Tensor | None,
    names: list[object] | None,
    unit: str | None,
    bipartite: bool,
) -> Events:
    count = len(when) if when.dim() == 1 else -1
    for name, column in (("source", ends[0]), ("target", ends[1])):
        if column.dim() != 1 or len(column) != count:
            raise ValueError(
                f"events has {name} of shape {tuple(column.shape)}, but times of shape {tuple(when.shape)}; there must "
                "be one of each for each event"
            )
    if features is not None and (not features.dim() or len(features) != count):
        raise ValueError(f"events has {count} times, but features of shape {tuple(features.shape)}")
    if count == 0:
        raise ValueError("events is empty; at least one event is needed")
    features = torch.zeros(count, 0) if features is None else features.reshape(count, -1)
    if any(column.is_complex() for column in (*ends, when, features)):
        raise TypeError("events must hold real numbers, got complex ones")
    features = features if features.is_floating_point() else features.to(torch.get_default_dtype())
    wrong = ~features.isfinite().all(dim=1) | ~when.isfinite()
    if bool(wrong.any()):
        raise ValueError(f"event {int(wrong.nonzero()[0])} has a time or a feature that is not finite")
    earlier = when[1:] < when[:-1]
    if bool(earlier.any()):
        event = int(earlier.nonzero()[0]) + 1
        raise ValueError(
            f"event {event} is at time {shown(when[event])}, before event {event - 1} at {shown(when[event - 1])}; "
            "sort events by time"
        )
    for name, end in zip(("source", "target"), ends, strict=True):
        wrong = (end != end.long()) | (end < 0)
        if bool(wrong.any()):
            event = int(wrong.nonzero()[0])
            raise ValueError(f"event {event} has {name} {end[event].item():g}; nodes are whole numbers from 0 on")
    source, target = ends[0].long(), ends[1].long()
    if not bipartite:
        return Events(source, target, when, features, names, None, unit)
    num_sources = int(source.max()) + 1
    return Events(source, target + num_sources, when, features, names, num_sources, unit)
