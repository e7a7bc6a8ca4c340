"""The state of a process that every part of a program shares, and that no call of the library may change."""

from __future__ import annotations

import gc
import hashlib
import locale
import logging
import os
import random
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def state() -> dict[str, object]:
    """All of it that can be compared, by name."""
    umask = os.umask(0o022)
    os.umask(umask)
    pyplot = sys.modules.get("matplotlib")
    return {
        "random": random.getstate(),
        "numpy.random": hashlib.sha256(repr(np.random.get_state()).encode()).hexdigest(),  # noqa: NPY002
        "numpy.errstate": np.geterr(),
        "numpy.printoptions": {k: v for k, v in np.get_printoptions().items() if k != "formatter"},
        "torch.random": hashlib.sha256(torch.get_rng_state().numpy().tobytes()).hexdigest(),
        "torch.threads": torch.get_num_threads(),
        "torch.interop_threads": torch.get_num_interop_threads(),
        "torch.dtype": torch.get_default_dtype(),
        "torch.device": torch.get_default_device(),
        "torch.grad": torch.is_grad_enabled(),
        "torch.inference": torch.is_inference_mode_enabled(),
        "torch.anomaly": torch.is_anomaly_enabled(),
        "torch.deterministic": torch.are_deterministic_algorithms_enabled(),
        "torch.precision": torch.get_float32_matmul_precision(),
        "torch.autocast": torch.is_autocast_enabled("cpu"),
        "torch.mkldnn": torch.backends.mkldnn.enabled,
        "warnings": list(warnings.filters),
        "showwarning": warnings.showwarning,
        "rcParams": None if pyplot is None else dict(pyplot.rcParams),
        "folder": os.getcwd(),
        "environment": dict(os.environ),
        "umask": umask,
        "path": list(sys.path),
        "stdout": (sys.stdout, sys.stderr),
        "recursion": sys.getrecursionlimit(),
        "switch": sys.getswitchinterval(),
        "signals": {name: signal.getsignal(name) for name in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE)},
        "logging": (logging.getLogger().level, list(logging.getLogger().handlers)),
        "locale": locale.setlocale(locale.LC_ALL),
        "gc": (gc.isenabled(), gc.get_threshold()),
        "threads": sum(not thread.daemon for thread in threading.enumerate()),  # tqdm begins one that waits
    }


@contextmanager
def untouched() -> Iterator[None]:
    """A block that leaves the state of the process as it was."""
    before = state()
    yield
    after = state()
    changed = {name: (before[name], after[name]) for name in before if before[name] != after[name]}
    assert not changed, changed
