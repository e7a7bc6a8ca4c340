"""The multilayer perceptron, row by row: a baseline with a receptive field of one row."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import Tensor, nn

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq.data.graph import SpaceTimeGraph
from graphseq.nn.convolutional.layered import LayerStack


class MLP(LayerStack):
    r"""L dense layers with ReLU between them, row by row: the 0-hop baseline of every task.

    .. math:: H^{(l)} = \mathrm{ReLU}(H^{(l-1)} W^{(l)} + b^{(l)}), \qquad H^{(0)} = X

    Args:
        in_channels: F.
        hidden_channels: H.
        num_layers: L.

    Shapes: graph of V rows → (V, H).

    Raises:
        ValueError: a size below 1.

    Example:
        >>> import graphseq as gs, torch
        >>> gs.nn.MLP(3, 8).reach(gs.from_sequence(torch.eye(3)), torch.tensor([2])).tolist()
        [[False, False, True]]
    """

    @checked_arguments
    def __init__(self, in_channels: int, hidden_channels: int, num_layers: int = 2) -> None:
        super().__init__(in_channels, hidden_channels, num_layers, causal=True)
        widths = [in_channels] + [hidden_channels] * num_layers
        self.lins = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))

    def layers(self, graph: SpaceTimeGraph, x: Tensor) -> Iterator[Tensor]:
        """Yield the states after each layer, before its ReLU, L of (V, H), from features (V, F)."""
        h = x
        for layer, lin in enumerate(self.lins):
            h = lin(h if layer == 0 else h.relu())
            yield h

    @checked_arguments
    def reach(self, graph: SpaceTimeGraph, rows: Tensor) -> Tensor:
        """The row itself, (K, V)."""
        rows = _checks.rows("rows", rows, graph.num_rows)
        return (rows[:, None] == torch.arange(graph.num_nodes, device=rows.device)).cpu()
