"""The input threshold below which a self-exciting tanh unit stores a bit."""

from __future__ import annotations

import math

from graphseq import _checks
from graphseq._arguments import checked_arguments

_MOST = 1e15


@checked_arguments
def latch_threshold(gain: float) -> float:
    r"""Compute the largest input against which a tanh unit with a recurrent weight above 1 keeps its sign.

    .. math::
        h_t = \tanh(g h_{t-1} + m_t), \qquad
        m^* = \sqrt{g (g - 1)} - \operatorname{artanh} \sqrt{1 - 1/g}

    For g > 1 the map without input has two stable fixed points and an unstable one at 0. A constant input m shifts
    them; at ``|m| = m*`` the unstable point and one stable point merge, where the slope of the map, g (1 - h²), is 1.
    While ``|m_t| < m*`` at every step, a state beyond that point, :math:`|h| > \sqrt{1 - 1/g}`, keeps its sign for
    any number of steps. Its gradient still vanishes, by a factor of at most g (1 - h²) < 1 a step.

    Args:
        gain: g, above 1.

    Raises:
        ValueError: a gain of 1 or below, without stable states.

    Source: Bengio, Simard and Frasconi, *Learning long-term dependencies with gradient descent is difficult* (1994),
    section III, on latching; m* is where dm/dh = 0 on m = artanh(h) - g h.

    Example:
        >>> round(latch_threshold(2.0), 4)
        0.5328
    """
    gain = _checks.positive("gain", gain)
    if gain <= 1:
        raise ValueError(f"gain must be above 1, or the unit has no two stable states; got {gain}")
    if gain > _MOST:
        raise ValueError(f"gain must be at most {_MOST:g}, or 1 - 1/g rounds to 1; got {gain:g}")
    return math.sqrt(gain * (gain - 1)) - math.atanh(math.sqrt(1 - 1 / gain))
