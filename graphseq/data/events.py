"""Constructor of a graph over time from timed events: each window of time becomes a snapshot."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch_geometric.data import TemporalData

from graphseq import _checks
from graphseq.data.graph import SpaceTimeGraph

_PRESENT = ("all", "since", "active")
_EMPTY = ("refuse", "keep")


def from_events(
    events: TemporalData | Tensor,
    window: float,
    *,
    start: float | None = None,
    present: Literal["all", "since", "active"] = "all",
    empty: Literal["refuse", "keep"] = "refuse",
    num_nodes: int | None = None,
) -> SpaceTimeGraph:
    r"""Read events as a graph over time: the edges of a snapshot are the events of one window.

    .. math:: k(t) = \lfloor (t - t_0) / w \rfloor, \qquad
              A^{(k)}_{ij} = \#\{\text{events } i \to j \text{ in window } k\}

    An event from a node to itself makes no edge, but counts in the features.

    Args:
        events: PyG's ``TemporalData`` (``src``, ``dst``, ``t``, and ``msg`` where there is one), or a table (E, 3 + F)
            of source, target, time and F features; in the order of time.
        window: w, the length of a window, in the units of the times.
        start: t₀, the beginning of the first window; by default the time of the first event.
        present: the nodes that have a row in a window: "all"; "since", those whose first event is in this window or
            an earlier one; or "active", those with an event in the window.
        empty: "refuse" a window without events, or "keep" it as a snapshot without edges (as a gap in time if only
            "active" nodes have rows).
        num_nodes: N; by default one more than the largest node number.

    Returns:
        Rows sorted by window k, which is their time, and node. Their features, (V, 2 + 2F): events sent, events
        received, and the sums of the features of those sent and of those received. The weight of an edge
        is its number of events.

    Raises:
        TypeError: ``events`` is neither.
        ValueError: no events; times that decrease or are not finite, features that are not finite, nodes that are not
            whole numbers from 0 or not below ``num_nodes``, each with the number of its event; a window without
            events, unless kept; an event before ``start``; a window not above 0.

    Example:
        >>> import torch
        >>> table = torch.tensor([[0, 1, 0.0], [0, 1, 3.0], [1, 2, 12.0]])
        >>> graph = from_events(table, window=10.0, present="active")
        >>> graph.time.tolist(), graph.node.tolist(), graph.edge_weight.tolist()
        ([0, 0, 1, 1], [0, 1, 1, 2], [2.0, 1.0])
        >>> graph.x.tolist()
        [[2.0, 0.0], [0.0, 2.0], [1.0, 0.0], [0.0, 1.0]]
    """
    window = _checks.positive("window", window)
    _checks.one_of("present", present, _PRESENT)
    _checks.one_of("empty", empty, _EMPTY)
    source, target, when, features = _columns(events)
    needed = int(torch.maximum(source, target).max()) + 1
    nodes = needed if num_nodes is None else _checks.at_least("num_nodes", num_nodes, 1)
    if needed > nodes:
        event = int((torch.maximum(source, target) >= nodes).nonzero()[0])
        raise ValueError(f"event {event} names node {needed - 1}, outside num_nodes={nodes}")
    number = _windows(when, window, start, keep=empty == "keep")
    steps = int(number[-1]) + 1
    present_at = _rows(source, target, number, steps, nodes, present)
    row = torch.cumsum(present_at.flatten(), 0) - 1  # row of each (window, node)
    ones = torch.ones(len(source), 1, dtype=features.dtype)
    values = torch.cat([ones, features], dim=1)
    x = torch.zeros(steps * nodes, 2, values.shape[1], dtype=features.dtype)
    x[:, 0].index_add_(0, number * nodes + source, values)
    x[:, 1].index_add_(0, number * nodes + target, values)
    both = torch.cat([x[:, :, 0], x[:, 0, 1:], x[:, 1, 1:]], dim=1)
    between = source != target
    key, count = ((number * nodes + source) * nodes + target)[between].unique(return_counts=True)
    reader = key.div(nodes * nodes, rounding_mode="floor") * nodes + key % nodes
    edges = torch.stack([key.div(nodes, rounding_mode="floor"), reader])
    when_node = present_at.nonzero()
    return SpaceTimeGraph(
        both[present_at.flatten()], when_node[:, 1], when_node[:, 0], row[edges], count.to(features.dtype)
    )


def _columns(events: TemporalData | Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return source, target, time (E,) and features (E, F), checked."""
    if isinstance(events, TemporalData):
        ends, when, features = [events.src, events.dst], events.t, events.get("msg")
    elif isinstance(events, Tensor):
        if events.dim() != 2 or events.shape[1] < 3:
            raise ValueError(f"events must be a table (E, 3 + F): source, target, time, …; got {tuple(events.shape)}")
        ends, when, features = [events[:, 0], events[:, 1]], events[:, 2], events[:, 3:]
    else:
        raise TypeError(f"events must be a PyG TemporalData or a table (E, 3 + F), got {type(events).__name__}")
    if len(when) == 0:
        raise ValueError("events is empty; at least one event is needed")
    if features is None:
        features = torch.zeros(len(when), 0)
    features = features.reshape(len(when), -1)
    features = features if features.is_floating_point() else features.to(torch.get_default_dtype())
    wrong = ~features.isfinite().all(dim=1) | ~when.isfinite()
    if bool(wrong.any()):
        raise ValueError(f"event {int(wrong.nonzero()[0])} has a time or a feature that is not finite")
    earlier = when.diff() < 0
    if bool(earlier.any()):
        event = int(earlier.nonzero()[0]) + 1
        raise ValueError(
            f"event {event} is at time {when[event].item():g}, before event {event - 1} at {when[event - 1].item():g}; "
            "sort events by time"
        )
    for name, end in zip(("source", "target"), ends, strict=True):
        wrong = (end != end.long()) | (end < 0)
        if bool(wrong.any()):
            event = int(wrong.nonzero()[0])
            raise ValueError(f"event {event} has {name} {end[event].item():g}; nodes are whole numbers from 0 on")
    return ends[0].long(), ends[1].long(), when, features


def _windows(when: Tensor, window: float, start: float | None, *, keep: bool) -> Tensor:
    """Return the number of the window of each event, (E,)."""
    first = when[0].item() if start is None else float(start)
    if when[0].item() < first:
        raise ValueError(f"event 0 is at time {when[0].item():g}, before start={first:g}")
    number = ((when.double() - first) / window).floor().long()
    gap = number.diff(prepend=number.new_full((1,), -1)) > 1
    if bool(gap.any()) and not keep:
        event = int(gap.nonzero()[0])
        missing = int(number[event - 1]) + 1 if event else 0
        begins = first + missing * window
        raise ValueError(
            f"window {missing}, from time {begins:g} to {begins + window:g}, has no event; take longer windows, or "
            'empty="keep"'
        )
    return number


def _rows(source: Tensor, target: Tensor, number: Tensor, steps: int, nodes: int, present: str) -> Tensor:
    """Return the nodes that have a row in each window, (T, N) of ``bool``."""
    if present == "all":
        return torch.ones(steps, nodes, dtype=torch.bool)
    is_present = torch.zeros(steps, nodes, dtype=torch.bool)
    is_present[number, source] = True
    is_present[number, target] = True
    return is_present if present == "active" else is_present.cummax(dim=0).values
