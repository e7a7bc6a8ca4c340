"""Many runs by one call. Finished runs are kept and not run again; a run that fails does not stop the others."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from graphseq import _checks
from graphseq._arguments import checked_but
from graphseq.experiments.engine.cluster import Cluster
from graphseq.experiments.engine.configs import Cases, defaults_of, expand, fit_into
from graphseq.experiments.engine.results_file import ResultsFile
from graphseq.experiments.engine.run import Run, Work
from graphseq.experiments.engine.workers import Workers
from graphseq.training.progress import progress_bar


@checked_but("run", "cases", "jobs")
def sweep(
    run: Work,
    cases: Cases,
    results: str | Path,
    *,
    jobs: int | None = None,
    cluster: str | None = None,
    tries: int | None = None,
    progress: bool = False,
) -> list[Run]:
    """Call ``run`` once for each configuration, some at a time, and keep what it returns in a file.

    Every finished run is appended to ``results`` and on the disk before the next is counted, so a sweep that was
    killed goes on where it stopped when it is called again, and a grid that grew runs only what is new. The key of a
    run is its configuration, whatever the order of its arguments: all that the numbers depend on belongs there. Code
    is not part of it; a function that has changed needs a new file.

    In a run torch computes on one thread, and its own generators start from the configuration, so that numbers are
    the same, bit for bit, with any number of jobs and on a cluster of like processors.

    Args:
        run: called by keyword, ``run(**config)``; returns a mapping of plain data: numbers, texts, lists, mappings.
            Numbers that are not finite are kept as null.
        cases: axes by name, of which all combinations are run, the last axis the fastest; or a sequence of
            configurations. All of it plain data. 1 and 1.0 are two values.
        results: a file of JSON lines. Results of one function may be there, of this grid or others; what it holds of
            ``cases`` is not run again, except for what failed. A configuration there that lacks an argument of ``run``
            with a default, because it was added later, stands for the one with that default.
        jobs: runs at a time, in worker processes; by default one a core. With 1 they run in this process.
        cluster: address of the scheduler of a dask.distributed cluster, such as "tcp://10.0.0.1:8786", which then
            runs all in place of this machine, one run at a time in each worker process. Workers need graphseq, and
            ``run``, unless it was defined in the main script.
        tries: worker processes that may die in a run before it counts as failed, 3 by default. A cluster's
            scheduler has a setting of its own for this.
        progress: show a bar over the whole grid, what was finished before included.

    Returns:
        The :class:`~graphseq.experiments.engine.run.Run` of each configuration, in the order of ``cases``. What failed
        says so in ``error``, and is run again by the next sweep.

    Raises:
        TypeError, ValueError: a configuration that is not plain data, comes twice or does not fit ``run``; a file
            that holds something else, or results of another function, which is left as it was.
        BlockingIOError: another sweep has the file open.
        ConnectionError: no scheduler answers at ``cluster``, or it has no workers.
        ModuleNotFoundError: ``cluster`` is given and dask.distributed is not installed.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> def train(length, seed):
        ...     return {"score": 1 / length + seed}
        >>> results = Path(tempfile.mkdtemp()) / "results.jsonl"
        >>> runs = sweep(train, {"length": [2, 4], "seed": [0, 1]}, results, jobs=1)
        >>> [(run.config["length"], run.result["score"]) for run in runs]
        [(2, 0.5), (2, 1.5), (4, 0.25), (4, 1.25)]
    """
    if not isinstance(results, str | Path):
        raise TypeError(f"results must be the name of a file, got {results!r} ({type(results).__name__})")
    _checks.truth("progress", progress)
    configs = expand(cases)
    fit_into(run, configs.values())
    workers = _workers(run, jobs, cluster, tries)
    with ResultsFile(results, _name(run)) as file:
        file.complete(configs, defaults_of(run))
        finished = [key for key in configs if key in file.runs and not file.runs[key].failed]
        missing = {key: config for key, config in configs.items() if key not in set(finished)}
        before = {key: file.runs[key].attempt for key in missing if key in file.runs}
        failed = 0
        with progress_bar(len(configs), len(finished), "run", shown=progress) as bar:
            for done in workers.runs(missing):
                file.append(replace(done, attempt=done.attempt + before.get(done.key, 0)))
                failed += done.failed
                bar.set_postfix_str(f"{failed} failed" if failed else "", refresh=False)
                bar.update()
        return [file.runs[key] for key in configs]


def _workers(run: Work, jobs: int | None, cluster: str | None, tries: int | None) -> Workers | Cluster:
    if cluster is None:
        jobs = _cores() if jobs is None else _checks.at_least("jobs", jobs, 1)
        return Workers(run, jobs=jobs, tries=3 if tries is None else _checks.at_least("tries", tries, 1))
    if not isinstance(cluster, str):
        raise TypeError(f"cluster must be the address of a scheduler, got {cluster!r} ({type(cluster).__name__})")
    for name, value in (("jobs", jobs), ("tries", tries)):
        if value is not None:
            raise ValueError(f"{name}={value} is for this machine; a cluster has settings of its own, leave {name} out")
    return Cluster(run, cluster)


def _cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _name(run: Callable[..., object]) -> str:
    while isinstance(run, partial):
        run = run.func
    return getattr(run, "__qualname__", type(run).__qualname__)
