"""When a unit that feeds on itself holds a bit, whatever it reads."""

from __future__ import annotations

import math

from graphseq import _checks


def latch_threshold(gain: float) -> float:
    r"""The largest input that a tanh unit with a weight of its own above 1 withstands for ever.

    .. math::
        h_t = \tanh(g h_{t-1} + m_t), \qquad
        m^* = \sqrt{g (g - 1)} - \operatorname{artanh} \sqrt{1 - 1/g}

    For g > 1 the map without input has two stable states and 0 between them, unstable. A constant input m moves them;
    at |m| = m* the lower state and the one between, where the map's slope g (1 - h²) is 1, meet and vanish. While
    |m_t| < m* at every step, a state beyond that point, :math:`|h| > \sqrt{1 - 1/g}`, keeps its sign, for any
    number of steps. The gradient of what is held fades all the same, by less than g (1 - h²) < 1 a step.

    Args:
        gain: g, above 1.

    Raises:
        ValueError: a gain of 1 or below, which holds nothing.

    Source: Bengio, Simard and Frasconi, *Learning long-term dependencies with gradient descent is difficult* (1994),
    section III, on latching; m* is where dm/dh = 0 on m = artanh(h) - g h.

    Example:
        >>> round(latch_threshold(2.0), 4)
        0.5328
    """
    gain = _checks.positive("gain", gain)
    if gain <= 1:
        raise ValueError(f"gain must be above 1 for a unit to hold anything, got {gain}")
    return math.sqrt(gain * (gain - 1)) - math.atanh(math.sqrt(1 - 1 / gain))
