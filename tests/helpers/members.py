"""The graphs of a batch, and which of them each answer is asked of."""

from __future__ import annotations

import torch
from torch import Tensor

import graphseq as gs
from graphseq.tasks import Task


def asked_graph(task: Task, graph: gs.SpaceTimeGraph) -> Tensor:
    """Which graph of the batch each answer is asked of, (K,)."""
    return torch.arange(graph.num_graphs) if task.per_graph else graph.batch[graph.target_rows]


def members(task: Task, graph: gs.SpaceTimeGraph) -> list[gs.SpaceTimeGraph]:
    """The graphs of a batch, each cut out by itself."""
    index = graph.topology.spatial.edge_index
    owner = asked_graph(task, graph)
    found = []
    for number in range(graph.num_graphs):
        rows = (graph.batch == number).nonzero()[:, 0]
        inside = (graph.batch[index] == number).all(dim=0)
        place = torch.full((graph.num_nodes,), -1)
        place[rows] = torch.arange(len(rows))
        node = graph.node[rows].unique(return_inverse=True)[1]
        mine = {"y": graph.y[owner == number], "target": None if task.per_graph else graph.target[rows]}
        found.append(gs.SpaceTimeGraph(graph.x[rows], node, graph.time[rows], place[index[:, inside]], **mine))
    return found
