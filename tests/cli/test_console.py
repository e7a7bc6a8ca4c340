"""The terminal: results and comments apart, and nothing that a file holds can break or steer it."""

from __future__ import annotations

import errno
import io
import json
import math
import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from console import call

from graphseq._printable import printable
from graphseq.cli import main
from graphseq.cli.console import DISABLE, Console, StdoutClosedError
from graphseq.experiments.forecast import job
from graphseq.training.progress import progress_bar

REACH = ("--model", "gcn", "--layers", "1")


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    (tmp_path / "g.csv").write_text("Zoë,Ann\nAnn,\x1b[31mBob\n", encoding="utf-8")
    return tmp_path / "g.csv"


def ascii_stream() -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="strict")


def test_an_ascii_terminal_gets_escapes_and_no_error(graph: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, err = ascii_stream(), ascii_stream()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    assert main.main(["reach", "--graph", str(graph), "--source", "Zoë", *REACH]) == 0
    assert main.main(["reach", "--graph", str(graph), "--source", "Zoé", *REACH]) == 2
    with pytest.raises(SystemExit):
        main.main(["forecast", "--help"])
    out.flush(), err.flush()
    assert b"Hops from Zo\\xeb: 3 of 3 rows" in out.buffer.getvalue()
    assert b"--source Zo\\xe9 is no node" in err.buffer.getvalue()


def test_names_from_a_file_cannot_steer_the_terminal(graph: Path) -> None:
    said = call("reach", "--graph", graph, "--source", "Zoë", *REACH)
    assert said.status == 0
    assert "\x1b" not in said.out
    assert "Zoë to \\x1b[31mBob: 2 hops" in said.out
    refused = call("reach", "--graph", graph, "--source", "Zoë", "--target", "Zoë\u202e")
    assert "\u202e" not in refused.err
    assert "\\u202e" in refused.err


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Zoë 日本\n\tx", "Zoë 日本\n\tx"),
        ("\x1b[2J\x07\x7f", "\\x1b[2J\\x07\\x7f"),
        ("a\u2028b\u202ec", "a\\u2028b\\u202ec"),
        ("\udc80", "\\udc80"),
        ("\x9b31m", "\\x9b31m"),
    ],
)
def test_what_steers_a_terminal_is_escaped(text: str, expected: str) -> None:
    assert printable(text) == expected


def test_json_is_one_document_with_null_for_what_is_not_finite(capsys: pytest.CaptureFixture[str]) -> None:
    Console(json=True).result("a table", {"lines": [{"mse": math.nan, "model": "Zoë"}], "most": math.inf})
    assert json.loads(capsys.readouterr().out) == {"lines": [{"mse": None, "model": "Zoë"}], "most": None}


def test_a_warning_is_a_comment_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with Console().with_warnings():
        warnings.simplefilter("always")
        warnings.warn("a glyph\nis missing", UserWarning, stacklevel=1)
    assert tuple(capsys.readouterr()) == ("", "warning: a glyph is missing\n")


def test_comments_go_to_stderr_and_results_to_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    for console, out, err in (
        (Console(), "a result\n", "a comment\n"),
        (Console(quiet=True), "a result\n", ""),
        (Console(mute=True), "", ""),
    ):
        console.say("a comment")
        console.result("a result", {})
        assert tuple(capsys.readouterr()) == (out, err)


def test_quiet_and_json_leave_one_document_and_no_comment(tmp_path: Path) -> None:
    words = ("--graph", "path_3", "--source", "0", *REACH, "--out", tmp_path / "out", "--json", "--quiet")
    said = call("reach", *words)
    assert said.err == ""
    assert json.loads(said.out) == json.loads((tmp_path / "out" / "reach.json").read_text())


