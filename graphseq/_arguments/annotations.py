"""The types that an annotation allows, each with its name in a message and the check of a value."""

from __future__ import annotations

import ast
import types
import typing
from collections import abc
from collections.abc import Callable, Iterator, Mapping
from numbers import Integral, Real
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from graphseq._checks import path, plain, shown, takes

Check = Callable[[str, Any], bool]
"""True if a value is of the type; it raises where it is, but cannot be used."""


class Expected:
    """The types that an annotation allows, each with its name in a message and its check."""

    def __init__(self, parts: list[tuple[str, Check]]) -> None:
        self._words = [words for words, _ in parts]
        self._checks = [check for _, check in parts]
        self.known = frozenset(kind for check in self._checks for kind in _KNOWN.get(check, ()))
        """Types of which every object is allowed: they are looked up, and no more is asked."""

    def allows(self, name: str, value: Any) -> bool:
        """Return True if the value is of one of the types."""
        return any(check(name, value) for check in self._checks)

    def check(self, name: str, value: Any) -> None:
        """Raise if the value is of none of the types."""
        if not self.allows(name, value):
            self._refuse(name, value)

    def __str__(self) -> str:
        words = [one for one in dict.fromkeys(self._words) if one not in ("None", "a ellipsis")] or ["None"]
        package = words[0].rpartition(".")[0]
        words[1:] = [one.removeprefix(f"{package}.") if package else one for one in words[1:]]
        return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"

    def _refuse(self, name: str, value: Any) -> typing.NoReturn:
        if self._words[0].startswith("one of "):
            is_plain = isinstance(value, str | int) and not isinstance(value, bool)
            raise (ValueError if is_plain else TypeError)(
                f"{name} must be {self}; got {plain(value) if is_plain else shown(value)}"
            )
        came = shown(value) if _SCALARS.intersection(self._words) else type(value).__name__
        hint = next((_HINTS[word] for word in self._words if word in _HINTS), "")
        if isinstance(value, type):
            hint = f"; {value.__name__} is a class, make an object of it first"
        raise TypeError(f"{name} must be {self}, got {came}{hint}")


_SCALARS = {"an integer", "a number", "True or False"}
_HINTS = {
    "a SpaceTimeGraph": "; gs.from_graph, gs.from_sequence, gs.from_signal and their relatives make one",
    "a torch.Tensor": "; torch.as_tensor makes one",
    "a torch.Generator": "; torch.Generator().manual_seed(0) is one",
}


def expected(annotation: str, space: Mapping[str, Any]) -> Expected | None:
    """Return what an annotation allows, its names being those of ``space``; ``None`` where it is not known."""
    try:
        parts = [eval(part, dict(space)) for part in _alternatives(annotation)]  # noqa: S307 - the library's own source
    except (NameError, SyntaxError, TypeError, AttributeError):
        return None
    return _of(parts)


def _of(parts: list[Any]) -> Expected | None:
    checks = [check for part in parts for check in _checks_of(part)]
    if any(check is None for check in checks):
        return None
    known = [check for check in checks if check]
    if any(words == "a pathlib.Path" for words, _ in known):
        known = [(words, _PATHS.get(words, check)) for words, check in known]
    return Expected(known)


def _alternatives(annotation: str) -> Iterator[str]:
    def parts(node: ast.expr) -> Iterator[ast.expr]:
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            yield from parts(node.left)
            yield from parts(node.right)
        else:
            yield node

    return (ast.unparse(node) for node in parts(ast.parse(annotation, mode="eval").body))


