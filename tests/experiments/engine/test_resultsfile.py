"""The file of results: a run a line, one writer at a time, cut ends taken away, and nothing of others touched."""

from __future__ import annotations

import contextlib
import json
import os
import random
import resource
import signal
import time
from pathlib import Path

import children
import pytest

from graphseq.experiments.engine.configs import key_of
from graphseq.experiments.engine.results_file import ResultsFile
from graphseq.experiments.engine.run import Run


def run_of(number: int, **other: object) -> Run:
    config = {"number": number}
    return Run(key_of(config), config, **{"result": {"square": number**2}, **other})  # type: ignore[arg-type]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "results.jsonl"
    with ResultsFile(path, "square") as results:
        for number in range(3):
            results.append(run_of(number, seconds=0.25, machine={"torch": "2"}))
    return path


def read(path: Path) -> dict[str, Run]:
    with ResultsFile(path, "square") as results:
        return results.runs


def test_what_was_written_is_read_back(file: Path) -> None:
    expected = [run_of(number, seconds=0.25, machine={"torch": "2"}) for number in range(3)]
    assert list(read(file).values()) == expected
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [line["config"] for line in lines] == [{"number": 0}, {"number": 1}, {"number": 2}]
    assert list(lines[0]) == [
        "key", "work", "config", "result", "error", "traceback", "seconds", "attempt", "machine",
    ]  # fmt: skip


def test_the_last_of_a_configuration_counts(file: Path) -> None:
    with ResultsFile(file, "square") as results:
        results.append(run_of(1, result=None, error="RuntimeError: no", attempt=2))
        results.append(run_of(1, attempt=3))
    assert read(file)[run_of(1).key] == run_of(1, attempt=3)


def test_an_end_cut_short_anywhere_is_taken_away(file: Path) -> None:
    whole = file.read_bytes()
    first, second, third = whole.splitlines(keepends=True)
    for cut in range(1, len(third)):
        file.write_bytes(first + second + third[:cut])
        assert len(read(file)) == 2
        assert file.read_bytes() == first + second
    file.write_bytes(first[:-1])  # whole but for its end
    assert read(file) == {}
    with ResultsFile(file, "square") as results:
        results.append(run_of(0, seconds=0.25, machine={"torch": "2"}))
    assert file.read_bytes() == first


@pytest.mark.parametrize(
    "raw",
    [
        b"hello", b"hello\n", b"{}\n", b"[1]\n", b"null\n", b'{"key": "mine"}', b'{"key": "mine"}\n', b"\n", b"\xff\n",
        b'{"work": "square"}\n', b"\x00" * 200 + b"\n", b'{"cells": [', b"key,work\n", b"\x00" * 200 + b"{",
        b"[" * 100_000 + b"\n",
    ],
)  # fmt: skip
def test_a_file_of_something_else_is_refused_and_left_alone(file: Path, raw: bytes) -> None:
    for before in (b"", file.read_bytes()):
        file.write_bytes(before + raw)
        number = before.count(b"\n") + 1
        with pytest.raises(ValueError, match=rf"results.jsonl, line {number}, is not a run of a sweep; name another"):
            read(file)
        assert file.read_bytes() == before + raw


@pytest.mark.parametrize(
    ("name", "value"),
    [("key", "0" * 64), ("config", {"number": 9}), ("result", None), ("error", "none"), ("attempt", "1"), ("extra", 1)],
)
def test_a_line_that_contradicts_itself_is_refused(file: Path, name: str, value: object) -> None:
    lines = file.read_text().splitlines()
    lines[1] = json.dumps({**json.loads(lines[1]), name: value})
    file.write_text("\n".join(lines) + "\n")
    with pytest.raises(ValueError, match="line 2, is not a run of a sweep"):
        read(file)


@pytest.mark.parametrize("torn", [0, 1, 70, 200])
def test_zero_bytes_at_the_end_as_a_loss_of_power_leaves_them_are_taken_away(torn: int, file: Path) -> None:
    whole = file.read_bytes()
    lines = whole.splitlines(keepends=True)
    file.write_bytes(whole + lines[0][:torn] + b"\0" * 512)
    assert len(read(file)) == 3
    assert file.read_bytes() == whole
    file.write_bytes(b"\0" * 512)  # of which nobody knows whose it is
    with pytest.raises(ValueError, match="line 1, is not a run of a sweep"):
        read(file)


