"""From events, who with whom and when, to a graph over time: one snapshot a window."""

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
    r"""Read events as a graph that changes: the edges of a snapshot are the events of one window of time.

    .. math:: k(t) = \lfloor (t - t_0) / w \rfloor, \qquad
              A^{(k)}_{ij} = \#\{\text{events } i \to j \text{ in window } k\}

    An event with oneself makes no edge, and is counted in the features.

    Args:
        events: PyG's ``TemporalData`` (``src``, ``dst``, ``t``, and ``msg`` where there is one), or a table (E, 3 + F)
            of source, target, time and F features; in the order of time.
        window: w, the length of a window, in the units of the times.
        start: t₀, where the first window begins; without it, the first event's time.
        present: which nodes have a row in a window: "all" of them; those "since" whose first event, that one counted;
            or those "active" in it, so that a node comes and goes.
        empty: what to do with a window without events, before the last: "refuse" it, or "keep" it, as a snapshot
            without edges (where no node is "active", as a gap in time).
        num_nodes: N; without it, one more than the largest number.

    Returns:
        Rows sorted by window k, which is their time, and node. Their features, (V, 2 + 2F): events sent, events
        received, and the sums of the features of those sent and of those received. Edges weigh how many events they
        stand for.

    Raises:
        TypeError: ``events`` is neither.
        ValueError: no events; times that go back or are not finite, features that are not, nodes that are no whole
            numbers from 0 on or outside ``num_nodes``, each named by its event; a window without events, unless kept;
            an event before ``start``; a window not above 0.

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
    most = int(torch.maximum(source, target).max()) + 1
    nodes = most if num_nodes is None else _checks.at_least("num_nodes", num_nodes, 1)
    if most > nodes:
        place = int((torch.maximum(source, target) >= nodes).nonzero()[0])
        raise ValueError(f"event {place} names node {most - 1}, outside num_nodes={nodes}")
    number = _windows(when, window, start, keep=empty == "keep")
    steps = int(number[-1]) + 1
    there = _rows(source, target, number, steps, nodes, present)
    row = torch.cumsum(there.flatten(), 0) - 1  # where (window, node) stands among the rows
    ones = torch.ones(len(source), 1, dtype=features.dtype)
    told = torch.cat([ones, features], dim=1)
    x = torch.zeros(steps * nodes, 2, told.shape[1], dtype=features.dtype)
    x[:, 0].index_add_(0, number * nodes + source, told)
    x[:, 1].index_add_(0, number * nodes + target, told)
    both = torch.cat([x[:, :, 0], x[:, 0, 1:], x[:, 1, 1:]], dim=1)
    between = source != target
    key, count = ((number * nodes + source) * nodes + target)[between].unique(return_counts=True)
    reader = key.div(nodes * nodes, rounding_mode="floor") * nodes + key % nodes
    edges = torch.stack([key.div(nodes, rounding_mode="floor"), reader])
    when_node = there.nonzero()
    return SpaceTimeGraph(both[there.flatten()], when_node[:, 1], when_node[:, 0], row[edges], count.to(features.dtype))


def _columns(events: TemporalData | Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Source, target, time (E,) and features (E, F), each held to what it must be."""
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
    back = when.diff() < 0
    if bool(back.any()):
        place = int(back.nonzero()[0]) + 1
        raise ValueError(
            f"event {place} is at time {when[place].item():g}, before event {place - 1} at {when[place - 1].item():g}; "
            "sort events by time"
        )
    for name, end in zip(("source", "target"), ends, strict=True):
        wrong = (end != end.long()) | (end < 0)
        if bool(wrong.any()):
            place = int(wrong.nonzero()[0])
            raise ValueError(f"event {place} has {name} {end[place].item():g}; nodes are whole numbers from 0 on")
    return ends[0].long(), ends[1].long(), when, features


def _windows(when: Tensor, window: float, start: float | None, *, keep: bool) -> Tensor:
    """The window of each event, (E,)."""
    first = when[0].item() if start is None else float(start)
    if when[0].item() < first:
        raise ValueError(f"event 0 is at time {when[0].item():g}, before start={first:g}")
    number = ((when.double() - first) / window).floor().long()
    gap = number.diff(prepend=number.new_full((1,), -1)) > 1
    if bool(gap.any()) and not keep:
        place = int(gap.nonzero()[0])
        missing = int(number[place - 1]) + 1 if place else 0
        begins = first + missing * window
        raise ValueError(
            f"window {missing}, from time {begins:g} to {begins + window:g}, has no event; take longer windows, or "
            'empty="keep"'
        )
    return number


def _rows(source: Tensor, target: Tensor, number: Tensor, steps: int, nodes: int, present: str) -> Tensor:
    """Which nodes have a row in which window, (T, N) of ``bool``."""
    if present == "all":
        return torch.ones(steps, nodes, dtype=torch.bool)
    there = torch.zeros(steps, nodes, dtype=torch.bool)
    there[number, source] = True
    there[number, target] = True
    return there if present == "active" else there.cummax(dim=0).values
