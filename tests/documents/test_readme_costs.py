"""What the README says of costs is what was recorded."""

from __future__ import annotations

import json
import sys

import pytest
from scripts import ROOT, load

from graphseq.experiments.accuracy.settings import LONGEST, SMALL

RECORDS = ROOT / "docs" / "benchmarks"
SHOWN = ["gcn", "recurrence", "gcn_lstm", "fit_overhead", "influence"]


def test_the_table_of_costs_is_that_of_the_records(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(ROOT / "benchmarks"), *sys.path])
    table = load(ROOT / "benchmarks" / "table.py").main(RECORDS, SHOWN)
    readme = (ROOT / "README.md").read_text()
    assert f"$ python benchmarks/table.py --only {' '.join(SHOWN)}" in readme
    assert "\n".join(line.rstrip() for line in table.splitlines()) in readme


def test_what_is_said_of_seeds_side_by_side_holds_of_all_that_a_sweep_trains_so() -> None:
    record = json.loads((RECORDS / "many_seeds.json").read_text())["results"]
    found = [
        row["times_faster"]["stacked, two processes"]["median"]
        for row in record
        if row["hidden"] * row["batch"] <= SMALL and row["length"] <= LONGEST.get(row["family"], 0)
    ]
    assert len(found) >= 6
    assert min(found) >= 2
    assert f"{min(found):.1f} to {max(found):.1f} times as fast as one by one" in (ROOT / "README.md").read_text()
