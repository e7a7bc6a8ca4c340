"""The times that forecasts are of, and the steps to later data."""

from __future__ import annotations

import pytest
import torch

import graphseq as gs
from graphseq.experiments.forecast.calendar import steps_between, times_after
from graphseq.io import TemporalDataset


def named(*times: str) -> TemporalDataset:
    graph = gs.from_signal(torch.zeros(len(times), 1, 1), torch.empty(2, 0, dtype=torch.long))
    return TemporalDataset("data", graph, ("a",), times, ("x",))


@pytest.mark.parametrize(
    ("times", "ahead", "expected"),
    [
        (["3", "5", "7"], [1, 4], ["9", "15"]),
        (["0.1", "0.2", "0.3"], [1], ["0.4"]),
        (["2024-02-27", "2024-02-28"], [1, 2], ["2024-02-29", "2024-03-01"]),
        (["2024-01-01 22:00:00", "2024-01-01 23:00:00"], [1], ["2024-01-02 00:00:00"]),
        (["2024-11-01", "2024-12-01"], [1, 2, 14], ["2025-01-01", "2025-02-01", "2026-02-01"]),
        (["2024-01-01", "2024-04-01", "2024-07-01"], [1, 2], ["2024-10-01", "2025-01-01"]),
        (["2023-10-31", "2023-11-30", "2023-12-31"], [1, 2, 3], ["2024-01-31", "2024-02-29", "2024-03-31"]),
        (["2024-03-31", "2024-06-30", "2024-09-30"], [1, 2], ["2024-12-31", "2025-03-31"]),
        (["2024-03-30", "2024-06-30", "2024-09-30"], [1, 3], ["2024-12-30", "2025-06-30"]),
        (["2023-02-28 23:00:00", "2023-03-31 23:00:00"], [1], ["2023-04-30 23:00:00"]),
        (["2023-01-28", "2023-02-28"], [1], ["2023-03-28"]),
        (["2020-02-29", "2021-02-28", "2022-02-28"], [2], ["2024-02-29"]),
        # a Friday after six working days
        ([f"2024-03-{day:02}" for day in (1, 4, 5, 6, 7, 8)], [1, 2], ["2024-03-11", "2024-03-12"]),
        (["frame one", "frame two"], [1, 2], ["frame two + 1 step", "frame two + 2 steps"]),
        (["7"], [1], ["7 + 1 step"]),
    ],
)
def test_the_times_after_the_last(times: list[str], ahead: list[int], expected: list[str]) -> None:
    assert list(times_after(named(*times), ahead)) == expected


@pytest.mark.parametrize(
    ("first", "later", "steps"),
    [
        (["0", "2", "4"], ["10", "12"], 5),
        (["2024-01-01", "2024-01-02"], ["2024-02-01"], 31),
        (["2024-01-01", "2024-02-01"], ["2025-01-01"], 12),
        (["2024-01-01", "2024-02-01"], ["2025-01-02"], None),
        (["2023-11-30", "2023-12-31"], ["2024-02-29"], 3),
        (["2023-11-30", "2023-12-31"], ["2024-02-28"], None),
        (["0", "2", "4"], ["11"], None),
        (["0", "2", "5"], ["10"], None),
        (["0", "2", "5"], ["5"], 2),
        (["0", "1"], ["2024-01-01"], None),
        (["one", "two"], ["three"], None),
    ],
)
def test_the_steps_to_later_data(first: list[str], later: list[str], steps: int | None) -> None:
    assert steps_between(named(*first), named(*later)) == steps
