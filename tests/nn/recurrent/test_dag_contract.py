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
CHECKS = [check for check in ENCODER_SUITE.checks if check.function != "influence_across_a_step_goes_through_its_state"]


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_an_encoder_keeps_its_contract(family: Family, check: Check[EncoderCase]) -> None:
    case = EncoderCase(family.build, Graphs(acyclic=True))
    assert check.applies(case)
    check.run(case)


def test_the_graphs_have_rows_of_several_children_and_of_several_generations() -> None:
    graphs = Graphs(acyclic=True)
    spatial = graphs.static(1).topology.spatial.edge_index
    assert int(spatial[1].bincount().max()) > 1
    assert bool((spatial[0] < spatial[1]).all())
    assert graphs.random(1).topology.spatial.edge_index.shape[1] > 0
