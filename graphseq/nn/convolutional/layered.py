"""Encoders that are a stack of layers: each layer reads the one below, and the reach is a ball."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from graphseq import _checks
from graphseq.data.graph import SpaceTimeGraph
from graphseq.nn.encoder import Encoder
from graphseq.nn.trace import Trace


class LayerStack(Encoder):
    """What the families of layers share: a state after each, the last of which is the answer.

    Args:
        in_channels: F.
        hidden_channels: H.
        num_layers: L.
        causal: whether no later row can change an earlier state.
    """

    def __init__(self, in_channels: int, hidden_channels: int, num_layers: int, *, causal: bool) -> None:
        super().__init__(in_channels, hidden_channels, causal=causal)
        self.num_layers = _checks.at_least("num_layers", num_layers, 1)

    @abstractmethod
    def layers(self, graph: SpaceTimeGraph, x: Tensor) -> Iterator[Tensor]:
        """The states after each layer, L of (V, ·), from features (V, F)."""

    def encode(self, graph: SpaceTimeGraph, x: Tensor) -> Tensor:
        """Compute the states (V, H) from features (V, F)."""
        h = x
        for h in self.layers(graph, x):  # noqa: B007 - the last one is the answer
            pass
        return h

    def trace(self, graph: SpaceTimeGraph) -> Trace:
        """Features, and the states after each layer."""
        x = self._leaf(graph)
        states = [x, *self.layers(graph, x)]
        return Trace("layer", states, states[-1])


def ball(graph: SpaceTimeGraph, rows: Tensor, hops: int, *, causal: bool) -> Tensor:
    """The rows within so many hops of each of ``rows`` (K,), (K, V) of ``bool``."""
    pattern = graph.topology.spacetime(causal).pattern
    found = seeds(rows, pattern.shape[0])
    for _ in range(hops):
        found = found @ pattern
    return torch.from_numpy(found.toarray())


def seeds(rows: Tensor, num_rows: int) -> sp.csr_array:
    """One row a question, marking the row asked: (K, V) of ``bool``."""
    columns = rows.cpu().numpy()
    places = (np.arange(len(columns)), columns)
    return sp.csr_array((np.ones(len(columns), dtype=bool), places), shape=(len(columns), num_rows))
