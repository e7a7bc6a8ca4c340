"""One run of a sweep, carried out on one thread, with random numbers of its own, its errors caught."""

from __future__ import annotations

import json
import os
import random
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

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
    wherever this is called, and in whatever order. Afterwards all that a run may have changed in its process is as
    before: random numbers, threads, default type and device, gradient mode, warnings, folder and environment.
    """
    key, result, error, trace = key_of(config), None, None, None
    with _TURN, _undisturbed():
        seeding.reseed(seeding.derive(int(key[:15], 16)))
        started = time.perf_counter()
        try:
            result = _plain_result(work(**config))
        except KeyboardInterrupt:
            raise
        except BaseException as wrong:
            error, trace = _said(wrong), traceback.format_exc()
        seconds = time.perf_counter() - started
        return Run(key, config, result, error, trace, seconds, machine=machine())


def _said(error: BaseException) -> str:
    """Type and message of an exception, also of one that raises another when it is asked for its message."""
    try:
        return f"{type(error).__name__}: {error}"
    except Exception as wrong:
        return f"{type(error).__name__}, whose message raises {type(wrong).__name__}"


def _plain_result(result: object) -> dict[str, object]:
    if not isinstance(result, Mapping):
        raise TypeError(f"a run must return a mapping of plain data, got {type(result).__name__}")
    plain: dict[str, object] = json.loads(json.dumps(_plain("result", result), allow_nan=False))
    return plain


def _plain(place: str, value: object) -> object:
    """Return a part of a result as JSON has it: numbers of numpy and torch as Python's, arrays and tensors as lists."""
    if isinstance(value, Tensor):
        value = value.detach().cpu()
        value = value.item() if value.dim() == 0 else value.tolist()
    elif isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {_key(place, key): _plain(f"{place}[{key!r}]", part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(f"{place}[{number}]", part) for number, part in enumerate(value)]
    if value is None or isinstance(value, bool | int | float | str):
        return finite(value)
    raise TypeError(f"{place} must be plain data (numbers, texts, lists, mappings), got {type(value).__name__}")


def _key(place: str, key: object) -> object:
    key = key.item() if isinstance(key, np.generic) else key
    if key is None or isinstance(key, str | bool | int | float):
        return key
    raise TypeError(f"{place} has the key {key!r} ({type(key).__name__}); keys must be texts or numbers")


@contextmanager
def _undisturbed() -> Iterator[None]:
    """A block on one thread, after which the state of the process is as before."""
    threads, dtype, device = torch.get_num_threads(), torch.get_default_dtype(), torch.get_default_device()
    deterministic, precision = torch.are_deterministic_algorithms_enabled(), torch.get_float32_matmul_precision()
    folder, environment = _folder(), dict(os.environ)
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002 - what a run may draw from
    with seeding.restored(), torch.set_grad_enabled(torch.is_grad_enabled()), _same_warnings():
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)
            torch.set_default_dtype(dtype)
            if torch.get_default_device() != device:
                torch.set_default_device(None if device.type == "cpu" else device)
            if torch.are_deterministic_algorithms_enabled() != deterministic:
                torch.use_deterministic_algorithms(deterministic)
            torch.set_float32_matmul_precision(precision)
            random.setstate(python)
            np.random.set_state(numpy)  # noqa: NPY002
            if os.environ != environment:
                os.environ.clear()
                os.environ.update(environment)
            if folder is not None and _folder() != folder:
                os.chdir(folder)


@contextmanager
def _same_warnings() -> Iterator[None]:
    """A block after which Python's filters of warnings are as before; only where they changed are they begun anew.

    ``warnings.catch_warnings`` would have every run show again what was shown once.
    """
    filters, show = list(warnings.filters), warnings.showwarning
    try:
        yield
    finally:
        warnings.showwarning = show
        if list(warnings.filters) != filters:
            with warnings.catch_warnings():  # the end of which has Python look at its filters again
                pass
            warnings.filters[:] = filters  # type: ignore[index]


def _folder() -> str | None:
    """The folder of the process, if it is still there."""
    try:
        return os.getcwd()
    except FileNotFoundError:
        return None
