"""Examples as programs, given a file that will not do: one line, and status 2."""

from __future__ import annotations

import argparse
import os
import re
import runpy
import sys
from pathlib import Path

import pytest

import graphseq
from graphseq.cli.messages import refusals

EXAMPLES = Path(graphseq.__file__).parents[1] / "examples"
BAD = b"smiles,y\nCC,1\n\x1b[31m,\xff\n"


@pytest.mark.parametrize(
    ("script", "flags", "content", "message"),
    [
        ("agreement.py", ("--file",), None, "does not exist"),
        (
            "agreement.py",
            ("--file",),
            b"one\n",
            "line 1, sentence 1: it has 1 columns, .* or read with --skip to go on",
        ),
        ("agreement.py", ("--file",), BAD, "utf-8"),
        ("molecules.py", ("--target", "y", "--csv"), None, "No such file"),
        ("molecules.py", ("--target", "y", "--csv"), b"a,y\nC,1\n", "has no column 'smiles'; .* by --smiles"),
        ("molecules.py", ("--target", "y", "--csv"), BAD, "utf-8"),
        ("molecules.py", ("--target", "y", "--tiny", "--csv"), b"smiles,y\nC,1\n", "folds"),
        ("molecules.py", ("--tu",), None, "there is no file_A.txt in .* by --name"),
        ("digits_influence.py", ("--record",), b"[1]", "file is not the record that this program reads"),
        ("palindromes.py", ("--records",), b"{", "file is not the record that this program reads"),
        ("text_tables.py", ("--rows",), b'{"a": 1}', "file is not the record that this program reads"),
    ],
)
def test_a_wrong_file_is_one_line(
    script: str,
    flags: tuple[str, ...],
    content: bytes | None,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "file"
    if content is not None:
        file.write_bytes(content)
    monkeypatch.syspath_prepend(EXAMPLES)
    monkeypatch.setattr(sys, "argv", [script, "--out", str(tmp_path / "out"), *flags, str(file)])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(EXAMPLES / script), run_name="__main__")
    assert end.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{script}: ")
    assert re.search(message, line), line


def test_a_reader_that_goes_away_ends_an_example_without_a_word(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    reader, writer = os.pipe()
    os.close(reader)

    def program() -> None:
        with refusals(argparse.ArgumentParser()):
            print("a line that is still in the buffer when the program ends")

    with os.fdopen(writer, "w") as gone:
        monkeypatch.setattr(sys, "stdout", gone)
        with pytest.raises(SystemExit) as end:
            program()
    assert end.value.code == 0
    assert capsys.readouterr().err == ""
