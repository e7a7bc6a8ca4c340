"""Spectra, limits and resistances of whole graphs."""

from __future__ import annotations

import math

import torch
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq._torch.precision import at_least_float32


@checked_arguments
def stationary_weights(degrees: Tensor) -> Tensor:
    r"""Compute the limit of Â^L as L → ∞ on a connected undirected graph, the limit of over-smoothing.

    .. math:: (\hat A^L)_{ij} \to \sqrt{\tilde d_i \tilde d_j} \,\Big/ \sum_k \tilde d_k

    On a path the sum is 3n - 2. In a graph of several components, entries between components are 0.

    Args:
        degrees: d̃, row sums of Ã, self-loops counted once, (V,).

    Returns:
        (V, V), of rank one.

    Raises:
        ValueError: not one dimension, or a degree that is not above 0.

    Source: Oono and Suzuki, *Graph neural networks exponentially lose expressive power for node classification* (2020),
    proposition 1: the eigenvector of eigenvalue 1 is D̃^(1/2) 1.

    Example:
        >>> stationary_weights(torch.tensor([2.0, 2.0])).tolist()
        [[0.5, 0.5], [0.5, 0.5]]
    """
    degrees = _checks.is_tensor("degrees", degrees)
    if degrees.dim() != 1 or not bool((degrees > 0).all()):
        raise ValueError(f"degrees must be (V,) and above 0, self-loops included; got {degrees}")
    return torch.outer(degrees, degrees).sqrt() / degrees.sum()


@checked_arguments
def ring_eigenvalues(num_rows: int) -> Tensor:
    r"""Compute the eigenvalues of Â on a ring, k = 0 … n - 1.

    .. math:: \lambda_k = (1 + 2 \cos(2 \pi k / n)) / 3

    Args:
        num_rows: n, 3 or more.

    Returns:
        (n,) in float64, in the order of k.

    Raises:
        ValueError: n below 3.

    Source: Davis, *Circulant matrices* (1979), theorem 3.2.2.

    Example:
        >>> ring_eigenvalues(4).round(decimals=4).tolist()
        [1.0, 0.3333, -0.3333, 0.3333]
    """
    n = _checks.at_least("num_rows", num_rows, 3)
    k = torch.arange(n, dtype=torch.float64)
    return (1 + 2 * (2 * math.pi * k / n).cos()) / 3


@checked_arguments
def effective_resistance(adjacency: Tensor) -> Tensor:
    r"""Compute the effective resistance between rows, where each edge is a conductor of its weight.

    .. math:: R_{ij} = (e_i - e_j)^\top \mathcal{L}^{+} (e_i - e_j), \qquad \mathcal{L} = D - A

    On a path of edges of weight 1 it is the hop distance; further routes between two rows lower it. Self-loops do not
    change it.

    Args:
        adjacency: A (V, V), symmetric, at least 0, zero on its diagonal, connected.

    Returns:
        (V, V), in units of one edge of weight 1.

    Raises:
        ValueError: a matrix that is not of this kind; without a path between two rows there is no finite resistance.

    Source: Klein and Randić, *Resistance distance* (1993), theorem A; for reach, Black et al., *Understanding
    oversquashing in GNNs through the lens of effective resistance* (2023).

    Example:
        >>> triangle = 1 - torch.eye(3, dtype=torch.float64)
        >>> round(float(effective_resistance(triangle)[0, 1]), 6)
        0.666667
    """
    a = _connected(adjacency)
    inverse = torch.linalg.pinv(a.sum(dim=1).diag() - a, hermitian=True)
    diagonal = inverse.diagonal()
    resistance: Tensor = diagonal[:, None] + diagonal - 2 * inverse
    return resistance


@checked_arguments
def commute_time(adjacency: Tensor) -> Tensor:
    r"""Compute the mean number of steps of the random walk D̃^(-1) Ã from one row to another and back.

    .. math:: C_{ij} = R_{ij} \sum_k \tilde d_k

    The sum is twice the weight of all edges plus V, for the self-loop of each row: on a path ``(3n - 2) |i - j|``.

    Args:
        adjacency: A (V, V) as for :func:`effective_resistance`; its self-loops are added here.

    Returns:
        (V, V), in steps.

    Raises:
        ValueError: as :func:`effective_resistance`.

    Source: Chandra et al., *The electrical resistance of a graph captures its commute and cover times* (1989), theorem
    2.1; self-loops count once among the degrees.

    Example:
        >>> round(float(commute_time(torch.tensor([[0.0, 1.0], [1.0, 0.0]]))[0, 1]), 4)
        4.0
    """
    return effective_resistance(adjacency) * (_connected(adjacency).sum() + len(adjacency))


def _connected(adjacency: Tensor) -> Tensor:
    a = _checks.is_tensor("adjacency", adjacency)
    if a.dim() != 2 or a.shape[0] != a.shape[1] or not a.is_floating_point():
        raise ValueError(f"adjacency must be floating and (V, V), got {a.dtype} {tuple(a.shape)}")
    if not torch.equal(a, a.T) or bool((a < 0).any()) or bool((a.diagonal() != 0).any()):
        raise ValueError("adjacency must be symmetric, at least 0, and zero on its diagonal")
    count = connected_components((a.detach() > 0).cpu().numpy(), directed=False, return_labels=False)
    if count > 1:
        raise ValueError(f"adjacency has {count} components; between them a row is unreachable")
    return at_least_float32(a)
