"""The pages on speed and on sweeps hold the recorded numbers."""

from __future__ import annotations

import json
import math
import sys

import pytest
from scripts import ROOT, load, page

RECORDS = ROOT / "docs" / "benchmarks"
SHOWN = ["gcn", "recurrence", "gcn_lstm", "fit_overhead", "influence", "changing_edges"]


def test_the_table_of_costs_is_that_of_the_records(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(ROOT / "benchmarks"), *sys.path])
    table = load(ROOT / "benchmarks" / "table.py").main(RECORDS, SHOWN)
    text = page("speed")
    assert f"$ python benchmarks/table.py --only {' '.join(SHOWN)}" in text
    assert "\n".join(line.rstrip() for line in table.splitlines()) in text


def test_the_speed_of_seeds_side_by_side_holds_for_every_model_that_is_named() -> None:
    longest = {"RNN": 20, "GRU": 10, "GCN": math.inf}
    record = json.loads((RECORDS / "many_seeds.json").read_text())["results"]
    factors = [
        row["times_faster"]["stacked, two processes"]["median"]
        for row in record
        if row["hidden"] * row["batch"] <= 512 and row["length"] <= longest.get(row["family"], 0)
    ]
    assert len(factors) >= 6
    assert min(factors) >= 2
    assert f"{min(factors):.1f} to {max(factors):.1f} times as fast as one by one" in " ".join(page("sweep").split())
