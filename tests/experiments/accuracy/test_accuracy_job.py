"""A comparison: the same numbers however it is run, interrupted or repeated, and a folder that says all of it."""

from __future__ import annotations

import csv
import json
import math
import os
import random
import shlex
import shutil
from pathlib import Path
from typing import Any

import children
import console
import pytest
import torch
from console import FILES, compare, everything
from matplotlib.image import imread
from scipy import stats

from graphseq.experiments.accuracy import report
from graphseq.experiments.accuracy import run as runs
from graphseq.experiments.accuracy.report import Cell
from graphseq.experiments.accuracy.settings import NAMES, SWEEP, Settings
from graphseq.experiments.engine import run_dir
from graphseq.experiments.models import find


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, console.Said]:
    out = tmp_path_factory.mktemp("done") / "out"
    return out, compare(out)


@pytest.fixture
def copy(done: tuple[Path, console.Said], tmp_path: Path) -> Path:
    return shutil.copytree(done[0], tmp_path / "out")


def record(out: Path) -> dict[str, list[dict[str, object]]]:
    def strict(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    return json.loads((out / "results.json").read_text(), parse_constant=strict)


def numbers(out: Path) -> list[dict[str, object]]:
    return [{**cell, "seconds": None} for cell in record(out)["cells"]]


def lines(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]


def place(run: dict[str, Any]) -> tuple[object, ...]:
    return tuple(run["config"][key] for key in ("task", "model", "depth", "length", "seed"))


def without(out: Path, *places: tuple[object, ...]) -> None:
    """Take the runs of these places out of a folder."""
    left = [line for line in (out / "results.jsonl").read_text().splitlines() if place(json.loads(line)) not in places]
    (out / "results.jsonl").write_text("".join(f"{line}\n" for line in left))


def settings_of(out: Path) -> Settings:
    found = json.loads((out / "config.json").read_text())["settings"]
    found.pop("text_sha256", None)
    return Settings.from_json(found)


def test_a_folder_of_results_is_written(done: tuple[Path, console.Said]) -> None:
    out, said = done
    assert said.status == 0
    assert sorted(os.listdir(out)) == FILES
    assert f"written to {out}: results.csv" in said.err
    cases = settings_of(out).cases()
    assert [run["config"] for run in lines(out)] == cases
    assert len(os.listdir(out / "runs")) == len(cases) == 2 * 8 * 2


def test_table_json_and_csv_agree(done: tuple[Path, console.Said]) -> None:
    out, said = done
    cells = record(out)["cells"]
    with (out / "results.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [{key: str(value) for key, value in cell.items()} for cell in cells] == rows
    assert report.table(settings_of(out), [Cell(**cell) for cell in cells]) in said.out
    assert [(cell["task"], cell["model"], cell["length"]) for cell in cells][:3] == [
        ("Transfer", "constant", 2),
        ("Transfer", "constant", 3),
        ("Transfer", "0-hop", 2),
    ]


def test_the_figure_is_a_picture_of_something(done: tuple[Path, console.Said]) -> None:
    picture = imread(done[0] / "figure.png")
    assert min(picture.shape[:2]) > 300
    colours = {tuple(pixel) for pixel in (picture[::2, ::2, :3] * 255).astype(int).reshape(-1, 3).tolist()}
    assert len(colours) > 50


def test_a_run_leaves_its_curves_and_how_it_came_about(done: tuple[Path, console.Said]) -> None:
    (stage,) = json.loads((done[0] / "runs" / "Transfer-GCN-1-length3-seed0.json").read_text())["stages"]
    assert len(stage["loss"]) == 3
    assert stage["config"]["task"]["length"] == 3
    assert stage["machine"]["torch"] == torch.__version__


def test_the_command_in_the_record_gives_the_same_numbers(done: tuple[Path, console.Said], tmp_path: Path) -> None:
    python, dash_m, name, *words = shlex.split(json.loads((done[0] / "config.json").read_text())["command"])
    assert (python, dash_m, name) == ("python", "-m", "graphseq")
    words[words.index("--out") + 1] = str(tmp_path / "again")
    assert console.call(*words).status == 0
    assert numbers(tmp_path / "again") == numbers(done[0])


@pytest.mark.slow
def test_workers_of_their_own_give_the_same_numbers_and_a_failed_run_stops_no_other(
    done: tuple[Path, console.Said], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert compare(out, "--jobs", 2).status == 0
    assert numbers(out) == numbers(done[0])
    without(out, ("Transfer", "LSTM", 1, 2, 0), ("Transfer", "RNN", 1, 2, 0))
    damaged = out / "runs" / "Transfer-LSTM-1-length2-seed0.pt"
    damaged.write_bytes(b"damaged")
    said = compare(out, "--jobs", 2, "--resume")
    assert said.status == 1
    assert "Traceback" not in said.err
    failed = "failed: task Transfer, model LSTM, length 2, depth 1, start torch, seed 0: ValueError: "
    assert f"{failed}{damaged} is not a whole checkpoint" in said.err
    assert said.err.splitlines()[-1] == "1 of 32 runs failed; --resume tries them again"
    assert damaged.read_bytes() == b"damaged"
    assert [cell["seeds"] for cell in record(out)["cells"] if (cell["task"], cell["length"]) == ("Transfer", 2)] == [
        *[1] * 5,
        0,
        *[1] * 2,
    ]


@pytest.mark.slow
def test_one_killed_at_any_moment_and_resumed_gives_the_same_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "CHECKPOINT_EVERY", 2)
    settings = ("--steps", "60", "--length", "2")
    assert compare(tmp_path / "whole", *settings).status == 0
    out, moments, finished = tmp_path / "out", random.Random(0), []  # noqa: S311
    begun = [(out / "config.json").exists] * 4

    def runs_finished() -> int:
        return (out / "results.jsonl").read_bytes().count(b"\n") if (out / "results.jsonl").exists() else 0

    for once in [*begun, lambda: runs_finished() > 0]:  # the last finishes a run, however slow the machine
        child = children.start(lambda: compare(out, *settings, "--resume"))
        children.kill(child, moments.uniform(0, 0.25), once=once)
        finished.append(runs_finished())
    assert finished == sorted(finished)
    assert finished[-1] > 0
    assert not (out / "results.json").exists()
    assert compare(out, *settings, "--resume").status == 0
    assert numbers(out) == numbers(tmp_path / "whole")
    assert sorted(os.listdir(out)) == FILES
    assert {path.suffix for path in (out / "runs").iterdir()} == {".json"}


def test_one_killed_before_its_first_file_was_whole_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / ".config.json.0123456789abcdef.partial").write_text("{")
    assert compare(tmp_path, "--length", "2", "--steps", "1").status == 0
    assert sorted(os.listdir(tmp_path)) == FILES


def test_a_second_call_is_refused_and_changes_nothing(copy: Path) -> None:
    before = everything(copy)
    assert console.refusal(compare(copy)).endswith("add --resume to go on, or name another folder")
    assert everything(copy) == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--hidden", "5"), "--hidden 4, now 5"),
        (("--steps", "4"), "--steps 3, now 4"),
        (("--samples", "21"), "--samples 20, now 21"),
        (("--lr", "0.1"), "--lr 0.003, now 0.1"),
        (("--clip", "2"), "--clip 1.0, now 2.0"),
        (("--optimizer", "SGD"), "--optimizer 'Adam', now 'SGD'"),
        (("--batch-size", "3"), "--batch-size 64, now 3"),
        (("--text", "--clip", "1"), "--text None, now ''"),
    ],
)
def test_going_on_with_other_settings_is_refused(copy: Path, words: tuple[str, ...], message: str) -> None:
    before = everything(copy)
    assert console.refusal(compare(copy, *words, "--resume")).endswith(f"{message}; name another --out")
    assert everything(copy) == before


