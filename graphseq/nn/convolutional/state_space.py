"""A GCN that is a linear state-space recurrence over depth, followed by a nonlinear map of each row."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq.data.graph import SpaceTimeGraph
from graphseq.nn.convolutional.layered import LayerStack, ball


class StateSpaceGCN(LayerStack):
    r"""L steps of a linear recurrence over depth, then a two-layer network on each row.

    .. math:: S^{(l)} = \hat A S^{(l-1)} W + X B, \qquad S^{(0)} = X B, \qquad
              H = \mathrm{ReLU}(S^{(L)} W_1 + b_1) W_2 + b_2

    so that :math:`S^{(L)} = \sum_l \hat A^l X B W^l`: linear in the features, with one set of weights for all layers
    and a Jacobian in closed form. W is initially orthogonal, so that the signal is attenuated by Â alone.

    Args:
        in_channels: F.
        hidden_channels: H.
        num_layers: L, the number of steps; the receptive field is L hops.
        causal: read temporal edges past → future only.

    Shapes: graph of V rows → (V, H).

    Raises:
        ValueError: a size below 1.

    Source: Ceni et al., *Message-passing state-space models* (2025), its recurrence with the same input at every step.

    Example:
        >>> import graphseq as gs, torch
        >>> gs.nn.StateSpaceGCN(3, 8, num_layers=16)(gs.from_sequence(torch.eye(3))).shape
        torch.Size([3, 8])
    """

    @checked_arguments
    def __init__(self, in_channels: int, hidden_channels: int, num_layers: int = 2, *, causal: bool = False) -> None:
        super().__init__(in_channels, hidden_channels, num_layers, causal=causal)
        self.lin = nn.Linear(in_channels, hidden_channels, bias=False)
        self.weight = nn.Parameter(nn.init.orthogonal_(torch.empty(hidden_channels, hidden_channels)))
        self.mix = mixer(hidden_channels)

    def layers(self, graph: SpaceTimeGraph, x: Tensor) -> Iterator[Tensor]:
        """Yield the states of the recurrence, L + 1 of (V, H), and the output, (V, H), from features (V, F)."""
        self._check_no_edge_attr(graph)
        operator = graph.topology.spacetime(self.causal).normalised(x.dtype)
        state = inputs = self.lin(x)
        yield state
        for _ in range(self.num_layers):
            state = operator @ (state @ self.weight) + inputs
            yield state
        yield self.mix(state)

    @checked_arguments
    def reach(self, graph: SpaceTimeGraph, rows: Tensor) -> Tensor:
        """A ball: the rows within L hops, (K, V)."""
        rows = _checks.rows("rows", rows, graph.num_rows)
        return ball(graph, rows, self.num_layers, causal=self.causal)


def mixer(channels: int) -> nn.Sequential:
    """A two-layer network on each row, as it follows a linear recurrence over depth, (V, H) → (V, H)."""
    return nn.Sequential(nn.Linear(channels, channels), nn.ReLU(), nn.Linear(channels, channels))
