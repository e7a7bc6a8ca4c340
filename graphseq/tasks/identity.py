"""The identity of a task: what tells it from all others, for records and for going on with a run."""

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
"""Strings and lists of more parts than this are recorded by a fingerprint."""


def identity(task: Task) -> dict[str, object]:
    """The task's ``config``, and the arguments that it was made with where the config cannot tell them.

    A class that has a constructor of its own, and no ``config`` of its own, is told by the constructor's arguments:
    numbers, strings and what is made of them as they are, tensors, arrays and graphs by a fingerprint, functions by
    their name. Anything else cannot be compared; see :func:`undescribed`.
    """
    if (arguments := task.arguments) is None:
        return task.config
    return {**task.config, "arguments": {name: _plain(value) for name, value in arguments.items()}}


def undescribed(task: Task) -> list[str]:
    """The arguments of a task that :func:`identity` cannot describe."""
    return [name for name, value in (task.arguments or {}).items() if not _is_known(value)]


def _is_known(value: object) -> bool:
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else None
    return UNKNOWN not in str(_plain(value)) if parts is None else all(map(_is_known, parts))


def _plain(value: object) -> object:  # noqa: PLR0911 - a line for each kind
    if isinstance(value, str | list | tuple) and len(value) > LONG:
        plain = value if isinstance(value, str) else repr([_plain(part) for part in value])
        digest = hashlib.blake2b(plain.encode(), digest_size=8).hexdigest()
        return f"{type(value).__name__} of {len(value)}, {digest}"
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, torch.dtype | torch.device | range):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, Tensor):
        return f"tensor {_fingerprint(value.detach().cpu().numpy())}"
    if isinstance(value, np.ndarray):
        return f"array {_fingerprint(value)}"
    if isinstance(value, Data):
        return {key: _plain(part) for key, part in sorted(value.to_dict().items())}
    if isinstance(value, Task):
        return identity(value)
    if isinstance(value, partial):
        return [_plain(value.func), _plain(value.args), _plain(value.keywords)]
    if isinstance(value, type | FunctionType) and "<" not in value.__qualname__:
        return f"{value.__module__}.{value.__qualname__}"
    return f"{type(value).__name__}, which {UNKNOWN}"


def _fingerprint(array: np.ndarray) -> str:
    digest = hashlib.blake2b(np.ascontiguousarray(array).tobytes(), digest_size=8).hexdigest()
    return f"{array.dtype} {array.shape} {digest}"
