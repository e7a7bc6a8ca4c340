"""Graph convolutions over space-time: L layers see L hops, along time as in space."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor, nn

from graphseq import _checks
from graphseq.graph import SpaceTimeGraph
from graphseq.nn.conv import GCNConv, convolve
from graphseq.nn.encoder import Encoder


class GCN(Encoder):
    r"""L graph convolutions over all space-time edges, ReLU between them and none after the last.

    .. math:: H^{(0)} = X, \qquad H^{(l)} = \mathrm{ReLU}(\hat A H^{(l-1)} W^{(l)} + b^{(l)}), \qquad
              H^{(L)} = \hat A H^{(L-1)} W^{(L)} + b^{(L)}

    That is PyG's ``models.GCN`` without dropout, and parameters have its names: a ``state_dict`` of plain
    ``GCNConv`` layers loads.

    Args:
        in_channels: F.
        hidden_channels: H.
        num_layers: L; the reach is L hops of the space-time graph and no further.
        causal: read temporal edges past → future only, as a task that asks for the next thing at each row needs.
        residual: add each layer's input to its output, from the second layer on.
        norm: a factory such as ``torch.nn.LayerNorm``, called with H, applied after each layer but the last.
        conv: a factory of any PyG convolution conv(x, edge_index) of one hop, called with in and out channels. Edge
            weights go along as ``edge_weight``, so a weighted graph asks for one that takes them.

    Shapes: graph of V rows → (V, H).

    Raises:
        ValueError: a size below 1.

    Source: Kipf and Welling (2017), eq. 2.

    Example:
        >>> import graphseq as gs, torch
        >>> gs.nn.GCN(3, 8, num_layers=2)(gs.from_sequence(torch.eye(3))).shape
        torch.Size([3, 8])
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        num_layers: int = 2,
        *,
        causal: bool = False,
        residual: bool = False,
        norm: Callable[[int], nn.Module] | None = None,
        conv: Callable[[int, int], nn.Module] = GCNConv,
    ) -> None:
        super().__init__(in_channels, hidden_channels, causal=causal)
        self.num_layers = _checks.at_least("num_layers", num_layers, 1)
        self.residual = residual
        widths = [in_channels] + [hidden_channels] * num_layers
        self.convs = nn.ModuleList(conv(a, b) for a, b in pairwise(widths))
        self.norms = nn.ModuleList(norm(hidden_channels) if norm else nn.Identity() for _ in range(num_layers - 1))

    def encode(self, graph: SpaceTimeGraph, x: Tensor) -> Tensor:
        """States (V, H) from features (V, F)."""
        adjacency = graph.topology.spacetime(self.causal)
        h = x
        for layer, conv in enumerate(self.convs):
            out = convolve(conv, h, adjacency)
            if layer < self.num_layers - 1:
                out = self.norms[layer](out).relu()
            h = out + h if self.residual and layer > 0 else out
        return h

    def reach(self, graph: SpaceTimeGraph, rows: Tensor) -> Tensor:
        """A ball: the rows within L hops, (K, V)."""
        pattern = graph.topology.spacetime(self.causal).pattern
        ball = seeds(rows, pattern.shape[0])
        for _ in range(self.num_layers):
            ball = ball @ pattern
        return torch.from_numpy(ball.toarray())


def seeds(rows: Tensor, num_rows: int) -> sp.csr_array:
    """One row a question, marking the row asked: (K, V) of ``bool``."""
    columns = rows.cpu().numpy()
    places = (np.arange(len(columns)), columns)
    return sp.csr_array((np.ones(len(columns), dtype=bool), places), shape=(len(columns), num_rows))
