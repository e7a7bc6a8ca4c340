"""Accuracy against length, a line a model and depth, with intervals over the seeds."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from graphseq.experiments.accuracy.report import Cell
from graphseq.experiments.accuracy.settings import Settings
from graphseq.plot.lines import STYLES, despine


def figure(settings: Settings, cells: Sequence[Cell]) -> Figure:
    """Draw a sweep: a panel a task.

    Args:
        settings: what was swept over.
        cells: the summary of its runs.

    Returns:
        A figure of its own, in no window.
    """
    drawing = Figure(figsize=(6.0 * len(settings.tasks), 4.6), layout="constrained")
    panels = drawing.subplots(1, len(settings.tasks), sharey=True, squeeze=False)[0]
    for panel, task in zip(panels, settings.tasks, strict=True):
        accuracy_over_lengths(panel, settings, [cell for cell in cells if cell.task == task])
        encoding = f", digits {settings.encoding}" if task == "Palindrome" else ""
        panel.set_title(f"{task}{encoding}")
        panel.set_xlabel("palindrome length (digits)" if task == "Palindrome" else "rows on the path")
    panels[0].set_ylabel("accuracy")
    handles, labels = panels[0].get_legend_handles_labels()
    drawing.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
    return drawing


def accuracy_over_lengths(axes: Axes, settings: Settings, cells: Sequence[Cell]) -> Axes:
    """One task: means over seeds with their intervals as bars, and chance. What failed has no point.

    A model has its colour and mark, a depth its dash.

    Args:
        axes: where to draw.
        settings: what was swept over.
        cells: that task's cells.
    """
    lines = settings.lines()
    step = 0.4 / len(lines) * min((b - a for a, b in pairwise(settings.lengths)), default=1)
    for number, (model, depth) in enumerate(lines):
        own = [cell for cell in cells if (cell.model, cell.depth) == (model, depth)]
        points = [
            (cell.length, cell.accuracy, cell.low, cell.high)
            for cell in own
            if cell.accuracy is not None and cell.low is not None and cell.high is not None
        ]
        colour, marker, _ = STYLES[settings.models.index(model)]
        _, _, dash = STYLES[settings.depths.index(depth) % len(STYLES)]
        # A little apart, so that lines on one level stay visible.
        axes.errorbar(
            [length + step * (number - (len(lines) - 1) / 2) for length, *_ in points],
            [middle for _, middle, _, _ in points],
            yerr=[
                [max(0.0, middle - low) for _, middle, low, _ in points],
                [max(0.0, high - middle) for _, middle, _, high in points],
            ],
            color=colour,
            marker=marker,
            linestyle=dash,
            markersize=5,
            linewidth=1.4,
            elinewidth=1.0,
            label=model if len(settings.depths) == 1 else f"{model}, {depth} layer{'s' * (depth != 1)}",
        )
    chance = next((cell.chance for cell in cells if cell.chance is not None), None)
    if chance is not None:
        axes.axhline(chance, color="0.3", linewidth=1, linestyle=(0, (1, 2)), label="chance")
    axes.set_ylim(0, 1.05)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    despine(axes)
    return axes
