"""The figure of a benchmark: error against the hops that a question needs, with each model's reach."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from graphseq.experiments.longrange.measures import Measure
from graphseq.experiments.longrange.published import published
from graphseq.experiments.longrange.report import Line
from graphseq.experiments.longrange.suite import BENCHMARKS, TEXT_AXIS

COLOURS = (
    *("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#8c564b", "#7f7f7f", "#bcbd22"),
    *("#17becf", "#4b0082"),
)
MARKERS = "osD^vP<>Xph*"
PUBLISHED = "#b0003a"  # the ink of published numbers, which is none of ours
ERRORS = {
    "mae": "mean absolute error (hops)",
    "log10 mse": "mean squared error",
    "accuracy": "share wrong",
    "nats": "nats",
}
"""The label of the axis of each measure."""


def groups(names: Sequence[str]) -> dict[str, list[str]]:
    """Return the benchmarks that one figure shows, by its name."""
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(BENCHMARKS[name].group or name, []).append(name)
    return found


def figure(title: str, lines: Sequence[Line], constants: Mapping[str, list[list[float]]]) -> Figure:
    """Draw the error of each family against hops needed; where all questions need as many, a row for each family.

    Args:
        title: of the figure.
        lines: of one benchmark, or of several that differ in hops.
        constants: hops, questions and mean error of the best constant, by benchmark.
    """
    drawing = Figure(figsize=(8, 4.6), layout="constrained")
    axes = drawing.subplots()
    names = list(dict.fromkeys(line.benchmark for line in lines))
    floor = sorted(point for name in names for point in constants.get(name, []))
    if len({point[0] for line in lines for point in line.by_hops}) > 1:
        _against_hops(axes, lines, floor)
    else:
        _in_rows(axes, lines, floor)
    axes.set_title(title)
    return drawing


def _against_hops(axes: Axes, lines: Sequence[Line], floor: list[list[float]]) -> None:
    benchmark = BENCHMARKS[lines[0].benchmark]
    models = list(dict.fromkeys(line.model for line in lines))
    barred = [_draw_family(axes, [line for line in lines if line.model == model], at, len(models))
              for at, model in enumerate(models)]  # fmt: skip
    if floor:
        points = _pooled(floor, benchmark.axis)
        xs, ys = ([point[at] for point in points] for at in (0, 2))
        axes.plot(xs, ys, "--", color="0.25", label="floor: constant", zorder=3)
    _published_points(axes, lines)
    if benchmark.measure.name == "log10 mse":
        axes.set_yscale("log")
    elif benchmark.measure.name != "nats":
        axes.set_ylim(bottom=-0.02 * axes.get_ylim()[1])  # marks at 0 are seen whole
    if benchmark.axis == TEXT_AXIS:
        axes.set_xscale("symlog", linthresh=1, base=2)
        axes.xaxis.set_major_formatter("{x:g}")
    else:
        _hops_axis(axes, sorted({float(point[0]) for line in lines for point in line.by_hops}))
    axes.set(xlabel=benchmark.axis, ylabel=ERRORS[benchmark.measure.name])
    title = "a bar: the reach" if any(barred) else None
    axes.legend(fontsize="small", loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, title=title)


def _draw_family(axes: Axes, own: Sequence[Line], number: int, families: int) -> bool:
    """Draw the errors of a family and the bar of its reach, if it has one; returns whether it has.

    Each family is drawn thinner than those below it, so that all are seen where their errors are the same.
    """
    points = _pooled([point for line in own for point in line.by_hops], BENCHMARKS[own[0].benchmark].axis)
    reaches = sorted({line.reach for line in own if line.reach is not None})
    xs, ys = [point[0] for point in points], [point[2] for point in points]
    colour, rank = COLOURS[number % len(COLOURS)], (families - 1 - number) / max(families - 1, 1)  # 1 below, 0 on top
    axes.plot(
        *(xs, ys),
        color=colour,
        linewidth=1.2 + 1.8 * rank,
        marker=MARKERS[number % len(MARKERS)] if len(xs) < 15 else "",
        markersize=4 + 6 * rank,
        label=f"{own[0].model}{_sees(reaches)}",
    )
    if len(reaches) != 1 or not 0 < reaches[0] <= max(xs):
        return False
    nearest = min(points, key=lambda point: abs(point[0] - reaches[0]))
    axes.plot(reaches[0], nearest[2], marker="|", markersize=14 + 20 * rank, markeredgewidth=2, color=colour)
    return True


def _pooled(points: Sequence[Sequence[float]], axis: str) -> list[list[float]]:
    """Return points of hops, questions and mean error in order; in a text, those of 1, 2 to 3, 4 to 7 … earlier rows.

    One place in the windows of a text has as many answers as windows are tested, and its error is mostly theirs.
    """
    if axis != TEXT_AXIS:
        return sorted([float(number) for number in point] for point in points)
    cells: dict[int, list[Sequence[float]]] = {}
    for point in points:
        cells.setdefault(int(point[0]).bit_length(), []).append(point)
    pooled = []
    for _, own in sorted(cells.items()):
        count = sum(point[1] for point in own)
        hops, error = (sum(point[at] * point[1] for point in own) / count for at in (0, 2))
        pooled.append([hops, count, error])
    return pooled


def _hops_axis(axes: Axes, hops: Sequence[float]) -> None:
    """Mark the hops where there are few, and set a logarithmic axis where they span a factor of 10."""
    few = len(hops) < 8
    if few and hops[-1] >= 10 * hops[0] > 0:
        axes.set_xscale("log")
    if few:
        axes.set_xticks(hops, [f"{each:,.0f}" for each in hops])
        axes.set_xticks([], minor=True)
    else:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _sees(reaches: Sequence[int]) -> str:
    """Return the words on the reach; a stack with as many layers as hops has another at each point."""
    return ", sees all" if not reaches else f", sees {reaches[0]}" if len(reaches) == 1 else ", sees as many as needed"


def _published_points(axes: Axes, lines: Sequence[Line]) -> None:
    """Mark published numbers where each is of one number of hops; one of many hops has no place on the axis.

    Of a group, the hops up to which a published model was right, where these were published.
    """
    points: dict[str, list[tuple[float, float]]] = {}
    for line in {line.benchmark: line for line in lines}.values():
        hops = {float(point[0]) for point in line.by_hops}
        for row in published(line.benchmark) if len(hops) == 1 else ():
            error = _error(BENCHMARKS[line.benchmark].measure, row.value)
            points.setdefault(row.model, []).append((min(hops), error))
    for row in published(BENCHMARKS[lines[0].benchmark].group):
        label = f"published: {row.model} leaves 100 % at {row.value:g}"
        axes.axvline(row.value, color=PUBLISHED, linestyle=":", linewidth=1, label=label)
    for number, (model, own) in enumerate(points.items()):
        axes.plot(
            *zip(*sorted(own), strict=True),
            color=PUBLISHED,
            linestyle=":",
            linewidth=1,
            marker="xd^vs"[number % 5],
            markersize=5,
            label=f"published: {model}",
        )


def _in_rows(axes: Axes, lines: Sequence[Line], floor: list[list[float]]) -> None:
    """Draw each seed of each family, and published numbers, on rows of their own, the best on top."""
    name = lines[0].benchmark
    measure = BENCHMARKS[name].measure
    rows = [
        (f"{line.model}{_sees([] if line.reach is None else [line.reach])}", [_error(measure, v) for v in line.values])
        for line in lines
    ]
    colours = {label: COLOURS[0] for label, _ in rows}
    for row in published(name):
        rows.append((f"published: {row.model}", [_error(measure, row.value)]))
        colours[rows[-1][0]] = PUBLISHED
    rows.sort(key=lambda row: sum(row[1]) / len(row[1]), reverse=True)
    for place, (label, errors) in enumerate(rows):
        axes.plot(errors, [place] * len(errors), "o", color=colours[label], markersize=5)
    if floor:
        axes.axvline(floor[0][2], linestyle="--", color="0.5", label="floor: constant")
        axes.legend(fontsize="small", loc="lower right", bbox_to_anchor=(1, 1), frameon=False)
    axes.set_yticks(range(len(rows)), [label for label, _ in rows])
    for tick, (label, _) in zip(axes.get_yticklabels(), rows, strict=True):
        tick.set_color(colours[label])
    shown = [error for _, errors in rows for error in errors]
    if measure.name == "log10 mse" and max(shown) > 10 * min(shown):  # ticks of less than a decade are unreadable
        axes.set_xscale("log")
    axes.set_xlabel(f"{ERRORS[measure.name]}, a point a seed; {lines[0].by_hops[0][0]:g} {BENCHMARKS[name].axis}")
    axes.grid(axis="y", color="0.9")


def _error(measure: Measure, value: float) -> float:
    """Return the mean error of a value of the measure."""
    return 1 - value if measure.name == "accuracy" else 10**value if measure.name == "log10 mse" else value
