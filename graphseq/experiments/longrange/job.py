"""The suite from its settings to its folder: runs, tables, figures and records."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from graphseq import _files
from graphseq.experiments.engine import run_dir
from graphseq.experiments.engine.run import Run
from graphseq.experiments.job import Experiment, carried_out
from graphseq.experiments.longrange import report
from graphseq.experiments.longrange.figure import figure, groups
from graphseq.experiments.longrange.report import Line
from graphseq.experiments.longrange.run import measure_once
from graphseq.experiments.longrange.settings import AXES, JOB, Settings

FILES = "results.json, results.jsonl, table.txt, a figure for each group of benchmarks, config.json"
"""The files that the folder holds in the end, for messages."""


def longrange(
    settings: Settings, out: Path, *, resume: bool, command: Sequence[str], jobs: int | None = None
) -> tuple[list[Line], list[Run], str]:
    """Make the runs that a folder lacks and write the results of all to it.

    Args:
        settings: the settings.
        out: the folder of results, created if it is missing.
        resume: go on with a suite that ``out`` holds, with another grid or the same, all else alike.
        command: the arguments of the command line, saved with the results.
        jobs: see :func:`graphseq.sweep`.

    Returns:
        The summary, all runs, and the tables.

    Raises:
        Exception: as for :func:`graphseq.experiments.job.carried_out`.
    """
    experiment = Experiment(JOB, settings.to_json(), command, Settings.defaults(), AXES)
    cases = settings.searched()
    with carried_out(experiment, measure_once, cases, out, resume=resume, jobs=jobs) as runs:
        chosen = [(line.benchmark, line.model, line.layers, line.lr) for line in report.summarise(runs)]
    cases += settings.others(chosen)
    with carried_out(experiment, measure_once, cases, out, resume=True, jobs=jobs) as runs:
        lines, floors = report.summarise(runs), report.floors_of(runs)
        text = report.table(lines, floors)
        record = {
            "config": run_dir.read_config(out, JOB),
            "machines": _machines(runs),
            "cpu_seconds": sum(float(str((run.result or {}).get("cpu_seconds", 0))) for run in runs),
            **report.to_json(lines, floors),
            "constant_by_hops": report.constants_of(runs),
        }
        _files.write_text(out / "results.json", json.dumps(record, indent=1) + "\n", overwrite=True)
        _files.write_text(out / "table.txt", text + "\n", overwrite=True)
        draw(lines, report.constants_of(runs), out)
    return lines, runs, text


def draw(lines: Sequence[Line], constants: dict[str, list[list[float]]], out: Path) -> list[str]:
    """Write a figure for each group of benchmarks, and return the names of the files."""
    names = []
    for title, members in groups(list(dict.fromkeys(line.benchmark for line in lines))).items():
        drawing = figure(title, [line for line in lines if line.benchmark in members], constants)
        names.append(f"{title.replace(' ', '_')}.png")

        def save(file: object, drawing: object = drawing) -> None:
            drawing.savefig(file, format="png", dpi=130)  # type: ignore[attr-defined]

        _files.write(out / names[-1], save, overwrite=True)
    return names


def _machines(runs: Sequence[Run]) -> list[dict[str, object]]:
    """Return the machines and versions of all runs, each once."""
    return [json.loads(text) for text in dict.fromkeys(json.dumps(run.machine, sort_keys=True) for run in runs)]
