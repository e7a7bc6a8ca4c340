"""One run of a sweep, carried out on one thread, with random numbers of its own, its errors caught."""

from __future__ import annotations

import json
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch

from graphseq import seeding
from graphseq.evaluation.tables import finite
from graphseq.experiments.engine.configs import Config, key_of
from graphseq.training.history import machine

Work = Callable[..., Mapping[str, object]]

# Within one process runs take turns: torch's generators are one for all its threads, and a cluster's worker may have
# several.
_TURN = threading.RLock()


@dataclass(frozen=True)
class Run:
    """One run of a sweep, finished or failed.

    Attributes:
        key: SHA-256 of the configuration, spelled with its keys in order.
        config: the configuration.
        result: what the run returned, as JSON gives it back, null in place of numbers that are not finite; ``None``
            where it failed.
        error: type and message of what went wrong; ``None`` where nothing did.
        traceback: where in the code it did, if an exception was raised.
        seconds: wall time of the last attempt.
        attempt: the number of attempts, those of earlier sweeps included.
        machine: versions, processor and threads; see :func:`graphseq.training.history.machine`.
    """

    key: str
    config: Config
    result: dict[str, object] | None
    error: str | None = None
    traceback: str | None = None
    seconds: float = 0.0
    attempt: int = 1
    machine: dict[str, object] = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        """True if there is no result."""
        return self.error is not None


def carry_out(work: Work, config: Config) -> Run:
    """Call ``work`` with a configuration and catch what goes wrong.

    Torch computes on one thread and its generators start from the configuration, so that the numbers are the same
    wherever this is called, and in whatever order; afterwards both are restored.
    """
    key, result, error, trace = key_of(config), None, None, None
    with _TURN, _one_thread(), seeding.forked(int(key[:15], 16)):
        started = time.perf_counter()
        try:
            result = _plain_result(work(**config))
        except (Exception, SystemExit) as wrong:
            error, trace = f"{type(wrong).__name__}: {wrong}", traceback.format_exc()
        seconds = time.perf_counter() - started
        return Run(key, config, result, error, trace, seconds, machine=machine())


def _plain_result(result: object) -> dict[str, object]:
    if not isinstance(result, Mapping):
        raise TypeError(f"a run must return a mapping of plain data, got {type(result).__name__}")
    plain: dict[str, object] = json.loads(json.dumps(_finite(result), allow_nan=False))
    return plain


def _finite(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return finite(value)


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
