"""Many runs, some at a time: one that fails costs only itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from joblib import Parallel, delayed

from graphseq._errors import FORESEEN
from graphseq.training.progress import progress_bar

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
    with progress_bar(finished + len(cases), finished, "run", shown=bool(cases)) as bar:
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


def _caught(work: Callable[[C], Result], case: C) -> Result | Exception:
    # Handed over, not raised, so that the other runs go on.
    try:
        return work(case)
    except FORESEEN as error:
        return error
