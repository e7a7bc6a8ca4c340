"""How far apart rows are, and how far a model sees, from structure alone."""

from __future__ import annotations

import torch
from scipy.sparse import csgraph
from torch import Tensor

from graphseq import seeding
from graphseq.graph import SpaceTimeGraph
from graphseq.nn.model import Model
from graphseq.nn.readout import RowHead
from graphseq.tasks.base import Task


def hop_distances(graph: SpaceTimeGraph, rows: Tensor, *, causal: bool = False) -> Tensor:
    """Hops of the space-time graph from every row to each of ``rows``, following its edges.

    Args:
        graph: V rows.
        rows: the rows asked, (K,).
        causal: along time past → future only.

    Returns:
        (K, V) of ``long``; -1 where there is no way.

    Raises:
        ValueError: a row outside the graph.

    Example:
        >>> import graphseq as gs, torch
        >>> hop_distances(gs.from_sequence(torch.zeros(4, 1)), torch.tensor([3])).tolist()
        [[3, 2, 1, 0]]
    """
    if len(rows) and (int(rows.min()) < 0 or int(rows.max()) >= graph.num_nodes):
        raise ValueError(f"rows must lie in 0 to {graph.num_nodes - 1}, got {rows.tolist()}")
    pattern = graph.topology.spacetime(causal).pattern.astype(float)
    hops = csgraph.shortest_path(pattern, unweighted=True, indices=rows.cpu().numpy(), method="D")
    found = torch.from_numpy(hops)
    return torch.where(found.isinf(), -1, found).long()


def hops_reached(model: Model, task: Task) -> int:
    """The most hops from which an input can change an output of ``model`` on ``task``'s graphs.

    Raises:
        ValueError: the model gives one output a graph, which has no place to count hops from.

    Example:
        >>> import graphseq as gs
        >>> task = gs.tasks.Transfer(length=9)
        >>> hops_reached(gs.nn.Model(gs.nn.GCN(10, 4, num_layers=3), 10), task)
        3
    """
    graph = task.batch(1, torch.Generator().manual_seed(seeding.derive(0, seeding.BUILD)))
    if not isinstance(model.head, RowHead):
        raise ValueError("hops are counted from a row that is asked; this model pools all rows of a graph")
    hops = hop_distances(graph, graph.target_rows)
    return int(hops[model.reach(graph)].max())
