"""The model and the data of a diagnosis, kept as they were for the figures of its report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from graphseq.reach.diagnosis.problem import Sample


@dataclass(frozen=True)
class Subject:
    """A copy of the model, a sample of its data, and the loss."""

    model: nn.Module
    sample: Sample
    loss: Callable[[Tensor, Tensor], Tensor]
    seed: int = 0
