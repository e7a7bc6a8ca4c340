"""Encoders of directed acyclic graphs are held to the contract of every encoder, over graphs without cycles."""

from __future__ import annotations

import pytest
from families import Family, H

from graphseq.nn import DAGGRU, DAGLSTM, DAGRNN
from graphseq.testing import ENCODER_SUITE, Check, EncoderCase, Graphs

FAMILIES = [
    Family("DAGRNN", lambda d: DAGRNN(d, H)),
    Family("DAGGRU-2", lambda d: DAGGRU(d, H, 2)),
    Family("DAGLSTM", lambda d: DAGLSTM(d, H)),
    Family("DAGLSTM-2", lambda d: DAGLSTM(d, H, 2)),
]
LEFT_OUT = "influence_across_a_step_goes_through_its_state"
CASE = EncoderCase(FAMILIES[0].build, Graphs(acyclic=True))
CHECKS = [check for check in ENCODER_SUITE.checks if check.function != LEFT_OUT and check.applies(CASE)]


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_an_encoder_keeps_its_contract(family: Family, check: Check[EncoderCase]) -> None:
    check.run(EncoderCase(family.build, Graphs(acyclic=True)))


def test_of_the_other_checks_only_that_of_features_of_edges_does_not_apply() -> None:
    left_out = {check.function for check in ENCODER_SUITE.checks} - {check.function for check in CHECKS}
    assert left_out == {LEFT_OUT, "features_of_edges_change_states_of_their_own_graph"}


def test_the_graphs_have_rows_of_several_children_and_of_several_generations() -> None:
    graphs = Graphs(acyclic=True)
    spatial = graphs.static(1).topology.spatial.edge_index
    assert int(spatial[1].bincount().max()) > 1
    assert bool((spatial[0] < spatial[1]).all())
    assert graphs.random(1).topology.spatial.edge_index.shape[1] > 0
