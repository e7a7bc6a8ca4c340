"""The forecast command: what it understands, and that whatever is wrong is said in one line with exit status 2."""

from __future__ import annotations

import os
from pathlib import Path

import planted
import pytest
from console import call, everything, refusal

from graphseq.experiments.forecast import job
from graphseq.experiments.forecast.settings import MODELS, Settings


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Settings, dict[str, object]]]:
    """Forecasts that were asked for; none is run."""
    found: list[tuple[Settings, dict[str, object]]] = []

    def forecast(settings: Settings, out: Path, **more: object) -> None:
        found.append((settings, {"out": out, **more}))
        raise ValueError("asked")

    monkeypatch.setattr(job, "forecast", forecast)
    return found


def test_every_flag_arrives(asked: list[tuple[Settings, dict[str, object]]]) -> None:
    words = (
        "forecast x.csv --edges e.csv --window 7d --missing drop --model lstm mean --lags 3 --horizon 2 --channels 2"
    )
    more = "--train 0.5 --validation 0.1 --season 12.5 --scale file --hidden 6 --steps 7 --every 3 --batch-size 9"
    rest = "--lr 0.5 --weight-decay 0 --residual --gate-penalty 0.25 --seed 4 0 --jobs 3 --out there --resume"
    given = [*words.split(), *more.split(), *rest.split()]
    call(*given)
    settings, told = asked[0]
    assert settings == Settings(
        *("x.csv", "e.csv", "7d", "drop", ("mean", "LSTM"), 3, (2,), 2, 0.5, 0.1, 12.5, "file"),
        *(6, 7, 3, 9, 0.5, 0.0, True, 0.25, (0, 4)),
    )
    assert told == {"out": Path("there"), "resume": True, "jobs": 3, "command": given}


def test_without_flags_all_is_as_the_help_says(asked: list[tuple[Settings, dict[str, object]]]) -> None:
    call("forecast", "chickenpox")
    settings, told = vars(asked[0][0]), " ".join(call("forecast", "--help").out.partition("options:")[2].split())
    assert settings["models"] == MODELS
    for name in ("lags", "channels", "train", "validation", "scale", "hidden", "steps", "every", "lr"):
        said = told.partition(f" --{name} ")[2].partition("(default: ")[2].partition(")")[0]
        assert said == str(settings[name])


