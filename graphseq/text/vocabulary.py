"""Characters and their tokens, and the nearest character to one that the model never saw."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from difflib import SequenceMatcher

import torch
from torch import Tensor

from graphseq._arguments import checked_arguments
from graphseq._checks import shown

# Signs that are written for one another; names and categories would not tell.
_INTERCHANGEABLE = ("'’‘`´", '"“”„«»', "-–—‐‑−", " \u00a0\t\n")

_LIKE = 0.7  #: likeness of the names of two characters from which on one stands for the other


def tokens(text: str, alphabet: Sequence[str], name: str = "prompt") -> Tensor:
    """Return the numbers of the characters of ``text``, (T,).

    Raises:
        ValueError: a character outside ``alphabet``; the message names it, and the nearest in the alphabet where one is
            near.
    """
    number = {character: token for token, character in enumerate(alphabet)}
    if unknown := sorted(set(text) - set(number), key=text.index):
        near = {character: nearest(character, alphabet) for character in unknown}
        near = {character: other for character, other in near.items() if _is_near(character, other)}
        described = ", ".join(
            f"{character!r} (nearest: {near[character]!r})" if character in near else repr(character)
            for character in unknown
        )
        reads = "".join(near.get(character, character) for character in text)
        known = "".join(alphabet[:40]) + ("…" if len(alphabet) > 40 else "")
        advice = f"with the nearest it reads {reads!r}" if len(near) == len(unknown) else f"it knows {known!r}"
        raise ValueError(f"{name} holds what the model never saw: {described}; {advice}")
    return torch.tensor([number[character] for character in text], dtype=torch.long)


@checked_arguments
def nearest(character: str, alphabet: Sequence[str]) -> str:
    """Return the character of ``alphabet`` that is nearest to one that it lacks.

    The order: the same letter in the other case or without its accents; a sign that is written in its place; a
    character of its own category, for a digit the nearest digit, else the one with the most similar Unicode name.

    Example:
        >>> nearest("É", "aeiou"), nearest("’", "a'"), nearest("7", "abc019"), nearest("z", "AZ")
        ('e', "'", '9', 'Z')
    """
    if not alphabet:
        raise ValueError("alphabet must hold at least one character, got none")
    if len(character) != 1:
        raise ValueError(f"character must be one character, got {shown(character)}")
    for place, other in enumerate(alphabet):
        if len(other) != 1:
            raise ValueError(f"alphabet[{place}] must be one character, got {shown(other)}")

    def likeness(other: str) -> tuple[bool, bool, bool, bool, float, int]:
        return (
            character.casefold() == other.casefold(),
            _bare(character) == _bare(other),
            any(character in signs and other in signs for signs in _INTERCHANGEABLE),
            unicodedata.category(character)[0] == unicodedata.category(other)[0],
            0.0 if character.isdecimal() else SequenceMatcher(None, _name(character), _name(other)).ratio(),
            -abs(ord(character) - ord(other)),
        )

    return max(alphabet, key=likeness)


def _is_near(character: str, other: str) -> bool:
    """Return whether a reader would take one for the other: one letter, signs for each other, digits, a like name."""
    return (
        _bare(character) == _bare(other)
        or any(character in signs and other in signs for signs in _INTERCHANGEABLE)
        or (character.isdecimal() and other.isdecimal())
        or (
            unicodedata.category(character)[0] == unicodedata.category(other)[0]
            and SequenceMatcher(None, _name(character), _name(other)).ratio() > _LIKE
        )
    )


@checked_arguments
def first_character(alphabet: Sequence[str], generator: torch.Generator, among: str | None = None) -> str:
    """Draw a character for a text to begin with, all allowed ones being equally likely.

    Args:
        alphabet: the characters that the model knows.
        generator: source of the draw.
        among: the allowed characters; by default the capital letters of the alphabet, or all of its letters where it
            has no capitals, or all of its characters where it has no letters.

    Raises:
        ValueError: ``among`` is empty or holds a character that ``alphabet`` lacks.

    Example:
        >>> first_character("AbZ", torch.Generator().manual_seed(0), among="Z")
        'Z'
    """
    if not alphabet:
        raise ValueError("alphabet must hold at least one character, got none")
    if among is not None:
        if not among:
            raise ValueError("among must hold at least one character for a text to begin with")
        tokens(among, alphabet, "among")
    capitals = [character for character in alphabet if character.isupper()]
    letters = [character for character in alphabet if character.isalpha()]
    choices = list(dict.fromkeys(among)) if among is not None else capitals or letters or list(alphabet)
    return choices[int(torch.randint(len(choices), (1,), generator=generator))]


def _bare(character: str) -> str:
    """Return a letter in lower case without its accents."""
    parts = unicodedata.normalize("NFKD", character.casefold())
    return "".join(part for part in parts if not unicodedata.combining(part)) or character


def _name(character: str) -> str:
    return unicodedata.name(character, character)
