"""The states of a model in the order in which it computes them, in one autograd graph."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from graphseq.data.graph import SpaceTimeGraph
from graphseq.nn.encoder import Encoder
from graphseq.nn.model import Model
from graphseq.reach.probe.function import RowFunction
from graphseq.reach.probe.given import check_data
from graphseq.reach.probe.inputs import Place, evaluate, of_module
from graphseq.reach.probe.still import still
from graphseq.reach.traced import traced


@dataclass(frozen=True)
class Chain:
    """States of one call of a model, each computed from those before it."""

    axis: Literal["layer", "step"]
    names: tuple[str, ...]
    states: tuple[Tensor, ...]  #: as the model has them; the features first, unless they are the steps of a recurrence
    places: tuple[Place | None, ...]  #: of each state; ``None`` for those of a trace of this library
    out: Tensor | None  #: the answers (K, C); ``None`` for an encoder or a model of this library


@contextmanager
def chained(model: Callable[..., object], data: object) -> Iterator[Chain]:
    """Yield the states of a model on its data, in evaluation mode; it is restored on exit.

    Of a model or an encoder of this library they are those of its trace. Of any other they are the features, and what
    its layers, norms and pooling modules return, in the order of their calls.

    Args:
        model: any model that a probe takes.
        data: its data.
    """
    if isinstance(model, Model | Encoder) and isinstance(data, SpaceTimeGraph):
        with traced(model, data) as (trace, _):
            first = 0 if trace.axis == "layer" else 1
            names = tuple(f"{trace.axis} {at + first}" if at + first else "x" for at in range(len(trace.states)))
            yield Chain(trace.axis, names, tuple(trace.states), (None,) * len(names), None)
        return
    check_data("graph", model, data)
    with chained_by_hooks(RowFunction(model, data)) as chain:
        yield chain


@contextmanager
def chained_by_hooks(function: RowFunction) -> Iterator[Chain]:
    """The same of a probe of a model of others, with its answers."""
    place = function.place("x")
    with still(function.model):
        leaf = function.x.clone().requires_grad_()
        raw, recorder = evaluate(function.model, function.source, [(place, leaf)], function.state_names)
        calls = recorder.calls()
        places = (place, *(of_module(*call, function.source) for call in calls))
        names = ("x", *(recorder.label(name, call) for name, call, _, _ in calls))
        yield Chain("layer", names, (leaf, *(tensor for *_, tensor in calls)), places, function._read(raw))


@contextmanager
def chain_of(function: RowFunction) -> Iterator[Chain]:
    """The states of the model of a probe."""
    model = function.model
    if function.source.is_ours and isinstance(model, Model | Encoder):
        with chained(model, function.graph) as chain:
            yield chain
        return
    with chained_by_hooks(function) as chain:
        yield chain


def gradients(total: Tensor, chain: Chain) -> tuple[Tensor, ...]:
    """The gradient of a number in each state; zeros where it does not depend on it."""
    found = torch.autograd.grad(total, chain.states, allow_unused=True)
    pairs = zip(found, chain.states, strict=True)
    return tuple(torch.zeros_like(state) if gradient is None else gradient for gradient, state in pairs)
