"""A static graph with each row coloured by a number, such as its influence on an output."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from torch import Tensor

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq.data.graph import SpaceTimeGraph
from graphseq.plot.lines import check_not_negative, numbers
from graphseq.plot.nodes import Places, draw_nodes, prepared


@checked_arguments
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
    """Draw a static graph with its nodes coloured by ``values`` of at least 0, and a colour bar.

    Args:
        axes: where to draw.
        graph: V rows of one time, at most 200.
        values: a number of at least 0 for each row, (V,), such as one row of :func:`graphseq.reach.influence`.
        label: the label of the colour bar, with the unit.
        largest: the end of the scale, so that figures can share it; by default the largest value.
        labels: the name of each row, (V,), such as the element of an atom; row numbers by default.
        pos: the position of each row, such as that of :func:`molecule_layout`; see :func:`draw_hops`.

    Returns:
        ``axes``.

    Raises:
        ValueError: there are not as many numbers as rows, one is negative, not finite or above ``largest``, or
            :func:`draw_hops` refuses the graph, its labels or its positions.

    Example:
        >>> import graphseq as gs, networkx as nx, torch
        >>> from matplotlib.figure import Figure
        >>> axes = draw_values(Figure().subplots(), gs.from_graph(nx.path_graph(3)), [0.0, 1.0, 2.0], label="influence")
        >>> axes.figure.axes[1].get_ylabel()
        'influence'
    """
    checked = numbers("values", values)
    names, places = prepared(graph, labels, pos)
    if len(checked) != graph.num_rows:
        raise ValueError(f"values must have an entry for each row, {graph.num_rows} of them, got {len(checked)}")
    check_not_negative("values", checked)
    end = float(checked.max()) or 1.0 if largest is None else _checks.positive("largest", largest)
    if checked.max() > end:
        raise ValueError(f"largest must be at least the largest value, {checked.max():.3g}, got {end:.3g}")
    scale = ScalarMappable(Normalize(0.0, end), mpl.colormaps["cividis"])
    draw_nodes(axes, graph, places, [tuple(colour) for colour in scale.to_rgba(checked)], names)
    axes.figure.colorbar(scale, ax=axes, label=label, shrink=0.8)
    return axes