def _checks_of(kind: Any) -> Iterator[tuple[str, Check] | None]:
    """The name of an annotation in a message, and its check; ``None`` where there is none."""
    if kind in _PLAIN:
        yield _PLAIN[kind]
        return
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        for one in inner:
            yield from _checks_of(one)
    elif origin is typing.Literal:
        yield (
            f"one of {', '.join(sorted(map(str, inner)))}",
            lambda _, value: type(value) in (str, int) and value in inner,
        )
    elif origin is abc.Callable or kind is abc.Callable:
        yield _callable(inner)
    elif isinstance(kind, TypeVar):
        yield from _checks_of(kind.__bound__) if isinstance(kind.__bound__, type) else [None]
    elif origin in _SEQUENCES or kind in _SEQUENCES:
        yield _sequence(origin or kind, inner)
    elif origin in _MAPPINGS or kind in _MAPPINGS:
        yield _mapping(inner)
    elif (
        isinstance(kind, type) and origin is None and kind not in (object, Any) and typing.Protocol not in kind.__mro__
    ):
        yield _article(_public_name(kind)), _instance(kind)
    elif isinstance(origin, type) and origin not in (type, tuple):
        yield _article(_public_name(origin)), _instance(origin)
    elif origin is tuple:
        yield _tuple(inner)
    else:
        yield None


def _instance(kind: type) -> Check:
    own: Callable[[Any, str], None] | None = getattr(kind, "check_as_argument", None)

    def check(name: str, value: Any) -> bool:
        if not isinstance(value, kind):
            return False
        if own is not None:
            own(value, name)
        return True

    return check


_SEQUENCES = {abc.Sequence: "a sequence", abc.Collection: "a collection", abc.Iterable: "an iterable", list: "a list"}
_ARRAYS = (np.ndarray, Tensor)  # which do for a sequence of numbers, or of such
_OF_OBJECTS = ("O", "U")  # kinds of numpy's arrays whose entries are no numbers


def _sequence(kind: Any, inner: tuple[Any, ...]) -> tuple[str, Check]:
    is_of_numbers = bool(inner) and inner[0] in (int, float, bool)
    entries = None if is_of_numbers or len(inner) != 1 else _of(list(inner))
    entries = entries if entries is not None and not str(entries).startswith("a sequence") else None
    plain_entries = _of(list(inner)) if is_of_numbers and kind is list else None

    def check(name: str, value: Any) -> bool:
        if isinstance(value, str | bytes):
            return inner == (str,) and isinstance(value, str)
        if isinstance(value, _ARRAYS) and (entries is None or getattr(value.dtype, "kind", "") not in _OF_OBJECTS):
            return entries is None and kind is not list and _is_of_entries(name, value)
        if not isinstance(value, kind):
            return False
        if plain_entries is not None:
            for place, entry in enumerate(value):
                if type(entry) not in plain_entries.known:
                    plain_entries.check(f"{name}[{place}]", entry)
        if entries is not None and isinstance(value, abc.Collection | np.ndarray):
            for place, entry in enumerate(value):
                if type(entry) not in entries.known:
                    entries.check(f"{name}[{place}]", entry)
        return True

    words = _plural(str(entries)) if entries is not None else "numbers" if is_of_numbers else ""
    return f"{_SEQUENCES[kind]} of {words}" if words else _SEQUENCES[kind], check


def _is_of_entries(name: str, value: np.ndarray | Tensor) -> bool:
    """True if an array has entries that can be read one by one."""
    return value.ndim > 0 and (not isinstance(value, Tensor) or _is_tensor(name, value))


_MAPPINGS = (abc.Mapping, dict)


def _mapping(inner: tuple[Any, ...]) -> tuple[str, Check]:
    keys, values = (_of([one]) for one in inner) if len(inner) == 2 else (None, None)

    def check(name: str, value: Any) -> bool:
        if not isinstance(value, abc.Mapping):
            return False
        for key, entry in value.items():
            if keys is not None and type(key) not in keys.known:
                keys.check(f"a key of {name}", key)
            if values is not None and type(entry) not in values.known:
                values.check(f"{name}[{_key(key)}]", entry)
        return True

    return "a mapping", check


def _key(key: object) -> str:
    return plain(key) if isinstance(key, str | int) else shown(key)


