"""A forecast: the same numbers however it is run, interrupted or repeated, and a folder that says all of it."""

from __future__ import annotations

import csv
import io
import json
import os
import random
import shlex
import shutil
from pathlib import Path

import console
import numpy as np
import planted
import pytest
import torch
from console import everything
from PIL import Image

import graphseq as gs
from graphseq.experiments.forecast import figures, models, report
from graphseq.experiments.forecast import run as runs
from graphseq.experiments.forecast.report import Facts, Line
from graphseq.experiments.forecast.settings import Case, Settings
from graphseq.training.fit import DivergedError
from graphseq.training.history import History

pytestmark = pytest.mark.slow

TINY = ("--steps", "20", "--every", "5", "--hidden", "4", "--batch-size", "4", "--seed", "0", "1", "--jobs", "1")
MODELS = ("--model", "autoregression", "lstm", "GCN-LSTM-forgetting")
KEYS = ["GCN-LSTM-forgetting-seed0", "GCN-LSTM-forgetting-seed1", "LSTM-seed0", "LSTM-seed1", "autoregression-seed0"]
FILES = [
    ".lock",
    ".results.jsonl.lock",
    "config.json",
    "errors.png",
    "forecaster.pt",
    "forecasts.png",
    "forgotten.gif",
    "forgotten.png",
    "next.csv",
    "predictions.csv",
]
FILES += ["results.csv", "results.json", "results.jsonl", "runs"]


def forecast(file: Path, out: Path, *words: object) -> console.Said:
    return console.call("forecast", file, "--out", out, *TINY, *(MODELS if "--model" not in words else ()), *words)


