"""What the tests sweep over: functions that worker processes can import."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import torch

import graphseq as gs
from graphseq import seeding
from graphseq.experiments.engine.run import Run


def train(model: str, seed: int) -> dict[str, object]:
    """A short training, its losses to the last bit, and a number from torch's own generator."""
    task = gs.tasks.Palindrome(12)
    with seeding.forked(seed, seeding.BUILD):
        encoder = {"RNN": gs.nn.RNN, "GCN": gs.nn.GCN}[model](task.in_channels, 128)
        network = gs.nn.Model(encoder, task.out_channels)
    history = gs.fit(network, task, steps=4, seed=seed)
    return {
        "loss": [value.hex() for value in history.loss],
        "threads": torch.get_num_threads(),
        "drawn": torch.rand(()).item().hex(),
    }


def square(number: int) -> dict[str, object]:
    """The square; 3 and 5 fail, 7 leaves Python."""
    if number in (3, 5):
        raise RuntimeError(f"no room for {number}")
    if number == 7:
        raise SystemExit("gone")
    return {"square": number**2}


def slow_square(number: int) -> dict[str, object]:
    time.sleep(0.01)
    return square(number)


def deadly(number: int, folder: str, times: int) -> dict[str, object]:
    """The square; the process that tries 2 is killed, ``times`` times. A file a death is left in ``folder``."""
    if number == 2:
        deaths = len(list(Path(folder).iterdir()))
        if deaths < times:
            (Path(folder) / str(deaths)).touch()
            os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.05)
    return square(number)


def waiting(number: int, folder: str) -> dict[str, object]:
    """Leave a file that names the process, and take half a minute."""
    (Path(folder) / f"{os.getpid()}.pid").touch()
    time.sleep(30)
    return {"number": number}


def drawn(seed: int) -> dict[str, object]:
    """Numbers from torch's own generator, with time in between for others to draw; a seed only names the run."""
    found = []
    for _ in range(5):
        found.append(torch.rand(()).item())
        time.sleep(0.005)
    return {"drawn": found, "threads": torch.get_num_threads()}


def told(runs: list[Run]) -> list[tuple[str, dict[str, object], dict[str, object] | None, str | None]]:
    """What of runs is the same however often they are made."""
    return [(run.key, run.config, run.result, run.error) for run in runs]
