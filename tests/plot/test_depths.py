"""A quantity over layers: points are the numbers given, on the scale that was asked for."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from graphseq.plot import draw_over_layers


def test_points_are_the_values_layer_by_layer_each_as_long_as_it_is() -> None:
    curves = {"long": torch.tensor([8.0, 4.0, 2.0, 1.0]), "short": [3, 0]}
    axes = draw_over_layers(Figure().subplots(), curves, ylabel="energy")
    long, short = (next(line for line in axes.lines if line.get_label() == name) for name in curves)
    assert long.get_xydata().tolist() == [[0, 8], [1, 4], [2, 2], [3, 1]]
    np.testing.assert_array_equal(short.get_ydata(), [3, np.nan])
    floor = next(line for line in axes.lines if line.get_gid() == "floor").get_ydata()[0]
    marks = next(line for line in axes.lines if line.get_gid() == "zeros short")
    assert marks.get_xydata().tolist() == [[1, floor]]
    assert (axes.get_yscale(), axes.get_ylabel(), axes.get_xlabel()) == ("log", "energy", "layer (0: the input)")


def test_on_a_linear_scale_zeros_and_what_is_below_are_values_like_others() -> None:
    axes = draw_over_layers(Figure().subplots(), {"rank": [2.0, 0.0, -1.0]}, ylabel="rank", log=False)
    (line,) = axes.lines
    assert line.get_ydata().tolist() == [2.0, 0.0, -1.0]
    assert axes.get_yscale() == "linear"


@pytest.mark.parametrize("log", [True, False])
def test_nan_is_a_gap(log: bool) -> None:
    for values in ([1.0, float("nan"), 0.5], [float("nan")] * 2):
        axes = draw_over_layers(Figure().subplots(), {"mad": values}, ylabel="distance", log=log)
        np.testing.assert_array_equal(axes.lines[0].get_ydata(), values)
        axes.figure.savefig(io.BytesIO(), format="png")


@pytest.mark.parametrize(
    ("curves", "error", "message"),
    [
        ({}, ValueError, "curves must have 1 to 7"),
        ({"a": [1.0, -1.0]}, ValueError, r"curves\['a'\]\[1\] is -1; a logarithmic scale takes values of at least 0"),
        ({"a": [1.0, float("inf")]}, ValueError, r"curves\['a'\]\[1\] is inf"),
        ({"a": [[1.0]]}, ValueError, r"one dimension and at least one entry, got shape \(1, 1\)"),
        ({"a": []}, ValueError, "at least one entry"),
        ({"a": None}, TypeError, r"curves\['a'\] must be a torch.Tensor or a sequence of numbers, got NoneType"),
        ({"a": ["x"]}, TypeError, "must be a sequence of numbers"),
    ],
)
def test_what_cannot_be_drawn_is_refused(curves: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        draw_over_layers(Figure().subplots(), curves, ylabel="y")
