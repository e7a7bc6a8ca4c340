"""An accuracy experiment from its settings to its folder: runs, table, figure and records."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from graphseq import _files
from graphseq.evaluation.tables import finite
from graphseq.experiments.accuracy.figure import figure
from graphseq.experiments.accuracy.report import KINDS, Cell, summarise, to_csv
from graphseq.experiments.accuracy.run import measure_accuracy
from graphseq.experiments.accuracy.settings import AXES, JOB, Settings
from graphseq.experiments.engine import run_dir
from graphseq.experiments.engine.run import Run
from graphseq.experiments.job import RESULTS, Experiment, carried_out, check_results
from graphseq.experiments.text.corpus import read_or_shipped

FILES = "results.csv, results.json, results.jsonl, figure.png, config.json, runs/"
"""The files that the folder holds in the end, for messages."""


def compare(
    settings: Settings,
    out: Path,
    *,
    resume: bool,
    command: Sequence[str],
    jobs: int | None = None,
    cluster: str | None = None,
) -> tuple[list[Cell], list[Run]]:
    """Make the runs that a folder lacks and write the results of all to it.

    Args:
        settings: the settings.
        out: the folder of results, created if it is missing.
        resume: go on with an experiment that ``out`` holds, with another grid or the same, all else alike.
        command: the arguments of the command line, saved with the results.
        jobs: see :func:`graphseq.sweep`.
        cluster: see :func:`graphseq.sweep`.

    Returns:
        The summary and all runs. ``out`` then holds ``results.jsonl`` with a line a run, ``results.csv`` and
        ``results.json`` with the summary, ``figure.png``, ``config.json`` with the command that runs it again, and
        ``runs/`` with each run's training curves.

    Raises:
        Exception: as for :func:`graphseq.experiments.job.carried_out`.
    """
    facts = settings.to_json()
    if settings.text is not None:  # whose content may change under its name
        facts["text_sha256"] = read_or_shipped(settings.text, settings.encoding).sha256
    experiment = Experiment(JOB, facts, command, Settings.defaults(), AXES)
    cases = settings.cases()
    with carried_out(experiment, measure_accuracy, cases, out, resume=resume, jobs=jobs, cluster=cluster) as runs:
        check_results(runs, out / RESULTS, KINDS)
        cells = summarise(settings, runs)
        record = {"config": run_dir.read_config(out, JOB), **to_json(cells)}
        _files.write_text(out / "results.csv", to_csv(cells), overwrite=True)
        _files.write_text(out / "results.json", json.dumps(record, indent=1) + "\n", overwrite=True)
        drawing = figure(settings, cells)
        _files.write(out / "figure.png", lambda file: drawing.savefig(file, format="png", dpi=200), overwrite=True)
    return cells, runs


def to_json(cells: Sequence[Cell]) -> dict[str, object]:
    """Return the summary as plain data."""
    return {"cells": [{key: finite(value) for key, value in asdict(cell).items()} for cell in cells]}