@pytest.fixture
def closed_pipe() -> Iterator[io.TextIOWrapper]:
    """A stream that nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    with io.TextIOWrapper(io.FileIO(writer, "w"), encoding="utf-8", write_through=True) as stream:
        yield stream


def test_a_closed_stdout_ends_a_command_without_a_word(
    graph: Path, closed_pipe: io.TextIOWrapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    err = io.StringIO()
    monkeypatch.setattr(sys, "stdout", closed_pipe)
    monkeypatch.setattr(sys, "stderr", err)
    assert main.main(["reach", "--graph", str(graph), "--source", "Zoë", *REACH]) == 0
    assert err.getvalue() == ""


def test_results_that_nobody_reads_are_an_error_of_their_own(
    closed_pipe: io.TextIOWrapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", closed_pipe)
    with pytest.raises(StdoutClosedError):
        Console().result("a result", {})


def test_a_closed_stderr_does_not_end_the_work(
    closed_pipe: io.TextIOWrapper, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stderr", closed_pipe)
    console = Console()
    console.say("a comment")
    console.say("another")
    console.complain("a third")
    console.result("a result", {})
    assert capsys.readouterr().out == "a result\n"
    assert main.main(["reach", "--graph", "path_3", "--source", "no"]) == 2


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "shown", "variable", "expected"),
    [
        (Terminal, True, None, True),
        (Terminal, False, None, False),
        (Terminal, True, "1", False),
        (io.StringIO, True, None, False),
    ],
)
def test_progress_is_shown_on_a_terminal_only(
    stream: Callable[[], io.StringIO],
    shown: bool,
    variable: str | None,
    expected: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(DISABLE, raising=False)
    if variable is not None:
        monkeypatch.setenv(DISABLE, variable)
    err = stream()
    monkeypatch.setattr(sys, "stderr", err)
    with progress_bar(3, 1, "run", shown=shown) as bar:
        bar.update()
    assert ("2/3" in err.getvalue()) is expected


@pytest.mark.parametrize(("before", "quiet"), [(None, True), ("", True), (None, False)])
def test_quiet_shows_no_progress_and_leaves_the_environment(
    before: str | None, quiet: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(DISABLE, raising=False)
    if before is not None:
        monkeypatch.setenv(DISABLE, before)
    with Console(quiet=quiet).without_progress():
        assert bool(os.environ.get(DISABLE)) is quiet
    assert os.environ.get(DISABLE) == before


def test_json_does_not_steer_a_terminal_either(capsys: pytest.CaptureFixture[str]) -> None:
    Console(json=True).result("", {"name": "a\x9b31m\u202eb\x7f"})
    out = capsys.readouterr().out
    assert out.isascii()
    assert json.loads(out) == {"name": "a\x9b31m\u202eb\x7f"}


def test_a_refusal_of_the_parser_does_not_either() -> None:
    said = call("reach", "--graph", "x", "--source", "y", "--\x1b[31m")
    assert (said.status, said.err) == (2, "graphseq reach: unrecognized arguments: --\\x1b[31m\n")


def test_without_a_stdout_nothing_is_begun_and_without_a_stderr_results_stay_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["reach", "--graph", "path_3", "--source", "0", *REACH]
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", None)
        assert main.main(words) == 2
    assert capsys.readouterr().err.startswith("graphseq reach: stdout is closed, so results have nowhere to go")
    monkeypatch.setattr(sys, "stderr", None)
    assert main.main([*words[:4], "7"]) == 2
    sys.stderr.close()
    assert capsys.readouterr().out == ""


class FullDisk(io.StringIO):
    def write(self, _: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    def fileno(self) -> int:
        raise ValueError


def test_a_full_disk_behind_stdout_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", FullDisk())
    with pytest.raises(OSError, match="could not be printed") as refused:
        Console().result("a result", {})
    assert refused.value.filename == "stdout"


def test_a_command_that_is_told_to_end_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(job, "forecast", lambda *_, **__: os.kill(os.getpid(), signal.SIGTERM))
    said = call("forecast", "chickenpox", "--out", tmp_path / "out")
    assert (said.status, said.out) == (143, "")
    assert said.err.strip() == f"stopped; run the same command with --resume to go on (--out {tmp_path / 'out'})"
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize(("size", "status"), [("", 0), ("1", 0), ("many", 2), ("2", 2)])
def test_the_number_of_processes_is_a_number(size: str, status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", size)
    monkeypatch.setenv("RANK", "0")
    said = call("reach", "--graph", "path_3", "--source", "0", *REACH)
    assert said.status == status
    assert said.err.count("\n") == (status > 0)


def test_a_misspelt_flag_that_is_required_is_found() -> None:
    before = call("--lenght", "5", "compare")
    assert before.err.startswith("graphseq: --lenght is before the command; flags follow it")
    said = call("reach", "--grph", "x", "--source", "y")
    assert said.err.endswith("required: --graph; --grph is not known here; did you mean --graph?\n")
