"""Graph convolutional networks over space-time graphs, with a receptive field of one hop a layer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Literal

import numpy as np
import scipy.sparse as sp
import torch
import torch_geometric.nn as pyg
from torch import Tensor, nn
from torch_geometric.nn.models import JumpingKnowledge

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq._torch.precision import HALVES, in_full, lacks_lstm_kernel
from graphseq.data.graph import SpaceTimeGraph
from graphseq.nn.conv import GCNConv, convolve, has_hooks
from graphseq.nn.conv_reach import ConvReach, conv_reach
from graphseq.nn.convolutional.layered import LayerStack, seeds
from graphseq.nn.convolutional.norms import NormReach
from graphseq.nn.kernels.gcn_stack import stack

_JUMPS = ("cat", "max", "lstm")


class GCN(LayerStack):
    r"""L graph convolutions over all space-time edges, ReLU between them and none after the last.

    .. math:: H^{(0)} = X, \qquad H^{(l)} = \mathrm{ReLU}(\hat A H^{(l-1)} W^{(l)} + b^{(l)}), \qquad
              H^{(L)} = \hat A H^{(L-1)} W^{(L)} + b^{(L)}

    That is PyG's ``models.GCN``, and parameters have its names: a ``state_dict`` of plain ``GCNConv`` layers loads.

    Args:
        in_channels: F.
        hidden_channels: H.
        num_layers: L; the receptive field is L hops of the space-time graph, or L times those of ``conv``.
        causal: read temporal edges past → future only, as next-step prediction at each row requires.
        residual: add each layer's input to its output, from the second layer on.
        norm: a factory such as ``torch.nn.LayerNorm`` or :class:`PairNorm`, called with H, applied before each ReLU.
            PyG's norms over a graph (PairNorm, GraphNorm, InstanceNorm, MeanSubtractionNorm, its LayerNorm) are told
            the graph of each row; every row then depends on all rows of its graph, which are its receptive field.
        jk: jumping knowledge, "cat", "max" or "lstm": every layer then has a ReLU, and the output is a linear map of
            the states of all layers, concatenated, maximised or weighted by attention.
        depth_scaled_init: divide the initial weights of layer l by √l, so that the initial states of a residual stack
            grow like a power of L, not exponentially; requires ``residual``.
        dropout: the share of entries that are set to 0 after each ReLU in training, the others scaled up, as PyG's
            ``models.GCN`` does. Draws come from torch's own generator, as those of ``nn.Dropout``, which ``fit`` seeds
            at each step.
        conv: a factory of a PyG convolution conv(x, edge_index), called with in and out channels; it may read several
            hops, see :func:`conv_reach`. Edge weights are passed as ``edge_weight``, so a weighted graph requires a
            convolution that takes them; ``batch`` is passed to one that reads all rows of a graph, as GPSConv.

    Shapes: graph of V rows → (V, H).

    Raises:
        TypeError: ``conv`` or ``norm`` gives a module that is called in another way.
        ValueError: a size below 1, an unknown ``jk``, ``depth_scaled_init`` without ``residual``, ``causal`` with a
            convolution or a norm that reads later rows, or one by which a row hears other graphs of its batch.

    Source: Kipf and Welling (2017), eq. 2; residual: He et al. (2016); PairNorm: Zhao and Akoglu (2020), eq. 10 and 11;
    jumping knowledge: Xu et al. (2018); depth-scaled initialisation: Zhang, Titov and Sennrich, *Improving deep
    transformer with depth-scaled initialization and merged attention* (2019), with α = 1.

    Example:
        >>> import graphseq as gs, torch
        >>> gs.nn.GCN(3, 8, num_layers=2)(gs.from_sequence(torch.eye(3))).shape
        torch.Size([3, 8])
    """

    @checked_arguments
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
        dropout: float = 0.0,
        conv: Callable[[int, int], nn.Module] = GCNConv,
    ) -> None:
        super().__init__(in_channels, hidden_channels, num_layers, causal=causal)
        self.residual = residual
        self.dropout = nn.Dropout(_checks.between("dropout", dropout, 0, 1))
        if depth_scaled_init and not residual:
            raise ValueError("depth_scaled_init scales the terms that residual layers add; it requires residual=True")
        widths = [in_channels] + [hidden_channels] * num_layers
        self.convs = nn.ModuleList(_checks.made("conv", conv, a, b) for a, b in pairwise(widths))
        activated = num_layers - (jk is None)
        self.norms = nn.ModuleList(
            _checks.made("norm", norm, hidden_channels) if norm else nn.Identity() for _ in range(activated)
        )
        self._conv_reaches = [conv_reach(module) for module in self.convs]
        self._norm_reaches = [NormReach(module) for module in self.norms]
        if causal:
            self._check_causal()
        self.jump = None if jk is None else _Jump(_checks.one_of("jk", jk, _JUMPS), hidden_channels, num_layers)
        if depth_scaled_init:
            with torch.no_grad():
                for number, layer in enumerate(self.convs, start=1):
                    for weight in layer.parameters():
                        weight.mul_(number**-0.5)

    def _check_causal(self) -> None:
        for conv, conv_reads in zip(self.convs, self._conv_reaches, strict=True):
            if conv_reads.is_global or conv_reads.flow != "in":
                raise ValueError(f"conv: {type(conv).__name__} reads later rows; it cannot be causal")
        for norm, norm_reads in zip(self.norms, self._norm_reaches, strict=True):
            if norm_reads.reads != "row":
                raise ValueError(
                    f"norm: {type(norm).__name__} reads all rows of a graph, later ones included; it cannot be causal"
                )

    def encode(self, graph: SpaceTimeGraph, x: Tensor) -> Tensor:
        """Compute the states (V, H) from features (V, F), in one kernel where there are only convolutions and ReLU."""
        adjacency = graph.topology.spacetime(self.causal)
        if not self._is_plain() or adjacency.is_identity:
            return super().encode(graph, x)
        self._check_no_edge_attr(graph)
        convs = [conv for conv in self.convs if isinstance(conv, GCNConv)]
        return stack(adjacency.normalised(x.dtype), x, [(conv.lin.weight, conv.bias) for conv in convs])

    def _is_plain(self) -> bool:
        """True if the stack has nothing but convolutions and ReLU, and no hooks."""
        return not (self.training and self.dropout.p > 0) and self.is_bare()

    def is_bare(self) -> bool:
        """Return True if the stack has nothing but convolutions, ReLU and dropout, and no hooks."""
        simple = not self.residual and self.jump is None and all(type(norm) is nn.Identity for norm in self.norms)
        return simple and all(type(conv) is GCNConv and not has_hooks(conv) for conv in self.convs)

    def layers(self, graph: SpaceTimeGraph, x: Tensor) -> Iterator[Tensor]:
        """Yield the states after each layer, L of (V, H), and with ``jk`` the output, from features (V, F)."""
        adjacency = graph.topology.spacetime(self.causal)
        jumps: list[Tensor] = []
        h = x
        for layer, conv in enumerate(self.convs):
            reads = self._conv_reaches[layer]
            out = convolve(conv, h, adjacency, reach=reads, batch=graph.graph_index if reads.reads_batch else None)
            if layer < len(self.norms):
                out = self.dropout(self._norm_reaches[layer](self.norms[layer], out, graph).relu())
            h = out + h if self.residual and layer > 0 else out
            yield h
            if self.jump is not None:
                jumps.append(h)
        if self.jump is not None:
            yield self.jump(jumps)

    @checked_arguments
    def reach(self, graph: SpaceTimeGraph, rows: Tensor) -> Tensor:
        """A ball: the rows that L convolutions read in turn, (K, V); all rows of the graph where a layer reads them."""
        rows = _checks.rows("rows", rows, graph.num_rows)
        asked = fields = seeds(rows, graph.num_rows)
        for layer in reversed(range(self.num_layers)):
            below = fields
            if layer < len(self.norms) and self._norm_reaches[layer].reads == "graph":
                below = _over_graphs(graph, below)
            below = self._read(graph, self._conv_reaches[layer], below)
            if self.residual and layer > 0:
                below = below + fields
            fields = below + asked if self.jump is not None and layer > 0 else below
        return torch.from_numpy(fields.toarray())

    def _read(self, graph: SpaceTimeGraph, reads: ConvReach, fields: sp.csr_array) -> sp.csr_array:
        """The rows (K, V) that a convolution reads at those of ``fields`` (K, V)."""
        if reads.is_global:
            return _over_graphs(graph, fields)
        topology = graph.topology
        pattern = topology.keep(
            ("conv pattern", self.causal, reads), lambda: reads.pattern(topology.spacetime(self.causal))
        )
        return fields @ pattern


def _over_graphs(graph: SpaceTimeGraph, fields: sp.csr_array) -> sp.csr_array:
    """All rows of the graphs that ``fields`` (K, V) have rows of, (K, V)."""
    owner, size = graph.graph_index.cpu().numpy(), graph.num_rows
    members = sp.csr_array((np.ones(size, dtype=bool), (np.arange(size), owner)), shape=(size, graph.num_graphs))
    return fields @ members @ members.T.tocsr()


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

    @checked_arguments
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
