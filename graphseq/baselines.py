"""What every result is held against: the best constant, and for text the counts of single characters and of pairs."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graphseq import seeding
from graphseq.graph import SpaceTimeGraph
from graphseq.tasks.base import Task
from graphseq.tasks.characters import Characters


class Constant(nn.Module):
    r"""The same answer to everything: class frequencies :math:`p_c = (n_c + 1) / \sum_k (n_k + 1)`, as logits.

    Args:
        counts: how often each class was the answer, (C,).

    Example:
        >>> import graphseq as gs, torch
        >>> Constant(torch.tensor([3, 0]))(gs.from_sequence(torch.zeros(1, 1))).exp()
        tensor([[0.8000, 0.2000]])
    """

    logits: Tensor

    def __init__(self, counts: Tensor) -> None:
        super().__init__()
        smooth = counts.to(torch.get_default_dtype()) + 1
        self.register_buffer("logits", (smooth / smooth.sum()).log())

    @classmethod
    def of(cls, task: Task, *, samples: int = 10_000, seed: int = 0) -> Constant:
        """The constant that a sample of a task's answers suggests; for text the counts of all its characters."""
        if isinstance(task, Characters):
            return cls(torch.bincount(task.tokens, minlength=task.out_channels))
        generator = torch.Generator().manual_seed(seeding.derive(seed, seeding.BUILD))
        return cls(torch.bincount(task.batch(samples, generator).y, minlength=task.out_channels))

    def forward(self, graph: SpaceTimeGraph) -> Tensor:
        """Log frequencies, (K, C)."""
        return self.logits.expand(len(graph.target_rows), -1)


class Bigram(nn.Module):
    r"""The next character from the last one: :math:`p_{b|a} = (n_{ab} + 1) / \sum_k (n_{ak} + 1)`, as logits.

    Args:
        task: the text to count pairs in.
    """

    logits: Tensor

    def __init__(self, task: Characters) -> None:
        super().__init__()
        size = task.out_channels
        pairs = torch.bincount(task.tokens[:-1] * size + task.tokens[1:], minlength=size * size)
        smooth = pairs.view(size, size).to(torch.get_default_dtype()) + 1
        self.register_buffer("logits", (smooth / smooth.sum(dim=1, keepdim=True)).log())

    def forward(self, graph: SpaceTimeGraph) -> Tensor:
        """Log frequencies, (K, C)."""
        return self.logits[graph.x[graph.target_rows]]
