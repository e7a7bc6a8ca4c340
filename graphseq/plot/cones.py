"""Reach on the grid of time and nodes: a ball, a line or a cone, with what was measured inside it."""

from __future__ import annotations

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
from graphseq.data.graph import SpaceTimeGraph

_OUTLINE = "#D55E00"  # Okabe and Ito's vermilion, which is far from every colour of cividis
_COLOURS = "cividis_r"
_MOST_DECADES = 8.0


def draw_reach(
    axes: Axes,
    graph: SpaceTimeGraph,
    asked_row: int,
    reach_mask: Tensor,
    influence: Tensor | None = None,
    *,
    norm: LogNorm | None = None,
) -> Axes:
    """Draw which rows reach one, as outlined cells of time × node, and how much each moves it, as their colour.

    Args:
        axes: where to draw.
        graph: V rows.
        asked_row: the row asked, marked by a star.
        reach_mask: which rows reach it, (V,), ``bool``: a line of ``model.reach(graph)``.
        influence: how much each moves it, (V,): a line of :func:`graphseq.reach.influence`. Zeros stay white.
        norm: the scale of colours, for one shared with other panels; without it, from the values given.

    Returns:
        ``axes``.

    Raises:
        ValueError: shapes that do not fit, a row outside the graph, values that are negative or not finite, or
            influence from a row that is out of reach.

    Example:
        >>> import graphseq as gs, torch
        >>> from matplotlib.figure import Figure
        >>> graph = gs.from_sequence(torch.zeros(5, 1))
        >>> mask = gs.nn.GCN(1, 4, num_layers=2).reach(graph, torch.tensor([4]))[0]
        >>> axes = draw_reach(Figure().subplots(), graph, 4, mask)
        >>> len(axes.collections[0].get_paths())
        3
    """
    asked = _asked(graph, asked_row)
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
    axes.plot(columns[asked], lines[asked], "*", markersize=12, color="w", markeredgecolor="k", gid="asked")
    axes.set_xlim(-0.6, len(times) - 0.4)
    axes.set_ylim(-0.6, len(nodes) - 0.4)
    for axis, numbers in ((axes.xaxis, times), (axes.yaxis, nodes)):
        ticks = range(0, len(numbers), -(-len(numbers) // 8))
        axis.set_ticks(list(ticks), [str(numbers[place]) for place in ticks])
    axes.set_xlabel("time step")
    axes.set_ylabel("node")
    return axes


def draw_cones(
    panels: Iterable[Axes], graph: SpaceTimeGraph, asked_row: int, models: Mapping[str, tuple[Tensor, Tensor]]
) -> list[Axes]:
    """Draw several models' reach side by side on one grid, and their influence on one logarithmic scale.

    The colour bar is taken from the room of the panels. Values more than 8 decades below the largest share the
    palest colour.

    Args:
        panels: as many axes of one figure as models, such as ``Figure().subplots(1, 3)``.
        graph: V rows, best of nodes on a path, so that neighbours in the picture are neighbours.
        asked_row: the row asked, marked by a star.
        models: by name, the reach (V,), ``bool``, and the influence (V,) of each, as :func:`draw_reach` takes them.

    Returns:
        The axes drawn on.

    Raises:
        ValueError: not as many axes as models, none of them, or what :func:`draw_reach` refuses.

    Example:
        >>> import graphseq as gs, torch
        >>> from matplotlib.figure import Figure
        >>> graph, asked = gs.from_sequence(torch.zeros(5, 1)), torch.tensor([4])
        >>> lstm = gs.nn.LSTM(1, 4)
        >>> seen = lstm.reach(graph, asked)[0], gs.reach.influence(lstm, graph, outputs=asked)[0]
        >>> [axes.get_title() for axes in draw_cones([Figure().subplots()], graph, 4, {"LSTM": seen})]
        ['LSTM: 5 of 5 rows']
    """
    drawn: list[Axes] = list(np.ravel(np.array(list(panels), dtype=object)))
    if len(drawn) != len(models) or not models:
        raise ValueError(f"panels must be one axes a model: got {len(drawn)} for {len(models)} models")
    norm = shared_norm([influence for _, influence in models.values()])
    for axes, (name, (mask, influence)) in zip(drawn, models.items(), strict=True):
        draw_reach(axes, graph, asked_row, mask, influence, norm=norm)
        axes.set_title(f"{name}: {int(mask.sum())} of {len(mask)} rows")
    if norm is not None:
        low = min(float(influence[influence > 0].min()) for _, influence in models.values() if bool(influence.any()))
        extend = "min" if norm.vmin is not None and low < norm.vmin else "neither"
        bar = drawn[0].figure.colorbar(ScalarMappable(norm, _COLOURS), ax=drawn, extend=extend)
        bar.set_label("influence on the row asked (star)")
    return drawn


def shared_norm(influences: Iterable[Tensor]) -> LogNorm | None:
    """One logarithmic scale for all values above 0, of at most 8 decades; ``None`` where there is no such value.

    Args:
        influences: tensors of any shape.

    Raises:
        TypeError: something that is no tensor.

    Example:
        >>> scale = shared_norm([torch.tensor([0.0, 1.0]), torch.tensor([100.0])])
        >>> scale.vmin, scale.vmax
        (1.0, 100.0)
    """
    flat = [_checks.is_tensor("influence", values).detach().cpu().double().flatten() for values in influences]
    above = torch.cat([values[(values > 0) & values.isfinite()] for values in flat]) if flat else torch.empty(0)
    if not above.numel():
        return None
    most = float(above.max())
    least = max(float(above.min()), most * 10**-_MOST_DECADES)
    return LogNorm(least if least < most else most / 10, most)


def _asked(graph: SpaceTimeGraph, asked_row: object) -> int:
    row = _checks.at_least("asked_row", asked_row, 0)
    if row >= graph.num_rows:
        raise ValueError(f"asked_row must lie in 0 to {graph.num_rows - 1}, got {row}")
    return row


def _numbered(labels: Tensor) -> tuple[np.ndarray, list[int]]:
    """The place of each row among the different labels, and these, ascending."""
    different, place = labels.cpu().unique(return_inverse=True)
    return place.numpy(), different.tolist()


def _values(influence: Tensor, mask: np.ndarray) -> np.ndarray:
    values: np.ndarray = _checks.is_tensor("influence", influence).detach().cpu().double().numpy()
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
