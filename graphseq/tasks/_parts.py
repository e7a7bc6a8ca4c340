"""The size of a part of the data, from the share that was asked for."""

from __future__ import annotations

import math


def part_of(count: int, share: float) -> int:
    """Return ⌊``share`` · ``count``⌋ for the decimal number that ``share`` stands for: 0.29 of 100 are 29.

    The product of floats is 28.999…, a rounding below the whole number.
    """
    return math.floor(share * count + 1e-9)
