"""Contenders timed in turn: in each round every one runs once, and ratios are those of one round."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch

TURN = 0.05  # seconds that a turn lasts, where one pass is shorter


class Spread(NamedTuple):
    """The median, and the ends of the middle half."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        """Return three digits, with the middle half in brackets."""
        return f"{self.median:.3g} [{self.low:.3g}, {self.high:.3g}]"


def spread(values: list[float]) -> Spread:
    """Return the spread of at least two values."""
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(middle, low, high)


def in_turn(
    passes: Mapping[str, Callable[[], object]], rounds: int, device: torch.device | str = "cpu"
) -> dict[str, list[float]]:
    """Return the milliseconds of a pass in each round, by name; a turn repeats short passes, after one to warm up."""
    counts = {}
    for name, once in passes.items():
        once()
        counts[name] = max(1, round(TURN / max(1e-9, _seconds(once, 1, device))))
    times: dict[str, list[float]] = {name: [] for name in passes}
    for _ in range(max(2, rounds)):
        for name, once in passes.items():
            times[name].append(_seconds(once, counts[name], device) * 1e3)
    return times


def compared(times: Mapping[str, list[float]], *bases: str) -> dict[str, dict[str, dict[str, float]]]:
    """Return milliseconds, and the ratios to each of ``bases`` in the same round, by name."""
    return {
        name: {
            "milliseconds": spread(milliseconds)._asdict(),
            **{
                f"times_{base}": spread([a / b for a, b in zip(milliseconds, times[base], strict=True)])._asdict()
                for base in bases
            },
        }
        for name, milliseconds in times.items()
    }


def _seconds(once: Callable[[], object], passes: int, device: torch.device | str) -> float:
    settle = torch.cuda.synchronize if torch.device(device).type == "cuda" else _nothing
    settle()
    start = time.perf_counter()
    for _ in range(passes):
        once()
    settle()
    return (time.perf_counter() - start) / passes


def _nothing() -> None:
    """Do nothing: a CPU needs no synchronisation."""
