"""A quantity over the layers of networks: how fast what tells rows apart is smoothed away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from graphseq.plot.lines import STYLES, at_least_zero, bare, draw_curve, legend, logarithmic, numbers, told_apart


def draw_over_layers(
    axes: Axes, curves: Mapping[str, Tensor | Sequence[float]], *, ylabel: str, log: bool = True
) -> Axes:
    """Draw a quantity layer by layer, a line a network; layer 0 is the input.

    On a logarithmic scale what is exactly 0 stands as a hollow mark on a floor labelled 0, and no line leads there.
    NaN, such as the mean distance of states that are all 0, is a gap.

    Args:
        axes: where to draw.
        curves: by name, values at layers 0, 1, 2, …, (L + 1,), each as long as it likes; at most 7.
        ylabel: what is drawn, with its unit.
        log: a logarithmic scale, as for a Dirichlet energy; otherwise linear, as for a rank.

    Returns:
        ``axes``.

    Raises:
        TypeError: values that are no numbers.
        ValueError: nothing or too much to draw, infinite values, or values below 0 where ``log``.

    Example:
        >>> from matplotlib.figure import Figure
        >>> axes = draw_over_layers(Figure().subplots(), {"GCN": [1.0, 0.1, 0.01]}, ylabel="Dirichlet energy")
        >>> axes.get_yscale(), axes.lines[0].get_xdata().tolist()
        ('log', [0.0, 1.0, 2.0])
    """
    told_apart("curves", len(curves))
    found = {name: numbers(f"curves[{name!r}]", values, gaps=True) for name, values in curves.items()}
    height = None
    if log:
        for name, values in found.items():
            at_least_zero(f"curves[{name!r}]", values)
        height = logarithmic(axes, found.values())
    for (name, values), style in zip(found.items(), STYLES, strict=False):
        draw_curve(axes, np.arange(len(values), dtype=np.float64), values, name, style, height)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("layer (0: the input)")
    axes.set_ylabel(ylabel)
    legend(axes)
    bare(axes)
    return axes
