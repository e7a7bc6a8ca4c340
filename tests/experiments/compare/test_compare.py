"""A comparison: the same numbers however it is run, interrupted or repeated, and a folder that says all of it."""

from __future__ import annotations

import csv
import json
import math
import os
import random
import shlex
import shutil
from dataclasses import asdict
from pathlib import Path

import children
import console
import pytest
import torch
from console import FILES, compare, everything
from matplotlib.image import imread
from scipy import stats

from graphseq.experiments.compare import report, runs
from graphseq.experiments.compare.report import Cell
from graphseq.experiments.compare.settings import Case, Settings


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


def settings_of(out: Path) -> Settings:
    found = json.loads((out / "config.json").read_text())["settings"]
    found.pop("text_sha256", None)
    return Settings(**{key: tuple(value) if isinstance(value, list) else value for key, value in found.items()})


def test_a_folder_of_results_is_written(done: tuple[Path, console.Said]) -> None:
    out, said = done
    assert said.status == 0
    assert sorted(os.listdir(out)) == FILES
    assert f"written to {out}: results.csv" in said.err
    keys = [case.key for case in settings_of(out).cases()]
    assert sorted(os.listdir(out / "runs")) == sorted(f"{key}.json" for key in keys)
    assert len(keys) == 2 * 7 * 2


def test_table_json_and_csv_agree(done: tuple[Path, console.Said]) -> None:
    out, said = done
    cells = record(out)["cells"]
    with (out / "results.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert [{key: str(value) for key, value in cell.items()} for cell in cells] == lines
    assert report.table(settings_of(out), [Cell(**cell) for cell in cells]) in said.out
    assert [(cell["task"], cell["model"], cell["rows"]) for cell in cells][:3] == [
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
    run = json.loads((done[0] / "runs" / "Transfer-GCN-1-rows3-seed0.json").read_text())
    assert len(run["history"]["loss"]) == 3
    assert run["history"]["config"]["task"]["length"] == 3
    assert run["history"]["machine"]["torch"] == torch.__version__


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
    failing, other = (out / "runs" / f"Transfer-{model}-rows2-seed0.json" for model in ("LSTM", "RNN"))
    failing.unlink()
    other.unlink()
    failing.with_suffix(".pt").write_bytes(b"damaged")
    said = compare(out, "--jobs", 2, "--resume")
    assert said.status == 2
    assert "Traceback" not in said.err
    line = f"graphseq compare: {failing.with_suffix('.pt')} is not a whole checkpoint"
    assert said.err.splitlines()[-1].startswith(line)
    assert other.exists()


@pytest.mark.slow
def test_one_killed_at_any_moment_and_resumed_gives_the_same_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "CHECKPOINT_EVERY", 2)
    settings = ("--steps", "60", "--length", "2")
    assert compare(tmp_path / "whole", *settings).status == 0
    out, moments, finished = tmp_path / "out", random.Random(0), []  # noqa: S311
    begun = [(out / "config.json").exists] * 4
    for once in [*begun, lambda: any(out.glob("runs/*.json"))]:  # the last finishes a run, however slow the machine
        child = children.start(lambda: compare(out, *settings, "--resume"))
        children.kill(child, moments.uniform(0, 0.25), once=once)
        finished.append(len(list(out.glob("runs/*.json"))))
    assert finished == sorted(finished)
    assert finished[-1] > 0
    assert not (out / "results.json").exists()
    assert compare(out, *settings, "--resume").status == 0
    assert numbers(out) == numbers(tmp_path / "whole")
    assert sorted(os.listdir(out)) == FILES
    assert {path.suffix for path in (out / "runs").iterdir()} == {".json"}


def test_one_killed_before_its_first_file_was_whole_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / ".config.json.x1y2z3.partial").write_text("{")
    assert compare(tmp_path, "--length", "2", "--steps", "1").status == 0
    assert sorted(os.listdir(tmp_path)) == FILES


def test_a_second_call_is_refused_and_changes_nothing(copy: Path) -> None:
    before = everything(copy)
    assert console.refusal(compare(copy)).endswith("add --resume to go on with it, or name another")
    assert everything(copy) == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--length", "2"), "lengths = [2, 3], now [2]"),
        (("--depth", "2"), "depths = [1], now [2]"),
        (("--hidden", "5"), "--hidden 4, now 5"),
        (("--steps", "4"), "--steps 3, now 4"),
        (("--samples", "21"), "--samples 20, now 21"),
        (("--seed", "1"), "seeds = [0], now [1]"),
        (("--lr", "0.1"), "--lr 0.003, now 0.1"),
        (("--clip", "1"), "--clip 10.0, now 1.0"),
        (("--optimizer", "SGD"), "--optimizer 'Adam', now 'SGD'"),
        (("--batch-size", "3"), "--batch-size 64, now 3"),
        (("--text",), "--text None, now ''"),
    ],
)
def test_going_on_with_other_settings_is_refused(copy: Path, words: tuple[str, ...], message: str) -> None:
    before = everything(copy)
    assert console.refusal(compare(copy, *words, "--resume")).endswith(f"{message}; name another --out")
    assert everything(copy) == before


