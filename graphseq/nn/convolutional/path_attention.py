"""Attention of each row to all rows from which a path leads to it."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch_geometric.utils import softmax

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq._torch.precision import at_least_float32
from graphseq.data.graph import SpaceTimeGraph
from graphseq.nn.convolutional.closure import closure
from graphseq.nn.convolutional.layered import LayerStack


class PathAttention(LayerStack):
    r"""L transformer layers in which a row attends to the rows from which a path leads to it, at any distance.

    .. math:: a_{vu} = \frac{\exp(q_v^\top k_u / \sqrt{H})}{\sum_{w → v} \exp(q_v^\top k_w / \sqrt{H})}, \qquad
              H' = H + \Big(\sum_{u → v} a_{vu} v_u\Big) W_o, \qquad H'' = H' + \mathrm{MLP}(\mathrm{LN}(H'))

    Queries, keys and values are linear in LN(H); u → v where a path leads from u to v, which includes v itself. On a
    directed tree whose edges lead up, a row attends to its descendants; on a connected undirected graph, to all rows.
    Distances are not read: for these see :class:`~graphseq.nn.MinPlusGCN`. A row can select one of many others by their
    content, which sums and minima over neighbours cannot do without carrying all of it along.

    Queries and keys are at first the states themselves, so that a row attends to rows like it, with
    :math:`q^\top k / \sqrt H = \sqrt H \cos(h, h')`. Of random ones the pair of a query and its key is no more alike
    than others, and each must be found by itself from the samples that ask for it.

    Args:
        in_channels: F.
        hidden_channels: H.
        num_layers: L.
        causal: read temporal edges past → future only.

    Shapes: graph of V rows → (V, H). Memory grows with the number of pairs of rows with a path, at most V². Weights of
    edges are not read, but for one of 0, which is no edge.

    Raises:
        ValueError: a size below 1.
        TypeError: called on a graph with features of edges.

    Source: the reachability attention of Luo, Thost and Shi, *Transformers over directed acyclic graphs* (2023), with
    one head and without its encoding of depth; first weights near the identity after Trockman and Kolter, *Mimetic
    initialization of self-attention layers* (2023).

    Example:
        >>> import graphseq as gs, torch
        >>> tree = gs.tasks.NeighborsMatch(depth=2).batch(1, torch.Generator().manual_seed(0))
        >>> attention = PathAttention(8, 16)
        >>> attention.reach(tree, torch.tensor([1])).int().tolist()  # the row and its two children
        [[0, 1, 0, 1, 1, 0, 0]]
    """

    @checked_arguments
    def __init__(self, in_channels: int, hidden_channels: int, num_layers: int = 1, *, causal: bool = False) -> None:
        super().__init__(in_channels, hidden_channels, num_layers, causal=causal)
        self.lin = nn.Linear(in_channels, hidden_channels)
        self.blocks = nn.ModuleList(_Block(hidden_channels) for _ in range(num_layers))

    def layers(self, graph: SpaceTimeGraph, x: Tensor) -> Iterator[Tensor]:
        """Yield the states after the first map and after each layer, L + 1 of (V, H), from features (V, F)."""
        self._check_no_edge_attr(graph)
        pairs = graph.topology.keep(
            ("pairs of a path", self.causal), lambda: closure(graph, causal=self.causal).pairs()
        )
        h = self.lin(x)
        yield h
        for block in self.blocks:
            h = block(h, *pairs)
            yield h

    @checked_arguments
    def reach(self, graph: SpaceTimeGraph, rows: Tensor) -> Tensor:
        """All rows from which a path leads to each of ``rows``, (K, V)."""
        return closure(graph, causal=self.causal).reach(_checks.rows("rows", rows, graph.num_rows))


class _Block(nn.Module):
    """One layer: attention over pairs, and a network on each row, each added to what it reads."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm_attention, self.norm_mlp = nn.LayerNorm(channels), nn.LayerNorm(channels)
        # A bias of keys would change no weight of attention: it adds the same to all.
        self.query, self.key = nn.Linear(channels, channels), nn.Linear(channels, channels, bias=False)
        nn.init.eye_(self.query.weight)
        nn.init.eye_(self.key.weight)
        nn.init.zeros_(self.query.bias)
        self.value, self.out = nn.Linear(channels, channels), nn.Linear(channels, channels)
        self.mlp = nn.Sequential(nn.Linear(channels, 2 * channels), nn.GELU(), nn.Linear(2 * channels, channels))

    def forward(self, h: Tensor, reader: Tensor, source: Tensor) -> Tensor:
        x = self.norm_attention(h)
        query, key, value = (
            at_least_float32(self.query(x)),
            at_least_float32(self.key(x)),
            at_least_float32(self.value(x)),
        )
        score = (query.index_select(0, reader) * key.index_select(0, source)).sum(1) * query.shape[1] ** -0.5
        weight = softmax(score, reader, num_nodes=len(h)).to(value.dtype)
        read = torch.zeros_like(value).index_add(0, reader, weight[:, None] * value.index_select(0, source))
        h = h + self.out(read.to(x.dtype))
        out: Tensor = h + self.mlp(self.norm_mlp(h))
        return out
