"""The job from settings to an output folder: what is done already, what is left, and everything that is written."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from graphseq import _files
from graphseq.experiments.engine import run_dir
from graphseq.experiments.engine.grid import Result, run_each
from graphseq.experiments.forecast import report
from graphseq.experiments.forecast.data import Prepared, checksums, prepare
from graphseq.experiments.forecast.report import Facts, Line
from graphseq.experiments.forecast.settings import JOB, Case, Settings, read_finished


class Done(NamedTuple):
    """What came out."""

    lines: list[Line]
    facts: Facts
    files: list[str]  #: what the folder now holds


def forecast(settings: Settings, out: Path, *, resume: bool, jobs: int, command: Sequence[str]) -> Done:
    """Run what is left of a forecast and write its results to ``out``.

    Args:
        settings: what to forecast, and by which models.
        out: the folder of results, made where it is not there.
        resume: go on with a forecast of the same settings and files that ``out`` holds.
        jobs: worker processes.
        command: the arguments of the command line, saved with the results.

    Returns:
        The summary, which is also in ``out``: ``results.csv``, ``results.json``, ``predictions.csv`` with the test
        part's answers of the first seed, ``forecasts.png``, ``errors.png``, of the forgetting model
        ``gate_values.gif``, ``config.json`` with the command that runs it again, and ``runs/`` with each run.

    Raises:
        FileExistsError: ``out`` holds results and ``resume`` is false.
        ValueError: what :func:`graphseq.experiments.forecast.data.prepare` refuses; ``out`` holds results of other
            settings.
        OSError: a file cannot be read, or ``out`` not be written to.
        Exception: what went wrong in the first run that failed, once all others are done and kept.
    """
    prepared = prepare(settings)  # refuses what will not do before a folder is made
    identity = {**settings.to_json(), **checksums(settings)}
    runs = run_dir.runs_of(run_dir.claim(out, JOB, identity, command, resume=resume, defaults=Settings.defaults()))
    cases = settings.cases()
    done = read_finished(runs, cases)
    left = [case for case in cases if case.key not in done]
    made = run_each(partial(_run, settings=settings, folder=runs), left, finished=len(done), jobs=jobs, said=_told)
    results = [*done.values(), *made]
    lines = report.summarise(settings, sorted(results, key=lambda run: str(run["seed"])))
    facts = _facts(prepared, settings)
    return Done(lines, facts, _write(settings, lines, facts, prepared, out))


def _run(case: Case, settings: Settings, folder: Path) -> Result:
    # By name, since it is found from a worker, which loads what it needs by itself.
    result: Result = import_module("graphseq.experiments.forecast.run").run(case, settings, folder)
    return result


def _told(result: Result) -> str:
    return f"{result['model']}: {result['mse']:.4g}"


def _facts(prepared: Prepared, settings: Settings) -> Facts:
    bound, test = import_module("graphseq.experiments.forecast.run").bound(settings), prepared.split.test
    times = prepared.data.times
    return Facts(
        name=prepared.data.name,
        nodes=len(prepared.data.nodes),
        windows=len(test),
        first=times[test.first],
        last=times[test.last],
        **bound._asdict(),
    )


def _write(settings: Settings, lines: Sequence[Line], facts: Facts, prepared: Prepared, out: Path) -> list[str]:
    from graphseq.experiments.forecast import figures  # noqa: PLC0415 - matplotlib only once there is something to draw

    record = {"config": run_dir.read_config(out, JOB), **report.to_json(lines, facts)}
    _files.write_text(out / "results.csv", report.to_csv(lines), overwrite=True)
    _files.write_text(out / "results.json", json.dumps(record, indent=1) + "\n", overwrite=True)
    kept = figures.read_kept(settings, lines, out / run_dir.RUNS)
    _files.write_text(out / "predictions.csv", figures.to_csv(kept, prepared.data), overwrite=True)
    drawn = figures.draw(kept, lines, prepared.data, out)
    return ["results.csv", "results.json", "predictions.csv", *drawn, "config.json", f"{run_dir.RUNS}/"]
