"""A static graph coloured by a number a row, such as how much each of them moves an answer."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from torch import Tensor

from graphseq import _checks
from graphseq.data.graph import SpaceTimeGraph
from graphseq.plot.lines import at_least_zero, numbers
from graphseq.plot.nodes import Places, draw_nodes, prepared


def draw_values(
    axes: Axes,
    graph: SpaceTimeGraph,
    values: Tensor | Sequence[float],
    *,
    label: str,
    largest: float | None = None,
    labels: Sequence[str] | None = None,
    pos: Places | None = None,
) -> Axes:
    """Draw a static graph, its nodes coloured by ``values`` from 0 up, with a colour bar.

    Args:
        axes: where to draw.
        graph: V rows of one time, at most 200.
        values: a number of at least 0 a row, (V,), such as a line of :func:`graphseq.reach.influence`.
        label: what the numbers are and their unit, written at the colour bar.
        largest: where the scale ends, so that pictures can share it; without it, at the largest value.
        labels: a name a row, (V,), such as the element of an atom; row numbers without it.
        pos: where each row stands, such as :func:`molecule_layout` says; see :func:`draw_hops`.

    Returns:
        ``axes``.

    Raises:
        ValueError: as many numbers as rows are not given, one is negative, not finite or above ``largest``, or the
            graph, its labels or places are what :func:`draw_hops` refuses.

    Example:
        >>> import graphseq as gs, networkx as nx, torch
        >>> from matplotlib.figure import Figure
        >>> axes = draw_values(Figure().subplots(), gs.from_graph(nx.path_graph(3)), [0.0, 1.0, 2.0], label="influence")
        >>> axes.figure.axes[1].get_ylabel()
        'influence'
    """
    found = numbers("values", values)
    names, places = prepared(graph, labels, pos)
    if len(found) != graph.num_rows:
        raise ValueError(f"values must be one a row, {graph.num_rows} of them, got {len(found)}")
    at_least_zero("values", found)
    end = float(found.max()) or 1.0 if largest is None else _checks.positive("largest", largest)
    if found.max() > end:
        raise ValueError(f"largest must be at least the largest value, {found.max():.3g}, got {end:.3g}")
    scale = ScalarMappable(Normalize(0.0, end), mpl.colormaps["cividis"])
    draw_nodes(axes, graph, places, [tuple(colour) for colour in scale.to_rgba(found)], names)
    axes.figure.colorbar(scale, ax=axes, label=label, shrink=0.8)
    return axes
