"""Checks of arguments: an error names the argument, the value that came and the values that are allowed."""

from __future__ import annotations

import inspect
import math
import os
import sys
from collections.abc import Callable, Collection
from numbers import Integral, Number, Real
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

_LONGEST = 60  # characters of a value in a message
LARGEST = 2**31 - 1
"""The largest count, of whatever there is: one above it is a mistake, and would not end or fit in memory."""

MOST_LAYERS = 10_000
"""The largest number of layers or hops."""


def shown(value: object) -> str:
    """Return what came, for a message: a number or text itself, of anything else its type; never a long text."""
    kind = type(value).__name__
    if isinstance(value, Tensor) and value.is_nested:
        return "a nested tensor"
    if isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)} ({str(value.dtype).removeprefix('torch.')})"
    if value is not None and not isinstance(value, bool | Number | str | bytes):
        return kind if not isinstance(value, type) else f"the class {value.__name__}"
    try:
        text = repr(value) if isinstance(value, str | bytes) else str(value)
    except ValueError:  # an integer of more digits than Python writes
        text = "a number of thousands of digits"
    return f"{text if len(text) <= _LONGEST else text[:_LONGEST] + '…'} ({kind})"


def at_least(name: str, value: object, minimum: int, maximum: int = LARGEST) -> int:
    """Return ``value`` as an ``int``, or say why it is not an integer from ``minimum`` to ``maximum``."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be an integer, got {shown(value)}")
    if value < minimum:
        raise ValueError(f"{name} must be at least {minimum}, got {plain(value)}")
    if int(value) > maximum:
        raise ValueError(f"{name} must be at most {maximum}, got {plain(value)}")
    return int(value)


def layers(name: str, value: object, minimum: int = 1) -> int:
    """Return ``value`` as a number of layers or hops, which are built or walked one by one, and so bounded."""
    return at_least(name, value, minimum, MOST_LAYERS)


def seed(name: str, value: object) -> int:
    """Return ``value`` as a seed, an integer of 0 or more, of any size."""
    if isinstance(value, Integral) and not isinstance(value, bool) and int(value) > LARGEST:
        return int(value)
    return at_least(name, value, 0)


def torch_seed(name: str, value: object) -> int:
    """Return ``value`` as a seed that torch's generators take."""
    return at_least(name, value, 0, 2**64 - 1)


def is_no_class(name: str, function: object) -> None:
    """Refuse a class in place of a function of (output, y), such as ``CrossEntropyLoss`` without its brackets."""
    if isinstance(function, type):
        raise TypeError(
            f"{name} must be a function of (output, y), got the class {function.__name__}; give one of it, such as "
            f"{function.__name__}()"
        )


def finite(name: str, value: object) -> float:
    """Return ``value`` as a ``float``, or say why it is not a finite number."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number, got {shown(value)}")
    try:
        number = float(value)
    except OverflowError:
        raise ValueError(f"{name} must be at most {sys.float_info.max:.4g}, the largest float; got more") from None
    if not math.isfinite(number):
        raise ValueError(f"{name} must be finite, got {value}")
    return number


def positive(name: str, value: object) -> float:
    """Return ``value`` as a ``float``, or say why it is not a finite number above zero."""
    try:
        number = finite(name, value)
    except ValueError:
        number = math.nan
    if not number > 0:
        what = "a whole number too large for a float" if isinstance(value, int) and abs(value) > 10**300 else value
        raise ValueError(f"{name} must be a finite number above 0, got {what}")
    return number


def between(name: str, value: object, low: float, high: float) -> float:
    """Return ``value`` as a ``float``, or say why it is not a number from ``low`` to ``high``, both included."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number, got {shown(value)}")
    if not is_finite(value) or not low <= float(value) <= high:
        raise ValueError(f"{name} must lie between {low:g} and {high:g}, got {plain(value)}")
    return float(value)


