"""Text that is safe to show: what would steer a terminal stands there escaped."""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

_BIDIRECTIONAL = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def printable(text: str) -> str:
    r"""Escape the characters that steer a terminal or turn the direction of a line; line breaks and tabs stay.

    Example:
        >>> printable("Ann\x1b[31m")
        'Ann\\x1b[31m'
    """
    return "".join(escaped(character) if steers(character) else character for character in text)


def steers(character: str) -> bool:
    """Return whether a character steers a terminal or turns the direction of a line."""
    if character in "\n\t":
        return False
    return character in _BIDIRECTIONAL or unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"}


def escaped(character: str) -> str:
    """Return a character as Python writes it in a text of ASCII."""
    return character.encode("unicode_escape").decode("ascii")


def printable_errors(function: F) -> F:
    r"""Escape what would steer a terminal in the errors of a reader, whose messages quote a file or its name.

    Example:
        >>> @printable_errors
        ... def read(line: str) -> int:
        ...     raise ValueError(f"{line} is no number")
        >>> read("1\x1b[2J")
        Traceback (most recent call last):
        ValueError: 1\x1b[2J is no number
    """

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except (ValueError, TypeError, OSError) as error:
            if len(error.args) == 1 and isinstance(error.args[0], str):
                error.args = (printable(error.args[0]),)
            raise

    return call  # type: ignore[return-value]
