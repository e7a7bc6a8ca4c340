"""Checkpoints: the weights, states and history from which a run continues as if it had never stopped."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from types import FunctionType
from typing import Any

import torch
from torch import Tensor, nn

from graphseq import _files
from graphseq._torch import optimizers
from graphseq.training import callbacks as calling
from graphseq.training import checkpoint_file
from graphseq.training.callbacks import Callback
from graphseq.training.distributed import SingleProcess
from graphseq.training.history import History
from graphseq.training.settings import Settings

_BEFORE = {
    "record_gradients": False,
    "precision": "float32",
    "metrics": [],
}  # what runs did before there was a setting for it


def save(
    path: str | Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    history: History,
    callbacks: Sequence[Callback] = (),
) -> None:
    """Write weights, history, and the states of optimiser and callbacks, to ``path`` in one piece, over an earlier one.

    Raises:
        TypeError: the state of a callback holds something that a checkpoint cannot.
    """
    state = {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "history": checkpoint_file.record_of(history),
        "callbacks": calling.states(callbacks),
    }
    checkpoint_file.write(path, state)


def load(
    path: str | Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    config: dict[str, object],
    callbacks: Sequence[Callback] = (),
) -> History:
    """Put a checkpoint's weights, and the states of optimiser and callbacks, in place and return its history.

    Args:
        path: a file written by :func:`save`.
        model: the model to go on with.
        optimizer: its optimiser.
        config: what the run is about to do, to be compared with what the checkpoint's run did.
        callbacks: those of the run; the ones with a state must be those of the checkpoint's run.

    Raises:
        ValueError: not a checkpoint, damaged, cut short, or of another model, task, setting or callback; the message
            says which. Model and optimiser are then untouched.
    """
    state, history = _read(path, model, config)
    before = deepcopy(optimizer.state_dict())
    try:
        _load_optimizer(optimizer, state["optimizer"])
        calling.load_states(callbacks, state.get("callbacks", []))
    except Exception as error:  # an optimiser or callback of a user's own may raise anything
        optimizer.load_state_dict(before)
        reason = " ".join(str(error).split()) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
        raise ValueError(f"{path} is of another run: {reason}") from None
    model.load_state_dict(state["model"])
    return history


def load_model(path: str | Path, model: nn.Module, config: dict[str, object]) -> History:
    """Put a checkpoint's weights in place, to use the model and not to train on; as :func:`load` for the rest."""
    state, history = _read(path, model, config)
    model.load_state_dict(state["model"])
    return history


def _read(path: str | Path, model: nn.Module, config: dict[str, object]) -> tuple[dict[str, Any], History]:
    """The content of a checkpoint of this very run, whose weights fit the model."""
    state = checkpoint_file.read(path)
    history = History(**state["history"])
    for key, now in config.items():
        then = history.config.get(key, _BEFORE.get(key))
        if then != now:
            raise ValueError(f"{path} is of another run: {_difference(key, then, now)}")
    check_weights(model, state["model"], str(path))
    return state, history


def check_weights(model: nn.Module, weights: Mapping[str, object], name: str) -> None:
    """Refuse weights that do not fit a model, before any of them is changed: torch's loading changes those that do.

    Args:
        model: the model.
        weights: as of its ``state_dict``.
        name: of the weights, for the message.

    Raises:
        ValueError: other names, shapes or types of numbers.
    """
    own = model.state_dict()
    for there, here, fault in ((own, weights, "lacks"), (weights, own, "has, beyond the model's,")):
        if missing := [key for key in there if key not in here]:
            raise ValueError(f"{name} {fault} the weight {missing[0]!r}")
    for key, value in own.items():
        given = weights[key]
        if isinstance(value, Tensor) and (
            not isinstance(given, Tensor)
            or (given.shape, given.dtype, given.layout) != (value.shape, value.dtype, value.layout)
        ):
            raise ValueError(f"{name} has the weight {key!r} as {_kind(given)}, but the model's is {_kind(value)}")


def _kind(value: object) -> str:
    if not isinstance(value, Tensor):
        return type(value).__name__
    return f"{value.dtype} {tuple(value.shape)}".removeprefix("torch.")


def _load_optimizer(optimizer: torch.optim.Optimizer, state: Mapping[str, Any]) -> None:
    """Put the state of an optimiser in place, if it is that of an optimiser like this."""
    before = [dict(group) for group in optimizer.param_groups]
    optimizer.load_state_dict(dict(state))
    for group, own in zip(optimizer.param_groups, before, strict=True):
        for key in set(own) - _OF_THE_RUN:
            if isinstance(own[key], bool | int | float | str | tuple | None) and group.get(key) != own[key]:
                raise ValueError(f"{key} of the optimizer was {group.get(key)!r:.80}, now {own[key]!r}")
        if isinstance(rate := group.get("lr"), bool | str | None) or not 0 < float(rate) < math.inf:
            raise ValueError(f"the learning rate of the optimizer was {rate!r:.80}")
        if type(optimizer) in _ENTRYWISE:
            names = _state_names(optimizer, group)
            for parameter in group["params"]:
                _check_state(parameter, optimizer.state.get(parameter, {}), names)


