"""The page of the long-range suite is what its script makes of the records, and its tables are those of the records."""

from __future__ import annotations

import json

import pytest
from scripts import ROOT, load, page

from graphseq.experiments.longrange.report import Line, table

FOLDER = ROOT / "docs" / "longrange"


def test_the_page_is_made_by_its_script() -> None:
    assert load(ROOT / "benchmarks" / "longrange_page.py").page() == page("longrange")


@pytest.mark.parametrize("name", ["transfer", "echo"])
def test_the_tables_are_those_of_the_records(name: str) -> None:
    record = json.loads((FOLDER / name / "results.json").read_text())
    lines = [Line(**line) for line in record["lines"]]
    assert table(lines, record["floors"]) == (FOLDER / name / "table.txt").read_text().rstrip("\n")
    assert record["cpu_seconds"] > 0
    assert all(len(line.values) == line.seeds == len(record["config"]["settings"]["seeds"]) for line in lines)


def test_no_stack_of_16_layers_knows_distances_beyond_its_reach() -> None:
    record = json.loads((FOLDER / "echo" / "results.json").read_text())
    lines = [line for line in record["lines"] if line["benchmark"] == "echo shortest paths"]
    assert {line["reach"] for line in lines} == {16}
    for line in lines:
        beyond = {int(hops): error for hops, _, error in line["by_hops"] if hops > 16}
        # Whatever number it says of all rows beyond its reach, 20 hops more are 20 hops more of error.
        assert beyond[36] - beyond[18] > 14
