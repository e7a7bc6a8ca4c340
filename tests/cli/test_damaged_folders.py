"""Folders of results whose files were damaged: a command goes on, or says in one line which file it is; nothing else.

``GRAPHSEQ_MUTATIONS`` sets how often each file is changed, 4 times without it; 300 is the full form.
"""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import console
import planted
import pytest
from test_kills import ACCURACY, FORECAST, TEXT, NoPicture

from graphseq.experiments.accuracy import job
from graphseq.experiments.forecast import figures

pytestmark = pytest.mark.slow

MUTATIONS = int(os.environ.get("GRAPHSEQ_MUTATIONS", "4"))
VALUES = [None, True, -1, 0, 1e400, 10**30, "", "x", [], [[]], {}, {"a": 1}, "\x1b[31m", 0.5, "0" * 64]
Mutation = Callable[[bytes, random.Random], bytes]


def flipped(raw: bytes, dice: random.Random) -> bytes:
    place = dice.randrange(len(raw))
    return raw[:place] + bytes([raw[place] ^ 1 << dice.randrange(8)]) + raw[place + 1 :]


def cut(raw: bytes, dice: random.Random) -> bytes:
    return raw[: dice.randrange(len(raw))]


def spliced(raw: bytes, dice: random.Random) -> bytes:
    place, size = dice.randrange(len(raw)), dice.choice([0, 1, 7, 60])
    return raw[:place] + dice.randbytes(dice.choice([0, 1, 7])) + raw[place + size :]


def padded(raw: bytes, dice: random.Random) -> bytes:
    return raw + dice.choice([b"\0" * 100, b"{}", b"\n", raw, b"]"])


def other_value(raw: bytes, dice: random.Random) -> bytes:
    """Another value somewhere in a file of JSON, or in a line of one of JSON lines."""
    lines = raw.splitlines() if raw.count(b'{"key"') else [raw]
    number = dice.randrange(len(lines))
    try:
        record = json.loads(lines[number])
    except ValueError:  # a checkpoint
        return flipped(raw, dice)
    part, key = record, None
    while isinstance(part, dict | list) and part and (key is None or dice.random() < 0.8):
        parent, key = part, dice.choice(list(part) if isinstance(part, dict) else range(len(part)))
        part = parent[key]
    parent[key] = dice.choice(VALUES)
    lines[number] = json.dumps(record).encode()
    return b"\n".join(lines) + b"\n"


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[object, ...]]:
    """The commands, and what comes before ``--out``."""
    data = tmp_path_factory.mktemp("data")
    (data / "text.txt").write_text("Ab cab. Bad cab dab. " * 30)
    ring = planted.write_json(data / "ring.json", planted.signal(24))
    return {
        "text train": ("text", "train", data / "text.txt", *TEXT, "--steps", 10),
        "compare": ("compare", "--model", "constant", "RNN", "--task", "Transfer", *ACCURACY, "--steps", 2),
        "forecast": ("forecast", ring, "--model", "autoregression", "LSTM", *FORECAST, "--steps", 5),
    }


@pytest.fixture(scope="module")
def folders(commands: dict[str, tuple[object, ...]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(figures, "draw", lambda *_: [])
        patched.setattr(job, "figure", lambda *_: NoPicture())
        for name, words in commands.items():
            assert console.call(*words, "--out", folder / name).status == 0
    return folder


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("text train", "config.json"),
        ("text train", "reports.json"),
        ("text train", "checkpoint.pt"),
        ("compare", "config.json"),
        ("compare", "results.jsonl"),
        ("forecast", "config.json"),
        ("forecast", "results.jsonl"),
    ],
)
def test_a_damaged_file_is_gone_on_with_or_told_in_one_line(
    name: str,
    file: str,
    commands: dict[str, tuple[object, ...]],
    folders: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(figures, "draw", lambda *_: [])
    monkeypatch.setattr(job, "figure", lambda *_: NoPicture())
    dice = random.Random(f"{name} {file} {MUTATIONS}")  # noqa: S311
    for number in range(MUTATIONS):
        out = tmp_path / str(number)
        shutil.copytree(folders / name, out)
        change = dice.choice([flipped, cut, spliced, padded, other_value, other_value])
        raw = change((out / file).read_bytes(), dice)
        (out / file).write_bytes(raw)
        calls = [(*commands[name], "--out", out, "--resume")]
        if name == "text train":
            calls.insert(0, ("text", "generate", out, "--length", 5))
        for words in calls:
            said = console.call(*words)
            where = f"{change.__name__} {number}: {raw[:2000]!r}"
            assert said.status in (0, 2), f"{said} {where}"
            if said.status == 2:
                line = console.refusal(said)
                assert str(out) in line, f"{line} {where}"
                assert line.isprintable(), where
        shutil.rmtree(out)
