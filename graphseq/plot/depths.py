"""A measure layer by layer, such as the Dirichlet energy that over-smoothing reduces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from graphseq._arguments import checked_arguments
from graphseq.plot.lines import (
    STYLES,
    check_count,
    check_not_negative,
    despine,
    draw_curve,
    legend,
    logarithmic,
    numbers,
)


@checked_arguments
def draw_over_layers(
    axes: Axes, curves: Mapping[str, Tensor | Sequence[float]], *, ylabel: str, log: bool = True
) -> Axes:
    """Draw a measure at each layer, one line for each network; layer 0 is the input.

    On a logarithmic scale, values that are exactly 0 are hollow marks on a line labelled 0, not joined to the curve.
    NaN, such as the mean distance of states that are all 0, is a gap.

    Args:
        axes: where to draw.
        curves: for each name, the values at layers 0, 1, …, L, (L + 1,), with an L of its own; at most 7 names.
        ylabel: the measure, with its unit.
        log: True for a logarithmic scale, as for a Dirichlet energy; False for a linear one, as for a rank.

    Returns:
        ``axes``.

    Raises:
        TypeError: a value is not a number.
        ValueError: there are no curves or too many, a value is infinite, or below 0 where ``log``.

    Example:
        >>> from matplotlib.figure import Figure
        >>> axes = draw_over_layers(Figure().subplots(), {"GCN": [1.0, 0.1, 0.01]}, ylabel="Dirichlet energy")
        >>> axes.get_yscale(), axes.lines[0].get_xdata().tolist()
        ('log', [0.0, 1.0, 2.0])
    """
    check_count("curves", len(curves))
    values_of = {name: numbers(f"curves[{name!r}]", values, gaps=True) for name, values in curves.items()}
    height = None
    if log:
        for name, values in values_of.items():
            check_not_negative(f"curves[{name!r}]", values)
        height = logarithmic(axes, values_of.values())
    for (name, values), style in zip(values_of.items(), STYLES, strict=False):
        draw_curve(axes, np.arange(len(values), dtype=np.float64), values, name, style, height)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("layer (0: the input)")
    axes.set_ylabel(ylabel)
    legend(axes)
    despine(axes)
    return axes
