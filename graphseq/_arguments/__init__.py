"""Checks of the arguments of a public function against its annotations, before the function begins.

An error names the argument, what came and what is expected, where Python, torch or matplotlib would say that an object
has no attribute of some name. Checks of values, such as ranges and shapes, are the function's own, in ``_checks``.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable
from difflib import get_close_matches
from typing import Any, TypeVar

from graphseq._arguments.annotations import expected

F = TypeVar("F", bound=Callable[..., Any])


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
    plan: _Plan | None = None

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        nonlocal plan
        if plan is None:  # at the first call, when all names of the annotations are defined
            plan = _Plan(function, others)
        count = len(args)
        for place, name, known, check in plan.by_place:
            if place >= count:
                break
            if type(args[place]) not in known:
                check(name, args[place])
        for name, value in kwargs.items():
            if name in plan.by_name:
                if type(value) not in plan.by_name[name][0]:
                    plan.by_name[name][1](name, value)
            elif plan.names and name not in plan.names:
                of = type(args[0]).__name__ if args and function.__name__ == "__init__" else function.__name__
                raise TypeError(plan.unknown(of, name))
        return function(*args, **kwargs)

    return call  # type: ignore[return-value]


_BY_PLACE = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class _Plan:
    """The checks of a function's arguments; a value whose type is among the known ones of its argument needs none."""

    def __init__(self, function: Callable[..., Any], others: tuple[str, ...]) -> None:
        parameters = inspect.signature(function).parameters
        takes_any = any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters.values())
        self.names = frozenset() if takes_any else frozenset(parameters)  # none of a function that takes any
        space = getattr(function, "__globals__", {})
        by_place, is_by_place = [], True
        self.by_name: dict[str, tuple[frozenset[type], Callable[[str, Any], None]]] = {}
        for place, (name, parameter) in enumerate(parameters.items()):
            is_by_place = is_by_place and parameter.kind in _BY_PLACE
            if name in others or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                continue
            annotation = parameter.annotation  # a string, or a class where a module does not postpone its annotations
            is_class = isinstance(annotation, type) and annotation is not parameter.empty
            text = annotation.__name__ if is_class else str(annotation)
            if (one := expected(text, space)) is not None:
                self.by_name[name] = one.known, one.check
                if is_by_place:
                    by_place.append((place, name, *self.by_name[name]))
        self.by_place = tuple(by_place)

    def unknown(self, called: str, name: str) -> str:
        """Return that what was called has no such argument, and the nearest one."""
        near = get_close_matches(name, sorted(self.names - {"self"}), n=1)
        return f"{called}() has no argument {name!r}{f'; did you mean {near[0]}?' if near else ''}"


def check_fields(record: Any) -> None:
    """Check the fields of a dataclass, in its ``__post_init__``, against their annotations."""
    for name, known, check in _of_fields(type(record)):
        value = getattr(record, name)
        if type(value) not in known:
            check(name, value)


_FIELDS: dict[type, list[tuple[str, frozenset[type], Callable[[str, Any], None]]]] = {}


def _of_fields(kind: type) -> list[tuple[str, frozenset[type], Callable[[str, Any], None]]]:
    if kind not in _FIELDS:
        space = vars(inspect.getmodule(kind))
        found = ((field.name, expected(str(field.type), space)) for field in dataclasses.fields(kind))
        _FIELDS[kind] = [(name, one.known, one.check) for name, one in found if one is not None]
    return _FIELDS[kind]


class ShowsConstructor:
    """A class whose ``__new__`` takes any arguments: ``help`` and editors show those of its ``__init__``."""

    def __init_subclass__(cls, **options: object) -> None:
        """Set the signature that :mod:`inspect` returns."""
        super().__init_subclass__(**options)
        signature = inspect.signature(cls.__init__)
        _, *parameters = signature.parameters.values()
        cls.__signature__ = signature.replace(parameters=parameters, return_annotation=signature.empty)  # type: ignore[attr-defined]
