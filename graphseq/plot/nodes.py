"""A static graph drawn as nodes and lines: its layout, its labels and the drawing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import networkx as nx
import torch
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.colors import to_rgb
from matplotlib.typing import ColorType

from graphseq import _checks
from graphseq.data.graph import SpaceTimeGraph
from graphseq.data.hops import shortest_paths
from graphseq.plot._text import plain

MOST_ROWS = 200  #: more cannot be told from each other
MOST_LABELS = 60  #: more would overlap
_MARGIN = 0.12  # beside the graph, as a share of its extent
_SHARE = 0.8  # of the distance to the nearest node that a node takes
_LEAST = 5.0  # points to the nearest node below which nodes overlap rather than vanish
_LINE = 20  # rows of a long path in one line

Places = Mapping[int, tuple[float, float]]


def prepared(
    graph: SpaceTimeGraph, labels: Sequence[str] | None, pos: Places | None
) -> tuple[list[str], dict[int, tuple[float, float]]]:
    """Return a name and a position for each row, after a check that the graph can be drawn."""
    rows = graph.num_rows
    if not 1 <= rows <= MOST_ROWS:
        raise ValueError(f"graph must have 1 to {MOST_ROWS} rows to be legible, got {rows}; for more see reach.by_hop")
    if len(graph.topology.times) != 1:
        raise ValueError(f"graph must be of one time, got {len(graph.topology.times)}; see draw_reach for several")
    names = [plain(label) for label in (range(rows) if labels is None else labels)]
    if len(names) != rows:
        raise ValueError(f"labels must have an entry for each row, {rows} of them, got {len(names)}")
    if pos is not None and not all(row in pos for row in range(rows)):
        missing = next(row for row in range(rows) if row not in pos)
        raise ValueError(f"pos must have a position for every row 0 to {rows - 1}; row {missing} has none")
    places = layout(graph) if pos is None else pos
    return names, {row: (float(places[row][0]), float(places[row][1])) for row in range(rows)}


def checked_row(name: str, value: object, graph: SpaceTimeGraph) -> int:
    """Return ``value`` as a row number of ``graph``; refuse anything else."""
    row = _checks.at_least(name, value, 0)
    if row >= graph.num_rows:
        raise ValueError(
            f"{name} must lie in 0 to {graph.num_rows - 1}, got {row}; the graph has {graph.num_rows} rows"
        )
    return row


def edges_of(graph: SpaceTimeGraph) -> list[tuple[int, int]]:
    """Return the pairs (j, i) where row i reads row j, without self-loops."""
    pattern = graph.topology.spacetime(False).pattern.tocoo()
    pairs = zip(pattern.col.tolist(), pattern.row.tolist(), strict=True)
    return sorted((j, i) for j, i in pairs if i != j)


def layout(graph: SpaceTimeGraph) -> dict[int, tuple[float, float]]:
    """Return the position of each row, always the same: Kamada and Kawai's layout; a path as a line, folded if long."""
    joined = nx.Graph(edges_of(graph))
    joined.add_nodes_from(range(graph.num_rows))
    ends = [row for row in joined if joined.degree(row) == 1]
    if len(ends) == 2 and nx.is_connected(joined) and joined.size() == len(joined) - 1:
        return _snake(list(nx.dfs_preorder_nodes(joined, min(ends))))
    pattern = graph.topology.spacetime(False).pattern
    hops = shortest_paths(pattern + pattern.T, torch.arange(graph.num_rows))
    # Components are drawn beside each other: without a distance between them, the layout would put them far apart.
    gap = int(hops.max()) / 2 + 1
    distances = {
        a: {b: gap if count < 0 else count for b, count in enumerate(row)} for a, row in enumerate(hops.tolist())
    }
    placed: dict[int, tuple[float, float]] = nx.kamada_kawai_layout(joined, dist=distances)
    return placed


def _snake(order: Sequence[int]) -> dict[int, tuple[float, float]]:
    """Return a long path in lines, back and forth; in one line its nodes would overlap."""
    places = {}
    for number, row in enumerate(order):
        line, along = divmod(number, _LINE)
        places[row] = (float(_LINE - 1 - along if line % 2 else along), -2.0 * line)
    return places


