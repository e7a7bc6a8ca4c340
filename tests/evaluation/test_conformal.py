"""Conformal intervals: the width is a rank of the errors, and exchangeable answers are held as often as is promised."""

from __future__ import annotations

import math

import pytest
import torch

from graphseq.evaluation import conformal_width


@pytest.mark.parametrize(
    ("coverage", "width"), [(0, 1.0), (1e-12, 1.0), (0.1, 1.0), (0.5, 5.0), (0.9, 9.0), (0.95, math.inf)]
)
def test_the_width_is_the_error_of_the_rank_that_is_asked(coverage: float, width: float) -> None:
    errors = torch.tensor([[5.0], [-1], [2], [-9], [3], [4], [-6], [7], [8]])  # nine, so that ranks are tenths
    assert conformal_width(errors, coverage).tolist() == [width]


def test_each_channel_has_its_own_width() -> None:
    errors = torch.arange(1.0, 100.0)[:, None] * torch.tensor([1.0, 10.0])
    assert conformal_width(errors, 0.8).tolist() == [80.0, 800.0]


def test_exchangeable_answers_are_held_as_often_as_is_asked() -> None:
    generator = torch.Generator().manual_seed(0)
    draws = torch.randn(2000, 50, generator=generator, dtype=torch.float64)
    held = [abs(draw[-1]) <= conformal_width(draw[:-1, None], 0.8)[0] for draw in draws]
    assert sum(held) / len(held) == pytest.approx(0.8, abs=0.03)  # three standard errors of 2,000 draws


@pytest.mark.parametrize("errors", [torch.zeros(0, 1), torch.zeros(3)])
def test_errors_of_another_shape_are_refused(errors: torch.Tensor) -> None:
    with pytest.raises(ValueError, match="errors must have shape"):
        conformal_width(errors, 0.9)


def test_an_error_that_is_nan_is_held_by_no_finite_width() -> None:
    errors = torch.tensor([[1.0], [math.nan], [2.0]])
    assert [conformal_width(errors, coverage).item() for coverage in (0.25, 0.5, 0.75)] == [1.0, 2.0, math.inf]
