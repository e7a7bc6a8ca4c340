"""The ranges of the example are the closed forms, and the page says what was recorded."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from scripts import ROOT, load, page


def test_measured_ranges_are_the_closed_forms(tmp_path: Path) -> None:
    example = load(ROOT / "examples" / "range_curves.py")
    files = example.main(tmp_path / "new")
    assert [file.name for file in files] == ["range.png", "range.json"]
    record = json.loads(files[1].read_text())
    for title, curves in record["closed_forms"].items():
        for name in curves.keys() & record["measured"][title].keys():
            assert record["measured"][title][name] == pytest.approx(curves[name], abs=1e-12), (title, name)
    walk = record["closed_forms"]["nodes of a ring, in hops"]["k steps of the walk"]
    assert walk[-1] == pytest.approx(math.sqrt(4 * 10 / (3 * math.pi)), rel=0.02)
    for values in record["measured"]["untrained GCNs on a line, in hops"].values():
        assert values == pytest.approx(walk, rel=0.1)
    with pytest.raises(FileExistsError, match=r"range\.png"):
        example.main(tmp_path / "new")


def test_the_page_says_what_was_recorded() -> None:
    record = json.loads((ROOT / "docs" / "range" / "range.json").read_text())
    errors = [
        abs(found - known)
        for title, curves in record["closed_forms"].items()
        for name in curves.keys() & record["measured"][title].keys()
        for found, known in zip(record["measured"][title][name], curves[name], strict=True)
    ]
    assert f"The {len(errors)} ranges" in page("range")
    assert max(errors) < 7e-14
