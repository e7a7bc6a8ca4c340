"""A graph coloured by hops: how far every row is from one, by which routes, and how a receptive field grows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from math import hypot

import matplotlib as mpl
import networkx as nx
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.lines import Line2D
from matplotlib.transforms import ScaledTranslation

from graphseq import _checks
from graphseq.graph import SpaceTimeGraph
from graphseq.reach.hops import hop_distances

MOST_ROWS = 200  #: more would be dots on a blot
MOST_LABELS = 60  #: more would lie upon each other
_LINE = 20  # rows of a long path that stand in one line

# Okabe and Ito's colours; routes differ in their dashes as well.
_ROUTES: tuple[tuple[str, tuple[float, tuple[float, ...]]], ...] = (
    ("#D55E00", (0, ())),
    ("#0072B2", (0, (3, 1))),
    ("#009E73", (0, (1, 0.7))),
    ("#CC79A7", (0, (5, 1, 1, 1))),
    ("#E69F00", (0, (7, 1.5))),
    ("#000000", (0, (3, 1, 1, 1, 1, 1))),
)
_OUT_OF_REACH = "#bdbdbd"
_UNSEEN = "#ffffff"
_Places = Mapping[int, tuple[float, float]]


def draw_hops(
    axes: Axes,
    graph: SpaceTimeGraph,
    source_row: int,
    *,
    routes: Sequence[Sequence[int]] | None = None,
    labels: Sequence[str] | None = None,
    pos: _Places | None = None,
) -> Axes:
    """Draw a static graph, its nodes coloured by hops from one row, with routes over its edges.

    What is out of reach is grey. Routes that share an edge run side by side on it. The legend stands to the right of
    the axes; ``Figure(layout="constrained")`` makes room for it.

    Args:
        axes: where to draw.
        graph: V rows of one time, at most 200.
        source_row: the row from which hops are counted, drawn with a double rim.
        routes: row numbers along edges, at most 6 routes, such as :func:`graphseq.reach.routes` gives.
        labels: a name a row, (V,); row numbers without it. Above 60 rows none are written.
        pos: where each row stands, (x, y) by row number; without it by Kamada and Kawai's layout, or back and
            forth where the graph is one long path; always the same.

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
    names, places = _prepared(graph, labels, pos)
    source = _row("source_row", source_row, graph)
    hops = hop_distances(graph, torch.arange(graph.num_rows))[:, source].tolist()
    ways = _checked_routes(graph, routes)
    most = max(hops)
    colours = [_colour(hop, most) for hop in hops]
    _draw(axes, graph, places, colours, names, source)
    _draw_routes(axes, places, ways)
    handles = [
        Line2D([], [], color=colour, linestyle=dash, linewidth=2.5, label=f"route {_named(way, names)}")
        for way, (colour, dash) in zip(ways, _ROUTES, strict=False)
    ]
    shown = [*range(0, most, -(-(most + 1) // 10)), most]
    handles += [_dot(_colour(hop, most), f"{hop} hop{'' if hop == 1 else 's'}") for hop in shown]
    if -1 in hops:
        handles.append(_dot(_OUT_OF_REACH, f"unreachable ({hops.count(-1)})"))
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
    pos: _Places | None = None,
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
    names, places = _prepared(graph, labels, pos)
    asked = _row("row", row, graph)
    hops = hop_distances(graph, torch.tensor([asked]))[0].tolist()
    for axes, depth in zip(drawn, layers, strict=True):
        seen = [0 <= hop <= depth for hop in hops]
        colours = [_colour(hop, max(hops)) if inside else _UNSEEN for hop, inside in zip(hops, seen, strict=True)]
        _draw(axes, graph, places, colours, names, asked)
        axes.set_title(f"{depth} layer{'' if depth == 1 else 's'}: {sum(seen)} of {len(seen)} rows")
    return drawn


def _prepared(
    graph: SpaceTimeGraph, labels: Sequence[str] | None, pos: _Places | None
) -> tuple[list[str], dict[int, tuple[float, float]]]:
    rows = graph.num_rows
    if not 1 <= rows <= MOST_ROWS:
        raise ValueError(f"graph must have 1 to {MOST_ROWS} rows to be legible, got {rows}; for more see reach.by_hop")
    if len(graph.topology.times) != 1:
        raise ValueError(f"graph must be of one time, got {len(graph.topology.times)}; see draw_reach for several")
    names = [str(label) for label in (range(rows) if labels is None else labels)]
    if len(names) != rows:
        raise ValueError(f"labels must be one a row, {rows} of them, got {len(names)}")
    if pos is not None and not all(row in pos for row in range(rows)):
        missing = next(row for row in range(rows) if row not in pos)
        raise ValueError(f"pos must place every row 0 to {rows - 1}; row {missing} has no place")
    places = _layout(graph) if pos is None else pos
    return names, {row: (float(places[row][0]), float(places[row][1])) for row in range(rows)}


def _row(name: str, value: object, graph: SpaceTimeGraph) -> int:
    row = _checks.at_least(name, value, 0)
    if row >= graph.num_rows:
        raise ValueError(f"{name} must lie in 0 to {graph.num_rows - 1}, got {row}")
    return row


def _checked_routes(graph: SpaceTimeGraph, routes: Sequence[Sequence[int]] | None) -> list[list[int]]:
    ways = [[_row(f"routes[{n}]", row, graph) for row in way] for n, way in enumerate(routes or [])]
    if len(ways) > len(_ROUTES):
        raise ValueError(f"routes must be at most {len(_ROUTES)} to be told apart, got {len(ways)}")
    edges = set(_edges(graph))
    for number, way in enumerate(ways):
        for step in pairwise(way):
            if step not in edges:
                raise ValueError(f"routes[{number}] goes from row {step[0]} to {step[1]}, which no edge joins")
    return ways


def _edges(graph: SpaceTimeGraph) -> list[tuple[int, int]]:
    """Pairs (j, i) where row i reads row j, without loops."""
    pattern = graph.topology.spacetime(False).pattern.tocoo()
    pairs = zip(pattern.col.tolist(), pattern.row.tolist(), strict=True)
    return sorted((j, i) for j, i in pairs if i != j)


def _layout(graph: SpaceTimeGraph) -> dict[int, tuple[float, float]]:
    joined = nx.Graph(_edges(graph))
    joined.add_nodes_from(range(graph.num_rows))
    ends = [row for row in joined if joined.degree(row) == 1]
    if len(joined) > _LINE and len(ends) == 2 and nx.is_connected(joined) and joined.size() == len(joined) - 1:
        return _snake(list(nx.dfs_preorder_nodes(joined, min(ends))))
    ways = dict(nx.all_pairs_shortest_path_length(joined))
    # Parts that nothing joins stand beside each other: left to itself, the layout would put them worlds apart.
    apart = max(max(found.values()) for found in ways.values()) / 2 + 1
    distances = {a: {b: found.get(b, apart) for b in joined} for a, found in ways.items()}
    placed: dict[int, tuple[float, float]] = nx.kamada_kawai_layout(joined, dist=distances)
    return placed


def _snake(order: Sequence[int]) -> dict[int, tuple[float, float]]:
    """A long path in lines, back and forth: as one line its nodes would lie upon each other."""
    places = {}
    for number, row in enumerate(order):
        line, along = divmod(number, _LINE)
        places[row] = (float(_LINE - 1 - along if line % 2 else along), -2.0 * line)
    return places


def _draw(
    axes: Axes,
    graph: SpaceTimeGraph,
    places: dict[int, tuple[float, float]],
    colours: Sequence[str],
    names: Sequence[str],
    marked: int,
) -> None:
    edges, rows = _edges(graph), list(range(graph.num_rows))
    both_ways = set(edges) == {(i, j) for j, i in edges}
    drawn = nx.Graph() if both_ways else nx.DiGraph()
    drawn.add_nodes_from(rows)
    drawn.add_edges_from(edges)
    size = min(500.0, (9000.0 if len(rows) <= MOST_LABELS else 6000.0) / len(rows))
    nx.draw_networkx_edges(drawn, places, ax=axes, edge_color="0.6", width=1.0, node_size=size)
    nodes = nx.draw_networkx_nodes(
        drawn, places, nodelist=rows, ax=axes, node_size=size, node_color=colours, edgecolors="0.25", linewidths=0.8
    )
    nodes.set_zorder(3)
    nodes.set_gid("nodes")
    around = nx.draw_networkx_nodes(
        drawn, places, nodelist=[marked], ax=axes, node_size=1.9 * size, node_color="none", edgecolors="k"
    )
    around.set_zorder(3)
    if len(rows) <= MOST_LABELS:
        _write(axes, places, colours, names, size**0.5)
    axes.set_aspect("equal", adjustable="datalim")
    axes.margins(0.12)
    axes.set_axis_off()


def _write(
    axes: Axes, places: dict[int, tuple[float, float]], colours: Sequence[str], names: Sequence[str], across: float
) -> None:
    """Names within the nodes, or beneath them where they do not fit; ``across`` is a node's diameter in points."""
    size = min(11.0, 0.62 * across)
    for row, name in enumerate(names):
        fits = 0.62 * size * len(name) <= 0.95 * across
        red, green, blue = to_rgb(colours[row])
        dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.5
        axes.annotate(
            name,
            places[row],
            xytext=(0, 0 if fits else -0.75 * across),
            textcoords="offset points",
            ha="center",
            va="center_baseline" if fits else "top",
            fontsize=size,
            color="w" if dark and fits else "k",
            zorder=4,
        )


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


def _colour(hop: int, most: int) -> str:
    """From bright at the row itself to dark far away, in viridis: even for colour-blind readers, and never grey."""
    return _OUT_OF_REACH if hop < 0 else to_hex(mpl.colormaps["viridis"](1.0 - hop / max(most, 1)))


def _named(way: Sequence[int], names: Sequence[str]) -> str:
    """A route by its rows, or by its ends and length where it is long."""
    if len(way) <= 7:
        return "-".join(names[row] for row in way)
    return f"{names[way[0]]}-{names[way[1]]}-…-{names[way[-2]]}-{names[way[-1]]} ({len(way) - 1} hops)"


def _dot(colour: str, label: str) -> Line2D:
    return Line2D(
        [], [], linestyle="", marker="o", markersize=9, markerfacecolor=colour, markeredgecolor="0.25", label=label
    )
