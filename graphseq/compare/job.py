"""The job from settings to an output folder: what is done already, what is left, and everything that is written."""

from __future__ import annotations

import json
import platform
import shlex
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from joblib import Parallel, delayed
from tqdm.auto import tqdm

from graphseq import _files
from graphseq.compare import report
from graphseq.compare.settings import Case, Settings, read_finished

if TYPE_CHECKING:
    from graphseq.compare.report import Cell


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
    """
    _claim(out, settings, resume, command)
    runs = out / "runs"
    runs.mkdir(exist_ok=True)
    cases = settings.cases()
    done = read_finished(runs, cases)
    left = [case for case in cases if case.key not in done]
    bar = tqdm(total=len(cases), initial=len(done), unit="run", disable=not left)
    with bar:
        for result in Parallel(n_jobs=min(jobs, max(1, len(left))), return_as="generator_unordered")(
            delayed(_run)(case, settings, runs) for case in left
        ):
            case = Case(*(result[key] for key in ("task", "model", "rows", "seed")))
            done[case.key] = result
            bar.set_postfix_str(f"{case.task} {case.rows} rows, {case.model}: {result['score']:.0%}")
            bar.update()
    cells = report.summarise(settings, list(done.values()))
    _write(settings, cells, out, command)
    return cells


def _run(case: Case, settings: Settings, folder: Path) -> dict[str, object]:
    # Loaded in the worker: the parent never needs torch.
    result: dict[str, object] = import_module("graphseq.compare.runs").run(case, settings, folder)
    return result


def _claim(out: Path, settings: Settings, resume: bool, command: Sequence[str]) -> None:
    """Make ``out`` ours, or say why it cannot be."""
    out.mkdir(parents=True, exist_ok=True)
    config = out / "config.json"
    if not config.exists():
        if any(out.iterdir()):
            raise FileExistsError(f"--out {out} holds other files; name a new or empty folder")
        _files.write_text(config, _config(settings, command), overwrite=False)
        return
    if not resume:
        raise FileExistsError(f"--out {out} already holds a comparison; add --resume to go on with it, or name another")
    try:
        then = json.loads(config.read_text())["settings"]
    except (json.JSONDecodeError, KeyError, UnicodeDecodeError):
        raise ValueError(f"{config} cannot be read; name another --out") from None
    for key, now in settings.to_json().items():
        if then.get(key) != now:
            raise ValueError(
                f"--out {out} holds a comparison with {key} = {then.get(key)!r}, now {now!r}; name another --out"
            )


def _config(settings: Settings, command: Sequence[str]) -> str:
    packages = ("graphseq", "torch", "torch-geometric", "networkx", "scipy", "numpy")
    record = {
        "command": shlex.join(["python", "-m", "graphseq", *command]),
        "settings": settings.to_json(),
        "versions": {"python": sys.version.split()[0], **{name: version(name) for name in packages}},
        "machine": {"processor": platform.machine(), "system": platform.system(), "threads_a_run": 1},
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    return json.dumps(record, indent=1) + "\n"


def _write(settings: Settings, cells: Sequence[Cell], out: Path, command: Sequence[str]) -> None:
    from graphseq.plot.cliff import figure  # noqa: PLC0415 - matplotlib only once there is something to draw

    config = json.loads((out / "config.json").read_text())
    record = {"config": config, "cells": [asdict(cell) for cell in cells]}
    _files.write_text(out / "results.csv", report.to_csv(cells), overwrite=True)
    _files.write_text(out / "results.json", json.dumps(record, indent=1) + "\n", overwrite=True)
    drawing = figure(settings, cells)
    _files.write(out / "figure.png", lambda file: drawing.savefig(file, format="png", dpi=150), overwrite=True)