def test_going_on_with_what_is_finished_gives_the_same_numbers(copy: Path) -> None:
    before = numbers(copy)
    for name in ("figure.png", "results.csv", "results.json"):
        (copy / name).unlink()
    assert compare(copy, "--resume", "--jobs", 7).status == 0
    assert numbers(copy) == before


def test_one_missing_run_is_made_again(copy: Path) -> None:
    before, missing = numbers(copy), ("Palindrome", "LSTM", 1, 4, 0)
    without(copy, missing)
    assert missing not in map(place, lines(copy))
    assert compare(copy, "--resume").status == 0
    assert numbers(copy) == before
    assert place(lines(copy)[-1]) == missing


@pytest.mark.slow
def test_a_grid_that_grew_makes_only_the_runs_that_are_new(copy: Path) -> None:
    before, wider = (
        (copy / "results.jsonl").read_bytes(),
        ("--length", 2, 3, 4, "--seed", 0, 1, "--model", "RNN", "GCN"),
    )
    assert compare(copy, *wider, "--resume").status == 0
    assert (copy / "results.jsonl").read_bytes().startswith(before)
    assert len(lines(copy)) == 32 + 2 * 2 * 3 * 2 - 2 * 2 * 2
    assert settings_of(copy).lengths == (2, 3, 4)
    assert [cell["seeds"] for cell in record(copy)["cells"]] == [2] * 12


