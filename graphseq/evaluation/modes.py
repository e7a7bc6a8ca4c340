"""The mode of a model that several threads use: many may evaluate it at once, or one may train it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from torch import nn

_LOCK = threading.Lock()


@dataclass
class _Evaluated:
    """A module in evaluation: the mode that it was in, and the threads that evaluate it, one entry a block."""

    mode: bool
    threads: list[int] = field(default_factory=list)


_EVALUATED: dict[int, _Evaluated] = {}
_TRAINED: dict[int, list[int]] = {}
"""By the identity of a module, for as long as a block below refers to it."""


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """A block in which ``model`` is in evaluation mode; afterwards each module is in the mode it was in.

    Threads may be in such a block together: modes are put back by the last of them.

    Raises:
        RuntimeError: another thread is training the model, or a part of it.
    """
    modules, me = list(model.modules()), threading.get_ident()
    with _LOCK:
        if any(thread != me for module in modules for thread in _TRAINED.get(id(module), ())):
            raise RuntimeError(
                "model is being trained by another thread, so that it cannot be in evaluation mode; evaluate a copy of "
                "it (copy.deepcopy), or wait for the training to end"
            )
        for module in modules:
            _EVALUATED.setdefault(id(module), _Evaluated(module.training)).threads.append(me)
        model.eval()
    try:
        yield
    finally:
        with _LOCK:
            for module in modules:
                use = _EVALUATED[id(module)]
                use.threads.remove(me)
                if not use.threads:
                    module.training = use.mode
                    del _EVALUATED[id(module)]


@contextmanager
def training(model: nn.Module) -> Iterator[None]:
    """A block in which no other thread may train or evaluate ``model``; it begins, and ends, in training mode.

    Raises:
        RuntimeError: another thread is training or evaluating the model, or a part of it.
    """
    modules, me = list(model.modules()), threading.get_ident()
    with _LOCK:
        for module in modules:
            use = _EVALUATED.get(id(module))
            threads = [*_TRAINED.get(id(module), ()), *(use.threads if use else ())]
            if any(thread != me for thread in threads):
                raise RuntimeError(
                    "model is being trained or evaluated by another thread; train a copy of it (copy.deepcopy), or "
                    "wait for the other to end"
                )
        for module in modules:
            _TRAINED.setdefault(id(module), []).append(me)
    try:
        model.train()
        yield
    finally:
        with _LOCK:
            for module in modules:
                _TRAINED[id(module)].remove(me)
                if not _TRAINED[id(module)]:
                    del _TRAINED[id(module)]
