"""Runs of the grid made readable: means over seeds, a table for the terminal, CSV."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from graphseq.evaluation import tables
from graphseq.evaluation.tables import Result, aligned, mean, number, students_interval
from graphseq.experiments.accuracy.settings import Settings
from graphseq.experiments.engine.run import Run


@dataclass(frozen=True)
class Cell:
    """One model of one depth at one length of a task, over the seeds that finished; no numbers where none did."""

    task: str
    model: str
    depth: int
    length: int
    seeds: int
    failed: int
    solved: int = 0
    accuracy: float | None = None
    low: float | None = None
    high: float | None = None
    chance: float | None = None
    hops_needed: int | None = None
    hops_reached: int | None = None
    parameters: int | None = None
    steps: float | None = None
    seconds: float | None = None

    @property
    def in_reach(self) -> bool:
        """Whether structure lets the model see what it needs."""
        return (self.hops_reached or 0) >= (self.hops_needed or 0)


def summarise(settings: Settings, runs: Sequence[Run]) -> list[Cell]:
    """Means over the seeds asked for: of one the interval of its evaluation, of several Student's over them."""
    groups: dict[tuple[object, ...], list[Run]] = {}
    for run in runs:
        groups.setdefault(tuple(run.config[name] for name in ("task", "model", "depth", "length")), []).append(run)
    return [
        _cell(task, model, depth, length, groups[task, model, depth, length], settings.seeds)
        for task in settings.tasks
        for model, depth in settings.lines()
        for length in settings.lengths
    ]


def _cell(task: str, model: str, depth: int, length: int, runs: Sequence[Run], seeds: Sequence[int]) -> Cell:
    found: dict[int, Result | None] = {}
    for run in runs:
        for seed, result in _of_each_seed(run):
            if seed in seeds and found.get(seed) is None:
                found[seed] = result
    results: list[Result] = [result for _, result in sorted(found.items()) if result is not None]
    failed = len(found) - len(results)
    if not results:
        return Cell(task, model, depth, length, seeds=0, failed=failed)
    scores = [number(result, "score") for result in results]
    if len(scores) == 1:
        low, high = number(results[0], "low"), number(results[0], "high")
    else:
        low, high = students_interval(scores)
    return Cell(
        task,
        model,
        depth,
        length,
        seeds=len(results),
        failed=failed,
        solved=sum(bool(result["solved"]) for result in results),
        accuracy=mean(results, "score"),
        low=max(0.0, low),
        high=min(1.0, high),
        chance=mean(results, "chance"),
        hops_needed=int(number(results[0], "hops_needed")),
        hops_reached=int(number(results[0], "hops_reached")),
        parameters=int(number(results[0], "parameters")),
        steps=mean(results, "steps"),
        seconds=sum(run.seconds for run in sorted(runs, key=_first_seed) if run.result is not None),
    )


def _of_each_seed(run: Run) -> list[tuple[int, Result | None]]:
    """The seeds of a run and what came of each, ``None`` where the run failed."""
    seed = run.config["seed"]
    if not isinstance(seed, list):
        return [(int(number(run.config, "seed")), run.result)]
    found = [None] * len(seed) if run.result is None else cast("list[Result | None]", run.result["seeds"])
    return list(zip(cast("list[int]", seed), found, strict=True))


def _first_seed(run: Run) -> int:
    return _of_each_seed(run)[0][0]


def table(settings: Settings, cells: Sequence[Cell]) -> str:
    """A table a task: a line a model and depth, a column a length."""
    over = f"over {len(settings.seeds)} seeds" if len(settings.seeds) > 1 else "of the evaluation"
    panels = []
    for task in settings.tasks:
        lines = [["model", "layers", *map(str, settings.lengths), "parameters", "steps", "seconds"]]
        for model, depth in settings.lines():
            own = [cell for cell in cells if (cell.task, cell.model, cell.depth) == (task, model, depth)]
            done = [cell for cell in own if cell.seeds]
            rest = (
                [f"{done[-1].parameters:,}", *(f"{sum(values):.0f}" for values in _totals(done))] if done else [""] * 3
            )
            lines.append([model, str(depth), *map(_accuracy, own), *rest])
        what = "digits" if task == "Palindrome" else "rows"
        title = f"{task}: accuracy in % with the 95 % interval {over}, by length in {what}"
        panels.append(f"{title}.  -: beyond its reach, by structure alone.\n{aligned(lines, head=1)}")
    return "\n\n".join(panels)


def _totals(cells: Sequence[Cell]) -> tuple[list[float], list[float]]:
    """Training steps and seconds of all seeds, length by length."""
    return [(cell.steps or 0) * cell.seeds for cell in cells], [cell.seconds or 0 for cell in cells]


def _accuracy(cell: Cell) -> str:
    if cell.accuracy is None or cell.low is None or cell.high is None:
        return "failed "
    mark = " " if cell.in_reach else "-"
    return f"{cell.accuracy:.0%} [{cell.low:.0%}, {cell.high:.0%}]{mark}".replace("%", "")


def to_csv(cells: Sequence[Cell]) -> str:
    """One line a cell; nothing stands where there is no number."""
    names = list(Cell.__dataclass_fields__)
    return tables.to_csv(names, [[getattr(cell, name) for name in names] for cell in cells])
