"""A model: an optional transform of the graph, an encoder, and a head."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy

import torch
from torch import Tensor

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq.data.graph import SpaceTimeGraph
from graphseq.nn.encoder import Encoder
from graphseq.nn.heads import GraphHead, Head, RowHead
from graphseq.nn.recipe import Rebuildable
from graphseq.nn.recorded import OF_ANSWERS, compiled, compiles


class Model(Rebuildable):
    """An encoder and a head: ``model(graph)`` is (K, C), one output a target row or a pair, or (B, C), one a graph.

    Args:
        encoder: any :class:`~graphseq.nn.Encoder`.
        out_channels: C.
        transform: a function from graph to graph, applied before the encoder, that keeps the targets and their order,
            such as :func:`graphseq.transforms.grow`; ``None`` to read the graph as it is.
        pool: "mean", "sum" or "max" for one output a graph; ``None`` for one output a target row.
        head: a factory of another :class:`~graphseq.nn.heads.Head`, called with H and C, such as
            :class:`~graphseq.nn.PairHead` for one output a pair of rows.

    Raises:
        TypeError: ``encoder`` is not an encoder, or ``head`` returns something other than a head.
        ValueError: ``out_channels`` below 1, an unknown ``pool``, or both a ``pool`` and a ``head``.

    Example:
        >>> import graphseq as gs, torch
        >>> model = gs.nn.Model(gs.nn.GCNLSTM(1, 8), 2, transform=gs.transforms.grow)
        >>> model(gs.from_sequence(torch.zeros(4, 1))).shape
        torch.Size([4, 2])
    """

    @checked_arguments
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

    def __str__(self) -> str:
        """Torch's tree of modules, then the number of parameters, and the transform where there is one."""
        count = sum(parameter.numel() for parameter in self.parameters())
        name = getattr(self.transform, "__name__", type(self.transform).__name__)
        return f"{self!r}\n{count:,} parameters" + ("" if self.transform is None else f", transform={name}")

    @property
    def causal(self) -> bool:
        """True if an output depends on no later row."""
        return self.encoder.causal and self.head.causal

    def forward(self, graph: SpaceTimeGraph) -> Tensor:
        """Compute the outputs (K, C) or (B, C)."""
        if isinstance(graph, SpaceTimeGraph) and compiles(self):
            return compiled(self, graph, OF_ANSWERS)
        transformed = graph if self.transform is None else self.transform(graph)
        return self.head(self.encoder(transformed), transformed)  # type: ignore[no-any-return]

    @checked_arguments
    def reach(self, graph: SpaceTimeGraph) -> Tensor:
        """The receptive field of each output, from structure alone: (K, V) or (B, V) of ``bool``.

        It is where the Jacobian of the outputs can be non-zero. For almost all weights it is non-zero there, except
        that a maximum over rows has a gradient in the largest only.
        """
        numbered = copy(graph)
        numbered["x"] = torch.arange(graph.num_nodes, device=graph.node.device)
        transformed = numbered if self.transform is None else self.transform(numbered)
        fields = self.head.reach(lambda rows: self.encoder.reach(transformed, rows), transformed)
        return _per_origin(fields, transformed.x.cpu(), graph.num_nodes)


def _head(width: int, out_channels: int, pool: str | None, make: Callable[[int, int], Head] | None) -> Head:
    if make is None:
        return RowHead(width, out_channels) if pool is None else GraphHead(width, out_channels, pool)  # type: ignore[arg-type]
    if pool is not None:
        raise ValueError(f"pool={pool!r} and a head were both given; a model has one head")
    head = _checks.made("head", make, width, out_channels)
    if not isinstance(head, Head):
        raise TypeError(f"head must return a graphseq.nn.heads.Head, but returned a {type(head).__name__}")
    return head


def _per_origin(fields: Tensor, origin: Tensor, size: int) -> Tensor:
    """The receptive fields in the rows before a transform: a row is in one if any of its copies is.

    A row whose number is below 0, such as a virtual node, shows none of them.
    """
    counts = torch.zeros(len(fields), size, dtype=torch.long)
    shows = origin >= 0
    return counts.index_add_(1, origin[shows], fields[:, shows].long()) > 0
