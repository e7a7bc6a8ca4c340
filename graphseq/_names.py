"""Public names of packages: they load on first use, and a wrong one is answered with the nearest."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import lazy_loader


def attach(name: str, file: str) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Return ``__getattr__``, ``__dir__`` and ``__all__`` of a package whose public names stand in its stub file.

    Args:
        name: ``__name__`` of the package.
        file: ``__file__`` of the package.
    """
    load, listed, names = lazy_loader.attach_stub(name, file)

    def get(wanted: str) -> Any:
        if wanted in names:
            return load(wanted)
        raise AttributeError(_message(name, wanted, names))

    return get, listed, names


def nearest(name: str, names: list[str]) -> Callable[[str], Any]:
    """Return the ``__getattr__`` of a package that has all its names: an error that suggests the nearest."""

    def get(wanted: str) -> Any:
        raise AttributeError(_message(name, wanted, names))

    return get


def _message(package: str, wanted: str, names: list[str]) -> str:
    text = f"module {package!r} has no attribute {wanted!r}"
    if wanted.startswith("__"):  # asked by Python and its tools, not by a person
        return text
    others = {other: place for place, other in _elsewhere(package) if other == wanted}
    if others:
        return f"{text}; did you mean {others[wanted]}.{wanted}?"
    lower = {other.lower(): other for other in names}
    near = difflib.get_close_matches(wanted.lower(), lower, n=1)
    return f"{text}; did you mean {lower[near[0]]!r}?" if near else text


def _elsewhere(package: str) -> Iterator[tuple[str, str]]:
    """Public names of the packages of graphseq, each with its package, read from their files without loading them."""
    root = Path(__file__).parent
    for init in sorted(root.glob("*/__init__.py*")):
        place = f"{root.name}.{init.parent.name}"
        for node in ast.parse(init.read_text(encoding="utf-8")).body:
            if place != package and isinstance(node, ast.ImportFrom):
                yield from ((place, alias.asname or alias.name) for alias in node.names)
