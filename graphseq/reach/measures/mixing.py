"""Pairwise mixing: the second derivatives of an output in the features of two nodes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from graphseq import _checks
from graphseq.reach.jacobian import Jacobian
from graphseq.reach.probe.norms import TooLargeError, reduced

_NORM = {"max": "max", "sum": "l1"}  # of the second derivatives of one feature in those of a row


def pairwise_mixing(
    function: Callable[[Tensor], Tensor],
    x: Tensor,
    *,
    reduce: Literal["max", "sum"] = "max",
    max_entries: int = 2**28,
) -> Tensor:
    r"""Compute the mixing of every pair of nodes that an output induces, from the Hessian in the features.

    .. math:: \mathrm{mix}(u, v) = \max_{c, f, g} \left|
              \frac{\partial^2 y_c}{\partial x_{uf}\, \partial x_{vg}} \right|

    An output that is a sum of functions of single nodes mixes no pair. The paper takes the largest value over all
    features X; here it is the value at ``x``: take the maximum over several draws. A network of ReLUs is linear
    around almost every point, so that only a nonlinear readout contributes; over-squashing shows in models with smooth
    activations. It takes V F C passes through the gradient.

    Args:
        function: a function of x (V, F) that gives the output of one graph, a number or (C,).
        x: features (V, F), floating; the result is at this point.
        reduce: "max" as in Di Giovanni et al.; "sum" of absolute values over c, f and g, the weights of the Hessian
            range, see :func:`~graphseq.reach.measures.influence_range`.
        max_entries: the most entries of the Hessians to compute.

    Returns:
        (V, V), symmetric up to rounding, in the dtype of ``x``.

    Raises:
        TypeError: x that is not a floating tensor, or an output that is no tensor.
        TooLargeError: C Hessians of (V F)² entries are more than ``max_entries``. A ``ValueError``.
        ValueError: another shape of x or of the output.

    Source: Di Giovanni et al., *How does over-squashing affect the power of GNNs?* (2024), definition of the maximal
    mixing; Bamberger et al. (2025) for the range of a graph-level task.

    Example:
        >>> x = torch.tensor([[1.0], [2.0], [3.0]])
        >>> pairwise_mixing(lambda x: x[0, 0] * x[2, 0] + x[1, 0] ** 2, x).tolist()
        [[0.0, 0.0, 1.0], [0.0, 2.0, 0.0], [1.0, 0.0, 0.0]]
    """
    _checks.one_of("reduce", reduce, ("max", "sum"))
    if not _checks.is_tensor("x", x).is_floating_point() or x.dim() != 2 or not x.numel():
        raise ValueError(f"x must be floating and (V, F), got {x.dtype} {tuple(x.shape)}")
    with torch.inference_mode(False), torch.enable_grad():
        leaf = x.detach().clone().requires_grad_()
        out = function(leaf)
        if not isinstance(out, Tensor):
            raise TypeError(f"function must return a tensor, got {type(out).__name__}")
        flat = out.flatten()
        if out.dim() > 2 or (out.dim() == 2 and len(out) != 1) or not flat.numel():
            raise ValueError(f"function must return the output of one graph, a number or (C,), got {tuple(out.shape)}")
        check_entries(len(flat), x.numel(), max_entries)
        first = torch.arange(len(leaf), device=leaf.device)
        return mixing_by_position(flat[None], leaf, first, leaf.numel(), reduce)


def mixing_by_position(out: Tensor, x: Tensor, position: Tensor, width: int, reduce: str) -> Tensor:
    """Compute the mixing of every row with the row at each position of its own graph, (P, V), in the dtype of x.

    Where no output reads another graph, the Hessian of the sum over graphs has one block for each, so that one backward
    pass gives one line of all of them: P · F · C passes, P the most rows of a graph, whatever the number of graphs.

    Args:
        out: the outputs of all graphs, (B, C).
        x: what they were computed from, in the autograd graph of ``out``, (V, F).
        position: of each row in its graph, (V,).
        width: the number of entries in the largest activation of a pass.
        reduce: as of :func:`pairwise_mixing`.
    """
    (rows, features), positions = x.shape, int(position.max()) + 1
    mixing = torch.zeros(positions, rows, dtype=torch.float64, device=x.device)
    for channel in out.unbind(dim=1):
        gradient = _gradient(channel.sum(), x)
        if gradient is None:
            continue
        hessian = Jacobian(x, gradient, torch.arange(rows, device=x.device), width)
        lines = []
        for entries in torch.arange(positions * features, device=x.device).split(hessian.chunk):
            member, row = (position == (entries // features)[:, None]).nonzero(as_tuple=True)
            direction = torch.nn.functional.one_hot(entries[member] % features, features)
            lines.append(reduced(hessian.pull(len(entries), member, row, direction), _NORM[reduce]))
        found = torch.cat(lines).view(positions, features, rows)
        mixing = torch.maximum(mixing, found.amax(dim=1)) if reduce == "max" else mixing + found.sum(dim=1)
    return mixing.to(x.dtype)


def _gradient(scalar: Tensor, x: Tensor) -> Tensor | None:
    """The gradient of a scalar in x, as a function of x; ``None`` where it is constant."""
    if not scalar.requires_grad:
        return None
    gradient = torch.autograd.grad(scalar, x, create_graph=True, allow_unused=True, retain_graph=True)[0]
    return gradient if gradient is not None and gradient.requires_grad else None


def check_entries(channels: int, entries: int, max_entries: int) -> None:
    """Refuse the Hessians of an output of C channels in n entries if they have more than ``max_entries`` of their own.

    Raises:
        TooLargeError: C n² is more.
    """
    size = channels * entries**2
    if size > _checks.at_least("max_entries", max_entries, 1, 2**62):
        raise TooLargeError(
            f"{channels} Hessians of {entries} × {entries} have {size:.3g} entries, above "
            f"max_entries={max_entries}; take a smaller graph, fewer outputs, or raise max_entries"
        )
