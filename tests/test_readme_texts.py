"""What the README says of texts is what was recorded."""

from __future__ import annotations

import json

from scripts import ROOT

README = (ROOT / "README.md").read_text()


def test_the_table_is_the_recorded_one() -> None:
    table = (ROOT / "docs" / "text" / "tables.txt").read_text().partition("\n\nTable 1")[0]
    assert "\n".join(line.rstrip() for line in table.splitlines()) + "\n```" in README


def test_what_reading_and_writing_cost() -> None:
    results = json.loads((ROOT / "docs" / "text" / "speed.json").read_text())["results"]
    train, write = (results[name]["ratio"] for name in ("training", "writing"))
    said = f"has {train:.2f} times the throughput of a bare `nn.LSTM` loop, writing {write:.2f} times the speed"
    assert said in README
