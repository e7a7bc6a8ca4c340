"""Edges between all nodes within k hops, so that a layer reads k hops at once."""

from __future__ import annotations

import torch
from torch import Tensor

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq.data.edges import AnyGraph, edges_of
from graphseq.data.hops import shortest_paths
from graphseq.transforms.rewiring.apply import changed
from graphseq.transforms.rewiring.parts import Change, Graph, check_static, kept

MOST_EDGES = 20_000_000  #: that are added
_ROWS = 512  # targets whose distances are computed at once


@checked_arguments
def k_hop(graph: Graph, hops: int, *, edge_weight: float | None = None, edge_attr: Tensor | None = None) -> Graph:
    r"""Join every node to all nodes from which a path of at most k edges leads to it.

    .. math:: j \to i \quad \text{where } 1 \le d(j, i) \le k

    One layer then reads what k layers read before, each node with the same weight; where k is the diameter, the graph
    is complete.

    Args:
        graph: PyG ``Data`` or ``Batch``, a networkx graph or a static :class:`~graphseq.SpaceTimeGraph`; directed edges
            are followed.
        hops: k.
        edge_weight: weight of new edges, where the graph has weights.
        edge_attr: features (D,) of a new edge, where the graph has them.

    Returns:
        A graph of the same type, in which new edges come last, in a PyG ``Batch`` last in each graph.
        Usable as ``Model(transform=…)`` with
        ``functools.partial``.

    Raises:
        TypeError: another type.
        ValueError: several times, attributes of edges that new ones would lack, or more than 20 million new edges.

    Source: Abu-El-Haija et al., *MixHop* (2019), and Gutteridge et al., *DRew* (2023), for edges to several hops.

    Example:
        >>> import networkx as nx
        >>> sorted(k_hop(nx.path_graph(4), hops=2).edges)
        [(0, 1), (0, 2), (1, 2), (1, 3), (2, 3)]
    """
    most = _checks.at_least("hops", hops, 1, 10**100)
    check_static(graph, "k_hop")
    change = kept(graph, ("k_hop", most), lambda: _within(graph, most))
    return changed(graph, change, edge_weight=edge_weight, edge_attr=edge_attr)


def _within(graph: AnyGraph, most: int) -> Change:
    simple = edges_of(graph).simple
    change = Change(key=("k_hop", most))
    for rows in torch.arange(simple.shape[0]).split(_ROWS):
        distance = shortest_paths(simple, rows, limit=min(most, simple.shape[0]))
        reader, source = ((distance > 1) & (distance <= min(most, simple.shape[0]))).nonzero().t()
        if len(change.added) + len(reader) > MOST_EDGES:
            raise ValueError(f"hops={most} adds more than {MOST_EDGES:,} edges to this graph; take fewer hops")
        change.added += list(zip(source.tolist(), rows[reader].tolist(), strict=True))
    return change
