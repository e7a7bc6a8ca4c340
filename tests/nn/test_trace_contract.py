"""What every encoder shows of its way from features to states, family by family as in ``test_contract.py``."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from families import FAMILIES, Family
from randomgraphs import draw, join, sequence, with_x
from test_contract import each_family, encoder_of, ragged, signal, static, three_seeds
from torch import Tensor

from graphseq import SpaceTimeGraph
from graphseq.nn import Encoder, Trace

each_graph = pytest.mark.parametrize(
    "graph",
    [
        lambda: join(ragged()),
        lambda: draw(3, directed=True),
        lambda: static(0),
        lambda: signal(1),
        lambda: sequence(0, 5),
    ],
    ids=["ragged batch", "directed", "static", "signal", "sequence"],
)

each_recurrence = pytest.mark.parametrize(
    "family",
    [family for family in FAMILIES if encoder_of(family).trace(sequence(0, 2)).axis == "step"],
    ids=lambda family: family.name,
)


def direction(like: Tensor, seed: int = 0) -> Tensor:
    return torch.randn(like.shape, dtype=like.dtype, generator=torch.Generator().manual_seed(seed))


def pulled(out: Tensor, seed: Tensor, inputs: Tensor) -> Tensor:
    """The product of ``seed`` with the Jacobian of ``out`` in ``inputs``."""
    (found,) = torch.autograd.grad(out, inputs, seed, retain_graph=True, allow_unused=True)
    return torch.zeros_like(inputs) if found is None else found


def traced_from(encoder: Encoder, graph: SpaceTimeGraph, monkeypatch: pytest.MonkeyPatch) -> tuple[Tensor, Trace]:
    """Features, and a trace in whose autograd graph they are."""
    x = graph.x.clone().requires_grad_()
    for each in encoder.modules():  # one that wraps another leaves the trace to it
        if isinstance(each, Encoder):
            monkeypatch.setattr(each, "_leaf", lambda _: x)
    return x, encoder.trace(graph)


@each_family
@each_graph
def test_a_trace_ends_in_what_the_encoder_gives(family: Family, graph: Callable[[], SpaceTimeGraph]) -> None:
    encoder, data = encoder_of(family), graph()
    trace = encoder.trace(data)
    torch.testing.assert_close(trace.out, encoder(data), rtol=0, atol=1e-12)
    if trace.axis == "layer":
        assert torch.equal(trace.states[0], data.x)
        assert trace.states[-1] is trace.out
    else:
        assert len(trace.states) == len(data.topology.times)
        assert {len(state) for state in trace.states} == {data.topology.num_nodes}


@each_family
@each_graph
def test_gradients_through_a_trace_are_those_through_the_encoder(
    family: Family, graph: Callable[[], SpaceTimeGraph], monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder, data = encoder_of(family), graph()
    leaf = data.x.clone().requires_grad_()
    out = encoder(with_x(data, leaf))
    seed, wanted = direction(out), [leaf, *encoder.parameters()]
    expected = torch.autograd.grad(out, wanted, seed, allow_unused=True)
    x, trace = traced_from(encoder, data, monkeypatch)
    found = torch.autograd.grad(trace.out, [x, *encoder.parameters()], seed, retain_graph=True, allow_unused=True)
    for ours, theirs in zip(found, expected, strict=True):
        if ours is not None and theirs is not None:
            torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-11)
        else:  # a loop of autograd or a fused kernel may say nothing where the other says 0
            assert all(each is None or not each.any() for each in (ours, theirs))
    if trace.axis == "layer":
        alone = encoder.trace(data)
        torch.testing.assert_close(pulled(alone.out, seed, alone.states[0]), expected[0], rtol=1e-9, atol=1e-11)


@each_recurrence
@three_seeds
def test_what_crosses_a_step_goes_through_its_state(family: Family, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder, data = encoder_of(family), join([draw(seed, times=3, nodes=3, directed=True), draw(seed + 9, nodes=2)])
    x, trace = traced_from(encoder, data, monkeypatch)
    leaf = data.x.clone().requires_grad_()
    out, crossed = encoder(with_x(data, leaf)), 0
    for state, moment in zip(trace.states, data.topology.times, strict=True):
        past = (data.time <= moment)[:, None]
        seed_after = direction(out) * ~past  # asks the rows after this step, and none before
        expected = pulled(out, seed_after, leaf) * past
        through = pulled(state, pulled(trace.out, seed_after, state), x)
        torch.testing.assert_close(through * past, expected, rtol=1e-9, atol=1e-12)
        assert not (through * ~past).any()  # no state has read a later row
        assert not pulled(trace.out, direction(out) * (data.time < moment)[:, None], state).any()
        crossed += int(expected.any())
    assert crossed > 0


@each_family
def test_no_state_depends_on_a_later_one(family: Family) -> None:
    states = encoder_of(family).trace(join(ragged())).states
    for before, after in pairwise(states):
        assert torch.autograd.grad(before.sum(), after, retain_graph=True, allow_unused=True)[0] is None
        assert pulled(after, direction(after), before).any()


@each_family
def test_the_features_of_a_trace_are_cut_off_from_where_they_come_from(family: Family) -> None:
    encoder, data = encoder_of(family), draw(1)
    origin = data.x.clone().requires_grad_()
    trace = encoder.trace(with_x(data, 2 * origin))
    assert torch.autograd.grad(trace.out.sum(), origin, allow_unused=True)[0] is None
