"""The map of a cliff: cells are the accuracies, the wall is where layers no longer reach, by structure alone."""

from __future__ import annotations

import io
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import graphseq as gs
from graphseq.plot import draw_cliff_map

LENGTHS, DEPTHS = [2, 3, 5], [1, 4]
FOUND = [[1.0, 0.1, 0.2], [0.9, float("nan"), 0.5]]


def draw(**changed: object) -> Axes:
    given = {"lengths": LENGTHS, "depths": DEPTHS, "accuracy": FOUND, "chance": 0.1, **changed}
    options = {key: given.pop(key) for key in ("chance", "hops") if key in given}
    return draw_cliff_map(Figure().subplots(), *given.values(), **options)


def wall(axes: Axes) -> list[tuple[float, float]]:
    (line,) = [line for line in axes.lines if line.get_gid() == "wall"]
    return [tuple(point) for point in line.get_xydata().tolist()]


def test_cells_are_the_accuracies_on_a_scale_from_chance_to_1() -> None:
    axes = draw(accuracy=torch.tensor(FOUND))
    shown = np.ma.filled(axes.images[0].get_array(), np.nan)
    np.testing.assert_array_equal(shown, np.array(FOUND, dtype=np.float32))
    assert axes.images[0].get_clim() == (0.1, 1.0)
    assert [text.get_text() for text in axes.texts] == ["100", "10", "20", "90", "–", "50"]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["2", "3", "5"]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["1", "4"]
    assert [tuple(text.get_position()) for text in axes.texts][3:5] == [(0, 1), (1, 1)]


def test_what_was_not_measured_is_white() -> None:
    (patch,) = draw().patches
    assert (patch.get_xy(), patch.get_facecolor()) == ((0.5, 0.5), (1.0, 1.0, 1.0, 1.0))


def test_the_wall_parts_depths_that_reach_from_those_that_do_not() -> None:
    axes = draw(hops=[gs.tasks.Transfer(length=rows).hops for rows in LENGTHS])
    # One layer reaches over 2 rows only, four over all three.
    assert wall(axes) == [(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (1.5, 0.5), (1.5, 0.5), (2.5, 0.5)]


@settings(max_examples=15)
@given(st.sets(st.integers(2, 7), min_size=1), st.sets(st.integers(1, 7), min_size=1))
def test_a_cell_lies_above_the_wall_exactly_where_the_receptive_field_holds_the_source(
    rows: set[int], layers: set[int]
) -> None:
    lengths, depths = sorted(rows), sorted(layers)
    axes = draw(
        lengths=lengths,
        depths=depths,
        accuracy=np.full((len(depths), len(lengths)), 0.5),
        hops=[length - 1 for length in lengths],
    )
    for column, length in enumerate(lengths):
        height = wall(axes)[2 * column][1]
        for line, depth in enumerate(depths):
            sequence = gs.from_sequence(torch.zeros(length, 1))
            field = gs.reach.receptive_field(gs.nn.GCN(1, 1, num_layers=depth), sequence, length - 1)
            assert (line > height) == (0 in field.tolist())


def test_without_hops_there_is_no_wall() -> None:
    assert not draw().lines


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"lengths": [2, 2, 5]}, ValueError, r"lengths must be .* ascending; got \[2, 2, 5\]"),
        ({"depths": []}, ValueError, "depths must be one number or more"),
        ({"depths": [1.5, 2]}, TypeError, "depths must be an integer, got 1.5"),
        ({"accuracy": [[1.0, 0.5]]}, ValueError, r"accuracy must have shape \(2, 3\)"),
        ({"accuracy": [[1.0, 0.5], [1.0]]}, TypeError, r"accuracy must be numbers of shape \(2, 3\)"),
        ({"accuracy": [[1, 1, 1], [1, 1, 1.5]]}, ValueError, r"accuracy\[1, 2\] is 1.5; it must lie between 0 and 1"),
        ({"chance": 1.0}, ValueError, "chance must lie between 0 and 1, got 1.0"),
        ({"hops": [1, 2]}, ValueError, r"hops must be 3 numbers, one a length, not descending; got \[1, 2\]"),
        ({"hops": [3, 2, 4]}, ValueError, "not descending"),
        ({"hops": [1, 2, -1]}, ValueError, "hops must be at least 0"),
    ],
)
def test_what_does_not_fit_is_refused(changed: dict[str, object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        draw(**changed)


def test_ticks_do_not_overlap() -> None:
    axes = draw_cliff_map(
        Figure(figsize=(3.4, 2.4)).subplots(), range(2, 202), range(1, 61), torch.rand(60, 200), chance=0
    )
    axes.figure.draw_without_rendering()
    for labels, at in ((axes.get_xticklabels(), "x"), (axes.get_yticklabels(), "y")):
        boxes = [label.get_window_extent() for label in labels]
        assert len(boxes) > 2
        assert not any(a.overlaps(b) for a, b in pairwise(boxes)), at
    assert [label.get_text() for label in draw().get_xticklabels()] == ["2", "3", "5"]


def test_many_cells_carry_no_numbers_and_the_picture_can_be_saved() -> None:
    many = range(1, 21)
    axes = draw(lengths=many, depths=many, accuracy=np.ones((20, 20)), hops=range(20))
    assert not axes.texts
    file = io.BytesIO()
    axes.figure.savefig(file, format="png")
    assert file.getvalue().startswith(b"\x89PNG")
