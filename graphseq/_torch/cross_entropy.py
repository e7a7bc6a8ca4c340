r"""The mean cross-entropy of many rows, and its gradient, in one pass over blocks of rows that fit in cache.

.. math:: \mathcal L = -\frac{1}{K} \sum_k \log p_{k y_k}, \qquad
          \frac{\partial \mathcal L}{\partial o_k} = \frac{1}{K} (p_k - e_{y_k}), \qquad p_k = \mathrm{softmax}(o_k)

Torch's own keeps log p (K, C) and makes the gradient anew; with a million rows the fresh pages for both take longer
than the numbers.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from graphseq._torch import compat
from graphseq._torch.buffers import LARGE, Workspace

BLOCK = 2**20  # bytes of outputs that are there at a time
IGNORED = torch.iinfo(torch.long).min  # in place of torch's -100, which would be left out without a word
SURE = 1e-30  # probabilities below are worked out anew, as logarithms


def mean_cross_entropy(output: Tensor, y: Tensor, workspace: Workspace) -> Tensor:
    """The mean over rows of the cross-entropy, output (K, C) against classes y (K,), in nats.

    Torch's own where the output is not large, and where derivatives are asked for that this lacks.

    Args:
        output: before the softmax.
        y: classes.
        workspace: lends the memory of the gradient.

    Raises:
        ValueError: a class without a column.
    """
    if (
        output.numel() * output.element_size() < LARGE
        or output.device.type != "cpu"
        or output.dtype not in (torch.float32, torch.float64)
        or y.dtype != torch.long
        or not output.requires_grad
        or not len(output)
        or y.shape != output.shape[:1]
        or torch.compiler.is_compiling()
        or compat.transforms_active()
        or compat.is_dual(output)
        or int(y.min()) < 0  # torch's own has a meaning for some of these
    ):
        try:
            return cross_entropy(output, y, ignore_index=IGNORED)
        except IndexError as error:
            low, high, classes = int(y.min()), int(y.max()), output.shape[1]
            raise ValueError(
                f"y must hold classes 0 to {classes - 1}, of the {classes} columns of output; got {low} to {high}"
            ) from error
    return _CrossEntropy.apply(output, y, workspace)  # type: ignore[no-any-return, no-untyped-call]


class _CrossEntropy(torch.autograd.Function):
    """The function. Its gradient is there with its value, and is torch's where it is differentiated in turn."""

    @staticmethod
    def forward(ctx: Any, output: Tensor, y: Tensor, workspace: Workspace) -> Tensor:
        grad, loss = _both(output, y, workspace)
        ctx.save_for_backward(output, y)
        ctx.workspace = workspace
        ctx.grad = grad  # given away once, so that whoever has it may write to it
        return loss

    @staticmethod
    def backward(ctx: Any, of_loss: Tensor) -> tuple[Tensor, None, None]:
        output, y = ctx.saved_tensors
        if torch.is_grad_enabled() or compat.is_batched_gradient(of_loss) or compat.transforms_active():
            with torch.enable_grad():
                alias = output.view_as(output)
                (gradient,) = torch.autograd.grad(cross_entropy(alias, y), alias, of_loss, create_graph=True)
            return gradient, None, None
        grad, ctx.grad = ctx.grad, None
        if grad is None:
            grad, _ = _both(output, y, ctx.workspace)
        return grad if float(of_loss) == 1 else grad * of_loss, None, None


def _both(output: Tensor, y: Tensor, workspace: Workspace) -> tuple[Tensor, Tensor]:
    """The gradient of the mean, in memory that is lent, and the mean."""
    grad = workspace.take(output, *output.shape)
    loss = output.new_zeros((), dtype=torch.float64)
    rows = max(1, BLOCK // (output.shape[1] * output.element_size()))
    with torch.inference_mode():
        for o, c, p in zip(output.split(rows), y.unsqueeze(1).split(rows), grad.split(rows), strict=True):
            loss -= _block(o, c, p, len(output))
    return grad, (loss / len(output)).to(output.dtype)


def _block(output: Tensor, y: Tensor, into: Tensor, count: int) -> Tensor:
    """The sum of log p over some rows, and their gradient of the mean over ``count``, written to ``into``."""
    torch.softmax(output, 1, out=into)
    right = into.gather(1, y)
    log = right.log() if bool(right.min() > SURE) else torch.log_softmax(output, 1).gather(1, y)
    into.scatter_add_(1, y, into.new_full((1, 1), -1.0).expand_as(y)).mul_(1 / count)
    return log.sum(dtype=torch.float64)
