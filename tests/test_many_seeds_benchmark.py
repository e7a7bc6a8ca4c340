"""Training many seeds at once gives the losses of training each by itself, which is what its benchmark compares."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from scripts import ROOT, load


@pytest.mark.parametrize("family", ["GCN", "RNN"])
def test_losses_of_stacked_seeds_are_those_of_fit(family: str) -> None:
    script = load(ROOT / "benchmarks" / "many_seeds.py")
    threads = torch.get_num_threads()
    try:
        many = torch.tensor(script.stacked(family, 6, 8, 4, 6, [0, 1, 5], 1))
        alone = torch.tensor([script.separate(family, 6, 8, 4, 6, seed) for seed in (0, 1, 5)])
    finally:
        torch.set_num_threads(threads)
    assert many.shape == (3, 6)
    torch.testing.assert_close(many, alone, rtol=0, atol=1e-5)
    assert len(set(many[:, 0].tolist())) == 3


def test_gradients_are_scaled_seed_by_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    script = load(ROOT / "benchmarks" / "many_seeds.py")
    monkeypatch.setattr(script, "CLIP", 1e-3)  # far below every norm
    threads = torch.get_num_threads()
    try:
        many = torch.tensor(script.stacked("RNN", 6, 8, 4, 6, [0, 1], 1))
        alone = torch.tensor([script.separate("RNN", 6, 8, 4, 6, seed) for seed in (0, 1)])
    finally:
        torch.set_num_threads(threads)
    torch.testing.assert_close(many, alone, rtol=0, atol=1e-5)


def test_the_record_has_a_ratio_for_each_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "seeds.json"
    tiny = ["--family", "GCN", "--seeds", "2", "--steps", "2", "--hidden", "4", "--batch", "3", "--rounds", "2"]
    monkeypatch.setattr("sys.argv", ["many_seeds", *tiny, "--out", str(out)])
    threads = torch.get_num_threads()
    script = load(ROOT / "benchmarks" / "many_seeds.py")
    # In this process: a script that is loaded by its path cannot be imported by others.
    monkeypatch.setattr(script, "Parallel", lambda **_: lambda calls: [work(*args) for work, args, _ in calls])
    try:
        script.main()
    finally:
        torch.set_num_threads(threads)
    (row,) = json.loads(out.read_text())["results"]
    assert list(row["times_faster"]) == ["stacked, two threads", "stacked, two processes"]
    assert list(row["seconds"]) == ["separate", *row["times_faster"]]
    assert row["largest_difference_of_losses_in_single_precision"] < 1e-5
    with pytest.raises(SystemExit):
        script.main()
