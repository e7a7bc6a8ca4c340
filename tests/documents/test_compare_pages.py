"""The pages on comparisons hold the recorded tables, and what is said of them in words is in the record."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from scripts import ROOT, page

from graphseq import seeding
from graphseq.experiments.accuracy.report import Cell, table
from graphseq.experiments.accuracy.settings import Settings
from graphseq.experiments.models import build
from graphseq.reach.theory import path_crossing
from graphseq.tasks import Transfer

README = " ".join((ROOT / "README.md").read_text().split())
PAGE = page("compare")
TEXT = " ".join(PAGE.split())


def record(folder: Path) -> tuple[Settings, list[Cell]]:
    whole = json.loads((folder / "results.json").read_text())
    facts = whole["config"]["settings"]
    facts.pop("text_sha256", None)
    return Settings.from_json(facts), [Cell(**cell) for cell in whole["cells"]]


SETTINGS, CELLS = record(ROOT / "docs" / "compare")


def cell(task: str, model: str, length: int) -> Cell:
    return next(one for one in CELLS if (one.task, one.model, one.length) == (task, model, length))


@pytest.mark.parametrize("name", ["compare", "compare_text"])
def test_the_table_is_the_recorded_one(name: str) -> None:
    made = table(*record(ROOT / "docs" / name))
    assert "\n".join(line.rstrip() for line in made.splitlines()) in page(name)


def test_the_record_is_of_the_defaults_from_five_seeds() -> None:
    assert Settings(seeds=(0, 1, 2, 3, 4)) == SETTINGS
    assert max(SETTINGS.lengths) == 65
    assert f"at most {SETTINGS.steps} steps of {SETTINGS.batch_size} graphs" in TEXT


def test_recurrences_from_recommended_weights_are_right_at_every_length() -> None:
    for model in ("RNN, latch", "LSTM, chrono", "GCN-LSTM, chrono"):
        assert {one.accuracy for one in CELLS if one.model == model} == {1.0}, model
    assert "stay at 100 % on 65 rows" in README
    assert "are at 100 % on 65 rows" in README


def test_a_stack_is_at_chance_beyond_its_reach() -> None:
    beyond = [one for one in CELLS if one.model.startswith(("GCN-", "Wave-")) and one.seeds and not one.in_reach]
    assert {one.model for one in beyond} == {"GCN-1", "GCN-2", "GCN-4", "GCN-8", "GCN-16", "Wave-16"}
    assert len(beyond) == 2 * (6 + 5 + 4 + 3 + 2 + 2)
    assert all(one.accuracy is not None and abs(one.accuracy - 0.1) < 0.03 for one in beyond)


def test_a_wave_goes_as_far_as_it_has_layers() -> None:
    assert [cell("Transfer", "Wave-16", length).accuracy for length in (2, 3, 5, 9, 17)] == [1.0] * 5
    assert cell("Palindrome", "Wave-16", 9).high == 1.0


def test_over_squashing_is_where_the_page_says() -> None:
    high = cell("Transfer", "GCN-16", 17).high
    assert high is not None
    assert high < 0.15
    assert 0.8 < (cell("Transfer", "GCN-8", 9).accuracy or 0) < 0.84, "four are right, one is at chance"
    assert "learns on `Transfer` from four seeds of five" in TEXT
    lost = [cell("Palindrome", f"GCN-{depth}", 5).high for depth in (4, 8, 16)]
    assert all(one is not None and one < 0.5 for one in lost)


def test_forget_gates_lie_on_no_way_through_a_path_that_grows() -> None:
    with seeding.forked(0):
        model = build("GCN-LSTM-grown", task := Transfer(6), 4)
    model(task.batch(4, torch.Generator().manual_seed(0))).sum().backward()
    i, f, g, o = (part.abs().max() for part in model.encoder.layers[0].conv_x.bias.grad.chunk(4))
    assert f == 0
    assert min(i, g, o) > 0


def test_on_a_sequence_a_gcn_lstm_is_the_lstm() -> None:
    for start in ("chrono", "torch"):
        pairs = [[one.accuracy for one in CELLS if one.model == f"{name}, {start}"] for name in ("LSTM", "GCN-LSTM")]
        assert pairs[0] == pairs[1]


def test_the_weights_of_a_crossing() -> None:
    assert path_crossing(9) == pytest.approx(3**-6 / 6)
    assert f"= {path_crossing(9):.4f}" in TEXT
    assert f"{path_crossing(17):.1e}".replace("e-08", " · 10^−8") in TEXT
