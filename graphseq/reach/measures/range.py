"""The range of a model: the distance over which its outputs depend on its inputs."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from graphseq import _checks
from graphseq._prompt import short_repr


@short_repr
@dataclass(frozen=True)
class Range:
    """The range of each output, and their mean.

    Returned by :func:`graphseq.reach.measures.influence_range`.
    """

    node: Tensor  #: ρ_u of each output, (K,), float64, in the unit of the distances; NaN without influence
    graph: float  #: the mean of ρ_u over the outputs that have one
    no_path: Tensor  #: share of each output's influence from nodes without a path to it, (K,); left out of ρ_u
    note: str = ""  #: the reason why outputs have no range, where there are such; empty where all have one


def influence_range(influence: Tensor, distances: Tensor, *, normalize: bool = True) -> Range:
    r"""Compute the range of outputs: the mean distance of the nodes on which they depend, weighted by influence.

    .. math:: \hat\rho_u = \frac{\sum_v I_{uv}\, d(u, v)}{\sum_v I_{uv}}, \qquad
              \rho_u = \sum_v I_{uv}\, d(u, v), \qquad \rho_G = \frac{1}{K} \sum_u \rho_u

    with :math:`I_{uv}` the sum of the absolute entries of ∂ out_u / ∂ x_v, as in the paper, or any other norm. An
    operator that reads only nodes at distance k has the range k.

    Given the pairwise mixing of a graph's output, :func:`~graphseq.reach.measures.pairwise_mixing` with
    ``reduce="sum"``, in place of the influence, it is the range of a graph-level task,
    :math:`\hat\rho_G = \frac1V \sum_u \sum_v H_{uv} d(u, v) / \sum_v H_{uv}`, as the authors' code has it.

    Args:
        influence: I (K, V), at least 0; for graph outputs the mixing H (V, V).
        distances: d (K, V), such as :func:`~graphseq.reach.measures.distances` gives them; infinite or negative where
            there is no path. Influence from there is left out, and its share is in ``no_path``.
        normalize: ρ̂, which does not depend on the scale of the outputs; otherwise ρ.

    Raises:
        TypeError: not tensors of real numbers.
        ValueError: shapes that differ, a negative or infinite influence.

    Outputs without influence have no range and are not in the mean, and ``note`` says how many there are; the authors'
    code counts them as 0.

    Source: Bamberger et al., *On measuring long-range interactions in graph neural networks* (2025): range and
    normalised range of a node and of a graph, for hops and for resistance distance; ``compute_range`` of their code.

    Example:
        >>> influence, hops = torch.tensor([[1.0, 3.0]]), torch.tensor([[0, 4]])
        >>> influence_range(influence, hops).graph, influence_range(influence, hops, normalize=False).graph
        (3.0, 12.0)
    """
    weights, far = checked_influence(influence, distances)
    has_path = far.isfinite() & (far >= 0)
    reached = torch.where(has_path, weights, 0.0)
    total = weights.sum(dim=1)
    node = (reached * torch.where(has_path, far, 0.0)).sum(dim=1)
    if normalize:
        node = node / reached.sum(dim=1)
    no_path = torch.where(total > 0, (weights - reached).sum(dim=1) / total, 0.0)
    return Range(node, float(node.nanmean()), no_path, _without(total, reached.sum(dim=1), normalize))


def _without(total: Tensor, reached: Tensor, normalize: bool) -> str:
    """The reason why outputs have no range, from the influence on each, in all and along paths, or nothing."""
    silent, apart = int((total == 0).sum()), int(((total > 0) & (reached == 0)).sum())
    parts = [f"{silent:,} of {len(total):,} outputs depend on no input"] * bool(silent)
    parts += [f"{apart:,} of {len(total):,} depend only on nodes without a path to them"] * bool(apart)
    return f"{', '.join(parts)}: {'they have no range' if normalize else 'their range counts as 0'}" if parts else ""


def checked_influence(influence: Tensor, distances: Tensor) -> tuple[Tensor, Tensor]:
    """The influence and the distances in float64, on one device; or an error that names what does not fit."""
    values, far = _checks.is_real("influence", influence), _checks.is_real("distances", distances)
    if values.dim() != 2 or values.shape != far.shape or not values.numel():
        raise ValueError(
            "influence and distances must both be (K, V), one line for each output; got "
            f"{tuple(values.shape)} and {tuple(far.shape)}"
        )
    values = values.detach().double()
    is_wrong = ~(values.isfinite() & (values >= 0))
    if bool(is_wrong.any()):
        k, v = is_wrong.nonzero()[0].tolist()
        raise ValueError(f"influence[{k}, {v}] is {float(values[k, v]):g}; an influence is a finite number from 0")
    return values, far.detach().to(values.device).double()
