"""Files that are written whole or not at all: to a temporary file in the same folder, which is then renamed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

_PARTIAL = ".partial"


def write(path: str | Path, put: Callable[[BinaryIO], object], *, overwrite: bool) -> Path:
    """Write a file that becomes ``path`` only once it is complete.

    Args:
        path: the file.
        put: a function that writes to an open file.
        overwrite: replace a file that is already there.

    Raises:
        FileExistsError: ``path`` is there and ``overwrite`` is false.
        OSError: the folder cannot be written to; nothing is left behind.
    """
    path = Path(path)
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} is already there; choose another name, or ask for it to be overwritten")
    handle, beside = tempfile.mkstemp(prefix=f".{path.name}.", suffix=_PARTIAL, dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            put(file)
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(beside, 0o666 & ~umask)
        os.replace(beside, path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise
    return path


def partial(folder: Path) -> list[Path]:
    """Incomplete files in ``folder``, left by processes that were killed."""
    return sorted(folder.glob(f".*{_PARTIAL}"))


def write_text(path: str | Path, text: str, *, overwrite: bool) -> Path:
    """Write ``text`` in UTF-8; see :func:`write`."""
    return write(path, lambda file: file.write(text.encode()), overwrite=overwrite)