def _callable(inner: tuple[Any, ...]) -> tuple[str, Check]:
    count = len(inner[0]) if inner and isinstance(inner[0], list) else None

    def check(name: str, value: Any) -> bool:
        if not callable(value):
            return False
        if count is not None:
            takes(name, value, f"a function of {count} argument{'s' * (count != 1)}", count=count)
        return True

    return "a function", check


def _tuple(inner: tuple[Any, ...]) -> tuple[str, Check]:
    entries = [_of([one]) for one in inner if one is not Ellipsis]

    def check(name: str, value: Any) -> bool:
        if isinstance(value, np.ndarray) and value.ndim == 1 and value.dtype.kind == "f":
            value = value.tolist()  # such as a place in a layout of networkx
        if not isinstance(value, tuple | list) or (Ellipsis not in inner and len(value) != len(entries)):
            return False
        for place, entry in enumerate(value):
            expected = entries[min(place, len(entries) - 1)] if entries else None
            if expected is not None:
                expected.check(f"{name}[{place}]", entry)
        return True

    return "a tuple" if Ellipsis in inner else f"a tuple of {len(entries)} entries", check


def _is_integer(_: str, value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _is_number(_: str, value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _is_flag(_: str, value: Any) -> bool:
    return isinstance(value, bool | np.bool_)


def _is_tensor(name: str, value: Any) -> bool:
    if not isinstance(value, Tensor):
        return False
    if value.layout != torch.strided:
        raise TypeError(f"{name} must be a dense tensor, got one of layout {value.layout}; its to_dense() is one")
    if value.is_nested or value.is_quantized:
        kind = "nested" if value.is_nested else "quantized"
        raise TypeError(f"{name} must be a dense tensor of numbers, got a {kind} one")
    if value.is_complex():
        raise TypeError(f"{name} must hold real numbers, got dtype {value.dtype}")
    if value.is_meta:
        raise ValueError(f"{name} must hold numbers, but is on the meta device, where tensors have none")
    return True


def _is_text(_: str, value: Any) -> bool:
    return isinstance(value, str)


def _is_none(_: str, value: Any) -> bool:
    return value is None


def _is_path(name: str, value: Any) -> bool:
    if isinstance(value, str | Path):
        path(name, value)
    return isinstance(value, Path)


def _is_path_as_text(name: str, value: Any) -> bool:
    return isinstance(value, str) and bool(path(name, value))


_PATHS = {"a pathlib.Path": _is_path, "a string": _is_path_as_text}
_KNOWN: dict[Check, tuple[type, ...]] = {
    _is_integer: (int,),
    _is_number: (int, float),
    _is_flag: (bool,),
    _is_text: (str,),
    _is_none: (type(None),),
}
_PLAIN: dict[Any, tuple[str, Check]] = {
    int: ("an integer", _is_integer),
    float: ("a number", _is_number),
    bool: ("True or False", _is_flag),
    str: ("a string", _is_text),
    None: ("None", _is_none),
    type(None): ("None", _is_none),
    Tensor: ("a torch.Tensor", _is_tensor),
}

_SHOWN_BY = {"torch.nn.modules.module": ["torch", "nn"], "torch_geometric.data.data": ["torch_geometric", "data"]}


def _public_name(kind: type) -> str:
    parts = [part for part in kind.__module__.split(".") if not part.startswith("_")]
    if parts[0] == "graphseq":
        parts = parts[:2] if parts[1:2] != ["data"] else []
    parts = _SHOWN_BY.get(".".join(parts), parts)
    return kind.__qualname__ if parts == ["builtins"] else ".".join([*parts, kind.__qualname__])


def _article(name: str) -> str:
    return f"{'an' if name.rpartition('.')[2][0] in 'AEIOU' and '.' not in name else 'a'} {name}"


def _plural(words: str) -> str:
    plain = {"an integer": "integers", "a number": "numbers", "a string": "strings", "a function": "functions"}
    return plain.get(words, f"{words.removeprefix('an ').removeprefix('a ')} objects")
