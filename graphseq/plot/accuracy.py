"""Accuracy against length for every model, with the lengths at which structure alone says that a GCN must fall."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from graphseq.experiments.compare.report import Cell
from graphseq.experiments.compare.settings import BASELINES, GROWN, IN_TIME, ZERO_HOP, Settings

# Okabe and Ito's colours, which stay apart for colour-blind readers; families differ in marker and dash as well.
_ORANGE, _SKY, _GREEN, _YELLOW, _BLUE, _RED, _PURPLE = (
    "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7",
)  # fmt: skip
_STYLE = {
    ZERO_HOP: ("0.45", "x", ":"),
    "RNN": (_GREEN, "s", "-"),
    "LSTM": (_RED, "D", "-"),
    IN_TIME: (_PURPLE, "^", "--"),
    GROWN: (_ORANGE, "v", "-."),
}


def figure(settings: Settings, cells: Sequence[Cell]) -> Figure:
    """Draw a comparison: a panel a task.

    Args:
        settings: what was compared.
        cells: the summary of its runs.

    Returns:
        A figure of its own, in no window.
    """
    tasks = settings.tasks
    if settings.text is not None:
        drawing = Figure(figsize=(8, 0.42 * len(cells) + 1.8), layout="constrained")
        bits_bars(drawing.subplots(), cells)
        return drawing
    drawing = Figure(figsize=(5.6 * len(tasks), 5.0), layout="constrained")
    panels = drawing.subplots(1, len(tasks), sharey=True, squeeze=False)[0]
    notes = {"Transfer": "nothing lies in between", "Palindrome": "what lies in between must be kept out"}
    for panel, task in zip(panels, tasks, strict=True):
        accuracy_against_length(panel, settings, [cell for cell in cells if cell.task == task])
        panel.set_title(f"{task}: {notes[task]}")
    panels[0].set_ylabel("accuracy")
    handles, labels = panels[0].get_legend_handles_labels()
    drawing.legend(handles, labels, loc="outside lower center", ncols=5, frameon=False)
    return drawing


def accuracy_against_length(axes: Axes, settings: Settings, cells: Sequence[Cell]) -> Axes:
    """One task: a line a model, its interval as bars, chance, and a wall where each GCN's reach ends.

    What diverged has no point.

    Args:
        axes: where to draw.
        settings: what was compared.
        cells: that task's cells.
    """
    lengths = settings.lengths
    places = {rows: place for place, rows in enumerate(lengths)}
    models = [model for model in settings.models if model not in BASELINES]
    for number, model in enumerate(models):
        own = [cell for cell in cells if cell.model == model and not cell.failure]
        colour, marker, dash = _style(model, settings)
        shift = (number - (len(models) - 1) / 2) * 0.05  # so that lines on one level stay visible
        middle = [cell.accuracy for cell in own]
        axes.errorbar(
            [places[cell.rows] + shift for cell in own],
            middle,
            yerr=[
                [max(0.0, m - cell.low) for m, cell in zip(middle, own, strict=True)],
                [max(0.0, cell.high - m) for m, cell in zip(middle, own, strict=True)],
            ],
            color=colour,
            marker=marker,
            linestyle=dash,
            markersize=5,
            linewidth=1.4,
            elinewidth=1.0,
            label=model,
        )
    axes.axhline(cells[0].chance, color="0.3", linewidth=1, linestyle=(0, (1, 2)), label="chance")
    for place, depths in _walls(settings).items():
        _wall(axes, place, depths, _style(f"GCN-{depths[-1]}", settings)[0])
    axes.set_xticks(range(len(lengths)), [str(rows) for rows in lengths])
    axes.set_xlim(-0.45, len(lengths) - 0.55)
    axes.set_ylim(0, 1.12)
    axes.set_yticks([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    axes.set_xlabel("rows on the path (hops needed: one less)")
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return axes


def _walls(settings: Settings) -> dict[int, list[int]]:
    """The first length beyond the reach of GCNs, L + 1 rows, by its place; and their depths."""
    walls: dict[int, list[int]] = {}
    for depth in settings.depths:
        beyond = [place for place, rows in enumerate(settings.lengths) if rows > depth + 1]
        if beyond and beyond[0] > 0:  # none seen, or nothing but what is beyond: there is no place for a wall
            walls.setdefault(beyond[0], []).append(depth)
    return walls


def _wall(axes: Axes, place: int, depths: Sequence[int], colour: str) -> None:
    """A line between the last length within reach and the first beyond."""
    at = place - 0.5
    names = ", ".join(f"GCN-{depth}" for depth in depths)
    axes.axvline(at, ymax=1.0 / 1.12, color=colour, linewidth=1, linestyle=(0, (4, 3)), zorder=0)
    axes.annotate(f"{names}\nsees no further", (at, 1.02), ha="center", va="bottom", fontsize=7, color=colour)


def _style(model: str, settings: Settings) -> tuple[str, str, str]:
    if model in _STYLE:
        return _STYLE[model]
    # Depths of one family from light to dark blue.
    depths = settings.depths
    place = depths.index(int(model.removeprefix("GCN-"))) / max(1, len(depths) - 1)
    light, dark = (0x9B, 0xCF, 0xF2), (0x06, 0x2F, 0x5C)
    mixed = [round(a + (b - a) * place) for a, b in zip(light, dark, strict=True)]
    return "#{:02x}{:02x}{:02x}".format(*mixed), "o", "-"


def bits_bars(axes: Axes, cells: Sequence[Cell]) -> Axes:
    """Bits a character on the held-out part of a text, a bar a model and window.

    Args:
        axes: where to draw.
        cells: the cells of one text.
    """
    several = len({cell.rows for cell in cells}) > 1
    names = [f"{cell.model}, {cell.rows} rows" if several else cell.model for cell in cells]
    colours = [
        "0.6" if cell.model in BASELINES else _BLUE if cell.model.startswith("GCN-LSTM") else _SKY for cell in cells
    ]
    bits = [0.0 if cell.failure or not math.isfinite(cell.bits) else cell.bits for cell in cells]
    bars = axes.barh(names, bits, color=colours)
    notes = ["diverged" if cell.failure else f"{cell.bits:.2f} bits, {cell.accuracy:.0%} right" for cell in cells]
    axes.bar_label(bars, notes, padding=3, fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.3 * max(bits) or 1.0)
    axes.set_xlabel("bits a character on the part held out (less is better)")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return axes