@pytest.mark.parametrize("word", ["GCN-LSTM-state", "gcn-lstm-state", "gcn_lstm_state", "Gcn Lstm State"])
def test_names_are_spelt_as_one_likes(word: str, asked: list[tuple[Settings, dict[str, object]]]) -> None:
    call("forecast", "chickenpox", "--model", word)
    assert asked[0][0].models == ("GCN-LSTM-state",)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--model", "perceiver"), "argument --model: invalid choice: 'perceiver'"),
        (("--model", "LSTM", "lstm"), "--model names a value twice: LSTM LSTM"),
        (("--lags", "0"), "argument --lags: must be at least 1, got 0"),
        (("--train", "1"), "argument --train: must be a share between 0 and 1, got '1'"),
        (("--season", "-1"), "argument --season: must be above 1 step, got '-1'"),
        (("--weight-decay", "-1"), "argument --weight-decay: must be a number of at least 0, got '-1'"),
        (("--scale", "all"), "argument --scale: invalid choice: 'all'"),
        (("--seed", "1", "1"), "--seed names a value twice: 1 1"),
        (("--device", "nowhere"), "argument --device: must be a torch device such as cpu or cuda:0, got 'nowhere'"),
        (("--lags", "38"), "--train 0.8 and --validation 0.2 leave no window for"),
        (("--lags", "60"), "has 40 times; a window of --lags 60"),
        (("--horizon", "60"), "has 40 times; a window of --lags 4 and an answer --horizon 60 later need 64"),
        (("--channels", "2"), "--channels 2 columns of x are to be forecast, but x has 1"),
        (("--edges", "e.csv"), "there is no file e.csv"),
    ],
)
def test_what_will_not_do_is_refused_and_leaves_nothing(words: tuple[str, ...], message: str, tmp_path: Path) -> None:
    file = planted.write_json(tmp_path / "ring.json", planted.signal(40))
    assert message in refusal(call("forecast", file, "--out", tmp_path / "out", *words))
    assert os.listdir(tmp_path) == ["ring.json"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.json", None, "there is no file"),
        ("empty.json", "", "not JSON"),
        ("other.json", '{"a": 1}', "other.json has the keys a; understood are"),
        ("ring.txt", "x", "FILE must end in .json, .csv, .csv.gz, .h5 or .npz"),
        (
            "table.csv",
            "when,place,v\n",
            "it has when, place, v. Where a line is an observation",
        ),
        ("table.csv", "time,node,v\n", "table.csv has no"),
    ],
)
def test_a_file_that_will_not_do_is_refused(name: str, content: str | None, message: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    before = everything(tmp_path)
    assert message in refusal(call("forecast", tmp_path / name, "--out", tmp_path / "out"))
    assert everything(tmp_path) == before


def test_a_file_that_is_not_there_is_said_to_be_missing_first(tmp_path: Path) -> None:
    (tmp_path / "seen.csv").write_text("time,node,v\n0,A,1\n")
    wrong = tmp_path / "sean.csv"
    assert f"there is no file {wrong}; did you mean {tmp_path / 'seen.csv'}?" in refusal(call("forecast", wrong))
    said = refusal(call("forecast", tmp_path / "seen.csv", "--edges", tmp_path / "none.csv"))
    assert f"there is no file {tmp_path / 'none.csv'}" in said


EDGES = "source,target,time\nA,B,1\n"
GONE = "time,node,v\n0,A,1\n0,B,2\n1,A,3\n"


@pytest.mark.parametrize(
    ("name", "content", "words", "message"),
    [
        (
            "mail.csv",
            "source,target,time\na,b,1\nb,a,9\n",
            ("--window", "2"),
            "line 3: window 1, from 3 on, has no event",
        ),
        ("mail.csv", "source,target,time\na,b,9\nb,a,1\n", ("--window", "2"), "line 3: the time is before that of"),
        ("mail.csv", "source,target,time\na,b,9\nb,a,1\n", ("--window", "2"), "sort the file, or read it with --sort"),
        ("mail.csv", "source,target,time\na,b,1\nb,a,9\n", ("--window", "2"), "take longer windows, or --empty keep"),
        (
            "mail.csv",
            "source,target,time\na,b,1\n",
            ("--window", "7d"),
            "--window must be a number, as the times of mail",
        ),
        ("mail.csv", "from,target,time\na,b,1\n", ("--window", "1"), "Name the column by --edge-source"),
        ("seen.csv", "time,name,v\n0,A,1\n", ("--edges", "edges.csv"), "Name the column by --node"),
        ("seen.csv", "time,node,v\n0,A,NaN\n", ("--edges", "edges.csv"), "fill it in, or say --missing mask, which"),
        ("when.csv", "when,A,B\n0,1,2\n", ("--edges", "edges.csv"), "if each column is a node, read it with --wide"),
        ("seen.csv", GONE, ("--edges", "edges.csv"), "edges.csv, line 2: node 'B' has no line at time 1"),
        ("seen.csv", "time,node,v\n0,A,NaN\n", ("--edges", "edges.csv"), "line 2: v is missing; fill it in"),
        ("seen.csv", "time,node,v\n1,A,1\n0,A,1\n", ("--edges", "edges.csv"), "line 3: the time is before that of"),
        ("wide.json", '{"edges": [], "X": [[1, 2], [3]]}', (), "wide.json: X has 1 values at 1, but 2"),
        ("gaps.json", '{"edges": [], "X": [[1, 2], [3, null]]}', (), "node 1 has no value of X"),
    ],
)
def test_the_place_of_a_fault_within_a_file_is_told(
    name: str, content: str, words: tuple[str, ...], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("edges.csv").write_text(EDGES)
    Path(name).write_text(content)
    assert message in refusal(call("forecast", name, "--out", "out", *words))
    assert not Path("out").exists()


def test_a_folder_in_use_is_refused(tmp_path: Path) -> None:
    file = planted.write_json(tmp_path / "ring.json", planted.signal(40))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "precious").write_text("precious")
    before = everything(tmp_path)
    line = refusal(call("forecast", file, "--out", tmp_path / "out", "--train", "0.5"))
    assert line.endswith("holds other files; name a new or empty folder")
    assert everything(tmp_path) == before


def test_an_interrupt_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(job, "forecast", stopped)
    said = call("forecast", "chickenpox", "--out", tmp_path / "out")
    assert said.status == 130
    assert said.err.strip() == f"stopped; run the same command with --resume to go on (--out {tmp_path / 'out'})"
