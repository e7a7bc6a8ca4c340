"""Torch's optimisers without what they do for torch.compile: the same steps, bit for bit, in less time.

Torch wraps the methods of an optimiser so that its compiler looks past them, and the first call of one loads the
compiler, which takes as long as to load torch itself. Nothing here is compiled, so the methods are taken as they are
beneath.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import optim


class _Unwrapped(optim.Optimizer):
    """The methods of its subclasses as they are beneath torch's wrappers; as they are where torch has none."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        for name in ("add_param_group", "zero_grad", "state_dict", "load_state_dict"):
            setattr(cls, name, inspect.unwrap(getattr(cls, name)))
        cls.step = _without_gradient(inspect.unwrap(cls.step))  # type: ignore[method-assign]


def _without_gradient(step: Callable[..., Any]) -> Callable[..., Any]:
    """A step that is not recorded, which torch's wrapper sees to."""

    def run(self: optim.Optimizer, closure: Callable[[], float] | None = None) -> Any:
        """Take one step."""
        with torch.set_grad_enabled(bool(self.defaults.get("differentiable"))):
            return step(self, closure)

    return run


class SGD(_Unwrapped, optim.SGD):
    """``torch.optim.SGD``."""


class RMSprop(_Unwrapped, optim.RMSprop):
    """``torch.optim.RMSprop``."""


class Adam(_Unwrapped, optim.Adam):
    """``torch.optim.Adam``."""


class AdamW(_Unwrapped, optim.AdamW):
    """``torch.optim.AdamW``."""
