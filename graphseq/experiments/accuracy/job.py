"""The job from settings to an output folder: what is there already, what is run, and everything that is written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from graphseq import _files
from graphseq.experiments.accuracy.report import Cell, summarise, to_csv
from graphseq.experiments.accuracy.run import run_length
from graphseq.experiments.accuracy.settings import Settings
from graphseq.experiments.engine import run_dir
from graphseq.experiments.engine.results_file import ResultsFile
from graphseq.experiments.engine.run import Run
from graphseq.experiments.engine.sweep import sweep
from graphseq.plot.lengths import figure

RESULTS = "results.jsonl"


def sweep_lengths(
    settings: Settings, out: Path, *, resume: bool, jobs: int | None, cluster: str | None, command: Sequence[str]
) -> tuple[list[Cell], list[Run]]:
    """Run what is left of a grid and write its results to ``out``.

    Args:
        settings: what to sweep over.
        out: the folder of results, made where it is not there.
        resume: go on with what ``out`` holds, of this grid or another: no run is made twice.
        jobs: see :func:`graphseq.sweep`.
        cluster: see :func:`graphseq.sweep`.
        command: the arguments that lead here, kept with the results.

    Returns:
        The summary and all runs. In ``out`` are then ``results.jsonl`` with a line a run, ``table.csv``,
        ``figure.png``, and ``config.json`` with the command that runs it again.

    Raises:
        FileExistsError: ``out`` holds results and ``resume`` is false, or other files.
        Exception: as for :func:`graphseq.sweep`.
    """
    settings.cases()  # refuses what will not do before a folder is made
    _claim(out, resume)
    with ResultsFile(out / RESULTS, run_length.__qualname__) as file:
        kept = [run.config for run in file.runs.values() if not run.failed]
    runs = sweep(run_length, settings.cases(kept), out / RESULTS, jobs=jobs, cluster=cluster, progress=True)
    cells = summarise(settings, runs)
    _files.write_text(out / "config.json", run_dir.record(settings.to_json(), command), overwrite=True)
    _files.write_text(out / "table.csv", to_csv(cells), overwrite=True)
    drawing = figure(settings, cells)
    _files.write(out / "figure.png", lambda file: drawing.savefig(file, format="png", dpi=150), overwrite=True)
    return cells, runs


def _claim(out: Path, resume: bool) -> None:
    """Make ``out`` ours, or say why it cannot be; take away what a killed writer left."""
    out.mkdir(parents=True, exist_ok=True)
    left_by_killed, results = _files.partial(out), out / RESULTS
    if results.exists() and results.stat().st_size:
        if not resume:
            raise FileExistsError(f"--out {out} already holds a sweep; add --resume to go on with it, or name another")
    elif any(path not in left_by_killed and path != results for path in out.iterdir()):
        raise FileExistsError(f"--out {out} holds other files; name a new or empty folder")
    for path in left_by_killed:
        path.unlink(missing_ok=True)
