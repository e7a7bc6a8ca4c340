"""The scripts on recurrence run, and what they write is what they say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from test_examples import ROOT, load


def test_the_benchmark_of_the_scan_gives_ratios(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "scan.json"
    monkeypatch.setattr(
        "sys.argv", ["scan", "--lengths", "5", "40", "--batch", "2", "--rounds", "3", "--out", str(out)]
    )
    script = load(ROOT / "benchmarks" / "scan.py")
    script.main()
    results = json.loads(out.read_text())["results"]
    assert list(results) == ["B=2 T=5", "B=2 T=40"]
    for row in results.values():
        assert list(row) == ["scan", "loop", "MinLSTM", "nn.LSTM"]
        assert row["scan"]["times_scan"]["median"] == row["MinLSTM"]["times_MinLSTM"]["median"] == 1
        assert row["loop"]["times_scan"]["low"] <= row["loop"]["times_scan"]["median"]
    with pytest.raises(SystemExit):
        script.main()
