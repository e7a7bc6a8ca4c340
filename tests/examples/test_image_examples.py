"""The examples of images run, and what they recorded is what their page and their docstrings say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from scripts import ROOT, load

pytest.importorskip("sklearn", reason="the examples of images need the extra: pip install graphseq[examples]")
pytest.importorskip("skimage", reason="the examples of images need the extra: pip install graphseq[examples]")


def recorded(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / "docs" / name).read_text())
    return found


def test_regions_move_the_one_asked_within_as_many_hops_as_there_are_layers(tmp_path: Path) -> None:
    example = load(ROOT / "examples" / "regions.py")
    record = example.main(tmp_path / "new", "astronaut", regions=40)
    near, far = record["mean influence by hop"][: example.LAYERS + 1], record["mean influence by hop"][5:]
    assert min(near) > 0
    assert set(far) <= {0.0}
    assert sum(record["regions by hop"]) == record["regions"] > 20
    with pytest.raises(FileExistsError, match=r"regions\.png, .*regions\.json already there"):
        example.main(tmp_path / "new", "astronaut")


def test_digits_are_read_in_three_ways_and_kept_results_are_not_run_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    example, picture = (load(ROOT / "examples" / f"{name}.py") for name in ("digits", "digits_influence"))
    tiny = example.Setting(seeds=(0,), hidden=8, steps=2, shown=3, tuning=True)
    record = example.main(tmp_path, tiny)
    results = {name: runs[0] for name, runs in record["results"].items()}
    assert {name: results[name]["sees"] for name in example.MODELS} == {
        "0 hops": 0,
        "GCN": 4,
        "GCN, residual, BatchNorm": 4,
        "LSTM": 63,
        "GCN-LSTM": 14,
        "GCN-LSTM of SAGEConv": 14,
    }
    assert {results[name]["farthest"] for name in ("GCN", "GCN-LSTM")} == {14}
    assert results["LSTM"]["farthest"] == 63
    assert results["logistic regression"]["parameters"] == 64 * 10 + 10
    assert results["SVM"]["accuracy"] > results["logistic regression"]["accuracy"] > 0.9
    for name in example.MODELS:
        assert sum(results[name]["influence"]) == pytest.approx(1)
        assert min(results[name]["influence"]) >= 0
    assert "\n".join(record["table"]) in capsys.readouterr().out
    kept = (tmp_path / "runs.jsonl").read_bytes()
    assert len(kept.splitlines()) == len(example.MODELS)
    assert example.main(tmp_path, tiny)["table"][3:] == record["table"][3:]  # the baselines are run again
    assert (tmp_path / "runs.jsonl").read_bytes() == kept
    assert picture.main(tmp_path / "digits.json", tmp_path).stat().st_size > 0
    with pytest.raises(FileExistsError, match=r"influence\.png"):
        picture.main(tmp_path / "digits.json", tmp_path)


def test_a_digit_is_the_same_rows_in_every_reading() -> None:
    example = load(ROOT / "examples" / "digits.py")
    tasks = {reading: example.digits(example.Setting(), reading) for reading in example.READINGS}
    for train, test in tasks.values():
        assert (len(train), len(test)) == (898, 899)
    for side in (0, 1):
        grid, *others = (own[side].graphs(torch.arange(len(own[side]))) for own in tasks.values())
        for other in others:
            assert torch.equal(grid.x, other.x)
            assert torch.equal(grid.y, other.y)


def test_the_table_of_digits_is_the_recorded_one_and_that_its_runs() -> None:
    record, script = recorded("digits/digits.json"), load(ROOT / "examples" / "digits.py")
    told = {key: tuple(value) if isinstance(value, list) else value for key, value in record["config"].items()}
    assert script.Setting(**told) == script.Setting()
    assert script.table(record["results"]).splitlines() == record["table"]
    assert all(len(record["results"][name]) == len(script.Setting().seeds) for name in script.MODELS)


def test_what_is_said_of_regions_is_what_was_recorded() -> None:
    record = recorded("regions/regions.json")
    means = record["mean influence by hop"]
    assert record["config"]["picture"] == "coffee"
    assert means[4] < means[0] / 50
    assert means[5:] == [0.0] * (len(means) - 5)


def test_what_is_said_of_digits_is_what_was_recorded() -> None:
    results = recorded("digits/digits.json")["results"]
    accuracy = {name: sum(run["accuracy"] for run in runs) / len(runs) for name, runs in results.items()}
    for best in ("GCN, residual, BatchNorm", "LSTM", "GCN-LSTM of SAGEConv"):
        assert 0.915 < accuracy[best] < 0.935
        assert accuracy["SVM"] - accuracy[best] == pytest.approx(0.045, abs=0.006)
    for plain in ("GCN", "GCN-LSTM"):
        assert accuracy["0 hops"] - accuracy[plain] == pytest.approx(0.04, abs=0.006)
    share = {name: torch.tensor(runs[0]["influence"]).view(8, 8) for name, runs in results.items() if len(runs) > 1}
    margins = {name: float(each[:, [0, 7]].sum()) for name, each in share.items()}
    assert margins.pop("0 hops") < 0.03
    assert min(margins.values()) > 0.13
    assert all(float(share[name][4:].sum()) < 0.36 for name in ("GCN-LSTM", "GCN-LSTM of SAGEConv"))
