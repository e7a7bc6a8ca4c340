"""The results of a forecast as a table: means over seeds, and a bound on linear models."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, NamedTuple

import torch

from graphseq.evaluation import tables
from graphseq.evaluation.tables import Result, aligned, mean, number, students_interval
from graphseq.experiments.forecast.settings import Settings

if TYPE_CHECKING:
    from graphseq.experiments.forecast.data import Prepared
    from graphseq.experiments.forecast.run import Bound

KINDS: dict[str, type] = {
    **{"model": str, "seed": int, "failure": str, "parameters": int},
    **dict.fromkeys(("mse", "mae", "validation_mse", "coverage", "width", "best_step", "seconds"), float),
}
"""The entries of the result of a run."""
WIDTH = 100
"""The most columns of a table and of the sentences around it."""


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
    channel: str = ""  #: the column that the errors are of, where several are forecast


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
    channel: str = ""  #: the column that the errors are of, where several are forecast


def facts_of(prepared: Prepared, settings: Settings, horizon: int, bounds: Sequence[Bound]) -> list[Facts]:
    """Return the facts of the test set of one horizon, for each column that is forecast.

    The columns of a wide table are nodes, and its values are called "value": the unit may stand in the names of nodes.
    """
    test, validation = prepared.split.test, prepared.split.validation
    times = prepared.data.times
    named = prepared.data.channels[: len(bounds)]
    return [
        Facts(
            name=prepared.data.name,
            nodes=len(prepared.data.nodes),
            windows=len(test),
            first=times[test.first],
            last=times[test.last],
            **bound._asdict(),
            targets=named,
            notes=(*prepared.data.notes, *_without_scale(prepared, settings), *_unbounded(prepared, settings)),
            horizon=horizon,
            unit=settings.unit or unit_of([name]) or (unit_of(prepared.data.nodes) if name == "value" else ""),
            validation=(len(validation), times[validation.first], times[validation.last]),
            channel=name if len(bounds) > 1 else "",
        )
        for name, bound in zip(named, bounds, strict=True)
    ]


def _without_scale(prepared: Prepared, settings: Settings) -> list[str]:
    """Return a note where nodes have no value before the test set, and so no scale of their own."""
    graph = prepared.data.graph
    observed = graph.get("observed")
    known = graph.time <= graph.topology.times[prepared.split.validation.last]
    known = known if observed is None else known & observed
    count = len(prepared.data.nodes)
    late = (graph.node.bincount(minlength=count) > 0) & (graph.node[known].bincount(minlength=count) == 0)
    if settings.scale != "train" or not bool(late.any()):
        return []
    several, first = int(late.sum()), prepared.data.nodes[int(late.nonzero()[0])]
    who = f"node {first} has" if several == 1 else f"{several:,} nodes, {first} first, have"
    whose = "all nodes share one scale" if observed is None else "the scale of all together is taken there"
    return [f"{who} no value before the test part: {whose}"]


def _unbounded(prepared: Prepared, settings: Settings) -> list[str]:
    """Return a note where the validation set has too few answers for intervals with ends."""
    validation, needed = prepared.split.validation, math.ceil(settings.coverage / (1 - settings.coverage) - 1e-9)
    if len(validation) >= needed:  # each window has an answer
        return []
    count = len(validation.windows(torch.arange(len(validation))).y)
    if count >= needed:
        return []
    return [
        f"intervals have no ends: the validation part has {count} answer{'s' * (count != 1)}, and {needed} are the "
        f"fewest for coverage={settings.coverage:g}; validation= with a larger share gives more"
    ]


def summarise(settings: Settings, results: Sequence[Result], channels: Sequence[str] = ()) -> list[Line]:
    """Return a line for each horizon, column and model, in the order of the settings, with an interval over seeds.

    Args:
        settings: the settings.
        results: of single runs.
        channels: names of the columns that are forecast, where they are several, each with errors of its own.
    """
    by_channel: list[tuple[str, Sequence[Result]]] = [("", results)]
    if len(channels) > 1:
        by_channel = [(name, _of_channel(results, place)) for place, name in enumerate(channels)]
    return [
        _line(model, horizon, [run for run in runs if (run["model"], run.get("horizon", 1)) == (model, horizon)], name)
        for horizon in settings.horizon
        for name, runs in by_channel
        for model in settings.models
    ]


def _of_channel(results: Sequence[Result], place: int) -> Sequence[Result]:
    """Return the results with the errors of one column."""
    found = []
    for run in results:
        each = run.get("channels")
        if not isinstance(each, list) or len(each) <= place or not isinstance(each[place], dict):
            raise ValueError(
                f"the result of {run['model']} with seed {run['seed']} lacks the errors of each column; delete its "
                "line in results.jsonl, and it is made again"
            )
        found.append({**run, **each[place]})
    return found


def _line(model: str, horizon: int, runs: Sequence[Result], channel: str) -> Line:
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
        channel=channel,
    )


def best_of(lines: Sequence[Line]) -> str | None:
    """Return the model with the least error on the validation set, which no answer of the test set has chosen.

    Of several columns, which may have different units, that is the least geometric mean of the errors.
    """
    errors: dict[str, list[float]] = {}
    for line in lines:
        known = not line.failure and math.isfinite(line.validation_mse)
        errors.setdefault(line.model, []).append(line.validation_mse if known else math.nan)
    whole = {model: found for model, found in errors.items() if all(map(math.isfinite, found))}
    return min(whole, key=lambda model: _geometric_mean(whole[model]), default=None)


def _geometric_mean(errors: Sequence[float]) -> float:
    return errors[0] if len(errors) == 1 else math.prod(error ** (1 / len(errors)) for error in errors)


def unit_of(targets: Sequence[str]) -> str:
    """Return the unit that the names of columns have in brackets, if all have the same one.

    Example:
        >>> unit_of(["speed (km/h)"]), unit_of(["heat [K]", "rain [mm]"])
        ('km/h', '')
    """
    found = {match[1] if (match := re.search(r"[(\[]([^()\[\]]+)[)\]]\s*$", name)) else "" for name in targets}
    return found.pop() if len(found) == 1 else ""


def tables_of(settings: Settings, lines: Sequence[Line], facts: Sequence[Facts]) -> str:
    """Return the table of each horizon and column, and of several horizons, before them, all errors beside each other.

    Args:
        settings: the settings.
        lines: of all horizons and columns.
        facts: of each horizon and column.
    """
    blocks = [
        (of, [line for line in lines if (line.horizon, line.channel) == (of.horizon, of.channel)]) for of in facts
    ]
    best = {of.horizon: best_of([line for line in lines if line.horizon == of.horizon]) for of in facts}
    notes = dict.fromkeys(note for of in facts for note in of.notes)
    parts = [_wrapped(_title(settings, facts)) + "".join(f"\n{_wrapped(note, 2)}" for note in notes)]
    if len(best) > 1:
        parts.append(_beside(blocks, best))
    for of, rows in blocks:
        head = "" if len(facts) == 1 else f"{_wrapped(_heading(of))}\n"
        parts.append(f"{head}{_table(settings, rows, of, best[of.horizon])}\n{_wrapped(_predictable(of))}")
    parts.append(_wrapped(_legend(facts, any(best.values()))))
    between = "\n\n" if len(facts) > 1 else "\n"
    return between.join(part for part in parts if part)


def table(settings: Settings, lines: Sequence[Line], facts: Facts) -> str:
    """Return the table of one horizon and column, and beneath it the most that a linear model could explain."""
    return tables_of(settings, lines, [facts])


def _title(settings: Settings, facts: Sequence[Facts]) -> str:
    of = f"forecast of {', '.join(facts[0].targets)}, " if facts[0].targets else ""
    ahead = _listed([str(horizon) for horizon in dict.fromkeys(one.horizon for one in facts)])
    count = facts[0].nodes
    begin = f"{facts[0].name}: {count} node{'s' * (count != 1)}, {of}{ahead} ahead from {settings.lags} times."
    count = len(settings.seeds)
    seeds = f"{count} seed{'s' * (count != 1)}."
    return f"{begin} {seeds.capitalize()}" if len(facts) > 1 else f"{begin} Errors {_where(facts[0])}, {seeds}"


def _heading(of: Facts) -> str:
    named = f"{of.channel}, " if of.channel else ""
    return f"{named}{of.horizon} ahead: errors {_where(of)}"


def _where(of: Facts) -> str:
    unit = of.unit or "the file's units"
    return f"in {unit} on {of.windows} test windows, {of.first} to {of.last} ({of.answers:,} answers)"


def _listed(words: Sequence[str]) -> str:
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last


def _beside(blocks: Sequence[tuple[Facts, Sequence[Line]]], best: Mapping[int, str | None]) -> str:
    """Return the errors of all horizons beside each other, for each column."""
    shown = []
    for channel in dict.fromkeys(of.channel for of, _ in blocks):
        here = [(of, rows) for of, rows in blocks if of.channel == channel]
        head = [f"MSE of {channel}" if channel else "MSE", *(f"{of.horizon} ahead" for of, _ in here)]
        cells = [
            [rows[0].model, *(f"{_brief(row.mse)}{' *' * (row.model == best[row.horizon])}" for row in rows)]
            for rows in zip(*(rows for _, rows in here), strict=True)
        ]
        shown.append(aligned([head, *cells], head=1))
    return "\n\n".join(shown)


def _table(settings: Settings, lines: Sequence[Line], facts: Facts, best: str | None) -> str:
    known = any(math.isfinite(line.coverage) for line in lines)
    held = [f"in {tables.percent(settings.coverage)}", "width"] if known else []
    several = ["± 95 %"] if len(settings.seeds) > 1 else []
    head = ["model", "MSE", *several, "MAE", "explained", "validation", *held]
    cells = (_cells(line, facts, known=known, several=bool(several), best=line.model == best) for line in lines)
    return aligned([head, *cells], head=1)


def _cells(line: Line, facts: Facts, *, known: bool, several: bool, best: bool) -> list[str]:
    if line.failure:
        return [line.model, "diverged", *[""] * (3 + several + 2 * known)]
    half = (line.high - line.low) / 2
    interval = "" if math.isnan(half) else f"{half:.4f}" if 0.01 <= abs(line.mse) < 10 else f"{half:,.2g}"
    return [
        line.model,
        _brief(line.mse),
        *([interval] if several else []),
        _brief(line.mae),
        _explained(line.mse, facts.variance),
        "" if math.isnan(line.validation_mse) else f"{_brief(line.validation_mse)}{' *' * best}",
        *([f"{line.coverage:.1%}", _brief(math.inf if math.isnan(line.width) else line.width)] if known else []),
    ]


def _legend(facts: Sequence[Facts], chosen: bool) -> str:
    """Return how models were chosen, and the meaning of the columns."""
    if not chosen:
        return ""
    several = ", by the geometric mean over the columns" if facts[0].channel else ""
    if not facts[0].validation:  # a record that was written before they were kept
        return f"* the best on the validation part{several}."
    windows, first, last = facts[0].validation
    return (
        f"* the best on the validation part{several}, {windows} windows, {first} to {last}, which also chose the "
        "weights of each model and the widths of its intervals; the test part chose nothing. explained: of the "
        "variance of the test's answers; linear models fitted to the test part itself are an optimistic bound for "
        "linear ones."
    )


def _predictable(facts: Facts) -> str:
    own, both = (_explained(error, facts.variance) for error in (facts.linear, facts.linear_graph))
    neighbours = f" and {both} with its neighbours'" if facts.nodes > 1 else ""
    return (
        f"variance {_brief(facts.variance)}; linear models of as many lags that are fitted to the test part itself "
        f"explain {own} from a node's own past{neighbours}."
    )


def _explained(error: float, variance: float) -> str:
    return f"{1 - error / variance:.1%}" if variance > 0 else "-"


def _wrapped(text: str, indent: int = 0) -> str:
    blank = " " * indent
    return textwrap.fill(text, WIDTH, initial_indent=blank, subsequent_indent=blank, break_on_hyphens=False)


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
