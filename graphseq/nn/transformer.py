"""The transformer over the rows of each graph: attention to all of them, or to those of the past."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq.data.graph import SpaceTimeGraph
from graphseq.nn.convolutional.layered import LayerStack


class Transformer(LayerStack):
    r"""A transformer encoder over the rows of each graph, with positional encodings of their times.

    .. math:: H^{(0)} = X W + b + P, \qquad
              H' = H + \mathrm{MHA}(\mathrm{LN}(H)), \qquad H'' = H' + \mathrm{MLP}(\mathrm{LN}(H'))

    A row attends to all rows of its graph or, if ``causal``, to those of its own time and before. Edges are not read.
    P are the sines and cosines of the rank of a row's time among the times of its graph, so that the order of times
    counts and their values do not; nodes have no encoding, so that their numbers do not matter.

    Args:
        in_channels: F.
        hidden_channels: H.
        num_layers: L.
        heads: the number of attention heads, of H / heads channels each.
        causal: attend to no later row.
        dropout: the share of entries that are set to 0 after attention and MLP in training, drawn from torch's own
            generator.

    Shapes: graph of V rows → (V, H). Memory grows with the square of the rows of the largest graph of a batch.

    Raises:
        ValueError: a size below 1, ``heads`` that do not divide H, or ``dropout`` outside 0 to 1.

    Source: Vaswani et al., *Attention is all you need* (2017), with the norm before each part as in Xiong et al., *On
    layer normalization in the transformer architecture* (2020), and GELU.

    Example:
        >>> import graphseq as gs, torch
        >>> sequence = gs.from_sequence(torch.eye(3))
        >>> Transformer(3, 8)(sequence).shape
        torch.Size([3, 8])
        >>> Transformer(3, 8, causal=True).reach(sequence, torch.tensor([1])).tolist()
        [[True, True, False]]
    """

    @checked_arguments
    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        num_layers: int = 2,
        *,
        heads: int = 4,
        causal: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(in_channels, hidden_channels, num_layers, causal=causal)
        self.heads, dropout = _checks.at_least("heads", heads, 1), _checks.between("dropout", dropout, 0, 1)
        if hidden_channels % heads:
            raise ValueError(f"hidden_channels must be a multiple of heads={heads}, got {hidden_channels}")
        self.lin = nn.Linear(in_channels, hidden_channels)
        self.blocks = nn.ModuleList(_Block(hidden_channels, self.heads, dropout) for _ in range(num_layers))
        self.norm = nn.LayerNorm(hidden_channels)

    def layers(self, graph: SpaceTimeGraph, x: Tensor) -> Iterator[Tensor]:
        """Yield the states after the first map, after each layer and after the last norm, from features (V, F)."""
        batch = graph.get("batch")
        key = ("attention", self.causal, None if batch is None else batch.cpu().numpy().tobytes())
        layout, mask, rank = graph.topology.keep(key, lambda: _prepared(graph, self.causal))
        h = self.lin(x) + _encoding(rank, self.hidden_channels).to(x.dtype)
        yield h
        for block in self.blocks:
            h = block(h, layout, mask)
            yield h
        yield self.norm(h)

    @checked_arguments
    def reach(self, graph: SpaceTimeGraph, rows: Tensor) -> Tensor:
        """All rows of the graph; if ``causal``, those up to the row's own time, (K, V)."""
        rows = _checks.rows("rows", rows, graph.num_rows)
        owner, time = graph.graph_index, graph.time
        field = owner[rows][:, None] == owner
        return (field & (time <= time[rows][:, None]) if self.causal else field).cpu()


def _prepared(graph: SpaceTimeGraph, causal: bool) -> tuple[_Layout, Tensor, Tensor]:
    """The layout of the rows, the mask of attention, and the rank of each row's time."""
    owner, rank = graph.graph_index, _rank(graph)
    order = owner.argsort(stable=True)
    sizes = torch.bincount(owner, minlength=graph.num_graphs)
    place = torch.empty_like(order)
    first = (sizes.cumsum(0) - sizes)[owner[order]]
    place[order] = torch.arange(len(order), device=order.device) - first
    layout = _Layout(owner, place, graph.num_graphs, int(sizes.max()))
    return layout, layout.mask(rank if causal else None), rank


class _Layout:
    """The places of V rows in a dense tensor (B, R, ·) of as many rows as the largest graph has."""

    def __init__(self, owner: Tensor, place: Tensor, graphs: int, rows: int) -> None:
        self.owner, self.place, self.graphs, self.rows = owner, place, graphs, rows

    def dense(self, x: Tensor) -> Tensor:
        """Rows (V, …) in the dense tensor (B, R, …), 0 where there is none."""
        out = x.new_zeros(self.graphs, self.rows, *x.shape[1:])
        filled: Tensor = out.index_put((self.owner, self.place), x)
        return filled

    def mask(self, rank: Tensor | None) -> Tensor:
        """The rows that each row attends to, (B, 1, R, R) of ``bool``; with ranks of time, none of a higher rank."""
        present = self.dense(torch.ones_like(self.owner, dtype=torch.bool))
        # A place without a row attends to itself, since a softmax over nothing is NaN.
        seen = present[:, None, :] | torch.eye(self.rows, dtype=torch.bool, device=present.device)
        if rank is not None:
            ranks = self.dense(rank)
            seen = seen & (ranks[:, None, :] <= ranks[:, :, None])
        return seen[:, None]


class _Block(nn.Module):
    """One layer: attention and a network on each row, each after a norm and added to what it reads."""

    def __init__(self, channels: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.norm_attention, self.norm_mlp = nn.LayerNorm(channels), nn.LayerNorm(channels)
        # A bias of keys would change no weight of attention: it adds the same to all.
        self.query, self.key = nn.Linear(channels, channels), nn.Linear(channels, channels, bias=False)
        self.value, self.out = nn.Linear(channels, channels), nn.Linear(channels, channels)
        self.mlp = nn.Sequential(nn.Linear(channels, 4 * channels), nn.GELU(), nn.Linear(4 * channels, channels))
        self.dropout = nn.Dropout(dropout)

    def forward(self, h: Tensor, layout: _Layout, mask: Tensor) -> Tensor:
        x = self.norm_attention(h)
        parts = (self.query(x), self.key(x), self.value(x))
        query, key, value = (layout.dense(part.unflatten(1, (self.heads, -1))).transpose(1, 2) for part in parts)
        scores = query @ key.transpose(2, 3) * query.shape[3] ** -0.5
        mixed = scores.masked_fill(~mask, -torch.inf).softmax(dim=3) @ value
        read = mixed.transpose(1, 2)[layout.owner, layout.place].flatten(1)
        h = h + self.dropout(self.out(read))
        out: Tensor = h + self.dropout(self.mlp(self.norm_mlp(h)))
        return out


def _rank(graph: SpaceTimeGraph) -> Tensor:
    """The rank of each row's time among the times of its graph, (V,)."""
    times, owner = graph.topology.times, graph.graph_index
    moment = owner * len(times) + torch.searchsorted(times, graph.time)
    distinct, index = moment.unique(return_inverse=True)
    rank: Tensor = index - torch.searchsorted(distinct, owner * len(times))
    return rank


def _encoding(rank: Tensor, channels: int) -> Tensor:
    """Sines and cosines of ranks at wavelengths from 2π to 10,000 · 2π, (V, H)."""
    half = (channels + 1) // 2
    rate = torch.exp(torch.arange(half, device=rank.device, dtype=torch.float64) * (-9.210340371976184 / half))
    angle = rank[:, None].double() * rate
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)[:, :channels]
