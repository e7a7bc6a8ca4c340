"""Results as text: numbers and gaps, columns, CSV that is read back, and means with their intervals."""

from __future__ import annotations

import csv
import io
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from graphseq.evaluation.tables import aligned, finite, mean, number, students_interval, to_csv

CELLS = st.text("a ,;\"'\nü", max_size=6)


def test_null_is_nan_and_text_is_no_number() -> None:
    run = {"mse": 1, "mae": 0.5, "diverged": None, "name": "LSTM"}
    assert (number(run, "mse"), number(run, "mae")) == (1, 0.5)
    assert math.isnan(number(run, "diverged"))
    with pytest.raises(TypeError, match="name of a result must be a number, got 'LSTM'"):
        number(run, "name")


def test_a_mean_is_over_runs_and_unknown_where_one_is() -> None:
    assert mean([{"a": 1.0}, {"a": 4}], "a") == 2.5
    assert math.isnan(mean([{"a": 1.0}, {"a": None}], "a"))


@given(
    st.lists(st.integers(-99, 99).map(lambda k: k / 8), min_size=2, max_size=8).filter(
        lambda values: len(set(values)) > 1
    )
)
def test_the_interval_is_students(values: list[float]) -> None:
    middle, error = sum(values) / len(values), stats.sem(values)
    expected = stats.t.interval(0.95, len(values) - 1, loc=middle, scale=error)
    assert students_interval(values) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_equal_values_have_an_interval_of_one_point() -> None:
    assert students_interval([0.25, 0.25, 0.25]) == (0.25, 0.25)


@pytest.mark.parametrize(
    ("value", "written"), [(math.nan, None), (math.inf, None), (-math.inf, None), (0.5, 0.5), (3, 3), ("x", "x")]
)
def test_json_has_no_word_for_what_is_not_finite(value: object, written: object) -> None:
    assert finite(value) == written


def test_columns_stand_below_each_other_and_a_rule_follows_the_head() -> None:
    text = aligned([["model", "MSE", ""], ["", "mean", "n"], ["GCN-LSTM", "0.5", "10"]], head=2)
    assert text.splitlines() == [
        "model      MSE    ",
        "          mean   n",
        "--------  ----  --",
        "GCN-LSTM   0.5  10",
    ]


@given(st.lists(st.lists(CELLS, min_size=2, max_size=2), max_size=4))
def test_csv_is_read_back_whatever_the_cells_hold(rows: list[list[str]]) -> None:
    read = list(csv.reader(io.StringIO(to_csv(["a", "b,c"], rows), newline="")))
    assert read == [["a", "b,c"], *rows]
