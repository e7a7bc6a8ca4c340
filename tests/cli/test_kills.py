"""Whatever is killed, and whenever, goes on as if it had not been: all commands, and ``fit``, to the last bit.

``GRAPHSEQ_KILLS`` sets how many kills there are, 6 without it; ``GRAPHSEQ_KILLS=100`` is the full form.
"""

from __future__ import annotations

import csv
import io
import json
import os
import random
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from functools import partial
from pathlib import Path
from typing import NamedTuple

import children
import numpy as np
import planted
import pytest
import torch
from trained import dropping

import graphseq as gs
from graphseq import _files
from graphseq._torch import archive
from graphseq.cli.main import main
from graphseq.experiments.accuracy import job
from graphseq.experiments.forecast import figures
from graphseq.tasks import Transfer
from graphseq.training import checkpoint_file

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("GRAPHSEQ_KILLS", "6"))
TIMES = {"command", "seconds", "training_seconds", "machine", "attempt", "started", "characters_per_second"}
"""What differs between two runs of equal numbers: times, and the names of folders."""

TEXT = ("--hidden", "6", "--layers", "1", "--length", "5", "--batch-size", "4", "--steps", "60", "--every", "10")
ACCURACY = (
    "--length",
    "3",
    "5",
    "--hidden",
    "4",
    "--steps",
    "20",
    "--samples",
    "20",
    "--jobs",
    "1",
    "--start",
    "torch",
)
FORECAST = ("--train", "0.5", "--steps", "20", "--every", "5", "--hidden", "4", "--batch-size", "4", "--jobs", "1")


class Subject(NamedTuple):
    """Something that can be killed: what is done in a folder, again and again, until it is done."""

    name: str
    work: Callable[[Path], object]


def command(*words: object) -> Callable[[Path], object]:
    """A command that goes on with its folder."""

    def work(folder: Path) -> int:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()) as said:
            status = main([*map(str, words), "--out", str(folder), "--resume"])
        assert status == 0, said.getvalue()
        return status

    return work


def trained(folder: Path) -> None:
    """A training with checkpoints, dropout and momentum."""
    folder.mkdir(exist_ok=True)
    settings = {"steps": 120, "batch_size": 8, "optimizer": "Adam", "stop_threshold": None, "seed": 3}
    path = folder / "run.pt"
    model = dropping(int(path.exists()))  # other weights when it goes on: all must come from the checkpoint
    gs.fit(model, Transfer(3), **settings, checkpoint_path=path, checkpoint_every=7, resume=True)


def tripled(number: int) -> dict[str, object]:
    """A run of a sweep that takes no time."""
    return {"tripled": 3 * number, "drawn": torch.rand(2)}


def swept(folder: Path) -> None:
    """A sweep of many short runs."""
    folder.mkdir(exist_ok=True)
    gs.sweep(tripled, {"number": range(150)}, folder / "results.jsonl", jobs=1)


@pytest.fixture(scope="module")
def subjects(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Subject]]:
    """All that is killed. Pictures are left out: they take most of the time, and are written like all other files."""
    data = tmp_path_factory.mktemp("data")
    (data / "text.txt").write_text("Ab cab. Bad cab dab. " * 30)
    ring = planted.write_json(data / "ring.json", planted.signal(24))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(figures, "draw", lambda *_: [])
        patched.setattr(job, "figure", lambda *_: NoPicture())
        yield [
            Subject("fit", trained),
            Subject("gs.sweep", swept),
            Subject("text train", command("text", "train", data / "text.txt", *TEXT)),
            Subject("compare", command("compare", "--model", "constant", "RNN", "--task", "Transfer", *ACCURACY)),
            Subject("sweep", command("sweep", "--model", "GCN", "--task", "Transfer", "--seed", 0, 1, *ACCURACY)),
            Subject("forecast", command("forecast", ring, "--model", "autoregression", "LSTM", *FORECAST)),
        ]


class NoPicture:
    """In place of a figure."""

    def savefig(self, file: io.BytesIO, **_: object) -> None:
        file.write(b"no picture")


def content(folder: Path) -> dict[str, object]:
    """All that a folder holds, but for times."""
    return {str(path.relative_to(folder)): read(path) for path in sorted(folder.rglob("*")) if path.is_file()}


def read(path: Path) -> object:
    match path.suffix:
        case ".pt":
            whole, _ = archive.read(path, "file")
            is_checkpoint = isinstance(whole, dict) and "history" in whole
            return flat(but_times(checkpoint_file.read(path) if is_checkpoint else plain(whole)))
        case ".npz":
            with np.load(path) as parts:
                return {name: parts[name].tolist() for name in parts.files}
        case ".jsonl":
            lines = [but_times(json.loads(line)) for line in path.read_text().splitlines()]
            return sorted((line for line in lines), key=lambda line: str(line["key"]))  # type: ignore[index]
        case ".json":
            return but_times(json.loads(path.read_text()))
        case ".csv":
            with path.open(newline="") as file:
                return [but_times(row) for row in csv.DictReader(file)]
    return path.read_bytes()


