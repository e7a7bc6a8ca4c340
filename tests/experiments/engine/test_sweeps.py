"""Sweeps here: the same numbers however many jobs, what is there is not run again, and no death is a death of all."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import children
import forkserver
import numpy as np
import pytest
import torch
from scripts import ROOT
from sweepwork import deadly, drawn, slow_square, square, told, train

import graphseq as gs
from graphseq.experiments.engine.configs import expand
from graphseq.experiments.engine.run import carry_out
from graphseq.experiments.engine.workers import Workers

GRID = {"model": ["RNN", "GCN"], "seed": [0, 1]}


def lines(file: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


@pytest.mark.slow
def test_two_jobs_give_the_numbers_of_one_bit_for_bit_on_one_thread_each(tmp_path: Path) -> None:
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    torch.set_num_threads(2)
    try:
        here = gs.sweep(train, GRID, tmp_path / "1.jsonl", jobs=1)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(3)
    with forkserver.not_used():
        there = gs.sweep(train, GRID, tmp_path / "2.jsonl", jobs=2)
    assert told(there) == told(here)
    assert [run.config for run in here][:2] == [{"model": "RNN", "seed": 0}, {"model": "RNN", "seed": 1}]
    assert {run.result["threads"] for run in here if run.result} == {1}
    assert len({run.result["loss"][0] for run in here if run.result}) == 4  # type: ignore[index]
    assert all(run.machine["torch"] == torch.__version__ and run.seconds > 0 for run in here)


def test_threads_of_one_process_take_turns_so_that_none_draws_the_numbers_of_another(tmp_path: Path) -> None:
    configs = [{"seed": seed} for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda config: carry_out(drawn, config), configs))  # type: ignore[arg-type]
    assert told(found) == told(gs.sweep(drawn, configs, tmp_path / "r.jsonl", jobs=1))
    assert len({run.result["drawn"][0] for run in found if run.result}) == 4  # type: ignore[index]


def test_what_is_there_is_not_run_again_whatever_the_order_of_its_arguments(tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []

    def run(a: int, b: int) -> dict[str, object]:
        calls.append((a, b))
        return {"sum": a + b, "list": (1, 2), "none": float("nan"), "deep": [{"no": float("inf")}]}

    first = gs.sweep(run, {"a": [1, 2], "b": [3]}, tmp_path / "r.jsonl", jobs=1)
    assert first[0].result == {"sum": 4, "list": [1, 2], "none": None, "deep": [{"no": None}]}
    again = gs.sweep(run, [{"b": 3, "a": 2}, {"b": 4, "a": 1}, {"a": 1, "b": 3}], tmp_path / "r.jsonl", jobs=1)
    assert calls == [(1, 3), (2, 3), (1, 4)]
    assert [run.result["sum"] for run in again if run.result] == [5, 5, 4]
    assert [again[2], again[0]] == first


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_run_that_fails_costs_only_itself_and_is_tried_again_by_the_next_sweep(tmp_path: Path, jobs: int) -> None:
    file = tmp_path / "r.jsonl"
    found = gs.sweep(square, {"number": range(9)}, file, jobs=jobs)
    assert {run.config["number"]: run.error for run in found if run.failed} == {
        3: "RuntimeError: no room for 3",
        5: "RuntimeError: no room for 5",
        7: "SystemExit: gone",
    }
    assert [run.result for run in found if not run.failed] == [{"square": n**2} for n in (0, 1, 2, 4, 6, 8)]
    assert "raise RuntimeError" in str(found[3].traceback)
    assert found[3].result is None
    again = gs.sweep(square, {"number": range(9)}, file, jobs=1)
    assert told(again) == told(found)
    assert [run.attempt for run in again] == [1, 1, 1, 2, 1, 2, 1, 2, 1]
    assert len(lines(file)) == 12


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (3, "a run must return a mapping of plain data, got int"),
        ({"a": [1, {2}]}, "TypeError: result['a'][1] must be plain data (numbers, texts, lists, mappings), got set"),
        ({"a": {(1, 2): 3}}, "result['a'] has the key (1, 2) (tuple); keys must be texts or numbers"),
        ({"a": torch.tensor(1j)}, "result['a'] must be plain data (numbers, texts, lists, mappings), got complex"),
    ],
)
def test_what_is_no_plain_data_is_a_failed_run(tmp_path: Path, result: object, message: str) -> None:
    (found,) = gs.sweep(lambda: result, [{}], tmp_path / "r.jsonl", jobs=1)  # type: ignore[arg-type,return-value]
    assert message in str(found.error)


def test_numbers_of_numpy_and_torch_are_kept_as_numbers(tmp_path: Path) -> None:
    result = {
        "float": np.float32(0.5),
        "int": np.int64(3),
        "truth": np.bool_(True),
        "none": np.float64("nan"),
        "tensor": torch.tensor(0.25, requires_grad=True),
        "half": torch.tensor([1.5, float("inf")], dtype=torch.bfloat16),
        "array": np.arange(4).reshape(2, 2),
        np.int64(7): {"deep": [torch.tensor(2)]},
    }
    (found,) = gs.sweep(lambda: result, [{}], tmp_path / "r.jsonl", jobs=1)  # type: ignore[arg-type,return-value]
    assert found.error is None
    assert found.result == {
        **{"float": 0.5, "int": 3, "truth": True, "none": None, "tensor": 0.25, "half": [1.5, None]},
        **{"array": [[0, 1], [2, 3]], "7": {"deep": [2]}},
    }


class Unprintable(Exception):
    """An exception that cannot be printed."""

    def __str__(self) -> str:
        raise ZeroDivisionError

    __repr__ = __str__


class Ending(BaseException):
    """An exception that is none of Python's kinds of errors."""


