"""Runs in worker processes of this machine, some at a time; when one of them dies, the rest goes on."""

from __future__ import annotations

import os
import threading
import time
import warnings
from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import replace

from joblib import Parallel, delayed
from joblib.externals.loky.process_executor import TerminatedWorkerError

from graphseq.experiments.engine.configs import Config
from graphseq.experiments.engine.run import Run, Work, carry_out

_LOOK_EVERY = 0.5  # seconds between looks of a worker for the process that it works for


class Workers:
    """Worker processes of joblib, and the search for the run that is to blame when one of them dies.

    joblib then ends all others, and does not say which run caused it. The runs in progress are the suspects: each is
    repeated while nothing else runs, so that a further death is its own, until it is ready or ``tries`` workers have
    died in it, the last of them alone.

    Args:
        work: what is run; with several jobs it goes to other processes, and so must be what joblib can send.
        jobs: processes; 1 is this one, and what kills it kills the sweep.
        tries: the number of workers that may die in a run.
    """

    def __init__(self, work: Work, *, jobs: int, tries: int) -> None:
        self.work = work
        self.jobs = jobs
        self.tries = tries
        self._left: dict[str, Config] = {}
        self._deaths: Counter[str] = Counter()

    def runs(self, configs: Mapping[str, Config]) -> Iterator[Run]:
        """Carry out all of ``configs``, which are by key, and yield each run as soon as it is ready."""
        self._left = dict(configs)
        while self._left:
            suspects = yield from self._flight(list(self._left), at_once=self.jobs)
            for key in suspects:
                yield from self._alone(key, certain=len(suspects) == 1)

    def _alone(self, key: str, *, certain: bool) -> Iterator[Run]:
        while key in self._left:
            if certain and self._deaths[key] >= self.tries:
                yield _killed(key, self._left.pop(key), self._deaths[key])
            else:
                yield from self._flight([key], at_once=1)
                certain = True

    def _flight(self, keys: Sequence[str], *, at_once: int) -> Generator[Run, None, list[str]]:
        """Yield runs until all are ready or a worker dies; returns the keys of those under way when one did."""
        under_way: list[str] = []

        def calls() -> Iterator[object]:  # taken one by one, never more than at_once of them before they are ready
            for key in keys:
                under_way.append(key)
                yield delayed(_carry_out_for)(os.getpid(), self.work, self._left[key])

        # Two processes at least, for joblib has no other for a single job than this one.
        jobs = 1 if self.jobs == 1 else max(2, min(self.jobs, len(keys)))
        pool = Parallel(
            n_jobs=jobs, backend="loky", batch_size=1, pre_dispatch=at_once, return_as="generator_unordered"
        )
        runs = pool(calls())
        try:
            for run in runs:
                under_way.remove(run.key)
                del self._left[run.key]
                yield replace(run, attempt=1 + self._deaths[run.key])
        except TerminatedWorkerError:
            self._deaths.update(under_way)
            return under_way
        finally:
            with warnings.catch_warnings():  # joblib's, on runs that are given up because something else has failed
                warnings.filterwarnings("ignore", message=".*You could benefit from adjusting the input task")
                runs.close()
        return []


def _carry_out_for(parent: int, work: Work, config: Config) -> Run:
    """Call :func:`carry_out` in a process that is not to outlive process ``parent``."""
    if os.name == "posix" and os.getpid() != parent and parent not in _WATCHED:
        _WATCHED.add(parent)
        threading.Thread(target=_end_with, args=(parent, os.getppid()), daemon=True).start()
    return carry_out(work, config)


_WATCHED: set[int] = set()
"""The processes whose end this one waits for."""


def _end_with(parent: int, starter: int) -> None:
    """End this process once the one that it works for has ended, or the one that started it, which may be another."""
    while os.getppid() == starter:
        try:
            os.kill(parent, 0)  # sends nothing: it only asks whether there is such a process
        except ProcessLookupError:
            break
        except PermissionError:  # there is one, of another user's
            pass
        time.sleep(_LOOK_EVERY)
    os._exit(1)


def _killed(key: str, config: Config, deaths: int) -> Run:
    times = "once" if deaths == 1 else f"{deaths} times"
    error = (
        f"WorkerDied: its worker process was killed or crashed {times}, the last time while nothing else ran; perhaps "
        "it needs more memory than there is"
    )
    return Run(key, config, None, error, attempt=deaths)
