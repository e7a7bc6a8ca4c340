"""A test that the graphs of a batch do not read each other."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def are_apart(answers: Callable[[Tensor], Tensor], values: Tensor, lines: Tensor, answer_graphs: Tensor) -> bool:
    """Return True if no answer of a graph changes with the lines of another graph.

    The graphs whose number has a bit are changed together, and those that lack it must not notice; then the other way
    round: two evaluations a bit tell all ordered pairs of graphs apart.

    Args:
        answers: a function from values (n, F) to answers (K, C).
        values: the lines of all graphs, (n, F).
        lines: the graph of each line, (n,).
        answer_graphs: the graph of each answer, (K,).
    """
    noise = torch.randn(values.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(values)
    changed = values + noise * values.abs().max().clamp(min=1.0)
    bits = max(1, int(lines.max()).bit_length()) if len(lines) else 0
    with torch.no_grad():
        before = answers(values)
        for bit in range(bits):
            for side in (0, 1):
                is_moved = (lines >> bit) & 1 == side
                after = answers(torch.where(is_moved[:, None], changed, values))
                is_still = (answer_graphs >> bit) & 1 != side
                if not torch.equal(after[is_still], before[is_still]):
                    return False
    return True
