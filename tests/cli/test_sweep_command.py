"""``sweep``: a folder of results that goes on where it was, told in a table, a figure and an exit status."""

from __future__ import annotations

import csv
import json
import os
import shlex
from pathlib import Path

import console
import pytest
from console import FILES
from matplotlib.image import imread
from scipy import stats

from graphseq.experiments.accuracy import job

TINY = (
    *("--model", "RNN", "GCN", "--length", 2, 4, "--depth", 1, 2, "--seed", 0, 1, 2, "--hidden", 8, "--steps", 3),
    *("--samples", 20, "--batch-size", 8),
)


def sweep(out: Path, *words: object) -> console.Said:
    jobs = () if "--cluster" in words else ("--jobs", 1)
    return console.call("sweep", *TINY, *jobs, "--out", out, *words)


def results(out: Path) -> list[dict[str, object]]:
    found = [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]
    return [{key: run[key] for key in ("key", "config", "error")} | {"score": run["result"]["score"]} for run in found]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, console.Said]:
    out = tmp_path_factory.mktemp("sweep") / "out"
    return out, sweep(out)


def test_a_folder_of_results_is_written_and_told(done: tuple[Path, console.Said]) -> None:
    out, said = done
    assert said.status == 0
    assert sorted(os.listdir(out)) == FILES
    assert len(results(out)) == 2 * 2 * 2 * 3
    with (out / "results.csv").open(newline="") as file:
        cells = list(csv.DictReader(file))
    assert len(cells) == 8
    for cell in cells:
        own = [
            float(str(run["score"]))
            for run in results(out)
            if all(str(run["config"][name]) == cell[name] for name in ("task", "length"))
            and (run["config"]["model"], str(run["config"]["depth"]))
            == (cell["model"].partition("-")[0], cell["layers"])  # type: ignore[index]  # type: ignore[index]
        ]
        low, high = stats.t.interval(0.95, 2, loc=sum(own) / 3, scale=stats.sem(own))
        assert float(cell["accuracy"]) == pytest.approx(sum(own) / 3)
        if len(set(own)) > 1:
            assert float(cell["low"]) == pytest.approx(max(0, low))
            assert float(cell["high"]) == pytest.approx(min(1, high))
    gcn = next(cell for cell in cells if (cell["model"], cell["length"]) == ("GCN-1", "4"))
    assert (gcn["hops_needed"], gcn["hops_reached"]) == ("2", "1")
    line = next(line for line in said.out.splitlines() if line.split()[:1] == ["GCN-1"])
    assert [word.endswith("-") for word in line.split()[1:3]] == [False, True]
    assert min(imread(out / "figure.png").shape[:2]) > 300


def test_the_command_in_the_record_gives_the_same_numbers(done: tuple[Path, console.Said], tmp_path: Path) -> None:
    python, dash_m, name, *words = shlex.split(json.loads((done[0] / "config.json").read_text())["command"])
    assert (python, dash_m, name) == ("python", "-m", "graphseq")
    words[words.index("--out") + 1] = str(tmp_path / "again")
    assert console.call(*words).status == 0
    assert results(tmp_path / "again") == results(done[0])


def test_it_goes_on_only_when_asked_and_runs_only_what_is_new(done: tuple[Path, console.Said], tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert sweep(out, "--seed", 0, 1).status == 0
    before = console.everything(out)
    line = console.refusal(sweep(out))
    assert line.endswith(
        f"--out {out} already holds a comparison or sweep; add --resume to go on, or name another folder"
    )
    assert console.everything(out) == before
    assert sweep(out, "--resume").status == 0
    kept = before["results.jsonl"]
    assert (out / "results.jsonl").read_bytes().startswith(kept)
    by_key = {str(run["key"]): run for run in results(done[0])}
    assert {str(run["key"]): run for run in results(out)} == by_key
    assert len(results(out)) == 24


def test_one_that_ended_before_its_first_run_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / ".config.json.0123456789abcdef.partial").touch()
    (tmp_path / ".figure.png.0123456789abcdef.partial").touch()
    assert sweep(tmp_path, "--seed", 0).status == 0
    assert sorted(os.listdir(tmp_path)) == FILES


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    assert console.refusal(sweep(tmp_path)).endswith("holds other files; name a new or empty folder")
    assert os.listdir(tmp_path) == ["mine.txt"]


