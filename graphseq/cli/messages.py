"""Errors of the library in the words of the command line: arguments of Python become flags."""

from __future__ import annotations

import re
import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from json import JSONDecodeError
from pathlib import Path

from graphseq._printable import printable
from graphseq.cli.console import discard
from graphseq.experiments.errors import FORESEEN

_LONGEST = 1000  #: characters of a line, of which a file may have any number to quote
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
    line = in_flags(" ".join(str(error).split()), flags) or type(error).__name__
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST // 2]} … {line[-_LONGEST // 2 :]}"


@contextmanager
def refusals(
    parser: ArgumentParser, flags: Mapping[str, str] | None = None, *, record: Path | None = None
) -> Iterator[None]:
    """Within the block, an error that a file or a flag can cause ends the program with status 2 and one line.

    A reader of stdout that goes away, as in ``| head``, ends it without a word, with status 0.

    Args:
        parser: of the program, whose name the line begins with.
        flags: the flag of each argument of Python that errors may name.
        record: a file in JSON that the block reads, which may hold something else than it looks for.
    """
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        discard(sys.stdout)
        parser.exit(0)
    except (*FORESEEN, LookupError) as error:
        if isinstance(error, LookupError | TypeError | JSONDecodeError):
            if record is None:
                raise
            error = ValueError(f"{record} is not the record that this program reads: {error}")
        parser.exit(2, f"{parser.prog}: {printable(one_line(error, flags or {}))}\n")


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
        >>> in_flags("next.csv is already there; choose another name, or say overwrite=True", {})
        'next.csv is already there; choose another name'
    """

    def given(match: re.Match[str]) -> str:
        name, value = match[1], match[2]
        if name not in flags:
            return match[0]
        plain = value.strip("'\"") if value else ""
        if plain in ("", "True") or flags[name] == f"--{plain}":
            return flags[name]
        return f"{flags[name]} {value if ' ' in plain else plain}"

    def subject(match: re.Match[str]) -> str:
        return flags.get(match[1], match[1])

    def different(match: re.Match[str]) -> str:
        return f"with {flags[match[1]]} " if match[1] in flags else match[0]

    if "overwrite" not in flags:  # of a command that replaces nothing
        message = message.replace(", or say overwrite=True", "")
    return _SUBJECT.sub(subject, _DIFFERENT.sub(different, _GIVEN.sub(given, message)))
