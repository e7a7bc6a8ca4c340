"""Every check of ``test_contract.py`` and ``test_trace_contract.py``, run over graphs without cycles."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from inspect import signature
from itertools import product

import pytest
import randomgraphs
import test_contract
import test_trace_contract
from families import Family, H

import graphseq as gs
from graphseq import SpaceTimeGraph, Topology
from graphseq.nn import DAGGRU, DAGLSTM, DAGRNN

FAMILIES = [
    Family("DAGRNN", lambda d: DAGRNN(d, H)),
    Family("DAGGRU-2", lambda d: DAGGRU(d, H, 2)),
    Family("DAGLSTM", lambda d: DAGLSTM(d, H)),
    Family("DAGLSTM-2", lambda d: DAGLSTM(d, H, 2)),
]
each_family = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)


def acyclic(graph: SpaceTimeGraph) -> SpaceTimeGraph:
    """The same graph with those spatial edges alone that lead to a row of a larger number."""
    index, weight = graph.topology.spatial.edge_index, graph.topology.spatial.edge_weight
    up = index[0] < index[1]
    kept = None if weight is None else weight[up]
    return graph.replace(topology=Topology(graph.node, graph.time, index[:, up], kept))


def draw(*args: object, **kwargs: object) -> SpaceTimeGraph:
    return acyclic(randomgraphs.draw(*args, **kwargs))


_static, _grow = test_contract.static, gs.transforms.grow


def static(seed: int) -> SpaceTimeGraph:
    return acyclic(_static(seed))


def grow(graph: SpaceTimeGraph) -> SpaceTimeGraph:
    """Each row is joined to the one before it, and not that to it."""
    return acyclic(_grow(graph))


INSTEAD = {randomgraphs.draw: draw, _static: static}


def checks() -> Iterator[object]:
    """Each check of the suites that every family has to pass, with each choice of its other parameters."""
    for module in (test_contract, test_trace_contract):
        for name, check in vars(module).items():
            marks = [mark for mark in getattr(check, "pytestmark", []) if mark.name == "parametrize"]
            if not name.startswith("test_") or not any(mark.args[1] is test_contract.FAMILIES for mark in marks):
                continue
            others = [mark for mark in marks if mark.args[1] is not test_contract.FAMILIES]
            for values in product(*(mark.args[1] for mark in others)):
                chosen = dict(zip((mark.args[0] for mark in others), values, strict=True))
                label = "-".join([name, *(getattr(value, "__name__", str(value)) for value in values)])
                yield pytest.param(check, chosen, id=label)


@each_family
@pytest.mark.parametrize(("check", "chosen"), list(checks()))
def test_what_every_encoder_passes(
    family: Family, check: Callable[..., None], chosen: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (test_contract, test_trace_contract):
        monkeypatch.setattr(module, "draw", draw)
        monkeypatch.setattr(module, "static", static)
    monkeypatch.setattr(gs.transforms, "grow", grow)
    chosen = {name: INSTEAD.get(value, value) for name, value in chosen.items()}
    if "monkeypatch" in signature(check).parameters:
        chosen["monkeypatch"] = monkeypatch
    check(family=family, **chosen)


def test_no_check_is_passed_over() -> None:
    found = {value.values[0].__name__ for value in checks()}
    listed = {name for module in (test_contract, test_trace_contract) for name in vars(module) if name[:5] == "test_"}
    assert listed - found == {"test_what_crosses_a_step_goes_through_its_state"}  # of families that go step by step


def test_the_graphs_have_rows_of_several_children_and_of_several_generations() -> None:
    spatial = static(1).topology.spatial.edge_index
    assert int(spatial[1].bincount().max()) > 1
    assert bool((spatial[0] < spatial[1]).all())
    assert draw(1).topology.spatial.edge_index.shape[1] > 0
