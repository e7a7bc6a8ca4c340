"""The recipe of a module: its class and the arguments of its constructor, as plain data to build it from again."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import partial
from typing import Any, Self

from torch import nn

from graphseq._arguments import ShowsConstructor

_PLACES = ("graphseq.nn", "graphseq.transforms", "torch.nn", "torch_geometric.nn.conv", "torch_geometric.nn.norm")
"""Modules whose public names a recipe may hold: building what they name does nothing but build."""

Known = Mapping[str, Callable[..., Any]]


class Rebuildable(ShowsConstructor, nn.Module):
    """A module that knows the arguments that it was built from, so that a copy can be built without unpickling one."""

    def __new__(cls, *args: object, **kwargs: object) -> Self:
        """Keep the arguments of the constructor by name."""
        module = super().__new__(cls)
        module.__dict__["_built_from"] = _BuiltFrom(_bound(cls, args, kwargs))
        return module


class _BuiltFrom:
    """The arguments of a constructor. A copy has copies of them; a pickle has none, since they may be functions."""

    def __init__(self, arguments: dict[str, object] | None = None) -> None:
        self.arguments = arguments

    def __deepcopy__(self, memo: dict[int, Any]) -> _BuiltFrom:
        return _BuiltFrom(deepcopy(self.arguments, memo))

    def __reduce__(self) -> tuple[type[_BuiltFrom], tuple[()]]:
        return _BuiltFrom, ()


def recipe_of(module: nn.Module) -> tuple[dict[str, object], dict[str, Callable[..., Any]]]:
    """Return class and arguments of a module as plain data, and the classes and functions in it that are a user's own.

    Args:
        module: a :class:`Rebuildable`.

    Raises:
        TypeError: a module that does not know its arguments, or an argument that plain data cannot describe.
        ValueError: two classes or functions of one name.
    """
    own: dict[str, Callable[..., Any]] = {}
    return _described(module, "model", own), own


def _described(module: nn.Module, name: str, own: dict[str, Callable[..., Any]]) -> dict[str, object]:
    arguments = module.__dict__["_built_from"].arguments if isinstance(module, Rebuildable) else None
    if arguments is None:
        raise TypeError(
            f"{name} must be a graphseq.nn.Model or Encoder whose arguments are known, as they are not after a pickle; "
            f"got {type(module).__name__}. Of other modules save module.state_dict() by torch.save"
        )
    plain = {key: _plain(value, f"{key} of {type(module).__name__}", own) for key, value in arguments.items()}
    return {"class": _name(type(module), name, own), "arguments": plain}


def built(recipe: object, known: Known) -> Any:
    """Build what a recipe describes.

    Args:
        recipe: as :func:`recipe_of` returned it.
        known: classes and functions that are not of graphseq, torch.nn or PyG, by name.

    Raises:
        ValueError: no recipe, or a name that is not known.
    """
    if isinstance(recipe, list):
        return [built(part, known) for part in recipe]
    if not isinstance(recipe, dict):
        return recipe
    if recipe.keys() == {"name"}:
        return _found(recipe["name"], known)
    if recipe.keys() == {"tuple"}:
        return tuple(built(recipe["tuple"], known))
    if recipe.keys() not in ({"class", "arguments"}, {"partial", "arguments"}) or not isinstance(
        recipe["arguments"], dict
    ):
        raise ValueError(f"a description with the entries {sorted(map(str, recipe))}")
    arguments = {str(key): built(value, known) for key, value in recipe["arguments"].items()}
    if "partial" in recipe:
        return partial(_found(recipe["partial"], known), **arguments)
    kind = _found(recipe["class"], known)
    if not (isinstance(kind, type) and issubclass(kind, nn.Module)):
        raise ValueError(f"{recipe['class']!r} as a module")
    return kind(**arguments)


def _bound(kind: type, args: tuple[object, ...], kwargs: Mapping[str, object]) -> dict[str, object] | None:
    """The arguments of a constructor by name; ``None`` where some cannot be given by name, or would be refused."""
    parameters = inspect.signature(kind.__init__).parameters.values()  # type: ignore[misc]
    if any(parameter.kind in (parameter.POSITIONAL_ONLY, parameter.VAR_POSITIONAL) for parameter in parameters):
        return None
    try:
        _, *bound = inspect.signature(kind.__init__).bind(None, *args, **kwargs).arguments.items()  # type: ignore[misc]
    except TypeError:  # a copy, which is filled later, or arguments that the constructor refuses
        return None
    rest = {parameter.name for parameter in parameters if parameter.kind is parameter.VAR_KEYWORD}
    return {key: value for key, value in bound if key not in rest} | dict(
        pair for key, value in bound if key in rest for pair in dict(value).items()
    )


def _plain(value: object, name: str, own: dict[str, Callable[..., Any]]) -> object:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list):
        return [_plain(part, name, own) for part in value]
    if isinstance(value, tuple):
        return {"tuple": [_plain(part, name, own) for part in value]}
    if isinstance(value, nn.Module):
        return _described(value, name, own)
    if isinstance(value, partial) and not value.args:
        arguments = {key: _plain(part, f"{key} in {name}", own) for key, part in value.keywords.items()}
        return {"partial": _name(value.func, name, own), "arguments": arguments}
    return {"name": _name(value, name, own)}


def _name(value: object, name: str, own: dict[str, Callable[..., Any]]) -> str:
    """The name under which a class or function is found again: with its module, or alone where it is a user's own."""
    short = getattr(value, "__name__", None)
    if not callable(value) or not isinstance(short, str) or short == "<lambda>":
        raise TypeError(
            f"{name} cannot be described as plain data, so that the model cannot be built again from a file; it is a "
            f"{short or type(value).__name__}. Give a number, a string, a class or function with a name, or "
            "functools.partial of one"
        )
    for place in _PLACES:
        if getattr(importlib.import_module(place), short, None) is value:
            return f"{place}.{short}"
    if own.setdefault(short, value) is not value:
        raise ValueError(f"{name} has the name {short}, as another class or function of the model has; rename one")
    return short


def _found(name: object, known: Known) -> Callable[..., Any]:
    """The class or function of that name."""
    place, _, short = str(name).rpartition(".")
    if not place:
        if short in known:
            return known[short]
        raise ValueError(f"{short}, a class or function that is not graphseq's; name it in classes=[{short}]")
    if place in _PLACES:
        module = importlib.import_module(place)
        value = getattr(module, short, None)
        if place.startswith("graphseq.") and short in module.__all__ and callable(value):
            return value  # type: ignore[no-any-return]
        if isinstance(value, type) and issubclass(value, nn.Module):
            return value
    raise ValueError(f"{name}, which is no class of graphseq.nn, torch.nn or PyG")
