"""Lines of results made readable: means over seeds, a table for the terminal, CSV and JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from graphseq.evaluation import tables
from graphseq.evaluation.tables import Result, aligned, mean, number, students_interval
from graphseq.experiments.compare.settings import Settings


@dataclass(frozen=True)
class Cell:
    """One model on one task at one length, over all seeds."""

    task: str
    model: str
    rows: int
    accuracy: float
    low: float
    high: float
    bits: float
    chance: float
    hops_needed: int
    hops_reached: int
    parameters: int
    steps: float
    seconds: float
    seeds: int
    failure: str

    @property
    def in_reach(self) -> bool:
        """Whether structure lets the model see what it needs."""
        return self.hops_reached >= self.hops_needed


def summarise(settings: Settings, results: Sequence[Result]) -> list[Cell]:
    """Means over seeds: with one seed the interval of its evaluation, with several Student's over the seeds."""
    cells = []
    for task in settings.tasks:
        for model in settings.models:
            for rows in settings.lengths:
                place = (task, model, rows)
                runs = [r for r in results if (r["task"], r["model"], r["rows"]) == place]
                cells.append(_cell(task, model, rows, sorted(runs, key=lambda r: number(r, "seed"))))
    return cells


def _cell(task: str, model: str, rows: int, runs: Sequence[Result]) -> Cell:
    scores = [number(run, "score") for run in runs]
    if len(scores) == 1:
        low, high = number(runs[0], "low"), number(runs[0], "high")
    else:
        low, high = students_interval(scores)
        low, high = max(0.0, low), min(1.0, high)
    return Cell(
        task=task,
        model=model,
        rows=rows,
        accuracy=mean(runs, "score"),
        low=low,
        high=high,
        bits=mean(runs, "bits"),
        chance=mean(runs, "chance"),
        hops_needed=int(number(runs[0], "hops_needed")),
        hops_reached=int(number(runs[0], "hops_reached")),
        parameters=int(number(runs[0], "parameters")),
        steps=mean(runs, "steps"),
        seconds=sum(number(run, "seconds") for run in runs),
        seeds=len(runs),
        failure=next((str(run["failure"]) for run in runs if run["failure"]), ""),
    )


def table(settings: Settings, cells: Sequence[Cell]) -> str:
    """A table a task: a line a model, a column a length."""
    return "\n\n".join(_panel(settings, task, [c for c in cells if c.task == task]) for task in settings.tasks)


def _panel(settings: Settings, task: str, cells: Sequence[Cell]) -> str:
    text = settings.text is not None
    over = f"over {len(settings.seeds)} seeds" if len(settings.seeds) > 1 else "of the evaluation"
    what = (
        "accuracy in % with the 95 % interval "
        + over
        + (", and bits a character, on the part held out" if text else "")
    )
    head = ["model", *(f"{rows} rows" for rows in settings.lengths), "sees", "parameters", "seconds"]
    lines = [head, ["hops needed", *(str(_needed(cells, rows)) for rows in settings.lengths), "", "", ""]]
    for model in settings.models:
        own = [c for c in cells if c.model == model]
        lines.append(
            [
                model,
                *(_accuracy(c, text) for c in own),
                _sees(own),
                f"{own[-1].parameters:,}",
                f"{sum(c.seconds for c in own):.1f}",
            ]
        )
    chance = cells[0].chance
    note = "" if text else "  -: what it needs lies beyond its reach, by structure alone."
    return f"{task}: {what}. Chance {chance:.0%}.{note}\n{aligned(lines, head=2)}"


def _needed(cells: Sequence[Cell], rows: int) -> int:
    return next(c.hops_needed for c in cells if c.rows == rows)


def _accuracy(cell: Cell, text: bool) -> str:
    if cell.failure:
        return "diverged"
    if text:
        return f"{cell.accuracy:.1%} [{cell.low:.1%}, {cell.high:.1%}]  {cell.bits:.2f} bits".replace("%", "")
    mark = " " if cell.in_reach else "-"
    return f"{cell.accuracy:.0%} [{cell.low:.0%}, {cell.high:.0%}]{mark}".replace("%", "")


def _sees(cells: Sequence[Cell]) -> str:
    """The most hops it reaches; "all" where that is everything there is at every length."""
    most = max(c.hops_reached for c in cells)
    if most < 0:
        return "nothing"
    return "all" if all(c.in_reach for c in cells) and cells[-1].hops_needed > 0 else f"{most} hop{'s' * (most != 1)}"


def to_csv(cells: Sequence[Cell]) -> str:
    """One line a cell."""
    names = list(Cell.__dataclass_fields__)
    return tables.to_csv(names, [[getattr(cell, name) for name in names] for cell in cells])
