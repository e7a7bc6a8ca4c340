"""The graphs of a batch as sets of neighbours, and the changes of edges that a rewiring finds in each."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import TypeVar

import networkx as nx
import torch
from torch import Tensor
from torch_geometric.data import Data

from graphseq.data.edges import AnyGraph, edges_of, undirected_edges_of
from graphseq.data.graph import SpaceTimeGraph

Graph = TypeVar("Graph", Data, nx.Graph)
Kept = TypeVar("Kept")
Pairs = list[tuple[int, int]]


@dataclass
class Change:
    """Edges to add and to remove, as pairs source → target of nodes; an undirected edge is two of them."""

    added: Pairs = field(default_factory=list)
    removed: set[tuple[int, int]] = field(default_factory=set)
    key: tuple[Hashable, ...] = ()  #: the rewiring and its arguments, under which a topology keeps the result

    def join(self, i: int, j: int) -> None:
        """Add the undirected edge of i and j, or keep it where it was to be removed."""
        for pair in ((i, j), (j, i)):
            if pair in self.removed:
                self.removed.remove(pair)
            else:
                self.added.append(pair)

    def part(self, i: int, j: int) -> None:
        """Remove the undirected edge of i and j, or do not add it."""
        for pair in ((i, j), (j, i)):
            if pair in self.added:
                self.added.remove(pair)
            else:
                self.removed.add(pair)


@dataclass
class Part:
    """One graph of a batch: its nodes, and the neighbours of each, both numbered from 0."""

    nodes: list[int]  #: the node of the batch that each is
    near: list[set[int]]


def parts_of(graph: AnyGraph, name: str) -> list[Part]:
    """Read an undirected static graph, or each graph of a batch.

    Args:
        graph: PyG ``Data`` or ``Batch``, a networkx graph or a static :class:`~graphseq.SpaceTimeGraph`.
        name: the rewiring, for messages.

    Raises:
        TypeError: another type.
        ValueError: a directed edge, or a graph over several times.
    """
    check_static(graph, name)
    simple = undirected_edges_of(graph, name).simple
    starts, targets = simple.indptr.tolist(), simple.indices.tolist()
    member = graph_index(graph, simple.shape[0])
    found = []
    for number in member.unique().tolist():
        nodes = (member == number).nonzero()[:, 0].tolist()
        position = {node: index for index, node in enumerate(nodes)}
        near = [{position[other] for other in targets[starts[node] : starts[node + 1]]} for node in nodes]
        found.append(Part(nodes, near))
    return found


def rewired(graph: AnyGraph, key: tuple[Hashable, ...], rewire: Callable[[Part, int], Change]) -> Change:
    """Rewire each graph of a batch by a function of it and its number, once for each topology.

    Args:
        graph: as for :func:`parts_of`.
        key: the name of the rewiring, and its arguments.
        rewire: a function that gives the change of one graph.

    Returns:
        The change in nodes of the batch.
    """

    def make() -> Change:
        whole = Change(key=key)
        for number, part in enumerate(parts_of(graph, str(key[0]))):
            change = rewire(part, number)
            whole.added += [(part.nodes[i], part.nodes[j]) for i, j in change.added]
            whole.removed |= {(part.nodes[i], part.nodes[j]) for i, j in change.removed}
        return whole

    return kept(graph, key, make)


def kept(graph: AnyGraph, key: tuple[Hashable, ...], make: Callable[[], Kept]) -> Kept:
    """Return what ``make`` returns, of a space-time graph made once for its topology, its batch and a key."""
    if not isinstance(graph, SpaceTimeGraph):
        return make()
    batch = graph.get("batch")
    whole = ("rewiring", *key, None if batch is None else batch.cpu().numpy().tobytes())
    return graph.topology.keep(whole, make)


def graph_index(graph: AnyGraph, count: int) -> Tensor:
    """The graph in the batch of each node, (V,); 0 where it is no batch."""
    batch = graph.get("batch") if isinstance(graph, Data) else None
    return torch.zeros(count, dtype=torch.long) if batch is None else batch.cpu()


def check_static(graph: AnyGraph, name: str) -> None:
    """Refuse another type, and a graph over several times.

    Raises:
        TypeError: another type.
        ValueError: nodes at several times.
    """
    edges_of(graph)
    if isinstance(graph, SpaceTimeGraph) and graph.topology.temporal_edges.shape[1]:
        raise ValueError(
            f"{name} rewires static graphs, but node {int(graph.node[graph.topology.temporal_edges[0, 0]])} is there "
            "at several times; take one snapshot: from_graph(graph.snapshot(time))"
        )
