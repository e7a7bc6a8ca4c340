"""The command predict: forecasts of what follows, from a file of a forecaster."""

from __future__ import annotations

import json
from pathlib import Path

import planted
import pytest
from console import call, refusal

import graphseq as gs


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "forecaster.pt"
    gs.forecast(planted.write_json(tmp_path / "ring.json", planted.signal(60)), models=["persistence"]).save(path)
    return path


def test_a_folder_and_a_file_give_the_same_and_later_data_goes_on(saved: Path) -> None:
    said = call("predict", saved)
    assert said.out.startswith("after 59, with 90% intervals")
    assert call("predict", saved.parent).out == said.out
    later = planted.write_json(saved.parent / "later.json", planted.signal(80))
    found = json.loads(call("predict", saved, later, "--json").out)["forecasts"]
    assert [line["value"] for line in found] == pytest.approx(planted.signal(80)[-1].tolist())
    assert found[0]["time"] == "80"


def test_what_will_not_do_is_refused_in_a_line(saved: Path) -> None:
    assert "none.pt" in refusal(call("predict", saved.parent / "none.pt"))
    assert "--edges goes with FILE" in refusal(call("predict", saved, "--edges", "e.csv"))
    assert "is not a whole" in refusal(call("predict", saved.parent / "ring.json"))
    other = planted.write_json(saved.parent / "other.json", planted.signal(60)[:, :3])
    assert "was fitted to" in refusal(call("predict", saved, other))
    (saved.parent / "there.csv").write_text("")
    assert "there.csv" in refusal(call("predict", saved, "--csv", saved.parent / "there.csv"))
