"""The picture of a comparison: its points, its walls, and what has no point."""

from __future__ import annotations

import io
import math
from dataclasses import replace

import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from graphseq.experiments.compare.report import Cell
from graphseq.experiments.compare.settings import Settings
from graphseq.plot.accuracy import accuracy_against_length, bits_bars, figure

SETTINGS = Settings((2, 3, 5, 9), (1, 4), 4, 8, 0.01, 10, (0,), 20)
TEXT = Settings((4,), (1,), 4, 8, 0.01, 10, (0,), 20, text="")


def cells_of(settings: Settings) -> list[Cell]:
    """Accuracies that are all different."""
    places = [(t, m, rows) for t in settings.tasks for m in settings.models for rows in settings.lengths]
    return [
        Cell(task, model, rows, n / 100, n / 100 - 0.01, n / 100 + 0.02, 1 + n, 0.1, rows - 1, 1, 9, 10, 1.0, 1, "")
        for n, (task, model, rows) in enumerate(places, start=1)
    ]


def panel(cells: list[Cell]) -> tuple[Figure, object]:
    drawing = Figure()
    return drawing, accuracy_against_length(drawing.subplots(), SETTINGS, cells)


def points(axes: object, model: str) -> list[float]:
    container = next(c for c in axes.containers if c.get_label() == model)
    return list(container.lines[0].get_ydata())


def test_every_accuracy_is_a_point() -> None:
    cells = [cell for cell in cells_of(SETTINGS) if cell.task == "Transfer"]
    _, axes = panel(cells)
    for model in SETTINGS.models[1:]:
        assert points(axes, model) == [cell.accuracy for cell in cells if cell.model == model]


def test_bars_span_the_interval() -> None:
    cells = [cell for cell in cells_of(SETTINGS) if cell.task == "Transfer"]
    _, axes = panel(cells)
    container = next(c for c in axes.containers if c.get_label() == "RNN")
    spans = [tuple(segment[:, 1]) for segment in container.lines[2][0].get_segments()]
    expected = [(cell.low, cell.high) for cell in cells if cell.model == "RNN"]
    np.testing.assert_allclose(spans, expected)


def test_what_diverged_has_no_point() -> None:
    cells = [replace(c, failure="x" if c.rows == 3 else "") for c in cells_of(SETTINGS) if c.task == "Transfer"]
    _, axes = panel(cells)
    assert points(axes, "LSTM") == [c.accuracy for c in cells if c.model == "LSTM" and c.rows != 3]


def test_a_wall_stands_where_the_reach_of_each_gcn_ends() -> None:
    _, axes = panel([cell for cell in cells_of(SETTINGS) if cell.task == "Transfer"])
    # Lengths 2, 3, 5, 9 stand at 0 to 3: one layer sees 2 rows, four see 5.
    walls = {note.get_text(): note.xy[0] for note in axes.texts}
    assert walls == {"GCN-1\nsees no further": 0.5, "GCN-4\nsees no further": 2.5}


def test_depths_that_end_between_the_same_lengths_share_a_wall() -> None:
    settings = replace(SETTINGS, depths=(4, 6))
    axes = accuracy_against_length(Figure().subplots(), settings, cells_of(settings))
    assert [(note.get_text(), note.xy[0]) for note in axes.texts] == [("GCN-4, GCN-6\nsees no further", 2.5)]


def test_no_wall_stands_where_all_is_within_reach() -> None:
    settings = replace(SETTINGS, depths=(8,))
    axes = accuracy_against_length(Figure().subplots(), settings, cells_of(settings))
    assert not axes.texts


def test_a_panel_a_task_on_one_scale() -> None:
    drawing = figure(SETTINGS, cells_of(SETTINGS))
    assert [axes.get_title().partition(":")[0] for axes in drawing.axes] == ["Transfer", "Palindrome"]
    assert len({axes.get_ylim() for axes in drawing.axes}) == 1


def test_bars_of_bits_have_their_length() -> None:
    cells = cells_of(TEXT)
    axes = bits_bars(Figure().subplots(), cells)
    assert [bar.get_width() for bar in axes.patches] == [cell.bits for cell in cells]
    assert axes.texts[0].get_text() == f"{cells[0].bits:.2f} bits, {cells[0].accuracy:.0%} right"


@pytest.mark.parametrize("bits", [math.nan, math.inf, 0.0])
def test_bars_without_length_can_be_drawn(bits: float) -> None:
    cells = [replace(cell, bits=bits, failure="" if bits == 0 else "x") for cell in cells_of(TEXT)]
    axes = bits_bars(Figure().subplots(), cells)
    assert {bar.get_width() for bar in axes.patches} == {0}
    assert axes.texts[0].get_text() == ("0.00 bits, 1% right" if bits == 0 else "diverged")


@pytest.mark.parametrize("failure", ["", "x"])
@pytest.mark.parametrize("settings", [SETTINGS, TEXT, replace(SETTINGS, lengths=(2,), depths=(1,))])
def test_a_figure_can_be_saved_and_opens_no_window(settings: Settings, failure: str) -> None:
    before, file = plt.get_fignums(), io.BytesIO()
    figure(settings, [replace(cell, failure=failure) for cell in cells_of(settings)]).savefig(file, format="png")
    assert file.getvalue().startswith(b"\x89PNG")
    assert plt.get_fignums() == before
