"""Draws of the next character from its logits, by a distribution that is sharpened or cut."""

from __future__ import annotations

import torch
from torch import Tensor

from graphseq import _checks

_SMALLEST = 1e-30


def probabilities(logits: Tensor, *, temperature: float = 1.0) -> Tensor:
    r"""Return the probabilities of the classes, (…, C) → (…, C).

    .. math:: p_c = \frac{e^{z_c / τ}}{\sum_k e^{z_k / τ}}

    with z the logits and τ the temperature: 1 is the model's distribution, below 1 it is sharper, towards the likeliest
    character, and above 1 flatter.

    Args:
        logits: z.
        temperature: τ, above 0.

    Raises:
        ValueError: a temperature of 0 or below, or one that is not finite.

    Source: Ackley, Hinton and Sejnowski, *A learning algorithm for Boltzmann machines* (1985).
    """
    highest = logits.amax(dim=-1, keepdim=True)  # subtracted first, so that no temperature makes a quotient overflow
    temperature = checked_temperature(temperature)
    if temperature < _SMALLEST:  # which numbers of 32 bits take for 0
        return torch.softmax((logits - highest).double() / temperature, dim=-1).to(logits.dtype)
    return torch.softmax((logits - highest) / temperature, dim=-1)


def allowed(probability: Tensor, *, top_k: int | None = None, top_p: float | None = None) -> Tensor:
    r"""Return the mask of the classes that may be drawn, (C,) → (C,) of ``bool``.

    ``top_k`` keeps the k most probable. ``top_p`` keeps the nucleus, the smallest set of the most probable classes
    whose probabilities sum to at least p:

    .. math:: V^{(p)} = \arg\min_{V'} |V'| \quad \text{with} \quad \sum_{c \in V'} p_c \ge p

    With both, the nucleus is that of the k most probable, rescaled to sum to 1. Of equally probable classes the first
    are taken first, so that a set always has its size.

    Args:
        probability: p, (C,), of sum 1.
        top_k: k, from 1 to C.
        top_p: p, above 0 and at most 1.

    Raises:
        ValueError: k or p out of range.

    Source: Fan, Lewis and Dauphin, *Hierarchical neural story generation* (2018), for the k most probable; Holtzman et
    al., *The curious case of neural text degeneration* (2020), eq. 2, for the nucleus.

    Example:
        >>> p = torch.tensor([0.1, 0.5, 0.3, 0.1])
        >>> allowed(p, top_p=0.7).tolist()
        [False, True, True, False]
    """
    check_cut(len(probability), top_k, top_p)
    falling, order = probability.sort(descending=True, stable=True)
    size = len(falling) if top_k is None else top_k
    falling = falling[:size]
    if top_p is not None:
        before = falling.cumsum(0) - falling
        size = max(1, int((before < float(top_p) * falling.sum()).sum()))
    return torch.zeros_like(probability, dtype=torch.bool).index_fill(0, order[:size], True)


def draw(
    logits: Tensor,
    generator: torch.Generator,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
) -> int:
    """Draw a class from logits (C,) on the CPU by :func:`probabilities`, cut by :func:`allowed`."""
    p = probabilities(logits, temperature=temperature)
    if top_k is not None or top_p is not None:
        p = p * allowed(p, top_k=top_k, top_p=top_p)
    return int(torch.multinomial(p, 1, generator=generator))


def checked_temperature(value: object) -> float:
    """Return a temperature as a ``float``, or refuse it and name the method for one of 0."""
    try:
        return _checks.positive("temperature", value)
    except ValueError as error:
        raise ValueError(f"{error}; for the likeliest character each time, use greedy instead") from None


def check_cut(classes: int, top_k: object, top_p: object) -> None:
    """Refuse ``top_k`` or ``top_p`` that is out of range for a number of classes."""
    if top_k is not None and _checks.at_least("top_k", top_k, 1) > classes:
        raise ValueError(f"top_k must be at most {classes}, the characters of the alphabet; got {top_k}")
    if top_p is not None and _checks.between("top_p", top_p, 0, 1) == 0:
        raise ValueError("top_p must lie above 0 and at most at 1, got 0")
