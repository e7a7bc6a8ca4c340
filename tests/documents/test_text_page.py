"""The page on texts holds the recorded table and numbers."""

from __future__ import annotations

import json

from scripts import ROOT, load, page

PAGE = page("text")


def test_the_table_is_the_recorded_one() -> None:
    table = (ROOT / "docs" / "text" / "tables.txt").read_text().partition("\n\nTable 1")[0]
    assert "\n".join(line.rstrip() for line in table.splitlines()) + "\n```" in PAGE


def test_what_reading_and_writing_cost() -> None:
    results = json.loads((ROOT / "docs" / "text" / "speed.json").read_text())["results"]
    train, write = (results[name]["ratio"] for name in ("training", "writing"))
    said = f"has {train:.2f} times the throughput of a bare `nn.LSTM` loop, writing {write:.2f} times the speed"
    assert said in PAGE


def test_the_512_unit_result_for_half_of_its_compute() -> None:
    rows = {row["name"]: row for row in json.loads((ROOT / "docs" / "text" / "rows.json").read_text())}
    half, table = rows["grimms_2x512_half"], (ROOT / "docs" / "text" / "tables.txt").read_text()
    assert half["accuracy"] > half["reference"]["accuracy"] == 0.75
    assert half["loss"] < half["reference"]["loss"] == 0.75
    assert "2 × 512: 2 × 352, 49% of its compute" in table
    assert "two layers of 352 units fit better than 75 % and 0.75 with 49% of its" in PAGE


def test_the_held_out_bits_are_the_recorded_ones() -> None:
    script = load(ROOT / "benchmarks" / "text_held_out.py")
    record = json.loads((ROOT / "docs" / "text" / "held_out.json").read_text(encoding="utf-8"))
    assert "\n".join(line.rstrip() for line in script.table(record).splitlines()) in PAGE
    rows = {row["name"]: row for row in json.loads((ROOT / "docs" / "text" / "rows.json").read_text())}
    best = {
        name: min(report["bits"] for report in row["reports"])
        for name, row in rows.items()
        if row["setup"] == "reference"
    }
    for name, bits in best.items():
        if not name.startswith("EN"):
            assert f"{bits:.3f}" in PAGE
            book = "grimms_fairy_tails" if name.startswith("grimms") else "NL_darwin"
            assert record[f"{book} | counts"]["bits"]["windows"] < bits - 0.15
    both = record["grimms_fairy_tails | seed 0"]
    assert both["bits"]["both, windows"] < min(best[name] for name in best if name.startswith("grimms")) - 0.23
    assert both["multiply_adds"] < rows["grimms_2x128_reference"]["multiply_adds"]
