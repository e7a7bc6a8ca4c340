"""PyG's GPS layers as an encoder of the suite: a convolution along edges, and attention among all rows of a graph."""

from __future__ import annotations

from collections.abc import Iterator
from math import gcd

from torch import Tensor, nn
from torch_geometric.nn import GINConv, GPSConv

from graphseq import _checks
from graphseq.data.graph import SpaceTimeGraph
from graphseq.nn.convolutional.layered import LayerStack


class GPS(LayerStack):
    """L layers of PyG's ``GPSConv``, each a GIN convolution beside the attention of each row to all of its graph.

    Normalised row by row, so that no graph of a batch reads another. Without encodings of positions.

    Args:
        in_channels: F.
        hidden_channels: H.
        num_layers: L.
        causal: of the task; attention to all rows reads later ones.

    Raises:
        ValueError: a task on which no row may read later ones.

    Source: Rampášek et al., *Recipe for a general, powerful, scalable graph transformer* (2022).
    """

    def __init__(self, in_channels: int, hidden_channels: int, num_layers: int, *, causal: bool = False) -> None:
        if causal:
            raise ValueError("GPS reads all rows of a graph, also later ones, and this task is causal")
        super().__init__(in_channels, hidden_channels, num_layers, causal=False)
        self.lin = nn.Linear(in_channels, hidden_channels)
        self.convs = nn.ModuleList(self._layer(hidden_channels) for _ in range(num_layers))

    @staticmethod
    def _layer(width: int) -> GPSConv:
        inner = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))
        return GPSConv(width, GINConv(inner), heads=gcd(4, width), norm="layer_norm", norm_kwargs={"mode": "node"})

    def layers(self, graph: SpaceTimeGraph, x: Tensor) -> Iterator[Tensor]:
        """Yield the states after the first map and after each layer, L + 1 of (V, H), from features (V, F)."""
        edges, owner = graph.topology.spacetime().edge_index, graph.graph_index
        h = self.lin(x)
        yield h
        for conv in self.convs:
            h = conv(h, edges, owner)
            yield h

    def reach(self, graph: SpaceTimeGraph, rows: Tensor) -> Tensor:
        """All rows of the graph of each of ``rows``, (K, V)."""
        owner = graph.graph_index.cpu()
        fields: Tensor = owner[_checks.rows("rows", rows, graph.num_rows).cpu()][:, None] == owner
        return fields
