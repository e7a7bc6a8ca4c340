"""The results of a forecast as a table: means over seeds, and a bound on linear models."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import NamedTuple

from graphseq.evaluation import tables
from graphseq.evaluation.tables import Result, aligned, mean, number, students_interval
from graphseq.experiments.forecast.settings import BASELINES, Settings

KINDS: dict[str, type] = {
    **{"model": str, "seed": int, "failure": str, "parameters": int},
    **dict.fromkeys(("mse", "mae", "validation_mse", "best_step", "seconds"), float),
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


def summarise(settings: Settings, results: Sequence[Result]) -> list[Line]:
    """Return a line for each model, in the order of the settings; with an interval where there are several seeds."""
    return [_line(model, [run for run in results if run["model"] == model]) for model in settings.models]


def _line(model: str, runs: Sequence[Result]) -> Line:
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
    )


def table(settings: Settings, lines: Sequence[Line], facts: Facts) -> str:
    """Return the table, and beneath it the most that a linear model could explain."""
    head = ["model", "MSE", "95 % over seeds", "MAE", "explained", "validation", "parameters", "best step", "seconds"]
    cells = [head, *(_cells(line, facts) for line in lines)]
    count = len(settings.seeds)
    of = f"forecast of {', '.join(facts.targets)}, " if facts.targets else ""
    title = (
        f"{facts.name}: {facts.nodes} nodes, {of}{settings.horizon} ahead from {settings.lags} times. Errors in the "
        f"file's units on {facts.windows} test windows, {facts.first} to {facts.last} ({facts.answers:,} answers), "
        f"{count} seed{'s' * (count != 1)}."
    )
    notes = "".join(f"\n  {note}" for note in facts.notes)
    return f"{title}{notes}\n{aligned(cells, head=1)}\n{_predictable(facts)}"


def _cells(line: Line, facts: Facts) -> list[str]:
    baseline = line.model in BASELINES
    if line.failure:
        return [line.model, "diverged", "", "", "", "", f"{line.parameters:,}", "", f"{line.seconds:.1f}"]
    interval = "" if math.isnan(line.low) else f"[{_brief(line.low)}, {_brief(line.high)}]"
    return [
        line.model,
        _brief(line.mse),
        interval,
        _brief(line.mae),
        _explained(line.mse, facts.variance),
        "" if baseline else _brief(line.validation_mse),
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


def to_json(lines: Sequence[Line], facts: Facts) -> dict[str, object]:
    """Return the table as plain data, with null where a number is not finite."""
    return {
        "test": {key: tables.finite(value) for key, value in facts._asdict().items()},
        "lines": [{key: tables.finite(value) for key, value in asdict(line).items()} for line in lines],
    }


def to_csv(lines: Sequence[Line]) -> str:
    """Return the table as CSV, one line for each model."""
    names = list(Line.__dataclass_fields__)
    return tables.to_csv(names, [[tables.finite(getattr(line, name)) for name in names] for line in lines])
