"""Errors of the library in the words of the command line: arguments of Python become flags."""

from __future__ import annotations

import re
from collections.abc import Mapping
from concurrent.futures.process import BrokenProcessPool

_VALUE = r"\[[^\]]*\]|\([^)]*\)|'[^']*'|\"[^\"]*\"|[^\s,;:)]*[^\s,;:).]"
_GIVEN = re.compile(rf"\b([a-z_]+)=({_VALUE})?")
_DIFFERENT = re.compile(r"\bwith ([a-z_]+) = ")
_SUBJECT = re.compile(r"^([a-z_]+)(?= (?:must|is|has|holds|needs|names|lies)\b)")


def one_line(error: Exception, flags: Mapping[str, str]) -> str:
    """Return what went wrong in one line.

    Args:
        error: the exception.
        flags: the flag of each argument of Python that the command's flags stand for.
    """
    if isinstance(error, BrokenProcessPool):
        return "a worker process was killed, perhaps for want of memory; --resume, with fewer --jobs, goes on"
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return in_flags(" ".join(str(error).split()), flags) or type(error).__name__


def in_flags(message: str, flags: Mapping[str, str]) -> str:
    """Return a message of the library with flags in place of Python's arguments.

    The library names an argument in one of three ways: with its value, as ``lags=4`` or ``sort=True``; as the subject
    of the message, as in "window must be a number"; or as a setting that has changed, as in "with hidden = 6, now 7".

    Args:
        message: of a ``ValueError`` or ``TypeError``.
        flags: the flag of each argument.

    Example:
        >>> in_flags("sort the file, or read it with sort=True", {"sort": "--sort"})
        'sort the file, or read it with --sort'
        >>> in_flags("batch_size must be at most 8; steps=9 are too many", {"batch_size": "--batch-size"})
        '--batch-size must be at most 8; steps=9 are too many'
    """

    def given(match: re.Match[str]) -> str:
        name, value = match[1], match[2]
        if name not in flags:
            return match[0]
        plain = value.strip("'\"") if value else ""
        if plain in ("", "True"):
            return flags[name]
        return f"{flags[name]} {value if ' ' in plain else plain}"

    def subject(match: re.Match[str]) -> str:
        return flags.get(match[1], match[1])

    def different(match: re.Match[str]) -> str:
        return f"with {flags[match[1]]} " if match[1] in flags else match[0]

    return _SUBJECT.sub(subject, _DIFFERENT.sub(different, _GIVEN.sub(given, message)))
