"""Files of tensors that torch reads without running code from them, closed by a checksum."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import torch
from torch import Tensor

from graphseq import _files

# An archive ends with a record of 22 bytes, the last two of them the length of a comment, which follows.
_RECORD, _SIGNATURE, _LENGTH = 22, b"PK\x05\x06", 2
_MARK = b"graphseq sha256 "
_COMMENT = len(_MARK) + 64


def write(path: str | Path, content: object, *, overwrite: bool) -> Path:
    """Write tensors and plain data in one piece.

    The last 64 bytes of the file are the SHA-256 of all others, in the comment of the archive that torch writes.
    """

    def put(file: BinaryIO) -> None:
        torch.save(content, file)
        file.seek(-_LENGTH, os.SEEK_END)
        file.write(_COMMENT.to_bytes(_LENGTH, "little") + _MARK)
        file.write(_digest(file, file.tell()).encode())

    return _files.write(path, put, overwrite=overwrite)


def read(path: str | Path, kind: str) -> tuple[object, int]:
    """Return the content of a file that :func:`write` wrote, and the file's size in bytes.

    Args:
        path: the file.
        kind: a word for the file in the message of an error, such as "checkpoint".

    Raises:
        ValueError: not such a file, damaged or cut short; the message says which.
        OSError: the file cannot be read.
    """
    with open(path, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        try:
            _check_digest(file, size, kind)
            with zipfile.ZipFile(file) as archive:
                _check_sizes(archive, size)
                if damaged := archive.testzip():
                    raise zipfile.BadZipFile(f"{damaged} is damaged")
            file.seek(0)
            return torch.load(file, map_location="cpu", weights_only=True), size
        except Exception as error:  # a damaged file makes zipfile and torch raise almost anything
            reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
            raise ValueError(f"{path} is not a whole {kind}, it may have been cut short: {reason}") from None


def check_tensors(value: object, size: int) -> None:
    """Refuse a tensor of more entries than a file of ``size`` bytes has room for, as one that repeats an entry has.

    Raises:
        ValueError: there is such a tensor, or one that is not in memory.
    """
    if isinstance(value, Tensor):
        if value.device.type != "cpu" or (
            value.layout == torch.strided and value.numel() * value.element_size() > size
        ):
            raise ValueError(f"a tensor of shape {tuple(value.shape)} on {value.device} in a file of {size} bytes")
        return
    for part in value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ():
        check_tensors(part, size)


def _check_digest(file: BinaryIO, size: int, kind: str) -> None:
    """Compare the checksum; a file of an earlier version ends without one."""
    file.seek(max(0, size - _COMMENT))
    end = file.read()
    if end.startswith(_MARK):
        if _digest(file, size - 64).encode() != end[len(_MARK) :]:
            raise ValueError("its checksum is not that of its content, so that some bits of it have changed")
    elif end[-_RECORD:][: len(_SIGNATURE)] != _SIGNATURE:
        raise ValueError(f"it does not end as a {kind} does")


def _digest(file: BinaryIO, size: int) -> str:
    """The SHA-256 of the first ``size`` bytes, in hexadecimal digits; the file is then read up to there."""
    digest = hashlib.sha256()
    file.seek(0)
    while size:
        piece = file.read(min(size, 1 << 20))
        if not piece:
            break
        digest.update(piece)
        size -= len(piece)
    return digest.hexdigest()


def _check_sizes(archive: zipfile.ZipFile, size: int) -> None:
    """Refuse an archive that holds more than its file has bytes: torch writes every part as it is."""
    parts = archive.infolist()
    if any(part.compress_type != zipfile.ZIP_STORED for part in parts) or sum(part.file_size for part in parts) > size:
        raise ValueError("it holds compressed parts, which are never written")
