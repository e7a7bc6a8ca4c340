"""The gates of a forgetting model as an animation: nodes and edges fade as their gates close."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.animation import FuncAnimation
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize, to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray
from torch import Tensor

from graphseq._arguments import checked_arguments
from graphseq.data.graph import SpaceTimeGraph
from graphseq.nn.recurrent.forgetting import GateValues
from graphseq.plot._gates import (
    HALF,
    OPEN,
    PLANTED,
    Irrelevant,
    Snapshot,
    Values,
    colour_map,
    frames_of,
    node_names,
    time_names,
)
from graphseq.plot.nodes import MOST_LABELS, MOST_ROWS, Places, layout


@checked_arguments
def animate_forgetting(
    graph: SpaceTimeGraph,
    gates: GateValues,
    *,
    irrelevant: Irrelevant | None = None,
    names: Sequence[str] | None = None,
    times: Sequence[str] | None = None,
    positions: Places | None = None,
    figsize: tuple[float, float] = (6.4, 5.2),
) -> FuncAnimation:
    """Animate the snapshots of a graph, one frame for each time, nodes and edges as opaque as their gates are open.

    The opacity of a node is its gate k_i, that of an edge the factor of its weight, k_i k_j k_ij. Absent nodes are not
    drawn, and nodes with a closed gate keep their outline. The two edges between a pair of nodes are drawn side by
    side, each to the right of its direction.

    Args:
        graph: V rows and E edges, those of ``graph.topology.spatial``; at most 200 nodes.
        gates: the result of :meth:`graphseq.nn.ForgettingGCNLSTM.gate_values` for it.
        irrelevant: True for the rows (V,) and the edges (E,) planted as irrelevant, ``bool``; drawn in another colour.
        names: the name of each node by its number; numbers by default. Above 60 nodes none are written.
        times: the names of the distinct times, in order, (T,); numbers by default.
        positions: the coordinates of each node by its number; by default, a layout of the edges of all times.
        figsize: the size of the figure, in inches.

    Returns:
        An animation on a new figure, shown in no window; :func:`graphseq.plot.save_animation` saves it.

    Raises:
        ValueError: the gates do not fit the graph or are outside 0 to 1, the graph has more than 200 nodes, or a name
            or a position is missing.

    Example:
        >>> import graphseq as gs, torch
        >>> graph = gs.from_signal(torch.zeros(3, 2, 1), torch.tensor([[0, 1], [1, 0]]))
        >>> animation = animate_forgetting(graph, gs.nn.ForgettingGCNLSTM(1, 4).gate_values(graph))
        >>> list(animation.new_frame_seq()), animation._func(2)[0].axes.get_title()
        ([0, 1, 2], 'time 2: 0 of 2 edges, 0 of 2 nodes below ½')
        >>> animation._draw_was_started = True  # it is not saved here
    """
    frames = frames_of(graph, gates, irrelevant)
    numbers = graph.node.unique().tolist()
    if not 1 <= len(numbers) <= MOST_ROWS:
        raise ValueError(f"graph must have 1 to {MOST_ROWS} nodes to be legible, got {len(numbers)}; see draw_gates")
    places = _places(graph, numbers, positions)
    labels, moments = node_names(numbers, names), time_names(graph, times)
    figure = Figure(figsize=figsize, layout="constrained")
    axes = figure.subplots()
    size = float(np.clip(4500.0 / len(numbers), 25.0, 380.0))
    lines = LineCollection([], linewidths=float(np.clip(800 / max(1, _union(graph).shape[1]), 0.3, 2.2)), zorder=1)
    axes.add_collection(lines)
    # A white disc below each node, or edges would show through one that has faded.
    discs, dots = (axes.scatter([], [], s=size, color="w", linewidths=0, zorder=2 + level) for level in range(2))
    if len(numbers) <= MOST_LABELS:
        _write(axes, [(labels[number], places[number]) for number in numbers], size)
    _frame(axes, np.array([places[number] for number in numbers]))
    _explain(axes, irrelevant is not None)
    axes.set_title(" ")
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # laid out once: frames must not move against each other

    def draw(time: int) -> list[Artist]:
        frame = frames[time]
        lines.set_segments(_segments(frame, places))  # type: ignore[arg-type]
        lines.set_color(_faded(frame.factor, frame.edge_planted))  # type: ignore[arg-type]
        for scatter in (discs, dots):
            scatter.set_offsets(np.array([places[node] for node in frame.nodes.tolist()]))
        dots.set_facecolor(_faded(frame.gate, np.zeros(len(frame.nodes), dtype=bool)))  # type: ignore[arg-type]
        dots.set_edgecolor([PLANTED if planted else "0.35" for planted in frame.node_planted])
        dots.set_linewidth([2.2 if planted else 0.8 for planted in frame.node_planted])
        closed = [f"{int((gate < HALF).sum()):,} of {len(gate):,}" for gate in (frame.factor, frame.gate)]
        axes.set_title(f"{moments[time]}: {closed[0]} edges, {closed[1]} nodes below ½")
        return [lines, dots]

    return FuncAnimation(figure, draw, frames=len(frames), init_func=lambda: [lines, dots], interval=500)


def _union(graph: SpaceTimeGraph) -> Tensor:
    """Return all pairs of different nodes that have an edge at any time, (2, P)."""
    pairs = graph.node[graph.topology.spatial.edge_index].cpu()
    distinct: Tensor = pairs[:, pairs[0] != pairs[1]].unique(dim=1)
    return distinct


def _places(graph: SpaceTimeGraph, numbers: Sequence[int], positions: Places | None) -> dict[int, tuple[float, float]]:
    if positions is not None:
        missing = [number for number in numbers if number not in positions]
        if missing:
            raise ValueError(f"positions must place every node; node {missing[0]} has none")
        return {number: (float(positions[number][0]), float(positions[number][1])) for number in numbers}
    row = torch.searchsorted(torch.tensor(numbers), _union(graph).contiguous())
    static = SpaceTimeGraph(
        torch.zeros(len(numbers), 1), torch.arange(len(numbers)), torch.zeros(len(numbers), dtype=torch.long), row
    )
    return {numbers[row]: place for row, place in layout(static).items()}


def _segments(frame: Snapshot, places: Mapping[int, tuple[float, float]]) -> Values:
    """Return the line of each edge, (Q, 2, 2), shifted to the right of its direction where the reverse edge exists."""
    ends = np.array([[places[j], places[i]] for j, i in frame.pairs.tolist()]).reshape(-1, 2, 2)
    pairs = {tuple(pair) for pair in frame.pairs.tolist()}
    reverse = np.array([(i, j) in pairs for j, i in frame.pairs.tolist()], dtype=bool)
    coordinates = np.array(list(places.values()))
    direction = ends[:, 1] - ends[:, 0]
    length = np.maximum(np.linalg.norm(direction, axis=1, keepdims=True), 1e-12)
    shift = (
        np.stack([direction[:, 1], -direction[:, 0]], axis=1)
        / length
        * 0.006
        * float(np.ptp(coordinates, axis=0).max())
    )
    shifted: Values = ends + np.where(reverse[:, None], shift, 0.0)[:, None]
    return shifted


def _faded(gates: Values, planted: NDArray[np.bool_]) -> Values:
    """Return colours with the gates as their opacity, (…, 4)."""
    colours = np.where(planted[:, None], to_rgb(PLANTED), to_rgb(OPEN))
    return np.concatenate([colours, gates[:, None]], axis=1)


def _write(axes: Axes, labels: Sequence[tuple[str, tuple[float, float]]], size: float) -> None:
    """Write the names inside the nodes, or all of them below if one does not fit, with a white outline."""
    fits = 5.0 * max(len(name) for name, _ in labels) <= size**0.5
    for name, place in labels:
        text = axes.annotate(
            name,
            place,
            xytext=(0.0, 0.0 if fits else -0.5 * size**0.5),
            textcoords="offset points",
            ha="center",
            va="center_baseline" if fits else "top",
            fontsize=8,
            zorder=4,
        )
        text.set_path_effects([withStroke(linewidth=2, foreground="w")])


def _frame(axes: Axes, places: Values) -> None:
    low, high = places.min(axis=0), places.max(axis=0)
    pad = 0.1 * float((high - low).max()) or 1.0
    axes.set_xlim(low[0] - pad, high[0] + pad)
    axes.set_ylim(low[1] - pad, high[1] + pad)
    axes.set_axis_off()


def _explain(axes: Axes, planted: bool) -> None:
    figure = axes.figure
    bar = figure.colorbar(ScalarMappable(Normalize(0, 1), colour_map(OPEN)), ax=axes, fraction=0.04, pad=0.02)
    bar.set_label("gate of a node or an edge (1: open, 0: closed)")
    if planted:
        ring = Line2D([], [], linestyle="", marker="o", color="w", markeredgecolor=PLANTED, markeredgewidth=2.2)
        line = Line2D([], [], color=PLANTED)
        figure.legend(
            [ring, line], ["irrelevant node", "irrelevant edge"], loc="outside lower center", ncols=2, frameon=False
        )
