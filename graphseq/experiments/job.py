"""An experiment from its settings to its folder: finished runs are kept, missing ones are made."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from graphseq.experiments.engine import run_dir
from graphseq.experiments.engine.configs import expand, fit_into
from graphseq.experiments.engine.run import Run, Work
from graphseq.experiments.engine.sweep import sweep
from graphseq.experiments.errors import RunFailedError

RESULTS = "results.jsonl"
"""The file of single runs in the folder of an experiment, a line each."""


@dataclass(frozen=True)
class Experiment:
    """The experiment that a folder of results belongs to.

    Attributes:
        name: its name in messages, such as "comparison".
        facts: all that the numbers depend on, as plain data.
        command: the arguments of the command line, saved with the results.
        defaults: values of facts that a record lacks, because it was written before there was such a setting.
        axes: facts that span the grid of runs, which may differ when a folder is resumed.
    """

    name: str
    facts: Mapping[str, object]
    command: Sequence[str]
    defaults: Mapping[str, object]
    axes: Collection[str] = ()


@contextmanager
def carried_out(
    experiment: Experiment,
    work: Work,
    cases: Sequence[Mapping[str, object]],
    out: Path,
    *,
    resume: bool,
    jobs: int | None = None,
    cluster: str | None = None,
) -> Iterator[list[Run]]:
    """Claim a folder, make the runs that it lacks, and hold it while the block writes what is summarised from them.

    Args:
        experiment: what the folder is of.
        work: called by keyword with each of ``cases``, and with ``folder``, the place of files of single runs, which is
            ``None`` on a cluster, whose machines need not share one.
        cases: the configuration of each run.
        out: the folder, created if it is missing.
        resume: go on with what ``out`` holds of the same experiment.
        jobs: see :func:`graphseq.sweep`.
        cluster: see :func:`graphseq.sweep`.

    Yields:
        The runs, failed ones too, in the order of ``cases``.

    Raises:
        FileExistsError: ``out`` holds results and ``resume`` is false, or other files.
        BlockingIOError: another process writes to ``out``.
        ValueError: ``out`` holds results of other facts.
        OSError: ``out`` cannot be written to.
        Exception: as for :func:`graphseq.sweep`.
    """
    fit_into(partial(work, folder=None), expand(cases).values())
    with run_dir.locked(out):
        run_dir.claim(
            out,
            experiment.name,
            experiment.facts,
            experiment.command,
            resume=resume,
            defaults=experiment.defaults,
            axes=experiment.axes,
        )
        folder = None if cluster is not None else run_dir.runs_of(out)
        yield sweep(partial(work, folder=folder), cases, out / RESULTS, jobs=jobs, cluster=cluster, progress=True)


def check_results(runs: Sequence[Run], path: Path, kinds: Mapping[str, type]) -> None:
    """Refuse results that lack what a summary needs, as a file that was edited or damaged may have them.

    Args:
        runs: the runs, failed ones too.
        path: the file of their results, for the message.
        kinds: by name what a result holds: ``str``, ``bool``, ``int``, or ``float`` for a number or null.

    Raises:
        ValueError: a result without one of them, or with something else in its place.
    """
    for run in runs:
        for name, kind in kinds.items() if run.result is not None else ():
            value = (run.result or {}).get(name, ...)
            allowed: tuple[type, ...] = (float, int, type(None)) if kind is float else (kind,)
            if not isinstance(value, allowed) or (isinstance(value, bool) and kind is not bool):
                place = ", ".join(f"{key} {value}" for key, value in run.config.items())
                came = "no" if value is ... else f"{value!r} as"
                raise ValueError(
                    f"{path}: the result of the run with {place} has {came} {name!r}; delete its line, and it is made "
                    "again"
                )


def results_of(runs: Sequence[Run]) -> list[Mapping[str, object]]:
    """Return the results of all runs.

    Raises:
        RunFailedError: a run failed; the message names the first.
    """
    failed = [run for run in runs if run.failed]
    if failed:
        place = ", ".join(f"{name} {value}" for name, value in failed[0].config.items())
        raise RunFailedError(
            f"{len(failed)} of {len(runs)} runs failed; add resume=True to try them again. The first: {place}: "
            f"{failed[0].error}"
        )
    return [run.result for run in runs if run.result is not None]
