"""The terminal: results go to stdout, everything else to stderr, and no text can break or mislead it."""

from __future__ import annotations

import io
import json
import math
import os
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TextIO

from graphseq._printable import printable, steers

DISABLE = "TQDM_DISABLE"
"""The environment variable that turns progress bars off; see :mod:`graphseq.training.progress`."""


class StdoutClosedError(Exception):
    """The reader of stdout went away, as ``head`` does once it has its lines."""


@dataclass
class Console:
    """The output of a command: results on stdout, all else on stderr.

    Attributes:
        quiet: print results only.
        json: print results as one JSON document.
        mute: print nothing at all, as all but the first of several processes that train together.
    """

    quiet: bool = False
    json: bool = False
    mute: bool = False

    @contextmanager
    def with_warnings(self) -> Iterator[None]:
        """Within the block Python's warnings are comments in one line."""
        with warnings.catch_warnings():
            warnings.showwarning = lambda message, *_: self.say(f"warning: {' '.join(str(message).split())}")
            yield

    @contextmanager
    def without_progress(self) -> Iterator[None]:
        """Within the block no progress bar is shown, in worker processes neither, if the command is to be quiet."""
        before = os.environ.get(DISABLE)
        if self.quiet or self.mute:
            os.environ[DISABLE] = "1"
        try:
            yield
        finally:
            if before is None:
                os.environ.pop(DISABLE, None)
            else:
                os.environ[DISABLE] = before

    def say(self, text: str = "") -> None:
        """Print a comment, which is no result, to stderr."""
        if self.quiet or self.mute:
            return
        try:
            print(printable(text), file=sys.stderr, flush=True)
        except BrokenPipeError:  # nobody reads comments any more, and the work goes on
            self.quiet = True
            discard(sys.stderr)

    def complain(self, text: str) -> None:
        """Print what went wrong to stderr in one line, however quiet the command is to be."""
        if not self.mute:
            tell(" ".join(text.split()))

    def result(self, text: str, record: Mapping[str, object]) -> None:
        """Print the results of a command: ``text``, or with --json ``record``."""
        self._write((_document(record) if self.json else printable(text)) + "\n")

    def stream(self, text: str) -> None:
        """Print a part of a text as soon as it is there; a terminal gets it escaped, a file or pipe as it is.

        Raises:
            StdoutClosedError: nobody reads it any more.
        """
        self._write(printable(text) if sys.stdout.isatty() else text)

    def _write(self, text: str) -> None:
        if self.mute:
            return
        try:
            sys.stdout.write(text)
            sys.stdout.flush()
        except BrokenPipeError:
            discard(sys.stdout)
            raise StdoutClosedError from None
        except OSError as error:
            discard(sys.stdout)
            raise OSError(error.errno, f"{error.strerror}; the results could not be printed", "stdout") from None


def tell(text: str) -> None:
    """Print what a command ends with to stderr; where nobody reads it, its exit status says it alone."""
    try:
        print(printable(text), file=sys.stderr, flush=True)
    except OSError:
        discard(sys.stderr)


def accept_every_character() -> None:
    """Have stdout and stderr escape what their encoding lacks, in place of an error; a closed stderr takes all."""
    if sys.stderr is None:  # what is printed to None goes to stdout, among the results
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - as long as the process
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _document(record: Mapping[str, object]) -> str:
    """Return a record as JSON, in which what steers a terminal is escaped as JSON does it."""
    text = json.dumps(_finite(record), ensure_ascii=False)
    return "".join(f"\\u{ord(character):04x}" if steers(character) else character for character in text)


def _finite(value: object) -> object:
    """Return plain data with null in place of numbers that are not finite, which JSON has no words for."""
    if isinstance(value, Mapping):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def discard(stream: TextIO) -> None:
    """Let what is still buffered for a closed pipe go nowhere, so that the end of Python does not fail on it."""
    with open(os.devnull, "wb") as nowhere, suppress(OSError, ValueError):  # where it is a file of the system
        os.dup2(nowhere.fileno(), stream.fileno())
