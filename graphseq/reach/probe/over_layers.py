"""Measures of the states of any model, layer by layer or step by step."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from numbers import Real
from typing import Any, Literal

import torch
import torch_geometric.nn as pyg
from torch import Tensor, nn

from graphseq import _checks
from graphseq._prompt import short_repr
from graphseq.data.graph import SpaceTimeGraph
from graphseq.nn.encoder import Encoder
from graphseq.nn.model import Model
from graphseq.reach.limit import distance_to_limit
from graphseq.reach.mad import mad, mad_gap
from graphseq.reach.probe.function import RowFunction
from graphseq.reach.ranks import effective_rank, rank_collapse
from graphseq.reach.smoothness import dirichlet_energy, rayleigh_quotient
from graphseq.reach.traced import snapshot, traced

Measure = Callable[..., float]
Operator = Literal["gcn", "walk", "mean"]

NAMED: dict[str, Measure] = {
    "dirichlet": dirichlet_energy,
    "rayleigh": rayleigh_quotient,
    "limit": distance_to_limit,
    "mad": mad,
    "mad_gap": mad_gap,
    "rank": effective_rank,
    "rank_collapse": rank_collapse,
}
_OF_OPERATORS = ("dirichlet", "rayleigh", "limit")
_UNDEFINED = {"mad_gap": ", where no two rows are within 3 hops of each other, or none are 8 hops apart"}
_ATTENTION = (pyg.GATConv, pyg.GATv2Conv, pyg.TransformerConv, pyg.SuperGATConv, pyg.AGNNConv, pyg.FeaStConv)


@short_repr
@dataclass(frozen=True)
class LayerMeasures:
    """Measures of the states of a model, in the order in which it computes them."""

    states: tuple[str, ...]  #: the features "x" first, then modules by name, or layers or steps by number
    values: dict[str, Tensor]  #: of each measure, one number a state, float64
    operator: Operator  #: of the model's layers, under which "dirichlet", "rayleigh" and "limit" are taken

    def __getitem__(self, measure: str) -> Tensor:
        """The values of one measure, (L,)."""
        return self.values[measure]

    def __str__(self) -> str:
        """A table, one line a state."""
        width = max(len(name) for name in self.states)
        columns = list(self.values)
        head = " " * width + "".join(f"{name:>14}" for name in columns)
        lines = [
            f"{state:{width}}" + "".join(f"{float(self.values[name][at]):14.4g}" for name in columns)
            for at, state in enumerate(self.states)
        ]
        absent = [name for name in columns if bool(self.values[name].isnan().all())]
        notes = [f"{name} is not defined at any state{_UNDEFINED.get(name, '')}" for name in absent]
        return "\n".join([head, *lines, *notes])


def over_layers(function: RowFunction, measures: Sequence[str | Measure]) -> LayerMeasures:
    """Measure the states of a model; see :meth:`graphseq.reach.Probe.over_layers`."""
    if not measures:
        raise ValueError(f"name at least one measure: {', '.join(NAMED)}, or a function of (states, graph)")
    operator = operator_of(function.model)
    chosen = {_name(measure): _measure(measure, operator, _is_causal(function.model)) for measure in measures}
    names, found = [], []
    for name, states, graph in states_of_rows(function):
        names.append(name)
        found.append([_number(key, measure(states, graph)) for key, measure in chosen.items()])
    table = torch.tensor(found, dtype=torch.float64)
    return LayerMeasures(tuple(names), dict(zip(chosen, table.unbind(dim=1), strict=True)), operator)


def _number(name: str, value: object) -> float:
    if isinstance(value, Tensor) and value.numel() == 1 and not value.is_complex():
        return float(value)
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"the measure {name} must give one number, but gave {_checks.shown(value)}")
    return float(value)


def states_of_rows(function: RowFunction) -> list[tuple[str, Tensor, SpaceTimeGraph]]:
    """Each state with one line a row, its name and its graph: features first, or the steps of a recurrence."""
    if not (function.source.is_ours and isinstance(function.model, Model | Encoder)):
        of_rows = [(name, place.value) for name, place in function.places.items() if place.of == "rows"]
        return [(name, states, function.graph) for name, states in [("x", function.x), *of_rows]]
    with traced(function.model, function.graph) as (trace, transformed):
        states = [state.detach() for state in trace.states]
        if trace.axis == "layer":
            return [(f"layer {at}" if at else "x", state, transformed) for at, state in enumerate(states)]
        return [(f"step {at + 1}", *snapshot(state, transformed, at)) for at, state in enumerate(states)]


def operator_of(model: object) -> Operator:
    """The operator by which the layers of a model mix rows: Â, the walk of attention, or the mean over neighbours.

    It is that of the first message passing layer; Â for other kinds than attention and ``SAGEConv`` with its mean.
    """
    modules = model.modules() if isinstance(model, nn.Module) else ()
    first = next((module for module in modules if isinstance(module, pyg.MessagePassing)), None)
    if isinstance(first, _ATTENTION):
        return "walk"
    return "mean" if isinstance(first, pyg.SAGEConv) and first.aggr == "mean" else "gcn"


def by_signature(measure: Measure) -> Measure:
    """A measure as a function of (states, graph): one of states alone is not given the graph."""
    try:
        called = measure.forward if isinstance(measure, nn.Module) else measure
        parameters = inspect.signature(called).parameters.values()
    except (TypeError, ValueError):
        return measure
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    takes_any = any(parameter.kind is inspect.Parameter.VAR_POSITIONAL for parameter in parameters)
    if takes_any or sum(parameter.kind in kinds for parameter in parameters) > 1:
        return measure
    return lambda states, graph: measure(states)


def _name(measure: str | Measure) -> str:
    if isinstance(measure, str):
        return _checks.one_of("measures", measure, NAMED)
    if not callable(measure):
        raise TypeError(f"a measure is a name or a function of (states, graph), got {type(measure).__name__}")
    inner: Any = measure.func if isinstance(measure, partial) else measure
    return str(getattr(inner, "__name__", type(inner).__name__))


def _measure(measure: str | Measure, operator: Operator, causal: bool) -> Measure:
    if not isinstance(measure, str):
        return by_signature(measure)
    found = NAMED[measure]
    if measure in _OF_OPERATORS:
        return partial(found, operator=operator, causal=causal)
    return partial(found, causal=causal) if measure == "mad_gap" else by_signature(found)


def _is_causal(model: object) -> bool:
    encoder = model.encoder if isinstance(model, Model) else model
    return isinstance(encoder, Encoder) and encoder.causal
