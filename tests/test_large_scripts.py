"""The scripts on what large runs cost run at tiny size, and their records are what they say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from scripts import ROOT, load


def ran(name: str, arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    out, figure = tmp_path / f"{name}.json", tmp_path / f"{name}.png"
    monkeypatch.setattr("sys.argv", [name, *arguments, "--out", str(out), "--figure", str(figure)])
    script = load(ROOT / "benchmarks" / f"{name}.py")
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
    arguments = ["--steps", "60", "--family", "LSTM", "--asked", "last", "--rounds", "1"]
    results = ran("long_sequences", arguments, tmp_path, monkeypatch)["results"]
    assert [(row["way"], row["segment"]) for row in results] == [("plain", 60), ("recomputed", 8), ("truncated", 8)]
    plain, recomputed, truncated = (row["gradient_off_by"] for row in results)
    assert plain == 0
    assert recomputed < 1e-5 < truncated
