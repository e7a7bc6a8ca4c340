"""Jacobians of linear graph convolutions and of the LSTM's cell, in closed form."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce

import torch
from torch import Tensor

from graphseq import _checks
from graphseq._arguments import checked_arguments


@checked_arguments
def linear_gcn_influence(operator: Tensor, weights: Sequence[Tensor]) -> Tensor:
    r"""Compute the influence of every row on every other in L linear layers H ← Â H W_l, for any features.

    .. math:: I_{kv} = |(\hat A^L)_{kv}| \; \| W_1 W_2 \cdots W_L \|_F

    Args:
        operator: Â (V, V), dense; symmetric or not.
        weights: W_1 (F, H), …, W_L (H, C), as they multiply H from the right: the transposes of ``lin.weight``.

    Returns:
        (V, V): row k is the output, column v the input.

    Raises:
        ValueError: no weights.

    Source: ∂ out_k / ∂ x_v = (Â^L)_kv (W_1 ⋯ W_L)ᵀ; Xu et al. (2018), theorem 1, without the expectation over ReLU.

    Example:
        >>> linear_gcn_influence(torch.full((2, 2), 0.5), [torch.tensor([[3.0]])]).tolist()
        [[1.5, 1.5], [1.5, 1.5]]
    """
    power = torch.linalg.matrix_power(_square(operator), len(weights)).abs()
    influence: Tensor = power * torch.linalg.matrix_norm(_product(weights))
    return influence


@checked_arguments
def linear_gcn_singular_values(operator: Tensor, weights: Sequence[Tensor]) -> Tensor:
    r"""Compute the singular values of the whole Jacobian (V C, V F) of L linear layers.

    .. math:: J = \hat A^L \otimes (W_1 \cdots W_L)^\top, \qquad s = \{ s_i(\hat A^L)\, s_j(W_1 \cdots W_L) \}

    For one layer and a symmetric Â their squares are λᵢ(Â)² μⱼ(W Wᵀ). On directed edges Â is not symmetric; its
    singular values then differ from its eigenvalues, and may exceed 1.

    Args:
        operator: Â (V, V), dense.
        weights: W_1 (F, H), …, W_L (H, C), as for :func:`linear_gcn_influence`.

    Returns:
        (V · min(F, C),), descending; the remaining ones of the Jacobian are 0.

    Raises:
        ValueError: no weights.

    Source: Horn and Johnson, *Topics in matrix analysis* (1991), theorem 4.2.15, on Kronecker products.

    Example:
        >>> linear_gcn_singular_values(torch.eye(2), [torch.tensor([[3.0]])]).tolist()
        [3.0, 3.0]
    """
    rows = torch.linalg.svdvals(torch.linalg.matrix_power(_square(operator), len(weights)))
    values = torch.outer(rows, torch.linalg.svdvals(_product(weights))).flatten()
    return values.sort(descending=True).values


@checked_arguments
def lstm_cell_gradient(forget_gates: Tensor) -> Tensor:
    r"""Compute the gradient of an LSTM's cell over T steps where the gates do not depend on the state (W_hh = 0).

    .. math:: \partial c_T / \partial c_0 = \mathrm{diag} \prod_{t=1}^{T} f_t

    With W_hh ≠ 0 it is the term along the cell; the dependence of the gates on h_{t-1} = o ⊙ tanh(c_{t-1}) adds others.

    Args:
        forget_gates: f_1 … f_T, (T, H).

    Returns:
        The diagonal, (H,).

    Source: Hochreiter and Schmidhuber (1997), appendix A.1, with the forget gate of Gers et al. (2000).

    Example:
        >>> lstm_cell_gradient(torch.tensor([[0.5, 1.0], [0.5, 0.5]])).tolist()
        [0.25, 0.5]
    """
    return forget_gates.prod(dim=0)


@checked_arguments
def lstm_horizon(forget_bias: float) -> float:
    r"""Compute the mean number of steps for which a constant forget gate σ(b) keeps its input.

    .. math:: \sum_{k \ge 0} f^k = \frac{1}{1 - \sigma(b)} = 1 + e^b

    The number of steps until 1/e remains is different, -1 / ln σ(b), which is about e^b + 1/2.

    Args:
        forget_bias: b; in ``nn.LSTM`` the sum of its two biases.

    Returns:
        A number of time steps above 1.

    Source: Tallec and Ollivier, *Can recurrent neural networks warp time?* (2018), section 2.

    Example:
        >>> lstm_horizon(0.0)
        2.0
    """
    return 1 + math.exp(_checks.between("forget_bias", forget_bias, -700, 700))


@checked_arguments
def lstm_parameters(in_channels: int, hidden_channels: int, *, num_biases: int = 1) -> int:
    """Compute the number of parameters of one LSTM layer of n units on d inputs: 4 (d n + n² + n) with one bias a gate.

    Args:
        in_channels: d.
        hidden_channels: n.
        num_biases: 1 as in the literature; ``nn.LSTM`` and :class:`~graphseq.nn.GCNLSTM` have 2.

    Raises:
        ValueError: a size below 1, a negative number of biases.

    Source: Hochreiter and Schmidhuber (1997) with the forget gate of Gers et al. (2000), counted.

    Example:
        >>> lstm_parameters(3, 8), sum(p.numel() for p in torch.nn.LSTM(3, 8).parameters())
        (384, 416)
    """
    d, n = _checks.at_least("in_channels", in_channels, 1), _checks.at_least("hidden_channels", hidden_channels, 1)
    return 4 * (d * n + n * n + _checks.at_least("num_biases", num_biases, 0) * n)


def _product(weights: Sequence[Tensor]) -> Tensor:
    if not weights:
        raise ValueError("weights must hold one matrix for each layer, got none")
    for place, weight in enumerate(weights):
        width = weights[place - 1].shape[-1] if place else len(weight) if weight.dim() else 0
        if weight.dim() != 2 or not weight.is_floating_point() or len(weight) != width:
            raise ValueError(
                f"weights must be floating matrices (F, H), (H, …), each as high as the one before is wide; "
                f"weights[{place}] is {_checks.shown(weight)}"
            )
    return reduce(torch.matmul, weights)


def _square(operator: Tensor) -> Tensor:
    if operator.dim() != 2 or operator.shape[0] != operator.shape[1] or not operator.is_floating_point():
        raise ValueError(f"operator must be a square floating matrix (V, V), got {_checks.shown(operator)}")
    return operator
