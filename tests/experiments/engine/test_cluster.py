"""A sweep on a real cluster of two worker processes: the numbers of this machine, and workers that die are survived."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import console
import forkserver
import pytest
from sweepwork import deadly, square, told, train

import graphseq as gs
from graphseq.experiments.engine.cluster import Cluster
from graphseq.experiments.engine.configs import expand

pytestmark = pytest.mark.slow
distributed = pytest.importorskip("distributed", reason="dask.distributed is an extra: pip install 'graphseq[cluster]'")
FAILURES = 1  # worker deaths that the scheduler forgives a run


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    import dask  # noqa: PLC0415 - comes with distributed

    settings = {
        "distributed.scheduler.allowed-failures": FAILURES,
        "distributed.worker.multiprocessing-method": "forkserver",
    }
    local = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": ":0"}
    with dask.config.set(settings):
        distributed.utils.get_mp_context()  # which has the server load what dask thinks of
    forkserver.use()
    with dask.config.set(settings), distributed.LocalCluster(**local, silence_logs=50) as running:
        yield running.scheduler_address


def test_the_numbers_are_those_of_this_machine_bit_for_bit(cluster: str, tmp_path: Path) -> None:
    grid = {"model": ["RNN", "GCN"], "seed": [0, 1]}
    here = gs.sweep(train, grid, tmp_path / "here.jsonl", jobs=1)
    there = gs.sweep(train, grid, tmp_path / "there.jsonl", cluster=cluster)
    assert told(there) == told(here)
    assert {run.result["threads"] for run in there if run.result} == {1}
    again = gs.sweep(train, grid, tmp_path / "here.jsonl", cluster=cluster)
    assert again == here


def test_a_run_that_fails_costs_only_itself(cluster: str, tmp_path: Path) -> None:
    found = gs.sweep(square, {"number": range(9)}, tmp_path / "r.jsonl", cluster=cluster)
    assert told(found) == told(gs.sweep(square, {"number": range(9)}, tmp_path / "here.jsonl", jobs=1))
    assert sum(run.failed for run in found) == 3


@pytest.mark.parametrize("times", [1, 9])
def test_a_worker_that_is_killed_takes_no_other_run_with_it(cluster: str, tmp_path: Path, times: int) -> None:
    folder = tmp_path / "deaths"
    folder.mkdir()
    grid = {"number": [10, 11, 2, *range(12, 18)], "folder": [str(folder)], "times": [times]}
    found = gs.sweep(deadly, grid, tmp_path / "r.jsonl", cluster=cluster)
    own = found.pop(2)
    assert [run.result for run in found] == [{"square": n**2} for n in range(10, 18)]
    if times == 1:
        assert own.result == {"square": 4}
        assert len(list(folder.iterdir())) == 1
    else:
        assert str(own.error).startswith("WorkerDied: 2 of the cluster's workers died while they ran it")
        assert len(list(folder.iterdir())) == 1 + FAILURES


def test_a_function_of_the_main_script_gets_there(cluster: str, tmp_path: Path) -> None:
    script = f"""
import graphseq as gs
offset = 7
def run(number):
    return {{"sum": number + offset}}
if __name__ == "__main__":
    runs = gs.sweep(run, {{"number": [1, 2]}}, {str(tmp_path / "r.jsonl")!r}, cluster={cluster!r})
    print([run.result["sum"] for run in runs])
"""
    (tmp_path / "script.py").write_text(script)
    words = [sys.executable, str(tmp_path / "script.py")]
    done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60)  # noqa: S603
    assert done.stdout.strip() == "[8, 9]"


def test_where_no_scheduler_answers_that_is_said(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    for address in (nobody, "nonsense://x"):
        with pytest.raises(ConnectionError, match=f"cluster {address}: no scheduler answered within 0.5 s"):
            list(Cluster(square, address, patience=0.5).runs(expand({"number": [1]})))


def test_where_there_are_no_workers_that_is_said() -> None:
    with (
        distributed.LocalCluster(n_workers=0, processes=False, dashboard_address=":0", silence_logs=50) as empty,
        pytest.raises(ConnectionError, match=r"has had no worker for 0\.5 s; start workers with 'dask worker'"),
    ):
        list(Cluster(square, empty.scheduler_address, patience=0.5).runs(expand({"number": [1]})))


def test_where_dask_is_not_installed_that_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'graphseq\[cluster\]'"):
        gs.sweep(square, {"number": [1]}, tmp_path / "r.jsonl", cluster="tcp://127.0.0.1:8786")
    assert not (tmp_path / "r.jsonl").exists()


def test_the_command_runs_there_too(cluster: str, tmp_path: Path) -> None:
    tiny = ("--model", "RNN", "--length", 3, "--seed", 0, 1, "--hidden", 8, "--steps", 3, "--samples", 20)
    scores = []
    for out, where in ((tmp_path / "here", ("--jobs", 1)), (tmp_path / "there", ("--cluster", cluster))):
        assert console.call("sweep", *tiny, *where, "--out", out).status == 0
        lines = [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]
        scores.append({line["key"]: line["result"]["loss"] for line in lines})
    assert scores[0] == scores[1]


def test_the_command_says_what_is_missing_in_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    said = console.call("sweep", "--cluster", "tcp://127.0.0.1:8786", "--out", tmp_path / "out")
    assert "pip install 'graphseq[cluster]'" in console.refusal(said)
