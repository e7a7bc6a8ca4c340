"""The page on texts holds the recorded table and numbers."""

from __future__ import annotations

import json

from scripts import ROOT, load, page

PAGE = page("text")
ROWS = {f"grimms_{size}" for size in ("2x128", "2x256", "2x512", "3x128")} | {"NL_darwin_2x128", "EN_democracy_2x128"}


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


def test_the_held_out_part_is_made_from_the_records() -> None:
    assert load(ROOT / "benchmarks" / "text_page.py").section() in PAGE


def test_each_row_of_the_reference_is_won_at_no_more_of_its_multiply_adds() -> None:
    script = load(ROOT / "benchmarks" / "text_page.py")
    found = script.margins(script.read("held_out.json"), script.read("rows.json"))
    assert {row for row, *_ in found} == ROWS
    for _, _, reference, both, share in found:
        assert both <= reference - 0.15
        assert share <= 1


def test_what_was_chosen_had_the_fewest_bits_on_the_validation_part() -> None:
    script = load(ROOT / "benchmarks" / "text_held_out.py")
    record = json.loads((ROOT / "docs" / "text" / "choices.json").read_text(encoding="utf-8"))
    for text, chosen in script.CHOSEN.items():
        bits = {key: run["bits"]["both, windows"] for key, run in record.items() if key.startswith(text)}
        assert min(bits, key=bits.__getitem__) == f"{text} | {chosen.steps} steps, dropout {chosen.dropout}"
