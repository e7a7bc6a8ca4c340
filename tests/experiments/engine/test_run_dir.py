"""A folder of results: claimed once, gone on with by the same job only, and what it holds is held to its word."""

from __future__ import annotations

import contextlib
import os
import sys
from importlib.metadata import version
from pathlib import Path

import children
import pytest

from graphseq.experiments.engine.run_dir import RUNS, claim, locked, read_config, runs_of

FACTS = {"steps": 3, "models": ["LSTM"], "season": None}
COMMAND = ["forecast", "my file.csv", "--steps", "3"]


def claimed(out: Path, facts: dict[str, object] | None = None, *, resume: bool = False) -> Path:
    return runs_of(claim(out, "forecast", FACTS if facts is None else facts, COMMAND, resume=resume))


def test_a_new_folder_says_what_is_done_in_it_and_by_what(tmp_path: Path) -> None:
    out = tmp_path / "a" / "b"
    assert claimed(out) == out / RUNS
    assert (out / RUNS).is_dir()
    record = read_config(out, "forecast")
    assert record["settings"] == FACTS
    assert record["command"] == "python -m graphseq forecast 'my file.csv' --steps 3"
    assert record["versions"]["torch"] == version("torch")
    assert record["versions"]["python"] == sys.version.split()[0]


def test_a_process_that_opened_the_file_of_the_lock_before_it_was_given_up_waits_for_the_same_one(
    tmp_path: Path,
) -> None:
    with locked(tmp_path):
        early = (tmp_path / ".lock").open("rb")
    with early, locked(tmp_path):
        assert os.path.samestat(os.fstat(early.fileno()), (tmp_path / ".lock").stat())


def test_two_processes_that_lock_it_again_and_again_are_never_in_it_together(tmp_path: Path) -> None:
    out, inside = tmp_path / "out", tmp_path / "inside"

    def work() -> int:
        for _ in range(300):
            with contextlib.suppress(BlockingIOError), locked(out):
                inside.touch(exist_ok=False)
                inside.unlink()
        return 0

    assert [children.wait(child) for child in [children.start(work), children.start(work)]] == [0, 0]


def test_a_folder_of_other_files_is_not_even_locked(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="holds other files; name a new or empty folder"), locked(tmp_path):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_the_same_job_goes_on_only_when_asked_and_leaves_the_record(tmp_path: Path) -> None:
    claimed(tmp_path)
    before = (tmp_path / "config.json").read_bytes()
    with pytest.raises(FileExistsError, match=r"already holds a forecast; add resume=True"):
        claimed(tmp_path)
    assert claimed(tmp_path, resume=True) == tmp_path / RUNS
    assert (tmp_path / "config.json").read_bytes() == before


@pytest.mark.parametrize(
    ("now", "message"),
    [
        ({"steps": 4}, "steps = 3, now 4"),
        ({"season": 52.0}, "season = None, now 52.0"),
        ({"gate_penalty": 0.5}, "gate_penalty = None, now 0.5"),  # which the record knows nothing of
    ],
)
def test_another_job_is_told_where_they_differ(tmp_path: Path, now: dict[str, object], message: str) -> None:
    claimed(tmp_path)
    with pytest.raises(ValueError, match=f"holds a forecast with {message}; name another out="):
        claimed(tmp_path, {**FACTS, **now}, resume=True)


def test_a_setting_that_there_was_not_yet_has_its_default(tmp_path: Path) -> None:
    claimed(tmp_path)
    grown = {**FACTS, "penalty": 0.5}
    assert claim(tmp_path, "forecast", grown, COMMAND, resume=True, defaults={"penalty": 0.5}) == tmp_path
    with pytest.raises(ValueError, match=r"holds a forecast with penalty = 0.5, now 0.25"):
        claim(tmp_path, "forecast", {**grown, "penalty": 0.25}, COMMAND, resume=True, defaults={"penalty": 0.5})


def test_what_is_half_written_is_taken_away_and_what_is_not_ours_left_alone(tmp_path: Path) -> None:
    (tmp_path / RUNS).mkdir()
    digits = "0123456789abcdef"
    left = [tmp_path / f".config.json.{digits}.partial", tmp_path / RUNS / f".LSTM-seed0.json.{digits}.partial"]
    left[0].write_text("{")
    with pytest.raises(FileExistsError, match="holds other files; name a new or empty folder"):
        claimed(tmp_path)
    (tmp_path / RUNS).rmdir()
    claimed(tmp_path)
    left[1].write_text("half")
    mine = [tmp_path / RUNS / "mine.txt", tmp_path / ".movie.mkv.partial"]
    for path in mine:
        path.write_text("mine")
    claimed(tmp_path, resume=True)
    assert not any(path.exists() for path in left)
    assert [path.read_text() for path in mine] == ["mine", "mine"]
