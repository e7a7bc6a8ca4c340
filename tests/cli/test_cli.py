"""The command line: what it understands, and that whatever is wrong is said in one line with exit status 2."""

from __future__ import annotations

import os
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import console
import pytest
from console import TINY, call, compare, everything, refusal

from graphseq.cli import main
from graphseq.experiments.accuracy import job
from graphseq.experiments.accuracy.settings import TEXT, Settings
from graphseq.experiments.settings import Range

WHOLE = ("--length", "--depth", "--hidden", "--batch-size", "--steps", "--samples", "--jobs")
RATES = ("--lr", "--clip")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Settings, dict[str, object]]]:
    """Comparisons that were asked for; none is run."""
    found: list[tuple[Settings, dict[str, object]]] = []

    def compare(settings: Settings, out: Path, **more: object) -> list[object]:
        found.append((settings, {"out": out, **more}))
        raise ValueError("asked")

    monkeypatch.setattr(job, "compare", compare)
    return found


def test_every_flag_arrives(asked: list[tuple[Settings, dict[str, object]]]) -> None:
    words = "--length 5 3 --depth 2 1 --hidden 8 --batch-size 9 --lr 0.5 --optimizer SGD --clip 2 --steps 7 --samples 6"
    rest = "--seed 4 0 --jobs 3 --out there --resume --text --encoding latin-1 --held-out 0.25"
    call("compare", *words.split(), *rest.split())
    settings, more = asked[0]
    given_here = {
        **{"lengths": (3, 5), "depths": (1, 2), "hidden": 8, "batch_size": 9, "lr": 0.5, "steps": 7, "seeds": (0, 4)},
        **{"samples": 6, "optimizer": "SGD", "clip": 2.0, "text": "", "encoding": "latin-1", "held_out": 0.25},
    }
    assert settings == Settings(**{**TEXT, **given_here})
    given = ["compare", *words.split(), *rest.split()]
    assert more == {"out": Path("there"), "jobs": 3, "cluster": None, "resume": True, "command": given}


def test_without_flags_all_is_as_the_help_says(asked: list[tuple[Settings, dict[str, object]]]) -> None:
    call("compare")
    call("compare", "--text")
    tasks, text = (vars(settings) for settings, _ in asked)
    told = " ".join(call("compare", "--help").out.partition("options:")[2].split())
    names = {"length": "lengths", "depth": "depths", "seed": "seeds"}
    for flag in ("length", "depth", "seed", "hidden", "batch-size", "lr", "optimizer", "clip", "steps", "samples"):
        default, _, with_text = (
            told.partition(f" --{flag} ")[2].partition("(default: ")[2].partition(")")[0].partition("; with --text: ")
        )
        name = names.get(flag, flag.replace("-", "_"))
        for value, said in ((tasks[name], default), (text[name], with_text or default)):
            assert said.strip("[]").replace(",", "") == (
                " ".join(map(str, value)) if name in names.values() else str(value)
            )


@pytest.mark.parametrize("words", [("--batch_size", "5"), ("--batch_size=5",), ("--batch-size=5",), ("--batch", "5")])
def test_dashes_and_underscores_are_the_same(
    words: tuple[str, ...], asked: list[tuple[Settings, dict[str, object]]]
) -> None:
    call("compare", *words, "--held_out", "0.2", "--text", "--length=4")
    assert (asked[0][0].batch_size, asked[0][0].held_out, asked[0][0].text) == (5, 0.2, "")


def test_an_underscore_in_a_value_stays(asked: list[tuple[Settings, dict[str, object]]], tmp_path: Path) -> None:
    (tmp_path / "my_book.txt").write_text("some text " * 50)
    call("compare", f"--text={tmp_path}/my_book.txt", "--out", "my_out")
    assert asked[0][0].text == f"{tmp_path}/my_book.txt"
    assert asked[0][1]["out"] == Path("my_out")


@pytest.mark.parametrize("flag", WHOLE)
@pytest.mark.parametrize("value", ["0", "-1", "x", "1.5", "nan", "inf", "", "1e3", "0x4"])
def test_what_is_no_whole_number_above_zero_is_refused(flag: str, value: str) -> None:
    line = refusal(call("compare", f"{flag}={value}"))
    assert line.startswith(f"graphseq compare: argument {flag}: must be ")
    assert value in line


