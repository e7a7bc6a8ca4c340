"""PyG's graph convolution on a prepared adjacency, and one way to call any other convolution."""

from __future__ import annotations

from typing import ClassVar

import torch
import torch_geometric.nn
from torch import Tensor, nn
from torch.nn.functional import linear

from graphseq._torch import compat
from graphseq.data.adjacency import Adjacency
from graphseq.nn.conv_pattern import ConvReach
from graphseq.nn.kernels.gcn_stack import stack


class GCNConv(torch_geometric.nn.GCNConv):  # type: ignore[misc]
    r"""PyG's ``GCNConv`` that also takes a prepared :class:`~graphseq.data.adjacency.Adjacency`.

    .. math:: X' = \hat A X W + b, \qquad
              x'_i = W^\top \sum_{j \in N(i) \cup \{i\}} \frac{\tilde A_{ij}}{\sqrt{\tilde d_i \tilde d_j}} x_j + b

    On an ``edge_index`` it is PyG's layer, unchanged. On an adjacency it computes the same function from the prepared
    Â, which it multiplies with the narrower of X and X W; where ``lin`` has hooks, it calls ``lin`` as PyG's does.
    Parameters have PyG's names, so a ``state_dict`` of either loads into the other.

    Args:
        in_channels: F.
        out_channels: H.
        bias: whether to add b.

    Shapes: x (V, F) → (V, H).

    Source: Kipf and Welling (2017), eq. 2 and 8.
    """

    # PyG inspects a layer's source, looked up by class name; of two classes of one name it finds this one.
    propagate_type: ClassVar[dict[str, object]] = {"x": Tensor, "edge_weight": Tensor | None}

    def __init__(self, in_channels: int, out_channels: int, bias: bool = True) -> None:
        super().__init__(in_channels, out_channels, bias=bias)

    @property
    def conv_reach(self) -> ConvReach:
        """One hop of Ã; inside a ``DirGNNConv``, which takes self-loops away, of A."""
        return ConvReach(1, reads_edge_weight=True, loops=bool(self.add_self_loops), dropped="source")

    def forward(self, x: Tensor, edge_index: Tensor | Adjacency, edge_weight: Tensor | None = None) -> Tensor:
        """Compute Â X W + b, (V, F) → (V, H)."""
        if not isinstance(edge_index, Adjacency):
            out: Tensor = super().forward(x, edge_index, edge_weight)
            return out
        if compat.has_hooks(self.lin):  # a hook may set the weight, as that of torch.nn.utils.prune does
            h: Tensor = self.lin(x)
            h = h if edge_index.is_identity else edge_index.normalised(x.dtype) @ h
            return h if self.bias is None else torch.add(h, self.bias)
        if edge_index.is_identity:
            return linear(x, self.lin.weight, self.bias)
        return stack(edge_index.normalised(x.dtype), x, [(self.lin.weight, self.bias)])


def has_hooks(module: nn.Module) -> bool:
    """True if the module or one inside it has hooks, which a kernel that reads its weights would not call."""
    return any(map(compat.has_hooks, module.modules()))


def convolve(conv: nn.Module, x: Tensor, adjacency: Adjacency) -> Tensor:
    """Apply a PyG convolution of the form conv(x, edge_index), with edge weights where the graph has them.

    Raises:
        TypeError: the graph has edge weights and the convolution takes none.
    """
    if isinstance(conv, GCNConv):
        return conv(x, adjacency)  # type: ignore[no-any-return]
    if adjacency.edge_weight is None:
        return conv(x, adjacency.edge_index)  # type: ignore[no-any-return]
    try:
        return conv(x, adjacency.edge_index, edge_weight=adjacency.edge_weight)  # type: ignore[no-any-return]
    except TypeError as error:
        if "edge_weight" not in str(error):
            raise
        raise TypeError(
            f"the graph has edge weights, but {type(conv).__name__} takes none; drop them, or choose a convolution "
            "that takes edge_weight (GCNConv, GraphConv, …)"
        ) from error
