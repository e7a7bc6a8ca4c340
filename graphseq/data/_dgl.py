"""Graphs of DGL, by the methods that all its versions have; DGL itself is not needed here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, TypeGuard

import torch
from torch import Tensor
from torch_geometric.data import Data

# What DGL's own data sets and layers call them.
_OF_NODES = {"feat": "x", "label": "y"}
_OF_EDGES = {"feat": "edge_attr", "w": "edge_weight", "weight": "edge_weight"}


class DGLGraph(Protocol):
    """A graph of DGL, as far as it is read."""

    is_homogeneous: bool
    batch_size: int

    @property
    def ndata(self) -> Mapping[str, Tensor]:
        """Features of the nodes."""

    @property
    def edata(self) -> Mapping[str, Tensor]:
        """Features of the edges."""

    def num_nodes(self) -> int:
        """Return the number of nodes."""

    def edges(self, *, order: str) -> tuple[Tensor, Tensor]:
        """Return the ends of the edges, by "eid" in the order of their features."""


def is_dgl(graph: object) -> TypeGuard[DGLGraph]:
    """True for a graph of DGL."""
    return any(kind.__name__ == "DGLGraph" and kind.__module__.split(".")[0] == "dgl" for kind in type(graph).__mro__)


def read_dgl(graph: DGLGraph) -> Data:
    """Return nodes, edges, and the features of both.

    ``feat`` and ``label`` of nodes are x and y; ``weight`` or ``w`` of edges is the weight, and ``feat`` the features.
    Others keep their names, those of edges as ``edge_…``.

    Raises:
        TypeError: a graph with several kinds of nodes or edges.
        ValueError: a batch of graphs, or two features that are read as one.
    """
    if not graph.is_homogeneous:
        raise TypeError("graph has several kinds of nodes or edges; one kind is dgl.to_homogeneous(graph)")
    if graph.batch_size != 1:
        raise ValueError(
            f"graph is a batch of {graph.batch_size} graphs; read each, Batch.from_data_list([gs.from_graph(one) for "
            "one in dgl.unbatch(graph)])"
        )
    edge_index = torch.stack(graph.edges(order="eid")).long()  # in the order of the features
    data = Data(edge_index=edge_index, num_nodes=graph.num_nodes())
    for name, value in graph.ndata.items():
        _put(data, _OF_NODES.get(name, name), value, f"ndata[{name!r}]")
    for name, value in graph.edata.items():
        known = name.startswith("edge_")
        _put(data, _OF_EDGES.get(name, name if known else f"edge_{name}"), value, f"edata[{name!r}]")
    return data


def _put(data: Data, name: str, value: Tensor, place: str) -> None:
    if name in data:
        raise ValueError(f"graph.{place} would be {name}, which there is already; rename or remove one of them")
    data[name] = value
