"""The figure of an accuracy experiment: accuracy against length for each task, or bits a character of a text."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.figure import Figure

from graphseq.experiments.accuracy.report import Cell, unit
from graphseq.experiments.accuracy.settings import Settings
from graphseq.experiments.models import BASELINES
from graphseq.plot.accuracy import Points, draw_accuracy, draw_bits

_NOTES = {"Transfer": "nothing lies in between", "Palindrome": "what lies in between must be kept out"}


def figure(settings: Settings, cells: Sequence[Cell]) -> Figure:
    """Draw the results of an experiment.

    Args:
        settings: the settings.
        cells: the summary of its runs.

    Returns:
        A figure of its own, in no window, with a panel for each task.
    """
    if settings.text is not None:
        drawing = Figure(figsize=(8, 0.42 * len(cells) + 1.8), layout="constrained")
        _draw_text(drawing, cells)
        return drawing
    drawing = Figure(figsize=(5.6 * len(settings.tasks), 5.0), layout="constrained")
    panels = drawing.subplots(1, len(settings.tasks), sharey=True, squeeze=False)[0]
    for panel, task in zip(panels, settings.tasks, strict=True):
        of_task = [cell for cell in cells if cell.task == task]
        labels = {line.label: line.model for line in settings.lines() if line.model not in BASELINES}
        draw_accuracy(
            panel,
            settings.lengths,
            {label: _points([cell for cell in of_task if cell.model == label]) for label in labels},
            families=labels,
            chance=next((cell.chance for cell in of_task if cell.chance is not None), None),
            out_of_reach={label: _beyond([cell for cell in of_task if cell.model == label]) for label in labels},
        )
        panel.set_title(f"{task}: {_NOTES[task]}")
        panel.set_xlabel(
            "rows on the path (hops needed: one less)"
            if settings.unit == "rows"
            else f"length in {unit(settings, task)}"
        )
    panels[0].set_ylabel("accuracy")
    handles, names = panels[0].get_legend_handles_labels()
    drawing.legend(handles, names, loc="outside lower center", ncols=5, frameon=False)
    return drawing


def _horizontal(settings: Settings, task: str) -> str:
    return (
        "rows on the path (hops needed: one less)" if settings.unit == "rows" else f"length in {unit(settings, task)}"
    )


def _points(cells: Sequence[Cell]) -> Points:
    return {
        cell.length: (cell.accuracy, cell.low, cell.high)
        for cell in cells
        if cell.accuracy is not None and cell.low is not None and cell.high is not None and not cell.diverged
    }


def _beyond(cells: Sequence[Cell]) -> int | None:
    """Return the first length that lies beyond a model's reach, ``None`` where all or none does."""
    known = [cell for cell in cells if cell.seeds]
    beyond = [cell.length for cell in known if not cell.in_reach]
    return min(beyond) if beyond and len(beyond) < len(known) else None


def _draw_text(drawing: Figure, cells: Sequence[Cell]) -> None:
    several = len({cell.length for cell in cells}) > 1
    bars: dict[str, tuple[float, str]] = {}
    for cell in cells:
        name = f"{cell.model}, {cell.length} rows" if several else cell.model
        if cell.bits is None or cell.accuracy is None or cell.diverged:
            bars[name] = 0.0, "diverged" if cell.diverged else "failed"
        else:
            bars[name] = (
                cell.bits if math.isfinite(cell.bits) else 0.0,
                f"{cell.bits:.2f} bits, {cell.accuracy:.0%} right",
            )
    baselines = {name for name in bars if name.partition(",")[0] in BASELINES}
    draw_bits(drawing.subplots(), bars, baselines=baselines)
