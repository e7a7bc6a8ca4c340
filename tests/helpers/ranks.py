"""Several processes that train together, forked from this one with everything that it has loaded.

Each has the environment that ``torchrun`` would give it. They find each other by a file instead of a port, so that no
other program on the machine can be in their way.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from graphseq.training.distributed import dist

SECONDS = 120  # after which a process that still waits for another is ended


class Ended(NamedTuple):
    """The exit status of a process, and what it wrote."""

    status: int
    out: str
    err: str


def together(work: Callable[[], object], size: int, folder: Path, *, end_others: bool = False) -> list[Ended]:
    """Do ``work`` in ``size`` processes at once, and wait for all of them.

    Args:
        work: its result, where it is an integer, is the exit status.
        size: number of processes.
        folder: an existing folder for what they write and for the file by which they find each other.
        end_others: end the others once one of them has failed, as torchrun does.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # a fork beside threads: the child touches none of theirs
        children = [_start(work, rank, size, folder) for rank in range(size)]
    statuses: dict[int, int] = {}
    while len(statuses) < size:
        child, status = os.wait()
        if child not in children:
            continue
        statuses[child] = os.waitstatus_to_exitcode(status)
        if end_others and statuses[child]:
            for other in set(children) - set(statuses):
                os.kill(other, signal.SIGTERM)
    written = [[(folder / f"{name}-{rank}").read_text() for name in ("out", "err")] for rank in range(size)]
    (folder / "store").unlink(missing_ok=True)
    return [Ended(statuses[child], *texts) for child, texts in zip(children, written, strict=True)]


def _start(work: Callable[[], object], rank: int, size: int, folder: Path) -> int:
    if child := os.fork():
        return child
    status: object = 1
    try:
        signal.alarm(SECONDS)
        sys.stdout, sys.stderr = ((folder / f"{name}-{rank}").open("w") for name in ("out", "err"))
        os.dup2(sys.stdout.fileno(), 1)
        os.dup2(sys.stderr.fileno(), 2)
        os.environ |= {"RANK": str(rank), "WORLD_SIZE": str(size), "MASTER_ADDR": "none", "MASTER_PORT": "0"}
        found_by = {"init_method": (folder / "store").as_uri(), "rank": rank, "world_size": size}
        dist.init_process_group = partial(dist.init_process_group, **found_by)
        status = work()
    except SystemExit as end:
        status = end.code
    except BaseException:  # the child of a test must end here, whatever happens
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status if isinstance(status, int) else 0)
