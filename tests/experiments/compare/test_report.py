"""The report: means, intervals, and a table that says what is out of reach."""

from __future__ import annotations

import csv
import io
import math

import pytest
from scipy import stats

from graphseq.evaluation.tables import finite
from graphseq.experiments.compare.report import Cell, summarise, table, to_csv
from graphseq.experiments.compare.settings import Settings

SETTINGS = Settings((2, 5), (1,), 4, 8, 0.01, 10, (0,), 20)
TEXT = Settings((4,), (1,), 4, 8, 0.01, 10, (0,), 20, text="book.txt")


def result(model: str, rows: int, seed: int = 0, **more: object) -> dict[str, object]:
    base = {"score": 0.5, "low": 0.4, "high": 0.6, "bits": 1.0, "chance": 0.1, "hops_needed": rows - 1}
    rest = {"hops_reached": 1, "parameters": 1234, "steps": 10, "seconds": 0.25, "failure": ""}
    return {"task": "Transfer", "model": model, "rows": rows, "seed": seed, **base, **rest, **more}


def results(settings: Settings, **more: object) -> list[dict[str, object]]:
    return [
        {**result(case.model, case.rows, case.seed), "task": case.task, "seed": case.seed, **more}
        for case in settings.cases()
    ]


def test_one_seed_keeps_the_interval_of_its_evaluation() -> None:
    cell = summarise(SETTINGS, results(SETTINGS))[0]
    assert (cell.accuracy, cell.low, cell.high, cell.seeds) == (0.5, 0.4, 0.6, 1)


@pytest.mark.parametrize("scores", [(0.2, 0.4), (0.3, 0.35, 0.5, 0.41)])
def test_several_seeds_have_students_interval(scores: tuple[float, ...]) -> None:
    settings = Settings((2,), (1,), 4, 8, 0.01, 10, tuple(range(len(scores))), 20)
    runs = [{**run, "score": scores[run["seed"]]} for run in results(settings)]
    cell = summarise(settings, runs)[0]
    low, high = stats.t.interval(0.95, len(scores) - 1, loc=sum(scores) / len(scores), scale=stats.sem(scores))
    assert (cell.low, cell.high) == (pytest.approx(max(0, low)), pytest.approx(min(1, high)))
    assert cell.seconds == pytest.approx(0.25 * len(scores))


def test_the_order_of_results_does_not_matter() -> None:
    runs = results(SETTINGS)
    assert summarise(SETTINGS, runs[::-1]) == summarise(SETTINGS, runs)


def test_one_seed_that_diverged_marks_the_cell() -> None:
    settings = Settings((2,), (1,), 4, 8, 0.01, 10, (0, 1), 20)
    runs = [{**run, "failure": "diverged!" if run["seed"] else ""} for run in results(settings)]
    assert {cell.failure for cell in summarise(settings, runs)} == {"diverged!"}


def line_of(text: str, model: str) -> str:
    return next(line for line in text.splitlines() if line.startswith(f"{model}  "))


def test_what_lies_beyond_reach_is_marked() -> None:
    line = line_of(table(SETTINGS, summarise(SETTINGS, results(SETTINGS))), "GCN-1")
    assert line.split() == ["GCN-1", "50", "[40,", "60]", "50", "[40,", "60]-", "1", "hop", "1,234", "0.5"]


@pytest.mark.parametrize(("reached", "said"), [(-1, "nothing"), (0, "0 hops"), (1, "1 hop"), (2, "2 hops"), (4, "all")])
def test_how_far_a_model_sees_is_said(reached: int, said: str) -> None:
    text = table(SETTINGS, summarise(SETTINGS, results(SETTINGS, hops_reached=reached)))
    assert f"  {said}  " in line_of(text, "LSTM")


def test_what_diverged_is_said() -> None:
    runs = [{**run, "failure": "x" if run["model"] == "RNN" else ""} for run in results(SETTINGS)]
    text = table(SETTINGS, summarise(SETTINGS, runs))
    assert line_of(text, "RNN").split()[1:3] == ["diverged", "diverged"]
    assert text.count("diverged") == 4


def test_a_table_says_chance_and_hops_needed() -> None:
    text = table(SETTINGS, summarise(SETTINGS, results(SETTINGS)))
    assert [line.split() for line in text.splitlines() if line.startswith("hops needed")] == [
        ["hops", "needed", "1", "4"]
    ] * 2
    assert text.count("Chance 10%.") == 2


def test_a_table_of_text_says_bits() -> None:
    text = table(TEXT, summarise(TEXT, results(TEXT)))
    assert "50.0 [40.0, 60.0]  1.00 bits" in line_of(text, "bigram")
    assert "constant" not in text


def test_columns_line_up() -> None:
    for panel in table(SETTINGS, summarise(SETTINGS, results(SETTINGS))).split("\n\n"):
        assert len({len(line) for line in panel.splitlines()[1:]}) == 1


def test_csv_holds_every_number() -> None:
    cells = summarise(SETTINGS, results(SETTINGS, failure='loss "nan", lr 1'))
    lines = list(csv.DictReader(io.StringIO(to_csv(cells))))
    assert [line["failure"] for line in lines] == ['loss "nan", lr 1'] * len(cells)
    assert [float(line["accuracy"]) for line in lines] == [cell.accuracy for cell in cells]
    assert list(lines[0]) == list(Cell.__dataclass_fields__)


def test_a_number_that_json_has_no_word_for_is_read_as_none_and_as_nan() -> None:
    assert [finite(value) for value in (math.nan, math.inf, -math.inf, 1.5, 2, "nan")] == [
        None,
        None,
        None,
        1.5,
        2,
        "nan",
    ]
    assert math.isnan(summarise(SETTINGS, results(SETTINGS, bits=None))[0].bits)


def test_a_result_that_is_no_number_is_an_error() -> None:
    with pytest.raises(TypeError, match="score of a result must be a number, got 'high'"):
        summarise(SETTINGS, results(SETTINGS, score="high"))
