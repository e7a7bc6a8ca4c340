"""Counts of n-grams of a whole text at once, in arrays: distributions over all characters, a hundred times as fast."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from graphseq import _checks
from graphseq.text.ngrams import DISCOUNTS, checked_discounts

_AT_A_TIME = 20_000  # positions, so that memory does not grow with the text
Whole = NDArray[np.int64]


class _Order(NamedTuple):
    """Counts of one order: entries sorted by context, then by character."""

    start: Whole  #: (S + 1,), the first entry of each context
    character: Whole  #: of each entry
    times: Whole  #: of each entry
    total: Whole  #: (S,), the sum of the counts of each context


class NGramArrays:
    """The distributions of :class:`~graphseq.text.ngrams.NGrams`, for any positions of a text that is given whole.

    Args:
        tokens: numbers of the characters of the text, (N,).
        alphabet: number of characters, C.
        stop: the characters before this one are counted, and no later ones.
        discounts: as for :class:`~graphseq.text.ngrams.NGrams`.

    Raises:
        ValueError: tokens outside of the alphabet, a ``stop`` beyond the text, discounts out of (0, 1).

    Source: as for :class:`~graphseq.text.ngrams.NGrams`.

    Example:
        >>> counts = NGramArrays(np.array([0, 0, 1]), alphabet=2, stop=3, discounts=(0.5,))
        >>> counts.distributions(np.array([2]))[0]  # as of "aab"
        array([[0.66666667, 0.33333333]])
    """

    def __init__(
        self, tokens: NDArray[np.integer], alphabet: int, stop: int, discounts: Sequence[float] = DISCOUNTS
    ) -> None:
        self.alphabet, self.discounts = _checks.at_least("alphabet", alphabet, 1), checked_discounts(discounts)
        self._tokens = np.asarray(tokens, np.int64)
        if not 0 <= stop <= len(self._tokens):
            raise ValueError(f"stop must be from 0 to the {len(self._tokens)} characters of the text, got {stop}")
        if len(self._tokens) and not 0 <= self._tokens.min() <= self._tokens.max() < alphabet:
            raise ValueError(
                f"tokens must be from 0 to {alphabet - 1}, got {self._tokens.min()} to {self._tokens.max()}"
            )
        self._contexts = self._numbered()
        self._orders = self._counted(stop)

    def _numbered(self) -> list[Whole]:
        """Return for each order the number of the context before each position; equal contexts have equal numbers."""
        size, contexts = len(self._tokens), [np.zeros(len(self._tokens), np.int64)]
        for k in range(1, len(self.discounts)):
            key = np.full(size, -1, np.int64)
            key[k:] = contexts[-1][k:] * self.alphabet + self._tokens[: max(size - k, 0)]
            contexts.append(np.unique(key, return_inverse=True)[1].reshape(-1))
        return contexts

    def _counted(self, stop: int) -> list[_Order]:
        """Return the counts of each order; all but the longest count what the next longer saw for the first time."""
        orders: list[_Order] = []
        positions = np.arange(len(self.discounts) - 1, max(stop, len(self.discounts) - 1))
        for k in range(len(self.discounts) - 1, -1, -1):
            contexts = self._contexts[k]
            pairs, first, count = np.unique(
                contexts[positions] * self.alphabet + self._tokens[positions], return_index=True, return_counts=True
            )
            context, character = np.divmod(pairs, self.alphabet)
            size = int(contexts.max(initial=0)) + 1
            start = np.concatenate([[0], np.cumsum(np.bincount(context, minlength=size))])
            total = np.bincount(context, count, size).astype(np.int64)
            orders.append(_Order(start, character, count, total))
            earlier = [k - 1] if 0 <= k - 1 < stop else []  # the text begins there: no longer context came before
            positions = np.concatenate([positions[first], earlier]).astype(np.int64)
        return orders[::-1]

    def distributions(
        self, positions: NDArray[np.integer], begin: NDArray[np.integer] | None = None
    ) -> tuple[NDArray[np.float64], Whole]:
        """Return the probability of each character at each position, and the longest context that was counted.

        Args:
            positions: positions in the text, (P,).
            begin: for each of them, the first character of the text that is read; by default the first of all.

        Returns:
            (P, C), and (P,); the second is -1 where nothing was counted.
        """
        wanted = np.asarray(positions, np.int64)
        known = wanted if begin is None else wanted - np.asarray(begin, np.int64)
        pieces = [
            self._some(wanted[i : i + _AT_A_TIME], known[i : i + _AT_A_TIME]) for i in range(0, len(wanted), _AT_A_TIME)
        ]
        if not pieces:
            return np.empty((0, self.alphabet)), np.empty(0, np.int64)
        return np.concatenate([one for one, _ in pieces]), np.concatenate([one for _, one in pieces])

    def _some(self, positions: Whole, known: Whole) -> tuple[NDArray[np.float64], Whole]:
        probability = np.full((len(positions), self.alphabet), 1 / self.alphabet)
        longest, rows = np.full(len(positions), -1), np.arange(len(positions))
        for k, (order, discount) in enumerate(zip(self._orders, self.discounts, strict=True)):
            rows = rows[known[rows] >= k]
            rows = rows[order.total[self._contexts[k][positions[rows]]] > 0]
            context = self._contexts[k][positions[rows]]
            start, total = order.start[context], order.total[context]
            kinds = order.start[context + 1] - start
            probability[rows] *= (discount * kinds / total)[:, None]
            entry = np.arange(kinds.sum()) + np.repeat(start - (np.cumsum(kinds) - kinds), kinds)
            probability[np.repeat(rows, kinds), order.character[entry]] += (order.times[entry] - discount) / np.repeat(
                total, kinds
            )
            longest[rows] = k
        return probability, longest
