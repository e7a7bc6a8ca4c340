"""The gates of a graph over time as a heat map: a line for each edge or node, a column for each time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.transforms import ScaledTranslation
from numpy.typing import NDArray

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq.data.graph import SpaceTimeGraph
from graphseq.nn.recurrent.forgetting import GateValues
from graphseq.plot._gates import (
    ABSENT,
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

_MOST_LINES = 40  #: names beside a heat map; more would overlap
_STRIPE = 5.0  # width in points; its centre is as far from the axes


@checked_arguments
def draw_gates(
    axes: Axes,
    graph: SpaceTimeGraph,
    gates: GateValues,
    *,
    of: Literal["edges", "nodes"] = "edges",
    irrelevant: Irrelevant | None = None,
    names: Sequence[str] | None = None,
    times: Sequence[str] | None = None,
) -> Axes:
    """Draw gates as a heat map: a line for each edge or node, the largest mean gate on top, a column for each time.

    Dark is open, white is closed, and grey is absent. A stripe on the left marks the edges or nodes planted as
    irrelevant. The colour bar takes some of the space of the axes.

    Args:
        axes: where to draw.
        graph: as for :func:`~graphseq.plot.animate_forgetting`, of any number of nodes.
        gates: likewise.
        of: "edges", for k_i k_j k_ij of each pair of nodes that has an edge at any time; or "nodes", for their k_i.
        irrelevant: likewise.
        names: likewise; above 40 lines no names are written.
        times: likewise.

    Returns:
        ``axes``.

    Raises:
        ValueError: ``of`` is neither, the graph has no edges to draw, or :func:`~graphseq.plot.animate_forgetting`
            refuses the gates.

    Example:
        >>> import graphseq as gs, torch
        >>> from matplotlib.figure import Figure
        >>> graph = gs.from_signal(torch.zeros(3, 2, 1), torch.tensor([[0, 1], [1, 0]]))
        >>> axes = draw_gates(Figure().subplots(), graph, gs.nn.ForgettingGCNLSTM(1, 4).gate_values(graph))
        >>> axes.images[0].get_array().shape, [label.get_text() for label in axes.get_yticklabels()]
        ((2, 3), ['0 → 1', '1 → 0'])
    """
    _checks.one_of("of", of, ("edges", "nodes"))
    frames = frames_of(graph, gates, irrelevant)
    keys, moment, value, planted = _long(frames, of)
    if not len(keys):
        raise ValueError("graph has no edges between different nodes; the gates of nodes can be drawn, by of='nodes'")
    lines, line = np.unique(keys, axis=0, return_inverse=True)
    grid = np.full((len(lines), len(frames)), np.nan)
    grid[line, moment] = value
    order = np.argsort(-np.nanmean(grid, axis=1), kind="stable")
    heat_map = axes.imshow(
        grid[order], cmap=colour_map(OPEN), norm=Normalize(0, 1), aspect="auto", interpolation="nearest"
    )
    axes.set_facecolor(ABSENT)
    axes.figure.colorbar(heat_map, ax=axes, label="gate (grey: absent)")
    if irrelevant is not None:
        _stripe(axes, np.bincount(line, planted, len(lines))[order] > 0)
    labels = node_names(graph.node.unique().tolist(), names)
    pad = 4.0 if irrelevant is None else 2 * _STRIPE
    if len(lines) <= _MOST_LINES:
        axes.set_yticks(
            range(len(lines)), [" → ".join(labels[node] for node in nodes) for nodes in lines[order].tolist()]
        )
        axes.tick_params(axis="y", labelsize=8, length=0, pad=pad)
        pad = 4.0
    else:
        axes.set_yticks([])
    axes.set_ylabel(f"{len(lines):,} {of}" + ("" if irrelevant is None else " (stripe: irrelevant)"), labelpad=pad)
    ticks = range(0, len(frames), -(-len(frames) // 6))
    axes.set_xticks(ticks, [time_names(graph, times, "")[tick] for tick in ticks])
    axes.set_xlabel("time")
    axes.set_title(_finding(value, planted if irrelevant is not None else None), fontsize=11)
    return axes


def _long(
    frames: Sequence[Snapshot], of: str
) -> tuple[NDArray[np.int64], NDArray[np.int64], Values, NDArray[np.bool_]]:
    """Return four arrays with an entry for each gate: its node or pair, its time, its value, and True where planted."""
    edges = of == "edges"
    keys = [frame.pairs if edges else frame.nodes[:, None] for frame in frames]
    moment = np.repeat(np.arange(len(frames)), [len(key) for key in keys])
    value = np.concatenate([frame.factor if edges else frame.gate for frame in frames])
    planted = np.concatenate([frame.edge_planted if edges else frame.node_planted for frame in frames])
    return np.concatenate(keys), moment, value, planted


def _stripe(axes: Axes, planted: NDArray[np.bool_]) -> None:
    """Draw a stripe beside the planted lines, just outside the axes."""
    left_of_axes = axes.get_yaxis_transform() + ScaledTranslation(-_STRIPE / 72, 0, axes.figure.dpi_scale_trans)
    spans = [[(0.0, line - 0.5), (0.0, line + 0.5)] for line in np.flatnonzero(planted).tolist()]
    stripe = LineCollection(spans, colors=PLANTED, linewidths=_STRIPE, transform=left_of_axes, clip_on=False)
    stripe.set_gid("irrelevant")
    stripe.set_capstyle("butt")
    axes.add_collection(stripe, autolim=False)


def _finding(value: Values, planted: NDArray[np.bool_] | None) -> str:
    if planted is None or not 0 < planted.sum() < len(planted):
        return f"{(value < HALF).mean():.0%} of all gates are below ½"
    return f"mean gate: irrelevant {value[planted].mean():.2f}, others {value[~planted].mean():.2f}"
