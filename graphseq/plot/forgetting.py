"""What a recurrence forgets of a graph: nodes and edges that fade, a frame a time."""

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

from graphseq.data.graph import SpaceTimeGraph
from graphseq.nn.recurrent.forgetting import GateValues
from graphseq.plot._gates import HALF, KEPT, PLANTED, Irrelevant, Snapshot, Values, called, frames_of, moments, scale
from graphseq.plot.nodes import MOST_LABELS, MOST_ROWS, Places, layout


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
    """Draw the snapshots of a graph one after another, each node and each edge the fainter the more it is forgotten.

    A node is as opaque as k_i, an edge as k_i k_j k_ij, what its weight was multiplied with; a node that is away is not
    drawn, and a forgotten one keeps its rim. Edges in both directions lie side by side, each to the right of its way.

    Args:
        graph: V rows and E edges, those of ``graph.topology.spatial``; at most 200 nodes.
        gates: what :meth:`graphseq.nn.ForgettingGCNLSTM.gate_values` gives for it.
        irrelevant: which rows (V,) and which edges (E,) were planted to be forgotten, ``bool``; drawn apart.
        names: what each node is called, by its number; numbers without it. Above 60 nodes none are written.
        times: what each distinct time is called, in order, (T,); numbers without it.
        positions: where each node stands, by its number; without it, a layout of all edges that there ever are.
        figsize: of the figure, in inches.

    Returns:
        An animation on a figure of its own, in no window, a frame a time; :func:`graphseq.plot.save_animation` writes
        it.

    Raises:
        ValueError: gates that do not fit the graph or are outside 0 to 1, more than 200 nodes, or not a name or a place
            for each.

    Example:
        >>> import graphseq as gs, torch
        >>> graph = gs.from_signal(torch.zeros(3, 2, 1), torch.tensor([[0, 1], [1, 0]]))
        >>> moving = animate_forgetting(graph, gs.nn.ForgettingGCNLSTM(1, 4).gate_values(graph))
        >>> list(moving.new_frame_seq()), moving._func(2)[0].axes.get_title()
        ([0, 1, 2], 'time 2: 0 of 2 edges, 0 of 2 nodes below ½')
        >>> moving._draw_was_started = True  # it is not written here
    """
    frames = frames_of(graph, gates, irrelevant)
    numbers = graph.node.unique().tolist()
    if not 1 <= len(numbers) <= MOST_ROWS:
        raise ValueError(f"graph must have 1 to {MOST_ROWS} nodes to be legible, got {len(numbers)}; see draw_gates")
    places = _places(graph, numbers, positions)
    named, when = called(numbers, names), moments(graph, times)
    figure = Figure(figsize=figsize, layout="constrained")
    axes = figure.subplots()
    size = float(np.clip(4500.0 / len(numbers), 25.0, 380.0))
    lines = LineCollection([], linewidths=float(np.clip(800 / max(1, _union(graph).shape[1]), 0.3, 2.2)), zorder=1)
    axes.add_collection(lines)
    # A white disc beneath, or edges would show through a node that has faded.
    discs, dots = (axes.scatter([], [], s=size, color="w", linewidths=0, zorder=2 + level) for level in range(2))
    if len(numbers) <= MOST_LABELS:
        _write(axes, [(named[number], places[number]) for number in numbers], size)
    _frame(axes, np.array([places[number] for number in numbers]))
    _explain(axes, irrelevant is not None)
    axes.set_title(" ")
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # laid out once: frames must not move against each other

    def draw(time: int) -> list[Artist]:
        frame = frames[time]
        lines.set_segments(_segments(frame, places))  # type: ignore[arg-type]
        lines.set_color(_faded(frame.factor, frame.edge_planted))  # type: ignore[arg-type]
        for each in (discs, dots):
            each.set_offsets(np.array([places[node] for node in frame.nodes.tolist()]))
        dots.set_facecolor(_faded(frame.gate, np.zeros(len(frame.nodes), dtype=bool)))  # type: ignore[arg-type]
        dots.set_edgecolor([PLANTED if planted else "0.35" for planted in frame.node_planted])
        dots.set_linewidth([2.2 if planted else 0.8 for planted in frame.node_planted])
        low = [f"{int((each < HALF).sum()):,} of {len(each):,}" for each in (frame.factor, frame.gate)]
        axes.set_title(f"{when[time]}: {low[0]} edges, {low[1]} nodes below ½")
        return [lines, dots]

    return FuncAnimation(figure, draw, frames=len(frames), init_func=lambda: [lines, dots], interval=500)


