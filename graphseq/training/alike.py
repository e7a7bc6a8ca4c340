"""What an ensemble asks of its models and batches: to be alike but for numbers in weights, features and answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from types import FunctionType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.module import _has_any_global_hook

from graphseq.data.graph import SpaceTimeGraph
from graphseq.tasks.base import Task
from graphseq.training import fit as training
from graphseq.training.checkpoint import describe

_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def alike(drawn: Sequence[SpaceTimeGraph], task: Task) -> SpaceTimeGraph:
    """The first of some batches, whose features and answers alone differ.

    Raises:
        ValueError: they differ in more.
    """
    first, *others = drawn
    kept = {key: value for key, value in first.to_dict().items() if key not in ("x", "y")}
    for each in others:
        own = each.to_dict()
        for key, value in kept.items():
            if not _same(own.get(key), value):
                raise ValueError(
                    f"task {type(task).__name__} draws graphs that differ in {key}, but an ensemble reads the same "
                    "rows and edges in all; train its models one by one with fit"
                )
    return first


def check_models(models: Sequence[nn.Module], seeds: int, task: Task) -> None:
    """Refuse models that cannot be trained as one stack.

    Raises:
        TypeError, ValueError: see :func:`graphseq.fit_ensemble`.
    """
    if not isinstance(models, Sequence) or not models:
        raise ValueError(f"models must be a sequence of at least one model, got {models!r}")
    if seeds != len(models):
        raise ValueError(f"seeds must hold one for each model, got {seeds} for {len(models)} models")
    for model in models:
        training.check_model(model, task)
    parts = [id(part) for model in models for part in (*model.parameters(), *model.buffers())]
    if len(set(parts)) < len(parts):
        raise ValueError("models must share no weights, but one of them comes twice or has parts of another")
    for number, model in enumerate(models):
        if (where := _difference(models[0], model)) is not None:
            raise ValueError(
                f"models must be alike but for the numbers in their weights; models[{number}] differs from models[0] "
                f"in {where}"
            )
        for name, module in model.named_modules():
            _check_module(f"models[{number}]" + (f".{name}" if name else ""), module)


def _check_module(name: str, module: nn.Module) -> None:
    hung_on = any(getattr(module, hooks) for hooks in _HOOKS) or _has_any_global_hook()
    if hung_on or any(part._backward_hooks for part in module.parameters(recurse=False)):
        raise ValueError(f"{name} has hooks, which an ensemble would not call; train the models one by one with fit")
    if isinstance(module, nn.Embedding) and module.padding_idx is not None:
        raise ValueError(
            f"{name} has padding_idx={module.padding_idx}, of which vmap keeps only the first model's row untrained; "
            "train the models one by one with fit"
        )


def _difference(first: nn.Module, other: nn.Module) -> str | None:
    """Where two models differ in more than the numbers of their weights."""
    if describe(first) != describe(other):
        return "structure, sizes or settings"
    if [name for name, _ in first.named_parameters()] != [name for name, _ in other.named_parameters()]:
        return "which weights are tied"
    for (name, own), module in zip(first.named_modules(), other.modules(), strict=True):
        theirs = vars(module)
        for key, value in vars(own).items():
            if not key.startswith("_") and not _same(value, theirs.get(key)):
                return f"{name}.{key}".lstrip(".")
    return None


def _same(one: Any, other: Any) -> bool:
    """Whether two attributes mean the same, as far as types, public attributes and equality tell."""
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if isinstance(one, Tensor):
        return one.shape == other.shape and one.device == other.device and torch.equal(one, other)
    one, other = _told(one), _told(other)
    if isinstance(one, Mapping):
        return one.keys() == other.keys() and all(_same(value, other[key]) for key, value in one.items())
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)


def _told(value: Any) -> Any:
    """What makes a thing the one it is, where it does not say so itself."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, partial):
        return value.func, value.args, value.keywords
    if isinstance(value, FunctionType):
        return value.__code__, [cell.cell_contents for cell in value.__closure__ or ()], value.__defaults__
    knows_itself = isinstance(value, type) or any("__eq__" in vars(each) for each in type(value).__mro__[:-1])
    if knows_itself:
        return value
    return {key: part for key, part in getattr(value, "__dict__", {}).items() if not key.startswith("_")}
