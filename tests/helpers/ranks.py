"""Several processes that train together, forked from this one with everything that it has loaded.

Each has the environment that ``torchrun`` would give it. They find each other by a file instead of a port, so that no
other program on the machine can be in their way.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path

import children
from children import Ended

from graphseq.training import distributed


def together(work: Callable[[], object], size: int, folder: Path, *, end_others: bool = False) -> list[Ended]:
    """Do ``work`` in ``size`` processes at once, and wait for all of them.

    Args:
        work: its result, where it is an integer, is the exit status.
        size: number of processes.
        folder: an existing folder for what they write and for the file by which they find each other.
        end_others: end the others once one of them has failed, as torchrun does.
    """

    def as_rank(rank: int) -> object:
        os.environ |= {"RANK": str(rank), "WORLD_SIZE": str(size), "MASTER_ADDR": "none", "MASTER_PORT": "0"}
        found_by = {"init_method": (folder / "store").as_uri(), "rank": rank, "world_size": size}
        distributed.dist.init_process_group = partial(distributed.dist.init_process_group, **found_by)
        return work()

    files = [(folder / f"out-{rank}", folder / f"err-{rank}") for rank in range(size)]
    started = [children.start(partial(as_rank, rank), *files[rank]) for rank in range(size)]
    statuses: dict[int, int] = {}
    while len(statuses) < size:
        child, status = os.wait()
        if child not in started:
            continue
        statuses[child] = os.waitstatus_to_exitcode(status)
        if end_others and statuses[child]:
            for other in set(started) - set(statuses):
                os.kill(other, signal.SIGTERM)
    (folder / "store").unlink(missing_ok=True)
    return [
        Ended(statuses[child], out.read_text(), err.read_text())
        for child, (out, err) in zip(started, files, strict=True)
    ]
