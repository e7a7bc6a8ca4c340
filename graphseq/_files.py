"""Files that are written whole or not at all: to a temporary file in the same folder, which is then renamed."""

from __future__ import annotations

import errno
import io
import os
import re
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

try:
    import fcntl
except ModuleNotFoundError:  # Windows, where a file that is open cannot be deleted or replaced anyway
    fcntl = None  # type: ignore[assignment]

_PARTIAL = re.compile(r"\.(?P<name>.+)\.[0-9a-f]{16}\.partial")
_LONGEST = 200
"""The most bytes of a file's name that its temporary file repeats; file systems allow 255 in all."""
_FULL = {errno.ENOSPC, errno.EDQUOT} if hasattr(errno, "EDQUOT") else {errno.ENOSPC}


def write(path: str | Path, put: Callable[[BinaryIO], object], *, overwrite: bool) -> Path:
    """Write a file that becomes ``path`` only once it is complete.

    A new file has the permissions that the umask leaves; one that replaces another keeps the other's. A link is
    followed, and stays.

    Args:
        path: the file.
        put: a function that writes to an open file, which it may also read.
        overwrite: replace a file that is already there.

    Raises:
        FileExistsError: ``path`` is there and ``overwrite`` is false.
        PermissionError: ``path`` is a link of another user's.
        OSError: the folder is gone or cannot be written to, or the disk is full; the message names the file, and
            nothing is left behind.
    """
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"path must be the name of a file, got {path!r} ({type(path).__name__})")
    path = Path(path)
    place = followed(path)
    if place.exists() and not overwrite:
        raise FileExistsError(f"{path} is already there; choose another name, or say overwrite=True")
    try:
        handle, beside = _begin(place)
    except OSError as error:
        raise _named(path, error) from error
    sink = _Sink(handle)
    try:
        try:
            put(sink)
            sink.flush()
            os.fsync(handle)
        except Exception as error:
            raise _named(path, sink.error or error) from error
        if fcntl is None:
            sink.close()
        os.replace(beside, place)
    except BaseException:
        with suppress(OSError):
            sink.close()
        beside.unlink(missing_ok=True)
        raise
    sink.close()
    return path


def write_text(path: str | Path, text: str, *, overwrite: bool) -> Path:
    """Write ``text`` in UTF-8; see :func:`write`."""
    return write(path, lambda file: file.write(text.encode()), overwrite=overwrite)


def followed(path: Path) -> Path:
    """The place that ``path`` leads to, where it is a link.

    Raises:
        PermissionError: a link of another user's, by which they would choose what is written to.
    """
    if not hasattr(os, "geteuid"):
        return path
    place, seen = path, 0
    while place.is_symlink():
        if place.lstat().st_uid not in (os.geteuid(), 0):
            raise PermissionError(
                errno.EPERM,
                "a link of another user's, and not written through; name another place",
                str(path),
            )
        if (seen := seen + 1) > 40:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
        place = place.parent / os.readlink(place)
    return place


def partial(folder: Path, name: str | None = None) -> list[Path]:
    """The incomplete files in ``folder``: those that are being written, and those of processes that were killed.

    Args:
        folder: the folder.
        name: of the file that they are to become; by default of any.
    """
    matches = ((path, _PARTIAL.fullmatch(path.name)) for path in folder.glob(".*.partial"))
    return sorted(path for path, match in matches if match and name in (None, match["name"]))


def clean(folder: Path, name: str | None = None) -> None:
    """Delete the incomplete files of processes that were killed; see :func:`partial`."""
    for path in partial(folder, None if name is None else _short(name)):
        with suppress(OSError):  # one that is being written to, or was renamed meanwhile
            _delete(path)


def full(error: OSError) -> bool:
    """True where the disk, or the user's share of it, is full."""
    return error.errno in _FULL


def advice(error: OSError) -> str:
    """The words of the system, and what to do where the disk is full."""
    text = error.strerror or str(error)
    return f"{text}; free some room, or name another place: what was there before is kept" if full(error) else text


class _Sink(io.BufferedRandom):
    """An open file that remembers the error of the system at which a write failed: torch reports another one."""

    def __init__(self, handle: int) -> None:
        super().__init__(io.FileIO(handle, "r+b"))
        self.error: OSError | None = None

    def write(self, data: Any, /) -> int:
        with self._kept():
            return super().write(data)

    def flush(self) -> None:
        with self._kept():
            super().flush()

    @contextmanager
    def _kept(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.error = error
            raise


def _begin(place: Path) -> tuple[int, Path]:
    """A temporary file beside ``place``, open and locked, so that no other process takes it for a rest."""
    mode = stat.S_IMODE(place.stat().st_mode) if place.exists() else None
    while True:
        beside = place.parent / f".{_short(place.name)}.{secrets.token_hex(8)}.partial"
        # The system applies the umask itself; asking for it would change it for all threads for a moment.
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
        handle = os.open(beside, flags, 0o666 if mode is None else 0o600)
        try:
            if mode is not None and hasattr(os, "fchmod"):
                os.fchmod(handle, mode)
            _lock(handle)
            if os.fstat(handle).st_nlink == 0:  # another process took it for a rest before it was locked
                os.close(handle)
                continue
        except BaseException:
            os.close(handle)
            beside.unlink(missing_ok=True)
            raise
        return handle, beside


def _lock(handle: int, *, wait: bool = True) -> None:
    """Lock an open file until it is closed, or its process ends.

    Raises:
        BlockingIOError: another process has it locked, and ``wait`` is false.
    """
    if fcntl is None:
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:  # a file system without locks
        if not wait:
            raise


def _delete(path: Path) -> None:
    """Delete an incomplete file, unless a process has it locked."""
    handle = os.open(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
    try:
        _lock(handle, wait=False)
        if fcntl is not None:
            path.unlink()
    finally:
        os.close(handle)
    if fcntl is None:
        path.unlink()  # which fails where another process has it open


def _short(name: str) -> str:
    return os.fsdecode(os.fsencode(name)[:_LONGEST])


def _named(path: Path, error: Exception) -> Exception:
    """The error with the name of the file, where it is one of the system."""
    if not isinstance(error, OSError) or error.errno is None:
        return error
    return OSError(error.errno, advice(error), str(path))
