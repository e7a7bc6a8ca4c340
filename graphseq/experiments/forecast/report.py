"""The results of a forecast as a table: means over seeds, and a bound on linear models."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, NamedTuple

from graphseq.evaluation import tables
from graphseq.evaluation.tables import Result, aligned, mean, number, students_interval
from graphseq.experiments.forecast.settings import BASELINES, Settings

if TYPE_CHECKING:
    from graphseq.experiments.forecast.data import Prepared
    from graphseq.experiments.forecast.run import Bound

KINDS: dict[str, type] = {
    **{"model": str, "seed": int, "failure": str, "parameters": int},
    **dict.fromkeys(("mse", "mae", "validation_mse", "coverage", "width", "best_step", "seconds"), float),
}
"""The entries of the result of a run."""


@dataclass(frozen=True)
class Line:
    """One model over all seeds. Errors are in the units of the file; the interval is Student's, 95 %, over seeds."""

    model: str
    mse: float
    low: float
    high: float
    mae: float
    validation_mse: float
    parameters: int
    best_step: float
    seconds: float
    seeds: int
    failure: str
    horizon: int = 1
    coverage: float = math.nan  #: share of the test's answers within the prediction intervals
    width: float = math.nan  #: mean width of these, from end to end


class Facts(NamedTuple):
    """The test set, and the errors of reference on it."""

    name: str
    nodes: int
    windows: int
    answers: int
    first: str  #: name of the time of the first answer of the test set
    last: str
    variance: float  #: of the test's answers, in the file's units squared
    linear: float  #: mean squared error on the test of a linear model of a node's own past that was fitted to it
    linear_graph: float  #: and of one of the neighbours' past as well
    targets: Sequence[str] = ()  #: names of the columns that are forecast
    notes: Sequence[str] = ()  #: what of the files was not read, or read otherwise than it stands there
    horizon: int = 1
    unit: str = ""  #: of what is forecast, if it is known
    validation: Sequence[object] = ()  #: number of windows of the validation set, its first and its last time


def facts_of(prepared: Prepared, settings: Settings, horizon: int, bound: Bound) -> Facts:
    """Return the facts of the test set of one horizon."""
    test, validation = prepared.split.test, prepared.split.validation
    times = prepared.data.times
    named = prepared.data.channels[: len(settings.targets) or settings.channels]
    return Facts(
        name=prepared.data.name,
        nodes=len(prepared.data.nodes),
        windows=len(test),
        first=times[test.first],
        last=times[test.last],
        **bound._asdict(),
        targets=named,
        notes=prepared.data.notes,
        horizon=horizon,
        unit=settings.unit or unit_of(named),
        validation=(len(validation), times[validation.first], times[validation.last]),
    )


def summarise(settings: Settings, results: Sequence[Result]) -> list[Line]:
    """Return a line for each horizon and model, in the order of the settings; of several seeds, with an interval."""
    return [
        _line(model, horizon, [run for run in results if (run["model"], run.get("horizon", 1)) == (model, horizon)])
        for horizon in settings.horizon
        for model in settings.models
    ]


def _line(model: str, horizon: int, runs: Sequence[Result]) -> Line:
    scores = sorted(number(run, "mse") for run in runs)
    low, high = students_interval(scores) if len(scores) > 1 else (math.nan, math.nan)
    return Line(
        model=model,
        mse=sum(scores) / len(scores),
        low=low,
        high=high,
        mae=mean(runs, "mae"),
        validation_mse=mean(runs, "validation_mse"),
        parameters=int(number(runs[0], "parameters")),
        best_step=mean(runs, "best_step"),
        seconds=sum(number(run, "seconds") for run in runs),
        seeds=len(runs),
        failure=next((str(run["failure"]) for run in runs if run["failure"]), ""),
        horizon=horizon,
        coverage=mean(runs, "coverage"),
        width=mean(runs, "width"),
    )


def best_of(lines: Sequence[Line]) -> Line | None:
    """Return the model with the least error on the validation set, which no answer of the test set has chosen."""
    known = [line for line in lines if not line.failure and math.isfinite(line.validation_mse)]
    return min(known, key=lambda line: line.validation_mse, default=None)


def unit_of(targets: Sequence[str]) -> str:
    """Return the unit that the names of columns have in brackets, if all have the same one.

    Example:
        >>> unit_of(["speed (km/h)"]), unit_of(["heat [K]", "rain [mm]"])
        ('km/h', '')
    """
    found = {match[1] if (match := re.search(r"[(\[]([^()\[\]]+)[)\]]\s*$", name)) else "" for name in targets}
    return found.pop() if len(found) == 1 else ""


