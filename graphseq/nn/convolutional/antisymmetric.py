"""A GCN that is a stable, non-dissipative differential equation over depth, by antisymmetric weights."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from torch import Tensor, nn
from torch_geometric.nn import AntiSymmetricConv

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq.data.graph import SpaceTimeGraph
from graphseq.nn.conv import GCNConv
from graphseq.nn.convolutional.layered import LayerStack, ball


class AntisymmetricGCN(LayerStack):
    r"""L steps of a non-dissipative differential equation over depth, with one set of weights for all layers.

    .. math:: H^{(0)} = X W_0 + b_0, \qquad
              H^{(l)} = H^{(l-1)} + ε \tanh\big(H^{(l-1)} (W - W^\top - γ I)^\top + \hat A H^{(l-1)} V + b\big)

    The eigenvalues of W - Wᵀ are imaginary, so that a row's own state decays by the damping γ alone. It is PyG's
    ``AntiSymmetricConv`` with a ``GCNConv`` as Φ.

    Args:
        in_channels: F.
        hidden_channels: H.
        num_layers: L, the number of steps; the receptive field is L hops.
        step: ε, above 0.
        damping: γ, 0 or more.
        causal: read temporal edges past → future only.

    Shapes: graph of V rows → (V, H).

    Raises:
        ValueError: a size below 1, ε not above 0, γ below 0, or either not finite.

    Source: Gravina, Bacciu and Gallicchio, *Anti-symmetric DGN* (2023), eq. 5 and 6.

    Example:
        >>> import graphseq as gs, torch
        >>> gs.nn.AntisymmetricGCN(3, 8, num_layers=16)(gs.from_sequence(torch.eye(3))).shape
        torch.Size([3, 8])
    """

    @checked_arguments
    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        num_layers: int = 2,
        *,
        step: float = 0.1,
        damping: float = 0.1,
        causal: bool = False,
    ) -> None:
        super().__init__(in_channels, hidden_channels, num_layers, causal=causal)
        self.lin = nn.Linear(in_channels, hidden_channels)
        phi = GCNConv(hidden_channels, hidden_channels, bias=False)
        self.conv = AntiSymmetricConv(
            hidden_channels,
            phi,
            epsilon=_checks.positive("step", step),
            gamma=_checks.between("damping", damping, 0, sys.float_info.max),
        )

    def layers(self, graph: SpaceTimeGraph, x: Tensor) -> Iterator[Tensor]:
        """Yield the states after the first map and after each step, L + 1 of (V, H), from features (V, F)."""
        self._check_no_edge_attr(graph)
        adjacency = graph.topology.spacetime(self.causal)
        h = self.lin(x)
        yield h
        for _ in range(self.num_layers):
            h = self.conv(h, adjacency)
            yield h

    @checked_arguments
    def reach(self, graph: SpaceTimeGraph, rows: Tensor) -> Tensor:
        """A ball: the rows within L hops, (K, V)."""
        rows = _checks.rows("rows", rows, graph.num_rows)
        return ball(graph, rows, self.num_layers, causal=self.causal)
