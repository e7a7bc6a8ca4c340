r"""The steps of an RNN's and of a GRU's layer, and their gradients; equations in :mod:`graphseq.nn.cells`.

Let g be the gradient that comes in at a state, γ that with what later steps add, and δ the gradient in a sum that goes
into a function. In an RNN

.. math:: δ_t = γ_t ⊙ (1 - h_t^2), \qquad γ_{t-1} = g_{t-1} + W_h^\top δ_t

and in a GRU, with :math:`s = W_h h_{t-1} + b_h`, where n's sum is felt by inputs as :math:`δ_n`, by s as :math:`δ_s`,

.. math::
    δ_n = γ ⊙ (1 - z) ⊙ (1 - n^2), \quad δ_s = δ_n ⊙ r, \quad δ_r = δ_n ⊙ s_n ⊙ r ⊙ (1 - r), \\
    δ_z = γ ⊙ (h_{t-1} - n) ⊙ z ⊙ (1 - z), \quad γ_{t-1} = g_{t-1} + γ ⊙ z + W_h^\top [δ_r, δ_z, δ_s]

All δ of a GRU are γ times what is known beforehand, which is worked out for many steps at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from graphseq._torch import compat

AT_ONCE = 256  # steps whose tensors are there at a time; many more would keep Python's garbage collector busy


class Weights(NamedTuple):
    """The weights of one layer, gates in torch's order."""

    w_x: Tensor  # (G, F)
    w_h: Tensor  # (G, H)
    b_x: Tensor  # (G,)
    b_h: Tensor  # (G,)


class Way(NamedTuple):
    """S steps to go back over."""

    states: Tensor  # states before the steps and after each, (1 + S, B, H)
    extras: Sequence[Tensor]  # what else was kept of the steps
    g: Sequence[Tensor | None]  # gradients that come in at the state before each step, (P · B, H); None: γ is not asked
    gamma: Tensor  # after the last step, to be replaced by that before the first, (P, B, H)
    deltas: Tensor  # where to write δ, (S, P, B, W)


class Steps(Protocol):
    """A kind of layer.

    Attributes:
        sums: W / H. Inputs add to the last G of the W sums, the state to the first G.
        turn: by how many gates W_h is rolled to be in the order of the first G sums.
    """

    sums: int
    turn: int

    def run(self, x: Tensor, start: Tensor, weights: Weights) -> tuple[Tensor, ...]:
        """First states and states (1 + T, B, H), and what else is kept of each step, from inputs (T, B, F)."""

    def back(self, way: Way, w_h: Tensor) -> None:
        """Write δ and γ, with W_h (G, H) in the order of the sums."""


class RNNSteps:
    """One sum a unit, of inputs and state."""

    sums, turn = 1, 0

    def run(self, x: Tensor, start: Tensor, weights: Weights) -> tuple[Tensor, ...]:
        """States alone."""
        states = x.new_empty(1 + len(x), *start.shape)
        bias, turned = weights.b_x + weights.b_h, weights.w_h.t()
        # What is written to is made before; in between, autograd need not look at every operation.
        with torch.inference_mode():
            torch.addmm(bias, x.flatten(0, 1), weights.w_x.t(), out=states[1:].flatten(0, 1))
            h = states[0].copy_(start)
            for some in states[1:].split(AT_ONCE):
                for step in some.unbind(0):
                    h = step.addmm_(h, turned).tanh_()
        return (states,)

    def back(self, way: Way, w_h: Tensor) -> None:
        """δ from γ and the slope of tanh, a step at a time."""
        h, gamma, flat = way.states[1:], way.gamma, way.gamma.flatten(0, 1)
        slopes = torch.addcmul(h.new_ones(()), h, h, value=-1).unbind(0)
        steps = zip(slopes, way.deltas.unbind(0), way.deltas.flatten(1, 2).unbind(0), way.g, strict=True)
        for slope, delta, rows, g in reversed(list(steps)):
            torch.mul(gamma, slope, out=delta)
            if g is not None:
                torch.addmm(g, rows, w_h, out=flat)


class GRUSteps:
    """Four sums a unit: s of the state, r and z of both, n of inputs."""

    sums, turn = 4, 1

    def run(self, x: Tensor, start: Tensor, weights: Weights) -> tuple[Tensor, ...]:
        """States; gates r, z, n (T, B, 3H); s_n (T, B, H)."""
        size, both = start.shape[1], 2 * start.shape[1]
        states, summed = x.new_empty(1 + len(x), *start.shape), x.new_empty(len(x), *start.shape)
        gates = x.new_empty(*x.shape[:2], 3 * size)
        bias = torch.cat([weights.b_x[:both] + weights.b_h[:both], weights.b_x[both:]])
        of_gates, of_n = weights.w_h.t().split([both, size], dim=1)
        b_n = weights.b_h[both:]
        with torch.inference_mode():
            torch.addmm(bias, x.flatten(0, 1), weights.w_x.t(), out=gates.flatten(0, 1))
            h = states[0].copy_(start)
            tensors = (*gates.split(size, dim=2), gates[..., :both], summed, states[1:])
            for some in zip(*(tensor.split(AT_ONCE) for tensor in tensors), strict=True):
                for r, z, n, rz, s, out in zip(*(tensor.unbind(0) for tensor in some), strict=True):
                    rz.addmm_(h, of_gates).sigmoid_()
                    torch.addmm(b_n, h, of_n, out=s)
                    h = torch.lerp(n.addcmul_(r, s).tanh_(), h, z, out=out)
        return states, gates, summed

    def back(self, way: Way, w_h: Tensor) -> None:
        """δ of s, r, z and n from γ and what it is multiplied by."""
        size, gamma, flat = w_h.shape[1], way.gamma.unsqueeze(2), way.gamma.flatten(0, 1)
        factors = self._factors(way.states, *way.extras).unbind(0)
        z, rows = way.extras[0][..., size : 2 * size].unbind(0), way.deltas[..., : 3 * size].flatten(1, 2).unbind(0)
        steps = zip(factors, z, way.deltas.unflatten(3, (4, size)).unbind(0), rows, way.g, strict=True)
        for factor, keep, delta, row, g in reversed(list(steps)):
            torch.mul(gamma, factor, out=delta)
            if g is not None:
                way.gamma.mul_(keep)
                flat.add_(g).addmm_(row, w_h)

    def _factors(self, states: Tensor, gates: Tensor, summed: Tensor) -> Tensor:
        """Return the factors of γ in the δ of s, r, z and n, (S, B, 4, H)."""
        factors = states.new_empty(*summed.shape[:2], 4, summed.shape[2])
        (r, z, n), (of_s, of_r, of_z, of_n) = gates.chunk(3, dim=2), factors.unbind(2)
        compat.tanh_backward(1 - z, n, out=of_n)
        torch.mul(of_n, r, out=of_s)
        compat.sigmoid_backward(of_n * summed, r, out=of_r)
        compat.sigmoid_backward(states[:-1] - n, z, out=of_z)
        return factors


RNN_STEPS: Steps = RNNSteps()
GRU_STEPS: Steps = GRUSteps()
