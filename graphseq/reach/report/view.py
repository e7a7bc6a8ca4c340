"""The part of a graph that a figure can show: the nodes nearest to some of them, and where they are drawn."""

from __future__ import annotations

from dataclasses import dataclass

import networkx as nx
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from graphseq.data.hops import shortest_paths
from graphseq.reach.diagnosis.rows import Rows

MOST_NODES = 300
_CAREFUL = 60  # nodes up to which Kamada and Kawai's layout is computed


@dataclass(frozen=True)
class View:
    """Some rows of a graph, the edges among them, and their places."""

    rows: Tensor  #: (n,), ascending
    pairs: Tensor  #: edges among them without direction, as positions in ``rows``, (2, m)
    places: NDArray[np.float64]  #: (n, 2), between -1 and 1
    total: int  #: rows of the graph


def view(rows: Rows, graph: int, centres: Tensor) -> View:
    """Choose the rows of a graph within the fewest hops of some of them, at most 300, and place them.

    Args:
        rows: the rows of a batch.
        graph: the number of the graph.
        centres: rows that are shown first, (c,).
    """
    members = (rows.owner == graph).nonzero()[:, 0]
    both = rows.reads + rows.reads.T
    if len(members) > MOST_NODES:
        hops = shortest_paths(both, centres).double()
        nearest = torch.where(hops < 0, torch.inf, hops).amin(dim=0)[members]
        members = members[nearest.argsort(stable=True)[:MOST_NODES]].sort().values
    index = members.numpy()
    within = both[index][:, index].tocoo()
    is_once = within.row < within.col
    pairs = torch.stack([torch.from_numpy(within.row[is_once]).long(), torch.from_numpy(within.col[is_once]).long()])
    return View(members, pairs, _places(len(members), pairs), int((rows.owner == graph).sum()))


def _places(count: int, pairs: Tensor) -> NDArray[np.float64]:
    """The same places for the same graph: paths as lines that go back and forth, others by forces."""
    graph = nx.Graph()
    graph.add_nodes_from(range(count))
    graph.add_edges_from(pairs.t().tolist())
    degrees = [degree for _, degree in graph.degree]
    if count and max(degrees) <= 2 and graph.number_of_edges() == count - 1 and nx.is_connected(graph):
        return _line(graph, count)
    if count <= _CAREFUL and count and nx.is_connected(graph):
        found = nx.kamada_kawai_layout(graph)
    else:
        found = nx.spring_layout(graph, seed=0, iterations=80, k=1.6 / max(count, 1) ** 0.5)
    places = np.array([found[node] for node in range(count)], dtype=np.float64).reshape(-1, 2)
    places = places - places.mean(axis=0) if count else places
    largest = float(np.abs(places).max()) if count else 0.0
    return places / largest if largest > 0 else places


def _line(graph: nx.Graph, count: int) -> NDArray[np.float64]:
    ends = [node for node, degree in graph.degree if degree <= 1]
    order = list(nx.dfs_preorder_nodes(graph, min(ends)))
    width = max(1, int(np.ceil(np.sqrt(count) * 1.5))) if count > 20 else count
    lines = -(-count // width)
    places = np.zeros((count, 2))
    for position, node in enumerate(order):
        line, column = divmod(position, width)
        column = column if line % 2 == 0 else width - 1 - column
        places[node] = (2 * column / max(width - 1, 1) - 1, -2 * line / max(lines - 1, 1) + 1 if lines > 1 else 0.0)
    return places
