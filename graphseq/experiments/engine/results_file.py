"""The file of a sweep's results: a line of JSON a run, appended once it is finished, by one sweep at a time."""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, fields, replace
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from filelock import FileLock, Timeout

from graphseq import _files
from graphseq.experiments.engine.configs import Config, key_of
from graphseq.experiments.engine.run import Run

_BEGINNING = re.compile(rb'\{"key": "[0-9a-f]{64}", "work": "')
_EXAMPLE = b'{"key": "' + b"0" * 64 + b'", "work": "'


class ResultsFile:
    """The file of one function's results, locked against other processes while it is open.

    A file that is there is gone on with. A last line that was cut short, as a kill or a full disk leaves it, is taken
    away, and so are zero bytes behind it, as a loss of power leaves them: its run counts as not finished.

    Args:
        path: the file, created if it is missing.
        work: the name of the function whose results it holds.

    Raises:
        BlockingIOError: another sweep has it open.
        PermissionError: it is a link of another user's.
        ValueError: it holds something else, or results of another function; it is left as it was.
        OSError: it cannot be read or written.
    """

    def __init__(self, path: str | Path, work: str) -> None:
        self.path = Path(path)
        self.work = work
        self.runs: dict[str, Run] = {}
        self._file: BinaryIO | None = None
        self._lock = FileLock(self.path.with_name(f".{self.path.name}.lock"), timeout=0)

    def __enter__(self) -> Self:
        """Lock it and read what it holds, into ``runs``: the last of each configuration."""
        for path in (self.path, Path(self._lock.lock_file)):
            _files.followed(path)
        file = self.path.open("a+b")
        try:
            self._acquire()
        except BaseException:
            file.close()
            raise
        try:
            file.seek(0)
            content = file.read()
            whole = content.rstrip(b"\0")
            *lines, rest = (whole if b"\n" in whole else content).split(b"\n")
            for number, line in enumerate(lines, start=1):
                run = self._parse(line, number)
                self.runs[run.key] = run
            if rest or len(content) > len(whole):
                self._drop(file, rest, len(lines) + 1, len(content) - sum(len(line) + 1 for line in lines))
        except BaseException:
            file.close()
            self._lock.release()
            raise
        self._file = file
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close and unlock it."""
        if self._file is None:
            return
        try:
            if error is None:
                self._check_there(self._file)
        finally:
            self._file.close()
            self._lock.release()

    def append(self, run: Run) -> None:
        """Add a run; when this returns, it is on the disk.

        Raises:
            OSError: the file was deleted or replaced meanwhile, or the disk is full; the message names it.
        """
        if self._file is None:
            raise ValueError(f"{self.path} is not open")
        record = asdict(run)
        line = json.dumps({"key": record.pop("key"), "work": self.work, **record}, allow_nan=False)
        self._check_there(self._file)
        try:
            self._file.write(line.encode() + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as wrong:
            with suppress(OSError):  # it would try to write the rest once more
                self._file.close()
            raise OSError(wrong.errno, _files.advice(wrong), str(self.path)) from wrong
        self.runs[run.key] = run

    def complete(self, configs: Mapping[str, Config], defaults: Config) -> None:
        """Find the runs of ``configs``, by key, also where one of the two does not name an argument with a default.

        Args:
            configs: the configurations that are looked for, by key.
            defaults: of the function's arguments.
        """
        whole = {key_of({**defaults, **run.config}): run for run in self.runs.values()}
        for key, config in configs.items():
            run = whole.get(key_of({**defaults, **config}))
            if key not in self.runs and run is not None:
                self.runs[key] = replace(run, key=key, config=config)

    def _check_there(self, file: BinaryIO) -> None:
        """Refuse to go on where the name leads to another file, or to none: what is written would be seen by nobody."""
        try:
            is_there = os.path.samestat(self.path.stat(), os.fstat(file.fileno()))
        except FileNotFoundError:
            is_there = False
        if not is_there:
            raise FileNotFoundError(
                errno.ENOENT,
                f"was deleted or replaced while its runs were made, and {len(self.runs)} results with it; run them "
                "again in another place",
                str(self.path),
            )

    def _acquire(self) -> None:
        """Lock a file beside the results; the operating system gives the lock up when the process ends, however."""
        # The file of the lock stays: one that is removed can have been opened by another process, which would lock what
        # is no longer there, while a third makes a new one and locks that.
        try:
            self._lock.acquire()
        except Timeout:
            raise BlockingIOError(
                f"{self.path} is being written to by another sweep; wait for it to end, or name another file"
            ) from None

    def _parse(self, line: bytes, number: int) -> Run:
        try:
            record = json.loads(line)
            work = record.pop("work")
            run = Run(**record)
            whole = set(record) == {field.name for field in fields(Run)} and key_of(run.config) == run.key
            whole = whole and (run.result is None) is run.failed and _has_kinds(run)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            whole = False
        if not whole:
            raise ValueError(f"{self.path}, line {number}, is not a run of a sweep; name another file for the results")
        if work != self.work:
            raise ValueError(
                f"{self.path} holds results of {work!r}, now they would be of {self.work!r}; name another file"
            )
        return run

    def _drop(self, file: BinaryIO, rest: bytes, number: int, size: int) -> None:
        """Take a last line without an end away, ``size`` bytes, if it is the beginning of a run's."""
        if not _BEGINNING.match(rest + _EXAMPLE[len(rest) :]):
            raise ValueError(f"{self.path}, line {number}, is not a run of a sweep; name another file for the results")
        file.truncate(file.seek(0, os.SEEK_END) - size)


def _has_kinds(run: Run) -> bool:
    """Return whether every field of a run that was read holds what it should."""
    numbers = isinstance(run.attempt, int) and isinstance(run.seconds, int | float)
    texts = isinstance(run.error, str | None) and isinstance(run.traceback, str | None)
    return numbers and texts and isinstance(run.result, dict | None) and isinstance(run.machine, dict)
