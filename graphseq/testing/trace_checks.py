"""Checks of an encoder's ``trace`` against its states and their gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise

import torch
from torch import Tensor

from graphseq.data.graph import SpaceTimeGraph
from graphseq.nn.encoder import Encoder
from graphseq.nn.trace import Trace
from graphseq.testing.encoder_case import ENCODER_SUITE, EncoderCase
from graphseq.testing.encoder_checks import SEEDS
from graphseq.testing.graphs import Graphs, join, with_features
from graphseq.testing.suite import require, require_close


def _batch(graphs: Graphs) -> SpaceTimeGraph:
    return join(graphs.several())


def _directed(graphs: Graphs) -> SpaceTimeGraph:
    return graphs.directed(3)


def _static(graphs: Graphs) -> SpaceTimeGraph:
    return graphs.static(0)


def _signal(graphs: Graphs) -> SpaceTimeGraph:
    return graphs.signal(1)


def _sequence(graphs: Graphs) -> SpaceTimeGraph:
    return graphs.sequence(0, 5)


GRAPHS: dict[str, object] = {
    "batch": _batch,
    "directed": _directed,
    "static": _static,
    "signal": _signal,
    "sequence": _sequence,
}


def _direction(like: Tensor) -> Tensor:
    return torch.randn(like.shape, dtype=like.dtype, generator=torch.Generator().manual_seed(0))


def _gradient(out: Tensor, direction: Tensor, inputs: Tensor) -> Tensor:
    """The product of ``direction`` with the Jacobian of ``out`` in ``inputs``."""
    if not out.requires_grad:
        return torch.zeros_like(inputs)
    (gradient,) = torch.autograd.grad(out, inputs, direction, retain_graph=True, allow_unused=True)
    return torch.zeros_like(inputs) if gradient is None else gradient


@contextmanager
def _reading_from(encoder: Encoder, x: Tensor) -> Iterator[None]:
    """Within the block a trace of ``encoder`` starts from ``x`` itself, and so is in one autograd graph with it."""
    parts = [part for part in encoder.modules() if isinstance(part, Encoder)]  # one may wrap another
    for part in parts:
        object.__setattr__(part, "_leaf", lambda _: x)
    try:
        yield
    finally:
        for part in parts:
            object.__delattr__(part, "_leaf")


def _traced(encoder: Encoder, graph: SpaceTimeGraph) -> tuple[Tensor, Trace]:
    """Features, and a trace that is in one autograd graph with them."""
    x = graph.x.clone().requires_grad_()
    with _reading_from(encoder, x):
        return x, encoder.trace(graph)


@ENCODER_SUITE.check({"graph": GRAPHS})
def a_trace_ends_in_what_the_encoder_gives(case: EncoderCase, graph: Callable[[Graphs], SpaceTimeGraph]) -> None:
    """A trace has the states of the encoder, and as many entries as layers or steps."""
    encoder, data = case.encoder(), graph(case.graphs)
    trace = encoder.trace(data)
    require_close(trace.out, encoder(data), "must end its trace in the states that it gives")
    if trace.axis == "layer":
        require(torch.equal(trace.states[0], data.x), "must begin a trace of layers with the features")
        require(trace.states[-1] is trace.out, "must end a trace of layers with its output")
    else:
        steps, nodes = len(data.topology.times), data.topology.num_nodes
        require(len(trace.states) == steps, f"must trace {steps} states over {steps} steps, not {len(trace.states)}")
        require({len(state) for state in trace.states} == {nodes}, f"must trace states of {nodes} nodes at each step")


@ENCODER_SUITE.check({"graph": GRAPHS})
def gradients_through_a_trace_are_those_through_the_encoder(
    case: EncoderCase, graph: Callable[[Graphs], SpaceTimeGraph]
) -> None:
    """A trace is computed as the states are, in one autograd graph."""
    encoder, data = case.encoder(), graph(case.graphs)
    leaf = data.x.clone().requires_grad_()
    out, weights = encoder(with_features(data, leaf)), list(encoder.parameters())
    direction = _direction(out)
    expected = torch.autograd.grad(out, [leaf, *weights], direction, allow_unused=True)
    x, trace = _traced(encoder, data)
    gradients = torch.autograd.grad(trace.out, [x, *weights], direction, retain_graph=True, allow_unused=True)
    sentence = "must have the same gradients through its trace as through its states"
    for traced, plain in zip(gradients, expected, strict=True):
        if traced is not None and plain is not None:
            require_close(traced, plain, sentence, rtol=1e-9, atol=1e-11)
        else:  # a loop of autograd or a fused kernel may say nothing where the other says 0
            require(all(each is None or not bool(each.any()) for each in (traced, plain)), sentence)
    if trace.axis == "layer":
        alone = encoder.trace(data)
        through = _gradient(alone.out, direction, alone.states[0])
        require_close(
            through, expected[0], "must compute its states from the first of its trace", rtol=1e-9, atol=1e-11
        )


@ENCODER_SUITE.check({"seed": SEEDS}, applies=lambda case: case.goes_by_steps)
def influence_across_a_step_goes_through_its_state(case: EncoderCase, seed: int) -> None:
    """After a step, the state in the trace is all that later outputs know of the steps up to it."""
    encoder, graphs = case.encoder(), case.graphs
    data = join([graphs.random(seed, times=3, nodes=3, directed=True), graphs.random(seed + 9, nodes=2)])
    x, trace = _traced(encoder, data)
    leaf = data.x.clone().requires_grad_()
    out, crossed = encoder(with_features(data, leaf)), 0
    for state, moment in zip(trace.states, data.topology.times, strict=True):
        past = (data.time <= moment)[:, None]
        later = _direction(out) * ~past  # of the outputs after this step, and of none before
        expected = _gradient(out, later, leaf) * past
        through = _gradient(state, _gradient(trace.out, later, state), x)
        require_close(
            through * past, expected, "must have in the state of a step all that is remembered", rtol=1e-9, atol=1e-12
        )
        require(not bool((through * ~past).any()), "must trace states that have read no later row")
        before = _direction(out) * (data.time < moment)[:, None]
        require(not bool(_gradient(trace.out, before, state).any()), "must trace states that change no earlier output")
        crossed += int(expected.any())
    require(crossed > 0, "must carry something from one step to a later one: its trace is of steps")


@ENCODER_SUITE.check()
def no_state_depends_on_a_later_one(case: EncoderCase) -> None:
    """Each state of a trace is computed from the one before it."""
    states = case.encoder().trace(_batch(case.graphs)).states
    for number, (before, after) in enumerate(pairwise(states)):
        require(after.requires_grad, f"must have state {number + 1} of its trace in the autograd graph of its features")
        backwards = torch.autograd.grad(before.sum(), after, retain_graph=True, allow_unused=True)[0]
        require(backwards is None, f"must not compute state {number} of its trace from state {number + 1}")
        require(
            bool(_gradient(after, _direction(after), before).any()),
            f"must compute state {number + 1} of its trace from state {number}",
        )


@ENCODER_SUITE.check()
def a_trace_is_cut_off_from_where_its_features_come_from(case: EncoderCase) -> None:
    """A trace is for looking at the encoder alone."""
    encoder, data = case.encoder(), case.graphs.random(1)
    origin = data.x.clone().requires_grad_()
    trace = encoder.trace(with_features(data, 2 * origin))
    gradient = torch.autograd.grad(trace.out.sum(), origin, allow_unused=True)[0]
    require(gradient is None, "must detach the features of its trace from whatever they were computed from")
