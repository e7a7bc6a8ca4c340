"""Counts of n-grams of characters: a model of text without parameters, which can go on counting while it reads."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from graphseq import _checks

DISCOUNTS = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.9, 0.9, 0.9)
"""Discounts of the orders 0 to 8: the longer a context, the more of its counts are ones that will not come again."""


class NGrams:
    r"""Probabilities of the next character from counts after its last 0, 1, …, K characters, each order above the last.

    .. math:: p_k(c \mid s) = \frac{\max(n(s c) - D_k, 0)}{n(s)}
        + \frac{D_k\, |\{c' : n(s c') > 0\}|}{n(s)}\; p_{k-1}(c \mid s'), \qquad p_{-1} = \frac1C

    s is a context of k characters, s' the same without its first, and n(s) the sum of n(s c) over c. At the longest
    order n counts what was added; at a shorter one it counts only what the order above saw for the first time, so that
    it tells after how many *different* contexts a character comes, which is what is asked of it where the longer
    context is new. A context that never came takes the probability of the next shorter one. Probabilities of all
    characters sum to 1.

    Args:
        alphabet: number of characters, C.
        discounts: D_0 to D_K, between 0 and 1; their number says how far back the longest context goes.

    Raises:
        ValueError: no discount, or one out of (0, 1).

    Source: Kneser and Ney, *Improved backing-off for m-gram language modeling* (1995), in the interpolated form of Chen
    and Goodman (1999), section 2.7; counts that go on while a text is read are the unbounded cache of Grave, Cisse and
    Joulin (2017).

    Example:
        >>> counts = NGrams(alphabet=2, discounts=(0.5,))
        >>> counts.add("aab", 0, 3)
        >>> counts.probability("aab", 2)  # of "b": (1 - .5) / 3 + .5 · 2 / 3 · 1 / 2
        (0.3333333333333333, 0)
    """

    def __init__(self, alphabet: int, discounts: Sequence[float] = DISCOUNTS) -> None:
        self.alphabet = _checks.at_least("alphabet", alphabet, 1)
        self.discounts = checked_discounts(discounts)
        self._tables: list[dict[str, tuple[list[int], dict[str, int]]]] = [{} for _ in self.discounts]

    def add(self, text: str, start: int, stop: int) -> None:
        """Count ``text[start:stop]``, each character after all that come before it in ``text``."""
        for i in range(start, stop):
            character = text[i]
            for k in range(min(i, len(self._tables) - 1), -1, -1):
                context, table = text[i - k : i], self._tables[k]
                found = table.get(context)
                if found is None:
                    table[context] = found = ([0], {})
                found[0][0] += 1
                earlier = found[1].get(character, 0)
                found[1][character] = earlier + 1
                if earlier:
                    break  # shorter contexts count it once for each longer one

    def probability(self, text: str, i: int, begin: int = 0) -> tuple[float, int]:
        """Return the probability of ``text[i]`` after ``text[begin:i]``, and the longest context that was counted.

        The second is -1 where nothing was counted yet.
        """
        character, probability, longest = text[i], 1 / self.alphabet, -1
        for k, (table, discount) in enumerate(zip(self._tables[: i - begin + 1], self.discounts, strict=False)):
            found = table.get(text[i - k : i])
            if found is None:
                break
            (total,), following = found
            left = discount * len(following) / total * probability
            probability, longest = max(following.get(character, 0) - discount, 0.0) / total + left, k
        return probability, longest

    def distribution(self, text: str, i: int, characters: dict[str, int]) -> tuple[NDArray[np.float64], int]:
        """Return the probability of every character at ``i``, and the longest context that was counted.

        Args:
            text: the text.
            i: the position, of which ``text[:i]`` is read.
            characters: the number of each character of the alphabet, from 0 to C - 1.

        Returns:
            (C,), of which :meth:`probability` is one entry, and the same second value.
        """
        probability, longest = np.full(self.alphabet, 1 / self.alphabet), -1
        for k, (table, discount) in enumerate(zip(self._tables[: i + 1], self.discounts, strict=False)):
            found = table.get(text[i - k : i])
            if found is None:
                break
            (total,), following = found
            probability *= discount * len(following) / total
            for character, count in following.items():
                probability[characters[character]] += (count - discount) / total
            longest = k
        return probability, longest


def checked_discounts(discounts: Sequence[float]) -> tuple[float, ...]:
    """Return the discounts, one or more numbers between 0 and 1.

    Raises:
        ValueError: no discount, or one out of (0, 1).
    """
    if not discounts or not all(0 < discount < 1 for discount in discounts):
        raise ValueError(f"discounts must be one or more numbers between 0 and 1, got {list(discounts)}")
    return tuple(discounts)
