"""The singular values of the Jacobian of one layer, or of one time step."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from graphseq import _checks
from graphseq._arguments import checked_but
from graphseq.reach.probe.chain import Chain, chained
from graphseq.reach.probe.norms import TooLargeError

_CHUNK = 2**22  # the most entries in one batch of backward passes


@checked_but("model", "layer")
def layer_spectrum(
    model: Callable[..., object], graph: object, layer: int | str, *, max_entries: int = 2**24
) -> Tensor:
    r"""Compute all singular values of the Jacobian of one layer, or of one time step.

    .. math:: J_l = \frac{\partial S_l}{\partial S_{l-1}}, \qquad s = \sigma(J_l)

    S are the states of all rows, or the recurrent state of all nodes, as in ``encoder.trace``. Where all s are close to
    1, signals and gradients keep their norm; where they are small, both vanish over the layers, and where they are
    large, both explode. For a linear GCN layer they are :func:`~graphseq.reach.theory.linear_gcn_singular_values`.

    Args:
        model: a model, on the graph that its transform returns, or an encoder; or any other model that
            :class:`~graphseq.reach.Probe` takes, whose states are what its layers, norms and pooling modules return
            (:meth:`graphseq.reach.Probe.layer_spectrum` takes others by name).
        graph: its data, V rows.
        layer: the layer, from 1 to L, counting every state of the trace after the features, or its name; or the time
            step, from 2 to T, since the first has no state before it. Where a layer also reads earlier states, J is
            the part through the state just before it.
        max_entries: the most entries of J to compute; the time grows as their power 3/2.

    Returns:
        min(V H_l, V H_{l-1}) values, or N S, descending, in float64.

    Raises:
        TypeError: a model that cannot be called, or data of another type.
        TooLargeError: J has more entries than ``max_entries``; a ``ValueError`` that says how many.
        ValueError: a layer or step that does not exist.

    Source: Pennington, Schoenholz and Ganguli, *Resurrecting the sigmoid in deep learning through dynamical isometry*
    (2017), for the singular values of the Jacobian as a diagnostic.

    Example:
        All entries of Â of two adjacent rows are ½, with singular values 1 and 0; W = 3.

        >>> import graphseq as gs
        >>> gcn = gs.nn.GCN(1, 1, num_layers=1)
        >>> _ = gcn.convs[0].lin.weight.data.fill_(3.0)
        >>> layer_spectrum(gcn, gs.from_sequence(torch.zeros(2, 1)), 1).round(decimals=4).tolist()
        [3.0, 0.0]
    """
    with chained(model, graph) as chain:
        return singular_values(chain, layer, max_entries)


def singular_values(chain: Chain, layer: int | str, max_entries: int) -> Tensor:
    """All singular values of the Jacobian of one state of a chain in the state before it, descending.

    Raises:
        TooLargeError, ValueError: as :func:`layer_spectrum`.
    """
    first = 1 if chain.axis == "layer" else 2
    number = _number(chain, layer, first)
    before, after = chain.states[number - 1], chain.states[number]
    size = before.numel() * after.numel()
    if size > _checks.at_least("max_entries", max_entries, 1, 2**62):
        raise TooLargeError(
            f"the Jacobian of {chain.axis} {layer} is {after.numel()} × {before.numel()}: {size:.3g} entries "
            f"({size * 8 / 2**30:.3g} GiB in float64), above max_entries={max_entries}; take fewer rows or "
            "channels, or raise max_entries"
        )
    values: Tensor = torch.linalg.svdvals(dense_jacobian(after, before).double())
    return values


def _number(chain: Chain, layer: int | str, first: int) -> int:
    """The place of a layer among the states."""
    if isinstance(layer, str):
        if layer not in chain.names[1:]:
            raise ValueError(f"layer={layer!r} is no state with one before it; there are {', '.join(chain.names[1:])}")
        return chain.names.index(layer)
    number = _checks.at_least("layer", layer, 1) - first + 1
    if number < 1:
        raise ValueError(f"layer must be at least 2, as the steps of the recurrent model are; got {layer}")
    if number < len(chain.states):
        return number
    count = len(chain.states) + first - 2
    if count >= first:
        raise ValueError(f"layer must lie in {first} to {count}, got {layer}")
    if chain.axis == "step":
        raise ValueError(f"layer must be a time step after the first, but the graph has only one; got {layer}")
    raise ValueError(
        f"layer={layer}, but no layer is found in the model (message passing, recurrent, attention, norm or pooling "
        "modules); name its modules: Probe(…, states=[…]).layer_spectrum(1)"
    )


def dense_jacobian(after: Tensor, before: Tensor) -> Tensor:
    """The Jacobian of all entries of ``after`` in all entries of ``before``, by batches of backward passes."""
    lines = []
    for entries in torch.arange(after.numel(), device=after.device).split(max(1, _CHUNK // after.numel())):
        seeds = torch.nn.functional.one_hot(entries, after.numel()).to(after.dtype).view(len(entries), *after.shape)
        lines.append(_gradients(after, before, seeds).flatten(1))
    return torch.cat(lines)


def _gradients(after: Tensor, before: Tensor, seeds: Tensor) -> Tensor:
    """The gradients in ``before`` of each product of ``after`` with one of ``seeds``."""

    def gradient(seed: Tensor, batched: bool) -> Tensor:
        result: Tensor | None = torch.autograd.grad(
            after, before, seed, retain_graph=True, allow_unused=True, is_grads_batched=batched
        )[0]
        return before.new_zeros(*seed.shape[: int(batched)], *before.shape) if result is None else result

    try:
        return gradient(seeds, True)
    except RuntimeError:  # some operations do not support batched gradients; other errors are raised again by the loop
        return torch.stack([gradient(seed, False) for seed in seeds])
