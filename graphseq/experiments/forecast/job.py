"""A forecast from its settings to its folder: runs, table, forecasts, figures and records."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from graphseq import _files
from graphseq.experiments.engine import run_dir
from graphseq.experiments.forecast import report
from graphseq.experiments.forecast.best import keep_best
from graphseq.experiments.forecast.data import Prepared, checksums, prepare, targets
from graphseq.experiments.forecast.report import Facts, Line
from graphseq.experiments.forecast.run import bound, forecast_once
from graphseq.experiments.forecast.settings import AXES, JOB, Settings
from graphseq.experiments.job import RESULTS, Experiment, carried_out, check_results, results_of


class Done(NamedTuple):
    """The results of a forecast: the lines of its table, facts of the data, and the files that were written."""

    lines: list[Line]
    facts: list[Facts]  #: of each horizon and column
    files: list[str]  #: what the folder now holds


def forecast(settings: Settings, out: Path, *, resume: bool, jobs: int, command: Sequence[str]) -> Done:
    """Make the runs that a folder lacks and write the results of all to it.

    Args:
        settings: the settings.
        out: the folder of results, created if it is missing.
        resume: go on with a forecast of the same settings and files that ``out`` holds.
        jobs: see :func:`graphseq.sweep`.
        command: the arguments of the command line, saved with the results.

    Returns:
        The summary. ``out`` then holds ``results.jsonl`` with a line a run, ``results.csv`` and ``results.json`` with
        the summary, ``predictions.csv`` with the test set's answers of the first seed and the intervals, of further
        horizons ``predictions_ahead….csv``, ``forecaster.pt`` with the model of least validation error for each
        horizon, ``next.csv`` with its forecasts of what follows the recording, of the first horizon ``forecasts.png``,
        ``errors.png``, of a model that forgets ``forgotten.png`` and ``forgotten.gif``, ``config.json`` with the
        command that runs it again, and ``runs/`` with each run's curves.

    Raises:
        FileExistsError: ``out`` holds results and ``resume`` is false.
        ValueError: what :func:`graphseq.experiments.forecast.data.prepare` refuses; ``out`` holds results of other
            settings.
        OSError: a file cannot be read, or ``out`` not be written to.
        RuntimeError: a run failed; all others are done and kept.
    """
    prepared = prepare(settings)  # refuses what will not do before a folder is made
    identity = {**settings.to_json(), **checksums(settings)}
    experiment = Experiment(JOB, identity, command, Settings.defaults(), AXES)
    cases = [case.to_json() for case in settings.cases()]
    with carried_out(
        experiment, partial(forecast_once, settings=settings), cases, out, resume=resume, jobs=jobs
    ) as runs:
        check_results(runs, out / RESULTS, report.KINDS)
        results = results_of(runs)
        forecast_columns = targets(prepared.data, settings)
        in_order = sorted(results, key=lambda result: str(result["seed"]))
        lines = report.summarise(settings, in_order, forecast_columns)
        facts = [
            of
            for horizon in settings.horizon
            for of in report.facts_of(prepare(settings, horizon), settings, horizon, bound(settings, horizon))
        ]
        return Done(lines, facts, _write(settings, lines, facts, prepared, out))


def _write(
    settings: Settings, lines: Sequence[Line], facts: Sequence[Facts], prepared: Prepared, out: Path
) -> list[str]:
    from graphseq.experiments.forecast import figures  # noqa: PLC0415 - matplotlib only once there is something to draw

    record = {"config": run_dir.read_config(out, JOB), **report.to_json(lines, facts)}
    _files.write_text(out / "results.csv", report.to_csv(lines), overwrite=True)
    _files.write_text(out / "results.json", json.dumps(record, indent=1) + "\n", overwrite=True)
    names = []
    for number, horizon in enumerate(settings.horizon):
        here = [line for line in lines if line.horizon == horizon]
        kept = figures.read_kept(settings, here, out / run_dir.RUNS)
        names.append("predictions.csv" if number == 0 else f"predictions_ahead{horizon}.csv")
        _files.write_text(out / names[-1], figures.to_csv(kept, prepared.data), overwrite=True)
        if number == 0:
            drawn = figures.draw(kept, here, prepared.data, out)
    best = keep_best(settings, prepared.data, lines, facts, out)
    return ["results.csv", "results.json", RESULTS, *names, *drawn, *best, "config.json", f"{run_dir.RUNS}/"]
