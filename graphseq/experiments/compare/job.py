"""The job from settings to an output folder: what is done already, what is left, and everything that is written."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from graphseq import _files
from graphseq.evaluation.tables import finite
from graphseq.experiments.compare import report
from graphseq.experiments.compare.settings import JOB, Case, Settings, read_finished
from graphseq.experiments.compare.text import load
from graphseq.experiments.engine import run_dir
from graphseq.experiments.engine.grid import Result, run_each

if TYPE_CHECKING:
    from graphseq.experiments.compare.report import Cell


def compare(settings: Settings, out: Path, *, resume: bool, jobs: int, command: Sequence[str]) -> list[Cell]:
    """Run what is left of a comparison and write its results to ``out``.

    Args:
        settings: what to compare.
        out: the folder of results, made where it is not there.
        resume: go on with a comparison of the same settings that ``out`` holds.
        jobs: worker processes.
        command: the arguments that lead here, kept with the results.

    Returns:
        The summary, which is also in ``out``: ``results.csv``, ``results.json``, ``figure.png``, ``config.json`` with
        the command that runs it again, and ``runs/`` with each run's training curves.

    Raises:
        FileExistsError: ``out`` holds results and ``resume`` is false.
        ValueError: ``out`` holds results of other settings.
        OSError: ``out`` cannot be written to.
        Exception: what went wrong in the first run that failed, once all others are done and kept.
    """
    runs = run_dir.runs_of(run_dir.claim(out, JOB, _facts(settings), command, resume=resume))
    cases = settings.cases()
    done = read_finished(runs, cases)
    left = [case for case in cases if case.key not in done]
    made = run_each(partial(_run, settings=settings, folder=runs), left, finished=len(done), jobs=jobs, said=_told)
    cells = report.summarise(settings, [*done.values(), *made])
    _write(settings, cells, out)
    return cells


def _run(case: Case, settings: Settings, folder: Path) -> Result:
    # Loaded in the worker: the parent never needs torch.
    result: Result = import_module("graphseq.experiments.compare.runs").run(case, settings, folder)
    return result


def _told(result: Result) -> str:
    return f"{result['task']} {result['rows']} rows, {result['model']}: {result['score']:.0%}"


def _facts(settings: Settings) -> dict[str, object]:
    """All that the numbers depend on: the settings, and the text itself, which may have changed under its name."""
    facts = settings.to_json()
    if settings.text is not None:
        facts["text_sha256"] = sha256(
            load(settings.text, settings.encoding)[0].encode(errors="surrogatepass")
        ).hexdigest()
    return facts


def _write(settings: Settings, cells: Sequence[Cell], out: Path) -> None:
    from graphseq.plot.accuracy import figure  # noqa: PLC0415 - matplotlib only once there is something to draw

    lines = [{key: finite(value) for key, value in asdict(cell).items()} for cell in cells]
    record = {"config": run_dir.read_config(out, JOB), "cells": lines}
    _files.write_text(out / "results.csv", report.to_csv(cells), overwrite=True)
    _files.write_text(out / "results.json", json.dumps(record, indent=1) + "\n", overwrite=True)
    drawing = figure(settings, cells)
    _files.write(out / "figure.png", lambda file: drawing.savefig(file, format="png", dpi=150), overwrite=True)
