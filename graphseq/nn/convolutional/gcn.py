"""Graph convolutional networks over space-time graphs, with a receptive field of one hop a layer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Literal

import torch
import torch_geometric.nn as pyg
from torch import Tensor, nn
from torch_geometric.nn.models import JumpingKnowledge

from graphseq import _checks
from graphseq._torch.precision import HALVES, in_full, lacks_lstm_kernel
from graphseq.data.graph import SpaceTimeGraph
from graphseq.nn.conv import GCNConv, convolve, has_hooks
from graphseq.nn.convolutional.layered import LayerStack, ball
from graphseq.nn.kernels.gcn_stack import stack

# PyG's norms that mix the rows of a graph, and take the batch as an argument.
OVER_GRAPHS = (pyg.PairNorm, pyg.GraphNorm, pyg.InstanceNorm, pyg.MeanSubtractionNorm)
_JUMPS = ("cat", "max", "lstm")


class GCN(LayerStack):
    r"""L graph convolutions over all space-time edges, ReLU between them and none after the last.

    .. math:: H^{(0)} = X, \qquad H^{(l)} = \mathrm{ReLU}(\hat A H^{(l-1)} W^{(l)} + b^{(l)}), \qquad
              H^{(L)} = \hat A H^{(L-1)} W^{(L)} + b^{(L)}

    That is PyG's ``models.GCN`` without dropout, and parameters have its names: a ``state_dict`` of plain
    ``GCNConv`` layers loads.

    Args:
        in_channels: F.
        hidden_channels: H.
        num_layers: L; the receptive field is L hops of the space-time graph.
        causal: read temporal edges past → future only, as next-step prediction at each row requires.
        residual: add each layer's input to its output, from the second layer on.
        norm: a factory such as ``torch.nn.LayerNorm`` or :class:`PairNorm`, called with H, applied before each ReLU.
            With PyG's norms over a graph (PairNorm, GraphNorm, InstanceNorm, MeanSubtractionNorm) every row depends on
            all rows of its graph, and the receptive field is the whole graph.
        jk: jumping knowledge, "cat", "max" or "lstm": every layer then has a ReLU, and the output is a linear map of
            the states of all layers, concatenated, maximised or weighted by attention.
        depth_scaled_init: divide the initial weights of layer l by √l, so that the initial states of a residual stack
            grow like a power of L, not exponentially; requires ``residual``.
        conv: a factory of a PyG convolution conv(x, edge_index) of one hop, called with in and out channels. Edge
            weights are passed as ``edge_weight``, so a weighted graph requires a convolution that takes them.

    Shapes: graph of V rows → (V, H).

    Raises:
        ValueError: a size below 1, an unknown ``jk``, ``depth_scaled_init`` without ``residual``, or ``causal`` with a
            norm over the graph.

    Source: Kipf and Welling (2017), eq. 2; residual: He et al. (2016); PairNorm: Zhao and Akoglu (2020), eq. 10 and 11;
    jumping knowledge: Xu et al. (2018); depth-scaled initialisation: Zhang, Titov and Sennrich, *Improving deep
    transformer with depth-scaled initialization and merged attention* (2019), with α = 1.

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
        jk: Literal["cat", "max", "lstm"] | None = None,
        depth_scaled_init: bool = False,
        conv: Callable[[int, int], nn.Module] = GCNConv,
    ) -> None:
        super().__init__(in_channels, hidden_channels, num_layers, causal=causal)
        self.residual = residual
        if depth_scaled_init and not residual:
            raise ValueError("depth_scaled_init scales the terms that residual layers add; it requires residual=True")
        widths = [in_channels] + [hidden_channels] * num_layers
        self.convs = nn.ModuleList(conv(a, b) for a, b in pairwise(widths))
        activated = num_layers - (jk is None)
        self.norms = nn.ModuleList(norm(hidden_channels) if norm else nn.Identity() for _ in range(activated))
        self._mixes_rows = any(isinstance(module, OVER_GRAPHS) for module in self.norms)
        if causal and self._mixes_rows:
            raise ValueError(
                f"{type(self.norms[0]).__name__} reads all rows of a graph, later ones included; it cannot be causal"
            )
        self.jump = None if jk is None else _Jump(_checks.one_of("jk", jk, _JUMPS), hidden_channels, num_layers)
        if depth_scaled_init:
            with torch.no_grad():
                for number, layer in enumerate(self.convs, start=1):
                    for weight in layer.parameters():
                        weight.mul_(number**-0.5)

    def encode(self, graph: SpaceTimeGraph, x: Tensor) -> Tensor:
        """Compute the states (V, H) from features (V, F), in one kernel where there are only convolutions and ReLU."""
        adjacency = graph.topology.spacetime(self.causal)
        if not self._is_plain() or adjacency.is_identity:
            return super().encode(graph, x)
        convs = [conv for conv in self.convs if isinstance(conv, GCNConv)]
        return stack(adjacency.normalised(x.dtype), x, [(conv.lin.weight, conv.bias) for conv in convs])

    def _is_plain(self) -> bool:
        """True if the stack has nothing but convolutions and ReLU, and no hooks."""
        simple = not self.residual and self.jump is None and all(type(norm) is nn.Identity for norm in self.norms)
        return simple and all(type(conv) is GCNConv and not has_hooks(conv) for conv in self.convs)

    def layers(self, graph: SpaceTimeGraph, x: Tensor) -> Iterator[Tensor]:
        """Yield the states after each layer, L of (V, H), and with ``jk`` the output, from features (V, F)."""
        adjacency = graph.topology.spacetime(self.causal)
        jumps: list[Tensor] = []
        h = x
        for layer, conv in enumerate(self.convs):
            out = convolve(conv, h, adjacency)
            if layer < len(self.norms):
                out = self._normed(layer, out, graph).relu()
            h = out + h if self.residual and layer > 0 else out
            yield h
            if self.jump is not None:
                jumps.append(h)
        if self.jump is not None:
            yield self.jump(jumps)

    def _normed(self, layer: int, h: Tensor, graph: SpaceTimeGraph) -> Tensor:
        norm = self.norms[layer]
        out: Tensor = norm(h, graph.get("batch"), graph.num_graphs) if isinstance(norm, OVER_GRAPHS) else norm(h)
        return out

    def reach(self, graph: SpaceTimeGraph, rows: Tensor) -> Tensor:
        """A ball: the rows within L hops, (K, V); with a norm over the graph, all rows of the graph."""
        if not self._mixes_rows:
            return ball(graph, rows, self.num_layers, causal=self.causal)
        owner = graph.graph_index
        return (owner[rows][:, None] == owner).cpu()


