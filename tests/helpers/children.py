"""Processes of their own that can be killed at any moment, with everything that this one has loaded."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
import warnings
from collections.abc import Callable

from tqdm import tqdm


def start(work: Callable[[], object]) -> int:
    """Do ``work`` in a child that leads its own process group, with no output; returns its number."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # a fork beside threads: the child touches none of theirs
        child = os.fork()
    if child:
        with contextlib.suppress(PermissionError, ProcessLookupError):
            os.setpgid(child, child)  # here as well as there: whoever comes first
        return child
    try:
        os.setpgid(0, 0)
        signal.alarm(60)  # whatever happens to the parent
        # The lock that progress bars take is one for all processes: a child killed while it holds it would leave the
        # parent waiting for ever.
        tqdm.set_lock(threading.RLock())
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        work()
    finally:
        os._exit(0)


def kill(child: int, after: float, once: Callable[[], bool] = lambda: True) -> None:
    """Kill the child's whole group ``after`` seconds from when ``once`` became true."""
    deadline = time.monotonic() + 30
    while not once() and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(after)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
