"""The text of an experiment: a file, or a book known by its name."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from pydoc_data import topics

from graphseq.datasets.registry import BOOKS, book
from graphseq.tasks.characters import decoded, read_text


@dataclass(frozen=True)
class Source:
    """A text and its name."""

    name: str  #: of the file or book
    text: str

    @property
    def sha256(self) -> str:
        """The checksum of the text in UTF-8, whatever the encoding of its file."""
        return sha256(self.text.encode(errors="surrogatepass")).hexdigest()

    @property
    def alphabet(self) -> tuple[str, ...]:
        """Its characters, in the order of their code points."""
        return tuple(sorted(set(self.text)))


def load(name: str, encoding: str = "utf-8") -> Source:
    """Read a text, and refuse one that no model can learn from.

    Args:
        name: a file; or, where there is no file of this name, a book of :func:`graphseq.datasets.book`.
        encoding: encoding of a file.

    Raises:
        OSError: as the system says.
        ValueError: an empty text, one character repeated, a file that was cut short or is no text in this encoding.
    """
    try:
        "a".encode(encoding.replace("\0", "no encoding"))
    except LookupError:  # one that is not known, or turns bytes into bytes, as zlib does
        raise ValueError(
            f"encoding must be one that Python knows (utf-8, latin-1, …) for texts, got {encoding!r}"
        ) from None
    if name in BOOKS and not Path(name).exists():
        return Source(name, book(name))
    raw = Path(name).read_bytes()  # once, for a pipe gives its text once
    _check_end(raw, name, encoding)
    text = decoded(raw, name, encoding=encoding)
    if "\0" in text:
        raise ValueError(
            f"{name} has a zero byte at character {text.index(chr(0))}: it was downloaded in part, is no text, or has "
            "another encoding (encoding=utf-16, say)"
        )
    if len(set(text)) == 1:
        raise ValueError(f"{name} holds nothing but {text[0]!r}, {len(text)} times; there is nothing to learn from it")
    return Source(name, text)


def read_or_shipped(path: str, encoding: str = "utf-8") -> Source:
    """Read a text file, or the text that ships with Python itself, of its own help, where ``path`` is "".

    Raises:
        OSError, ValueError: see :func:`graphseq.tasks.characters.read_text`.
    """
    if path:
        if Path(path).exists() and not Path(path).is_file() and not Path(path).is_dir():
            raise ValueError(
                f"text must be a file, which every run reads again; {path} is a pipe: save it to a file first"
            )
        return Source(path, read_text(path, encoding=encoding))
    text = "\n".join(topics.topics[name] for name in sorted(topics.topics))
    return Source("pydoc_data.topics, Python's own help", text)


def _check_end(raw: bytes, name: str, encoding: str) -> None:
    """Refuse a file that ends within a character, as after a download that broke off."""
    try:
        decoder = codecs.getincrementaldecoder(encoding)()
        decoder.decode(raw)
    except (LookupError, ValueError):
        return  # another error, which reading the file finds
    try:
        decoder.decode(b"", final=True)
    except ValueError:
        raise ValueError(
            f"{name} ends in the middle of a character of {encoding}: it may have been downloaded in part; get it "
            "again, or name its encoding by encoding="
        ) from None
