"""The bytes and the text of a file, plain or packed as .gz, within bounds; errors name the file and the line."""

from __future__ import annotations

import gzip
import re
import zlib
from pathlib import Path

from graphseq import _checks

_MOST_PLAIN = 2**25  #: bytes that a packed file may have unpacked in any case
_MOST_FOLD = 50  #: times its own size that it may have beyond that; tables of numbers come to a tenth of it
_OTHERS = {
    b"PK\x03\x04": "a spreadsheet or an archive; save its table as CSV in UTF-8",
    b"\xd0\xcf\x11\xe0": "a spreadsheet; save its table as CSV in UTF-8",
    b"\x1f\x8b": "packed; a packed file must be called .gz",
    b"PAR1": "a Parquet file; read it by pandas or polars, and give the frame",
    b"ARROW1": "a Feather file; read it by pandas or polars, and give the frame",
    b"\x89HDF\r\n\x1a\n": "an HDF5 file; io.read_traffic reads those of traffic, and pandas others as a frame",
    b"\x93NUMPY": "an array of numpy; read it by numpy.load, and give the array",
    b"\x80\x02": "a pickle, which may run code when it is read; save its table as CSV",
    b"\x80\x03": "a pickle, which may run code when it is read; save its table as CSV",
    b"\x80\x04": "a pickle, which may run code when it is read; save its table as CSV",
    b"\x80\x05": "a pickle, which may run code when it is read; save its table as CSV",
    b"BZh": "packed by bzip2; unpack it, or pack it as .gz",
    b"\xfd7zXZ": "packed by xz; unpack it, or pack it as .gz",
    b"\x28\xb5\x2f\xfd": "packed by zstd; unpack it, or pack it as .gz",
    b"%PDF-": "a PDF; save its table as CSV in UTF-8",
    b"<!doctype html": "a page of the web, not the file itself; a link to the raw file gives that",
    b"<html": "a page of the web, not the file itself; a link to the raw file gives that",
    b"SQLite format 3": "a database; read its table by pandas or polars, and give the frame",
    b"version https://git-lfs": "a pointer of Git LFS, not the file itself; fetch that by git lfs pull",
}  #: by how they begin: files that are no text, or not the text that is meant
_SEPARATOR = re.compile(r'"?sep=([^\w\s"]|\t)"?[,;\t]*\r?\n', re.IGNORECASE)


def read_bytes(path: str | Path) -> bytes:
    """Return the content of a file, unpacked if its name ends in .gz.

    Raises:
        OSError: the file cannot be read.
        ValueError: a damaged .gz, or one that unpacks to far more than tables do.
    """
    path = _checks.path("path", path)
    if path.suffix.lower() != ".gz":
        return path.read_bytes()
    size = path.stat().st_size
    most = max(_MOST_PLAIN, _MOST_FOLD * size)
    try:
        with gzip.open(path, "rb") as file:
            content = file.read(most + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{path} is damaged, or is no .gz: {error}") from None
    if len(content) > most:
        raise ValueError(
            f"{path} has {size:,} bytes and unpacks to more than {most:,}, which is not what a table does; if it is "
            "right, unpack it first and give the unpacked file"
        )
    return content


def decoded(name: str | Path, raw: bytes) -> str:
    """Return bytes in UTF-8 as text, without a byte order mark.

    Raises:
        ValueError: other bytes, with the line; or a byte 0, which no text has.
    """
    for mark, kind in _OTHERS.items():
        if raw.startswith(mark) or (mark[:1] == b"<" and raw[: len(mark)].lower() == mark):
            raise ValueError(f"{name} is {kind}")
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise ValueError(f"{name} is not utf-8 but UTF-16, as spreadsheets write it; save it as UTF-8")
    try:
        text = raw.decode("utf-8").lstrip("\ufeff")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise ValueError(
            f"{name} is not utf-8: byte 0x{raw[error.start]:02x} on line {line}; save it as UTF-8"
        ) from None
    if "\0" in text:
        raise ValueError(f"{name}, line {text[: text.index(chr(0))].count(chr(10)) + 1}: a byte 0; is it a text?")
    return text


def without_separator(text: str) -> tuple[str, str | None]:
    r"""Return a table without a first line that says its separator, as Excel writes it, and the separator it says.

    Example:
        >>> without_separator("sep=;\na;b\n")
        ('a;b\n', ';')
    """
    said = _SEPARATOR.match(text)
    return (text, None) if said is None else (text[said.end() :], said[1])


def read_text(path: str | Path) -> str:
    """Return the text of a file; see :func:`read_bytes` and :func:`decoded`."""
    return decoded(path, read_bytes(path))
