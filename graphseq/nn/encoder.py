"""The contract of every encoder: one state a row, and an exact word on which rows can change which states."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from graphseq import _checks
from graphseq.data.graph import SpaceTimeGraph
from graphseq.nn.trace import Trace


class Encoder(nn.Module, ABC):
    """A module that gives each row of a graph a state: ``encoder(graph)`` is (V, H).

    A new family is a subclass with :meth:`encode` and :meth:`reach`; ``tests/nn/test_contract.py`` runs its suite over
    it once it is listed there.

    Args:
        in_channels: F, or the number of token kinds where x holds tokens.
        hidden_channels: H.
        causal: whether no later row can change an earlier state.
    """

    def __init__(self, in_channels: int, hidden_channels: int, *, causal: bool) -> None:
        super().__init__()
        self.in_channels = _checks.at_least("in_channels", in_channels, 1)
        self.hidden_channels = _checks.at_least("hidden_channels", hidden_channels, 1)
        self.causal = causal

    def forward(self, graph: SpaceTimeGraph) -> Tensor:
        """States (V, H) of the rows of ``graph``.

        Raises:
            ValueError: the graph has no rows, features of another width, or tokens out of range.
        """
        return self.encode(graph, self._features(graph.x))

    @abstractmethod
    def encode(self, graph: SpaceTimeGraph, x: Tensor) -> Tensor:
        """States (V, H) from features x (V, F); tokens have become one-hot rows."""

    @abstractmethod
    def reach(self, graph: SpaceTimeGraph, rows: Tensor) -> Tensor:
        """Which inputs can change the states of ``rows`` (K,), from structure alone: (K, V) of ``bool``."""

    def trace(self, graph: SpaceTimeGraph) -> Trace:
        """What the encoder holds on its way, for instruments that look inside.

        An encoder that does not say shows both its ends, as if it were one layer. The features, the first state of a
        trace of layers, are cut off from whatever they were computed from.
        """
        x = self._cut(graph)
        out = self.encode(graph, x)
        return Trace("layer", [x, out], out)

    def _cut(self, graph: SpaceTimeGraph) -> Tensor:
        return self._features(graph.x).detach().requires_grad_()

    def _features(self, x: Tensor) -> Tensor:
        name = type(self).__name__
        if x.shape[0] == 0:
            raise ValueError(f"{name} got a graph without rows; a batch needs at least one row")
        if x.dim() == 1:
            if int(x.max()) >= self.in_channels or int(x.min()) < 0:
                bad = int(x.max()) if int(x.max()) >= self.in_channels else int(x.min())
                raise ValueError(f"{name} has in_channels={self.in_channels}, but x holds token {bad}")
            weight = next(self.parameters())
            return torch.nn.functional.one_hot(x.long(), self.in_channels).to(weight.dtype)
        if x.shape[1] != self.in_channels:
            raise ValueError(f"{name} has in_channels={self.in_channels}, but x has {x.shape[1]} features a row")
        return x
