"""All gates of a graph over time at once: a line an edge or a node, a column a time."""

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
from graphseq.data.graph import SpaceTimeGraph
from graphseq.nn.recurrent.forgetting import GateValues
from graphseq.plot._gates import (
    AWAY,
    HALF,
    KEPT,
    PLANTED,
    Irrelevant,
    Snapshot,
    Values,
    called,
    frames_of,
    moments,
    scale,
)

_MOST_LINES = 40  #: names beside a heat map; more would lie upon each other
_STRIPE = 5.0  # points, and half of that between it and the axes


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
    """Draw what was forgotten when: a line an edge or a node, the most kept on top, a column a time.

    Dark is kept, white is forgotten, and grey was not there. A stripe on the left marks what was planted to be
    forgotten. The colour bar is taken from the room of the axes.

    Args:
        axes: where to draw.
        graph: as for :func:`~graphseq.plot.animate_forgetting`, of any number of nodes.
        gates: likewise.
        of: "edges", k_i k_j k_ij of each pair of nodes that an edge ever joins; or "nodes", k_i of each.
        irrelevant: likewise.
        names: likewise; above 40 lines none are written.
        times: likewise.

    Returns:
        ``axes``.

    Raises:
        ValueError: another ``of``, a graph without edges where these are asked for, or what
            :func:`~graphseq.plot.animate_forgetting` refuses of the gates.

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
        raise ValueError("graph has no edges between different nodes; gates of nodes may be drawn still")
    lines, place = np.unique(keys, axis=0, return_inverse=True)
    grid = np.full((len(lines), len(frames)), np.nan)
    grid[place, moment] = value
    order = np.argsort(-np.nanmean(grid, axis=1), kind="stable")
    picture = axes.imshow(grid[order], cmap=scale(KEPT), norm=Normalize(0, 1), aspect="auto", interpolation="nearest")
    axes.set_facecolor(AWAY)
    axes.figure.colorbar(picture, ax=axes, label="gate (grey: not there)")
    if irrelevant is not None:
        _stripe(axes, np.bincount(place, planted, len(lines))[order] > 0)
    named = called(graph.node.unique().tolist(), names)
    pad = 4.0 if irrelevant is None else 2 * _STRIPE
    if len(lines) <= _MOST_LINES:
        axes.set_yticks(range(len(lines)), [" → ".join(named[node] for node in line) for line in lines[order].tolist()])
        axes.tick_params(axis="y", labelsize=8, length=0, pad=pad)
        pad = 4.0
    else:
        axes.set_yticks([])
    axes.set_ylabel(f"{len(lines):,} {of}" + ("" if irrelevant is None else " (stripe: irrelevant)"), labelpad=pad)
    ticks = range(0, len(frames), -(-len(frames) // 6))
    axes.set_xticks(ticks, [moments(graph, times, "")[tick] for tick in ticks])
    axes.set_xlabel("time")
    axes.set_title(_finding(value, planted if irrelevant is not None else None), fontsize=11)
    return axes


def _long(
    frames: Sequence[Snapshot], of: str
) -> tuple[NDArray[np.int64], NDArray[np.int64], Values, NDArray[np.bool_]]:
    """Every gate: of which node or pair, at which time, how much, and whether planted."""
    edges = of == "edges"
    keys = [frame.pairs if edges else frame.nodes[:, None] for frame in frames]
    moment = np.repeat(np.arange(len(frames)), [len(key) for key in keys])
    value = np.concatenate([frame.factor if edges else frame.gate for frame in frames])
    planted = np.concatenate([frame.edge_planted if edges else frame.node_planted for frame in frames])
    return np.concatenate(keys), moment, value, planted


def _stripe(axes: Axes, planted: NDArray[np.bool_]) -> None:
    """Beside the lines that were planted, just outside the axes."""
    aside = axes.get_yaxis_transform() + ScaledTranslation(-_STRIPE / 72, 0, axes.figure.dpi_scale_trans)
    spans = [[(0.0, line - 0.5), (0.0, line + 0.5)] for line in np.flatnonzero(planted).tolist()]
    stripe = LineCollection(spans, colors=PLANTED, linewidths=_STRIPE, transform=aside, clip_on=False)
    stripe.set_gid("irrelevant")
    stripe.set_capstyle("butt")
    axes.add_collection(stripe, autolim=False)


def _finding(value: Values, planted: NDArray[np.bool_] | None) -> str:
    if planted is None or not 0 < planted.sum() < len(planted):
        return f"{(value < HALF).mean():.0%} of all gates are below ½"
    return f"mean gate {value[planted].mean():.2f} on what is irrelevant, {value[~planted].mean():.2f} on the rest"
