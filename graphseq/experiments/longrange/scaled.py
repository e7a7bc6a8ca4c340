"""A model whose outputs are in the units of the answers from the first step on."""

from __future__ import annotations

from typing import Self

import torch
from torch import Tensor, nn

from graphseq.data.graph import SpaceTimeGraph


class Scaled(nn.Module):
    r"""A model's outputs moved and scaled to the answers' mean and standard deviation: :math:`o = \mu + \sigma\, m(g)`.

    Without it, a head whose outputs begin near 0 takes thousands of steps to reach answers of 30 hops.

    Args:
        inner: the model.
        mean: µ, (C,).
        std: σ, (C,).
    """

    mean: Tensor
    std: Tensor

    def __init__(self, inner: nn.Module, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        self.inner = inner
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)

    @classmethod
    def to_answers(cls, inner: nn.Module, y: Tensor) -> Self | nn.Module:
        """Return the model scaled to answers of a training part, (K, C); of classes, the model as it is."""
        if not y.is_floating_point():
            return inner
        std = y.std(dim=0, correction=0)
        return cls(inner, y.mean(dim=0), torch.where(std > 0, std, 1.0))

    def forward(self, graph: SpaceTimeGraph) -> Tensor:
        """Return the outputs in the units of the answers, (K, C)."""
        output: Tensor = self.mean + self.std * self.inner(graph)
        return output
