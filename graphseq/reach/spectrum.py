"""What one layer, or one time step, lets through: all singular values of its Jacobian."""

from __future__ import annotations

import torch
from torch import Tensor

from graphseq import _checks
from graphseq.data.graph import SpaceTimeGraph
from graphseq.nn.encoder import Encoder
from graphseq.nn.model import Model
from graphseq.reach.influence import TooLargeError
from graphseq.reach.states import traced

_CHUNK = 2**22  # numbers that one batch of backward passes may hold


def layer_spectrum(model: Model | Encoder, graph: SpaceTimeGraph, layer: int, *, max_entries: int = 2**24) -> Tensor:
    r"""All singular values of one layer's Jacobian, or of one time step's.

    .. math:: J_l = \frac{\partial S_l}{\partial S_{l-1}}, \qquad s = \sigma(J_l)

    S are all entries of all rows' states, or all that every node remembers, as ``encoder.trace`` has them. Where all s
    are near 1 a signal passes unchanged both ways; where they are small it dies out over the layers, where they are
    large it explodes. For a linear GCN layer they are :func:`~graphseq.reach.theory.linear_gcn_singular_values`.

    Args:
        model: a model, through its transform, or an encoder.
        graph: V rows.
        layer: which one: 1 to L of layers, counting every state of the trace after the features; or of T time steps
            2 to T, in order, since what comes before the first is nothing. Where a layer also reads states further
            back, J is what passes through the one before it.
        max_entries: the most entries of J to write out; the time goes with their power 3/2.

    Returns:
        min(V H_l, V H_{l-1}) values, or N S, descending, in float64.

    Raises:
        TypeError: neither a model nor an encoder.
        TooLargeError: J has more entries than ``max_entries``; a ``ValueError`` that says how many.
        ValueError: a layer or step that there is not.

    Source: Pennington, Schoenholz and Ganguli, *Resurrecting the sigmoid in deep learning through dynamical isometry*
    (2017), for singular values as the measure of what passes.

    Example:
        Â of two joined rows is ½ everywhere, of singular values 1 and 0; W = 3.

        >>> import graphseq as gs
        >>> gcn = gs.nn.GCN(1, 1, num_layers=1)
        >>> _ = gcn.convs[0].lin.weight.data.fill_(3.0)
        >>> layer_spectrum(gcn, gs.from_sequence(torch.zeros(2, 1)), 1).round(decimals=4).tolist()
        [3.0, 0.0]
    """
    with traced(model, graph) as (trace, _):
        first = 1 if trace.axis == "layer" else 2
        number = _checks.at_least("layer", layer, first) - first + 1
        if number >= len(trace.states):
            count = len(trace.states) + first - 2
            there = f"lie in {first} to {count}" if count >= first else f"be one of none: there is {count} step"
            raise ValueError(f"layer must {there}, got {layer}")
        before, after = trace.states[number - 1], trace.states[number]
        size = before.numel() * after.numel()
        if size > _checks.at_least("max_entries", max_entries, 1):
            raise TooLargeError(
                f"the Jacobian of {trace.axis} {layer} is {after.numel()} × {before.numel()}: {size:.3g} entries "
                f"({size * 8 / 2**30:.3g} GiB in float64), above max_entries={max_entries}; take fewer rows or "
                "channels, or raise max_entries"
            )
        found: Tensor = torch.linalg.svdvals(_written_out(after, before).double())
        return found


def _written_out(after: Tensor, before: Tensor) -> Tensor:
    """The Jacobian of all of ``after`` in all of ``before``, by backward passes in batches."""
    lines = []
    for some in torch.arange(after.numel(), device=after.device).split(max(1, _CHUNK // after.numel())):
        seeds = torch.nn.functional.one_hot(some, after.numel()).to(after.dtype).view(len(some), *after.shape)
        lines.append(_pulled(after, before, seeds).flatten(1))
    return torch.cat(lines)


def _pulled(after: Tensor, before: Tensor, seeds: Tensor) -> Tensor:
    def grad(seed: Tensor, batched: bool) -> Tensor:
        found: Tensor | None = torch.autograd.grad(
            after, before, seed, retain_graph=True, allow_unused=True, is_grads_batched=batched
        )[0]
        return before.new_zeros(*seed.shape[: int(batched)], *before.shape) if found is None else found

    try:
        return grad(seeds, True)
    except RuntimeError:  # some operation has no rule for batches; if that was not it, the loop fails in the same way
        return torch.stack([grad(seed, False) for seed in seeds])
