"""Constructor of a graph over time from timed events: each window of time becomes a snapshot."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

import torch
from torch import Tensor
from torch_geometric.data import TemporalData

from graphseq import _checks
from graphseq.data._event_columns import amount, moment_of, read_events, shown
from graphseq.data.arrays import Numbers
from graphseq.data.graph import SpaceTimeGraph

_MOST = 2**28  # rows, with features of all of which memory would be filled
_LONGEST = 2**62  # span of times that integers of 64 bits can hold the differences of
_PRESENT = ("all", "since", "active")
_EMPTY = ("refuse", "keep")


def from_events(
    events: Numbers | TemporalData,
    window: float | timedelta,
    *,
    start: float | datetime | None = None,
    present: Literal["all", "since", "active"] = "all",
    empty: Literal["refuse", "keep"] = "refuse",
    num_nodes: int | None = None,
    bipartite: bool | None = None,
) -> SpaceTimeGraph:
    r"""Read events as a graph over time: the edges of a snapshot are the events of one window.

    .. math:: k(t) = \lfloor (t - t_0) / w \rfloor, \qquad
              A^{(k)}_{ij} = \#\{\text{events } i \to j \text{ in window } k\}

    An event from a node to itself makes no edge, but counts in the features.

    Args:
        events: PyG's ``TemporalData`` (``src``, ``dst``, ``t``, and ``msg`` if there is one; nothing else is read), a
            table (E, 3 + F) of source, target, time and F features, or a frame of pandas or polars with the columns
            ``source``, ``target``, ``time`` (or ``src``, ``dst``, ``t``, or ``user``, ``item``, ``time``) and F others;
            in the order of time. Nodes of a frame may have names, its times be dates, also as text.
        window: w, the length of a window, in the units of the times; of dates a ``timedelta``.
        start: t₀, the beginning of the first window; by default the time of the first event. Of dates a date.
        present: the nodes that have a row in a window: "all"; "since", those whose first event is in this window or
            an earlier one; or "active", those with an event in the window.
        empty: "refuse" a window without events, or "keep" it as a snapshot without edges (as a gap in time if only
            "active" nodes have rows).
        num_nodes: N; by default one more than the largest node number.
        bipartite: True where sources and targets are numbered apart, user 0 and item 0 being two nodes: targets are
            then numbered after the sources, of which the graph tells the number as ``num_sources``. By default a number
            is one node wherever it occurs, and columns ``user`` and ``item`` need an answer.

    Returns:
        Rows sorted by window k, which is their time, and node. Their features, (V, 2 + 2F): events sent, events
        received, and the sums of the features of those sent and of those received. The weight of an edge
        is its number of events. Names of nodes are ``node_names``, a list (N,), sorted.

    Raises:
        TypeError: ``events`` is none of these, or ``window`` a number where times are dates, or the reverse.
        ValueError: no events; columns of different lengths; times that decrease, are not finite, or too coarse for the
            windows; features that are not finite; nodes that are not whole numbers from 0 or not below ``num_nodes``,
            each with the number of its event; a window without events, unless kept; an event before ``start``; a window
            not above 0; more rows than memory holds.

    Example:
        >>> import torch
        >>> table = torch.tensor([[0, 1, 0.0], [0, 1, 3.0], [1, 2, 12.0]])
        >>> graph = from_events(table, window=10.0, present="active")
        >>> graph.time.tolist(), graph.node.tolist(), graph.edge_weight.tolist()
        ([0, 0, 1, 1], [0, 1, 1, 2], [2.0, 1.0])
        >>> graph.x.tolist()
        [[2.0, 0.0], [0.0, 2.0], [1.0, 0.0], [0.0, 1.0]]
    """
    _checks.one_of("present", present, _PRESENT)
    _checks.one_of("empty", empty, _EMPTY)
    read = read_events(events, None if bipartite is None else _checks.truth("bipartite", bipartite))
    length = amount("window", window, read.unit)
    first = read.time[0].item() if start is None else moment_of("start", start, read.unit)
    source, target, features = read.source, read.target, read.features
    needed = int(torch.maximum(source, target).max()) + 1
    nodes = needed if num_nodes is None else _checks.at_least("num_nodes", num_nodes, 1)
    if needed > nodes:
        event = int((torch.maximum(source, target) >= nodes).nonzero()[0])
        raise ValueError(f"event {event} names node {needed - 1}, outside num_nodes={nodes}")
    number = _windows(read.time, length, first, keep=empty == "keep")
    steps = int(number[-1]) + 1
    if steps * nodes > _MOST:
        raise ValueError(
            f"{steps} windows of {nodes} nodes are {steps * nodes} rows, more than {_MOST}; number the nodes from 0 "
            "without gaps, torch.unique(ends, return_inverse=True), or take longer windows"
        )
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
    graph = SpaceTimeGraph(
        both[present_at.flatten()], when_node[:, 1], when_node[:, 0], row[edges], count.to(features.dtype)
    )
    if read.names is not None:
        graph.node_names = read.names
    if read.num_sources is not None:
        graph.num_sources = read.num_sources
    return graph


def _windows(when: Tensor, window: float, first: float, *, keep: bool) -> Tensor:
    """Return the number of the window of each event, (E,)."""
    if when[0].item() < first:
        raise ValueError(f"event 0 is at time {shown(when[0])}, before start={shown(first)}")
    if when[-1].item() - first >= _LONGEST:
        raise ValueError(
            f"times from {shown(first)} to {shown(when[-1])} are too far apart; they must span less than 2^62"
        )
    if (when[-1].item() - first) / window > 2**62:
        raise ValueError(f"window={window:g} makes more than {2**62} windows of these times; take longer ones")
    number = _numbers(when, window, first)
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


def _numbers(when: Tensor, window: float, first: float) -> Tensor:
    """Return ⌊(t - t₀) / w⌋, exact where all are integers, and where not with times taken for what they are written as.

    A time within the rounding of its number type of the edge of a window is at the edge: 0.3 is three times 0.1.
    """
    _check_fine(when, window)
    is_whole = not when.is_floating_point() or bool((when == when.round()).all() and when.abs().max() < 2**53)
    if is_whole and isinstance(first, int | float) and float(first).is_integer():
        elapsed = when.long() - int(first)
        if float(window).is_integer():
            return elapsed.div(int(window), rounding_mode="floor")
        place, unsure = elapsed.double() / window, 0.0
    else:
        place = (when.double() - first) / window
        kind = when.dtype if when.is_floating_point() else torch.float64
        unsure = 2 * torch.finfo(kind).eps * max(float(when.abs().max()), abs(first)) / window
    if unsure > 0.25:
        raise ValueError(
            f"times of {when.dtype} near {when.abs().max().item():g} are too coarse for windows of {window:g}; give "
            "them as float64 or as integers"
        )
    nearest = place.round()
    is_edge = (place - nearest).abs() <= unsure + 4 * torch.finfo(torch.float64).eps * place.abs()
    return torch.where(is_edge, nearest, place.floor()).long()


def _check_fine(when: Tensor, window: float) -> None:
    """Raise where whole numbers have been rounded to multiples of more than a window, as 1.7e9 is in float32."""
    if not when.is_floating_point():
        return
    largest, eps = float(when.abs().max()), torch.finfo(when.dtype).eps
    if largest * eps > 2 and largest * eps > window:
        raise ValueError(
            f"times of {when.dtype} near {largest:g} are too coarse for windows of {window:g}; give them as float64 or "
            "as integers"
        )


def _rows(source: Tensor, target: Tensor, number: Tensor, steps: int, nodes: int, present: str) -> Tensor:
    """Return the nodes that have a row in each window, (T, N) of ``bool``."""
    if present == "all":
        return torch.ones(steps, nodes, dtype=torch.bool)
    is_present = torch.zeros(steps, nodes, dtype=torch.bool)
    is_present[number, source] = True
    is_present[number, target] = True
    return is_present if present == "active" else is_present.cummax(dim=0).values
