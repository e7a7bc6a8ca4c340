"""Checkpoints: the weights, states and history from which a run continues as if it had never stopped."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from types import FunctionType
from typing import Any

import torch
from torch import nn

from graphseq import _files
from graphseq.training import callbacks as calling
from graphseq.training.callbacks import Callback
from graphseq.training.distributed import SingleProcess
from graphseq.training.history import History, is_whole
from graphseq.training.settings import Settings

_FORMAT = "graphseq checkpoint 1"
_CURVES = ("loss", "score", "grad_norm", "lr")
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
    record = asdict(history)
    for curve in _CURVES:
        record[curve] = torch.tensor(record[curve], dtype=torch.float64)
    for curves in ("gradients", "metrics"):
        record[curves] = {name: torch.tensor(curve, dtype=torch.float64) for name, curve in record[curves].items()}
    state = {
        "format": _FORMAT,
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "history": record,
        "callbacks": calling.states(callbacks),
    }
    _files.write(path, lambda file: torch.save(state, file), overwrite=True)


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
        ValueError: not a checkpoint, cut short, or of another model, task, setting or callback; the message says
            which. Model and optimiser are then untouched.
    """
    state = _read(path)
    record: dict[str, Any] = {key: _plain(value) for key, value in state["history"].items()}
    history = History(**record)
    for key, now in config.items():
        then = history.config.get(key, _BEFORE.get(key))
        if then != now:
            raise ValueError(f"{path} is of another run: {_difference(key, then, now)}")
    try:
        calling.load_states(callbacks, state.get("callbacks", []))
    except ValueError as error:
        raise ValueError(f"{path} is of another run: {error}") from None
    optimizer.load_state_dict(state["optimizer"])  # refuses what does not fit before it changes anything
    model.load_state_dict(state["model"])  # fits, since config describes the weights
    return history


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
            ValueError: there is no folder for the file, or no file to resume from, or it is of another run.
        """
        history = History(config=config)
        if self.path is None:
            if self._resume:
                raise ValueError("resume needs checkpoint_path, the file to go on from")
        elif not Path(self.path).exists():
            if not Path(self.path).parent.is_dir():
                raise ValueError(f"checkpoint_path must lie in a folder that exists, got {self.path}")
        elif not self._resume:
            raise FileExistsError(
                f"checkpoint_path {self.path} is already there; resume from it, or choose another name"
            )
        else:
            history = load(self.path, self._model, self._optimizer, config, self._callbacks)
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


def _read(path: str | Path) -> dict[str, Any]:
    with open(path, "rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:  # torch itself takes a changed byte for a weight
                if damaged := archive.testzip():
                    raise zipfile.BadZipFile(f"{damaged} is damaged")
            file.seek(0)
            state = torch.load(file, map_location="cpu", weights_only=True)
        except Exception as error:  # a damaged file makes zipfile and torch raise almost anything
            reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
            raise ValueError(f"{path} is not a whole checkpoint, it may have been cut short: {reason}") from None
    if not isinstance(state, dict) or state.get("format") != _FORMAT:
        raise ValueError(f"{path} was not written by this version of graphseq's fit")
    parts = [state[name] for name in ("model", "optimizer", "history") if isinstance(state.get(name), dict)]
    if len(parts) < 3 or not is_whole(state["history"]):
        raise ValueError(f"{path} does not hold model, optimizer and history; this version of fit did not write it")
    return state


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return value.tolist() if isinstance(value, torch.Tensor) else value


def _difference(key: str, then: object, now: object) -> str:
    if isinstance(then, dict) and isinstance(now, dict):
        for inner in now:
            if then.get(inner) != now[inner]:
                return _difference(f"{key}.{inner}", then.get(inner), now[inner])
    was, wanted = (text if len(text) < 160 else f"{text[:157]}…" for text in (repr(then), repr(now)))
    return f"{key} was {was}, now {wanted}"