def but_times(value: object) -> object:
    if isinstance(value, dict):
        return {key: but_times(part) for key, part in value.items() if key not in TIMES}
    return [but_times(part) for part in value] if isinstance(value, list) else value


def plain(value: object) -> object:
    """The same with the JSON in it read, in which there are times, too."""
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    return json.loads(value) if isinstance(value, str) and value[:1] in ("[", "{") else value


def flat(value: object) -> object:
    if isinstance(value, dict):
        return {key: flat(part) for key, part in value.items()}
    if isinstance(value, torch.Tensor):
        return value.dtype, value.tolist()
    return [flat(part) for part in value] if isinstance(value, list) else value


def test_all_that_is_killed_at_random_moments_goes_on_as_if_it_had_not_been(
    subjects: list[Subject], tmp_path: Path
) -> None:
    dice, landed, finished = random.Random(KILLS), 0, 0  # noqa: S311
    whole, seconds = {}, {}
    for subject in subjects[: max(1, KILLS)]:
        out, started = tmp_path / subject.name / "whole", time.monotonic()
        out.parent.mkdir()
        assert children.wait(children.start(partial(subject.work, out), err=out.parent / "err")) == 0, subject.name
        whole[subject.name], seconds[subject.name] = content(out), time.monotonic() - started
    for number in range(KILLS):
        subject = subjects[number % len(subjects)]
        out = tmp_path / subject.name / "killed"
        moment, is_new = dice.uniform(0, 1.1 * seconds[subject.name]), not out.exists()
        children.kill(children.start(partial(subject.work, out)), moment)
        is_done = done(out, whole[subject.name])
        landed += not is_done
        if is_done and is_new:  # the machine has become less busy
            seconds[subject.name] = min(seconds[subject.name], moment)
        # The last of its kind, enough of them, or nothing left to interrupt.
        if is_done or number + len(subjects) >= KILLS or dice.random() < 0.25:
            err = tmp_path / subject.name / "err"
            assert children.wait(children.start(partial(subject.work, out), err=err)) == 0, err.read_text()
            assert content(out) == whole[subject.name], subject.name
            assert not [path for folder in (out, out / "runs") for path in _files.partial(folder)]
            shutil.rmtree(out)
            finished += 1
    print(f"{KILLS} kills, {landed} of them before the end, {finished} folders gone on with")
    assert landed >= KILLS // 3


def done(out: Path, whole: object) -> bool:
    try:
        return content(out) == whole
    except (ValueError, FileNotFoundError):  # a last line that was cut short
        return False


def test_two_processes_with_one_folder_are_one_that_works_and_one_that_is_refused(
    subjects: list[Subject], tmp_path: Path
) -> None:
    for subject in [*subjects[2:4], subjects[5]]:
        alone, shared = tmp_path / f"{subject.name} alone", tmp_path / subject.name
        started = [children.start(partial(subject.work, shared), err=tmp_path / f"err{n}") for n in range(2)]
        statuses = [children.wait(child) for child in started]
        said = [(tmp_path / f"err{n}").read_text() for n in range(2)]
        for status, text in zip(statuses, said, strict=True):
            assert status == 0 or "is being written to by another process" in text, text
        assert 0 in statuses, said
        assert children.wait(children.start(partial(subject.work, alone))) == 0
        assert content(shared) == content(alone)


def test_a_folder_that_vanishes_is_told_in_a_line_that_names_it(subjects: list[Subject], tmp_path: Path) -> None:
    for subject in subjects[2:4]:
        out, err = tmp_path / subject.name, tmp_path / "err"
        child = children.start(partial(subject.work, out), err=err)
        until = time.monotonic() + 20
        while not list(out.glob("*.pt")) + list(out.glob("runs/*")) and time.monotonic() < until:
            time.sleep(0.001)
        shutil.rmtree(out, ignore_errors=True)
        assert children.wait(child) != 0
        assert str(out) in err.read_text()
        assert "Traceback" not in err.read_text().partition("AssertionError: ")[2]


def test_a_clock_that_goes_back_changes_no_number(
    subjects: list[Subject], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for subject in subjects[:2]:
        subject.work(tmp_path / f"{subject.name} before")
    moments = iter(range(10**9, 0, -1000))
    monkeypatch.setattr(time, "time", lambda: float(next(moments)))
    for subject in subjects[:2]:
        subject.work(tmp_path / subject.name)
        assert content(tmp_path / subject.name) == content(tmp_path / f"{subject.name} before")
