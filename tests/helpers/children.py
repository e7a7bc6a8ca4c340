"""Processes of their own that can be killed at any moment, with everything that this one has loaded."""

from __future__ import annotations

import contextlib
import os
import runpy
import signal
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from subprocess import CompletedProcess
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pytest
import torch
from tqdm import tqdm


class Ended(NamedTuple):
    """The exit status of a process, and what it wrote."""

    status: int
    out: str
    err: str


def start(work: Callable[[], object], out: str | Path = os.devnull, err: str | Path = os.devnull) -> int:
    """Do ``work`` in a child that leads its own process group; returns its number.

    Args:
        work: its result, where it is an integer, is the exit status.
        out: a file for what it writes to its standard output.
        err: a file for what it writes to its standard error.
    """
    if torch.cuda.is_available():  # autograd then has threads that a fork lacks, and refuses to work in it
        pytest.skip(
            "a forked process cannot train where torch sees a CUDA device: set CUDA_VISIBLE_DEVICES= to run this"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # a fork beside threads: the child touches none of theirs
        child = os.fork()
    if child:
        with contextlib.suppress(PermissionError, ProcessLookupError):
            os.setpgid(child, child)  # here as well as there: whoever comes first
        return child
    status: object = 1
    try:
        os.setpgid(0, 0)
        signal.alarm(600)  # whatever happens to the parent, on however busy a machine
        # The lock that progress bars take is one for all processes: a child killed while it holds it would leave the
        # parent waiting for ever.
        tqdm.set_lock(threading.RLock())
        sys.stdout = Path(out).open("w")  # noqa: SIM115 - until the child ends
        sys.stderr = Path(err).open("w")  # noqa: SIM115
        os.dup2(sys.stdout.fileno(), 1)
        os.dup2(sys.stderr.fileno(), 2)
        status = work()
    except SystemExit as end:
        status = end.code
    except BaseException:  # the child of a test ends here, whatever happens
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status if isinstance(status, int) else 0)


def kill(child: int, after: float, once: Callable[[], bool] = lambda: True) -> None:
    """Kill the child's whole group ``after`` seconds from when ``once`` became true."""
    deadline = time.monotonic() + 30
    while not once() and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(after)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)


def wait(child: int) -> int:
    """The exit status of a child, once it has ended."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def run(command: Sequence[str], **_: object) -> CompletedProcess[str]:
    """In place of ``subprocess.run([sys.executable, script, …])``: the script in a child, without loading all anew.

    Raises:
        AssertionError: another command than this interpreter with a script, or one that failed.
    """
    python, script, *_rest = command
    assert (python, Path(script).suffix) == (sys.executable, ".py"), command

    def work() -> None:
        sys.argv = list(command[1:])
        runpy.run_path(script, run_name="__main__")

    with TemporaryDirectory() as folder:
        out, err = Path(folder) / "out", Path(folder) / "err"
        status = wait(start(work, out, err))
        assert status == 0, err.read_text()
        return CompletedProcess(list(command), status, out.read_text(), err.read_text())
