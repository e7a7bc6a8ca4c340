"""Lyapunov exponents of a recurrence, from the Jacobians of its steps."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from graphseq import _checks


def lyapunov_exponents(jacobians: Tensor, *, skipped: int = 0) -> Tensor:
    r"""Compute the Lyapunov exponents of a recurrence by the QR method.

    .. math:: J_t Q_{t-1} = Q_t R_t, \qquad \lambda_i = \frac1T \sum_t \ln |R_{t,ii}|,
              \qquad J_t = \frac{\partial h_t}{\partial h_{t-1}}

    They are the mean logarithms, a step, by which small changes of the state grow: a gradient along direction i is
    multiplied by e^λᵢ a step. Where all are far below 0 gradients vanish, where one is above 0 they explode and the
    states are chaotic; memory is long where the largest is close to 0. Linear recurrences have the logarithms of the
    moduli of their eigenvalues. Products of many Jacobians would lose all directions but the first, so that each
    product is made orthogonal again.

    Args:
        jacobians: J_1 … J_T, (T, S, S), floating and finite.
        skipped: steps at the beginning that turn the directions and are not in the mean.

    Returns:
        (S,) in float64, descending; -inf where a direction is lost altogether.

    Raises:
        TypeError: not a tensor.
        ValueError: another shape, entries that are not finite, nothing left after ``skipped``.

    Source: Benettin et al., *Lyapunov characteristic exponents for smooth dynamical systems* (1980); for recurrent
    networks, Vogt et al., *On Lyapunov exponents for RNNs* (2022), algorithm 1.

    Example:
        >>> halves = torch.diag(torch.tensor([0.5, 2.0])).expand(10, 2, 2)
        >>> lyapunov_exponents(halves).round(decimals=4).tolist()  # ± ln 2
        [0.6931, -0.6931]
    """
    steps = _steps(jacobians)
    if _checks.at_least("skipped", skipped, 0) >= len(steps):
        raise ValueError(f"skipped must be below the {len(steps)} steps, got {skipped}")
    q = torch.eye(steps.shape[1], dtype=torch.float64)
    sums = torch.zeros(steps.shape[1], dtype=torch.float64)
    for number, step in enumerate(steps):
        q, r = torch.linalg.qr(step @ q)
        if number >= skipped:
            sums += r.diagonal().abs().log()
    return (sums / (len(steps) - skipped)).sort(descending=True).values


def step_jacobians(step: Callable[[Tensor, Tensor], Tensor], state: Tensor, inputs: Tensor) -> Tensor:
    """Compute the Jacobian of each step of a recurrence along its own states.

    Args:
        step: a function of (input at a time, state) that gives the next state, of the same shape. For an LSTM cell the
            state is h and c joined.
        state: the first state, (S,).
        inputs: the inputs over time, (T, …).

    Returns:
        (T, S, S); entry (t, i, j) is the derivative of entry i of the state after step t in entry j before it.

    Raises:
        TypeError: not tensors.
        ValueError: a state that is not (S,), or a step that changes its shape.

    Example:
        >>> a = torch.tensor([[0.5, 1.0], [0.0, 0.25]])
        >>> found = step_jacobians(lambda x, h: a @ h + x, torch.zeros(2), torch.zeros(3, 2))
        >>> found.shape, torch.equal(found[2], a)
        (torch.Size([3, 2, 2]), True)
    """
    now = _checks.is_tensor("state", state).detach()
    if now.dim() != 1 or not now.is_floating_point():
        raise ValueError(f"state must be floating and (S,), got {now.dtype} {tuple(now.shape)}")
    found = []
    for x in _checks.is_tensor("inputs", inputs):

        def one(h: Tensor, x: Tensor = x) -> Tensor:
            return step(x, h)

        after = one(now).detach()
        if after.shape != now.shape:
            raise ValueError(f"step must keep the shape of the state, {tuple(now.shape)}, got {tuple(after.shape)}")
        found.append(torch.autograd.functional.jacobian(one, now, vectorize=True))
        now = after
    return torch.stack(found) if found else now.new_zeros(0, len(now), len(now))


def _steps(jacobians: Tensor) -> Tensor:
    steps = _checks.is_tensor("jacobians", jacobians).detach().cpu()
    if steps.dim() != 3 or steps.shape[1] != steps.shape[2] or not len(steps) or not steps.is_floating_point():
        raise ValueError(
            f"jacobians must be floating and (T, S, S), one step at least, got {steps.dtype} {tuple(steps.shape)}"
        )
    is_wrong = ~steps.isfinite().all(dim=(1, 2))
    if bool(is_wrong.any()):
        raise ValueError(f"jacobians[{int(is_wrong.nonzero()[0])}] has entries that are not finite")
    return steps.double()
