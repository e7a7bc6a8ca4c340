"""The Jacobians of all layers of a model, or of all its time steps, by their singular values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from graphseq._arguments import checked_but
from graphseq._prompt import short_repr
from graphseq.reach.probe.chain import Chain, chained
from graphseq.reach.spectrum import singular_values


@short_repr
@dataclass(frozen=True)
class LayerJacobians:
    """The singular values of the Jacobian of each layer, or of each step after the first.

    Returned by :func:`graphseq.reach.layer_jacobians`.
    """

    layer: Tensor  #: 1 … L, or the steps 2 … T, (L,)
    largest: Tensor  #: s_1: the most by which a change can grow, (L,), float64
    root_mean_square: Tensor  #: the factor by which a random change grows, ‖J_l‖_F over the root of its columns, (L,)
    smallest: Tensor  #: 0 where a direction is lost, (L,)
    names: tuple[str, ...] = ()  #: of the states after each


@checked_but("model")
def layer_jacobians(model: Callable[..., object], graph: object, *, max_entries: int = 2**24) -> LayerJacobians:
    r"""Compute the Jacobian of each layer, and how much it stretches and shrinks changes of the states.

    .. math:: J_l = \frac{\partial S_l}{\partial S_{l-1}}, \qquad
              \sqrt{E \|J_l v\|^2 / \|v\|^2} = \|J_l\|_F / \sqrt{n}, \quad v \in \mathbb{R}^n \text{ random}

    Gradients keep their size where all are near 1; the product over the layers tells by how much they vanish or
    explode.

    Args:
        model: a model, on the graph that its transform returns, or an encoder; or any other model that
            :class:`~graphseq.reach.Probe` takes, as for :func:`~graphseq.reach.layer_spectrum`.
        graph: its data, V rows.
        max_entries: the most entries of each J_l.

    Raises:
        TypeError, TooLargeError, ValueError: as :func:`~graphseq.reach.layer_spectrum`.

    Source: Pennington, Schoenholz and Ganguli, *Resurrecting the sigmoid in deep learning through dynamical isometry*
    (2017), section 2.

    Example:
        >>> import graphseq as gs
        >>> gcn = gs.nn.GCN(2, 2, num_layers=3)
        >>> found = layer_jacobians(gcn, gs.from_sequence(torch.randn(4, 2)))
        >>> found.layer.tolist(), bool((found.largest >= found.root_mean_square).all())
        ([1, 2, 3], True)
    """
    with chained(model, graph) as chain:
        return of_chain(chain, max_entries)


def of_chain(chain: Chain, max_entries: int) -> LayerJacobians:
    """The Jacobians of the states of a chain."""
    first = 1 if chain.axis == "layer" else 2
    columns = [state.numel() for state in chain.states[:-1]]
    numbers = range(first, first + len(columns))
    spectra = [singular_values(chain, number, max_entries) for number in numbers]
    squares = [values.square().sum() / count for values, count in zip(spectra, columns, strict=True)]
    empty = torch.zeros(0, dtype=torch.float64)
    return LayerJacobians(
        torch.tensor(list(numbers), dtype=torch.long),
        torch.stack([values[0] for values in spectra]) if spectra else empty,
        torch.stack(squares).sqrt() if spectra else empty,
        torch.stack([values[-1] for values in spectra]) if spectra else empty,
        chain.names[1:],
    )
