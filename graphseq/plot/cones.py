"""Receptive fields on the grid of time steps and nodes (a ball, a line or a cone), coloured by measured influence."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PatchCollection
from matplotlib.colors import LogNorm
from matplotlib.patches import Rectangle
from torch import Tensor

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq.data.graph import SpaceTimeGraph
from graphseq.plot.nodes import checked_row

_OUTLINE = "#D55E00"  # Okabe and Ito's vermilion, which is far from every colour of cividis
_COLOURS = "cividis_r"
_MOST_DECADES = 8.0
_TALL = 2.4
"""Inches of a colour bar that has room for a long label and several numbers."""
_MOST_LINES = 40
"""Nodes beyond which only those are drawn between the lowest and the highest that reach the target."""


@checked_arguments
def draw_reach(
    axes: Axes,
    graph: SpaceTimeGraph,
    target_row: int,
    reach_mask: Tensor,
    influence: Tensor | None = None,
    *,
    norm: LogNorm | None = None,
) -> Axes:
    """Draw the rows that reach a target row as outlined cells of a time × node grid, coloured by their influence on it.

    Args:
        axes: where to draw.
        graph: V rows.
        target_row: the row whose state is read, marked by a star.
        reach_mask: True for the rows that reach it, (V,), ``bool``: one row of ``model.reach(graph)``.
        influence: the influence of each row on it, (V,): one row of :func:`graphseq.reach.influence`. Zeros stay white.
        norm: the colour scale, to share one between panels; by default it fits the values given.

    Returns:
        ``axes``.

    Raises:
        ValueError: a shape does not fit, the row is outside the graph, a value is negative or not finite, or a row
            out of reach has influence.

    Example:
        >>> import graphseq as gs, torch
        >>> from matplotlib.figure import Figure
        >>> graph = gs.from_sequence(torch.zeros(5, 1))
        >>> mask = gs.nn.GCN(1, 4, num_layers=2).reach(graph, torch.tensor([4]))[0]
        >>> axes = draw_reach(Figure().subplots(), graph, 4, mask)
        >>> len(axes.collections[0].get_paths())
        3
    """
    target = checked_row("target_row", target_row, graph)
    mask = _checks.marked_rows("reach_mask", reach_mask, graph.num_rows).cpu().numpy()
    columns, times = _numbered(graph.time)
    lines, nodes = _numbered(graph.node)
    if influence is not None:
        values = _values(influence, mask)
        norm = norm or shared_norm([influence])
        if norm is not None:
            grid = np.full((len(nodes), len(times)), np.nan)
            grid[lines[values > 0], columns[values > 0]] = np.maximum(values[values > 0], norm.vmin or 0.0)
            axes.imshow(grid, cmap=_COLOURS, norm=norm, origin="lower", aspect="auto", interpolation="nearest")
    width = max(0.4, min(1.3, 40.0 / max(len(times), len(nodes))))
    cells = [Rectangle((columns[row] - 0.44, lines[row] - 0.44), 0.88, 0.88) for row in np.flatnonzero(mask)]
    outlines = PatchCollection(cells, facecolor="none", edgecolor=_OUTLINE, linewidth=width)
    outlines.set_gid("reach")
    axes.add_collection(outlines)
    axes.plot(columns[target], lines[target], "*", markersize=12, color="w", markeredgecolor="k", gid="target")
    shown = [lines[target], *lines[mask]]
    first, last = (0, len(nodes) - 1) if len(nodes) <= _MOST_LINES else (min(shown), max(shown))
    axes.set_xlim(-0.5, len(times) - 0.5)
    axes.set_ylim(first - 0.5, last + 0.5)
    for axis, numbers, low, high, inches in (
        (axes.xaxis, times, 0, len(times) - 1, axes.get_window_extent().width / axes.figure.dpi),
        (axes.yaxis, nodes, first, last, axes.get_window_extent().height / axes.figure.dpi),
    ):
        most = max(2, min(8, int(inches / 0.35)))
        ticks = range(low, high + 1, -(-(high - low + 1) // most))
        axis.set_ticks(list(ticks), [str(numbers[tick]) for tick in ticks])
    axes.set_xlabel("time step")
    axes.set_ylabel("node" if last - first + 1 == len(nodes) else f"node, of {len(nodes):,}")
    return axes


@checked_arguments
def draw_cones(
    panels: Iterable[Axes], graph: SpaceTimeGraph, target_row: int, models: Mapping[str, tuple[Tensor, Tensor]]
) -> list[Axes]:
    """Draw the receptive fields of several models side by side, their influence on one logarithmic colour scale.

    The colour bar takes some of the panels' space. Values more than 8 decades below the largest have the palest
    colour.

    Args:
        panels: one axes for each model, of one figure, such as ``Figure().subplots(1, 3)``.
        graph: V rows. On a path of nodes, neighbours in the figure are neighbours in the graph.
        target_row: the row whose state is read, marked by a star.
        models: for each name, the reach (V,), ``bool``, and the influence (V,), as :func:`draw_reach` takes them.

    Returns:
        The axes drawn on.

    Raises:
        ValueError: there are not as many axes as models, or no models, or :func:`draw_reach` refuses an argument.

    Example:
        >>> import graphseq as gs, torch
        >>> from matplotlib.figure import Figure
        >>> graph, target = gs.from_sequence(torch.zeros(5, 1)), torch.tensor([4])
        >>> lstm = gs.nn.LSTM(1, 4)
        >>> field = lstm.reach(graph, target)[0], gs.reach.influence(lstm, graph, outputs=target)[0]
        >>> [axes.get_title() for axes in draw_cones([Figure().subplots()], graph, 4, {"LSTM": field})]
        ['LSTM: 5 of 5 rows']
    """
    axes_list: list[Axes] = list(np.ravel(np.array(list(panels), dtype=object)))
    if len(axes_list) != len(models) or not models:
        raise ValueError(f"panels must have one axes for each model: got {len(axes_list)} for {len(models)} models")
    norm = shared_norm([influence for _, influence in models.values()])
    for axes, (name, (mask, influence)) in zip(axes_list, models.items(), strict=True):
        draw_reach(axes, graph, target_row, mask, influence, norm=norm)
        inches = axes.get_window_extent().width / axes.figure.dpi
        title = f"{name}: {int(mask.sum()):,} of {len(mask):,} rows"
        axes.set_title(textwrap.fill(title, max(12, int(12 * inches))), fontsize=11 if inches > 1.8 else 9)
    for axes in axes_list[1:]:  # the same nodes as in the first
        if axes.get_ylabel() == axes_list[0].get_ylabel():
            axes.set_ylabel("")
    if norm is not None:
        low = min(float(influence[influence > 0].min()) for _, influence in models.values() if bool(influence.any()))
        extend = "min" if norm.vmin is not None and low < norm.vmin else "neither"
        bar = axes_list[0].figure.colorbar(ScalarMappable(norm, _COLOURS), ax=axes_list, extend=extend)
        inches = axes_list[0].get_window_extent().height / axes_list[0].figure.dpi
        bar.set_label("influence on the target row (star)" if inches > _TALL else "influence")
        if inches <= _TALL:  # no room for more
            bar.minorticks_off()
            ends = [float(norm.vmin or 0.0), float(norm.vmax or 1.0)]
            bar.set_ticks(ends, labels=[f"{end:.0e}" for end in ends])
    return axes_list


def shared_norm(influences: Iterable[Tensor]) -> LogNorm | None:
    """Return one logarithmic colour scale for all values above 0, of at most 8 decades; ``None`` if there are none.

    Args:
        influences: tensors of any shape.

    Raises:
        TypeError: one of them is not a tensor.

    Example:
        >>> scale = shared_norm([torch.tensor([0.0, 1.0]), torch.tensor([100.0])])
        >>> scale.vmin, scale.vmax
        (1.0, 100.0)
    """
    flat = [_checks.is_real("influence", values).detach().cpu().double().flatten() for values in influences]
    positive = torch.cat([values[(values > 0) & values.isfinite()] for values in flat]) if flat else torch.empty(0)
    if not positive.numel():
        return None
    largest = float(positive.max())
    smallest = max(float(positive.min()), largest * 10**-_MOST_DECADES)
    return LogNorm(smallest if smallest < largest else largest / 10, largest)


def _numbered(labels: Tensor) -> tuple[np.ndarray, list[int]]:
    """Return the index of each row's label among the distinct labels, and these in ascending order."""
    distinct, index = labels.cpu().unique(return_inverse=True)
    return index.numpy(), distinct.tolist()


def _values(influence: Tensor, mask: np.ndarray) -> np.ndarray:
    values: np.ndarray = _checks.is_real("influence", influence).detach().cpu().double().numpy()
    if values.shape != mask.shape:
        raise ValueError(f"influence must have shape {mask.shape}, one entry a row; got {values.shape}")
    wrong = ~np.isfinite(values) | (values < 0)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise ValueError(f"influence must be finite and at least 0; influence[{row}] is {values[row]}")
    stray = (values > 0) & ~mask
    if stray.any():
        row = int(np.flatnonzero(stray)[0])
        raise ValueError(f"influence[{row}] is {values[row]:.3g}, but reach_mask says that row {row} is out of reach")
    return values
