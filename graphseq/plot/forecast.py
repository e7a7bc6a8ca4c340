"""Forecasts beside what came, node by node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from graphseq import _checks
from graphseq.plot.lines import bare
from graphseq.plot.node_errors import (
    MODEL_STYLES,
    NodeErrors,
    Predicted,
    Values,
    brief,
    finding,
    mean_square,
    names_of,
    told_apart,
)

MOST_PANELS = 24  #: more would be stamps
_WIDTH = 12.0  # inches


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
    """Draw what came at each node, and what each model said would come: a panel a node, a line a model.

    In the corner of a panel stands each model's mean squared error at this node, over all its answers; the legend has
    that over all nodes. A line breaks where the node was away. Each panel has a scale of its own.

    Args:
        predictions: by model, 1 to 6 of them, what :func:`graphseq.evaluation.predict.predict` gives; see
            :func:`~graphseq.plot.errors_by_node`.
        nodes: which nodes to draw, 1 to 24; without it all of them, or, of more than 24, some from that with the
            least error of the first model to that with the most, evenly spread.
        names: what each node is called, by its number; numbers without it.
        times: what each time is called, by its number; numbers without it.
        last: how many of the last times are drawn, all without it: more than about 150 run into each other.
        channel: which of the C numbers of an answer is drawn.
        unit: what is forecast, for the scale.

    Returns:
        A figure of its own, in no window.

    Raises:
        ValueError: nodes that were not asked about, a name or a time's missing, a channel that there is not, or what
            :func:`~graphseq.plot.errors_by_node` refuses.

    Example:
        >>> import torch
        >>> node, time, y = torch.tensor([0, 1, 0, 1]), torch.tensor([5, 5, 6, 6]), torch.zeros(4, 1)
        >>> figure = forecast_figure({"one": (node, time, y + 1, y)}, names=["Pest", "Vas"])
        >>> [axes.get_title(loc="left") for axes in figure.axes], figure.axes[0].texts[0].get_text()
        (['Pest', 'Vas'], '1.00')
    """
    errors = told_apart(predictions)
    shown = _shown(errors, nodes)
    called = names_of(errors.nodes, names)
    first = next(iter(predictions.values()))
    if _checks.at_least("channel", channel, 0) >= first[3].shape[1]:
        raise ValueError(f"channel must lie in 0 to {first[3].shape[1] - 1}, got {channel}")
    every = first[1].unique().tolist()
    every = every if last is None else every[-_checks.at_least("last", last, 1) :]
    unnamed = [] if times is None else [time for time in every if time not in times]
    if unnamed:
        raise ValueError(f"times must name every time that is drawn; time {unnamed[0]} has no name")
    columns = min(len(shown), 4 if len(every) <= 60 and len(predictions) <= 4 else 3 if len(every) <= 120 else 2)
    lines = -(-len(shown) // columns)
    figure = Figure(figsize=(_WIDTH, 1.5 * lines + 1.3), layout="constrained")
    panels = figure.subplots(lines, columns, sharex=True, squeeze=False).ravel()
    for panel, node in zip(panels, shown, strict=False):
        _draw_node(panel, predictions, node, channel, every)
        _write_errors(panel, [each[errors.nodes.index(node)] for each in errors.of.values()])
        panel.set_title(called[node], loc="left", fontsize=9)
    for panel in panels[len(shown) :]:
        panel.set_visible(False)
    _label_times([panels[place] for place in _lowest(len(shown), columns)], every, times)
    figure.supylabel(unit, fontsize=10)
    figure.suptitle(finding(errors, len(shown)))
    handles = _handles(predictions)
    fit = int(72 * _WIDTH / (50 + 5 * max(len(str(handle.get_label())) for handle in handles)))
    figure.legend(handles=handles, loc="outside lower center", ncols=max(1, fit), frameon=False, fontsize=9)
    return figure


def _shown(errors: NodeErrors, nodes: Sequence[int] | None) -> list[int]:
    if nodes is not None:
        if not 1 <= len(nodes) <= MOST_PANELS:
            raise ValueError(f"nodes must name 1 to {MOST_PANELS} nodes to be legible, got {len(nodes)}")
        strange = [node for node in nodes if node not in errors.nodes]
        if strange:
            raise ValueError(f"nodes names {strange[0]}, about which nothing was asked")
        return [int(node) for node in nodes]
    if len(errors.nodes) <= MOST_PANELS:
        return errors.nodes
    first = next(iter(errors.of.values()))
    places = np.linspace(0, len(first) - 1, MOST_PANELS).round().astype(int)
    return [errors.nodes[place] for place in np.argsort(first, kind="stable")[places].tolist()]


def _draw_node(axes: Axes, predictions: Predicted, node: int, channel: int, every: Sequence[int]) -> None:
    """A line a model, and what came as a thin dark line upon them; gaps where nothing was asked."""
    own, time, _, y = next(iter(predictions.values()))
    mine = ((own == node) & (time >= every[0])).cpu()
    at = np.searchsorted(every, time.cpu()[mine].numpy())
    said = [(each[2], style[0], 1.3) for each, style in zip(predictions.values(), MODEL_STYLES, strict=False)]
    for values, colour, width in [*said, (y, "0.15", 0.8)]:
        line = np.full(len(every), np.nan)
        line[at] = values.detach().cpu()[mine, channel].double().numpy()
        axes.plot(every, line, color=colour, linewidth=width, markevery=_lonely(line), marker=".")
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.22 * (high - low))  # room for the numbers in the corner
    axes.set_xlim(every[0] - 0.5, every[-1] + 0.5)
    axes.yaxis.set_major_locator(MaxNLocator(3))
    axes.tick_params(labelsize=8)
    bare(axes)


def _lonely(line: Values) -> list[int]:
    """Points without a neighbour, which a line would not show."""
    gap = np.isnan(np.pad(line, 1, constant_values=np.nan))
    found: list[int] = np.flatnonzero(~gap[1:-1] & gap[:-2] & gap[2:]).tolist()
    return found


def _write_errors(axes: Axes, errors: Sequence[float]) -> None:
    """Side by side in the upper right corner, in the order and colours of the models; the least in bold."""
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


def _label_times(panels: Sequence[Axes], every: Sequence[int], times: Mapping[int, str] | None) -> None:
    """Beneath the lowest panel of each column, where there is room for long names beside each other."""
    count = 5 if len(panels) < 3 else 3
    ticks = [every[place] for place in np.unique(np.linspace(0, len(every) - 1, count).round().astype(int)).tolist()]
    labels = [str(tick) if times is None else times[tick] for tick in ticks]
    for panel in panels:
        panel.set_xticks(ticks, labels)
        panel.tick_params(labelbottom=True, labelsize=8)
        if len(ticks) > 1:  # turned inwards, or the names at the ends would touch those of the next panel
            first, *_, end = panel.get_xticklabels()
            first.set_horizontalalignment("left")
            end.set_horizontalalignment("right")


def _handles(predictions: Predicted) -> list[Line2D]:
    lines = [Line2D([], [], color="0.2", linewidth=0.8, label="what came")]
    for (model, each), (colour, _, _) in zip(predictions.items(), MODEL_STYLES, strict=False):
        lines.append(Line2D([], [], color=colour, linewidth=1.3, label=f"{model} ({brief(mean_square(each).mean())})"))
    return lines
