"""The state that all code of a process shares, before and after a call."""

from __future__ import annotations

import decimal
import gc
import locale
import logging
import os
import random
import signal
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import numpy as np
import torch

STATES: dict[str, Callable[[], object]] = {
    "torch's random numbers": lambda: torch.get_rng_state().numpy().tobytes(),
    "numpy's random numbers": lambda: str(np.random.get_state(legacy=False)),  # noqa: NPY002
    "Python's random numbers": random.getstate,
    "default dtype": torch.get_default_dtype,
    "default device": torch.get_default_device,
    "gradient mode": torch.is_grad_enabled,
    "inference mode": torch.is_inference_mode_enabled,
    "anomaly detection": torch.is_anomaly_enabled,
    "threads": torch.get_num_threads,
    "threads between operators": torch.get_num_interop_threads,
    "deterministic algorithms": lambda: (
        torch.are_deterministic_algorithms_enabled(),
        torch.backends.cudnn.deterministic,
        torch.backends.cudnn.benchmark,
    ),
    "precision of products": torch.get_float32_matmul_precision,
    "autocast": lambda: (torch.is_autocast_enabled("cpu"), torch.get_autocast_dtype("cpu")),
    "numpy's floating-point errors": lambda: tuple(np.geterr().items()),
    "numpy's printing": lambda: str(np.get_printoptions()),
    "torch's printing": lambda: str(torch._tensor_str.PRINT_OPTS),
    "filters of warnings": lambda: tuple(warnings.filters),
    "settings of matplotlib": lambda: str(dict.copy(mpl.rcParams)),
    "backend of matplotlib": lambda: dict.get(mpl.rcParams, "backend"),
    "working directory": Path.cwd,
    "environment": lambda: tuple(sorted(os.environ.items())),
    "mask of new files": lambda: _umask(),  # noqa: PLW0108 - defined below
    "handlers of signals": lambda: tuple(signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)),
    "recursion limit": sys.getrecursionlimit,
    "garbage collector": lambda: (gc.isenabled(), gc.get_threshold()),
    "hooks of the interpreter": lambda: (sys.excepthook, sys.displayhook, sys.stdout, sys.stderr),
    "level of logging": lambda: (logging.root.level, tuple(logging.root.handlers)),
    "locale": lambda: locale.setlocale(locale.LC_ALL),
    "decimal context": lambda: str(decimal.getcontext()),
    "path of imports": lambda: tuple(sys.path),
    "live threads": threading.active_count,
}
"""What may not differ after a public call, by name."""

QUICK = ("torch's random numbers", "default dtype", "gradient mode", "threads", "filters of warnings")


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


class Watched:
    """The state at one moment, to which a later one is compared."""

    def __init__(self, names: tuple[str, ...] = QUICK) -> None:
        self._before = {name: STATES[name]() for name in names}

    def changes(self) -> list[str]:
        """Names of the states that are other than they were."""
        return [name for name, state in self._before.items() if STATES[name]() != state]
