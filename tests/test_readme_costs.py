"""What the README says of costs is what was recorded."""

from __future__ import annotations

import sys

import pytest
from scripts import ROOT, load

RECORDS = ROOT / "docs" / "benchmarks"
SHOWN = ["gcn", "recurrence", "gcn_lstm", "fit_overhead", "influence", "many_seeds"]


def test_the_table_of_costs_is_that_of_the_records(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(ROOT / "benchmarks"), *sys.path])
    table = load(ROOT / "benchmarks" / "table.py").main(RECORDS, SHOWN)
    readme = (ROOT / "README.md").read_text()
    assert f"$ python benchmarks/table.py --only {' '.join(SHOWN)}" in readme
    assert "\n".join(line.rstrip() for line in table.splitlines()) in readme
