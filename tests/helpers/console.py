"""The command line, called in this process."""

from __future__ import annotations

import io
import re
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple

from graphseq.cli.main import main

TINY = (
    *("--length", "2", "3", "--depth", "1", "--hidden", "4", "--steps", "3", "--samples", "20"),
    *("--lr", "0.003", "--batch-size", "64", "--jobs", "1", "--start", "torch", "--no-curriculum"),
)
FILES = [
    ".lock",
    ".results.jsonl.lock",
    "config.json",
    "figure.png",
    "results.csv",
    "results.json",
    "results.jsonl",
    "runs",
]


class Said(NamedTuple):
    """How a call ended, and what it wrote."""

    status: int
    out: str
    err: str


def call(*words: object) -> Said:
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            status = main([str(word) for word in words])
        except SystemExit as end:
            status = int(end.code or 0)
    return Said(status, out.getvalue(), err.getvalue())


def compare(out: Path, *words: object, tiny: bool = True) -> Said:
    return call("compare", *(TINY if tiny else ()), "--out", out, *words)


def refusal(said: Said) -> str:
    """The one line of a refusal."""
    assert said.status == 2
    assert said.out == ""
    lines = [line for line in said.err.splitlines() if not line.startswith("text: ")]
    assert len(lines) == 1, said.err
    assert lines[0].startswith("graphseq")
    assert not re.search(r"\b[a-z_]+=", lines[0]), f"an argument of Python in {lines[0]}"
    return lines[0]


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