@pytest.mark.parametrize(
    ("error", "message"),
    [(Unprintable(), "Unprintable, whose message raises ZeroDivisionError"), (Ending("over"), "Ending: over")],
)
def test_whatever_a_run_raises_costs_only_itself(error: BaseException, message: str, tmp_path: Path) -> None:
    def run(number: int) -> dict[str, object]:
        if number == 1:
            raise error
        return {"number": number}

    found = gs.sweep(run, {"number": range(3)}, tmp_path / "r.jsonl", jobs=1)
    assert [one.error for one in found] == [None, message, None]
    assert len(lines(tmp_path / "r.jsonl")) == 3


def test_refusals_come_before_anything_is_run_or_written(tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    for words, message in (
        ({"jobs": 0}, "jobs must be at least 1"),
        ({"tries": 0}, "tries must be at least 1"),
        ({"cluster": "tcp://127.0.0.1:1", "jobs": 2}, "jobs=2 is for this machine"),
        ({"cluster": "tcp://127.0.0.1:1", "tries": 2}, "tries=2 is for this machine"),
    ):
        with pytest.raises(ValueError, match=message):
            gs.sweep(square, {"number": [1]}, file, **words)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="run cannot be called with"):
        gs.sweep(square, {"nummer": [1]}, file, jobs=1)
    assert not file.exists()


def test_the_bar_counts_the_whole_grid_and_is_shown_on_a_terminal_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    gs.sweep(square, {"number": [1, 2]}, tmp_path / "r.jsonl", jobs=1, progress=True)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    gs.sweep(square, {"number": [1, 2, 3, 4]}, tmp_path / "r.jsonl", jobs=1, progress=True)
    shown = capsys.readouterr().err
    assert "2/4" in shown
    assert "4/4" in shown
    assert "1 failed" in shown


