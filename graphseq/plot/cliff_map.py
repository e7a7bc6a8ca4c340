"""Accuracy over length × depth, with the depths at which structure alone says that a model must fail."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.patches import Rectangle
from matplotlib.patheffects import Normal, withStroke
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray
from torch import Tensor

from graphseq import _checks
from graphseq._arguments import checked_arguments

_WALL = "#D55E00"  # Okabe and Ito's vermilion, rimmed in white: it shows on all of cividis, in grey too
_MOST_WRITTEN = 150  #: more cells would have numbers too small to read


@checked_arguments
def draw_cliff_map(
    axes: Axes,
    lengths: Sequence[int],
    depths: Sequence[int],
    accuracy: Tensor | Sequence[Sequence[float]],
    *,
    chance: float,
    hops: Sequence[int] | None = None,
) -> Axes:
    r"""Draw accuracy as a heat map over length × depth, from chance to 1, and the wall L = hops as a line over it.

    Beneath the wall what must be known is out of reach by structure alone: a network of L layers sees L hops. On a
    path of n rows that is

    .. math:: L < n - 1

    Cells are of equal size whatever the steps between lengths, or depths. What is NaN was not measured: white, with a
    dash in it.

    Args:
        axes: where to draw; the colour bar is taken from its room.
        lengths: n of each column, ascending.
        depths: L of each line, ascending, drawn upwards.
        accuracy: (len(depths), len(lengths)), between 0 and 1, or NaN.
        chance: accuracy of a guess; it and all below share the darkest colour.
        hops: hops that each length needs, not descending, such as a task's ``hops``; without them there is no wall.

    Returns:
        ``axes``.

    Raises:
        TypeError: a length, a depth or hops that is no integer.
        ValueError: an order or a shape that does not fit, or an accuracy outside 0 to 1.

    Example:
        >>> from matplotlib.figure import Figure
        >>> accuracy = [[1.0, 0.1, 0.1], [1.0, 1.0, 0.1]]
        >>> axes = draw_cliff_map(Figure().subplots(), [2, 3, 4], [1, 2], accuracy, chance=0.1, hops=[1, 2, 3])
        >>> [tuple(map(float, point)) for point in axes.lines[0].get_xydata()]
        [(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (1.5, 0.5), (1.5, 1.5), (2.5, 1.5)]
    """
    columns, lines = _ascending("lengths", lengths), _ascending("depths", depths)
    grid = _accuracy(accuracy, (len(lines), len(columns)))
    chance = _checks.between("chance", chance, 0, 1)
    if chance == 1:
        raise ValueError(f"chance must lie between 0 and 1, got {chance}, which leaves nothing above it")
    norm = Normalize(chance, 1.0)
    image = axes.imshow(grid, cmap="cividis", norm=norm, origin="lower", aspect="auto", interpolation="nearest")
    _write(axes, grid, (1 + chance) / 2)
    if hops is not None:
        needed = [_checks.layers("hops", value, 0) for value in hops]
        if len(needed) != len(columns) or any(a > b for a, b in pairwise(needed)):
            raise ValueError(f"hops must be {len(columns)} numbers, one a length, not descending; got {needed}")
        _draw_wall(axes, lines, needed)
    axes.set_xlabel("length (rows)")
    axes.set_ylabel("depth (layers)")
    bar = axes.figure.colorbar(image, ax=axes, format=PercentFormatter(1.0))
    bar.set_label(f"accuracy (chance {chance:.0%})")
    room = axes.get_window_extent()
    widest = max(len(str(value)) for value in columns)
    across = _every(len(columns), room.width, axes.figure.dpi, 5.0 + 6.5 * widest)
    up = _every(len(lines), room.height, axes.figure.dpi, 11.0)
    axes.set_xticks(range(0, len(columns), across), [str(value) for value in columns[::across]])
    axes.set_yticks(range(0, len(lines), up), [str(value) for value in lines[::up]])
    return axes


def _every(count: int, pixels: float, dpi: float, points: float) -> int:
    """Return the step between ticks of so many points each that fit into so many pixels: 1 where all do."""
    return max(1, math.ceil(count * points / max(1.0, pixels * 72 / dpi)))


def _ascending(name: str, values: Sequence[int]) -> list[int]:
    numbers = [_checks.at_least(name, value, 0) for value in values]
    if not numbers or any(a >= b for a, b in pairwise(numbers)):
        raise ValueError(f"{name} must be one number or more, strictly ascending; got {numbers}")
    return numbers


def _accuracy(accuracy: Tensor | Sequence[Sequence[float]], shape: tuple[int, int]) -> NDArray[np.float64]:
    try:
        grid = np.asarray(accuracy.detach().cpu() if isinstance(accuracy, Tensor) else accuracy, dtype=np.float64)
    except (TypeError, ValueError):
        raise TypeError(f"accuracy must be numbers of shape {shape}, got {_checks.shown(accuracy)}") from None
    if grid.shape != shape:
        raise ValueError(f"accuracy must have shape {shape}, a line a depth and a column a length; got {grid.shape}")
    wrong = ~((grid >= 0) & (grid <= 1) | np.isnan(grid))
    if wrong.any():
        line, column = (int(index) for index in np.argwhere(wrong)[0])
        raise ValueError(f"accuracy[{line}, {column}] is {grid[line, column]}; it must lie between 0 and 1")
    return grid


def _write(axes: Axes, grid: NDArray[np.float64], middle: float) -> None:
    """Write the number of each cell, in per cent; dark on bright and bright on dark."""
    for (line, column), value in np.ndenumerate(grid):
        if np.isnan(value):
            axes.add_patch(Rectangle((column - 0.5, line - 0.5), 1, 1, facecolor="w", edgecolor="0.8", linewidth=0.5))
        if grid.size <= _MOST_WRITTEN:
            text, colour = ("–", "k") if np.isnan(value) else (f"{100 * value:.0f}", "k" if value > middle else "w")
            axes.text(column, line, text, ha="center", va="center", fontsize=8, color=colour)


def _draw_wall(axes: Axes, depths: Sequence[int], hops: Sequence[int]) -> None:
    """Draw a line along the borders of cells, beneath which every depth is less than the hops of its column."""
    x, y = [], []
    for column, needed in enumerate(hops):
        height = sum(depth < needed for depth in depths) - 0.5
        x += [column - 0.5, column + 0.5]
        y += [height, height]
    rim = [withStroke(linewidth=4.5, foreground="w"), Normal()]
    axes.plot(x, y, color=_WALL, linewidth=2.5, label="layers = hops", path_effects=rim, gid="wall", clip_on=False)
    axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), frameon=False, borderaxespad=0.2)
