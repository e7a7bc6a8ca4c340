"""Curves on a logarithmic scale, on which values that are exactly 0 are marked on a line of their own, the floor."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import ceil, floor, log10

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator
from numpy.typing import NDArray
from torch import Tensor

from graphseq import _checks

Values = NDArray[np.float64]
Dash = tuple[float, tuple[float, ...]]

# Okabe and Ito's colours without yellow, which is hard to see on white; markers and dashes differ for grey prints.
STYLES: tuple[tuple[str, str, Dash], ...] = (
    ("#0072B2", "o", (0, ())),
    ("#D55E00", "s", (0, (5, 1.5))),
    ("#009E73", "^", (0, (1, 1))),
    ("#CC79A7", "D", (0, (4, 1, 1, 1))),
    ("#E69F00", "v", (0, (7, 2))),
    ("#56B4E9", "P", (0, (2, 1))),
    ("#000000", "X", (0, (4, 1, 1, 1, 1, 1))),
)


_MOST_MARKS = 60
"""Marks on a line, evenly spaced, beyond which they would hide it."""


def numbers(name: str, values: Tensor | Sequence[float], *, gaps: bool = False) -> Values:
    """Return a one-dimensional float64 array of finite numbers, where ``gaps`` also of NaN; refuse anything else."""
    try:
        array = np.asarray(values.detach().cpu() if isinstance(values, Tensor) else values, dtype=np.float64)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a sequence of numbers, got {_checks.shown(values)}") from None
    if array.ndim != 1 or not array.size:
        raise ValueError(f"{name} must have one dimension and at least one entry, got shape {array.shape}")
    wrong = ~np.isfinite(array) & ~(np.isnan(array) & gaps)
    if wrong.any():
        index = int(np.flatnonzero(wrong)[0])
        raise ValueError(f"{name}[{index}] is {array[index]}; every value must be finite")
    return array


def check_count(name: str, count: int) -> None:
    """Refuse 0 curves, and more curves than there are styles."""
    if not 1 <= count <= len(STYLES):
        raise ValueError(f"{name} must have 1 to {len(STYLES)} entries, for distinct colours, got {count}")


def check_not_negative(name: str, values: Values) -> None:
    """Refuse negative values, which a logarithmic scale cannot show."""
    if (values < 0).any():
        index = int(np.flatnonzero(values < 0)[0])
        raise ValueError(f"{name}[{index}] is {values[index]:.3g}; a logarithmic scale takes values of at least 0")


def logarithmic(axes: Axes, curves: Iterable[Values]) -> float:
    """Make the y axis logarithmic for all of ``curves``; if one has a zero, draw and label the floor.

    Returns:
        The height of the floor, below every value above 0.
    """
    values = np.concatenate([*curves])
    positive = values[values > 0]
    least, most = (float(positive.min()), float(positive.max())) if positive.size else (1.0, 1.0)
    # Below the curves, and between two decades, so that its label never overlaps that of a power of ten.
    distance = 0.06 * (log10(most) - log10(least))
    height: float = 10.0 ** max(floor(log10(least) - distance) - 0.5, -322.5)
    axes.set_yscale("log")
    bottom = height / 1.6 / 10**distance if (values == 0).any() else least / 2
    axes.set_ylim(max(bottom, 5e-324), min(most * 2.5, 1.7e308))
    if (values == 0).any():
        decades = range(ceil(log10(least)), floor(log10(most)) + 1)
        if len(decades) > 1:
            axes.set_yticks([10.0**power for power in decades[:: -(-len(decades) // 9)]])
        else:
            axes.set_yticks(sorted({least, most}) if positive.size else [])
            axes.yaxis.set_major_formatter("{x:.2g}")
        axes.yaxis.set_minor_locator(NullLocator())  # minor ticks would continue below the floor
        axes.axhline(height, color="0.75", linewidth=0.8, zorder=0, gid="floor")
        axes.annotate(
            "0",
            (0, height),
            xycoords=axes.get_yaxis_transform(),
            xytext=(-6, 0),
            textcoords="offset points",
            ha="right",
            va="center",
        )
    return height


def draw_curve(
    axes: Axes, at: Values, values: Values, label: str, style: tuple[str, str, Dash | str], height: float | None
) -> None:
    """Draw values above 0 as a line, and zeros as hollow marks on the floor at ``height`` if there is one."""
    colour, marker, dash = style
    shown = values if height is None else np.where(values > 0, values, np.nan)
    size = min(5.5, max(2.5, 180 / len(at)))
    every = max(1, len(at) // _MOST_MARKS)
    axes.plot(
        at,
        shown,
        color=colour,
        marker=marker,
        linestyle=dash,
        linewidth=1.6,
        markersize=size,
        label=label,
        markevery=1 if dash == "" else every,
    )
    if height is not None and (values == 0).any():
        zero = at[values == 0]
        zero = zero[:: max(1, len(zero) // _MOST_MARKS)]  # more would run together
        (marks,) = axes.plot(
            zero,
            np.full(len(zero), height),
            linestyle="",
            marker=marker,
            markersize=1.2 * size,
            markerfacecolor="w",
            markeredgecolor=colour,
            clip_on=False,
        )
        marks.set_gid(f"zeros {label}")


def legend(axes: Axes) -> None:
    """Draw the legend in the upper right corner, and extend the scale upwards where it would cover a curve."""
    _, names = axes.get_legend_handles_labels()
    columns = 1 if len(names) <= 4 else 2
    points_high = axes.get_window_extent().height / axes.figure.dpi * 72
    share = min(0.6, (8 + 14 * -(-len(names) // columns)) / max(points_high, 1.0))
    to_screen = axes.transScale.transform
    bottom, top = (float(to_screen((1.0, y))[1]) for y in axes.get_ylim())
    right = 0.35 * sum(axes.get_xlim())
    points = np.concatenate([line.get_xydata() for line in axes.lines if line.get_gid() != "floor"])
    points = points[np.isfinite(points[:, 1]) & (points[:, 0] >= right)]
    highest = max((float(to_screen((1.0, y))[1]) for y in points[:, 1]), default=bottom)
    if highest > top - share * (top - bottom):
        needed = bottom + (max(highest, bottom) - bottom) / (1 - share)
        with np.errstate(over="ignore"):  # near the largest float the scale ends, and the legend may cover a curve
            limit = float(axes.transScale.inverted().transform((1.0, max(needed, top)))[1])
        axes.set_ylim(top=min(limit, 1.7e308))
    axes.legend(loc="upper right", frameon=False, fontsize=9, ncols=columns)


def despine(axes: Axes) -> None:
    """Hide the top and right borders of the axes."""
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
