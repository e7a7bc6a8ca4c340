"""What the README says of sentences is what was recorded."""

from __future__ import annotations

import json

from scripts import ROOT

README = (ROOT / "README.md").read_text()
RECORD = json.loads((ROOT / "docs" / "agreement" / "agreement.json").read_text())


def test_the_tables_are_the_recorded_ones() -> None:
    assert "\n".join(line.rstrip() for line in RECORD["table"]) + "\n```" in README


def test_the_command_is_that_of_the_record() -> None:
    seeds = " ".join(str(seed) for seed in sorted({run["seed"] for run in RECORD["runs"]}))
    assert f"$ python examples/agreement.py --seeds {seeds} --out docs/agreement" in README


def test_counts_are_those_of_the_record() -> None:
    whole = RECORD["lines"]["majority"]["all"]
    assert f"{whole['answers']:.0f} verbs in {whole['units']:.0f} sentences" in README.replace("\n", " ")
