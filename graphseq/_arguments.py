"""Checks of the arguments of a public function against its annotations, before the function begins.

An error names the argument, what came and what is expected, where Python, torch or matplotlib would say that an object
has no attribute of some name. Checks of values, such as ranges and shapes, are the function's own, in ``_checks``.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import inspect
import types
import typing
from collections import abc
from collections.abc import Callable, Iterator, Mapping
from numbers import Integral, Real
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from graphseq._checks import plain, shown

F = TypeVar("F", bound=Callable[..., Any])
Check = Callable[[str, Any], bool]
"""True if a value is of the type; it raises where it is, but cannot be used."""


def checked_arguments(function: F) -> F:
    """Check the arguments of each call of ``function`` against its annotations, and call it if they fit.

    An ``int`` is an integer and no ``bool``, a ``float`` a number, a ``bool`` True or False, a ``Tensor`` dense and not
    on the meta device; entries of a sequence of objects are checked, too. What an annotation says in another way, and
    what has none, is not checked. A class may have a method ``check_as_argument(name)``, which refuses objects of it
    that cannot be used.

    Raises:
        TypeError: by the function that is returned: an argument of another type.
        ValueError: likewise: a string that is none of the choices, or a tensor without numbers.

    Example:
        >>> @checked_arguments
        ... def repeat(text: str, times: int = 2) -> str:
        ...     return text * times
        >>> repeat("ab")
        'abab'
        >>> repeat("ab", "3")
        Traceback (most recent call last):
        TypeError: times must be an integer, got '3' (str)
    """
    return checked_but()(function)


def checked_but(*others: str) -> Callable[[F], F]:
    """As :func:`checked_arguments`, but for some arguments, of whose type the function itself says more."""

    def decorate(function: F) -> F:
        return _checked(function, others)

    return decorate


def _checked(function: F, others: tuple[str, ...]) -> F:
    plan: list[tuple[str, _Expected | None]] = []
    by_name: dict[str, _Expected] = {}

    def prepare() -> None:
        found = {name: None if name in others else one for name, one in _expectations(function).items()}
        by_name.update({name: one for name, one in found.items() if one is not None})
        plan.extend(found.items())

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if not plan:
            prepare()
        for (name, expected), value in zip(plan, args, strict=False):
            if expected is not None:
                expected.check(name, value)
        for name, value in kwargs.items():
            if name in by_name:
                by_name[name].check(name, value)
        return function(*args, **kwargs)

    return call  # type: ignore[return-value]


def check_fields(record: Any) -> None:
    """Check the fields of a dataclass, in its ``__post_init__``, against their annotations."""
    space = vars(inspect.getmodule(type(record)))
    for field in dataclasses.fields(record):
        expected = _expected(str(field.type), space)
        if expected is not None:
            expected.check(field.name, getattr(record, field.name))


class _Expected:
    """The types that an annotation allows."""

    def __init__(self, parts: list[tuple[str, Check]]) -> None:
        self._words = [words for words, _ in parts]
        self._checks = [check for _, check in parts]

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


def _expectations(function: Callable[..., Any]) -> dict[str, _Expected | None]:
    """The expectation of each parameter, in their order; ``None`` where nothing is known."""
    space = getattr(function, "__globals__", {})
    found: dict[str, _Expected | None] = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            break
        found[name] = _expected(str(parameter.annotation), space)
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is parameter.KEYWORD_ONLY:
            found[name] = _expected(str(parameter.annotation), space)
    return found


def _expected(annotation: str, space: Mapping[str, Any]) -> _Expected | None:
    try:
        parts = [eval(part, dict(space)) for part in _alternatives(annotation)]  # noqa: S307 - the library's own source
    except (NameError, SyntaxError, TypeError, AttributeError):
        return None
    return _of(parts)


def _of(parts: list[Any]) -> _Expected | None:
    checks = [check for part in parts for check in _checks_of(part)]
    return None if any(check is None for check in checks) else _Expected([check for check in checks if check])


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
        yield "a function", lambda _, value: callable(value)
    elif isinstance(kind, TypeVar):
        yield from _checks_of(kind.__bound__) if isinstance(kind.__bound__, type) else [None]
    elif origin in _SEQUENCES or kind in _SEQUENCES:
        yield _sequence(origin or kind, inner)
    elif origin in (abc.Mapping, dict) or kind in (abc.Mapping, dict):
        yield "a mapping", lambda _, value: isinstance(value, abc.Mapping)
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


def _sequence(kind: Any, inner: tuple[Any, ...]) -> tuple[str, Check]:
    is_of_numbers = bool(inner) and inner[0] in (int, float, bool)
    entries = None if is_of_numbers or len(inner) != 1 else _of(list(inner))
    entries = entries if entries is not None and not str(entries).startswith("a sequence") else None

    def check(name: str, value: Any) -> bool:
        if isinstance(value, str | bytes):
            return inner == (str,) and isinstance(value, str)
        if not isinstance(value, (kind, *_ARRAYS) if entries is None else kind):
            return False
        if isinstance(value, Tensor) and (value.layout != torch.strided or value.is_meta):
            return False
        if entries is not None and isinstance(value, abc.Sequence):
            for place, entry in enumerate(value):
                entries.check(f"{name}[{place}]", entry)
        return True

    words = _plural(str(entries)) if entries is not None else "numbers" if is_of_numbers else ""
    return f"{_SEQUENCES[kind]} of {words}" if words else _SEQUENCES[kind], check


def _tuple(inner: tuple[Any, ...]) -> tuple[str, Check]:
    entries = [_of([one]) for one in inner if one is not Ellipsis]

    def check(name: str, value: Any) -> bool:
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
    if value.is_meta:
        raise ValueError(f"{name} must hold numbers, but is on the meta device, where tensors have none")
    return True


_PLAIN: dict[Any, tuple[str, Check]] = {
    int: ("an integer", _is_integer),
    float: ("a number", _is_number),
    bool: ("True or False", _is_flag),
    str: ("a string", lambda _, value: isinstance(value, str)),
    None: ("None", lambda _, value: value is None),
    type(None): ("None", lambda _, value: value is None),
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


class ShowsConstructor:
    """A class whose ``__new__`` takes any arguments: ``help`` and editors show those of its ``__init__``."""

    def __init_subclass__(cls, **options: object) -> None:
        """Set the signature that :mod:`inspect` returns."""
        super().__init_subclass__(**options)
        signature = inspect.signature(cls.__init__)
        _, *parameters = signature.parameters.values()
        cls.__signature__ = signature.replace(parameters=parameters, return_annotation=signature.empty)  # type: ignore[attr-defined]
