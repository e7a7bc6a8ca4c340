"""The trace of a model of this library, for measurements."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from graphseq.data.graph import SpaceTimeGraph
from graphseq.data.topology import Topology
from graphseq.nn.encoder import Encoder
from graphseq.nn.model import Model
from graphseq.nn.trace import Trace
from graphseq.reach.jacobian import _encoder, _features, _still


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
        try:
            x = _features(model, graph).detach().clone()
        except (TypeError, ValueError) as error:
            raise type(error)(f"model cannot read the graph: {error}") from error
        transformed = graph.replace(x=x)
        if isinstance(model, Model) and model.transform is not None:
            transformed = model.transform(transformed)
        yield _encoder(model).trace(transformed), transformed


def snapshot(state: Tensor, graph: SpaceTimeGraph, at: int) -> tuple[Tensor, SpaceTimeGraph]:
    """The recurrent state of the nodes present at one time, and the snapshot of that time."""
    step = graph.topology.steps[at]
    present, adjacency = state[step.nodes], step.adjacency
    time = torch.zeros_like(step.nodes)
    topology = Topology(step.nodes, time, adjacency.edge_index, adjacency.edge_weight, edge_attr=adjacency.edge_attr)
    return present, SpaceTimeGraph.from_topology(topology, present)
