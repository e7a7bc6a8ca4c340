"""Text that is safe to show: what would steer a terminal stands there escaped."""

from __future__ import annotations

import unicodedata

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
