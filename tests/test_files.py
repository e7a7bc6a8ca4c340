"""Files: whole or not at all, and never over another unasked."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import BinaryIO

import children
import pytest

from graphseq import _files


def test_what_is_written_is_there(tmp_path: Path) -> None:
    assert _files.write_text(tmp_path / "a", "å\n", overwrite=False).read_bytes() == "å\n".encode()
    assert os.listdir(tmp_path) == ["a"]


def test_a_file_that_is_there_is_replaced_only_when_asked(tmp_path: Path) -> None:
    path = _files.write_text(tmp_path / "a", "old", overwrite=True)
    with pytest.raises(FileExistsError, match="already there; choose another name"):
        _files.write_text(path, "new", overwrite=False)
    assert path.read_text() == "old"
    assert _files.write_text(path, "new", overwrite=True).read_text() == "new"


def test_a_write_that_fails_midway_leaves_what_was_there(tmp_path: Path) -> None:
    path = _files.write_text(tmp_path / "a", "old", overwrite=False)

    def fails(file: BinaryIO) -> None:
        file.write(b"half")
        file.flush()
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        _files.write(path, fails, overwrite=True)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a"]


def test_an_interrupt_midway_leaves_nothing(tmp_path: Path) -> None:
    def stopped(file: BinaryIO) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _files.write(tmp_path / "a", stopped, overwrite=False)
    assert os.listdir(tmp_path) == []


def test_a_folder_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(IsADirectoryError):
        _files.write_text(tmp_path / "a", "new", overwrite=True)
    assert os.listdir(tmp_path) == ["a"]


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        _files.write_text(tmp_path / "no" / "a", "new", overwrite=False)


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o000])
def test_others_may_read_what_they_may_read_of_any_new_file(mask: int, tmp_path: Path) -> None:
    before = os.umask(mask)
    try:
        path = _files.write_text(tmp_path / "a", "", overwrite=False)
        assert os.umask(mask) == mask
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o666 & ~mask


def test_one_killed_while_writing_leaves_a_whole_file_and_names_its_rest(tmp_path: Path) -> None:
    path, moments = tmp_path / "a", random.Random(0)  # noqa: S311
    texts = [character * 200_000 for character in "abcdefgh"]

    def write() -> None:
        while True:
            for text in texts:
                _files.write_text(path, text, overwrite=True)

    for _ in range(6):
        children.kill(children.start(write), moments.uniform(0, 0.02), once=path.exists)
        assert path.read_text() in texts
    assert sorted(os.listdir(tmp_path)) == sorted(["a", *(rest.name for rest in _files.partial(tmp_path))])


def test_what_is_whole_is_no_rest_of_a_killed_one(tmp_path: Path) -> None:
    for name in ("a", ".hidden", "a.partial", ".a.xyz.partial"):
        (tmp_path / name).write_text("")
    assert [path.name for path in _files.partial(tmp_path)] == [".a.xyz.partial"]
    assert _files.partial(tmp_path / "no") == []
