"""Many runs, some at a time: one that fails costs only itself, and one that is kept is not run again."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from joblib import Parallel, delayed
from tqdm.auto import tqdm

from graphseq import _files
from graphseq.foreseen import FORESEEN

C = TypeVar("C")
Result = dict[str, object]


def run_each(
    work: Callable[[C], Result], cases: Sequence[C], *, finished: int, jobs: int, said: Callable[[Result], str]
) -> list[Result]:
    """Do ``work`` on each case, in processes of their own where there are several, under a progress bar.

    Args:
        work: makes the result of a case; it must be found by name from another process, arguments bound to it too.
        cases: what is left to do.
        finished: how many were done before, for the bar.
        jobs: processes.
        said: a few words on a result, for the bar.

    Returns:
        The results in the order in which they were ready.

    Raises:
        Exception: what went wrong in the first case that failed, once all others are done.
    """
    results: list[Result] = []
    failed: list[Exception] = []
    with tqdm(total=finished + len(cases), initial=finished, unit="run", disable=not cases) as bar:
        for result in Parallel(n_jobs=min(jobs, max(1, len(cases))), return_as="generator_unordered")(
            delayed(_caught)(work, case) for case in cases
        ):
            if isinstance(result, Exception):
                failed.append(result)
                continue
            results.append(result)
            bar.set_postfix_str(said(result))
            bar.update()
    if failed:
        raise failed[0]
    return results


def run_kept(
    work: Callable[[C], Result],
    cases: Mapping[str, C],
    folder: Path,
    *,
    facts: Mapping[str, object],
    jobs: int,
    said: Callable[[Result], str],
) -> dict[str, Result]:
    """Do ``work`` on each case whose result is not in ``folder`` yet, and keep it there as soon as it is ready.

    Args:
        work: as in :func:`run_each`; its results are plain data.
        cases: by the name of the file in ``folder`` that keeps the result, without its ending.
        folder: made where it is not there.
        facts: all that the results depend on beside their names, as plain data.
        jobs: processes.
        said: a few words on a result, for the bar.

    Returns:
        The results by name, in the order of ``cases``, as they are read from their files.

    Raises:
        ValueError: ``folder`` holds results of other facts.
        Exception: what went wrong in the first case that failed, once all others are done and kept.
    """
    folder.mkdir(parents=True, exist_ok=True)
    told, plain = folder / "facts.json", json.loads(json.dumps(facts))
    if told.exists() and json.loads(told.read_text(encoding="utf-8")) != plain:
        raise ValueError(f"{folder} holds results of other settings, told in {told}; name another folder")
    _files.write_text(told, json.dumps(plain, indent=1) + "\n", overwrite=True)
    paths = {name: folder / f"{name}.json" for name in cases}
    left = [(paths[name], case) for name, case in cases.items() if not paths[name].exists()]
    run_each(partial(_kept, work), left, finished=len(cases) - len(left), jobs=jobs, said=said)
    return {name: json.loads(path.read_text(encoding="utf-8")) for name, path in paths.items()}


def _kept(work: Callable[[C], Result], case: tuple[Path, C]) -> Result:
    path, own = case
    result = work(own)
    _files.write_text(path, json.dumps(result, indent=1) + "\n", overwrite=False)
    return result


def _caught(work: Callable[[C], Result], case: C) -> Result | Exception:
    # Handed over, not raised, so that the other runs go on.
    try:
        return work(case)
    except FORESEEN as error:
        return error
