"""PyG's graph convolution on a prepared adjacency, and one way to call any other convolution."""

from __future__ import annotations

from typing import ClassVar, cast

import torch
import torch_geometric.nn
from torch import Tensor, nn
from torch.nn.functional import linear
from torch_geometric.utils import is_sparse

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq._torch import compat
from graphseq.data.adjacency import Adjacency
from graphseq.nn.conv_pattern import ConvReach
from graphseq.nn.conv_reach import conv_reach
from graphseq.nn.kernels.gcn_stack import stack


def check_convolved(conv: nn.Module, x: object, edge_index: object, edge_weight: object) -> None:
    """Raise if these are not features (V, F), edges (2, E) and weights (E,) that a convolution of F channels takes."""
    x = _checks.is_tensor("x", x) if not is_sparse(x) else cast("Tensor", x)
    channels = conv.in_channels
    if x.dim() < 2 or x.shape[-1] != channels:
        raise ValueError(f"x must have shape (V, {channels}) for {type(conv).__name__}, got {tuple(x.shape)}")
    _checks.alike(conv, x, "x")
    if is_sparse(edge_index):  # of torch or torch_sparse, which PyG takes, too
        return
    edge_index = _checks.is_tensor("edge_index", edge_index)
    if edge_index.dim() != 2 or edge_index.shape[0] != 2 or edge_index.dtype != torch.long:
        raise ValueError(f"edge_index must hold integers, of shape (2, E), got {_checks.shown(edge_index)}")
    if x.is_cpu and edge_index.numel() and not torch.compiler.is_compiling():
        _check_ends(edge_index, x.shape[-2])
    if edge_weight is not None:
        weight = _checks.is_tensor("edge_weight", edge_weight)
        if weight.shape != edge_index.shape[1:] or weight.is_complex():
            came = _checks.shown(weight)
            raise ValueError(
                f"edge_weight must have shape ({edge_index.shape[1]},), one real number an edge, got {came}"
            )


def _check_ends(edge_index: Tensor, rows: int) -> None:
    low, high = (int(end) for end in edge_index.aminmax())
    if low < 0 or high >= rows:
        wrong = low if low < 0 else high
        raise ValueError(f"edge_index must lie in 0 to {rows - 1}, the rows of x, got {wrong}")


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

    Example:
        >>> conv = GCNConv(1, 4)
        >>> conv(torch.ones(3, 1), torch.tensor([[0, 1], [1, 2]])).shape
        torch.Size([3, 4])
    """

    # PyG inspects a layer's source, looked up by class name; of two classes of one name it finds this one.
    propagate_type: ClassVar[dict[str, object]] = {"x": Tensor, "edge_weight": Tensor | None}

    @checked_arguments
    def __init__(self, in_channels: int, out_channels: int, bias: bool = True) -> None:
        in_channels = _checks.at_least("in_channels", in_channels, 1)
        out_channels = _checks.at_least("out_channels", out_channels, 1)
        super().__init__(in_channels, out_channels, bias=bias)

    @property
    def conv_reach(self) -> ConvReach:
        """One hop of Ã; inside a ``DirGNNConv``, which takes self-loops away, of A."""
        return ConvReach(1, reads_edge_weight=True, loops=bool(self.add_self_loops), dropped="source")

    def forward(self, x: Tensor, edge_index: Tensor | Adjacency, edge_weight: Tensor | None = None) -> Tensor:
        """Compute Â X W + b, (V, F) → (V, H)."""
        if not isinstance(edge_index, Adjacency):
            check_convolved(self, x, edge_index, edge_weight)
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


def check_no_edge_attr(name: str, *attrs: Tensor | None) -> None:
    """Refuse features of edges, which ``name`` does not read."""
    if any(attr is not None for attr in attrs):
        raise TypeError(
            f"the graph has edge_attr, but {name} reads no features of edges; leave them out by "
            "graph.replace(edge_attr=None), or choose a convolution that takes edge_attr (GATv2Conv, GINEConv, …)"
        )


def _of_kind(values: Tensor, x: Tensor) -> Tensor:
    """Return values of edges in the number type of the states, which numpy's and scipy's float64 are not."""
    return values if torch.is_autocast_enabled(x.device.type) else values.to(x.dtype)


def convolve(
    conv: nn.Module, x: Tensor, adjacency: Adjacency, *, reach: ConvReach | None = None, batch: Tensor | None = None
) -> Tensor:
    """Apply a PyG convolution of the form conv(x, edge_index), with weights and features of edges where there are any.

    Args:
        conv: the convolution.
        x: states (V, F).
        adjacency: the edges among the rows.
        reach: what the convolution reads, :func:`graphseq.nn.conv_reach` of it, where that is known already.
        batch: the graph of each row, (V,), for convolutions that read all rows of a graph; ``None`` for one graph.

    Raises:
        TypeError: the graph has edge weights or features and the convolution takes none.
        ValueError: the convolution was made to read features of edges and the graph has none.
    """
    if isinstance(conv, GCNConv):
        check_no_edge_attr(type(conv).__name__, adjacency.edge_attr)
        return conv(x, adjacency)  # type: ignore[no-any-return]
    reach = conv_reach(conv) if reach is None else reach
    given: dict[str, Tensor] = {}
    if reach.reads_batch and batch is not None:
        given["batch"] = batch
    if adjacency.edge_weight is not None:
        if not reach.reads_edge_weight:
            raise TypeError(
                f"the graph has edge weights, but {type(conv).__name__} takes none; drop them, or choose a convolution "
                "that takes edge_weight (GCNConv, GraphConv, …)"
            )
        given["edge_weight"] = _of_kind(adjacency.edge_weight, x)
    if reach.reads_edge_attr:
        if adjacency.edge_attr is None:
            raise ValueError(
                f"{type(conv).__name__} was made to read features of edges, but the graph has none; give it edge_attr "
                "(E, D), or make the convolution without edge_dim"
            )
        given["edge_attr"] = _of_kind(adjacency.edge_attr, x)
    else:
        check_no_edge_attr(type(conv).__name__, adjacency.edge_attr)
    return conv(x, adjacency.edge_index, **given)  # type: ignore[no-any-return]
