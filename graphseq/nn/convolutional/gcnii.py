"""A GCN with an initial residual at every layer, against over-smoothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import torch
import torch_geometric.nn
from torch import Tensor, nn

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq.data.adjacency import Adjacency
from graphseq.data.graph import SpaceTimeGraph
from graphseq.nn.convolutional.layered import LayerStack, ball


class GCN2Conv(torch_geometric.nn.GCN2Conv):  # type: ignore[misc]
    """PyG's ``GCN2Conv`` that also takes a prepared :class:`~graphseq.data.adjacency.Adjacency`; see :class:`GCNII`."""

    # As in GCNConv: PyG inspects a layer's source, looked up by class name.
    propagate_type: ClassVar[dict[str, object]] = {"x": Tensor, "edge_weight": Tensor | None}

    def __init__(self, channels: int, alpha: float, theta: float, layer: int) -> None:
        super().__init__(channels, alpha, theta, layer)

    def forward(
        self, x: Tensor, x_0: Tensor, edge_index: Tensor | Adjacency, edge_weight: Tensor | None = None
    ) -> Tensor:
        """Compute the states (V, H) from states (V, H) and those of the first layer (V, H)."""
        if not isinstance(edge_index, Adjacency):
            out: Tensor = super().forward(x, x_0, edge_index, edge_weight)
            return out
        mixed = torch.lerp(edge_index.normalised(x.dtype) @ x, x_0, self.alpha)
        return torch.addmm(mixed, mixed, self.weight1, beta=1 - self.beta, alpha=self.beta)


class GCNII(LayerStack):
    r"""L graph convolutions with an initial residual and weights close to the identity.

    .. math:: H^{(0)} = \mathrm{ReLU}(X W + b), \qquad
              H^{(l)} = \mathrm{ReLU}\Big( \big((1 - α) \hat A H^{(l-1)} + α H^{(0)}\big)
                        \big((1 - β_l) I + β_l W^{(l)}\big) \Big), \qquad β_l = \ln(θ / l + 1)

    Args:
        in_channels: F.
        hidden_channels: H.
        num_layers: L, the number of convolutions; the receptive field is L hops.
        alpha: α, the weight of the initial residual, between 0 and 1.
        theta: θ, above 0; a smaller θ keeps the weights closer to the identity.
        causal: read temporal edges past → future only.

    Shapes: graph of V rows → (V, H).

    Raises:
        ValueError: a size below 1, α outside 0 to 1, θ not above 0.

    Source: Chen et al., *Simple and deep graph convolutional networks* (2020), eq. 5.

    Example:
        >>> import graphseq as gs, torch
        >>> gs.nn.GCNII(3, 8, num_layers=16)(gs.from_sequence(torch.eye(3))).shape
        torch.Size([3, 8])
    """

    @checked_arguments
    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        num_layers: int = 2,
        *,
        alpha: float = 0.1,
        theta: float = 0.5,
        causal: bool = False,
    ) -> None:
        super().__init__(in_channels, hidden_channels, num_layers, causal=causal)
        alpha = _checks.between("alpha", alpha, 0, 1)
        theta = _checks.positive("theta", theta)
        self.lin = nn.Linear(in_channels, hidden_channels)
        self.convs = nn.ModuleList(GCN2Conv(hidden_channels, alpha, theta, 1 + l) for l in range(num_layers))  # noqa: E741

    def layers(self, graph: SpaceTimeGraph, x: Tensor) -> Iterator[Tensor]:
        """Yield the states after the first map and after each convolution, L + 1 of (V, H), from features (V, F)."""
        self._check_no_edge_attr(graph)
        adjacency = graph.topology.spacetime(self.causal)
        h = first = self.lin(x).relu()
        yield h
        for conv in self.convs:
            h = conv(h, first, adjacency).relu()
            yield h

    @checked_arguments
    def reach(self, graph: SpaceTimeGraph, rows: Tensor) -> Tensor:
        """A ball: the rows within L hops, (K, V)."""
        rows = _checks.rows("rows", rows, graph.num_rows)
        return ball(graph, rows, self.num_layers, causal=self.causal)
