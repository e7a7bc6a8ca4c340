"""The results of the suite made readable: the setting chosen on validation, a table a benchmark, and records."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from graphseq.evaluation.tables import aligned, finite, students_interval
from graphseq.experiments.engine.run import Run
from graphseq.experiments.longrange.families import reach
from graphseq.experiments.longrange.measures import ACCURACY
from graphseq.experiments.longrange.published import published
from graphseq.experiments.longrange.run import FLOORS
from graphseq.experiments.longrange.suite import BENCHMARKS

ENOUGH = 4
"""Seeds from which on an interval is shown. That of two has half a width of 9 standard deviations, and says nothing."""


@dataclass(frozen=True)
class Line:
    """A family on a benchmark, at the setting that the search chose.

    Attributes:
        benchmark: its name.
        model: the family.
        layers: L, chosen on validation.
        lr: the learning rate, chosen on validation.
        seeds: how many finished.
        value: the measure, mean over seeds; infinite where one diverged.
        low: lower end of its 95 % interval; of fewer than :data:`ENOUGH` seeds the lowest value, ``None`` of one seed.
        high: upper end, or the highest value.
        values: of each seed.
        reach: hops that the model sees, ``None`` for all.
        parameters: trained numbers.
        cpu_seconds: of all runs of the search.
        by_hops: hops needed, questions, and mean error over seeds.
    """

    benchmark: str
    model: str
    layers: int
    lr: float
    seeds: int
    value: float
    low: float | None
    high: float | None
    values: list[float]
    reach: int | None
    parameters: int
    cpu_seconds: float
    by_hops: list[list[float]]


def summarise(runs: Sequence[Run]) -> list[Line]:
    """Return a line for each benchmark and family: of the settings tried, that of least mean validation loss.

    The mean is over the seeds that all settings have, so that what some seeds found hard is held against none.
    """
    groups: dict[tuple[str, str], dict[tuple[int, float], list[Run]]] = {}
    for run in runs:
        if not run.failed and run.config["model"] != FLOORS:
            config = run.config
            setting = int(str(config["layers"])), float(str(config["lr"]))
            key = str(config["benchmark"]), str(config["model"])
            groups.setdefault(key, {}).setdefault(setting, []).append(run)
    return [_line(*key, settings) for key, settings in groups.items()]


def _line(benchmark: str, model: str, settings: Mapping[tuple[int, float], list[Run]]) -> Line:
    shared = set.intersection(*({run.config["seed"] for run in runs} for runs in settings.values()))

    def loss(runs: list[Run]) -> float:
        return statistics.mean(
            _number(run, "validation_loss") for run in runs if run.config["seed"] in shared or not shared
        )

    (layers, lr), best = min(settings.items(), key=lambda item: loss(item[1]))
    results = [run.result or {} for run in best]
    values = [_number(run, "value") for run in best]
    low, high = _spread(values, top=1.0 if BENCHMARKS[benchmark].measure is ACCURACY else math.inf)
    sums: dict[int, list[tuple[int, float]]] = {}
    for result in results:
        for hops, count, error in result["by_hops"]:  # type: ignore[attr-defined]
            sums.setdefault(hops, []).append((count, math.inf if error is None else error))
    return Line(
        benchmark=benchmark,
        model=model,
        layers=layers,
        lr=lr,
        seeds=len(values),
        value=statistics.mean(values),
        low=low,
        high=high,
        values=values,
        reach=reach(model, layers),
        parameters=int(str(results[0]["parameters"])),
        cpu_seconds=sum(_number(run, "cpu_seconds") for each in settings.values() for run in each),
        by_hops=[
            [hops, sum(count for count, _ in parts), statistics.mean(error for _, error in parts)]
            for hops, parts in sorted(sums.items())
        ],
    )


def _spread(values: list[float], top: float) -> tuple[float | None, float | None]:
    """Return the ends of the 95 % interval, of few seeds the lowest and the highest value, of one nothing.

    Where a seed diverged there is no interval, and its value is the highest. An interval of shares ends at 0 and 1.

    Args:
        values: one a seed.
        top: 1 of shares.
    """
    if len(values) < ENOUGH or not all(math.isfinite(value) for value in values):
        return (min(values), max(values)) if len(values) > 1 else (None, None)
    low, high = students_interval(values)
    return (low, high) if math.isinf(top) else (max(low, 0.0), min(high, top))


def _number(run: Run, key: str) -> float:
    value = (run.result or {})[key]
    return math.inf if value is None else float(str(value))


def floors_of(runs: Sequence[Run]) -> dict[str, dict[str, float]]:
    """Return the floors of each benchmark by name, those of the first seed."""
    found: dict[str, dict[str, float]] = {}
    for run in runs:
        if not run.failed and run.config["model"] == FLOORS and run.result is not None:
            found.setdefault(str(run.config["benchmark"]), run.result["floors"])  # type: ignore[arg-type]
    return found


def constants_of(runs: Sequence[Run]) -> dict[str, list[list[float]]]:
    """Return by benchmark the hops, questions and mean error of its best constant."""
    found: dict[str, list[list[float]]] = {}
    for run in runs:
        if not run.failed and run.config["model"] == FLOORS and run.result is not None:
            found.setdefault(str(run.config["benchmark"]), run.result["constant_by_hops"])  # type: ignore[arg-type]
    return found


def table(lines: Sequence[Line], floors: Mapping[str, Mapping[str, float]]) -> str:
    """Return a table for each benchmark: ours, floors, and published numbers, each kind under its own head."""
    return "\n\n".join(
        _table(name, lines, floors.get(name, {})) for name in dict.fromkeys(one.benchmark for one in lines)
    )


def _table(name: str, lines: Sequence[Line], floors: Mapping[str, float]) -> str:
    benchmark = BENCHMARKS[name]
    sign = 1 if benchmark.measure.lower_is_better else -1
    own = [line for line in lines if line.benchmark == name]
    own.sort(key=lambda line: (not math.isfinite(line.value), sign * line.value))
    spread = "95 % interval" if all(line.seeds >= ENOUGH for line in own) else "lowest, highest"
    if min(line.seeds for line in own) < ENOUGH <= max(line.seeds for line in own):
        spread = f"95 % interval, or range of fewer than {ENOUGH}"
    rows = [[name, benchmark.measure.name, spread, "seeds", "layers", "lr", "reach", "weights", "CPU s"]]
    rows += [
        [
            *(line.model, f"{line.value:.4g}" if math.isfinite(line.value) else "diverged"),
            *(_between(line), str(line.seeds)),
            *(str(line.layers), f"{line.lr:g}", "all" if line.reach is None else str(line.reach)),
            *(f"{line.parameters:,}", f"{line.cpu_seconds:.0f}"),
        ]
        for line in own
    ]
    rows += [[f"floor: {floor}", f"{value:.4g}", *[""] * 7] for floor, value in floors.items() if value is not None]
    rows += [
        [f"published: {row.model}", f"{row.value:g}", "" if row.std is None else f"± {row.std:g}", *[""] * 6]
        for row in sorted(published(name), key=lambda row: sign * row.value)
    ]
    return aligned(rows, head=1)


def _between(line: Line) -> str:
    """Return the words on the spread of the seeds."""
    lost = sum(not math.isfinite(value) for value in line.values)
    if lost:
        return f"{lost} of {line.seeds} seeds"
    return "" if line.low is None or line.high is None else f"[{line.low:.3g}, {line.high:.3g}]"


def to_json(lines: Sequence[Line], floors: Mapping[str, Mapping[str, float]]) -> dict[str, object]:
    """Return the summary as plain data, null where a training diverged; published numbers stay in their own file."""
    return {
        "lines": [{key: _plain(value) for key, value in asdict(line).items()} for line in lines],
        "floors": {name: dict(values) for name, values in floors.items()},
    }


def _plain(value: object) -> object:
    """Return numbers in lists, too, with ``None`` in place of those that are not finite."""
    return [_plain(each) for each in value] if isinstance(value, list) else finite(value)
