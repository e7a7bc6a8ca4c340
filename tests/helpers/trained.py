"""Small tasks and models that are trained in tests, some of which break on purpose."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict

import pytest
import torch
from torch import Tensor, nn

from graphseq import History, SpaceTimeGraph, fit
from graphseq.nn import GCN, MLP, Model
from graphseq.tasks import Transfer
from graphseq.training.optim import OPTIMIZERS

each_optimizer = pytest.mark.parametrize("optimizer", OPTIMIZERS)
TORCHS: dict[str, Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]] = {
    "SGD": lambda p: torch.optim.SGD(p, lr=0.01),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9),
    "RMSprop": lambda p: torch.optim.RMSprop(p, lr=0.01),
    "Adam": lambda p: torch.optim.Adam(p, lr=0.01, fused=True),
    "AdamW": lambda p: torch.optim.AdamW(p, lr=0.01, fused=True),
}


class Recorder(Transfer):
    """Keeps the batches that it gave, and fails at the one of number ``stop_at``."""

    def __init__(self, stop_at: int | None = None) -> None:
        super().__init__(3)
        self.given: list[SpaceTimeGraph] = []
        self.stop_at = stop_at

    @property
    def config(self) -> dict[str, object]:
        """That of a plain task, whatever the batch to fail at."""
        return super().config

    def batch(self, size: int, generator: torch.Generator) -> SpaceTimeGraph:
        if len(self.given) == self.stop_at:
            raise KeyboardInterrupt
        self.given.append(super().batch(size, generator))
        return self.given[-1]


class Scored(Transfer):
    """Every answer scores the same."""

    def __init__(self, value: float) -> None:
        super().__init__(2)
        self.value = value

    def score(self, output: Tensor, y: Tensor) -> Tensor:
        return torch.full((len(y),), float(self.value))


class Still(Transfer):
    """The same batch each time."""

    def batch(self, size: int, generator: torch.Generator) -> SpaceTimeGraph:
        return super().batch(size, torch.Generator().manual_seed(0))


class Breaking(Transfer):
    """Its loss is a sound one three times; the fourth is what ``breaks`` makes of the output."""

    def __init__(self, breaks: Callable[[Tensor], Tensor]) -> None:
        super().__init__(2)
        self.breaks = breaks
        self.losses = 0

    def loss(self, output: Tensor, y: Tensor) -> Tensor:
        self.losses += 1
        return self.breaks(output) if self.losses == 4 else super().loss(output, y)


class Reshaped(nn.Module):
    """A model whose outputs are reshaped."""

    def __init__(self, change: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.model, self._change = mlp(), change

    def forward(self, graph: SpaceTimeGraph) -> Tensor:
        return self._change(self.model(graph))


def mlp() -> Model:
    torch.manual_seed(0)
    return Model(MLP(10, 4), 10)


def dropping(seed: int = 0) -> Model:
    torch.manual_seed(seed)
    return Model(GCN(10, 8, 2, norm=lambda _: nn.Dropout(0.4)), 10)


def weights(model: nn.Module) -> list[Tensor]:
    return [value.clone() for value in model.state_dict().values()]


def same(a: list[Tensor], b: list[Tensor]) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def but_seconds(history: History) -> dict[str, object]:
    return {**asdict(history), "seconds": None}


def batches(model: nn.Module, steps: int, seed: int, lr: float = 0.01) -> list[tuple[Tensor, Tensor]]:
    task = Recorder()
    fit(model, task, steps=steps, batch_size=7, lr=lr, seed=seed)
    return [(graph.x, graph.y) for graph in task.given]
