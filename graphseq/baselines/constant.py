"""Baselines of every task: the best constant output, and for text the frequencies of characters and of pairs."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graphseq import _checks, seeding
from graphseq._arguments import checked_arguments
from graphseq.data.graph import SpaceTimeGraph
from graphseq.tasks.base import Task
from graphseq.tasks.characters import Characters
from graphseq.tasks.graphs import Collection

BATCH = 1000
"""Graphs in memory at a time."""


class Constant(nn.Module):
    """A model that gives the same output for every input: the best that is possible without reading the input.

    Args:
        output: logits of C classes, or C numbers, (C,).
        per_graph: give one output a graph, instead of one a target row.

    Raises:
        ValueError: an output of another shape.

    Example:
        >>> import graphseq as gs, torch
        >>> Constant(torch.tensor([0.5, 2.0]))(gs.from_sequence(torch.zeros(3, 1)))
        tensor([[0.5000, 2.0000],
                [0.5000, 2.0000],
                [0.5000, 2.0000]])
    """

    output: Tensor

    @checked_arguments
    def __init__(self, output: Tensor, *, per_graph: bool = False) -> None:
        super().__init__()
        self.per_graph = per_graph
        if _checks.is_tensor("output", output).dim() != 1:
            raise ValueError(f"output must have shape (C,), got {tuple(output.shape)}")
        self.register_buffer("output", output)

    @classmethod
    @checked_arguments
    def of(cls, task: Task, *, samples: int = 10_000, seed: int = 0) -> Constant:
        """The constant of least loss on a sample of a task's answers; for text or a data set, on all of them.

        Args:
            task: by its ``best_constant``: for classes the log of their smoothed shares, for numbers their mean.
            samples: graphs in the sample; a data set is taken whole.
            seed: of the sample, which is apart from those of training and evaluation.

        Example:
            >>> import graphseq as gs
            >>> abs(float(Constant.of(gs.tasks.Adding(length=20)).output) - 1) < 0.02
            True
        """
        samples = _checks.at_least("samples", samples, 1)
        if isinstance(task, Characters):
            return cls(task.best_constant(task.tokens))
        if isinstance(task, Collection):
            return cls(task.best_constant(task.answers), per_graph=task.per_graph)
        generator = torch.Generator().manual_seed(seeding.derive(seed, seeding.BUILD))
        sizes = [min(BATCH, samples - start) for start in range(0, samples, BATCH)]
        y = torch.cat([task.batch(size, generator).y for size in sizes])
        return cls(task.best_constant(y), per_graph=task.per_graph)

    @checked_arguments
    def forward(self, graph: SpaceTimeGraph) -> Tensor:
        """The output for each target row or graph, (K, C)."""
        return self.output.expand(graph.num_graphs if self.per_graph else len(graph.target_rows), -1)


class Bigram(nn.Module):
    r"""A model of the next character b given the last one a, as logits.

    .. math:: p_{b|a} = (n_{ab} + 1) / \sum_k (n_{ak} + 1)

    Args:
        task: the text whose pairs of characters are counted.

    Example:
        >>> import graphseq as gs
        >>> task = gs.tasks.Characters("abababab", length=3)
        >>> Bigram(task)(task.batch(1, torch.Generator())).argmax(1).tolist()  # after a comes b, after b comes a
        [1, 0, 1]
    """

    logits: Tensor

    @checked_arguments
    def __init__(self, task: Characters) -> None:
        super().__init__()
        size = task.out_channels
        pairs = torch.bincount(task.tokens[:-1] * size + task.tokens[1:], minlength=size * size)
        smooth = pairs.view(size, size).to(torch.get_default_dtype()) + 1
        self.register_buffer("logits", (smooth / smooth.sum(dim=1, keepdim=True)).log())

    @checked_arguments
    def forward(self, graph: SpaceTimeGraph) -> Tensor:
        """Log frequencies, (K, C)."""
        x, size = graph.get("x"), len(self.logits)
        if not isinstance(x, Tensor) or x.dim() != 1 or x.is_floating_point():
            raise ValueError(f"graph must hold characters, tokens x of shape (V,); got {_checks.shown(x)}")
        if x.numel() and not 0 <= int(x.min()) <= int(x.max()) < size:
            raise ValueError(f"graph must hold tokens 0 to {size - 1} in x, got {int(x.min())} to {int(x.max())}")
        return self.logits[x[graph.target_rows]]
