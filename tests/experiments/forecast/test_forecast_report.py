"""The report of a forecast: means, Student's intervals, and one table."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import replace

import pytest
from scipy import stats

from graphseq.experiments.forecast.report import Facts, Line, summarise, table, to_csv
from graphseq.experiments.forecast.settings import Case, Settings

SETTINGS = Settings(
    *(
        "",
        None,
        None,
        "refuse",
        ("mean", "LSTM"),
        4,
        (1,),
        1,
        0.5,
        0.25,
        None,
        "file",
        4,
        5,
        5,
        4,
        0.01,
        0.0,
        False,
        0.0,
    ),
    seeds=(0, 1, 2),
)
FACTS = Facts("ring", 5, 20, 100, "a", "z", 2.0, 0.5, 0.25)


def result(case: Case, mse: float | None, **more: object) -> dict[str, object]:
    base = {
        "model": case.model,
        "seed": case.seed,
        "mse": mse,
        "mae": 0.5,
        "validation_mse": 0.75,
        "coverage": 0.875,
        "width": 3.0,
    }
    return {**base, "best_step": 20, "parameters": 1234, "seconds": 1.5, "failure": "", **more}


def lines(*scores: float) -> list[Line]:
    runs = [result(Case("LSTM", seed), score) for seed, score in enumerate(scores)]
    return summarise(SETTINGS, [result(Case("mean", 0), 2.0, validation_mse=None), *runs])


def test_several_seeds_have_students_interval() -> None:
    line, scores = lines(0.4, 0.6, 0.8)[1], [0.4, 0.6, 0.8]
    assert (line.mse, line.seeds, line.seconds) == (pytest.approx(0.6), 3, 4.5)
    assert (line.low, line.high) == pytest.approx(stats.t.interval(0.95, 2, loc=0.6, scale=stats.sem(scores)))


def test_what_has_no_seed_has_no_interval() -> None:
    line = lines(1.0, 1.0, 1.0)[0]
    assert (line.model, line.mse, line.seeds) == ("mean", 2.0, 1)
    assert math.isnan(line.low)
    assert math.isnan(line.high)


def test_the_table_says_what_each_explains_and_what_could_be() -> None:
    text = table(SETTINGS, lines(0.4, 0.6, 0.8), FACTS)
    mean, lstm = (next(line for line in text.splitlines() if line.startswith(name)) for name in ("mean", "LSTM"))
    assert mean.split() == ["mean", "2.0000", "0.5000", "0.0%", "87.5%", "3.0000", "1,234", "1.5"]
    before, after = ["LSTM", "0.6000", "[0.1032,", "1.0968]", "0.5000", "70.0%"], ["1,234", "20", "4.5"]
    assert lstm.split() == [*before, "0.7500", "*", "87.5%", "3.0000", *after]
    assert "explain 75.0% from a node's own past and 87.5% with its neighbours'" in text
    assert "20 test windows, a to z (100 answers), 3 seeds" in text


def test_the_table_says_what_is_forecast_and_what_was_not_read() -> None:
    title, note, *_ = table(SETTINGS, lines(0.4), FACTS._replace(targets=["y", "z"], notes=["not all"])).splitlines()
    assert title.startswith("ring: 5 nodes, forecast of y, z, 1 ahead from 4 times. Errors")
    assert note == "  not all"


def test_one_that_diverged_says_so() -> None:
    runs = [result(Case("LSTM", seed), None if seed else 0.5, failure="diverged!" if seed else "") for seed in range(3)]
    found = summarise(replace(SETTINGS, models=("LSTM",)), runs)
    assert found[0].failure == "diverged!"
    assert "LSTM   diverged" in table(SETTINGS, found, FACTS)


def test_one_value_everywhere_leaves_nothing_to_explain() -> None:
    assert " - from a node's own past" in table(SETTINGS, lines(0.4, 0.6, 0.8), FACTS._replace(variance=0.0))


def test_csv_has_a_line_a_model_and_nothing_for_what_is_not_finite() -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv(lines(0.5, 0.5, 0.5)))))
    assert [(row["model"], row["mse"], row["low"], row["validation_mse"]) for row in rows] == [
        ("mean", "2.0", "", ""),
        ("LSTM", "0.5", "0.5", "0.75"),
    ]
