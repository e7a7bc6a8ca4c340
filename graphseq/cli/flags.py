"""Flags made from a dataclass of settings, so that a setting is written once: its type, default and help in one place.

A setting ``held_out: Share = 0.1`` becomes ``--held-out SHARE``; a tuple ``seeds: tuple[Seed, ...] = (0,)`` becomes
``--seed SEED [SEED ...]``; a bool becomes a switch, and where it is true by default one with its opposite,
``--no-…``; a field without a default becomes a positional argument. The help is the field's entry in the class's
"Attributes" section.
"""

from __future__ import annotations

import argparse
import inspect
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields
from functools import partial
from typing import Annotated, Any, Literal, NamedTuple, TypeVar, Union, get_args, get_origin, get_type_hints

from graphseq.cli.arguments import choice, device, distinct, number
from graphseq.experiments.settings import Choices, Device, Metavar, Range

S = TypeVar("S")


class _Kind(NamedTuple):
    """The type, choices and range of a flag's value, from its annotation."""

    base: type
    many: bool
    range: Range | None
    choices: tuple[str, ...] | None
    metavar: str | None
    is_device: bool


def add(
    parser: argparse.ArgumentParser,
    settings: type,
    *,
    without: tuple[str, ...] = (),
    defaults: Mapping[str, object] | None = None,
    listed: Mapping[str, tuple[str, ...]] | None = None,
) -> None:
    """Give ``parser`` a flag for each field of a dataclass.

    Args:
        parser: the parser of a command.
        settings: the dataclass.
        without: fields that have no flag.
        defaults: defaults of this command where they are not those of the dataclass.
        listed: names that the help of a field lists, where this command has not all that the dataclass has.
    """
    hints, texts = get_type_hints(settings, include_extras=True), attributes(settings)
    for field in fields(settings):
        if field.name not in without:
            default = (defaults or {}).get(field.name, field.default)
            text, names = texts.get(field.name, ""), (listed or {}).get(field.name)
            _add(parser, field, _kind(hints[field.name]), text, default, names)


def read(options: argparse.Namespace, settings: type[S], **values: object) -> S:
    """Return the settings that the flags made by :func:`add` ask for.

    Args:
        options: parsed flags.
        settings: the dataclass.
        values: fields that have no flag, or are to have another value.

    Raises:
        ValueError: a flag names a value twice.
    """
    hints = get_type_hints(settings, include_extras=True)
    found = {
        field.name: _value(field, _kind(hints[field.name]), getattr(options, field.name))
        for field in fields(settings)  # type: ignore[arg-type]
        if field.name not in values
    }
    return settings(**found, **values)


def flag(name: str, *, many: bool = False) -> str:
    """Return the flag of a setting: one value each of ``seeds`` is given by ``--seed``."""
    return "--" + (name.removesuffix("s") if many else name).replace("_", "-")


def attributes(settings: type) -> dict[str, str]:
    """Return the entries of the "Attributes" section of a class's docstring, by name.

    Example:
        >>> class Settings:
        ...     '''Two settings.
        ...
        ...     Attributes:
        ...         hidden: hidden units
        ...             of a model.
        ...         seed: of its weights.
        ...     '''
        >>> attributes(Settings)
        {'hidden': 'hidden units of a model', 'seed': 'of its weights'}
    """
    _, _, section = (inspect.getdoc(settings) or "").partition("Attributes:\n")
    found: dict[str, str] = {}
    name = ""
    for line in section.splitlines():
        if line and not line.startswith("    "):
            break
        if line.startswith("    ") and not line.startswith("     "):
            name, _, text = line.strip().partition(": ")
            found[name] = text
        elif name:
            found[name] = f"{found[name]} {line.strip()}".strip()
    return {name: text.removesuffix(".") for name, text in found.items()}


def _add(
    parser: argparse.ArgumentParser,
    field: Field[Any],
    kind: _Kind,
    text: str,
    default: object,
    listed: tuple[str, ...] | None,
) -> None:
    words: dict[str, Any] = {"help": text.replace("%", "%%")}
    if kind.base is bool:
        if field.default is True:
            switch = argparse.BooleanOptionalAction
            action = parser.add_argument(flag(field.name), dest=field.name, default=default, action=switch)
            action.help = words["help"]  # some versions of Python would add the default to it
        else:
            parser.add_argument(flag(field.name), dest=field.name, action="store_true", **words)
        return
    words["type"] = _parser_of(kind)
    words["metavar"] = kind.metavar or field.name.upper()
    if kind.choices is not None:
        words["choices"] = kind.choices
        words["metavar"] = None if not kind.many and len(", ".join(kind.choices)) < 60 else kind.metavar or "NAME"
        if words["metavar"]:
            words["help"] = f"{words['help']}: {', '.join(listed or kind.choices)}"
    if kind.many:
        words["nargs"] = "+"
    if default is MISSING:
        parser.add_argument(field.name, **words)
    else:
        parser.add_argument(flag(field.name, many=kind.many), dest=field.name, default=default, **words)


def _parser_of(kind: _Kind) -> Callable[[str], object]:
    if kind.is_device:
        return device
    if kind.choices is not None:
        return partial(choice, names=kind.choices)
    if kind.base in (int, float):
        return number(kind.base, kind.range)
    return kind.base


def _kind(hint: Any) -> _Kind:
    marks: list[object] = []
    many = is_device = False
    while True:
        is_device = is_device or hint == Device
        if get_origin(hint) is Annotated:
            hint, *more = get_args(hint)
            marks = [*more, *marks]
        elif get_origin(hint) in (Union, types.UnionType):
            (hint,) = [part for part in get_args(hint) if part is not type(None)]
        elif get_origin(hint) is tuple:
            hint, many = get_args(hint)[0], True
        elif get_origin(hint) is Literal:
            marks = [*marks, Choices(get_args(hint))]
            hint = str
        else:
            break
    range_, choices, metavar = (
        next((mark for mark in reversed(marks) if isinstance(mark, sort)), None) for sort in (Range, Choices, Metavar)
    )
    return _Kind(
        hint,
        many,
        range_ if isinstance(range_, Range) else None,
        choices.names if isinstance(choices, Choices) else None,
        metavar.name if isinstance(metavar, Metavar) else None,
        is_device,
    )


def _value(field: Field[Any], kind: _Kind, value: object) -> object:
    if not isinstance(value, list | tuple):
        return value
    values = distinct(flag(field.name, many=True), value)
    return values if kind.choices is None else tuple(name for name in kind.choices if name in values)
