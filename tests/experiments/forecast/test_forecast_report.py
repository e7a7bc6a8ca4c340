"""The report of a forecast: means, Student's intervals, and one table."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import replace

import pytest
from scipy import stats

from graphseq.experiments.forecast.report import Facts, Line, best_of, summarise, table, tables_of, to_csv
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
    assert mean.split() == ["mean", "2.0000", "0.5000", "0.0%", "87.5%", "3.0000"]
    half = f"{(1.0968 - 0.1032) / 2:.4f}"
    assert lstm.split() == ["LSTM", "0.6000", half, "0.5000", "70.0%", "0.7500", "*", "87.5%", "3.0000"]
    said = " ".join(text.split())
    assert "explain 75.0% from a node's own past and 87.5% with its neighbours'" in said
    assert "20 test windows, a to z (100 answers), 3 seeds" in said


def test_no_line_is_wider_than_a_hundred_columns() -> None:
    long = [replace(line, model="graph autoregression", mse=1.23e5, width=1.2e-9, mae=123456.0) for line in lines(0.4)]
    notes = ["a note on the data that is longer than a line of the terminal can be " * 3]
    facts = [FACTS._replace(targets=["heat (K)"] * 9, notes=notes, horizon=h, validation=(9, "a", "b")) for h in (1, 3)]
    shown = tables_of(SETTINGS, [replace(line, horizon=h) for h in (1, 3) for line in long], facts)
    assert max(map(len, shown.splitlines())) <= 100
    assert shown.count("a note on the data") == 3


def test_columns_of_several_units_have_errors_of_their_own() -> None:
    each = [{"mse": 4.0, "mae": 1.0, "validation_mse": 2.0, "coverage": 0.9, "width": 1.0}, {"mse": 0.25}]
    each[1] = {**each[0], **each[1], "validation_mse": 0.5}
    other = [{**each[0], "validation_mse": 2.2}, {**each[1], "validation_mse": 0.1}]
    runs = [result(Case("mean", 0), 2.0, channels=each), result(Case("LSTM", 0), 2.0, channels=other)]
    found = summarise(SETTINGS, runs, ["heat (K)", "rain (mm)"])
    assert [(line.model, line.channel, line.mse) for line in found] == [
        *(("mean", "heat (K)", 4.0), ("LSTM", "heat (K)", 4.0)),
        *(("mean", "rain (mm)", 0.25), ("LSTM", "rain (mm)", 0.25)),
    ]
    # 2.2 · 0.1 < 2 · 0.5, although the sum of the errors in different units is no criterion.
    assert best_of(found) == "LSTM"
    facts = [FACTS._replace(channel=name, unit=unit) for name, unit in (("heat (K)", "K"), ("rain (mm)", "mm"))]
    shown = tables_of(SETTINGS, found, facts)
    assert "heat (K), 1 ahead: errors in K on 20 test windows" in shown
    assert "rain (mm), 1 ahead: errors in mm on 20 test windows" in shown
    with pytest.raises(ValueError, match="lacks the errors of each column"):
        summarise(SETTINGS, [result(Case("mean", 0), 2.0)], ["heat", "rain"])


def test_the_table_says_what_is_forecast_and_what_was_not_read() -> None:
    shown = table(SETTINGS, lines(0.4), FACTS._replace(targets=["y", "z"], notes=["not all"])).splitlines()
    assert shown[0].startswith("ring: 5 nodes, forecast of y, z, 1 ahead from 4 times. Errors")
    assert shown[2] == "  not all"


def test_one_that_diverged_says_so() -> None:
    runs = [result(Case("LSTM", seed), None if seed else 0.5, failure="diverged!" if seed else "") for seed in range(3)]
    found = summarise(replace(SETTINGS, models=("LSTM",)), runs)
    assert found[0].failure == "diverged!"
    assert "LSTM   diverged" in table(SETTINGS, found, FACTS)


def test_one_value_everywhere_leaves_nothing_to_explain() -> None:
    shown = table(SETTINGS, lines(0.4, 0.6, 0.8), FACTS._replace(variance=0.0))
    assert " - from a node's own past" in " ".join(shown.split())


def test_csv_has_a_line_a_model_and_nothing_for_what_is_not_finite() -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv(lines(0.5, 0.5, 0.5)))))
    assert [(row["model"], row["mse"], row["low"], row["validation_mse"]) for row in rows] == [
        ("mean", "2.0", "", ""),
        ("LSTM", "0.5", "0.5", "0.75"),
    ]
