"""The figure of a benchmark: error against the hops that a question needs, with each model's reach."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from graphseq.experiments.longrange.report import Line
from graphseq.experiments.longrange.suite import BENCHMARKS

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#8c564b", "#7f7f7f", "#bcbd22")


def groups(names: Sequence[str]) -> dict[str, list[str]]:
    """Return the benchmarks that one figure shows, by its name."""
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(BENCHMARKS[name].group or name, []).append(name)
    return found


def figure(title: str, lines: Sequence[Line], constants: Mapping[str, list[list[float]]]) -> Figure:
    """Draw the error of each family against hops needed.

    Args:
        title: of the figure.
        lines: of one benchmark, or of several that differ in hops.
        constants: hops, questions and mean error of the best constant, by benchmark.
    """
    drawing = Figure(figsize=(8, 4.6), layout="constrained")
    axes = drawing.subplots()
    measure = BENCHMARKS[lines[0].benchmark].measure
    models = list(dict.fromkeys(line.model for line in lines))
    top = max(float(point[0]) for line in lines for point in line.by_hops)
    for number, model in enumerate(models):
        own = [line for line in lines if line.model == model]
        points = sorted(point for line in own for point in line.by_hops)
        colour = COLOURS[number % len(COLOURS)]
        reaches = sorted({line.reach for line in own if line.reach is not None})
        # A stack with as many layers as hops has another reach at each point.
        said = "" if not reaches else f", sees {reaches[0]}" if len(reaches) == 1 else ", sees as many as needed"
        xs, ys = [point[0] for point in points], [point[2] for point in points]
        axes.plot(xs, ys, color=colour, marker="o" if len(xs) < 15 else "", markersize=4, label=f"{model}{said}")
        if len(reaches) == 1 and 0 < reaches[0] <= top:
            nearest = min(points, key=lambda point: abs(point[0] - reaches[0]))
            axes.plot(reaches[0], nearest[2], marker="|", markersize=16, markeredgewidth=2, color=colour)
    names = dict.fromkeys(line.benchmark for line in lines)
    floor = sorted(point for name in names for point in constants.get(name, []))
    if floor:
        axes.plot(*([point[at] for point in floor] for at in (0, 2)), "--", color="0.5", label="floor: constant")
    error = {
        "mae": "mean absolute error (hops)",
        "log10 mse": "mean squared error",
        "accuracy": "share wrong",
        "nats": "nats",
    }
    if measure.name == "log10 mse":
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
    axes.set(title=title, xlabel=BENCHMARKS[lines[0].benchmark].axis, ylabel=error[measure.name])
    axes.legend(fontsize="small", loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, title="a bar: the reach")
    return drawing
