"""A graph coloured by hop distances, with shortest routes and receptive fields."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from math import hypot
from typing import Any

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.transforms import ScaledTranslation
from numpy.typing import NDArray
from torch import Tensor

from graphseq import _checks
from graphseq._arguments import checked_arguments
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
_INCHES_A_CHARACTER = 0.085  # of a title


@checked_arguments
def draw_hops(
    axes: Axes,
    graph: SpaceTimeGraph,
    source_row: int,
    *,
    routes: Sequence[Sequence[int]] | NDArray[np.integer[Any]] | Tensor | None = None,
    labels: Sequence[str] | None = None,
    pos: Places | None = None,
) -> Axes:
    """Draw a static graph with its nodes coloured by their hop distance from one row, and routes along its edges.

    Unreachable nodes are grey. Routes that share an edge are drawn side by side. The legend is to the right of the
    axes; ``Figure(layout="constrained")`` leaves space for it.

    Args:
        axes: where to draw.
        graph: V rows of one time, at most 200.
        source_row: the row from which hops are counted, drawn with a double outline.
        routes: at most 6 routes, each a list of rows along edges, such as those of :func:`graphseq.reach.routes`.
        labels: the name of each row, (V,); row numbers by default. Above 60 rows only names on a few routes are shown.
        pos: the position (x, y) of each row by its number. By default Kamada and Kawai's layout; a path is drawn as a
            line, back and forth if it is long. The layout is always the same.

    Returns:
        ``axes``.

    Raises:
        ValueError: the graph has several times or more than 200 rows, a row is outside it, a route uses a pair without
            an edge, there are more than 6 routes, or a label or a position is missing.

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
    checked = _checked_routes(graph, routes)
    farthest = max(hops)
    colours = [hop_colour(hop, farthest) for hop in hops]
    draw_nodes(axes, graph, places, colours, names, source)
    _draw_routes(axes, places, checked)
    _name_routes(axes, places, checked, names)
    handles = [
        Line2D([], [], color=colour, linestyle=dash, linewidth=2.5, label=f"route {_route_name(route, names)}")
        for route, (colour, dash) in zip(checked, _ROUTES, strict=False)
    ]
    inches = axes.get_window_extent().height / axes.figure.dpi
    most = max(2, min(10, int(3.2 * inches) - len(handles)))  # what is beside the axes
    ticks = [*range(0, farthest, -(-(farthest + 1) // most)), farthest]
    handles += [_dot(hop_colour(hop, farthest), f"{hop} hop{'' if hop == 1 else 's'}") for hop in ticks]
    if -1 in hops:
        handles.append(_dot(OUT_OF_REACH, f"unreachable ({hops.count(-1)})"))
    axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    axes.set_title(f"hops from {names[source]}")
    return axes


@checked_arguments
def draw_receptive_fields(
    panels: Iterable[Axes],
    graph: SpaceTimeGraph,
    row: int,
    depths: Sequence[int],
    *,
    labels: Sequence[str] | None = None,
    pos: Places | None = None,
) -> list[Axes]:
    """Draw the receptive field of one row in GCNs of several depths, one panel for each; rows outside it are white.

    Args:
        panels: one axes for each depth.
        graph: V rows of one time, at most 200.
        row: the row whose state is read, drawn with a double outline.
        depths: numbers of layers.
        labels: the name of each row, (V,); row numbers by default. Above 60 rows none are written.
        pos: the position of each row; see :func:`draw_hops`.

    Returns:
        The axes drawn on.

    Raises:
        ValueError: there are not as many axes as depths, or :func:`draw_hops` refuses an argument.

    Example:
        >>> import graphseq as gs, networkx as nx
        >>> from matplotlib.figure import Figure
        >>> graph = gs.from_graph(nx.path_graph(4))
        >>> [panel.get_title() for panel in draw_receptive_fields(Figure().subplots(1, 2), graph, 0, [1, 2])]
        ['1 layer: 2 of 4 rows', '2 layers: 3 of 4 rows']
    """
    if isinstance(panels, Mapping | Tensor) or not isinstance(panels, Iterable):
        raise TypeError(f"panels must be axes of matplotlib, one for each depth, got {_checks.shown(panels)}")
    axes_list = list(np.ravel(np.array(list(panels), dtype=object)))
    for n, one in enumerate(axes_list):
        if not isinstance(one, Axes):
            raise TypeError(f"panels[{n}] must be axes of matplotlib, got {_checks.shown(one)}")
    layers = [_checks.at_least("depths", depth, 0) for depth in depths]
    if len(axes_list) != len(layers):
        raise ValueError(f"panels must have one axes for each depth: got {len(axes_list)} for {len(layers)} depths")
    names, places = prepared(graph, labels, pos)
    target = checked_row("row", row, graph)
    hops = hop_distances(graph, torch.tensor([target]))[0].tolist()
    fields = [[0 <= hop <= depth for hop in hops] for depth in layers]
    for axes, depth, field in zip(axes_list, layers, fields, strict=True):
        title = f"{depth} layer{'' if depth == 1 else 's'}: {sum(field)} of {len(field)} rows"
        if axes.get_window_extent().width / axes.figure.dpi < _INCHES_A_CHARACTER * len(title):
            axes.set_title(title.replace(": ", ":\n"), fontsize=9)
        else:
            axes.set_title(title)
        axes.set_axis_off()
    for figure in {axes.figure for axes in axes_list}:  # titles take room that marks then have not
        engine = figure.get_layout_engine()
        if engine is not None:
            engine.execute(figure)
    for axes, field in zip(axes_list, fields, strict=True):
        colours = [hop_colour(hop, max(hops)) if inside else _UNSEEN for hop, inside in zip(hops, field, strict=True)]
        draw_nodes(axes, graph, places, colours, names, target)
    return axes_list


def _entry(row: object) -> object:
    return row.item() if isinstance(row, Tensor) and row.numel() == 1 else row


def _checked_routes(
    graph: SpaceTimeGraph, routes: Sequence[Sequence[int]] | NDArray[np.integer[Any]] | Tensor | None
) -> list[list[int]]:
    if isinstance(routes, np.ndarray | Tensor) and (routes.ndim != 2 or not len(routes)):
        raise TypeError(f"routes must be a sequence of sequences of rows, got {_checks.shown(routes)}")
    given = [] if routes is None else list(routes)
    for n, route in enumerate(given):
        if isinstance(route, str | bytes) or not isinstance(route, Sequence | np.ndarray | Tensor) or not len(route):
            raise TypeError(f"routes[{n}] must be a sequence of rows, got {_checks.shown(route)}")
    checked = [[checked_row(f"routes[{n}]", _entry(row), graph) for row in route] for n, route in enumerate(given)]
    if len(checked) > len(_ROUTES):
        raise ValueError(f"routes must have at most {len(_ROUTES)} entries, for distinct colours, got {len(checked)}")
    edges = set(edges_of(graph))
    for number, route in enumerate(checked):
        for step in pairwise(route):
            if step not in edges:
                raise ValueError(
                    f"routes[{number}] goes from row {step[0]} to {step[1]}, between which there is no edge"
                )
    return checked


def _draw_routes(axes: Axes, places: dict[int, tuple[float, float]], routes: Sequence[Sequence[int]]) -> None:
    users: dict[frozenset[int], list[int]] = {}
    for number, route in enumerate(routes):
        for step in pairwise(route):
            users.setdefault(frozenset(step), []).append(number)
    for number, (route, (colour, dash)) in enumerate(zip(routes, _ROUTES, strict=False)):
        for start, end in pairwise(route):
            sharing = users[frozenset((start, end))]
            (x, y), (u, v) = places[min(start, end)], places[max(start, end)]
            shift = (sharing.index(number) - (len(sharing) - 1) / 2) * 3.2 / 72 / (hypot(u - x, v - y) or 1.0)
            offset = ScaledTranslation((y - v) * shift, (u - x) * shift, axes.figure.dpi_scale_trans)
            (line,) = axes.plot(
                [places[start][0], places[end][0]],
                [places[start][1], places[end][1]],
                color=colour,
                linestyle=dash,
                linewidth=2.5,
                dash_capstyle="butt",
                solid_capstyle="butt",
                zorder=2,
                transform=axes.transData + offset,
            )
            line.set_gid(f"route {number}")


def hop_colour(hop: int, farthest: int) -> str:
    """Return the colour of a hop distance: viridis from bright at 0 to dark far away, grey where unreachable."""
    return OUT_OF_REACH if hop < 0 else to_hex(mpl.colormaps["viridis"](1.0 - hop / max(farthest, 1)))


def _route_name(route: Sequence[int], names: Sequence[str]) -> str:
    """Return the names along a route; of a long one, for a narrow legend, its ends and its length."""
    stops = [names[row] for row in route]
    whole, rest = "-".join(stops), f" ({len(route) - 1} hops)"
    if len(route) <= 7 and len(whole) <= _WIDE:
        return whole
    ends = [*stops[:2], "…", *stops[-2:]]
    return "-".join(ends if len("-".join(ends)) <= _WIDE else (stops[0], "…", stops[-1])) + rest


def _name_routes(
    axes: Axes, places: Mapping[int, tuple[float, float]], routes: Sequence[Sequence[int]], names: Sequence[str]
) -> None:
    """Write the names of the rows on a few routes, where the graph has too many rows to write all names."""
    on_routes = sorted({row for route in routes for row in route})
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
