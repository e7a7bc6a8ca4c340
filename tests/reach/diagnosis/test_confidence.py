"""The confidence of a word: its share of right ones in the record, by the distance from its threshold."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from test_finding_words import curve, evidence

from graphseq.reach.diagnosis.confidence import RECORD, confidence, distance, share
from graphseq.reach.diagnosis.judge import FINDINGS
from graphseq.reach.diagnosis.thresholds import Thresholds

T = Thresholds()


def test_a_word_of_few_cases_is_drawn_towards_the_share_of_all_at_its_distance() -> None:
    record = {"capacity": (9, 10, 0, 2), "solved": (10, 10, 1, 2)}
    assert share(record, "capacity", is_near=False) == round((9 + 2 * 20 / 22) / 12, 2)
    assert share(record, "capacity", is_near=True) == round((0 + 2 * 2 / 6) / 4, 2)
    assert share(record, "dead path", is_near=True) == round(2 / 6, 2)  # of no case


def test_distances_are_decades_of_shares_and_twentieths_of_skill() -> None:
    e = evidence(curve(0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1))
    smooth = replace(e, before=replace(e.before, spread=T.spread / 1000))
    assert distance(smooth, T, "over-smoothing") == pytest.approx(3)
    squashed = replace(e, before=replace(e.before, influence=T.influence / 10, jacobian_share=0.0), after=None)
    assert distance(squashed, T, "over-squashing") == pytest.approx(1)
    narrow = replace(e, structure=replace(e.structure, width=1, numbers=4))
    assert distance(narrow, T, "capacity") == pytest.approx(2.5)
    assert distance(e, T, "dead path") == math.inf
    assert distance(e, T, "inconclusive") == 0


def test_confidence_falls_near_a_threshold_where_the_record_says_so() -> None:
    assert set(RECORD) == set(FINDINGS)
    assert all(0 <= right <= cases for counts in RECORD.values() for right, cases in (counts[:2], counts[2:]))
    e = evidence(curve(0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1))
    far, near = (replace(e, before=replace(e.before, spread=spread)) for spread in (1e-9, 0.9 * T.spread))
    assert confidence(far, T, "over-smoothing") == share(RECORD, "over-smoothing", is_near=False)
    assert confidence(near, T, "over-smoothing") == share(RECORD, "over-smoothing", is_near=True)