@pytest.mark.slow
def test_one_killed_at_any_moment_and_gone_on_with_is_as_if_it_had_not_been(tmp_path: Path) -> None:
    grid, file = {"number": [*range(80)]}, tmp_path / "r.jsonl"
    whole = gs.sweep(slow_square, grid, tmp_path / "whole.jsonl", jobs=1)
    moments, finished = random.Random(0), [0]  # noqa: S311
    for _ in range(5):
        child = children.start(lambda: gs.sweep(slow_square, grid, file, jobs=1))
        children.kill(child, moments.uniform(0.02, 0.12), once=file.exists)
        raw = file.read_bytes()
        kept = raw[: raw.rfind(b"\n") + 1]
        finished.append(len({json.loads(line)["key"] for line in kept.splitlines()}))
        half = (tmp_path / "whole.jsonl").read_bytes()[
            : moments.randrange(150)
        ]  # as a kill within the writing leaves it
        file.write_bytes(kept + half)
    assert finished == sorted(finished)
    assert 0 < finished[-1] < len(whole)
    found = gs.sweep(slow_square, grid, file, jobs=1)
    assert told(found) == told(whole)
    successes = [line["key"] for line in lines(file) if line["error"] is None]
    assert len(successes) == len(set(successes)) == 77


@pytest.mark.slow
def test_one_killed_with_its_workers_goes_on_with_others(tmp_path: Path) -> None:
    file, grid = tmp_path / "r.jsonl", {"number": [*range(0, 200, 10)], "folder": [str(tmp_path)], "times": [0]}
    killed = apart(f"gs.sweep(sweepwork.deadly, {grid}, {str(file)!r}, jobs=2)")
    until = time.monotonic() + 50
    while not (file.exists() and file.stat().st_size) and time.monotonic() < until:
        time.sleep(0.005)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    kept = file.read_text()
    assert 0 < len(kept.splitlines()) < 20
    found = gs.sweep(deadly, grid, file, jobs=2)
    assert file.read_text().startswith(kept[: kept.rfind("\n") + 1])
    assert [run.result for run in found] == [{"square": n**2} for n in grid["number"]]
    assert len(lines(file)) == 20


def apart(call: str) -> subprocess.Popen[bytes]:
    """An interpreter of its own, in a process group of its own, that calls a function of ``sweepwork``."""
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests" / "helpers")])
    return subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", f"import graphseq as gs, sweepwork; {call}"],
        env={**os.environ, "PYTHONPATH": paths},
        start_new_session=True,
    )


@pytest.mark.slow
def test_workers_end_with_the_process_that_they_work_for(tmp_path: Path) -> None:
    grid = {"number": [0, 1], "folder": [str(tmp_path)]}
    started = apart(f"gs.sweep(sweepwork.waiting, {grid}, {str(tmp_path / 'r.jsonl')!r}, jobs=2)")
    until = time.monotonic() + 50
    while len(list(tmp_path.glob("*.pid"))) < 2 and time.monotonic() < until:
        time.sleep(0.01)
    workers = [int(file.stem) for file in tmp_path.glob("*.pid")]
    assert len(workers) == 2
    started.kill()  # and not its group
    started.wait()
    until = time.monotonic() + 5
    while any(map(is_running, workers)) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(map(is_running, workers))


def is_running(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.slow
@pytest.mark.parametrize(("times", "tries"), [(1, 3), (9, 2)])
def test_a_worker_that_dies_takes_no_other_run_with_it(tmp_path: Path, times: int, tries: int) -> None:
    folder = tmp_path / "deaths"
    folder.mkdir()
    grid = {"number": [*range(10, 15), 2, *range(15, 20)], "folder": [str(folder)], "times": [times]}
    found = gs.sweep(deadly, grid, tmp_path / "r.jsonl", jobs=2, tries=tries)
    others = [run for run in found if run.config["number"] != 2]
    assert [run.result for run in others] == [{"square": n**2} for n in range(10, 20)]
    (own,) = (run for run in found if run.config["number"] == 2)
    deaths = len(list(folder.iterdir()))
    if times == 1:
        assert (own.result, own.attempt, deaths) == ({"square": 4}, 2, 1)
        assert max(run.attempt for run in others) <= 2
    else:
        assert str(own.error).startswith("WorkerDied: its worker process was killed or crashed 2 times, the last time")
        assert (own.result, own.attempt, deaths) == (None, 2, 2)


def test_runs_that_are_given_up_since_something_else_failed_warn_of_nothing() -> None:
    configs = expand({"number": [0, 1, 2]})
    runs = Workers(square, jobs=2, tries=1).runs(configs)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert next(runs).key in configs
        runs.close()