def tables_of(settings: Settings, lines: Sequence[Line], facts: Sequence[Facts]) -> str:
    """Return the table of each horizon, and of several, before them, the errors of all beside each other."""
    by_horizon = [[line for line in lines if line.horizon == of.horizon] for of in facts]
    whole = "\n\n".join(table(settings, here, of) for here, of in zip(by_horizon, facts, strict=True))
    if len(facts) == 1:
        return whole
    head = ["MSE", *(f"{of.horizon} ahead" for of in facts)]
    best = [best_of(here) for here in by_horizon]
    cells = [
        [rows[0].model, *(f"{_brief(row.mse)}{' *' * (row is first)}" for row, first in zip(rows, best, strict=True))]
        for rows in zip(*by_horizon, strict=True)
    ]
    return f"{aligned([head, *cells], head=1)}\n* least on the validation part\n\n{whole}"


def table(settings: Settings, lines: Sequence[Line], facts: Facts) -> str:
    """Return the table, and beneath it the most that a linear model could explain."""
    known = any(math.isfinite(line.coverage) for line in lines)
    held = [f"in {settings.coverage:.0%} intervals", "their width"] if known else []
    head = ["model", "MSE", "95 % over seeds", "MAE", "explained", "validation"]
    best = best_of(lines)
    cells = [
        [*head, *held, "parameters", "best step", "seconds"],
        *(_cells(line, facts, known=known, best=line is best) for line in lines),
    ]
    count = len(settings.seeds)
    of = f"forecast of {', '.join(facts.targets)}, " if facts.targets else ""
    unit = facts.unit or "the file's units"
    title = (
        f"{facts.name}: {facts.nodes} nodes, {of}{facts.horizon} ahead from {settings.lags} times. Errors in "
        f"{unit} on {facts.windows} test windows, {facts.first} to {facts.last} ({facts.answers:,} answers), {count} "
        f"seed{'s' * (count != 1)}."
    )
    notes = "".join(f"\n  {note}" for note in facts.notes)
    return f"{title}{notes}\n{aligned(cells, head=1)}\n{_chosen(best, facts)}{_predictable(facts)}"


def _chosen(best: Line | None, facts: Facts) -> str:
    """Return the sentence on how models were chosen."""
    if best is None:
        return ""
    if not facts.validation:  # a record that was written before they were kept
        return "* the best on the validation part.\n"
    windows, first, last = facts.validation
    return (
        f"* the best on the validation part, {windows} windows, {first} to {last}, which also chose the weights of "
        "each model and the widths of its intervals; the test part chose nothing.\n"
    )


def _cells(line: Line, facts: Facts, *, known: bool, best: bool) -> list[str]:
    baseline = line.model in BASELINES
    if line.failure:
        empty = [""] * (6 if known else 4)
        return [line.model, "diverged", *empty, f"{line.parameters:,}", "", f"{line.seconds:.1f}"]
    interval = "" if math.isnan(line.low) else f"[{_brief(line.low)}, {_brief(line.high)}]"
    return [
        line.model,
        _brief(line.mse),
        interval,
        _brief(line.mae),
        _explained(line.mse, facts.variance),
        "" if math.isnan(line.validation_mse) else f"{_brief(line.validation_mse)}{' *' * best}",
        *([f"{line.coverage:.1%}", _brief(line.width)] if known else []),
        f"{line.parameters:,}",
        "" if baseline else f"{line.best_step:.0f}",
        f"{line.seconds:.1f}",
    ]


def _predictable(facts: Facts) -> str:
    own, both = (_explained(error, facts.variance) for error in (facts.linear, facts.linear_graph))
    return (
        f"explained: of the variance of the test's answers, {_brief(facts.variance)}. Linear models of as many lags "
        f"that are fitted to the test part itself, an optimistic bound for linear ones, explain {own} from a node's "
        f"own past and {both} with its neighbours'."
    )


def _explained(error: float, variance: float) -> str:
    return f"{1 - error / variance:.1%}" if variance > 0 else "-"


def _brief(value: float) -> str:
    """Return a number with four digits, however large or small."""
    return f"{value:.4f}" if 0.01 <= abs(value) < 10 else f"{value:,.4g}"


def to_json(lines: Sequence[Line], facts: Sequence[Facts]) -> dict[str, object]:
    """Return the table as plain data, with null where a number is not finite; "test" is that of the first horizon."""
    plain = [{key: tables.finite(value) for key, value in of._asdict().items()} for of in facts]
    return {
        "test": plain[0],
        **({"tests": plain} if len(plain) > 1 else {}),
        "lines": [{key: tables.finite(value) for key, value in asdict(line).items()} for line in lines],
    }


def to_csv(lines: Sequence[Line]) -> str:
    """Return the table as CSV, one line for each model."""
    names = list(Line.__dataclass_fields__)
    return tables.to_csv(names, [[tables.finite(getattr(line, name)) for name in names] for line in lines])
