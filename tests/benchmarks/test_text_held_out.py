"""The benchmark of held-out text: fitted weights have the fewest bits, parts do not overlap, runs go on."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from scripts import ROOT, load

SCRIPT = load(ROOT / "benchmarks" / "text_held_out.py")


def test_the_fitted_weights_have_the_fewest_bits() -> None:
    generator = np.random.default_rng(0)
    network, counts = generator.uniform(0.05, 1, 400), generator.uniform(0.05, 1, 400)
    longest = generator.integers(-1, 3, 400).astype(float)
    weights = SCRIPT.fitted(network, (counts, longest), rounds=2000)
    best = SCRIPT.mixture(network, (counts, longest), weights)
    for group in range(4):
        for step in (-0.02, 0.02):
            moved = weights.copy()
            moved[group] = min(1, max(0, moved[group] + step))
            assert SCRIPT.mixture(network, (counts, longest), moved) >= best - 1e-9
    even = np.full(len(weights), 0.5)
    expected = -np.log2((network + counts) / 2).mean()
    assert SCRIPT.mixture(network, (counts, longest), even) == pytest.approx(expected, abs=1e-12)


def test_a_text_of_ones_own_is_read_in_three_parts_and_never_trained_twice(tmp_path: Path) -> None:
    words = "the fox ran over the hill and the hen sat in the tree. "
    (tmp_path / "mine.txt").write_text(words * 60, encoding="utf-8")
    args = (tmp_path / "out", [str(tmp_path / "mine.txt")], [0])
    table = SCRIPT.main(*args, scale=0.002)
    record = json.loads((tmp_path / "out" / "held_out.json").read_text(encoding="utf-8"))
    assert list(record) == ["mine.txt | counts", "mine.txt | seed 0", "mine.txt | reference"]
    run, text = record["mine.txt | seed 0"], words * 60
    assert 0 < run["bits"]["counts, counting on"] < run["bits"]["counts, windows"] < math.log2(len(set(text)))
    assert run["bits"]["both, stream"] <= run["bits"]["LSTM, stream"]
    book = SCRIPT.Book(SCRIPT.load(str(tmp_path / "mine.txt")))
    assert [*book.part("validation"), *book.part("held-out")] == [2640, 2970, 2970, 3300]
    assert SCRIPT.main(*args, scale=0.002) == table
    assert json.loads((tmp_path / "out" / "held_out.json").read_text(encoding="utf-8")) == record
