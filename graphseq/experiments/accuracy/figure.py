"""The figure of an accuracy experiment: accuracy against length for each task, or bits a character of a text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from graphseq.experiments.accuracy.report import Cell, sees, unit
from graphseq.experiments.accuracy.settings import Line, Settings
from graphseq.experiments.models import BASELINES, TORCH
from graphseq.plot.accuracy import HATCH, Points, draw_accuracy, draw_bits
from graphseq.reach.theory import path_crossing

_NOTES = {"Transfer": "nothing lies in between", "Palindrome": "what lies in between must be kept out"}


@dataclass(frozen=True)
class _Curve:
    """A line of the figure, with the cells of one task."""

    line: Line
    cells: Sequence[Cell]

    @property
    def points(self) -> Points:
        """Accuracies with their intervals."""
        return {
            cell.length: (cell.accuracy, cell.low, cell.high)
            for cell in self.cells
            if cell.accuracy is not None and cell.low is not None and cell.high is not None and not cell.diverged
        }

    @property
    def last_in_reach(self) -> int | None:
        """The longest sequence within the model's reach, from structure; ``None`` where all or none of them is."""
        beyond = [cell for cell in self.cells if cell.seeds and not cell.in_reach]
        if not beyond or not any(cell.in_reach for cell in self.cells):
            return None
        cell = beyond[0]
        return cell.length - (cell.hops_needed or 0) + (cell.hops_reached or 0)

    @property
    def lost(self) -> list[int]:
        """The lengths within reach whose interval excludes 100 %."""
        points = self.points
        return [cell.length for cell in self.cells if cell.in_reach and cell.length in points and cell.high != 1.0]


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
    lines = [line for line in settings.lines() if line.model not in BASELINES]
    thin = _thin(lines)
    rows = len(settings.tasks)
    drawing = Figure(figsize=(5.2, 2.35 * rows + 1.5), layout="constrained")
    panels = drawing.subplots(
        rows, 1, sharex=len({unit(settings, task) for task in settings.tasks}) == 1, squeeze=False
    )
    for panel, task in zip(panels[:, 0], settings.tasks, strict=True):
        of_task = [cell for cell in cells if cell.task == task]
        curves = {line.label: _Curve(line, [cell for cell in of_task if cell.model == line.label]) for line in lines}
        ends = {label: curve.last_in_reach for label, curve in curves.items()}
        draw_accuracy(
            panel,
            settings.lengths,
            {label: curve.points for label, curve in curves.items()},
            families={line.label: line.model for line in lines},
            thin=thin,
            chance=next((cell.chance for cell in of_task if cell.chance is not None), None),
            last_in_reach={label: end for label, end in ends.items() if end is not None},
            lost={label: curve.lost for label, curve in curves.items()},
        )
        _name_loss(panel, list(curves.values()))
        panel.set_title(f"{task}: {_NOTES[task]}", fontsize=10)
        panel.set_ylabel("accuracy")
    panels[-1, 0].set_xlabel(_horizontal(settings, settings.tasks[-1]))
    drawing.legend(
        *_legend(panels[0, 0], lines, thin, cells), loc="outside lower center", ncols=2, frameon=False, fontsize=8
    )
    return drawing


def _thin(lines: Sequence[Line]) -> list[str]:
    """Return the labels of lines from torch's first weights whose model is also trained from others."""
    others = {(line.model, line.depth) for line in lines if line.start != TORCH}
    return [line.label for line in lines if line.start == TORCH and (line.model, line.depth) in others]


def _name_loss(panel: Axes, curves: Sequence[_Curve]) -> None:
    """Name over-squashing where a stack of graph convolutions loses a path that its reach just spans.

    Its closed form is that of Â: as many layers as hops weigh one end of a path of n ≥ 3 rows by 3^(3-n) / 6.
    """
    spans = {}
    for curve in curves:
        for cell in curve.cells:
            hops = cell.hops_needed
            if hops is None or hops < 2 or hops != curve.line.depth:
                continue
            if curve.line.model == "GCN" and cell.length in curve.lost:
                spans[cell.length] = path_crossing(hops + 1)
    if not spans:
        return
    weights = [f"{_power(weight)} at {length}" for length, weight in sorted(spans.items())[-2:]]
    formula = "$(\\hat{A}^{\\,n-1})_{0,\\,n-1}=3^{\\,3-n}/6$"
    longest = max(cell.length for curve in curves for cell in curve.cells)
    panel.annotate(
        "\n".join(["over-squashing:", formula, *weights]),
        (0.95 * max(spans), 0.6),
        (longest * 2**0.3, 0.74),
        ha="right",
        va="center",
        fontsize=7.5,
        zorder=1,
        arrowprops={"arrowstyle": "-", "color": "0.4", "linewidth": 0.8, "relpos": (0, 0.5)},
    )


def _power(value: float) -> str:
    exponent = math.floor(math.log10(value))
    return f"${value / 10**exponent:.1f}\\cdot 10^{{{exponent}}}$"


def _legend(
    panel: Axes, lines: Sequence[Line], thin: Sequence[str], cells: Sequence[Cell]
) -> tuple[list[Artist], list[str]]:
    """Return handles and texts: a model once, whatever its depths, then what all models share."""
    drawn, names = panel.get_legend_handles_labels()
    handles: dict[str, Artist] = dict(zip(names, drawn, strict=True))
    members: dict[str, list[str]] = {}
    for line in lines:
        if line.label not in thin:
            members.setdefault(line.model, []).append(line.label)
    entries: list[tuple[Artist, str]] = []
    for labels in members.values():
        text = labels[0] if len(labels) == 1 else f"{labels[0]} (light) to {labels[-1]} (dark)"
        entries.append((handles[labels[-1]], f"{text}{_not_run(labels, cells)}"))
    if thin:
        entries.append((Line2D([], [], color="0.3", linewidth=0.7), "thin: torch's first weights"))
    if any(line.get_gid() == "wall" for line in panel.lines):
        entries.append((Line2D([], [], color="0.3", linewidth=1, linestyle=(0, (4, 3))), "end of receptive field"))
    if any((collection.get_gid() or "").startswith("lost ") for collection in panel.collections):
        entries.append((Patch(**HATCH), "within reach, yet lost"))
    if "chance" in handles:
        entries.append((handles["chance"], "chance"))
    return [handle for handle, _ in entries], [text for _, text in entries]


def _not_run(labels: Sequence[str], cells: Sequence[Cell]) -> str:
    """Return a remark on a model that was not run at every length, and "" on others."""
    ran = [cell.length for cell in cells if cell.model in labels and (cell.seeds or cell.failed)]
    longest = max((cell.length for cell in cells if cell.model in labels), default=0)
    return f" (not run beyond {max(ran)})" if ran and max(ran) < longest else ""


def _horizontal(settings: Settings, task: str) -> str:
    return (
        "rows on the path (hops needed: one less)" if settings.unit == "rows" else f"length in {unit(settings, task)}"
    )


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
                f"{cell.bits:.2f} bits, {cell.accuracy:.0%} right, sees {sees([cell])}",
            )
    baselines = {name for name in bars if name.partition(",")[0] in BASELINES}
    axes = draw_bits(drawing.subplots(), bars, baselines=baselines)
    rows = " or ".join(map(str, sorted({cell.length for cell in cells})))
    axes.set_title(f"The next character of a text, read in windows of {rows} characters", fontsize=10)
