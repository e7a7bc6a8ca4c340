"""Tensors from what else holds numbers: numpy arrays, lists, and the frames and series of pandas, polars and others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from graphseq import _checks

Array = NDArray[Any]
Numbers = Any  # what as_tensor takes: a tensor, a numpy array, a list of numbers, or a frame of pandas or polars


def as_tensor(name: str, value: object) -> Tensor:
    """Return a tensor as it is and a copy of whatever else holds numbers, or raise with the argument's name.

    A numpy array keeps its type; Python's own floats get torch's default type, as in ``torch.tensor``.

    Args:
        name: name of the argument, for messages.
        value: a tensor, a numpy array, a list of numbers, or what has ``to_numpy``, a frame of pandas or polars.

    Raises:
        TypeError: no numbers.
        ValueError: lists of different lengths, integers beyond 64 bits, or a tensor without numbers in dense memory.

    Example:
        >>> as_tensor("x", [[1.0, 2.0]]), as_tensor("x", np.ones(2, dtype=np.int32)).dtype
        (tensor([[1., 2.]]), torch.int32)
    """
    if isinstance(value, Tensor):
        return _checks.is_tensor(name, value)
    if hasattr(type(value), "collect"):
        raise TypeError(f"{name} is a {type(value).__name__}, which is not read yet; give its collect()")
    if isinstance(value, list | tuple):
        return _from_list(name, value)
    array = array_of(name, value)
    if array is None:
        raise TypeError(
            f"{name} must be a torch.Tensor, got {type(value).__name__}; a numpy array, a list of numbers or a data "
            "frame will do as well"
        )
    return torch.from_numpy(_numbers(name, array))


def optional(name: str, value: object) -> Tensor | None:
    """Return ``None`` as it is, and anything else as :func:`as_tensor` does."""
    return None if value is None else as_tensor(name, value)


def array_of(name: str, value: object) -> Array | None:
    """Return the content of an array, a frame or a series, or ``None`` if the value is none of these.

    Raises:
        TypeError: a frame that gives no array.
        ValueError: a masked array, some of whose numbers are said to be missing.
    """
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        place = ", ".join(map(str, np.argwhere(np.ma.getmaskarray(value))[0]))
        raise ValueError(f"{name}[{place}] is masked; fill in what is missing, {name}.filled(…), or leave it out")
    if isinstance(value, np.ndarray | np.generic):
        return np.asarray(value)
    to_numpy = getattr(value, "to_numpy", None)
    if isinstance(value, type) or not callable(to_numpy):
        return None
    try:
        return np.asarray(to_numpy())
    except (TypeError, ValueError, NotImplementedError) as error:
        raise TypeError(f"{name} is a {type(value).__name__} that gives no array of numbers: {error}") from None


def is_frame(value: object) -> bool:
    """Return True for a table with named columns, of pandas, polars or another library."""
    kind = type(value)  # asked instead of the value, whose columns may be work to find
    return hasattr(kind, "columns") and hasattr(kind, "to_numpy")


def _from_list(name: str, value: Sequence[object]) -> Tensor:
    if value and all(isinstance(entry, Tensor) for entry in value):
        parts = [_checks.is_tensor(f"{name}[{number}]", entry) for number, entry in enumerate(value)]
        if any(part.shape != parts[0].shape for part in parts):
            raise ValueError(f"{name} is a list of tensors of different shapes; they must all be alike")
        return torch.stack(parts)
    try:
        array = np.asarray(value)
    except (ValueError, TypeError, OverflowError):
        raise ValueError(f"{name} is a list with rows of different lengths; they must all be alike") from None
    tensor = torch.from_numpy(_numbers(name, array))
    return tensor.to(torch.get_default_dtype()) if tensor.dtype == torch.float64 else tensor


def _numbers(name: str, array: Array) -> Array:
    """Return a contiguous copy of a type that torch has."""
    if array.dtype.kind == "O":
        array = _of_objects(name, array)
    if array.dtype.kind in "mM":
        raise TypeError(f"{name} must hold numbers, got dates or durations ({array.dtype}); number them first")
    if array.dtype.kind not in "biufc":
        raise TypeError(f"{name} must hold numbers, got {_shown(array)}")
    kind: np.dtype[Any] = array.dtype.newbyteorder("=")
    if kind.kind == "u" and kind.itemsize > 1:
        if array.size and int(array.max()) >= 2**63:
            raise ValueError(f"{name} holds {int(array.max())}, beyond integers of 64 bits")
        kind = np.dtype(np.int64)
    elif kind.itemsize > np.dtype(np.complex128 if kind.kind == "c" else np.float64).itemsize:
        kind = np.dtype(np.complex128 if kind.kind == "c" else np.float64)
    return np.array(array, dtype=kind, order="C", copy=True)


def _of_objects(name: str, array: Array) -> Array:
    """Return objects as floats, or as integers where all are; nothing is read from text."""
    for place, entry in np.ndenumerate(array):
        is_number = entry is None or (hasattr(entry, "__float__") and not np.ndim(entry))
        if isinstance(entry, str | bytes) or not is_number:
            where = ", ".join(map(str, place))
            raise TypeError(f"{name} must hold numbers, got {_checks.shown(entry)} at [{where}]")
    is_whole = all(isinstance(entry, int | np.integer) and not isinstance(entry, bool) for entry in array.flat)
    try:
        return array.astype(np.int64 if is_whole and array.size else np.float64)
    except (OverflowError, TypeError, ValueError) as error:
        raise ValueError(f"{name} holds a number that 64 bits cannot: {error}") from None


def _shown(array: Array) -> str:
    return f"text, {str(array.flat[0])!r:.80}" if array.size and array.dtype.kind == "U" else f"dtype {array.dtype}"
