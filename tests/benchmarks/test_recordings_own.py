"""The study of recordings on a file of one's own: errors of baselines by hand, and a folder for each file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scripts import ROOT, load

COUNTS = np.random.default_rng(0).poisson(4, (50, 3))


def write(path: Path, counts: np.ndarray) -> Path:
    content = {str(t): {"edges": [[0, 1]] if t % 5 else [], "y": row.tolist()} for t, row in enumerate(counts)}
    path.write_text(json.dumps(content))
    return path


def test_a_recording_of_ones_own_has_the_errors_of_the_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))  # as when it is run by its path
    script = load(ROOT / "benchmarks" / "recordings_own.py")
    source = script.Source("mine", 0, 6, counts=True)
    file, out = write(tmp_path / "mine.json", COUNTS), tmp_path / "out"
    shown = script.main(file, out, source, ("RNN",), (1, 2), 5.0)
    record = {line["case"]: line for line in map(json.loads, (out / "results.jsonl").read_text().splitlines())}
    y = np.log1p(COUNTS)
    test, before = y[40:], y[8:40]  # answers, of which the first has eight times before it
    constant = record["mine/constant/own/plain/given/0"]["mse"]
    assert constant == pytest.approx(((test - before.mean()) ** 2).mean(), rel=1e-4)
    assert record["mine/persistence/own/plain/given/0"]["mse"] == pytest.approx(
        ((test - y[39:-1]) ** 2).mean(), rel=1e-4
    )
    lines = shown.splitlines()
    assert lines[0] == "mine.json: y of 3 nodes at 50 times"
    assert [line.split()[0] for line in lines if "(2)" in line] == ["RNN"]
    assert script.main(file, out, source, ("RNN",), (1, 2), 0.0) == shown  # nothing is made again
    write(file, COUNTS + 1)
    with pytest.raises(ValueError, match="has runs of another file, --season or --counts; choose another --out"):
        script.main(file, out, source, ("RNN",), (1, 2), 5.0)