def test_a_folder_from_before_there_was_a_setting_goes_on(copy: Path) -> None:
    """A record and its runs that know nothing of a setting stand for its default."""
    config = json.loads((copy / "config.json").read_text())
    del config["settings"]["stop_window"]
    (copy / "config.json").write_text(json.dumps(config))
    before = (copy / "results.jsonl").read_bytes()
    assert compare(copy, "--resume").status == 0
    assert (copy / "results.jsonl").read_bytes() == before
    assert console.refusal(compare(copy, "--resume", "--stop-window", 5)).endswith(
        "with --stop-window 20, now 5; name another --out"
    )


def test_a_folder_that_another_process_writes_to_is_refused(copy: Path) -> None:
    before = everything(copy)
    with run_dir.locked(copy):
        line = console.refusal(compare(copy, "--resume"))
    assert line.endswith(f"--out {copy} is being written to by another process; name another --out")
    assert everything(copy) == before


@pytest.mark.parametrize("raw", ["", "{", "[]", "3", "null", '{"settings": 3}', '{"settings": []}', "\x00"])
def test_a_damaged_record_is_refused(copy: Path, raw: str) -> None:
    (copy / "config.json").write_text(raw)
    before = everything(copy)
    refusal = console.refusal(compare(copy, "--resume"))
    assert refusal.endswith("is not the record of a comparison or sweep; name another --out")
    assert everything(copy) == before


@pytest.mark.parametrize("raw", [b"{", b"[]", b"null", b'{"result": {}}', b"\xff\x00"])
def test_a_damaged_run_is_refused_by_its_line(copy: Path, raw: bytes) -> None:
    results = (copy / "results.jsonl").read_bytes().splitlines(keepends=True)
    (copy / "results.jsonl").write_bytes(b"".join([*results[:3], raw + b"\n", *results[4:]]))
    before = everything(copy)
    line = console.refusal(compare(copy, "--resume"))
    assert f"{copy}/results.jsonl, line 4, is not a run of a sweep" in line
    assert everything(copy) == before


def test_several_seeds_have_students_interval_over_them(tmp_path: Path) -> None:
    assert compare(tmp_path / "out", "--length", "2", "--seed", 3, 0, 1, "--steps", 1).status == 0
    for cell in record(tmp_path / "out")["cells"]:
        base, length = find(cell["model"], NAMES)[0], 3 if cell["task"] == "Palindrome" else 2
        place_of = (cell["task"], base, cell["layers"], length)
        scores = [run["result"]["score"] for run in lines(tmp_path / "out") if place(run)[:4] == place_of]
        assert len(scores) == 3
        low, high = stats.t.interval(0.95, 2, loc=sum(scores) / 3, scale=stats.sem(scores))
        assert cell["seeds"] == 3
        assert cell["accuracy"] == pytest.approx(sum(scores) / 3)
        if len(set(scores)) > 1:
            assert (cell["low"], cell["high"]) == (pytest.approx(max(0, low)), pytest.approx(min(1, high)))


