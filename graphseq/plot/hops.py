"""A graph coloured by hops: how far every row is from one, by which routes, and how a receptive field grows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from math import hypot

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.transforms import ScaledTranslation

from graphseq import _checks
from graphseq.data.graph import SpaceTimeGraph
from graphseq.plot.nodes import MOST_LABELS, Places, checked_row, draw_nodes, edges_of, prepared
from graphseq.reach.hops import hop_distances, hops_from

# Okabe and Ito's colours; routes differ in their dashes as well.
_ROUTES: tuple[tuple[str, tuple[float, tuple[float, ...]]], ...] = (
    ("#D55E00", (0, ())),
    ("#0072B2", (0, (3, 1))),
    ("#009E73", (0, (1, 0.7))),
    ("#CC79A7", (0, (5, 1, 1, 1))),
    ("#E69F00", (0, (7, 1.5))),
    ("#000000", (0, (3, 1, 1, 1, 1, 1))),
)
OUT_OF_REACH = "#bdbdbd"
_UNSEEN = "#ffffff"
_WIDE = 40  # characters of a route in the legend
_MOST_NAMED = 16


def draw_hops(
    axes: Axes,
    graph: SpaceTimeGraph,
    source_row: int,
    *,
    routes: Sequence[Sequence[int]] | None = None,
    labels: Sequence[str] | None = None,
    pos: Places | None = None,
) -> Axes:
    """Draw a static graph, its nodes coloured by hops from one row, with routes over its edges.

    What is out of reach is grey. Routes that share an edge run side by side on it. The legend stands to the right of
    the axes; ``Figure(layout="constrained")`` makes room for it.

    Args:
        axes: where to draw.
        graph: V rows of one time, at most 200.
        source_row: the row from which hops are counted, drawn with a double rim.
        routes: row numbers along edges, at most 6 routes, such as :func:`graphseq.reach.routes` gives.
        labels: a name a row, (V,); row numbers without it. Above 60 rows only those on a few routes are written.
        pos: where each row stands, (x, y) by row number; without it by Kamada and Kawai's layout, or in a
            line, back and forth if it is long, where the graph is a path; always the same.

    Returns:
        ``axes``.

    Raises:
        ValueError: a graph of several times or more than 200 rows, a row outside it, a route that leaves its edges,
            more than 6 routes, or labels or places that are not one a row.

    Example:
        >>> import graphseq as gs, networkx as nx
        >>> from matplotlib.figure import Figure
        >>> axes = draw_hops(Figure().subplots(), gs.from_graph(nx.path_graph(3)), 0, routes=[[0, 1, 2]])
        >>> [text.get_text() for text in axes.get_legend().get_texts()]
        ['route 0-1-2', '0 hops', '1 hop', '2 hops']
    """
    names, places = prepared(graph, labels, pos)
    source = checked_row("source_row", source_row, graph)
    hops = hops_from(graph, source).tolist()
    ways = _checked_routes(graph, routes)
    most = max(hops)
    colours = [hop_colour(hop, most) for hop in hops]
    draw_nodes(axes, graph, places, colours, names, source)
    _draw_routes(axes, places, ways)
    _name_routes(axes, places, ways, names)
    handles = [
        Line2D([], [], color=colour, linestyle=dash, linewidth=2.5, label=f"route {_named(way, names)}")
        for way, (colour, dash) in zip(ways, _ROUTES, strict=False)
    ]
    shown = [*range(0, most, -(-(most + 1) // 10)), most]
    handles += [_dot(hop_colour(hop, most), f"{hop} hop{'' if hop == 1 else 's'}") for hop in shown]
    if -1 in hops:
        handles.append(_dot(OUT_OF_REACH, f"unreachable ({hops.count(-1)})"))
    axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    axes.set_title(f"hops from {names[source]}")
    return axes


def draw_receptive_fields(
    panels: Iterable[Axes],
    graph: SpaceTimeGraph,
    row: int,
    depths: Sequence[int],
    *,
    labels: Sequence[str] | None = None,
    pos: Places | None = None,
) -> list[Axes]:
    """Draw which rows a GCN sees from one row, a panel a number of layers; what it does not see is left white.

    Args:
        panels: as many axes as depths.
        graph: V rows of one time, at most 200.
        row: the row asked, drawn with a double rim.
        depths: numbers of layers.
        labels: a name a row, (V,); row numbers without it. Above 60 rows none are written.
        pos: where each row stands; see :func:`draw_hops`.

    Returns:
        The axes drawn on.

    Raises:
        ValueError: as many axes as depths are not given, or what :func:`draw_hops` refuses.

    Example:
        >>> import graphseq as gs, networkx as nx
        >>> from matplotlib.figure import Figure
        >>> graph = gs.from_graph(nx.path_graph(4))
        >>> [panel.get_title() for panel in draw_receptive_fields(Figure().subplots(1, 2), graph, 0, [1, 2])]
        ['1 layer: 2 of 4 rows', '2 layers: 3 of 4 rows']
    """
    drawn = list(np.ravel(np.array(list(panels), dtype=object)))
    layers = [_checks.at_least("depths", depth, 0) for depth in depths]
    if len(drawn) != len(layers):
        raise ValueError(f"panels must be one axes a depth: got {len(drawn)} for {len(layers)} depths")
    names, places = prepared(graph, labels, pos)
    asked = checked_row("row", row, graph)
    hops = hop_distances(graph, torch.tensor([asked]))[0].tolist()
    for axes, depth in zip(drawn, layers, strict=True):
        seen = [0 <= hop <= depth for hop in hops]
        colours = [hop_colour(hop, max(hops)) if inside else _UNSEEN for hop, inside in zip(hops, seen, strict=True)]
        draw_nodes(axes, graph, places, colours, names, asked)
        axes.set_title(f"{depth} layer{'' if depth == 1 else 's'}: {sum(seen)} of {len(seen)} rows")
    return drawn


def _checked_routes(graph: SpaceTimeGraph, routes: Sequence[Sequence[int]] | None) -> list[list[int]]:
    ways = [[checked_row(f"routes[{n}]", row, graph) for row in way] for n, way in enumerate(routes or [])]
    if len(ways) > len(_ROUTES):
        raise ValueError(f"routes must be at most {len(_ROUTES)} to be told apart, got {len(ways)}")
    edges = set(edges_of(graph))
    for number, way in enumerate(ways):
        for step in pairwise(way):
            if step not in edges:
                raise ValueError(f"routes[{number}] goes from row {step[0]} to {step[1]}, which no edge joins")
    return ways


def _draw_routes(axes: Axes, places: dict[int, tuple[float, float]], ways: Sequence[Sequence[int]]) -> None:
    users: dict[frozenset[int], list[int]] = {}
    for number, way in enumerate(ways):
        for step in pairwise(way):
            users.setdefault(frozenset(step), []).append(number)
    for number, (way, (colour, dash)) in enumerate(zip(ways, _ROUTES, strict=False)):
        for start, end in pairwise(way):
            sharing = users[frozenset((start, end))]
            (x, y), (u, v) = places[min(start, end)], places[max(start, end)]
            shift = (sharing.index(number) - (len(sharing) - 1) / 2) * 3.2 / 72 / (hypot(u - x, v - y) or 1.0)
            aside = ScaledTranslation((y - v) * shift, (u - x) * shift, axes.figure.dpi_scale_trans)
            (line,) = axes.plot(
                [places[start][0], places[end][0]],
                [places[start][1], places[end][1]],
                color=colour,
                linestyle=dash,
                linewidth=2.5,
                dash_capstyle="butt",
                solid_capstyle="butt",
                zorder=2,
                transform=axes.transData + aside,
            )
            line.set_gid(f"route {number}")


def hop_colour(hop: int, most: int) -> str:
    """From bright at the row itself to dark far away, in viridis: even for colour-blind readers, and never grey."""
    return OUT_OF_REACH if hop < 0 else to_hex(mpl.colormaps["viridis"](1.0 - hop / max(most, 1)))


def _named(way: Sequence[int], names: Sequence[str]) -> str:
    """A route by its rows, or by its ends and length where it is long: a wide legend leaves no room for the graph."""
    called = [names[row] for row in way]
    whole, rest = "-".join(called), f" ({len(way) - 1} hops)"
    if len(way) <= 7 and len(whole) <= _WIDE:
        return whole
    ends = [*called[:2], "…", *called[-2:]]
    return "-".join(ends if len("-".join(ends)) <= _WIDE else (called[0], "…", called[-1])) + rest


def _name_routes(
    axes: Axes, places: Mapping[int, tuple[float, float]], ways: Sequence[Sequence[int]], names: Sequence[str]
) -> None:
    """The names of the rows on a few routes, where there are too many rows to write them all."""
    on_routes = sorted({row for way in ways for row in way})
    if len(names) <= MOST_LABELS or len(on_routes) > _MOST_NAMED:
        return
    for row in on_routes:
        note = axes.annotate(
            names[row], places[row], xytext=(0, 6), textcoords="offset points", ha="center", fontsize=8
        )
        note.set_path_effects([withStroke(linewidth=2.5, foreground="w")])
        note.set_zorder(5)


def _dot(colour: str, label: str) -> Line2D:
    return Line2D(
        [], [], linestyle="", marker="o", markersize=9, markerfacecolor=colour, markeredgecolor="0.25", label=label
    )
