"""The distance over which a model must see for the answers of a batch."""

from __future__ import annotations

import torch
from torch import Tensor

from graphseq.data.graph import SpaceTimeGraph
from graphseq.data.hops import hops_to


def farthest_relevant(graph: SpaceTimeGraph, relevant: Tensor, *, causal: bool, per_graph: bool) -> Tensor:
    """Return the distance of the farthest relevant row from where each answer is read, (K,), ``long``.

    Args:
        graph: a small batch, since K·V grows with its square.
        relevant: the relevant rows of each answer, (K, V), ``bool``.
        causal: along time past → future only.
        per_graph: answers are of graphs, and are read at all rows.
    """
    if "edge_label_index" in graph:  # an answer of a pair is read at both ends, and the nearer one counts
        first, second = (hops_to(graph.topology, ends, causal=causal) for ends in graph.edge_label_index)
        hops = torch.where((first < 0) | ((second >= 0) & (second < first)), second, first).to(relevant.device)
        return torch.where(relevant, hops, 0).amax(dim=1)
    read_at = torch.arange(graph.num_nodes) if per_graph else graph.target_rows
    hops = hops_to(graph.topology, read_at, causal=causal).to(relevant.device)
    if per_graph:
        return torch.stack([hops[:, marks].amax() for marks in relevant])
    return torch.where(relevant, hops, 0).amax(dim=1)
