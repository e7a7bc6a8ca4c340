"""Every encoder is held to the contract that ``graphseq.testing`` ships: one check of one family is one test."""

from __future__ import annotations

import pytest
from families import EDGE_FAMILIES, FAMILIES, Family

from graphseq.testing import ENCODER_SUITE, Check, EncoderCase
from graphseq.testing.graphs import Graphs

ALL = [*FAMILIES, *EDGE_FAMILIES]
CASES = {family.name: EncoderCase(family.build, Graphs(edge_channels=family.edge_channels)) for family in ALL}


@pytest.mark.parametrize(
    ("family", "check"),
    [
        pytest.param(family, check, id=f"{family.name}-{check.name}")
        for check in ENCODER_SUITE.checks
        for family in ALL
        if check.applies(CASES[family.name])
    ],
)
def test_an_encoder_keeps_its_contract(family: Family, check: Check[EncoderCase]) -> None:
    check.run(CASES[family.name])


def test_recurrences_are_checked_step_by_step() -> None:
    assert sum(case.goes_by_steps for case in CASES.values()) >= 15
    assert {check.function for check in ENCODER_SUITE.checks if not check.applies(CASES["MLP"])} == {
        "influence_across_a_step_goes_through_its_state",
        "features_of_edges_change_states_of_their_own_graph",
    }