def draw_nodes(
    axes: Axes,
    graph: SpaceTimeGraph,
    places: dict[int, tuple[float, float]],
    colours: Sequence[ColorType],
    names: Sequence[str],
    marked: int | None = None,
) -> PathCollection:
    """Draw edges, nodes, up to 60 names and an outline around row ``marked``, if any; return the nodes."""
    edges, rows = edges_of(graph), list(range(graph.num_rows))
    both_ways = set(edges) == {(i, j) for j, i in edges}
    pattern = nx.Graph() if both_ways else nx.DiGraph()
    pattern.add_nodes_from(rows)
    pattern.add_edges_from(edges)
    size = min(500.0, _relative_area(axes) * (9000.0 if len(rows) <= MOST_LABELS else 6000.0) / len(rows))
    size = min(size, (_SHARE * _room(axes, places)) ** 2)
    outer = 1.9 * size + 20
    nx.draw_networkx_edges(pattern, places, ax=axes, edge_color="0.6", width=1.0, node_size=size)
    nodes: PathCollection = nx.draw_networkx_nodes(
        pattern, places, nodelist=rows, ax=axes, node_size=size, node_color=colours, edgecolors="0.25", linewidths=0.8
    )
    nodes.set_zorder(3)
    nodes.set_gid("nodes")
    if marked is not None:
        outline = nx.draw_networkx_nodes(
            pattern, places, nodelist=[marked], ax=axes, node_size=outer, node_color="none", edgecolors="k"
        )
        outline.set_zorder(3)
    if len(rows) <= MOST_LABELS:
        _write(axes, places, colours, names, size**0.5)
    _frame(axes, places, 0.5 * (size if marked is None else outer) ** 0.5)
    axes.set_axis_off()
    return nodes


def _room(axes: Axes, places: dict[int, tuple[float, float]]) -> float:
    """Return the points between a node and the nearest other, the median over nodes; the side of the axes for one."""
    box = axes.get_window_extent()
    side = min(box.width, box.height) / axes.figure.dpi * 72
    at = torch.tensor(list(places.values()), dtype=torch.double)
    if len(at) == 1:
        return float(side)
    extent = at.max(0).values - at.min(0).values
    points = 72 / axes.figure.dpi / (1 + 2 * _MARGIN)
    scale = min(
        length * points / float(span) for length, span in zip((box.width, box.height), extent, strict=True) if span
    )
    nearest = torch.cdist(at, at).fill_diagonal_(torch.inf).min(1).values
    return max(_LEAST, float(nearest.median()) * scale)


def _frame(axes: Axes, places: dict[int, tuple[float, float]], radius: float) -> None:
    """Set limits with a margin around the graph, so that a path too has a height, and an equal aspect.

    Args:
        axes: where the nodes are.
        places: their positions.
        radius: of the largest, in points, for which the margin has room.
    """
    x, y = ([place[side] for place in places.values()] for side in (0, 1))
    box, span = axes.get_window_extent(), max(max(x) - min(x), max(y) - min(y))
    share = min(0.3, (radius + 1) / 72 * axes.figure.dpi / max(1.0, min(box.width, box.height)))
    pad = max(_MARGIN, share / (1 - 2 * share)) * span or 1.0
    axes.set_xlim(min(x) - pad, max(x) + pad)
    axes.set_ylim(min(y) - pad, max(y) + pad)
    axes.set_aspect("equal", adjustable="box")


def _relative_area(axes: Axes) -> float:
    """Return the area of the axes as a share of that of a whole figure; nodes shrink with it."""
    box, dpi = axes.get_window_extent(), axes.figure.dpi
    return min(1.0, max(0.15, float(box.width * box.height) / dpi**2 / 15.0))


def _write(
    axes: Axes,
    places: dict[int, tuple[float, float]],
    colours: Sequence[ColorType],
    names: Sequence[str],
    diameter: float,
) -> None:
    """Write names inside the nodes, or below those where they do not fit; ``diameter`` is a node's, in points."""
    size = min(11.0, 0.62 * diameter)
    for row, name in enumerate(names):
        fits = 0.62 * size * len(name) <= 0.95 * diameter
        red, green, blue = to_rgb(colours[row])
        dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.5
        axes.annotate(
            name,
            places[row],
            xytext=(0, 0 if fits else -0.75 * diameter),
            textcoords="offset points",
            ha="center",
            va="center_baseline" if fits else "top",
            fontsize=size,
            color="w" if dark and fits else "k",
            zorder=4,
        )
