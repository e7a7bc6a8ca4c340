"""Influence of each row on an answer of any model: by derivatives, or by exchange where inputs are integers."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graphseq.reach.diagnosis.problem import Sample
from graphseq.reach.report.layers import recorded

_EXACT = 8  # channels up to which each has a backward pass of its own; of more, as many random directions
_MOST_EXCHANGED = 200  # rows of integers that are exchanged one by one
_NOISE = 0.3  # of the root mean square of the features, so that no unit of ReLU stays at its kink


def point(sample: Sample, generator: torch.Generator) -> Tensor:
    """Features like the data's with a little noise; integers as they are."""
    if not sample.x.is_floating_point():
        return sample.x
    scale = float(sample.x.square().mean().sqrt()) or 1.0
    noise = torch.randn(sample.x.shape, generator=generator, dtype=torch.float64)
    return sample.x + _NOISE * scale * noise.to(sample.x)


def row_influence(
    model: nn.Module, sample: Sample, answers: Tensor, x: Tensor, generator: torch.Generator
) -> Tensor | None:
    r"""Compute the influence of every row on some answers, the Frobenius norms of the blocks of the Jacobian.

    Of integer features, the size of the change of the answer where the row's input is that of another row.

    Args:
        model: in evaluation mode.
        sample: the rows.
        answers: their numbers, (k,).
        x: the features at which to measure.
        generator: of random directions, of answers of more than 8 channels.

    Returns:
        (k, V) in float64; ``None`` for integers of more than 200 rows a graph.
    """
    if not x.is_floating_point():
        return _by_exchange(model, sample, answers, x)
    leaf = x.detach().clone().requires_grad_()
    out = sample.run(model, leaf)
    return _norms(out.reshape(len(out), -1), answers, leaf, generator)


def state_influence(
    model: nn.Module, sample: Sample, rows: Tensor, x: Tensor, generator: torch.Generator
) -> tuple[str, Tensor] | None:
    """Compute the influence of every row on the last state of some rows, such as that before a pooling.

    Args:
        model: in evaluation mode.
        sample: the rows.
        rows: the numbers of some rows, (k,).
        x: the features at which to measure.
        generator: of random directions, of states of more than 8 channels.

    Returns:
        The name of the state, and (k, V) in float64; ``None`` of integers and where no layer has one line a row.
    """
    if not x.is_floating_point():
        return None
    leaf, _, found = recorded(model, sample, x)
    if len(found) < 2:
        return None
    name, _, lines = found[-1]
    return name, _norms(lines, rows, leaf, generator)


def _norms(out: Tensor, lines: Tensor, leaf: Tensor, generator: torch.Generator) -> Tensor:
    """The norms of the Jacobian of some lines (k,) of out (n, C) in each row of the leaf, (k, V)."""
    found = []
    for line in lines.tolist():
        squares = torch.zeros(len(leaf), dtype=torch.float64)
        for direction in _directions(out.shape[1], generator).to(out):
            squares += _squares(out[line] @ direction, leaf) if out.requires_grad else 0.0
        found.append(squares.sqrt())
    return torch.stack(found)


def _directions(channels: int, generator: torch.Generator) -> Tensor:
    if channels <= _EXACT:
        return torch.eye(channels)
    signs = torch.randint(0, 2, (_EXACT, channels), generator=generator) * 2.0 - 1
    directions: Tensor = signs / _EXACT**0.5
    return directions


def _squares(scalar: Tensor, leaf: Tensor) -> Tensor:
    gradient = torch.autograd.grad(scalar, leaf, retain_graph=True, allow_unused=True)[0]
    if gradient is None:
        return torch.zeros(len(leaf), dtype=torch.float64)
    return gradient.detach().double().square().flatten(1).sum(dim=1).cpu()


def _by_exchange(model: nn.Module, sample: Sample, answers: Tensor, x: Tensor) -> Tensor | None:
    owner = sample.rows.owner
    rows = torch.isin(owner, sample.rows.graphs[answers]).nonzero()[:, 0]
    if len(rows) > _MOST_EXCHANGED:
        return None
    values = x.unique(dim=0)
    result = torch.zeros(len(answers), len(x), dtype=torch.float64)
    with torch.no_grad():
        base = sample.run(model, x)
        for row in rows.tolist():
            other = next((value for value in values if not torch.equal(value, x[row])), None)
            if other is None:
                continue
            moved = x.clone()
            moved[row] = other
            change = (sample.run(model, moved) - base).reshape(len(base), -1)
            result[:, row] = torch.linalg.vector_norm(change[answers].double(), dim=1)
    return result
