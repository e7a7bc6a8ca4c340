"""Training many seeds at once gives the losses of training each by itself, which is what its benchmark compares."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from scripts import ROOT, load


@pytest.fixture(autouse=True)
def beside_its_helpers(monkeypatch: pytest.MonkeyPatch) -> None:
    """As when it is run by its path."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))


@pytest.mark.parametrize("family", ["GCN", "RNN", "GRU", "LSTM"])
def test_losses_of_stacked_seeds_are_those_of_fit(family: str) -> None:
    script = load(ROOT / "benchmarks" / "many_seeds.py")
    case = script.Case(family, 6, 8, 4, steps=6, seeds=3, until_solved=False)
    threads = torch.get_num_threads()
    try:
        many = torch.tensor(script.stacked(case, [0, 1, 5], 1))
        alone = torch.tensor([script.separate(case, seed) for seed in (0, 1, 5)])
        script.check(case)
    finally:
        torch.set_num_threads(threads)
    assert many.shape == (3, 6)
    torch.testing.assert_close(many, alone, rtol=0, atol=1e-5)
    assert len(set(many[:, 0].tolist())) == 3


def test_losses_are_compared_seed_by_seed_as_far_as_both_go() -> None:
    script = load(ROOT / "benchmarks" / "many_seeds.py")
    assert script.apart([[1.0, 2.0], [5.0]], [[1.0, 2.5, 9.0], [5.25]]) == 0.5


def test_the_record_has_a_ratio_for_each_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "seeds.json"
    tiny = [
        "--family",
        "GCN",
        "--length",
        "4",
        "--seeds",
        "2",
        "--steps",
        "2",
        "--hidden",
        "4",
        "--batch",
        "3",
        "--rounds",
        "2",
    ]
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
