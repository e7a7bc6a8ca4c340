"""Two marked numbers, added up."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from torch import Tensor

import graphseq as gs
from graphseq.baselines.constant import Constant
from graphseq.nn import LSTM, Model
from graphseq.tasks import Adding


def batch(task: Adding, size: int, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Numbers (B, T), marks (B, T) and answers (B,)."""
    graph = task.batch(size, torch.Generator().manual_seed(seed))
    x = graph.x.view(size, task.length, 2)
    return x[..., 0], x[..., 1], graph.y[:, 0]


@given(length=st.integers(3, 9), seed=st.integers(0, 99))
def test_the_answer_is_the_sum_of_the_two_marked_numbers(length: int, seed: int) -> None:
    for numbers, marks, y in zip(*batch(Adding(length), 4, seed), strict=True):
        first, second = marks.nonzero()[:, 0].tolist()
        assert first < length // 2 <= second < length - 1
        assert y.item() == pytest.approx(numbers[first].item() + numbers[second].item(), rel=1e-6)


def test_each_row_of_either_half_is_marked_equally_often_and_the_last_one_never() -> None:
    shares = batch(Adding(9), 20_000)[1].mean(dim=0)
    expected = torch.tensor([1 / 4] * 4 + [1 / 4] * 4 + [0])
    torch.testing.assert_close(shares, expected, rtol=0, atol=0.013)


def test_numbers_are_uniform_between_0_and_1() -> None:
    assert stats.kstest(batch(Adding(5), 1000)[0].flatten().numpy(), "uniform").pvalue > 1e-3


def test_always_1_has_a_mean_squared_error_of_one_sixth() -> None:
    task = Adding(10)
    y = batch(task, 40_000)[2][:, None]
    # The squared error of a sum of two uniforms has variance 7/180.
    assert abs(task.loss(torch.ones_like(y), y).item() - 1 / 6) < 4 * math.sqrt(7 / 180 / 40_000)
    constant = Constant.of(task)
    assert constant.output.item() == pytest.approx(1, abs=0.02)
    found = gs.evaluate(constant, task, samples=4000)
    assert found.loss == pytest.approx(1 / 6, rel=0.07)
    assert found.low - 0.01 < task.chance < found.high + 0.01


def test_who_knows_one_of_the_numbers_is_left_with_one_twelfth() -> None:
    numbers, marks, y = batch(Adding(10), 40_000)
    second = (numbers * marks)[:, 5:].sum(dim=1)
    assert Adding(10).loss((second + 0.5)[:, None], y[:, None]).item() == pytest.approx(1 / 12, rel=0.03)


@pytest.mark.parametrize(("tolerance", "share"), [(0.08, 0.1536), (0.5, 0.75), (1.0, 1.0), (3.0, 1.0)])
def test_chance_is_how_often_two_uniforms_add_up_to_nearly_1(tolerance: float, share: float) -> None:
    task = Adding(4, tolerance=tolerance)
    y = batch(task, 20_000)[2][:, None]
    assert task.chance == pytest.approx(share)
    assert task.score(torch.ones_like(y), y).mean().item() == pytest.approx(share, abs=0.015)


def test_sources_are_the_marked_rows_and_the_first_row_is_the_farthest() -> None:
    task = Adding(6)
    graph = task.batch(40, torch.Generator().manual_seed(0))
    marked = graph.x[:, 1].view(40, 6).nonzero()
    assert torch.equal(
        task.relevant_nodes(graph).nonzero(), torch.stack([marked[:, 0], marked[:, 0] * 6 + marked[:, 1]], 1)
    )
    assert task.hops == 5
    assert 0 in marked[:, 1].tolist()


def test_a_recurrence_learns_to_add() -> None:
    task = Adding(4)
    torch.manual_seed(0)
    model = Model(LSTM(2, 32), 1)
    gs.fit(model, task, steps=500, batch_size=64, optimizer="Adam", lr=0.01, stop_window=10)
    assert gs.evaluate(model, task, samples=300).loss < 1 / 6 / 20


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"length": 2}, ValueError, "length must be at least 3, got 2"),
        ({"length": 5.0}, TypeError, "length must be an integer"),
        ({"length": 5, "tolerance": 0}, ValueError, "tolerance must be a finite number above 0, got 0"),
        ({"length": 5, "tolerance": float("nan")}, ValueError, "tolerance must be a finite number above 0, got nan"),
        ({"length": 5, "tolerance": "0.1"}, TypeError, "tolerance must be a number"),
    ],
)
def test_refusals_name_the_argument(arguments: dict[str, object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Adding(**arguments)  # type: ignore[arg-type]
