"""Character-level prediction: the next character at each row of a window of text."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import torch
from torch import Tensor

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq.data.graph import SpaceTimeGraph
from graphseq.tasks._parts import part_of
from graphseq.tasks.base import FixedTask, path


class Characters(FixedTask):
    """Prediction of the next character at each row of a window of T characters, at a random offset of a text.

    Causal: every row is a target, so a model must not see later rows. ``hops`` is T - 1, since the last answer may
    depend on the first row. Chance is the share of the most frequent character of the text, the score of the best
    constant.

    Args:
        text: text of at least T + 1 characters.
        length: T.
        alphabet: characters in the order of their token numbers; by default those of ``text``, sorted. Other parts of
            the same text need the same alphabet.

    Raises:
        TypeError: ``text`` is not a string.
        ValueError: a text shorter than a window and its next character, a character outside ``alphabet``,
            or one that occurs twice in ``alphabet``.

    Example:
        >>> import torch
        >>> task = Characters("abcabcabc", length=3)
        >>> graph = task.batch(1, torch.Generator().manual_seed(0))
        >>> graph.x.tolist(), graph.y.tolist()
        ([2, 0, 1], [0, 1, 2])
    """

    causal = True

    @checked_arguments
    def __init__(self, text: str, length: int, *, alphabet: Sequence[str] | None = None) -> None:
        if not isinstance(text, str):
            raise TypeError(f"text must be a string, got {type(text).__name__}; a file's text comes from read_text")
        self.length = _checks.at_least("length", length, 1)
        if len(text) < length + 1:
            raise ValueError(
                f"text has {len(text)} characters; a window of length={length} and its next character need {length + 1}"
            )
        self.alphabet = tuple(sorted(set(text)) if alphabet is None else alphabet)
        if len(set(self.alphabet)) != len(self.alphabet):
            raise ValueError("alphabet names a character twice; each must occur once")
        self.tokens = _tokens(text, self.alphabet)
        self.sha256 = sha256(text.encode(errors="surrogatepass")).hexdigest()
        self.in_channels = self.out_channels = len(self.alphabet)
        self.hops = length - 1
        self.chance = float(torch.bincount(self.tokens).max()) / len(text)
        topology, target = path(length)
        super().__init__(topology, torch.ones_like(target))

    @classmethod
    @checked_arguments
    def split(cls, text: str, length: int, *, held_out: float = 0.1) -> tuple[Characters, Characters]:
        """Return two tasks on one text with one alphabet: to train on its first part, and to test on its last.

        Args:
            text: the whole text.
            length: T.
            held_out: share of the characters, from the end, that is not used for training; between 0 and 1.

        Raises:
            ValueError: a share outside (0, 1), or a part too short for a window; the message says which.
        """
        if not 0 < held_out < 1:
            raise ValueError(f"held_out must be a share between 0 and 1, got {_checks.plain(held_out)}")
        _checks.at_least("length", length, 1)
        cut = len(text) - part_of(len(text), held_out)
        if min(cut, len(text) - cut) < length + 1:
            raise ValueError(
                f"text has {len(text)} characters; held_out={held_out:.3g} of them and the rest must each hold a "
                f"window of length={length} and its next character. Take a longer text or shorter windows"
            )
        alphabet = sorted(set(text))
        return cls(text[:cut], length, alphabet=alphabet), cls(text[cut:], length, alphabet=alphabet)

    @property
    def config(self) -> dict[str, object]:
        """Name, window and alphabet; size and checksum of the text, so that no other text has the same config."""
        return {
            **super().config,
            "length": self.length,
            "alphabet": "".join(self.alphabet),
            "characters": len(self.tokens),
            "sha256": self.sha256,
        }

    @checked_arguments
    def batch(self, size: int, generator: torch.Generator) -> SpaceTimeGraph:
        """Return ``size`` windows at random offsets."""
        shape = (_checks.at_least("size", size, 1), 1)
        offset = torch.randint(len(self.tokens) - self.length, shape, generator=generator)
        window = self.tokens[offset + torch.arange(self.length + 1)]
        return self._assemble(window[:, :-1], window[:, 1:].flatten())


@checked_arguments
def read_text(path: str | Path, *, encoding: str = "utf-8") -> str:
    """Read a text file.

    Args:
        path: the file.
        encoding: character encoding.

    Raises:
        FileNotFoundError, IsADirectoryError, PermissionError: the file cannot be read.
        ValueError: bytes that are not in this encoding, an unknown encoding, or the file is empty.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Path(folder, "fable.txt").write_text("A fox.", encoding="utf-8")
        ...     read_text(Path(folder, "fable.txt"))
        'A fox.'
    """
    if not encoding.isascii() or "\0" in encoding:
        raise ValueError(f"encoding must be one that Python knows (utf-8, latin-1, …), got {encoding!r}")
    return decoded(Path(path).read_bytes(), path, encoding=encoding)


def decoded(raw: bytes, path: str | Path, *, encoding: str = "utf-8") -> str:
    """The text of a file's content; a mark of the order of its bytes is no part of it.

    Args:
        raw: the content.
        path: the name of the file, for messages.
        encoding: character encoding.

    Raises:
        ValueError: bytes that are not in this encoding, an unknown encoding, or no bytes.
    """
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path}: byte {error.start} is not {encoding}; name the file's encoding (encoding=latin-1, say)"
        ) from None
    except LookupError:
        raise ValueError(f"encoding must be one that Python knows (utf-8, latin-1, …), got {encoding!r}") from None
    text = text.removeprefix("\ufeff")
    if not text:
        raise ValueError(f"{path} is empty; a text to train on is needed")
    return text.replace("\r\n", "\n")


def _tokens(text: str, alphabet: Sequence[str]) -> Tensor:
    number = {character: token for token, character in enumerate(alphabet)}
    if missing := sorted(set(text) - set(number)):
        raise ValueError(f"text holds {missing[0]!r}, which is not in the alphabet of {len(number)} characters")
    return torch.tensor([number[character] for character in text])