@pytest.mark.parametrize("replaced", [False, True])
def test_a_file_that_is_deleted_while_it_is_open_is_told_and_nothing_is_written_to_nowhere(
    replaced: bool, file: Path
) -> None:
    def work() -> None:
        with ResultsFile(file, "square") as results:
            file.unlink()
            if replaced:
                file.write_text("mine")
            results.append(run_of(9))

    with pytest.raises(FileNotFoundError, match="was deleted or replaced while its runs were made, and 3 res") as error:
        work()
    assert error.value.filename == str(file)
    assert file.exists() is replaced
    with pytest.raises(FileNotFoundError, match="was deleted or replaced"), ResultsFile(file.with_name("b"), "square"):
        file.with_name("b").unlink()


def test_a_full_disk_is_said_with_the_file(file: Path) -> None:
    raw, limits = file.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(raw) + 50, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large") as error, ResultsFile(file, "square") as results:
            results.append(run_of(9))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert error.value.filename == str(file)
    assert len(read(file)) == 3
    assert file.read_bytes() == raw


def test_a_link_of_another_user_is_not_written_through(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (file.parent / "link.jsonl").symlink_to(file)
    owner = (file.parent / "link.jsonl").lstat().st_uid
    if owner == 0:
        os.lchown(file.parent / "link.jsonl", 12345, 12345)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(PermissionError, match="a link of another user's"):
        read(file.parent / "link.jsonl")


@pytest.mark.parametrize("number", [25, pytest.param(300, marks=pytest.mark.slow)])
def test_whatever_bytes_are_changed_it_is_refused_by_name_or_read(number: int, file: Path) -> None:
    raw, dice = file.read_bytes(), random.Random(number)  # noqa: S311
    for _ in range(number):
        place, size = dice.randrange(len(raw)), dice.choice([0, 1, 5])
        file.write_bytes(raw[:place] + dice.randbytes(dice.choice([0, 1, 4])) + raw[place + size :])
        changed = file.read_bytes()
        try:
            runs = read(file)
        except ValueError as error:
            assert str(error).startswith(str(file)), error  # noqa: PT017
            assert file.read_bytes() == changed
        else:
            assert all(run.result == run_of(run.config["number"]).result for run in runs.values())  # type: ignore[arg-type]


def test_results_of_another_function_are_refused(file: Path) -> None:
    with (
        pytest.raises(ValueError, match="holds results of 'square', now they would be of 'cube'"),
        ResultsFile(file, "cube"),
    ):
        pass


def test_one_sweep_at_a_time_has_it_open_and_one_that_was_killed_has_it_no_more(file: Path) -> None:
    def hold() -> None:
        with ResultsFile(file, "square"):
            (file.parent / "held").touch()
            time.sleep(30)

    child = children.start(hold)
    until = time.monotonic() + 20
    while not (file.parent / "held").exists() and time.monotonic() < until:
        time.sleep(0.01)
    with pytest.raises(BlockingIOError, match=r"results.jsonl is being written to by another sweep"):
        read(file)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert len(read(file)) == 3
    assert {path.name for path in file.parent.iterdir()} == {"held", "results.jsonl", ".results.jsonl.lock"}


def test_a_process_that_opened_the_file_of_the_lock_before_it_was_given_up_waits_for_the_same_one(file: Path) -> None:
    lock = file.with_name(".results.jsonl.lock")
    with ResultsFile(file, "square"):
        early = lock.open("rb")
    with early, ResultsFile(file, "square"):
        assert os.path.samestat(os.fstat(early.fileno()), lock.stat())


def test_two_sweeps_that_open_and_close_it_again_and_again_never_have_it_open_together(tmp_path: Path) -> None:
    path, inside = tmp_path / "results.jsonl", tmp_path / "inside"

    def work() -> int:
        for _ in range(300):
            with contextlib.suppress(BlockingIOError), ResultsFile(path, "square"):
                inside.touch(exist_ok=False)
                inside.unlink()
        return 0

    assert [children.wait(child) for child in [children.start(work), children.start(work)]] == [0, 0]


def test_one_that_is_not_open_is_not_written_to(file: Path) -> None:
    with pytest.raises(ValueError, match="is not open"):
        ResultsFile(file, "square").append(run_of(9))