def test_a_run_that_fails_is_told_and_costs_only_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = job.measure_accuracy

    def measure_accuracy(*, length: int, **other: object) -> dict[str, object]:
        if length == 4 and other["model"] == "RNN":
            raise MemoryError("no room")
        return whole(length=length, **other)  # type: ignore[arg-type]

    monkeypatch.setattr(measure_accuracy, "__qualname__", whole.__qualname__)
    with monkeypatch.context() as broken:
        broken.setattr(job, "measure_accuracy", measure_accuracy)
        said = sweep(tmp_path / "out", "--seed", 0)
    assert said.status == 1
    assert (
        "failed: task Palindrome, model RNN, length 4, depth 2, start torch, seed 0: MemoryError: no room" in said.err
    )
    assert said.err.splitlines()[-1] == "2 of 8 runs failed; --resume tries them again"
    assert next(line for line in said.out.splitlines() if line.split()[:1] == ["RNN-1"]).count("failed") == 1
    assert sweep(tmp_path / "out", "--seed", 0, "--resume").status == 0


def test_one_that_diverges_is_judged_as_it_was_before(tmp_path: Path) -> None:
    assert sweep(tmp_path / "out", "--seed", 0, "--lr", "1e30", "--steps", 9, "--optimizer", "SGD").status == 0
    lines = [json.loads(line) for line in (tmp_path / "out" / "results.jsonl").read_text().splitlines()]
    assert any("training diverged at step" in line["result"]["diverged"] for line in lines)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--length", 3, 3), "--length names a value twice: 3 3"),
        (("--model", "RNN", "RNN"), "--model names a value twice: RNN RNN"),
        (
            ("--start", "chrono"),
            "--start chrono is for LSTM, GCN-LSTM, GCN-LSTM-state, GCN-LSTM-grown, none of which is among the models",
        ),
        (("--model", "MLP"), "there is no model 'MLP'; models are constant, unigram"),
        (("--length", 1), "a length of Palindrome must be at least 2, got 1"),
        (("--cluster", "x"), "argument --cluster: must be an address such as tcp://10.0.0.1:8786, got 'x'"),
        (("--task", "Characters"), "the task Characters needs compare --text, and compare --text no other task"),
        (("--cluster", "tcp://127.0.0.1:1", "--jobs", 2), "--jobs 2 is for this machine; a cluster has its own"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(tmp_path: Path, words: tuple[object, ...], message: str) -> None:
    assert message in console.refusal(sweep(tmp_path / "out", *words))
    assert not (tmp_path / "out").exists()


def test_a_task_that_needs_a_text_is_not_offered(tmp_path: Path) -> None:
    assert "the task Characters needs compare --text" in console.refusal(
        sweep(tmp_path / "out", "--task", "Characters")
    )
    assert "Characters" not in console.call("sweep", "--help").out
    assert "Characters" in console.call("compare", "--help").out


def test_further_first_weights_are_added_to_a_folder(tmp_path: Path) -> None:
    words = ("--model", "RNN", "--length", 3, "--steps", 2, "--hidden", 4, "--samples", 9, "--jobs", 1)
    assert (
        console.call("compare", "--task", "Transfer", *words, "--start", "torch", "--out", tmp_path / "out").status == 0
    )
    kept = (tmp_path / "out" / "results.jsonl").read_bytes()
    more = ("--start", "torch", "identity", "--resume", "--out", tmp_path / "out")
    assert console.call("compare", "--task", "Transfer", *words, *more).status == 0
    found = results(tmp_path / "out")
    assert (tmp_path / "out" / "results.jsonl").read_bytes().startswith(kept)
    assert [run["config"]["start"] for run in found] == ["torch", "identity"]  # type: ignore[index]