def test_going_on_with_what_is_finished_gives_the_same_numbers(copy: Path) -> None:
    before = numbers(copy)
    for name in FILES[1:4]:
        (copy / name).unlink()
    assert compare(copy, "--resume", "--jobs", 7).status == 0
    assert numbers(copy) == before


def test_one_missing_run_is_made_again(copy: Path) -> None:
    before, run = numbers(copy), copy / "runs" / "Palindrome-LSTM-rows3-seed0.json"
    run.unlink()
    assert compare(copy, "--resume").status == 0
    assert numbers(copy) == before
    assert run.exists()


@pytest.mark.parametrize("raw", ["", "{", "[]", "3", "null", '{"settings": 3}', '{"settings": []}', "\x00"])
def test_a_damaged_record_is_refused(copy: Path, raw: str) -> None:
    (copy / "config.json").write_text(raw)
    before = everything(copy)
    assert console.refusal(compare(copy, "--resume")).endswith("is not the record of a comparison; name another --out")
    assert everything(copy) == before


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"null", b'{"result": {}}', b'{"result": [1]}', b"\xff\x00", None])
def test_a_damaged_run_is_refused_by_name(copy: Path, raw: bytes | None) -> None:
    run = copy / "runs" / "Transfer-RNN-rows2-seed0.json"
    other = copy / "runs" / "Transfer-RNN-rows3-seed0.json"
    run.write_bytes(other.read_bytes() if raw is None else raw)
    before = everything(copy)
    line = console.refusal(compare(copy, "--resume"))
    assert line.endswith(f"{run} is not a finished run of this comparison; delete it to have it run again")
    assert everything(copy) == before


def test_a_damaged_checkpoint_is_refused_by_name(copy: Path) -> None:
    key = "Transfer-RNN-rows2-seed0"
    (copy / "runs" / f"{key}.json").unlink()
    (copy / "runs" / f"{key}.pt").write_bytes(b"PK damaged")
    said = compare(copy, "--resume")
    assert said.status == 2
    assert said.err.splitlines()[-1].startswith(f"graphseq compare: {copy}/runs/{key}.pt is not a whole checkpoint")
    assert (copy / "runs" / f"{key}.pt").read_bytes() == b"PK damaged"


def test_several_seeds_have_students_interval_over_them(tmp_path: Path) -> None:
    assert compare(tmp_path / "out", "--length", "2", "--seed", 3, 0, 1, "--steps", 1).status == 0
    for cell in record(tmp_path / "out")["cells"]:
        key = f"{cell['task']}-{cell['model']}-rows2-seed".replace(" ", "-")
        found = [json.loads((tmp_path / "out" / "runs" / f"{key}{seed}.json").read_text()) for seed in (0, 1, 3)]
        scores = [run["result"]["score"] for run in found]
        low, high = stats.t.interval(0.95, 2, loc=sum(scores) / 3, scale=stats.sem(scores))
        assert cell["seeds"] == 3
        assert cell["accuracy"] == pytest.approx(sum(scores) / 3)
        if len(set(scores)) > 1:
            assert (cell["low"], cell["high"]) == (pytest.approx(max(0, low)), pytest.approx(min(1, high)))


@pytest.mark.parametrize("text", [(), ("--text",)])
def test_one_that_diverges_is_shown_as_such_and_takes_no_other_down(text: tuple[str, ...], tmp_path: Path) -> None:
    said = compare(tmp_path / "out", "--length", "3", *text, "--lr", "1e30", "--steps", "9")
    assert said.status == 0
    cells = {(cell["task"], cell["model"]): cell for cell in record(tmp_path / "out")["cells"]}
    task = "Characters" if text else "Transfer"
    assert "training diverged at step 2" in cells[task, "0-hop"]["failure"]
    assert cells[task, "unigram" if text else "constant"]["failure"] == ""
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


def test_a_gcn_is_at_chance_exactly_where_its_layers_do_not_reach(tmp_path: Path) -> None:
    settings = Settings((2, 3, 4), (1, 2), 16, 32, 0.02, 300, (0,), 400)
    for depth in settings.depths:
        for rows in settings.lengths:
            found = runs.run(Case("Transfer", f"GCN-{depth}", rows, 0), settings, tmp_path)
            if rows > depth + 1:
                assert found["low"] < 0.1 < found["high"]
                assert found["bits"] > math.log2(10) - 0.01
                assert found["hops_reached"] < found["hops_needed"]
            else:
                assert found["score"] > 0.95
                assert found["hops_reached"] >= found["hops_needed"]


def test_a_run_is_the_same_whatever_ran_before(tmp_path: Path) -> None:
    settings, case = Settings((2,), (1,), 4, 8, 0.01, 5, (0,), 30), Case("Palindrome", "LSTM", 2, 0)
    found = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        found.append({**runs.run(case, settings, tmp_path), "seconds": None})
        assert torch.equal(torch.get_rng_state(), before)
    assert found[0] == found[1]


def test_settings_are_read_back_from_their_plain_form(done: tuple[Path, console.Said]) -> None:
    settings = settings_of(done[0])
    assert settings == Settings((2, 3), (1,), 4, 64, 0.003, 3, (0,), 20)
    assert asdict(settings) == {
        **asdict(settings),
        **settings.to_json(),
        "lengths": (2, 3),
        "depths": (1,),
        "seeds": (0,),
    }
