"""The page of the ranking is what its script makes of the records, and says what they say."""

from __future__ import annotations

import json

import pytest
from scripts import ROOT, load, page

RANKED = ROOT / "docs" / "links" / "ranked"


def test_the_page_is_made_by_its_script(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    assert load(ROOT / "benchmarks" / "messages_ranked.py").page(RANKED) == page("messages_ranked")


def test_edge_bank_of_four_weeks_has_the_published_score() -> None:
    lines = json.loads((RANKED / "ranked.json").read_text())["lines"]
    found = [x["test"] for x in lines if x.get("rule") == "EdgeBank, four weeks" and x["known"] == "weeks"]
    assert found == [pytest.approx(0.165, abs=1e-3)]


def test_the_bound_is_of_the_pairs_of_the_ranking() -> None:
    lines = json.loads((RANKED / "bound.json").read_text())["lines"]
    ranked = json.loads((RANKED / "ranked.json").read_text())["lines"]
    kinds = next(x["kinds"] for x in ranked if x["known"] == "weeks")
    found = next(x["test"]["kinds"] for x in lines if x.get("known") == "weeks")
    assert {kind: of["pairs"] for kind, of in found.items()} == {kind: of["pairs"] for kind, of in kinds.items()}
