"""Forecasts beside the observed values, node by node."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq.plot._text import plain
from graphseq.plot.lines import despine
from graphseq.plot.node_errors import (
    MODEL_STYLES,
    NodeErrors,
    Predicted,
    Values,
    brief,
    checked_errors,
    finding,
    mean_square,
    names_of,
)

MOST_PANELS = 24  #: more would be too small to read
_WIDTH = 12.0  # inches


@checked_arguments
def forecast_figure(
    predictions: Predicted,
    *,
    nodes: Sequence[int] | None = None,
    names: Sequence[str] | None = None,
    times: Mapping[int, str] | None = None,
    last: int | None = None,
    channel: int = 0,
    unit: str = "value",
) -> Figure:
    """Draw the observed and the forecast values: one panel for each node, one line for each model.

    The corner of a panel shows each model's mean squared error at this node, over all times; the legend shows that
    over all nodes. Lines have gaps where the node was absent. Each panel has its own scale.

    Args:
        predictions: for each of 1 to 6 models, the result of :func:`graphseq.evaluation.predict.predict`; see
            :func:`~graphseq.plot.errors_by_node`.
        nodes: the nodes to draw, 1 to 24. By default all of them; of more than 24, a selection spread evenly from the
            smallest to the largest error of the first model.
        names: the name of each node by its number; numbers by default.
        times: the name of each time by its number; numbers by default.
        last: the number of times to draw, counted from the end; all by default. More than about 150 are hard to read.
        channel: the output channel to draw, 0 to C - 1.
        unit: the label of the vertical scale.

    Returns:
        A new figure, shown in no window.

    Raises:
        ValueError: a node has no predictions, the name of a node or a time is missing, the channel does not exist, or
            :func:`~graphseq.plot.errors_by_node` refuses an argument.

    Example:
        >>> import torch
        >>> node, time, y = torch.tensor([0, 1, 0, 1]), torch.tensor([5, 5, 6, 6]), torch.zeros(4, 1)
        >>> figure = forecast_figure({"one": (node, time, y + 1, y)}, names=["Pest", "Vas"])
        >>> [axes.get_title(loc="left") for axes in figure.axes], figure.axes[0].texts[0].get_text()
        (['Pest', 'Vas'], '1.00')
    """
    errors = checked_errors(predictions)
    shown = _shown(errors, nodes)
    node_names = names_of(errors.nodes, names)
    first = next(iter(predictions.values()))
    if _checks.at_least("channel", channel, 0) >= first[3].shape[1]:
        raise ValueError(f"channel must lie in 0 to {first[3].shape[1] - 1}, got {channel}")
    moments = first[1].unique().tolist()
    moments = moments if last is None else moments[-_checks.at_least("last", last, 1) :]
    unnamed = [] if times is None else [time for time in moments if time not in times]
    if unnamed:
        raise ValueError(f"times must name every time that is drawn; time {unnamed[0]} has no name")
    columns = min(len(shown), 4 if len(moments) <= 60 and len(predictions) <= 4 else 3 if len(moments) <= 120 else 2)
    lines = -(-len(shown) // columns)
    figure = Figure(figsize=(_WIDTH, 1.5 * lines + 1.3), layout="constrained")
    panels = figure.subplots(lines, columns, sharex=True, squeeze=False).ravel()
    for panel, node in zip(panels, shown, strict=False):
        _draw_node(panel, predictions, node, channel, moments)
        _write_errors(panel, [values[errors.nodes.index(node)] for values in errors.of.values()])
        panel.set_title(node_names[node], loc="left", fontsize=9)
    for panel in panels[len(shown) :]:
        panel.set_visible(False)
    _label_times([panels[index] for index in _lowest(len(shown), columns)], moments, times)
    figure.supylabel(unit, fontsize=10)
    figure.suptitle(finding(errors, len(shown)))
    handles = _handles(predictions)
    fit = int(72 * _WIDTH / (50 + 5 * max(len(str(handle.get_label())) for handle in handles)))
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=max(1, fit),
        frameon=False,
        fontsize=9,
        title="in brackets and in the corners: mean squared error",
        title_fontsize=8,
    )
    return figure


def _shown(errors: NodeErrors, nodes: Sequence[int] | None) -> list[int]:
    if nodes is not None:
        if isinstance(nodes, Tensor | np.ndarray):
            nodes = nodes.tolist()
        if not 1 <= len(nodes) <= MOST_PANELS:
            raise ValueError(f"nodes must name 1 to {MOST_PANELS} nodes to be legible, got {len(nodes)}")
        nodes = [_checks.at_least(f"nodes[{place}]", node, 0) for place, node in enumerate(nodes)]
        unknown = [node for node in nodes if node not in errors.nodes]
        if unknown:
            raise ValueError(f"nodes names {unknown[0]}, which has no predictions")
        return nodes
    if len(errors.nodes) <= MOST_PANELS:
        return errors.nodes
    first = next(iter(errors.of.values()))
    ranks = np.linspace(0, len(first) - 1, MOST_PANELS).round().astype(int)
    return [errors.nodes[index] for index in np.argsort(first, kind="stable")[ranks].tolist()]


def _draw_node(axes: Axes, predictions: Predicted, node: int, channel: int, moments: Sequence[int]) -> None:
    """Draw one line for each model and the observed values as a thin dark line above them, with gaps where none are."""
    nodes, time, _, y = next(iter(predictions.values()))
    entries = ((nodes == node) & (time >= moments[0])).cpu()
    positions = np.searchsorted(moments, time.cpu()[entries].numpy())
    curves = [
        (prediction[2], style[0], 1.3) for prediction, style in zip(predictions.values(), MODEL_STYLES, strict=False)
    ]
    for values, colour, width in [*curves, (y, "0.15", 0.8)]:
        line = np.full(len(moments), np.nan)
        line[positions] = values.detach().cpu()[entries, channel].double().numpy()
        axes.plot(moments, line, color=colour, linewidth=width, markevery=_isolated(line), marker=".")
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.22 * (high - low))  # room for the numbers in the corner
    axes.set_xlim(moments[0] - 0.5, moments[-1] + 0.5)
    axes.yaxis.set_major_locator(MaxNLocator(3))
    axes.tick_params(labelsize=8)
    despine(axes)


def _isolated(line: Values) -> list[int]:
    """Return the indices of points without a neighbour, which a line would not show."""
    gap = np.isnan(np.pad(line, 1, constant_values=np.nan))
    indices: list[int] = np.flatnonzero(~gap[1:-1] & gap[:-2] & gap[2:]).tolist()
    return indices


def _write_errors(axes: Axes, errors: Sequence[float]) -> None:
    """Write the errors into the upper right corner, in the order and colours of the models; the smallest in bold."""
    shift = 0
    for error, (colour, _, _) in reversed(list(zip(errors, MODEL_STYLES, strict=False))):
        axes.annotate(
            brief(error),
            (1.0, 1.0),
            xycoords="axes fraction",
            xytext=(-shift, -1),
            textcoords="offset points",
            ha="right",
            va="top",
            fontsize=8,
            color=colour,
            weight="bold" if error == min(errors) else "normal",
        )
        shift += 8 + 5 * len(brief(error))


def _lowest(panels: int, columns: int) -> range:
    return range(max(0, panels - columns), panels)


def _label_times(panels: Sequence[Axes], moments: Sequence[int], times: Mapping[int, str] | None) -> None:
    """Write the names of some times below the lowest panel of each column."""
    names = {time: str(time) if times is None else _two_lines(plain(times[time])) for time in moments}
    inches = panels[0].get_window_extent().width / panels[0].figure.dpi
    characters = max(len(line) for name in names.values() for line in name.splitlines())
    count = max(2, min(5, int(inches * 72 / (5 * characters + 14))))
    ticks = [
        moments[index] for index in np.unique(np.linspace(0, len(moments) - 1, count).round().astype(int)).tolist()
    ]
    labels = [names[tick] for tick in ticks]
    for panel in panels:
        panel.set_xticks(ticks, labels)
        panel.tick_params(labelbottom=True, labelsize=8)
        if len(ticks) > 1:  # aligned inwards, or the names at the ends would touch those of the next panel
            first, *_, end = panel.get_xticklabels()
            first.set_horizontalalignment("left")
            end.set_horizontalalignment("right")


def _two_lines(name: str) -> str:
    """Break the name of a time between date and hour."""
    return re.sub(r"(?<=\d)[T ](?=\d)", "\n", name, count=1)


def _handles(predictions: Predicted) -> list[Line2D]:
    lines = [Line2D([], [], color="0.2", linewidth=0.8, label="observed")]
    for (model, prediction), (colour, _, _) in zip(predictions.items(), MODEL_STYLES, strict=False):
        lines.append(
            Line2D([], [], color=colour, linewidth=1.3, label=f"{model} ({brief(mean_square(prediction).mean())})")
        )
    return lines
