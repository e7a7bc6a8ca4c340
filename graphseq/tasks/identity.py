"""The identity of a task: data that distinguish it from all others, for records and for resuming a run."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import partial
from types import FunctionType

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Data

from graphseq.tasks.base import Task

UNKNOWN = "cannot be compared"
LONG = 100
"""Strings and lists longer than this are recorded by a hash."""


def identity(task: Task) -> dict[str, object]:
    """Return the task's ``config``, with the arguments of its constructor if the config cannot contain them.

    A user's class with a constructor and without a ``config`` is identified by the arguments of its constructor:
    numbers, strings and containers of them by value, tensors, arrays and graphs by a hash, functions by name. Other
    values cannot be compared; see :func:`undescribed`.
    """
    if (arguments := task.arguments) is None:
        return task.config
    return {**task.config, "arguments": {name: _plain(value) for name, value in arguments.items()}}


def undescribed(task: Task) -> list[str]:
    """Return the arguments of a task that :func:`identity` cannot describe."""
    return [name for name, value in (task.arguments or {}).items() if not _is_known(value)]


def _is_known(value: object) -> bool:
    items = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else None
    return UNKNOWN not in str(_plain(value)) if items is None else all(map(_is_known, items))


def _plain(value: object) -> object:  # noqa: PLR0911 - a line for each kind
    if isinstance(value, str | list | tuple) and len(value) > LONG:
        plain = value if isinstance(value, str) else repr([_plain(item) for item in value])
        digest = hashlib.blake2b(plain.encode(), digest_size=8).hexdigest()
        return f"{type(value).__name__} of {len(value)}, {digest}"
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, torch.dtype | torch.device | range):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Tensor):
        return f"tensor {_hash(value.detach().cpu().numpy())}"
    if isinstance(value, np.ndarray):
        return f"array {_hash(value)}"
    if isinstance(value, Data):
        return {key: _plain(item) for key, item in sorted(value.to_dict().items())}
    if isinstance(value, Task):
        return identity(value)
    if isinstance(value, partial):
        return [_plain(value.func), _plain(value.args), _plain(value.keywords)]
    if isinstance(value, type | FunctionType) and "<" not in value.__qualname__:
        return f"{value.__module__}.{value.__qualname__}"
    return f"{type(value).__name__}, which {UNKNOWN}"


def _hash(array: np.ndarray) -> str:
    digest = hashlib.blake2b(np.ascontiguousarray(array).tobytes(), digest_size=8).hexdigest()
    return f"{array.dtype} {array.shape} {digest}"
