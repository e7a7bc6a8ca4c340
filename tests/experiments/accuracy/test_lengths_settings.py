"""What a sweep over lengths is made of: each run's whole configuration, the longest first, starts where they fit."""

from __future__ import annotations

import inspect

import pytest

from graphseq.experiments.accuracy.run import FAMILIES, STARTS, run_length
from graphseq.experiments.accuracy.settings import MODELS, Settings
from graphseq.experiments.accuracy.settings import STARTS as STARTS_FOR
from graphseq.experiments.engine.configs import expand, fit_into

WHOLE = Settings(
    ("Palindrome", "Transfer"), MODELS, (5, 9), (1, 2), (0, 3), encoding="scalar", starts=("latch", "chrono")
)


def test_a_configuration_says_all_that_a_run_is_given() -> None:
    cases = WHOLE.cases()
    assert len(cases) == 2 * 5 * 2 * 2 * 2
    fit_into(run_length, expand(cases).values())
    assert all(set(case) == set(inspect.signature(run_length).parameters) for case in cases)
    assert [case["length"] for case in cases] == [9] * 40 + [5] * 40


def test_starts_and_encodings_are_given_to_those_they_are_for_so_that_no_run_is_made_twice() -> None:
    found = {(case["task"], case["model"]): (case["start"], case["encoding"]) for case in WHOLE.cases()}
    assert found["Palindrome", "RNN"] == ("latch", "scalar")
    assert found["Palindrome", "LSTM"] == ("chrono", "scalar")
    assert found["Palindrome", "GRU"] == ("torch", "scalar")
    assert found["Transfer", "RNN"] == ("latch", "one-hot")


def test_two_starts_for_one_model_are_refused() -> None:
    both = Settings(("Palindrome",), ("LSTM", "RNN"), (5,), starts=("orthogonal", "latch"))
    with pytest.raises(ValueError, match="--start orthogonal latch: RNN begins from one of them; name one"):
        both.cases()


def test_every_model_and_start_that_is_offered_is_there_and_fits() -> None:
    assert tuple(FAMILIES) == MODELS
    assert set(STARTS) == {*STARTS_FOR, "torch"}
    for start, models in STARTS_FOR.items():
        for model in models:
            STARTS[start](FAMILIES[model](1, 4, 2))