_OF_THE_RUN = {"params", "lr", "initial_lr", "fused", "foreach", "capturable", "differentiable"}
"""Entries that may differ between an optimiser at the beginning and later, or on another machine."""
_ENTRYWISE = {
    *(torch.optim.SGD, torch.optim.RMSprop, torch.optim.Adam, torch.optim.AdamW),
    *(optimizers.SGD, optimizers.RMSprop, optimizers.Adam, optimizers.AdamW),
}
"""Optimisers whose state has one entry for each of the parameter's, but for the number of steps."""


def _state_names(optimizer: torch.optim.Optimizer, group: Mapping[str, Any]) -> set[str]:
    """The names in an optimiser's state of a parameter, once it has taken a step: found by one of a parameter of 1."""
    parameter = nn.Parameter(torch.zeros(1))
    parameter.grad = torch.zeros(1)
    other = type(optimizer)([{**group, "params": [parameter]}])  # type: ignore[call-arg]
    other.step()
    return set(other.state[parameter])


def _check_state(parameter: Tensor, state: Mapping[str, object], names: set[str]) -> None:
    if state and set(state) != names:
        raise ValueError(f"the state of the optimizer holds {sorted(state)}, but would hold {sorted(names)}")
    for name, value in state.items():
        fits = isinstance(value, Tensor) and (value.shape == parameter.shape or (name == "step" and value.dim() == 0))
        if not fits and value is not None:
            raise ValueError(f"{name} of the optimizer is {_kind(value)}, of a weight that is {_kind(parameter)}")


class Checkpoints:
    """The checkpoint file of one run, if it has one.

    Args:
        settings: of the run.
        model: its model.
        optimizer: its optimiser.

    Attributes:
        path: the file; ``None`` writes none.
        step: the step of the last checkpoint.
    """

    def __init__(self, settings: Settings, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        self.path, self._every, self._resume = settings.checkpoint_path, settings.checkpoint_every, settings.resume
        self._model, self._optimizer, self._callbacks = model, optimizer, settings.callbacks
        self._group = settings.group or SingleProcess()
        self.step = 0

    def begin(self, config: dict[str, object]) -> History:
        """The history to go on from: an empty one, or that of the checkpoint, with its weights and states in place.

        Raises:
            FileExistsError: the file is there and the run is not to resume it.
            IsADirectoryError: it is a folder.
            ValueError: there is no folder for the file, or no file to resume from, or it is of another run.
        """
        history = History(config=config)
        if self.path is None:
            if self._resume:
                raise ValueError("resume needs checkpoint_path, the file to go on from")
        elif not Path(self.path).exists():
            if not Path(self.path).parent.is_dir():
                raise ValueError(f"checkpoint_path must lie in a folder that exists, got {self.path}")
        elif Path(self.path).is_dir():
            raise IsADirectoryError(f"checkpoint_path {self.path} is a folder; name a file in it")
        elif not self._resume:
            raise FileExistsError(
                f"checkpoint_path {self.path} is already there; resume from it, or choose another name"
            )
        else:
            history = load(self.path, self._model, self._optimizer, config, self._callbacks)
        if self.path is not None and self._group.is_first:
            path = _files.followed(Path(self.path))
            _files.clean(path.parent, path.name)
        self.step = history.steps
        self._group.wait()  # before the first process writes the file that the others look for
        return history

    def after_step(self, history: History) -> None:
        """Write a checkpoint where one is due."""
        if history.steps % self._every == 0:
            self._write(history)

    def after_all(self, history: History) -> None:
        """Write the last steps, and wait until the file can be read by all processes."""
        self._write(history)
        self._group.wait()

    def _write(self, history: History) -> None:
        if self.path is None or self.step == history.steps:
            return
        if self._group.is_first:
            save(self.path, self._model, self._optimizer, history, self._callbacks)
        self.step = history.steps


def describe(model: nn.Module) -> dict[str, object]:
    """A description of a model; a checkpoint of one model can be loaded by another of equal description.

    It holds the structure, type and shape of each weight, the names of those not trained, and the attributes of modules
    that neither of these shows, such as ``causal`` of a GCN, or the transform of a model.
    """
    weights = {
        name: f"{value.dtype} {tuple(value.shape)}".removeprefix("torch.") for name, value in model.state_dict().items()
    }
    return {
        "structure": repr(model),
        "weights": weights,
        "not trained": [name for name, value in model.named_parameters() if not value.requires_grad],
        "settings": {name or "model": _plain_attributes(module) for name, module in model.named_modules()},
    }


def _plain_attributes(module: nn.Module) -> dict[str, object]:
    attributes: dict[str, object] = {}
    for name, value in vars(module).items():
        if name.startswith("_") or name == "training":
            continue
        if value is None or isinstance(value, bool | int | float | str):
            attributes[name] = value
        elif isinstance(value, type | FunctionType):
            attributes[name] = f"{value.__module__}.{value.__qualname__}"
    return attributes


def _difference(key: str, then: object, now: object) -> str:
    if isinstance(then, dict) and isinstance(now, dict):
        for inner in now:
            if then.get(inner) != now[inner]:
                return _difference(f"{key}.{inner}", then.get(inner), now[inner])
    was, wanted = (text if len(text) < 160 else f"{text[:157]}…" for text in (repr(then), repr(now)))
    return f"{key} was {was}, now {wanted}"
