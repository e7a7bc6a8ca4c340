"""Pairwise mixing: the second derivatives of an output in the features of two nodes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from graphseq import _checks
from graphseq.reach.probe.norms import TooLargeError

_CHUNK = 2**22  # the most entries in one batch of backward passes


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
    activations.

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
        size = len(flat) * x.numel() ** 2
        if size > _checks.at_least("max_entries", max_entries, 1, 2**62):
            raise TooLargeError(
                f"{len(flat)} Hessians of {x.numel()} × {x.numel()} have {size:.3g} entries, above "
                f"max_entries={max_entries}; take a smaller graph, fewer outputs, or raise max_entries"
            )
        mixing = x.new_zeros(len(x), len(x))
        for channel in flat:
            blocks = _blocks(channel, leaf).abs()
            mixing = torch.maximum(mixing, blocks.amax(dim=(1, 3))) if reduce == "max" else mixing + blocks.sum((1, 3))
    return mixing


def _blocks(scalar: Tensor, x: Tensor) -> Tensor:
    """The Hessian of a scalar in x, (V, F, V, F)."""
    empty = x.new_zeros(*x.shape, *x.shape)
    if not scalar.requires_grad:
        return empty
    gradient = torch.autograd.grad(scalar, x, create_graph=True, allow_unused=True, retain_graph=True)[0]
    if gradient is None or not gradient.requires_grad:
        return empty
    lines = []
    for entries in torch.arange(x.numel(), device=x.device).split(max(1, _CHUNK // x.numel())):
        seeds = torch.nn.functional.one_hot(entries, x.numel()).to(x.dtype).view(len(entries), *x.shape)
        lines.append(_lines(gradient, x, seeds))
    return torch.cat(lines).view(*x.shape, *x.shape)


def _lines(gradient: Tensor, x: Tensor, seeds: Tensor) -> Tensor:
    def line(seed: Tensor, batched: bool) -> Tensor:
        found: Tensor | None = torch.autograd.grad(
            gradient, x, seed, retain_graph=True, allow_unused=True, is_grads_batched=batched
        )[0]
        return torch.zeros_like(seed) if found is None else found

    try:
        return line(seeds, True)
    except RuntimeError:  # some operations do not support batched gradients; other errors are raised again by the loop
        return torch.stack([line(seed, False) for seed in seeds])