@pytest.fixture(scope="module")
def ring(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return planted.write_json(tmp_path_factory.mktemp("ring") / "ring.json", planted.signal(40))


@pytest.fixture(scope="module")
def done(ring: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, console.Said]:
    out = tmp_path_factory.mktemp("done") / "out"
    return out, forecast(ring, out, "--train", "0.5")


@pytest.fixture
def without_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw nothing: pictures take most of the time, and those of ``done`` are looked at."""
    monkeypatch.setattr(figures, "draw", lambda *_: [])


@pytest.fixture
def copy(done: tuple[Path, console.Said], tmp_path: Path) -> Path:
    return shutil.copytree(done[0], tmp_path / "out")


def record(out: Path) -> dict[str, object]:
    def strict(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    return json.loads((out / "results.json").read_text(), parse_constant=strict)


def results(out: Path) -> dict[str, dict[str, object]]:
    """The results of the runs that finished, by the name of their files."""
    runs = [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]
    return {Case(**run["config"]).key: run["result"] for run in runs if run["result"] is not None}


def numbers(out: Path) -> list[dict[str, object]]:
    return [{**line, "seconds": None} for line in record(out)["lines"]]


def test_a_folder_of_results_is_written(done: tuple[Path, console.Said]) -> None:
    out, said = done
    assert (said.status, sorted(os.listdir(out))) == (0, FILES)
    assert f"written to {out}: results.csv, results.json" in said.err
    first = [key for key in KEYS if key.endswith("0")]
    kept = [f"{key}.json" for key in KEYS] + [f"{key}.{end}" for key in first for end in ("npz", "pt")]
    assert sorted(os.listdir(out / "runs")) == sorted(kept)


def test_table_json_and_csv_say_what_the_runs_say(done: tuple[Path, console.Said]) -> None:
    out, said = done
    found = record(out)
    lines = [Line(**{key: float("nan") if v is None else v for key, v in line.items()}) for line in found["lines"]]
    settings = found["config"]["settings"]
    facts = Facts(**found["test"])
    assert [line.model for line in lines] == settings["models"] == ["autoregression", "LSTM", "GCN-LSTM-forgetting"]
    for line in lines:
        scores = [result["mse"] for result in results(out).values() if result["model"] == line.model]
        assert line.mse == pytest.approx(sum(scores) / len(scores))
        assert line.seeds == len(scores)
    with (out / "results.csv").open(newline="") as file:
        assert [float(row["mse"]) for row in csv.DictReader(file)] == [line.mse for line in lines]
    plain = {key: tuple(v) if isinstance(v, list) else v for key, v in settings.items() if key != "file_sha256"}
    assert report.table(Settings(**plain), lines, facts) in said.out
    assert len(settings["file_sha256"]) == 64


def test_the_forecasts_listed_have_the_errors_reported(done: tuple[Path, console.Said]) -> None:
    out, _ = done
    with (out / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    x, test = planted.signal(40), record(out)["test"]
    assert len(rows) == test["answers"] == 5 * test["windows"]
    assert [float(row["y"]) for row in rows[-5:]] == pytest.approx(x[-1].tolist())
    assert [row["node"] for row in rows[:5]] == ["n0", "n1", "n2", "n3", "n4"]
    for model in ("autoregression", "LSTM"):
        mse = np.mean([(float(row[model]) - float(row["y"])) ** 2 for row in rows])
        assert mse == pytest.approx(results(out)[f"{model}-seed0"]["mse"], rel=1e-5)


def test_intervals_stand_beside_the_forecasts_and_hold_the_share_that_is_told(done: tuple[Path, console.Said]) -> None:
    out, _ = done
    with (out / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for model in ("autoregression", "LSTM"):
        held = [float(row[f"{model} low"]) <= float(row["y"]) <= float(row[f"{model} high"]) for row in rows]
        assert np.mean(held) == pytest.approx(results(out)[f"{model}-seed0"]["coverage"])


def test_the_forecaster_that_is_left_predicts_what_comes_next(done: tuple[Path, console.Said]) -> None:
    out, _ = done
    said = console.call("predict", out, "--csv", out.parent / "next.csv")
    assert said.status == 0
    assert (out.parent / "next.csv").read_text() == (out / "next.csv").read_text()
    rows = list(csv.DictReader(io.StringIO((out / "next.csv").read_text())))
    assert [row["node"] for row in rows] == ["n0", "n1", "n2", "n3", "n4"]
    assert {row["time"] for row in rows} == {"40"}
    assert all(float(row["low"]) < float(row["value"]) < float(row["high"]) for row in rows)
    best = min(record(out)["lines"], key=lambda line: line["validation_mse"])["model"]
    assert gs.Forecaster.load(out / "forecaster.pt").chosen == {1: best}
    (out.parent / "next.csv").unlink()


@pytest.mark.usefixtures("without_pictures")
def test_several_horizons_have_an_error_each_at_the_same_times(ring: Path, tmp_path: Path) -> None:
    said = forecast(
        ring, tmp_path / "out", "--model", "mean", "autoregression", "--horizon", "1", "3", "--train", "0.5"
    )
    found = record(tmp_path / "out")
    assert said.status == 0
    assert [(line["model"], line["horizon"]) for line in found["lines"]] == [
        *(("mean", 1), ("autoregression", 1)),
        *(("mean", 3), ("autoregression", 3)),
    ]
    one, three = found["tests"]
    assert (one["first"], one["last"], one["answers"]) == (three["first"], three["last"], three["answers"])
    assert "MSE              1 ahead   3 ahead" in said.out
    assert said.out.count("the test part chose nothing") == 1
    with (tmp_path / "out" / "predictions_ahead3.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    mse = np.mean([(float(row["autoregression"]) - float(row["y"])) ** 2 for row in rows])
    assert mse == pytest.approx(found["lines"][3]["mse"], rel=1e-5)


@pytest.mark.usefixtures("without_pictures")
def test_a_wide_table_needs_no_edges_and_its_gaps_are_masked_and_counted(tmp_path: Path) -> None:
    x = planted.signal(40)
    lines = ["time,a,b,c,d,e", *(f"{t},{','.join(f'{v:.6f}' for v in row)}" for t, row in enumerate(x.tolist()))]
    lines[8] = lines[8].rsplit(",", 1)[0] + ","
    (tmp_path / "x.csv").write_text("\n".join(lines) + "\n")
    words = ("--wide", "--missing", "mask", "--model", "persistence", "--train", "0.5", "--unit", "K")
    said = forecast(tmp_path / "x.csv", tmp_path / "out", *words)
    assert "1 of 200 observations, 0.5%, are missing: no answer is asked there" in said.out
    assert "forecast of value, 1 ahead from 4 times. Errors in K" in said.out
    assert record(tmp_path / "out")["lines"][0]["coverage"] > 0.5


def test_the_animation_has_a_frame_a_snapshot(done: tuple[Path, console.Said]) -> None:
    with Image.open(done[0] / "forgotten.gif") as moving:
        assert moving.n_frames == record(done[0])["test"]["windows"]


def test_a_run_leaves_its_curves(done: tuple[Path, console.Said]) -> None:
    run = json.loads((done[0] / "runs" / "LSTM-seed1.json").read_text())
    assert [step for step, _ in run["validation"]] == [5, 10, 15, 20]
    assert results(done[0])["LSTM-seed1"]["best_step"] == min(run["validation"], key=lambda point: point[1])[0]
    assert len(run["history"]["loss"]) == 20
    assert run["machine"]["torch"] == torch.__version__


@pytest.mark.usefixtures("without_pictures")
def test_the_command_in_the_record_gives_the_same_numbers_bit_for_bit(
    done: tuple[Path, console.Said], tmp_path: Path
) -> None:
    words = shlex.split(json.loads((done[0] / "config.json").read_text())["command"])[3:]
    words[words.index("--out") + 1] = str(tmp_path / "again")
    assert console.call(*words).status == 0
    assert numbers(tmp_path / "again") == numbers(done[0])
    again, first = ((out / "predictions.csv").read_bytes() for out in (tmp_path / "again", done[0]))
    assert again == first


@pytest.mark.usefixtures("without_pictures")
def test_going_on_runs_nothing_again(copy: Path, ring: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, made = numbers(copy), everything(copy / "runs")
    (copy / "results.json").unlink()
    monkeypatch.setattr(runs, "_ready", None)
    assert forecast(ring, copy, "--train", "0.5", "--resume").status == 0
    assert numbers(copy) == before
    assert everything(copy / "runs") == made


@pytest.mark.usefixtures("without_pictures")
def test_a_failing_run_costs_only_itself(
    done: tuple[Path, console.Said], ring: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, whole = tmp_path / "out", models.trained

    def trained(name: str, *rest: object) -> object:
        if name == "LSTM":
            raise RuntimeError("out of\nmemory")
        return whole(name, *rest)

    with monkeypatch.context() as broken:
        broken.setattr(models, "trained", trained)
        said = forecast(ring, out, "--train", "0.5")
    assert (said.status, said.err.splitlines()[-1]) == (
        1,
        "graphseq forecast: 2 of 5 runs failed; add --resume to try them again. The first: model LSTM, seed 0: "
        "RuntimeError: out of memory",
    )
    assert set(results(out)) == {key for key in KEYS if "LSTM-seed" not in key[:9]}
    assert not (out / "results.json").exists()
    assert forecast(ring, out, "--train", "0.5", "--resume").status == 0
    assert numbers(out) == numbers(done[0])


def test_one_that_diverges_is_shown_as_such(ring: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def diverges(*_: object, **__: object) -> None:
        raise DivergedError("training diverged at step 2", History())

    monkeypatch.setattr(runs, "fit_with_validation", diverges)
    words = ("--train", "0.5", "--model", "mean", "gru")
    said = forecast(ring, tmp_path / "out", *words)
    assert said.status == 0
    assert any(line.split()[:2] == ["GRU", "diverged"] for line in said.out.splitlines())
    assert record(tmp_path / "out")["lines"][1]["failure"] == "training diverged at step 2"
    assert forecast(ring, tmp_path / "out", *words, "--resume").status == 0


def test_a_second_call_is_refused_and_changes_nothing(copy: Path, ring: Path) -> None:
    before = everything(copy)
    line = console.refusal(forecast(ring, copy, "--train", "0.5"))
    assert line.endswith("already holds a forecast; add --resume to go on, or name another folder")
    assert everything(copy) == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--train", "0.4"), "--train 0.5, now 0.4"),
        (("--train", "0.5", "--lags", "3"), "--lags 4, now 3"),
        (("--train", "0.5", "--season", "4"), "--season None, now 4.0"),
        (("--train", "0.5", "--scale", "file"), "--scale 'train', now 'file'"),
        (("--train", "0.5", "--gate-penalty", "1"), "--gate-penalty 0.0, now 1.0"),
    ],
)
def test_going_on_with_other_settings_is_refused(copy: Path, ring: Path, words: tuple[str, ...], message: str) -> None:
    before = everything(copy)
    assert console.refusal(forecast(ring, copy, *words, "--resume")).endswith(f"{message}; name another --out")
    assert everything(copy) == before


def test_going_on_with_a_changed_file_is_refused(tmp_path: Path) -> None:
    file, words = planted.write_json(tmp_path / "x.json", planted.signal(40)), ("--train", "0.5", "--model", "mean")
    assert forecast(file, tmp_path / "out", *words).status == 0
    planted.write_json(file, planted.signal(40, seed=1))
    assert "file_sha256" in console.refusal(forecast(file, tmp_path / "out", *words, "--resume"))


@pytest.mark.parametrize("raw", [b"", b"PK damaged", None])
def test_damaged_forecasts_are_refused_by_name(copy: Path, ring: Path, raw: bytes | None) -> None:
    path = copy / "runs" / "LSTM-seed0.npz"
    if raw is None:
        path.unlink()
    else:
        path.write_bytes(raw)
    assert str(path) in console.refusal(forecast(ring, copy, "--train", "0.5", "--resume"))


@pytest.mark.usefixtures("without_pictures")
def test_what_a_killed_writer_left_is_taken_away(copy: Path, ring: Path) -> None:
    left = [copy / "runs" / ".LSTM-seed0.npz.0123456789abcdef.partial", copy / ".results.json.0123456789abcdef.partial"]
    for path in left:
        path.write_bytes(b"half")
    before = numbers(copy)
    (copy / "runs" / "LSTM-seed0.npz").unlink()
    whole = (copy / "results.jsonl").read_text().splitlines(keepends=True)
    (copy / "results.jsonl").write_text("".join(line for line in whole if '"LSTM", "seed": 0' not in line))
    assert forecast(ring, copy, "--train", "0.5", "--resume").status == 0
    assert numbers(copy) == before
    assert not any(path.exists() for path in left)


@pytest.mark.usefixtures("without_pictures")
def test_workers_of_their_own_give_the_same_numbers(
    done: tuple[Path, console.Said], ring: Path, tmp_path: Path
) -> None:
    assert forecast(ring, tmp_path / "out", "--train", "0.5", "--jobs", "2").status == 0
    assert numbers(tmp_path / "out") == numbers(done[0])


def test_keys_of_runs_are_distinct_and_baselines_need_one_seed(ring: Path) -> None:
    settings = Settings(
        *(str(ring), None, None, "refuse", ("mean", "GCN-LSTM-state", "GCN-LSTM"), 4, (1,), 1, 0.5, 0.25, None, "file"),
        *(4, 5, 5, 4, 0.01, 0.0, False, 0.0, (3, 7)),
    )
    cases = settings.cases()
    assert cases[0] == Case("mean", 3)
    assert len({case.key for case in cases}) == len(cases) == 5
    assert [settings.shows(case) for case in cases] == [True, True, False, True, False]


def test_any_damage_to_saved_forecasts_is_refused_in_a_line(done: tuple[Path, console.Said], tmp_path: Path) -> None:
    whole = (done[0] / "runs" / "GCN-LSTM-forgetting-seed0.npz").read_bytes()
    settings, lines = Settings("ring.json", seeds=(0,)), [Line("LSTM", *[0.0] * 5, 1, 0.0, 0.0, 1, "")]
    before, draw = figures._read(done[0] / "runs" / "GCN-LSTM-forgetting-seed0.npz"), random.Random(0)  # noqa: S311
    for _ in range(150):
        content = bytearray(whole)
        for _ in range(draw.choice([1, 1, 20])):
            content[draw.randrange(len(content))] = draw.randrange(256)
        cut = draw.choice([len(content), len(content), draw.randrange(len(content))])
        (tmp_path / "LSTM-seed0.npz").write_bytes(bytes(content[:cut]))
        try:
            kept = figures.read_kept(settings, lines, tmp_path)
        except ValueError as error:
            assert "have them made again" in str(error)  # noqa: PT017 - most of them, but not all, are found
            continue
        for part, same in zip(kept.predictions["LSTM"], before.values(), strict=False):
            assert torch.equal(part, same)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mse": ...}, "has no 'mse'"),
        ({"seed": "0"}, "has '0' as 'seed'"),
        ({"parameters": None}, "has None as 'parameters'"),
    ],
)
def test_a_result_that_lacks_something_is_refused_by_its_run(
    change: dict[str, object], message: str, ring: Path, copy: Path
) -> None:
    path = copy / "results.jsonl"
    first, *rest = path.read_text().splitlines()
    run = json.loads(first)
    run["result"] = {key: value for key, value in {**run["result"], **change}.items() if value is not ...}
    path.write_text("\n".join([json.dumps(run), *rest, ""]))
    said = console.refusal(forecast(ring, copy, "--train", "0.5", "--resume"))
    assert f"results.jsonl: the result of the run with model autoregression, seed 0 {message}" in said
    assert "delete its line" in said
