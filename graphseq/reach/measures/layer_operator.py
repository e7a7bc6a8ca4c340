"""The operator by which a layer mixes rows, found from its Jacobian."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from graphseq import _checks
from graphseq._prompt import short_repr


@short_repr
@dataclass(frozen=True)
class LayerOperator:
    """The operator S of a layer that is close to H ← S H W, and how close it is.

    Returned by :func:`graphseq.reach.measures.layer_operator`.
    """

    operator: Tensor  #: S (V, V), float64, of the largest ``|λ|`` where it has one; row i reads from column j
    weight: Tensor  #: W (F, C), with the norm that S does not have
    share: float  #: share of the squared norm of the Jacobian that S ⊗ Wᵀ holds: 1 for a linear convolution


def layer_operator(jacobian: Tensor) -> LayerOperator:
    r"""Find the operator S of a layer from its Jacobian, the nearest product of a matrix of rows and one of channels.

    .. math:: \min_{S, W} \| J - S \otimes W^\top \|_F, \qquad J_{ic,jf} = \frac{\partial h'_{ic}}{\partial h_{jf}}

    A linear graph convolution has exactly this Jacobian, with S = Â for a GCN, the attention for one head of attention
    with constant scores, and so on; with an activation, several heads or scores that depend on the states it is the
    closest one. Its leading eigenvectors are where repeated layers lead, see
    :func:`~graphseq.reach.distance_to_limit`. The minimum is the first term of a singular value decomposition of J,
    rearranged so that each row is a pair (i, j) and each column a pair (c, f).

    Args:
        jacobian: J (V, C, V, F), floating and finite, as ``torch.func.jacrev`` gives it.

    Raises:
        TypeError: not a tensor.
        ValueError: another shape, entries that are not finite, a Jacobian that is 0.

    Source: Van Loan and Pitsianis, *Approximation with Kronecker products* (1993), theorem 2.1.

    Example:
        >>> a = torch.tensor([[0.5, 0.5], [0.25, 0.75]])
        >>> w = torch.tensor([[2.0, 0.0], [1.0, 1.0]])  # H ← A H W
        >>> found = layer_operator(torch.einsum("ij,fc->icjf", a, w))
        >>> found.operator.round(decimals=4).tolist(), round(found.share, 6)
        ([[0.5, 0.5], [0.25, 0.75]], 1.0)
    """
    block = _checks.is_tensor("jacobian", jacobian).detach()
    if block.dim() != 4 or block.shape[0] != block.shape[2] or not block.is_floating_point():
        raise ValueError(f"jacobian must be floating and (V, C, V, F), got {block.dtype} {tuple(block.shape)}")
    if not bool(block.isfinite().all()):
        raise ValueError("jacobian has entries that are not finite")
    rows, channels, _, features = block.shape
    paired = block.double().permute(0, 2, 1, 3).reshape(rows * rows, channels * features)
    total = float(paired.square().sum())
    if not total > 0:
        raise ValueError("jacobian is 0, so that the layer mixes no rows")
    left, sizes, right = torch.linalg.svd(paired, full_matrices=False)
    s, w = left[:, 0].reshape(rows, rows), sizes[0] * right[0].reshape(channels, features).T
    sign = -1.0 if float(s.sum()) < 0 else 1.0
    scale = float(torch.linalg.eigvals(s).abs().max()) or float(s.abs().max())
    return LayerOperator(sign * s / scale, sign * w * scale, float(sizes[0]) ** 2 / total)