@pytest.mark.parametrize("flag", RATES)
@pytest.mark.parametrize("value", ["0", "-1", "x", "nan", "inf", "-inf", "1e-999", "1e999", ""])
def test_what_is_no_rate_is_refused(flag: str, value: str) -> None:
    assert f"argument {flag}: must be a number above 0, got {value!r}" in refusal(call("compare", f"{flag}={value}"))


@pytest.mark.parametrize("value", ["0", "1", "-0.1", "1.1", "nan", "x"])
def test_what_is_no_share_is_refused(value: str) -> None:
    line = refusal(call("compare", f"--held-out={value}"))
    assert line.endswith(f"argument --held-out: must be a share between 0 and 1, got {value!r}")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--seed", "-1"), "argument --seed: must be at least 0, got -1"),
        (("--seed", "0.5"), "argument --seed: must be a whole number, got '0.5'"),
        (("--seed", "1", "0", "1"), "--seed names a value twice: 1 0 1"),
        (("--length", "3", "3"), "--length names a value twice: 3 3"),
        (("--depth", "2", "1", "2"), "--depth names a value twice: 2 1 2"),
        (("--length",), "argument --length: expected at least one argument"),
        (("--out",), "argument --out: expected one argument"),
        (("--optimizer", "sgdd"), "argument --optimizer: invalid choice: 'sgdd'"),
        (("--wings", "3"), "unrecognized arguments: --wings 3"),
        (("--wings\nand more",), "unrecognized arguments: --wings and more"),
        (("book.txt",), "unrecognized arguments: book.txt"),
        (("--device", "nowhere"), "argument --device: must be a torch device such as cpu or cuda:0, got 'nowhere'"),
        (("--device", ""), "argument --device: must be a torch device such as cpu or cuda:0, got ''"),
        (("--device", "cuda:99"), "argument --device: "),
        (("--device", "meta"), "argument --device: torch cannot compute on meta"),
        (("--encoding", "latin-1"), "--encoding is about a text; it needs --text"),
        (("--held-out", "0.5"), "--held-out is about a text; it needs --text"),
        (
            ("--text", "--encoding", "klingon"),
            "--encoding must be one that Python knows (utf-8, latin-1, …), got 'klingon'",
        ),
        (("--text", "--encoding", "a\0b"), "--encoding must be one that Python knows"),
    ],
)
def test_a_wrong_flag_is_refused(words: tuple[str, ...], message: str, tmp_path: Path) -> None:
    assert message in refusal(call("compare", "--out", tmp_path / "out", *words))
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("words", [("walk",), ("--wings",), ("--resume", "compare"), ("compare", "walk")])
def test_another_command_is_refused(words: tuple[str, ...]) -> None:
    assert refusal(call(*words)).startswith("graphseq")


def test_no_command_is_told_which_there_are() -> None:
    said = call()
    assert said.status == 2
    assert "compare" in said.out


LONG = "a text that is long enough, " * 30


@pytest.mark.parametrize(
    ("raw", "words", "message"),
    [
        ("på gjensyn".encode("latin-1") * 99, (), "byte 1 is not utf-8; name the file's encoding (--encoding latin-1"),
        (b"abc\x9d" * 99, ("--encoding", "cp1252"), "byte 3 is not cp1252; name the file's encoding (--encoding"),
        (b"odd" * 99, ("--encoding", "utf-16"), "is not utf-16; name the file's encoding (--encoding"),
        (LONG.encode(), ("--encoding", "hex"), "encoding must be one that Python knows"),
        (b"", (), "is empty; a text to train on is needed"),
        (b"x", (), "has 1 characters; the part held out (10%) and the rest must each hold a window of --length 4"),
        (b"only so much", (), "has 12 characters"),
        (LONG.encode(), ("--length", "84"), "must each hold a window of --length 84 and its next character"),
        (LONG.encode(), ("--held-out", "0.005"), "the part held out (0%)"),
        (LONG.encode(), ("--held-out", "0.999"), "the part held out (100%)"),
    ],
)
def test_a_text_that_will_not_do_is_refused(raw: bytes, words: tuple[str, ...], message: str, tmp_path: Path) -> None:
    book = tmp_path / "book.txt"
    book.write_bytes(raw)
    line = refusal(compare(tmp_path / "out", "--length", "4", "--text", book, *words))
    assert message in line
    assert "book.txt" in line or "encoding must be" in line
    assert os.listdir(tmp_path) == ["book.txt"]


