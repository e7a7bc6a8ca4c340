"""Backpropagation through time: the gradients of a vanilla recurrent network in closed form."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq._prompt import short_repr


@short_repr
class RNNWeights(NamedTuple):
    """The weights of h_t = tanh(W_hx x_t + W_hh h_{t-1} + b_h), p = W_ph h_T + b_p, or their gradients.

    Taken by :func:`graphseq.reach.theory.rnn_gradients`.
    """

    w_hx: Tensor  #: (H, F)
    w_hh: Tensor  #: (H, H)
    b_h: Tensor  #: (H,)
    w_ph: Tensor  #: (C, H)
    b_p: Tensor  #: (C,)


@short_repr
class RNNGradients(NamedTuple):
    """The result of :func:`rnn_gradients`."""

    loss: Tensor  #: the mean cross-entropy, in nats
    weights: RNNWeights  #: its gradient in each weight
    states: Tensor  #: its gradient in each hidden state h_1 … h_T, (B, T, H)


@checked_arguments
def rnn_gradients(x: Tensor, y: Tensor, weights: RNNWeights) -> RNNGradients:
    r"""Compute the loss and gradients of a vanilla recurrent network with one output, after its last step.

    .. math::
        h_t &= \tanh(W_{hx} x_t + W_{hh} h_{t-1} + b_h), \quad h_0 = 0, \qquad
        \mathcal L = -\tfrac{1}{B} \sum \log \mathrm{softmax}(p)_y, \quad p = W_{ph} h_T + b_p

        \frac{\partial \mathcal L}{\partial p} &= \tfrac{1}{B} (\mathrm{softmax}(p) - e_y), \qquad
        \frac{\partial \mathcal L}{\partial W_{ph}} = \sum_B \frac{\partial \mathcal L}{\partial p}\, h_T^\top

        \frac{\partial \mathcal L}{\partial h_T} &= W_{ph}^\top \frac{\partial \mathcal L}{\partial p}, \qquad
        \delta_t = (1 - h_t ⊙ h_t) ⊙ \frac{\partial \mathcal L}{\partial h_t}, \qquad
        \frac{\partial \mathcal L}{\partial h_{t-1}} = W_{hh}^\top \delta_t

        \frac{\partial \mathcal L}{\partial W_{hh}} &= \sum_B \sum_{t=1}^{T} \delta_t h_{t-1}^\top, \qquad
        \frac{\partial \mathcal L}{\partial W_{hx}} = \sum_B \sum_{t=1}^{T} \delta_t x_t^\top, \qquad
        \frac{\partial \mathcal L}{\partial b_h} = \sum_B \sum_{t=1}^{T} \delta_t

    W_hh is used at every step, so its gradient is a sum over all steps; the term t = T alone is the gradient where
    earlier states are treated as constants. Unrolled, ∂L/∂h_t contains the product of the T - t Jacobians
    W_hhᵀ diag(1 - h²), by which it vanishes or explodes.

    Args:
        x: inputs, (B, T, F), floating.
        y: classes, (B,).
        weights: as in the equation; in torch's ``nn.RNN`` b_h is the sum of two biases with equal gradients.

    Raises:
        TypeError: classes that are not integers.
        ValueError: shapes that do not fit, or no steps.

    Source: Werbos, *Backpropagation through time: what it does and how to do it* (1990); Pascanu et al., *On the
    difficulty of training recurrent neural networks* (2013), eq. 3 to 5.

    Example:
        >>> one, zero = torch.ones(1, 1), torch.zeros(1)
        >>> weights = RNNWeights(one, one, zero, torch.tensor([[1.0], [-1.0]]), torch.zeros(2))
        >>> gradients = rnn_gradients(torch.tensor([[[0.5], [0.0]]]), torch.tensor([0]), weights)
        >>> round(float(gradients.states[0, 0] / gradients.states[0, 1]), 4)  # 1 - tanh(tanh(0.5))²
        0.8135
    """
    _check(x, y, weights)
    states = [x.new_zeros(len(x), len(weights.w_hh))]
    for x_t in x.unbind(dim=1):
        states.append(torch.tanh(x_t @ weights.w_hx.T + states[-1] @ weights.w_hh.T + weights.b_h))
    log_p = torch.log_softmax(states[-1] @ weights.w_ph.T + weights.b_p, dim=1)
    at_p = log_p.exp()
    at_p[torch.arange(len(y)), y] -= 1
    at_p /= len(y)
    at_h = at_p @ weights.w_ph
    w_hx, w_hh, b_h = (torch.zeros_like(weight) for weight in weights[:3])
    at_states = []
    for x_t, h, before in zip(reversed(x.unbind(dim=1)), reversed(states[1:]), reversed(states[:-1]), strict=True):
        at_states.append(at_h)
        delta = (1 - h * h) * at_h
        w_hx += delta.T @ x_t
        w_hh += delta.T @ before
        b_h += delta.sum(dim=0)
        at_h = delta @ weights.w_hh
    loss = -log_p[torch.arange(len(y)), y].mean()
    gradients = RNNWeights(w_hx, w_hh, b_h, at_p.T @ states[-1], at_p.sum(dim=0))
    return RNNGradients(loss, gradients, torch.stack(at_states[::-1], dim=1))


def _check(x: Tensor, y: Tensor, weights: RNNWeights) -> None:
    if _checks.is_tensor("x", x).dim() != 3 or 0 in x.shape[:2]:
        raise ValueError(f"x must have shape (B, T, F), at least one sequence of one step; got {tuple(x.shape)}")
    hidden, classes = len(weights.w_hh), len(weights.w_ph)
    shapes = (hidden, x.shape[2]), (hidden, hidden), (hidden,), (classes, hidden), (classes,)
    for name, weight, shape in zip(RNNWeights._fields, weights, shapes, strict=True):
        if weight.shape != shape:
            raise ValueError(f"{name} must have shape {shape}, got {tuple(weight.shape)}")
    _checks.integer_rows("y", y, len(x))
    if int(y.min()) < 0 or int(y.max()) >= classes:
        raise ValueError(f"y must hold classes 0 to {classes - 1}, got {int(y.min())} to {int(y.max())}")
