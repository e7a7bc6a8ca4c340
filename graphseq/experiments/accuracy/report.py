"""The results of an accuracy experiment made readable: means over seeds, a table for the terminal, CSV."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from graphseq.evaluation import tables
from graphseq.evaluation.tables import Result, aligned, mean, number, students_interval
from graphseq.experiments.accuracy.settings import Line, Settings
from graphseq.experiments.engine.run import Run


@dataclass(frozen=True)
class Cell:
    """One model at one length of a task, over the seeds that finished; without numbers where none did or was run.

    Attributes:
        task: name of the task.
        model: its label, with its depth or first weights where there are several.
        layers: its depth; 0 of a baseline.
        length: the length as the settings count it.
        seeds: how many finished.
        failed: how many failed.
        solved: how many stopped because they were solved; ``None`` where that was not recorded.
        accuracy: mean over the seeds.
        low: lower end of its 95 % interval.
        high: upper end of its 95 % interval.
        bits: mean loss in bits.
        chance: accuracy of a guess that knows nothing of the input.
        hops_needed: hops from what must be known to where it is asked.
        hops_reached: hops that the model sees; -1 where it reads nothing.
        parameters: trained numbers.
        steps: mean training steps.
        seconds: training time of all seeds.
        diverged: why the training of a seed diverged; "" where none did.
    """

    task: str
    model: str
    layers: int
    length: int
    seeds: int
    failed: int
    solved: int | None = 0
    accuracy: float | None = None
    low: float | None = None
    high: float | None = None
    bits: float | None = None
    chance: float | None = None
    hops_needed: int | None = None
    hops_reached: int | None = None
    parameters: int | None = None
    steps: float | None = None
    seconds: float | None = None
    diverged: str = ""

    @property
    def in_reach(self) -> bool:
        """True if everything that the model needs is in its receptive field."""
        return self.hops_needed is not None and self.hops_reached is not None and self.hops_reached >= self.hops_needed


KINDS: dict[str, type] = {
    **{"solved": bool, "diverged": str},
    **dict.fromkeys(("hops_needed", "hops_reached", "parameters", "steps"), int),
    **dict.fromkeys(("score", "low", "high", "bits", "chance", "training_seconds"), float),
}
"""The entries of the result of a run."""


def summarise(settings: Settings, runs: Sequence[Run]) -> list[Cell]:
    """Return the means over seeds: of one seed with the interval of its evaluation, of several with Student's."""
    groups: dict[tuple[object, ...], list[Run]] = {}
    for run in runs:
        groups.setdefault(tuple(run.config[name] for name in ("task", "model", "depth", "start", "length")), []).append(
            run
        )
    return [
        _cell(task, line, length, groups.get((task, *line[1:], settings.own_length(task, length)), []))
        for task in settings.tasks
        for line in settings.lines()
        for length in settings.lengths
    ]


def _cell(task: str, line: Line, length: int, runs: Sequence[Run]) -> Cell:
    runs = sorted(runs, key=lambda run: number(run.config, "seed"))
    results: list[Result] = [run.result for run in runs if run.result is not None]
    failed = len(runs) - len(results)
    if not results:
        return Cell(task, line.label, line.depth, length, seeds=0, failed=failed)
    scores = [number(result, "score") for result in results]
    if len(scores) == 1:
        low, high = number(results[0], "low"), number(results[0], "high")
    else:
        low, high = students_interval(scores)
    return Cell(
        task,
        line.label,
        line.depth,
        length,
        seeds=len(results),
        failed=failed,
        solved=sum(bool(result["solved"]) for result in results),
        accuracy=mean(results, "score"),
        low=max(0.0, low),
        high=min(1.0, high),
        bits=mean(results, "bits"),
        chance=mean(results, "chance"),
        hops_needed=int(number(results[0], "hops_needed")),
        hops_reached=int(number(results[0], "hops_reached")),
        parameters=int(number(results[0], "parameters")),
        steps=mean(results, "steps"),
        seconds=sum(number(result, "training_seconds") for result in results),
        diverged=next((str(result["diverged"]) for result in results if result["diverged"]), ""),
    )


def table(settings: Settings, cells: Sequence[Cell]) -> str:
    """Return a table for each task, a line for each model and a column for each length, and one of what they cost."""
    panels = [_panel(settings, task, [cell for cell in cells if cell.task == task]) for task in settings.tasks]
    return "\n\n".join([*panels, _costs(settings, cells)])


