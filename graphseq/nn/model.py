"""A model: a reading of the data, an encoder, and a head."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy

import torch
from torch import Tensor, nn

from graphseq.data.graph import SpaceTimeGraph
from graphseq.nn.encoder import Encoder
from graphseq.nn.heads import GraphHead, Head, RowHead


class Model(nn.Module):
    """An encoder and a head: ``model(graph)`` is (K, C), one output a target row or a pair, or (B, C), one a graph.

    Args:
        encoder: any :class:`~graphseq.nn.Encoder`.
        out_channels: C.
        transform: how the encoder reads the data, such as :func:`graphseq.transforms.grow`: a function from graph to
            graph that keeps the targets and their order. Without it, as they are.
        pool: "mean", "sum" or "max" for one output a graph; without it, one a target row.
        head: in place of these, what makes the head from H and C: a :class:`~graphseq.nn.heads.Head`, such as
            :class:`~graphseq.nn.PairHead` for one output a pair of rows.

    Raises:
        TypeError: ``encoder`` is not an encoder, or ``head`` makes no head.
        ValueError: ``out_channels`` below 1, an unknown ``pool``, or both a ``pool`` and a ``head``.

    Example:
        >>> import graphseq as gs, torch
        >>> model = gs.nn.Model(gs.nn.GCNLSTM(1, 8), 2, transform=gs.transforms.grow)
        >>> model(gs.from_sequence(torch.zeros(4, 1))).shape
        torch.Size([4, 2])
    """

    def __init__(
        self,
        encoder: Encoder,
        out_channels: int,
        *,
        transform: Callable[[SpaceTimeGraph], SpaceTimeGraph] | None = None,
        pool: str | None = None,
        head: Callable[[int, int], Head] | None = None,
    ) -> None:
        super().__init__()
        if not isinstance(encoder, Encoder):
            raise TypeError(f"encoder must be a graphseq.nn.Encoder, got {type(encoder).__name__}")
        self.encoder = encoder
        self.transform = transform
        self.head = _head(encoder.hidden_channels, out_channels, pool, head)

    @property
    def causal(self) -> bool:
        """Whether no later row can change an earlier output."""
        return self.encoder.causal and self.head.causal

    def forward(self, graph: SpaceTimeGraph) -> Tensor:
        """Outputs (K, C) or (B, C)."""
        seen = graph if self.transform is None else self.transform(graph)
        return self.head(self.encoder(seen), seen)  # type: ignore[no-any-return]

    def reach(self, graph: SpaceTimeGraph) -> Tensor:
        """Which rows of ``graph`` can change which output, from structure alone: (K, V) or (B, V) of ``bool``.

        This is where the Jacobian of the outputs in the inputs can be other than zero; it is, for almost all weights,
        except that a maximum over rows passes on only the largest.
        """
        numbered = copy(graph)
        numbered["x"] = torch.arange(graph.num_nodes, device=graph.node.device)
        seen = numbered if self.transform is None else self.transform(numbered)
        found = self.head.reach(lambda rows: self.encoder.reach(seen, rows), seen)
        return _per_origin(found, seen.x.cpu(), graph.num_nodes)


def _head(width: int, out_channels: int, pool: str | None, make: Callable[[int, int], Head] | None) -> Head:
    if make is None:
        return RowHead(width, out_channels) if pool is None else GraphHead(width, out_channels, pool)  # type: ignore[arg-type]
    if pool is not None:
        raise ValueError(f"pool={pool!r} and a head were both given; a model has one head")
    head = make(width, out_channels)
    if not isinstance(head, Head):
        raise TypeError(f"head must make a graphseq.nn.heads.Head, but made a {type(head).__name__}")
    return head


def _per_origin(found: Tensor, origin: Tensor, size: int) -> Tensor:
    """A transform may show one input at several rows: it is within reach if any of them is."""
    counts = torch.zeros(len(found), size, dtype=torch.long)
    return counts.index_add_(1, origin, found.long()) > 0
