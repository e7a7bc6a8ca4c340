"""The words of a report, and how they are shown: characters that steer a terminal or a page are written out."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from graphseq.reach.report.page import Page


@dataclass(frozen=True)
class Words:
    """The text of a report."""

    title: str
    finding: str
    confidence: float
    sentences: tuple[str, ...]
    table: tuple[tuple[str, str], ...]
    advice: tuple[str, ...]
    also: tuple[str, ...]
    notes: tuple[str, ...]


def visible(text: str) -> str:
    r"""Write out the characters that have no picture of their own, such as an escape; tabs and breaks become spaces.

    Example:
        >>> visible("Ann\x1b[31m\n")
        'Ann\\x1b[31m '
    """
    return "".join(_shown(character) for character in text)


def _shown(character: str) -> str:
    if character in "\n\t\r":
        return " "
    if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp"):
        return character.encode("unicode_escape").decode("ascii")
    return character


def all_notes(page: Page, notes: tuple[str, ...]) -> tuple[str, ...]:
    """The notes of a diagnosis and of its figures, each once."""
    return tuple(dict.fromkeys((*notes, *page.notes)))