def _union(graph: SpaceTimeGraph) -> Tensor:
    """All pairs of different nodes that an edge ever joins, (2, P)."""
    pairs = graph.node[graph.topology.spatial.edge_index].cpu()
    joined: Tensor = pairs[:, pairs[0] != pairs[1]].unique(dim=1)
    return joined


def _places(graph: SpaceTimeGraph, numbers: Sequence[int], positions: Places | None) -> dict[int, tuple[float, float]]:
    if positions is not None:
        missing = [number for number in numbers if number not in positions]
        if missing:
            raise ValueError(f"positions must place every node; node {missing[0]} has no place")
        return {number: (float(positions[number][0]), float(positions[number][1])) for number in numbers}
    row = torch.searchsorted(torch.tensor(numbers), _union(graph).contiguous())
    ever = SpaceTimeGraph(
        torch.zeros(len(numbers), 1), torch.arange(len(numbers)), torch.zeros(len(numbers), dtype=torch.long), row
    )
    return {numbers[place]: at for place, at in layout(ever).items()}


def _segments(frame: Snapshot, places: Mapping[int, tuple[float, float]]) -> Values:
    """A line an edge, (Q, 2, 2), moved to the right of its way where there is one back."""
    ends = np.array([[places[j], places[i]] for j, i in frame.pairs.tolist()]).reshape(-1, 2, 2)
    there = {tuple(pair) for pair in frame.pairs.tolist()}
    back = np.array([(i, j) in there for j, i in frame.pairs.tolist()], dtype=bool)
    every = np.array(list(places.values()))
    along = ends[:, 1] - ends[:, 0]
    length = np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-12)
    aside = np.stack([along[:, 1], -along[:, 0]], axis=1) / length * 0.006 * float(np.ptp(every, axis=0).max())
    moved: Values = ends + np.where(back[:, None], aside, 0.0)[:, None]
    return moved


def _faded(gates: Values, planted: NDArray[np.bool_]) -> Values:
    """A colour whose opacity is the gate, (…, 4)."""
    colours = np.where(planted[:, None], to_rgb(PLANTED), to_rgb(KEPT))
    return np.concatenate([colours, gates[:, None]], axis=1)


def _write(axes: Axes, named: Sequence[tuple[str, tuple[float, float]]], size: float) -> None:
    """Names within the nodes, or all beneath where one does not fit; with a white seam, since what is below fades."""
    fits = 5.0 * max(len(name) for name, _ in named) <= size**0.5
    for name, place in named:
        written = axes.annotate(
            name,
            place,
            xytext=(0.0, 0.0 if fits else -0.5 * size**0.5),
            textcoords="offset points",
            ha="center",
            va="center_baseline" if fits else "top",
            fontsize=8,
            zorder=4,
        )
        written.set_path_effects([withStroke(linewidth=2, foreground="w")])


def _frame(axes: Axes, places: Values) -> None:
    low, high = places.min(axis=0), places.max(axis=0)
    pad = 0.1 * float((high - low).max()) or 1.0
    axes.set_xlim(low[0] - pad, high[0] + pad)
    axes.set_ylim(low[1] - pad, high[1] + pad)
    axes.set_axis_off()


def _explain(axes: Axes, planted: bool) -> None:
    figure = axes.figure
    bar = figure.colorbar(ScalarMappable(Normalize(0, 1), scale(KEPT)), ax=axes, fraction=0.04, pad=0.02)
    bar.set_label("gate of a node or an edge (1: kept, 0: forgotten)")
    if planted:
        ring = Line2D([], [], linestyle="", marker="o", color="w", markeredgecolor=PLANTED, markeredgewidth=2.2)
        line = Line2D([], [], color=PLANTED)
        figure.legend(
            [ring, line], ["irrelevant node", "irrelevant edge"], loc="outside lower center", ncols=2, frameon=False
        )
