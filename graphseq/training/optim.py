"""Optimisers by name, class or function."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from functools import partial

import torch
from torch import nn

from graphseq._checks import shown
from graphseq._torch import optimizers
from graphseq.training.optimizers import OPTIMIZERS

__all__ = ["DEFAULT_LR", "OPTIMIZERS", "OptimizerFactory", "make_optimizer", "spelled"]

OptimizerFactory = Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]
"""An optimiser class, or a function from parameters, and a learning rate ``lr`` if it takes one, to an optimiser."""

DEFAULT_LR = 1e-3


def spelled(optimizer: str | OptimizerFactory) -> str | OptimizerFactory:
    """An optimiser's name in the spelling of :data:`OPTIMIZERS`, so that a resumed run may write it in any case."""
    by_lower = {name.lower(): name for name in OPTIMIZERS}
    return by_lower.get(optimizer.lower(), optimizer) if isinstance(optimizer, str) else optimizer


def make_optimizer(
    optimizer: str | OptimizerFactory, parameters: list[nn.Parameter], lr: float | None = None
) -> torch.optim.Optimizer:
    """The optimiser that :func:`graphseq.fit` takes by this name, or that this class or function makes.

    Args:
        optimizer: one of :data:`OPTIMIZERS`, an optimiser class, or a function from parameters to an optimiser.
        parameters: the trained ones.
        lr: learning rate; without it 1e-3 by a name, and otherwise that of the class or function itself.

    Raises:
        TypeError: neither a name nor a function that makes an optimiser.
        ValueError: no such name; or ``lr`` for a function that takes none, or that sets another one.
    """
    if callable(optimizer):
        return _made(optimizer, parameters, lr)
    if not isinstance(optimizer, str):
        raise TypeError(f"optimizer must be a name or a function, got {shown(optimizer)}")
    lr = DEFAULT_LR if lr is None else lr
    # The same steps in fewer passes over memory: all in one operation, where torch has one for the device.
    fused = all(value.is_floating_point() and value.device.type in ("cpu", "cuda") for value in parameters) or None
    match optimizer.lower():
        case "sgd":
            return optimizers.SGD(parameters, lr=lr)
        case "momentum":
            return optimizers.SGD(parameters, lr=lr, momentum=0.9)
        case "rmsprop":
            return optimizers.RMSprop(parameters, lr=lr, foreach=True)
        case "adam":
            return optimizers.Adam(parameters, lr=lr, fused=fused)
        case "adamw":
            return optimizers.AdamW(parameters, lr=lr, fused=fused)
    raise ValueError(f"optimizer must be one of {', '.join(OPTIMIZERS)} or a function; got {optimizer!r}")


def _made(factory: OptimizerFactory, parameters: list[nn.Parameter], lr: float | None) -> torch.optim.Optimizer:
    """The optimiser of a class or function, with ``lr`` where it is given."""
    name = getattr(factory, "__name__", type(factory).__name__)
    if isinstance(factory, partial):
        name = f"partial of {getattr(factory.func, '__name__', factory.func)}"
        if lr is not None and factory.keywords.get("lr", lr) != lr:
            raise ValueError(
                f"optimizer ({name}) sets lr={factory.keywords['lr']}, but lr is {lr}; give the learning rate once"
            )
    takes_lr, needs_lr = _takes_lr(factory)
    if lr is not None and not takes_lr:
        raise ValueError(
            f"optimizer ({name}) takes no lr, but lr is {lr}; give it an argument lr, or set the learning rate inside "
            "and leave lr out"
        )
    if lr is None and needs_lr:
        lr = DEFAULT_LR
    try:
        made = factory(parameters) if lr is None else factory(parameters, lr=lr)  # type: ignore[call-arg]
    except (TypeError, ValueError) as error:
        raise type(error)(f"optimizer ({name}) makes none of the parameters: {error}") from error
    if not isinstance(made, torch.optim.Optimizer):
        raise TypeError(f"optimizer must return a torch.optim.Optimizer, got {type(made).__name__}")
    closure = inspect.signature(made.step).parameters.get("closure")
    if closure is not None and closure.default is closure.empty:
        raise ValueError(
            f"optimizer ({name}) computes the loss several times a step, by a closure; fit computes it once a step"
        )
    return made


def _takes_lr(factory: OptimizerFactory) -> tuple[bool, bool]:
    """Return whether a function takes an argument ``lr``, and whether it requires one."""
    try:
        arguments = inspect.signature(factory).parameters
    except (TypeError, ValueError):  # of some functions in C
        return False, False
    named = arguments.get("lr")
    if named is not None and named.kind in (named.POSITIONAL_OR_KEYWORD, named.KEYWORD_ONLY):
        return True, named.default is named.empty
    return any(argument.kind is argument.VAR_KEYWORD for argument in arguments.values()), False