class PairNorm(pyg.PairNorm):  # type: ignore[misc]
    r"""PyG's ``PairNorm`` with the signature of a factory of norms, ``PairNorm(H)``.

    .. math:: h^c_i = h_i - \tfrac1n \textstyle\sum_j h_j, \qquad
              h'_i = h^c_i \Big/ \sqrt{\tfrac1n \textstyle\sum_j \|h^c_j\|^2}

    so that the mean distance between the rows of a graph does not depend on depth. Every row depends on all rows of
    its graph.

    Args:
        channels: H; the equation does not depend on it.

    Shapes: states (V, H) → (V, H).

    Source: Zhao and Akoglu, *PairNorm: tackling oversmoothing in GNNs* (2020), eq. 10 and 11, with s = 1.

    Example:
        >>> import torch
        >>> PairNorm(1)(torch.tensor([[3.0], [1.0]])).round(decimals=3).tolist()
        [[1.0], [-1.0]]
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels


class _Jump(nn.Module):
    """A linear map of jumping knowledge over the states (V, H) of L layers, (V, H)."""

    def __init__(self, mode: str, channels: int, num_layers: int) -> None:
        super().__init__()
        self.mode = mode
        self.join = JumpingKnowledge(mode, channels, num_layers)
        self.lin = nn.Linear(channels * (num_layers if mode == "cat" else 1), channels)

    def forward(self, states: list[Tensor]) -> Tensor:
        """Compute the states (V, H) from those of each layer."""
        if self.mode == "lstm" and lacks_lstm_kernel(states[0]):
            with in_full(states[0]):
                joined = self.join([state.float() if state.dtype in HALVES else state for state in states])
        else:
            joined = self.join(states)
        return self.lin(joined)  # type: ignore[no-any-return]
