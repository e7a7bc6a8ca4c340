"""Counts of n-grams: they are a distribution, a closed form, and know of no later character."""

from __future__ import annotations

import pytest

from graphseq.text.ngrams import DISCOUNTS, NGrams

TEXT = "the cat sat on the mat, the rat ate the cat. " * 3


def test_the_probabilities_of_all_characters_sum_to_one_after_every_context() -> None:
    alphabet = sorted({*TEXT, "x", "q"})
    counts = NGrams(len(alphabet))
    counts.add(TEXT, 0, len(TEXT))
    for context in ("", "t", "the ", "the ca", "xq", "q the cat s", TEXT):
        total = sum(counts.probability(context + character, len(context))[0] for character in alphabet)
        assert total == pytest.approx(1, abs=1e-12)


def test_orders_are_joined_as_the_equation_says() -> None:
    counts = NGrams(3, (0.4, 0.6))
    counts.add("abab", 0, 4)  # after "a": b twice; after "b": a once; new of these, and the first: a, b, a
    unigram = {"a": (2 - 0.4) / 3 + 0.4 * 2 / 3 / 3, "b": (1 - 0.4) / 3 + 0.4 * 2 / 3 / 3, "c": 0.4 * 2 / 3 / 3}
    assert counts.probability("ab", 1) == (pytest.approx((2 - 0.6) / 2 + 0.6 / 2 * unigram["b"]), 1)
    assert counts.probability("bc", 1) == (pytest.approx(0.6 / 1 * unigram["c"]), 1)
    assert counts.probability("cc", 1) == (pytest.approx(unigram["c"]), 0)  # "c" was never a context
    assert counts.probability("ab", 1, begin=1) == (pytest.approx(unigram["b"]), 0)  # nothing before is read


def test_a_character_of_one_context_is_likely_only_there() -> None:
    counts = NGrams(26, (0.5, 0.9))
    counts.add("xy" * 50 + "aebecede", 0, 108)  # y is as frequent as x, but comes after x alone
    assert counts.probability("xy", 1)[0] > 0.9
    assert counts.probability("qe", 1)[0] > 3 * counts.probability("qy", 1)[0]  # "q" is new: e came after four


def test_the_longest_context_is_said_and_nothing_counted_is_the_alphabet() -> None:
    counts = NGrams(4)
    assert counts.probability("ab", 1) == (0.25, -1)
    counts.add(TEXT, 0, len(TEXT))
    assert counts.probability(TEXT, 30)[1] == len(DISCOUNTS) - 1
    assert counts.probability("zzzt", 3)[1] == 0


def test_counting_in_pieces_is_counting_at_once() -> None:
    at_once, in_pieces = NGrams(20), NGrams(20)
    at_once.add(TEXT, 0, 60)
    for start, stop in ((0, 7), (7, 7), (7, 33), (33, 60)):
        in_pieces.add(TEXT, start, stop)
    assert [at_once.probability(TEXT, i) for i in range(90)] == [in_pieces.probability(TEXT, i) for i in range(90)]


def test_the_distribution_holds_the_probability_of_every_character() -> None:
    alphabet = sorted({*TEXT, "x"})
    counts = NGrams(len(alphabet))
    number = {character: i for i, character in enumerate(alphabet)}
    assert counts.distribution("", 0, number)[0].tolist() == [1 / len(alphabet)] * len(alphabet)
    counts.add(TEXT, 0, 100)
    for context in ("", "t", "the ca", "xx", TEXT[:100]):
        found, longest = counts.distribution(context, len(context), number)
        for character, probability in zip(alphabet, found.tolist(), strict=True):
            expected = counts.probability(context + character, len(context))
            assert (probability, longest) == (pytest.approx(expected[0], rel=1e-12), expected[1])


@pytest.mark.parametrize("discounts", [(), (0.5, 1.0), (0.0,)])
def test_discounts_out_of_range_are_refused(discounts: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="one or more numbers between 0 and 1"):
        NGrams(3, discounts)
