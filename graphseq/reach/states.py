"""A model's trace opened for measuring, and any measure over its layers or steps."""

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
    """A measure of the states after each layer, features first; for a recurrence, after each time step.

    Args:
        model: a model, measured on the graph that its transform makes, or an encoder; in evaluation mode, whatever
            mode it is in, and left as it was.
        graph: V rows. Features are read in the number type of the model's weights, tokens as one-hot rows.
        measure: a function of states and the graph they stand on, such as :func:`~graphseq.reach.dirichlet_energy` or
            :func:`~graphseq.reach.mad`. Over layers these are (V, ·) and the whole graph; over steps (R, S), all that
            each of the R nodes present at that time remembers, and the snapshot of that time.

    Returns:
        One number a state, in float64: L + 1 for L layers, more where an encoder maps its features before the first
        or its states after the last (``encoder.trace`` says what it holds), or T.

    Raises:
        TypeError: neither a model nor an encoder.
        ValueError: a graph that the model cannot read.

    Example:
        >>> import graphseq as gs, networkx as nx
        >>> ring = gs.from_graph(nx.cycle_graph(6), x=torch.eye(6))
        >>> gcn = gs.nn.GCN(6, 8, num_layers=4)
        >>> over_layers(gcn, ring, lambda states, graph: float(states.shape[1])).tolist()
        [6.0, 8.0, 8.0, 8.0, 8.0]
    """
    with traced(model, graph) as (trace, seen):
        if trace.axis == "layer":
            found = [measure(state.detach(), seen) for state in trace.states]
        else:
            found = [measure(*_snapshot(state.detach(), seen, at)) for at, state in enumerate(trace.states)]
    return torch.tensor([float(value) for value in found], dtype=torch.float64)


@contextmanager
def traced(model: Model | Encoder, graph: SpaceTimeGraph) -> Iterator[tuple[Trace, SpaceTimeGraph]]:
    """The states of a model in evaluation mode, and the graph that its encoder sees; afterwards it is as it was.

    Raises:
        TypeError: neither a model nor an encoder, or no graph.
    """
    if not isinstance(model, Model | Encoder):
        raise TypeError(f"model must be a graphseq.nn.Model or Encoder, got {type(model).__name__}")
    if not isinstance(graph, SpaceTimeGraph):
        raise TypeError(f"graph must be a graphseq.SpaceTimeGraph, got {type(graph).__name__}")
    with torch.inference_mode(False), torch.enable_grad(), _still(model):
        x = _features(model, graph).detach().clone()
        seen = graph.replace(x=x)
        if isinstance(model, Model) and model.transform is not None:
            seen = model.transform(seen)
        yield _encoder(model).trace(seen), seen


def _snapshot(state: Tensor, graph: SpaceTimeGraph, at: int) -> tuple[Tensor, SpaceTimeGraph]:
    """What the nodes of one time remember, and the graph among them."""
    step = graph.topology.steps[at]
    held, adjacency = state[step.nodes], step.adjacency
    now = torch.zeros_like(step.nodes)
    topology = Topology(step.nodes, now, adjacency.edge_index, adjacency.edge_weight)
    return held, SpaceTimeGraph.from_topology(topology, held)
