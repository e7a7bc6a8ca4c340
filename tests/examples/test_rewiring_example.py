"""The example of rewiring and that of a report run, and the pages say what was recorded."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scripts import ROOT, load, page


def test_bounds_hold_and_files_are_refused_when_there(tmp_path: Path) -> None:
    example = load(ROOT / "examples" / "rewiring.py")
    files = example.main(tmp_path / "new", steps=1, seeds=1)
    record = json.loads(files[1].read_text())
    measured, near, far = (record["bounds"][name] for name in record["bounds"])
    assert all(one <= two <= three for one, two, three in zip(measured[:7], near[:7], far[:7], strict=True))
    for values in record["graphs"].values():
        assert values["spectral gap"][-1] > values["spectral gap"][0]
        assert values["total resistance"][-1] < values["total resistance"][0]
    assert record["models"]["4 layers"]["share of the farthest row"][0] == [0.0]
    with pytest.raises(FileExistsError, match=r"rewiring\.png"):
        example.main(tmp_path / "new")


def test_the_page_on_rewiring_says_what_was_recorded() -> None:
    record = json.loads((ROOT / "docs" / "rewiring" / "rewiring.json").read_text())
    text = page("rewiring")
    assert load(ROOT / "examples" / "rewiring.py").table(record["others"]) in text
    measured = record["bounds"]["measured"]
    assert 300 < measured[0] / measured[6] < 700
    plain = [np.mean(record["models"][name]["accuracy"][0]) for name in ("4 layers", "8 layers")]
    assert max(plain) < 0.15
    shares = [record["models"]["8 layers"]["share of the farthest row"][at] for at in (0, 1)]
    assert max(shares[0]) < 3e-6
    assert min(shares[1]) > 3e-3


def test_the_example_of_a_report_writes_it(tmp_path: Path) -> None:
    example = load(ROOT / "examples" / "report.py")
    found = example.main(tmp_path / "new", steps=2)
    assert sorted(file.name for file in (tmp_path / "new").iterdir()) == sorted(example.FILES)
    assert (found.finding, found.page.depth) == ("under-reaching", 3)
    with pytest.raises(FileExistsError, match=r"report\.html"):
        example.main(tmp_path / "new")