def truth(name: str, value: object) -> bool:
    """Return ``value``, or say that True or False was expected: a text, which counts as true, is neither."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False, got {shown(value)}")
    return bool(value)


def is_finite(value: Real) -> bool:
    """Return True if a number is finite and no integer that no ``float`` can hold."""
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def plain(value: object) -> str:
    """Return a number for a message, without the name of its type."""
    return shown(value).rpartition(" (")[0]


def one_of(name: str, value: object, choices: Collection[str]) -> str:
    """Return ``value``, or list the names that are allowed."""
    if not isinstance(value, str) or value not in choices:
        came = repr(value) if isinstance(value, str) and len(value) <= _LONGEST else shown(value)
        raise ValueError(f"{name} must be one of {', '.join(sorted(choices))}; got {came}")
    return value


def function(name: str, value: object, arguments: str, *, count: int) -> None:
    """Say that a function of ``count`` arguments was expected, such as "(step, history, model)", where it is none.

    Raises:
        TypeError: no function, a class, or one of other arguments.
    """
    if not callable(value) or isinstance(value, type):
        hint = f"; make one of the class {value.__name__} first" if isinstance(value, type) else ""
        raise TypeError(f"{name} must be a function of {arguments}, got {shown(value)}{hint}")
    takes(name, value, f"a function of {arguments}", count=count)


def takes(name: str, value: Callable[..., object], expected: str, *, count: int) -> None:
    """Say what was expected where a function, or the ``forward`` of a module, takes no ``count`` arguments.

    Raises:
        TypeError: a function of other arguments.
    """
    try:
        signature = inspect.signature(value.forward if isinstance(value, nn.Module) else value)
    except (TypeError, ValueError):  # some functions written in C do not tell
        return
    try:
        signature.bind(*range(count))
    except TypeError as error:
        raise TypeError(f"{name} must be {expected}, got {shown(value)}: {error}") from None


def encodable(name: str, value: str) -> str:
    """Return a text, or say that it holds half a character, a surrogate, which no encoding can write."""
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{name} holds {value[error.start]!r} at {error.start}, half a character of UTF-16") from None
    return value


def path(name: str, value: str | Path) -> Path:
    """Return ``value`` as a path, or say that no file can have that name."""
    if not str(value):
        raise ValueError(f"{name} must be the path of a file or a folder, got ''")
    if "\0" in str(value):
        raise ValueError(f"{name} must be the path of a file, but holds a NUL character: {shown(str(value))}")
    try:
        os.fsencode(value)
    except UnicodeEncodeError:
        raise ValueError(
            f"{name} must be the path of a file, but holds a character that no file system can write: "
            f"{shown(str(value))}"
        ) from None
    return Path(value)


def made(name: str, make: Callable[..., object], *sizes: int) -> nn.Module:
    """Return the module that a given function makes of these sizes, or say that it makes none.

    Raises:
        TypeError, ValueError: the function does not take them, or makes something else.
    """
    try:
        module = make(*sizes)
    except (TypeError, ValueError) as error:
        given = ", ".join(map(str, sizes))
        raise type(error)(f"{name} must make a module, but {name}({given}) failed: {error}") from error
    if not isinstance(module, nn.Module):
        raise TypeError(f"{name} must return a torch.nn.Module, but returned {shown(module)}")
    return module


def alike(module: nn.Module, x: Tensor, name: str, owner: str = "") -> None:
    """Say where a tensor and the weights of a module differ in number type or kind of device, as torch does not.

    Args:
        module: whose first floating weight is read.
        x: features or states.
        name: of ``x``.
        owner: the argument of which it is a part, if it is one.

    Raises:
        TypeError: another number type.
        ValueError: another kind of device.
    """
    weight = next((weight for weight in module.parameters() if weight.is_floating_point()), None)
    if weight is None:
        return
    kind, whole = type(module).__name__, owner or name
    if weight.device.type != x.device.type:
        raise ValueError(
            f"{kind} has weights on {weight.device}, but {name} is on {x.device}; move one: {whole}.to(device) or "
            "model.to(device)"
        )
    if weight.dtype != x.dtype and not torch.is_autocast_enabled(x.device.type):
        came, own = (str(one.dtype).removeprefix("torch.") for one in (x, weight))
        method = {"float64": "double", "float32": "float", "float16": "half"}.get(came, came)
        raise TypeError(
            f"{kind} has weights of {own}, but {name} is of {came}; turn the {whole}, {whole}.to(torch.{own}), or the "
            f"model, model.{method}()"
        )


def no_graph(name: str, value: object) -> TypeError:
    """Return the error for an argument that is no space-time graph."""
    return TypeError(
        f"{name} must be a SpaceTimeGraph, got {type(value).__name__}; gs.from_graph, gs.from_sequence, gs.from_signal "
        "and their relatives make one"
    )


def is_tensor(name: str, value: object) -> Tensor:
    """Return ``value``, or say that a tensor was expected, one whose numbers are in dense memory."""
    if not isinstance(value, Tensor):
        raise TypeError(f"{name} must be a torch.Tensor, got {type(value).__name__}")
    if value.layout != torch.strided or value.is_nested or value.is_quantized:
        kind = "nested" if value.is_nested else "quantized" if value.is_quantized else str(value.layout)
        raise TypeError(f"{name} must be a dense tensor, got a {kind} one; {name}.to_dense() may make it one")
    if value.is_meta:
        raise ValueError(f"{name} must hold numbers, but is on the meta device, which holds none")
    return value


def is_real(name: str, value: object) -> Tensor:
    """Return ``value``, or say that a tensor of real numbers was expected."""
    tensor = is_tensor(name, value)
    if tensor.is_complex():
        raise TypeError(f"{name} must hold real numbers, got dtype {tensor.dtype}")
    return tensor


def integer_rows(name: str, value: object, rows: int) -> Tensor:
    """Return ``value`` as a ``long`` tensor of shape ``(rows,)``."""
    tensor = is_tensor(name, value)
    if tensor.is_floating_point() or tensor.is_complex() or tensor.dtype == torch.bool:
        raise TypeError(f"{name} must hold integers, got dtype {tensor.dtype}")
    if tensor.shape != (rows,):
        raise ValueError(f"{name} must have shape ({rows},), one entry a row of x; got {tuple(tensor.shape)}")
    return tensor.long()


def marked_rows(name: str, value: object, rows: int) -> Tensor:
    """Return ``value``, or say that it is not a ``bool`` tensor of shape ``(rows,)``."""
    tensor = is_tensor(name, value)
    if tensor.dtype != torch.bool or tensor.shape != (rows,):
        raise ValueError(
            f"{name} must be bool of shape ({rows},), one entry a row of x; got {tensor.dtype} {tuple(tensor.shape)}"
        )
    return tensor


def rows(name: str, value: object, count: int) -> Tensor:
    """Return ``value``, or say that it is not a tensor (K,) of row numbers 0 … ``count`` - 1."""
    tensor = is_tensor(name, value)
    if tensor.dim() != 1 or tensor.dtype not in (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8):
        raise TypeError(f"{name} must hold row numbers, integers of shape (K,), got {shown(tensor)}")
    if tensor.numel() and not 0 <= int(tensor.min()) <= int(tensor.max()) < count:
        wrong = int(tensor[(tensor < 0) | (tensor >= count)][0])
        raise ValueError(f"{name} must lie in 0 to {count - 1}, the rows of the graph, got {wrong}")
    return tensor.long()


def edges(name: str, value: object, end: int, ends: str) -> Tensor:
    """Return ``value`` as a ``long`` tensor ``(2, E)`` whose entries lie in ``0 … end - 1``."""
    tensor = is_tensor(name, value)
    if tensor.dim() != 2 or tensor.shape[0] != 2:
        turned = "; transpose it" if tensor.dim() == 2 and tensor.shape[1] == 2 else ""
        raise ValueError(f"{name} must have shape (2, E), got {tuple(tensor.shape)}{turned}")
    if tensor.numel() and (tensor.is_floating_point() or tensor.is_complex() or tensor.dtype == torch.bool):
        raise TypeError(f"{name} must hold integers, got dtype {tensor.dtype}")
    outside = ((tensor < 0) | (tensor >= end)).any(dim=0)
    if bool(outside.any()):
        edge = int(outside.nonzero()[0])
        pair = tuple(tensor[:, edge].tolist())
        allowed = f"the {end} {ends} 0 to {end - 1}" if end else f"a graph of no {ends}"
        raise ValueError(f"{name}[:, {edge}] is {pair}, outside {allowed}")
    return tensor.long()


def weights(name: str, value: object, count: int) -> Tensor:
    """Return ``value`` as a finite floating tensor of shape ``(count,)``."""
    tensor = is_tensor(name, value)
    if tensor.shape != (count,):
        raise ValueError(f"{name} must have shape ({count},), one weight an edge; got {tuple(tensor.shape)}")
    if tensor.is_complex():
        raise TypeError(f"{name} must hold real numbers, got dtype {tensor.dtype}")
    if not tensor.is_floating_point():
        tensor = tensor.to(torch.get_default_dtype())
    if not bool(tensor.isfinite().all()):
        edge = int((~tensor.isfinite()).nonzero()[0])
        raise ValueError(f"{name}[{edge}] is {tensor[edge].item()}; every weight must be finite")
    return tensor


def device(name: str, value: torch.device | str) -> torch.device:
    """Return ``value`` as a device that tensors can be made on, or say why it is none."""
    try:
        place = torch.device(value)
    except (RuntimeError, TypeError, ValueError):
        raise ValueError(f"{name} must be a torch device such as cpu or cuda:0, got {shown(value)}") from None
    if place.type == "meta":
        raise ValueError(f"{name} must be a device that holds numbers, such as cpu or cuda:0; got meta")
    try:
        torch.empty(0, device=place)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"{name} {place} cannot be used on this machine: {reason}") from None
    return place
