"""Counts in arrays are those that are made one by one, in every order, from any beginning, at every end."""

from __future__ import annotations

import numpy as np
import pytest

from graphseq.text.ngram_arrays import NGramArrays
from graphseq.text.ngrams import DISCOUNTS, NGrams

TEXT = "the cat sat on the mat, the rat ate the cat. zzz the hat sat. " * 2
ALPHABET = sorted({*TEXT, "x"})
NUMBER = {character: number for number, character in enumerate(ALPHABET)}
TOKENS = np.array([NUMBER[character] for character in TEXT])


@pytest.mark.parametrize("stop", [0, 1, 5, 60, len(TEXT)])
@pytest.mark.parametrize("discounts", [DISCOUNTS, (0.5, 0.9), (0.3,)])
def test_every_distribution_is_that_of_the_counts_made_one_by_one(stop: int, discounts: tuple[float, ...]) -> None:
    counts, arrays = NGrams(len(ALPHABET), discounts), NGramArrays(TOKENS, len(ALPHABET), stop, discounts)
    counts.add(TEXT, 0, stop)
    found, longest = arrays.distributions(np.arange(len(TEXT)))
    for i in range(len(TEXT)):
        expected, context = counts.distribution(TEXT, i, NUMBER)
        np.testing.assert_allclose(found[i], expected, rtol=1e-12, atol=0)
        assert longest[i] == context
    np.testing.assert_allclose(found.sum(1), 1, rtol=1e-12)


def test_nothing_before_the_beginning_is_read() -> None:
    counts, arrays = NGrams(len(ALPHABET)), NGramArrays(TOKENS, len(ALPHABET), 60)
    counts.add(TEXT, 0, 60)
    positions = np.array([99, 60, 70, 71])
    begin = np.array([95, 60, 60, 1])
    found, longest = arrays.distributions(positions, begin)
    expected = [counts.probability(TEXT, int(i), int(start)) for i, start in zip(positions, begin, strict=True)]
    np.testing.assert_allclose(found[np.arange(4), TOKENS[positions]], [one for one, _ in expected], rtol=1e-12)
    assert longest.tolist() == [one for _, one in expected]


def test_of_no_positions_there_are_no_distributions() -> None:
    found, longest = NGramArrays(TOKENS, len(ALPHABET), 60).distributions(np.arange(0))
    assert found.shape == (0, len(ALPHABET))
    assert longest.shape == (0,)


def test_texts_that_cannot_be_counted_are_refused() -> None:
    with pytest.raises(ValueError, match="stop must be from 0 to the 3 characters of the text, got 4"):
        NGramArrays(np.array([0, 1, 0]), 2, 4)
    with pytest.raises(ValueError, match="tokens must be from 0 to 1, got 0 to 2"):
        NGramArrays(np.array([0, 1, 2]), 2, 3)
    with pytest.raises(ValueError, match="one or more numbers between 0 and 1"):
        NGramArrays(np.array([0]), 2, 1, ())
