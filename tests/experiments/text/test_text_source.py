"""Texts that are read, and files that nothing can be learned from."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from graphseq.experiments.text import corpus


def test_a_file_is_read_in_the_encoding_that_is_named(tmp_path: Path) -> None:
    text = "Übung macht\nden Meister, č 日本"
    for encoding in ("utf-8", "utf-16", "utf-8-sig"):
        (tmp_path / "text.txt").write_bytes(text.replace("\n", "\r\n").encode(encoding))
        found = corpus.load(str(tmp_path / "text.txt"), encoding)
        assert found.text == text
        assert found.sha256 == hashlib.sha256(text.encode()).hexdigest()
    assert found.alphabet == tuple(sorted(set(text)))
    (tmp_path / "text.txt").write_bytes("Übung".encode("latin-1"))
    assert corpus.load(str(tmp_path / "text.txt"), "latin-1").text == "Übung"


def test_a_book_is_known_by_its_name_unless_a_file_is_called_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(corpus, "book", lambda name: f"the book {name}")
    assert corpus.load("EN_democracy").text == "the book EN_democracy"
    Path("EN_democracy").write_text("a file of mine")
    assert corpus.load("EN_democracy").text == "a file of mine"


@pytest.mark.parametrize(
    ("content", "encoding", "message"),
    [
        (b"", "utf-8", "text.txt is empty; a text to train on is needed"),
        (b"aaaaaaaa", "utf-8", "text.txt holds nothing but 'a', 8 times; there is nothing to learn from it"),
        ("once upon a café".encode()[:-1], "utf-8", "ends in the middle of a character of utf-8: it may have been dow"),
        ("ab".encode("utf-16")[:-1], "utf-16", "ends in the middle of a character of utf-16"),
        (b"caf\xe9 au lait", "utf-8", "byte 3 is not utf-8; name the file's encoding"),
        (b"ab", "utf-9", "encoding must be one that Python knows"),
        (b"half of it" + bytes(50), "utf-8", "has a zero byte at character 10: it was downloaded in part, is no text"),
        ("ab".encode("utf-16-le"), "utf-8", r"zero byte at character 1: .* \(encoding=utf-16, say\)"),
    ],
)
def test_a_file_that_will_not_do_is_refused(content: bytes, encoding: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        corpus.load(str(tmp_path / "text.txt"), encoding)
    assert (tmp_path / "text.txt").read_bytes() == content


def test_a_file_that_is_not_there_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        corpus.load(str(tmp_path / "none.txt"))
    with pytest.raises(IsADirectoryError):
        corpus.load(str(tmp_path))


def test_a_lone_surrogate_has_a_checksum() -> None:
    assert len(corpus.Source("odd", "a\udc80").sha256) == 64


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-8-sig"])
def test_a_mark_of_the_order_of_bytes_is_no_character_of_the_text(encoding: str, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_bytes("\ufeffab\ufeffc".encode(encoding))
    for load in (corpus.load, corpus.read_or_shipped):
        assert load(str(tmp_path / "text.txt"), encoding).text == "ab\ufeffc"


def test_a_pipe_is_read_once_where_that_is_enough_and_refused_where_runs_read_it_again(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as pool:
        written = pool.submit(pipe.write_text, "a text")
        assert corpus.load(str(pipe)).text == "a text"
        written.result()
    with pytest.raises(ValueError, match=r"text must be a file, which every run reads again; .* is a pipe: save it"):
        corpus.read_or_shipped(str(pipe))
