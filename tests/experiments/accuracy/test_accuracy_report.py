"""The report: means, intervals, and a table that says what is out of reach."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import replace
from typing import Any

import pytest
from scipy import stats

from graphseq.evaluation.tables import finite
from graphseq.experiments.accuracy import settings as presets
from graphseq.experiments.accuracy.report import Cell, summarise, table, to_csv
from graphseq.experiments.accuracy.settings import Settings
from graphseq.experiments.engine.configs import expand
from graphseq.experiments.engine.run import Run

SMALL: dict[str, Any] = {"hidden": 4, "batch_size": 8, "steps": 10, "samples": 20, "depths": (1,), "starts": ()}
SETTINGS = Settings(lengths=(2, 5), **SMALL)
TEXT = Settings(**{**presets.TEXT, **SMALL, "lengths": (4,)}, text="book.txt")


def runs_of(settings: Settings, **more: object) -> list[Run]:
    """A run of each case, all with the same numbers."""
    base = {"score": 0.5, "low": 0.4, "high": 0.6, "bits": 1.0, "chance": 0.1, "hops_reached": 1, "parameters": 1234}
    rest = {"steps": 10, "training_seconds": 0.25, "diverged": "", "solved": False}
    return [
        Run(
            str(number),
            case,
            {**base, **rest, "hops_needed": case["length"] - (1 if case["task"] == "Transfer" else 2), **more},
        )
        for number, case in enumerate(expand(settings.cases()).values())
    ]


def changed(run: Run, **more: object) -> Run:
    return replace(run, result={**(run.result or {}), **more})


def test_one_seed_keeps_the_interval_of_its_evaluation() -> None:
    cell = summarise(SETTINGS, runs_of(SETTINGS))[0]
    assert (cell.accuracy, cell.low, cell.high, cell.seeds) == (0.5, 0.4, 0.6, 1)


@pytest.mark.parametrize("scores", [(0.2, 0.4), (0.3, 0.35, 0.5, 0.41)])
def test_several_seeds_have_students_interval(scores: tuple[float, ...]) -> None:
    settings = Settings(lengths=(2,), seeds=tuple(range(len(scores))), **SMALL)
    runs = [changed(run, score=scores[run.config["seed"]]) for run in runs_of(settings)]
    cell = summarise(settings, runs)[0]
    low, high = stats.t.interval(0.95, len(scores) - 1, loc=sum(scores) / len(scores), scale=stats.sem(scores))
    assert (cell.low, cell.high) == (pytest.approx(max(0, low)), pytest.approx(min(1, high)))
    assert cell.seconds == pytest.approx(0.25 * len(scores))


def test_the_order_of_results_does_not_matter() -> None:
    runs = runs_of(SETTINGS)
    assert summarise(SETTINGS, runs[::-1]) == summarise(SETTINGS, runs)


def test_one_seed_that_diverged_marks_the_cell() -> None:
    settings = Settings(lengths=(2,), seeds=(0, 1), **SMALL)
    runs = [changed(run, diverged="diverged!" if run.config["seed"] else "") for run in runs_of(settings)]
    assert {cell.diverged for cell in summarise(settings, runs)} == {"diverged!"}


def line_of(text: str, model: str) -> str:
    return next(line for line in text.splitlines() if line.startswith(f"{model}  "))


def test_what_lies_beyond_reach_is_marked() -> None:
    line = line_of(table(SETTINGS, summarise(SETTINGS, runs_of(SETTINGS))), "GCN-1")
    assert line.split() == ["GCN-1", "50±10", "50±10-", "1", "hop"]


@pytest.mark.parametrize(("reached", "said"), [(-1, "nothing"), (0, "0 hops"), (1, "1 hop"), (2, "2 hops"), (4, "all")])
def test_how_far_a_model_sees_is_said(reached: int, said: str) -> None:
    text = table(SETTINGS, summarise(SETTINGS, runs_of(SETTINGS, hops_reached=reached)))
    assert line_of(text, "LSTM").endswith(f"  {said}")


def test_what_diverged_is_said() -> None:
    runs = [changed(run, diverged="x" if run.config["model"] == "RNN" else "") for run in runs_of(SETTINGS)]
    text = table(SETTINGS, summarise(SETTINGS, runs))
    assert line_of(text, "RNN").split()[1:3] == ["diverged", "diverged"]
    assert text.count("diverged") == 4


def test_a_table_says_chance_and_hops_needed() -> None:
    text = table(SETTINGS, summarise(SETTINGS, runs_of(SETTINGS)))
    assert [line.split() for line in text.splitlines() if line.startswith("hops needed")] == [
        ["hops", "needed", "1", "4"]
    ] * 2
    assert text.count("Chance 10%.") == 2


def test_a_table_of_text_says_bits() -> None:
    text = table(TEXT, summarise(TEXT, runs_of(TEXT)))
    assert "50.0 [40.0, 60.0]  1.00 bits" in line_of(text, "bigram")
    assert "constant" not in text


def test_columns_line_up() -> None:
    for panel in table(SETTINGS, summarise(SETTINGS, runs_of(SETTINGS))).split("\n\n"):
        lines = panel.splitlines()
        (rule,) = (number for number, line in enumerate(lines) if line.startswith("---"))
        assert len({len(line) for line in lines[rule - 2 :]}) == 1


def test_the_table_of_a_comparison_fits_a_terminal_of_100_columns() -> None:
    settings = Settings(seeds=(0, 1, 2, 3, 4))
    runs = [changed(run, score=run.config["seed"] / 4, steps=600, parameters=10**6) for run in runs_of(settings)]
    text = table(settings, summarise(settings, runs))
    assert "50±49" in text
    assert "not run" in line_of(text, "GCN-LSTM-grown")
    assert max(map(len, text.splitlines())) <= 100


@pytest.mark.parametrize(
    ("score", "low", "high", "text"),
    [(1.0, 0.997, 1.0, "100"), (0.98, 0.9, 1.0, "98±8"), (0.02, 0.0, 0.11, "2±9"), (0.5, 0.4, 0.6, "50±10")],
)
def test_half_of_an_interval_is_that_before_its_ends_were_cut(score: float, low: float, high: float, text: str) -> None:
    runs = runs_of(SETTINGS, score=score, low=low, high=high)
    assert line_of(table(SETTINGS, summarise(SETTINGS, runs)), "GCN-1").split()[1] == text


def test_what_training_cost_is_said_of_each_task() -> None:
    settings = Settings(lengths=(2, 5), **{**SMALL, "seeds": (0, 1)})
    costs = table(settings, summarise(settings, runs_of(settings))).split("\n\n")[-1]
    assert costs.splitlines()[1].split() == ["Transfer", "Palindrome"]
    assert line_of(costs, "GCN-1").split() == ["GCN-1", "1,234", "40", "1.0", "40", "1.0"]


def test_csv_holds_every_number() -> None:
    cells = summarise(SETTINGS, runs_of(SETTINGS, diverged='loss "nan", lr 1'))
    lines = list(csv.DictReader(io.StringIO(to_csv(cells))))
    assert [line["diverged"] for line in lines] == ['loss "nan", lr 1'] * len(cells)
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
    assert math.isnan(summarise(SETTINGS, runs_of(SETTINGS, bits=None))[0].bits)


def test_a_result_that_is_no_number_is_an_error() -> None:
    with pytest.raises(TypeError, match="score of a result must be a number, got 'high'"):
        summarise(SETTINGS, runs_of(SETTINGS, score="high"))


def test_runs_that_failed_are_counted_and_have_no_number() -> None:
    runs = [
        replace(run, result=None, error="no") if run.config["model"] == "LSTM" else run for run in runs_of(SETTINGS)
    ]
    cells = [cell for cell in summarise(SETTINGS, runs) if cell.model == "LSTM"]
    assert {(cell.seeds, cell.failed, cell.accuracy) for cell in cells} == {(0, 1, None)}
    assert line_of(table(SETTINGS, summarise(SETTINGS, runs)), "LSTM").split() == ["LSTM", "failed", "failed"]
    assert not cells[0].in_reach


def test_seeds_that_are_not_asked_for_do_not_count() -> None:
    several = runs_of(Settings(lengths=(2, 5), seeds=(0, 1), **SMALL), score=0.9)
    one = runs_of(SETTINGS)
    assert summarise(SETTINGS, one)[0].seeds == 1
    assert summarise(Settings(lengths=(2, 5), seeds=(0, 1), **SMALL), several)[0].seeds == 2
