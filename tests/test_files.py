"""Files: whole or not at all, and never over another unasked."""

from __future__ import annotations

import os
import random
import resource
import signal
import threading
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


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666, 0o400])
def test_one_that_is_replaced_keeps_who_may_read_it(mode: int, tmp_path: Path) -> None:
    path = _files.write_text(tmp_path / "a", "old", overwrite=False)
    path.chmod(mode)
    _files.write_text(path, "new", overwrite=True)
    assert path.stat().st_mode & 0o777 == mode


def test_no_file_is_open_to_all_for_a_moment(tmp_path: Path) -> None:
    """Another thread makes files all the while; were the umask set to be asked for, some would be open to all."""
    before, made, writing = os.umask(0o077), set(), True

    def make() -> None:
        number = 0
        while writing:
            number += 1
            handle = os.open(tmp_path / f"other-{number % 50}", os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o666)
            made.add(os.fstat(handle).st_mode & 0o777)
            os.close(handle)
            (tmp_path / f"other-{number % 50}").unlink()

    thread = threading.Thread(target=make)
    thread.start()
    try:
        for _ in range(300):
            _files.write_text(tmp_path / "a", "text", overwrite=True)
    finally:
        writing = False
        thread.join()
        os.umask(before)
    assert made == {0o600}


def test_a_full_disk_is_said_with_the_file_and_what_to_do(tmp_path: Path) -> None:
    path = _files.write_text(tmp_path / "a", "old", overwrite=False)

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large") as refused:
            _files.write(path, lambda file: file.write(b"x" * 100_000), overwrite=True)
        assert refused.value.filename == str(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a"]


def test_a_link_of_ones_own_is_followed_and_stays(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    link = tmp_path / "a"
    link.symlink_to(Path("disk") / "b")
    for text in ("old", "new"):
        _files.write_text(link, text, overwrite=True)
        assert link.is_symlink()
        assert (tmp_path / "disk" / "b").read_text() == text
    assert os.listdir(tmp_path / "disk") == ["b"]
    with pytest.raises(FileExistsError, match="already there"):
        _files.write_text(link, "newer", overwrite=False)


def test_a_link_of_another_user_is_not_written_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "a").symlink_to(tmp_path / "precious")
    owner = (tmp_path / "a").lstat().st_uid
    if owner == 0:
        os.lchown(tmp_path / "a", 12345, 12345)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(PermissionError, match="a link of another user's, and not written through") as refused:
        _files.write_text(tmp_path / "a", "new", overwrite=True)
    assert refused.value.filename == str(tmp_path / "a")
    assert (tmp_path / "precious").read_text() == "precious"
    assert sorted(os.listdir(tmp_path)) == ["a", "precious"]


def test_links_in_a_circle_are_no_place(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OSError, match="symbolic links"):
        _files.write_text(tmp_path / "a", "new", overwrite=True)


def test_one_killed_while_writing_leaves_a_whole_file_and_its_rest_is_taken_away(tmp_path: Path) -> None:
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
    _files.clean(tmp_path, "a")
    assert os.listdir(tmp_path) == ["a"]


def test_only_rests_of_ones_own_are_taken_away_and_none_that_is_being_written(tmp_path: Path) -> None:
    digits = "0123456789abcdef"
    ours, of_another = f".a.{digits}.partial", f".a.b.{digits}.partial"
    kept = {"a", ".hidden", "a.partial", ".a.xyz.partial", ".movie.mkv.partial", of_another}
    for name in {*kept, ours}:
        (tmp_path / name).write_text("")
    assert [path.name for path in _files.partial(tmp_path)] == [ours, of_another]
    assert [path.name for path in _files.partial(tmp_path, "a")] == [ours]
    assert _files.partial(tmp_path / "no") == []

    def meanwhile(file: BinaryIO) -> None:
        file.write(b"text")
        _files.clean(tmp_path, "c")
        assert len(_files.partial(tmp_path, "c")) == 1

    _files.write(tmp_path / "c", meanwhile, overwrite=False)
    _files.clean(tmp_path, "a")
    assert set(os.listdir(tmp_path)) == {*kept, "c"}
    _files.clean(tmp_path)
    assert set(os.listdir(tmp_path)) == {*kept, "c"} - {of_another}


def test_writers_and_cleaners_at_once_lose_no_file(tmp_path: Path) -> None:
    def write() -> int:
        for _ in range(300):
            _files.write_text(tmp_path / "a", "text", overwrite=True)
        return 0

    writers = [children.start(write), children.start(write)]
    while True:
        _files.clean(tmp_path, "a")
        if os.waitpid(writers[0], os.WNOHANG)[0]:
            break
    assert children.wait(writers[1]) == 0
    assert os.listdir(tmp_path) == ["a"]


def test_a_name_as_long_as_names_may_be_is_written(tmp_path: Path) -> None:
    path = _files.write_text(tmp_path / ("å" * 127), "text", overwrite=False)
    assert os.listdir(tmp_path) == [path.name]
