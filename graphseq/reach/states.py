"""The trace of a model for measurements, and any measure of its states layer by layer or step by step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from graphseq.data.graph import SpaceTimeGraph
from graphseq.data.topology import Topology
from graphseq.nn.encoder import Encoder
from graphseq.nn.model import Model
from graphseq.nn.trace import Trace
from graphseq.reach.jacobian import _encoder, _features, _still

Measure = Callable[[Tensor, SpaceTimeGraph], float]


def over_layers(model: Model | Encoder, graph: SpaceTimeGraph, measure: Measure) -> Tensor:
    """Compute a measure of the states after each layer, features first, or after each time step of a recurrence.

    Args:
        model: a model, measured on the graph that its transform returns, or an encoder; in evaluation mode, and left
            unchanged.
        graph: V rows. Features are cast to the dtype of the model's weights, and tokens to one-hot rows.
        measure: a function of states and their graph, such as :func:`~graphseq.reach.dirichlet_energy` or
            :func:`~graphseq.reach.mad`. For layers it is called with states (V, ·) and the whole graph; for steps with
            the recurrent state (R, S) of the R nodes present at that time, and the snapshot of that time. Wrap a
            measure of states alone: ``lambda states, graph: effective_rank(states)``.

    Returns:
        One number for each state, in float64: L + 1 for L layers, more where an encoder maps its features before the
        first layer or its states after the last (see ``encoder.trace``), or T.

    Raises:
        TypeError: neither a model nor an encoder.
        ValueError: a graph that does not fit the model.

    Example:
        >>> import graphseq as gs, networkx as nx
        >>> ring = gs.from_graph(nx.cycle_graph(6), x=torch.eye(6))
        >>> gcn = gs.nn.GCN(6, 8, num_layers=4)
        >>> over_layers(gcn, ring, lambda states, graph: float(states.shape[1])).tolist()
        [6.0, 8.0, 8.0, 8.0, 8.0]
    """
    with traced(model, graph) as (trace, transformed):
        if trace.axis == "layer":
            values = [measure(state.detach(), transformed) for state in trace.states]
        else:
            values = [measure(*_snapshot(state.detach(), transformed, at)) for at, state in enumerate(trace.states)]
    return torch.tensor([float(value) for value in values], dtype=torch.float64)


@contextmanager
def traced(model: Model | Encoder, graph: SpaceTimeGraph) -> Iterator[tuple[Trace, SpaceTimeGraph]]:
    """Yield the trace of a model in evaluation mode, and the graph after its transform; the model is restored on exit.

    Raises:
        TypeError: neither a model nor an encoder, or no graph.
    """
    if not isinstance(model, Model | Encoder):
        raise TypeError(f"model must be a graphseq.nn.Model or Encoder, got {type(model).__name__}")
    if not isinstance(graph, SpaceTimeGraph):
        raise TypeError(f"graph must be a graphseq.SpaceTimeGraph, got {type(graph).__name__}")
    with torch.inference_mode(False), torch.enable_grad(), _still(model):
        x = _features(model, graph).detach().clone()
        transformed = graph.replace(x=x)
        if isinstance(model, Model) and model.transform is not None:
            transformed = model.transform(transformed)
        yield _encoder(model).trace(transformed), transformed


def _snapshot(state: Tensor, graph: SpaceTimeGraph, at: int) -> tuple[Tensor, SpaceTimeGraph]:
    """The recurrent state of the nodes present at one time, and the snapshot of that time."""
    step = graph.topology.steps[at]
    present, adjacency = state[step.nodes], step.adjacency
    time = torch.zeros_like(step.nodes)
    topology = Topology(step.nodes, time, adjacency.edge_index, adjacency.edge_weight, edge_attr=adjacency.edge_attr)
    return present, SpaceTimeGraph.from_topology(topology, present)