@pytest.mark.parametrize(
    ("name", "message"),
    [("none.txt", "No such file"), (".", "Is a directory"), ("book.txt/x", "Not a directory"), ("a\0b", "NUL")],
)
def test_a_text_that_cannot_be_read_is_refused(name: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "book.txt").write_text(LONG)
    assert message in refusal(compare(tmp_path / "out", "--text", f"{tmp_path}/{name}"))
    assert os.listdir(tmp_path) == ["book.txt"]


@pytest.mark.parametrize("where", ["file", "file/below", "/proc/none", "/dev/null/x", "x" * 300, "a\0b", "full"])
def test_a_folder_that_cannot_be_written_to_is_refused(where: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "precious").write_text("precious")
    before = everything(tmp_path)
    refusal(compare(tmp_path / where))
    assert everything(tmp_path) == before


def test_a_record_that_is_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").mkdir()
    assert "Is a directory" in refusal(compare(tmp_path, "--resume"))


@pytest.mark.parametrize("flag", ["--hidden", "--batch-size"])
def test_counts_that_no_machine_has_memory_for_are_refused(flag: str, tmp_path: Path) -> None:
    said = refusal(compare(tmp_path / "out", "--length", "2", flag, 10**15, "--steps", "1"))
    assert f"{flag}: must be at most 2,147,483,647, got {10**15}" in said


@pytest.mark.parametrize("flag", ["--hidden", "--batch-size"])
def test_runs_for_which_there_is_no_memory_fail_and_are_named(
    flag: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Range, "holds", lambda self, value: True)
    said = compare(tmp_path / "out", "--length", "2", flag, 10**15, "--steps", "1")
    assert said.status == 1
    assert "Traceback" not in said.err
    assert said.err.count("failed: task ") == 14  # all but the two constants
    assert said.err.splitlines()[-1] == "14 of 16 runs failed; --resume tries them again"


@pytest.mark.parametrize("seed", [2**32, 2**64, 10**30])
def test_any_seed_will_do(seed: int, tmp_path: Path) -> None:
    assert compare(tmp_path / "out", "--length", "2", "--seed", seed, "--steps", "1").status == 0


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (BrokenProcessPool("a\nb"), "a worker process was killed, perhaps for want of memory"),
        (OSError(28, "No space left on device", "/full/x"), "/full/x: No space left on device"),
        (OSError(28, "No space left on device"), "[Errno 28] No space left on device"),
        (RuntimeError("can't allocate\nmemory"), "can't allocate memory"),
        (MemoryError(), "MemoryError"),
    ],
)
def test_what_goes_wrong_on_the_way_is_one_line(
    error: Exception, line: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(job, "compare", fails)
    assert refusal(compare(tmp_path / "out")).startswith(f"graphseq compare: {line}")


def test_an_interrupt_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(job, "compare", stopped)
    said = console.compare(tmp_path / "out")
    assert said.status == 130
    assert said.err.strip() == f"stopped; run the same command with --resume to go on (--out {tmp_path / 'out'})"


def test_what_is_wrong_in_the_library_itself_is_not_hidden(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def broken(*_: object, **__: object) -> None:
        raise KeyError("a mistake of ours")

    monkeypatch.setattr(job, "compare", broken)
    with pytest.raises(KeyError):
        main.main(["compare", *TINY, "--out", str(tmp_path / "out")])


def test_of_many_processes_the_first_speaks_first_and_another_only_if_it_is_left_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waited: list[float] = []
    monkeypatch.setattr(main.time, "sleep", waited.append)
    monkeypatch.setenv("WORLD_SIZE", "2")
    for rank, turns in (("0", []), ("1", [main.TURN])):
        monkeypatch.setenv("RANK", rank)
        said = call("compare")
        assert said.status == 2
        assert "torchrun starts one run in many processes" in said.err
        assert waited == turns
