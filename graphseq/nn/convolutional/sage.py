"""GraphSAGE's convolution, its mean over neighbours weighted by the edges."""

from __future__ import annotations

from torch import Tensor
from torch_geometric.nn import GraphConv
from torch_geometric.utils import scatter

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq.nn.conv import check_convolved
from graphseq.nn.conv_pattern import ConvReach


class WeightedSAGE(GraphConv):  # type: ignore[misc]
    r"""PyG's ``SAGEConv`` with its mean over neighbours weighted by the edges; without weights it is ``SAGEConv``.

    .. math:: x'_i = W_1 x_i + W_2 \frac{\sum_j A_{ji}\, x_j}{\sum_j A_{ji}} + b

    Args:
        in_channels: F.
        out_channels: H.

    Shapes: x (V, F) → (V, H).

    Source: Hamilton, Ying and Leskovec, *Inductive representation learning on large graphs* (2017), with the mean.

    Example:
        >>> import torch
        >>> conv = WeightedSAGE(1, 1)
        >>> conv(torch.zeros(2, 1), torch.tensor([[0], [1]]), torch.tensor([3.0])).shape
        torch.Size([2, 1])
    """

    @checked_arguments
    def __init__(self, in_channels: int, out_channels: int) -> None:
        in_channels = _checks.at_least("in_channels", in_channels, 1)
        out_channels = _checks.at_least("out_channels", out_channels, 1)
        super().__init__(in_channels, out_channels, aggr="add")

    @property
    def conv_reach(self) -> ConvReach:
        """The row itself, and the rows one hop away."""
        return ConvReach(1, powers=(0, 1), reads_edge_weight=True, loops=False)

    def forward(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None = None) -> Tensor:
        """Convolve x (V, F) to (V, H)."""
        _checks.is_tensor("edge_index", edge_index)
        check_convolved(self, x, edge_index, edge_weight)
        weight = x.new_ones(edge_index.shape[1]) if edge_weight is None else edge_weight
        total = scatter(weight, edge_index[1], dim_size=len(x))[edge_index[1]]
        out: Tensor = super().forward(x, edge_index, weight / total.where(total > 0, 1))
        return out
