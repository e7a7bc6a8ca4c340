"""Callbacks: functions that ``fit`` calls after every step, to watch a training or to end it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq.training.history import History


class Callback(Protocol):
    """A function of (step, history, model) that :func:`graphseq.fit` calls after every step.

    ``step`` counts from 1, ``history`` holds all steps so far, and ``model`` has the weights after the step; the
    gradients of the step are still on its parameters. Returning True ends the training after this step; False and
    ``None`` let it go on. Nothing that a callback does to the mode of a module, to the gradient mode or to torch's
    random numbers reaches the training.

    A callback that remembers something from step to step, on which its decisions depend, has two more methods,
    ``state_dict()`` and ``load_state_dict(state)``, as torch's optimisers do: ``fit`` writes the state to each
    checkpoint, after the callback has seen the checkpoint's step, and gives it back on a resume. The state is made of
    tensors, numbers, strings, lists, tuples and dicts. A run that was killed goes on from its last checkpoint, so a
    callback that writes files may see a step a second time.

    Example:
        >>> import graphseq as gs
        >>> task, losses = gs.tasks.Transfer(length=2), []
        >>> def stop_below_two(step, history, model):
        ...     losses.append(history.loss[-1])
        ...     return history.loss[-1] < 2
        >>> model = gs.nn.Model(gs.nn.GCN(task.in_channels, 16), task.out_channels)
        >>> history = gs.fit(model, task, steps=500, optimizer="Adam", lr=0.03, callbacks=[stop_below_two])
        >>> history.loss == losses, history.loss[-1] < 2, history.stopped_by
        (True, True, 'stop_below_two')
    """

    def __call__(self, step: int, history: History, model: nn.Module, /) -> bool | None:
        """Look at the training after ``step``; True ends it."""


class Every:
    """A callback that is called after every ``steps`` steps only.

    Args:
        steps: the number of steps from one call to the next, at least 1.
        callback: the function of (step, history, model) to call.

    Raises:
        TypeError, ValueError: ``steps`` is no number of steps, or ``callback`` is no function.

    Example:
        >>> import graphseq as gs
        >>> task, losses = gs.tasks.Transfer(length=2), {}
        >>> def keep(step, history, model):
        ...     losses[step] = history.loss[-1]
        >>> model = gs.nn.Model(gs.nn.GCN(task.in_channels, 4), task.out_channels)
        >>> history = gs.fit(model, task, steps=7, callbacks=[Every(3, keep)])
        >>> list(losses)
        [3, 6]
    """

    @checked_arguments
    def __init__(self, steps: int, callback: Callback) -> None:
        self.steps = _checks.at_least("steps", steps, 1)
        _checks.function("callback", callback, "(step, history, model)", count=3)
        self.callback = callback

    def __call__(self, step: int, history: History, model: nn.Module, /) -> bool | None:
        """Call the callback where ``step`` is a multiple of ``steps``."""
        return None if step % self.steps else self.callback(step, history, model)

    def state_dict(self) -> dict[str, Any]:
        """The state of the callback."""
        return _state(self.callback)

    @checked_arguments
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Give the callback its state back."""
        self.callback.load_state_dict(state)  # type: ignore[attr-defined]


def checked(callbacks: Sequence[Callback]) -> list[Callback]:
    """The callbacks as a list.

    Raises:
        TypeError: something that is not a sequence of functions.
    """
    if not isinstance(callbacks, Sequence) or isinstance(callbacks, str):
        given = name_of(callbacks)
        raise TypeError(f"callbacks must be a sequence of functions of (step, history, model), got {given}")
    for number, callback in enumerate(callbacks):
        _checks.function(f"callbacks[{number}]", callback, "(step, history, model)", count=3)
    return list(callbacks)


def call(callbacks: Sequence[Callback], history: History, model: nn.Module) -> str | None:
    """Call every callback after a step; the name of the first that ends the training.

    Raises:
        TypeError: a callback returned something else than True, False or ``None``.
    """
    ending = None
    with _undisturbed(model):
        for callback in callbacks:
            answer = callback(history.steps, history, model)
            if not isinstance(answer, bool | np.bool_ | None):
                raise TypeError(
                    f"callback {name_of(callback)} must return True to end the training, or False or None to go on; "
                    f"got {answer!r} ({type(answer).__name__})"
                )
            if answer and ending is None:
                ending = name_of(callback)
    return ending


def states(callbacks: Sequence[Callback]) -> list[list[Any]]:
    """The name and state of each callback that has a state, for a checkpoint.

    Raises:
        TypeError: a state holds something that a checkpoint cannot.
    """
    stateful = [[name_of(callback), _state(callback)] for callback in callbacks if _state(callback)]
    for name, state in stateful:
        _check_plain(f"the state of callback {name}", state)
    return stateful


def load_states(callbacks: Sequence[Callback], saved: Sequence[Sequence[Any]]) -> None:
    """Give every callback that has a state the one that :func:`states` returned.

    Raises:
        ValueError: the states are those of other callbacks.
    """
    stateful = [callback for callback in callbacks if _state(callback)]
    then, now = [name for name, _ in saved], [name_of(callback) for callback in stateful]
    if then != now:
        raise ValueError(f"callbacks with a state were {then}, now {now}")
    for callback, (_, state) in zip(stateful, saved, strict=True):
        callback.load_state_dict(state)  # type: ignore[attr-defined]


def name_of(callback: object) -> str:
    """The name of a function, or of the class of anything else."""
    return str(getattr(callback, "__name__", type(callback).__name__))


def _state(callback: Callback) -> dict[str, Any]:
    methods = [hasattr(callback, name) for name in ("state_dict", "load_state_dict")]
    if any(methods) != all(methods):
        raise TypeError(f"callback {name_of(callback)} has only one of state_dict and load_state_dict; it needs both")
    return dict(callback.state_dict()) if all(methods) else {}  # type: ignore[attr-defined]


def _check_plain(name: str, value: object) -> None:
    entries = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else []
    if not isinstance(value, dict | list | tuple | Tensor | str | int | float | None):
        raise TypeError(
            f"{name} must be made of tensors, numbers, strings, lists, tuples and dicts, but holds {value!r} "
            f"({type(value).__name__})"
        )
    for entry in entries:
        _check_plain(name, entry)


@contextmanager
def _undisturbed(model: nn.Module) -> Iterator[None]:
    """Put the mode of every module, and the gradient mode, back to what they were before the block.

    Random numbers need no more: the generators start anew with each step.
    """
    modes = [(module, module.training) for module in model.modules()]
    with torch.set_grad_enabled(torch.is_grad_enabled()):
        try:
            yield
        finally:
            for module, mode in modes:
                module.training = mode
