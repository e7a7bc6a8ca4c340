"""Probabilities and cuts against numbers worked out by hand."""

from __future__ import annotations

import math
from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graphseq.text.sampling import allowed, draw, probabilities

LOGITS = torch.tensor([math.log(1), math.log(2), math.log(4), math.log(9)], dtype=torch.float64)
P = torch.tensor([0.1, 0.5, 0.3, 0.1], dtype=torch.float64)


@pytest.mark.parametrize(
    ("temperature", "expected"),
    [
        (1.0, [1 / 16, 2 / 16, 4 / 16, 9 / 16]),
        (0.5, [1 / 102, 4 / 102, 16 / 102, 81 / 102]),
        (2.0, [1 / (6 + 2**0.5), 2**0.5 / (6 + 2**0.5), 2 / (6 + 2**0.5), 3 / (6 + 2**0.5)]),
        (1e-9, [0, 0, 0, 1]),
        (1e9, [0.25] * 4),
        (1e-320, [0, 0, 0, 1]),
    ],
)
def test_probabilities_are_powers_of_one_over_the_temperature(temperature: float, expected: list[float]) -> None:
    assert probabilities(LOGITS, temperature=temperature).tolist() == pytest.approx(expected, abs=1e-8)


def test_large_logits_do_not_overflow() -> None:
    assert probabilities(torch.tensor([1e38, 0.0, -1e38]), temperature=0.5).tolist() == [1, 0, 0]


@pytest.mark.parametrize(
    ("cut", "expected"),
    [
        ({"top_k": 1}, [False, True, False, False]),
        ({"top_k": 2}, [False, True, True, False]),
        ({"top_k": 3}, [True, True, True, False]),  # of equals the first
        ({"top_k": 4}, [True] * 4),
        ({"top_p": 0.5}, [False, True, False, False]),
        ({"top_p": 0.51}, [False, True, True, False]),
        ({"top_p": 0.8}, [False, True, True, False]),
        ({"top_p": 0.85}, [True, True, True, False]),
        ({"top_p": 1.0}, [True] * 4),
        ({"top_p": 1e-9}, [False, True, False, False]),
        # Of the two most probable, rescaled to 5/8 and 3/8, one is enough for 0.6.
        ({"top_k": 2, "top_p": 0.6}, [False, True, False, False]),
        ({"top_k": 2, "top_p": 0.7}, [False, True, True, False]),
        ({}, [True] * 4),
    ],
)
def test_a_cut_keeps_the_classes_that_it_should(cut: dict[str, float], expected: list[bool]) -> None:
    assert allowed(P, **cut).tolist() == expected


@given(weights=st.lists(st.integers(0, 50), min_size=1, max_size=12).filter(any), top_p=st.floats(0.01, 1))
def test_a_nucleus_is_the_smallest_set_of_its_probability(weights: list[int], top_p: float) -> None:
    p = torch.tensor(weights, dtype=torch.float64) / sum(weights)
    inside = p[allowed(p, top_p=top_p)]
    assert inside.sum() >= top_p - 1e-9
    assert inside.sum() - inside.min() < top_p + 1e-9


@given(weights=st.lists(st.integers(0, 50), min_size=1, max_size=12).filter(any), data=st.data())
def test_what_is_cut_is_never_more_probable_than_what_is_kept(weights: list[int], data: st.DataObject) -> None:
    p = torch.tensor(weights, dtype=torch.float64) / sum(weights)
    top_k = data.draw(st.none() | st.integers(1, len(p)))
    top_p = data.draw(st.none() | st.floats(0.01, 1))
    inside = allowed(p, top_k=top_k, top_p=top_p)
    assert inside.any()
    assert inside.all() or p[inside].min() >= p[~inside].max()
    assert top_k is None or inside.sum() <= top_k


def test_draws_come_as_often_as_the_probabilities_say() -> None:
    generator = torch.Generator().manual_seed(0)
    count = Counter(draw(LOGITS, generator) for _ in range(4000))
    for token, expected in enumerate([1 / 16, 2 / 16, 4 / 16, 9 / 16]):
        # Four standard errors.
        assert abs(count[token] / 4000 - expected) < 4 * math.sqrt(expected * (1 - expected) / 4000)


def test_nothing_that_is_cut_is_drawn() -> None:
    generator = torch.Generator().manual_seed(0)
    assert {draw(LOGITS, generator, temperature=5, top_k=2) for _ in range(200)} == {2, 3}
    assert {draw(LOGITS, generator, top_p=0.5) for _ in range(50)} == {3}


def test_the_cut_comes_after_the_temperature() -> None:
    # At temperature 1 a nucleus of 0.6 holds two classes; at 0.5 the likeliest has 81/102 alone.
    generator = torch.Generator().manual_seed(0)
    assert {draw(LOGITS, generator, top_p=0.6) for _ in range(100)} == {2, 3}
    assert {draw(LOGITS, generator, temperature=0.5, top_p=0.6) for _ in range(100)} == {3}


@pytest.mark.parametrize("value", [0, 0.0, -1, float("inf"), float("nan")])
def test_a_temperature_that_is_none_is_refused_with_what_stands_for_it(value: float) -> None:
    with pytest.raises(ValueError, match=r"temperature must be a finite number above 0, got .*; .* use greedy"):
        probabilities(LOGITS, temperature=value)


@pytest.mark.parametrize(
    ("cut", "message"),
    [
        ({"top_k": 0}, "top_k must be at least 1, got 0"),
        ({"top_k": 5}, "top_k must be at most 4, the characters of the alphabet; got 5"),
        ({"top_p": 0}, "top_p must lie above 0 and at most at 1, got 0"),
        ({"top_p": 1.1}, "top_p must lie between 0 and 1, got 1.1"),
    ],
)
def test_a_cut_out_of_range_is_refused(cut: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        allowed(P, **cut)


def test_a_temperature_that_is_no_number_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="temperature must be a number, got 'warm'"):
        probabilities(LOGITS, temperature="warm")
