"""The job from settings to an output folder: what is done already, what is left, and everything that is written."""

from __future__ import annotations

import json
import platform
import shlex
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from hashlib import sha256
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from joblib import Parallel, delayed
from tqdm.auto import tqdm

from graphseq import _files
from graphseq.compare import report
from graphseq.compare.settings import FORESEEN, Case, Settings, read_finished
from graphseq.compare.text import load

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
        Exception: what went wrong in the first run that failed, once all others are done and kept.
    """
    _claim(out, settings, resume, command)
    runs = out / "runs"
    runs.mkdir(exist_ok=True)
    cases = settings.cases()
    done = read_finished(runs, cases)
    left = [case for case in cases if case.key not in done]
    failed: list[Exception] = []
    bar = tqdm(total=len(cases), initial=len(done), unit="run", disable=not left)
    with bar:
        for result in Parallel(n_jobs=min(jobs, max(1, len(left))), return_as="generator_unordered")(
            delayed(_run)(case, settings, runs) for case in left
        ):
            if isinstance(result, Exception):
                failed.append(result)
                continue
            case = Case(*(result[key] for key in ("task", "model", "rows", "seed")))
            done[case.key] = result
            bar.set_postfix_str(f"{case.task} {case.rows} rows, {case.model}: {result['score']:.0%}")
            bar.update()
    if failed:
        raise failed[0]
    cells = report.summarise(settings, list(done.values()))
    _write(settings, cells, out)
    return cells


def _run(case: Case, settings: Settings, folder: Path) -> dict[str, object] | Exception:
    # Loaded in the worker: the parent never needs torch. An error is handed over, not raised, so that other runs go on.
    try:
        result: dict[str, object] = import_module("graphseq.compare.runs").run(case, settings, folder)
    except FORESEEN as error:
        return error
    return result


def _claim(out: Path, settings: Settings, resume: bool, command: Sequence[str]) -> None:
    """Make ``out`` ours, or say why it cannot be."""
    out.mkdir(parents=True, exist_ok=True)
    config = out / "config.json"
    left_by_killed = [*_files.partial(out), *_files.partial(out / "runs")]
    if not config.exists():
        if any(path not in left_by_killed for path in out.iterdir()):
            raise FileExistsError(f"--out {out} holds other files; name a new or empty folder")
        _files.write_text(config, _config(settings, command), overwrite=False)
    elif not resume:
        raise FileExistsError(f"--out {out} already holds a comparison; add --resume to go on with it, or name another")
    else:
        then = _read_config(out)["settings"]
        for key, now in _facts(settings).items():
            if then.get(key) != now:
                raise ValueError(
                    f"--out {out} holds a comparison with {key} = {then.get(key)!r}, now {now!r}; name another --out"
                )
    for path in left_by_killed:
        path.unlink(missing_ok=True)


def _read_config(out: Path) -> dict[str, dict[str, object]]:
    config = out / "config.json"
    try:
        record = json.loads(config.read_text(encoding="utf-8"))
    except ValueError:
        record = None
    if not isinstance(record, dict) or not isinstance(record.get("settings"), dict):
        raise ValueError(f"{config} is not the record of a comparison; name another --out")
    return record


def _facts(settings: Settings) -> dict[str, object]:
    """All that the numbers depend on: the settings, and the text itself, which may have changed under its name."""
    facts = settings.to_json()
    if settings.text is not None:
        facts["text_sha256"] = sha256(
            load(settings.text, settings.encoding)[0].encode(errors="surrogatepass")
        ).hexdigest()
    return facts


def _config(settings: Settings, command: Sequence[str]) -> str:
    packages = ("graphseq", "torch", "torch-geometric", "networkx", "scipy", "numpy")
    record = {
        "command": shlex.join(["python", "-m", "graphseq", *command]),
        "settings": _facts(settings),
        "versions": {"python": sys.version.split()[0], **{name: version(name) for name in packages}},
        "machine": {"processor": platform.machine(), "system": platform.system(), "threads_a_run": 1},
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    return json.dumps(record, indent=1) + "\n"


def _write(settings: Settings, cells: Sequence[Cell], out: Path) -> None:
    from graphseq.plot.cliff import figure  # noqa: PLC0415 - matplotlib only once there is something to draw

    lines = [{key: report.finite(value) for key, value in asdict(cell).items()} for cell in cells]
    record = {"config": _read_config(out), "cells": lines}
    _files.write_text(out / "results.csv", report.to_csv(cells), overwrite=True)
    _files.write_text(out / "results.json", json.dumps(record, indent=1) + "\n", overwrite=True)
    drawing = figure(settings, cells)
    _files.write(out / "figure.png", lambda file: drawing.savefig(file, format="png", dpi=150), overwrite=True)