def _panel(settings: Settings, task: str, cells: Sequence[Cell]) -> str:
    is_text = task == "Characters"
    over = f"over {len(settings.seeds)} seeds" if len(settings.seeds) > 1 else "of the evaluation"
    width = "with the" if is_text else "± half of the"
    title = f"{task}: accuracy in % {width} 95 % interval {over}"
    if is_text:
        title += ", and bits a character, on the part held out"
    chance = next((cell.chance for cell in cells if cell.chance is not None), None)
    if chance is not None:
        title += f". Chance {chance:.0%}"
    note = "." if is_text else ".\n-: the rows it needs lie outside its receptive field."
    if any(not cell.seeds and not cell.failed for cell in cells):
        note += f"\nnot run: it would read more than {settings.most_rows} rows."
    lengths = [str(length) for length in settings.lengths]
    head = [unit(settings, task), *lengths, "sees"]
    lines = [head, ["hops needed", *(_needed(cells, length) for length in settings.lengths), ""]]
    for line in settings.lines():
        of_model = [cell for cell in cells if cell.model == line.label]
        lines.append([line.label, *(_accuracy(cell, is_text) for cell in of_model), sees(of_model)])
    return f"{title}{note}\n{aligned(lines, head=2)}"


def _costs(settings: Settings, cells: Sequence[Cell]) -> str:
    """Return the parameters of each model, and the steps and seconds of training over all lengths and seeds."""
    over = ["", "", *(word for task in settings.tasks for word in (task, ""))]
    lines = [over, ["", "parameters", *(("steps", "seconds") * len(settings.tasks))]]
    for line in settings.lines():
        row = [line.label, _parameters([cell for cell in cells if cell.model == line.label])]
        for task in settings.tasks:
            row += _training([cell for cell in cells if (cell.task, cell.model) == (task, line.label)])
        lines.append(row)
    return f"Training, over all lengths and seeds:\n{aligned(lines, head=2)}"


def unit(settings: Settings, task: str) -> str:
    """Return what the lengths of a task count, in one word."""
    return "digits" if task == "Palindrome" and settings.unit == "own" else "rows"


def _needed(cells: Sequence[Cell], length: int) -> str:
    return next((str(cell.hops_needed) for cell in cells if cell.length == length and cell.seeds), "")


def _parameters(cells: Sequence[Cell]) -> str:
    return next((f"{cell.parameters:,}" for cell in reversed(cells) if cell.seeds), "")


def _training(cells: Sequence[Cell]) -> list[str]:
    finished = [cell for cell in cells if cell.seeds]
    if not finished:
        return ["", ""]
    steps = sum((cell.steps or 0) * cell.seeds for cell in finished)
    return [f"{steps:,.0f}", f"{sum(cell.seconds or 0 for cell in finished):.1f}"]


def _accuracy(cell: Cell, is_text: bool) -> str:
    if cell.accuracy is None or cell.low is None or cell.high is None:
        return "failed " if cell.failed else "not run "
    if cell.diverged:
        return "diverged"
    if is_text:
        bits = float("nan") if cell.bits is None else cell.bits
        return f"{cell.accuracy:.1%} [{cell.low:.1%}, {cell.high:.1%}]  {bits:.2f} bits".replace("%", "")
    # Ends are cut at 0 and 1, so that the longer half is that of the interval before it was cut.
    half = max(cell.accuracy - cell.low, cell.high - cell.accuracy)
    spread = f"±{half:.0%}" if half >= 0.005 else ""
    return f"{cell.accuracy:.0%}{spread}{' ' if cell.in_reach else '-'}".replace("%", "")


def sees(cells: Sequence[Cell]) -> str:
    """Return the most hops that a model reaches; "all" where that is all there are at every length."""
    finished = [cell for cell in cells if cell.seeds]
    if not finished:
        return ""
    most = max(-1 if cell.hops_reached is None else cell.hops_reached for cell in finished)
    if most < 0:
        return "nothing"
    is_all = all(cell.in_reach for cell in finished) and (finished[-1].hops_needed or 0) > 0
    return "all" if is_all else f"{most} hop{'s' * (most != 1)}"


def to_csv(cells: Sequence[Cell]) -> str:
    """Return one line a cell; nothing stands where there is no number."""
    names = list(Cell.__dataclass_fields__)
    return tables.to_csv(names, [[getattr(cell, name) for name in names] for cell in cells])
