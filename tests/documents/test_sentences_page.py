"""The page on sentences holds the recorded table, command and counts."""

from __future__ import annotations

import json

from scripts import ROOT, page

PAGE = page("sentences")
RECORD = json.loads((ROOT / "docs" / "agreement" / "agreement.json").read_text())


def test_the_tables_are_the_recorded_ones() -> None:
    assert "\n".join(line.rstrip() for line in RECORD["table"]) + "\n```" in PAGE


def test_the_command_is_that_of_the_record() -> None:
    seeds = " ".join(str(seed) for seed in sorted({run["seed"] for run in RECORD["runs"]}))
    assert f"$ python examples/agreement.py --seeds {seeds} --out docs/agreement" in PAGE


def test_counts_are_those_of_the_record() -> None:
    whole = RECORD["lines"]["majority"]["all"]
    assert f"{whole['answers']:.0f} verbs in {whole['units']:.0f} sentences" in PAGE.replace("\n", " ")