@pytest.mark.slow
@pytest.mark.parametrize("text", [(), ("--text",)])
def test_one_that_diverges_is_shown_as_such_and_takes_no_other_down(text: tuple[str, ...], tmp_path: Path) -> None:
    said = compare(tmp_path / "out", "--length", "3", *text, "--lr", "1e30", "--steps", "9")
    assert said.status == 0
    cells = {(cell["task"], cell["model"]): cell for cell in record(tmp_path / "out")["cells"]}
    task = "Characters" if text else "Transfer"
    assert "training diverged at step 2" in cells[task, "0-hop"]["diverged"]
    assert cells[task, "unigram" if text else "constant"]["diverged"] == ""
    assert any(line.split()[:2] == ["0-hop", "diverged"] for line in said.out.splitlines())
    assert imread(tmp_path / "out" / "figure.png").std() > 0
    assert compare(tmp_path / "out", "--length", "3", *text, "--lr", "1e30", "--steps", "9", "--resume").status == 0


def test_a_text_of_ones_own_is_compared_on_and_guarded(tmp_path: Path) -> None:
    book, out = tmp_path / "book.txt", tmp_path / "out"
    book.write_bytes("på en ø i en sø ".encode("latin-1") * 30)
    words = ("--text", book, "--encoding", "latin-1", "--length", "3")
    said = compare(out, *words)
    assert said.status == 0
    assert said.err.startswith(f"text: {book}, 480 characters, 8 different; the last 10% held out")
    assert {cell["task"] for cell in record(out)["cells"]} == {"Characters"}
    assert all(math.isfinite(cell["bits"]) for cell in record(out)["cells"])
    book.write_bytes("en sø i en på ø ".encode("latin-1") * 30)
    assert "text_sha256" in console.refusal(compare(out, *words, "--resume"))


def test_a_text_of_one_letter_is_compared_on(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a" * 200)
    assert compare(tmp_path / "out", "--text", tmp_path / "a.txt", "--length", "3").status == 0
    assert {cell["accuracy"] for cell in record(tmp_path / "out")["cells"]} == {1.0}


def test_a_gcn_is_at_chance_exactly_where_its_layers_do_not_reach() -> None:
    settings = Settings(
        **{"tasks": ("Transfer",), "models": ("GCN",), "lengths": (2, 3, 4), "depths": (1, 2), "hidden": 16},
        **{"batch_size": 32, "lr": 0.02, "steps": 300, "samples": 400},
    )
    for case in settings.cases():
        found = runs.measure_accuracy(**case)  # type: ignore[arg-type]
        if case["length"] > case["depth"] + 1:
            assert found["low"] < 0.1 < found["high"]
            assert found["bits"] > math.log2(10) - 0.01
            assert found["hops_reached"] < found["hops_needed"]
        else:
            assert found["score"] > 0.95
            assert found["hops_reached"] >= found["hops_needed"]


def test_a_run_is_the_same_whatever_ran_before() -> None:
    settings = Settings(
        tasks=("Palindrome",), models=("LSTM",), lengths=(2,), hidden=4, batch_size=8, steps=5, samples=30, starts=()
    )
    (case,) = settings.cases()
    found = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        found.append({**runs.measure_accuracy(**case), "training_seconds": None})  # type: ignore[arg-type]
        assert torch.equal(torch.get_rng_state(), before)
    assert found[0] == found[1]


def test_a_curriculum_is_trained_on_shorter_ones_first_within_the_same_steps() -> None:
    shape = {"models": ("RNN",), "lengths": (20,), "seeds": (0,), "hidden": 16, "batch_size": 64, "starts": ("latch",)}
    training = {"optimizer": "Adam", "lr": 0.003, "clip": 1.0, "samples": 100, "steps": 900, "curriculum": True}
    settings = Settings(**{**SWEEP, **shape, **training})
    (case,) = settings.cases()
    taught = runs.measure_accuracy(**case)  # type: ignore[arg-type]
    assert taught["solved"]
    assert taught["score"] == 1.0
    assert int(str(taught["steps"])) <= 900


def test_the_record_says_what_was_asked_for(done: tuple[Path, console.Said]) -> None:
    expected = Settings(
        **{"lengths": (2, 3), "depths": (1,), "hidden": 4, "batch_size": 64, "lr": 0.003, "steps": 3, "samples": 20},
        **{"starts": ("torch",), "curriculum": False},
    )
    assert settings_of(done[0]) == expected
