"""The scripts on what large runs cost run at tiny size, and their records are what they say."""

from __future__ import annotations

import json
from pathlib import Path

import children
import pytest
from scripts import ROOT, load


def ran(name: str, arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    out, figure = tmp_path / f"{name}.json", tmp_path / f"{name}.png"
    monkeypatch.setattr("sys.argv", [name, *arguments, "--out", str(out), "--figure", str(figure)])
    script = load(ROOT / "benchmarks" / f"{name}.py")
    monkeypatch.setattr(script.subprocess, "run", children.run)
    script.main()
    assert figure.read_bytes()[1:4] == b"PNG"
    with pytest.raises(SystemExit):
        script.main()
    record: dict[str, object] = json.loads(out.read_text())
    return record


def test_the_benchmark_of_rows_tells_time_and_memory_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = ran("rows", ["--rows", "250", "--rounds", "2"], tmp_path, monkeypatch)["results"]
    assert [row["rows"] for row in results["whole"]] == [250]
    for row in (*results["whole"], *results["sampled"]):
        assert 0 < row["low"] <= row["microseconds_a_row"] <= row["high"]


def test_the_benchmark_of_long_sequences_tells_recomputed_from_truncated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["--steps", "60", "--family", "LSTM", "--targets", "last", "--segment", "8", "--rounds", "1"]
    results = ran("long_sequences", arguments, tmp_path, monkeypatch)["results"]
    assert [(row["way"], row["segment"]) for row in results] == [("plain", 60), ("recomputed", 8), ("truncated", 8)]
    plain, recomputed, truncated = (row["gradient_off_by"] for row in results)
    assert plain == 0
    assert recomputed < 1e-5 < truncated


def test_the_benchmark_of_precision_has_both_from_each_seed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "precision.json"
    arguments = ["--seeds", "2", "--hidden", "8", "--steps", "2", "--out", str(out)]
    monkeypatch.setattr("sys.argv", ["precision", *arguments])
    script = load(ROOT / "benchmarks" / "precision.py")
    monkeypatch.setattr(script.torch, "set_num_threads", lambda _: None)
    script.main()
    for found in json.loads(out.read_text())["results"].values():
        assert len(found["runs"]) == len(found["time_ratios"]) == 2
        scores = [run["bfloat16"]["score"] for run in found["runs"]]
        assert found["mean"]["bfloat16"]["score"] == pytest.approx(sum(scores) / 2)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")
def test_the_benchmark_of_starts_tells_seconds_and_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "starts.json"
    monkeypatch.setattr("sys.argv", ["starts", "--only", "Python", "--rounds", "2", "--out", str(out)])
    load(ROOT / "benchmarks" / "starts.py").main()
    (row,) = json.loads(out.read_text())["results"].values()
    assert 0 < row["seconds"] < 10
    assert 1 < row["megabytes"] < 500


def test_a_case_of_the_peers_that_is_recorded_is_not_measured_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "peers.json"
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    script = load(ROOT / "benchmarks" / "peers.py")
    monkeypatch.setattr(script, "CASES", ())
    monkeypatch.setattr(script, "TURN", 1e-3)
    words = ["peers", "--scale", "0.001", "--rounds", "2", "--eager", "--out", str(out)]
    monkeypatch.setattr("sys.argv", words)
    script.main()
    first = json.loads(out.read_text())
    assert list(first["results"]) == ["8-layer GCN: 1 paths of 30 rows", "LSTM, 64 sequences of 3"]
    capsys.readouterr()
    script.main()
    assert [line.endswith(f"is in {out}") for line in capsys.readouterr().out.splitlines()] == [True, True]
    assert json.loads(out.read_text())["results"] == first["results"]
    monkeypatch.setattr("sys.argv", [*words, "--only", "LSTM"])
    script.main()
    again = json.loads(out.read_text())["results"]
    kept, anew = first["results"]
    assert again[kept] == first["results"][kept]
    assert again[anew] != first["results"][anew]
    monkeypatch.setattr("sys.argv", [*words, "--rounds", "3"])
    with pytest.raises(SystemExit, match="other settings"):
        script.main()
