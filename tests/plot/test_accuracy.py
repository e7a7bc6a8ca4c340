"""The figure of accuracies: its points, its walls, and what has no point."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from graphseq.experiments.accuracy import settings as presets
from graphseq.experiments.accuracy.figure import figure
from graphseq.experiments.accuracy.report import Cell
from graphseq.experiments.accuracy.settings import Settings
from graphseq.experiments.models import BASELINES
from graphseq.plot.accuracy import draw_accuracy

SETTINGS = Settings(lengths=(2, 3, 5, 9), depths=(1, 4))
TEXT = Settings(**{**presets.TEXT, "lengths": (4,), "depths": (1,)}, text="")


def cells_of(settings: Settings) -> list[Cell]:
    """Accuracies that are all different, of models that see as many hops as they have layers, or all."""
    places = [(t, line, rows) for t in settings.tasks for line in settings.lines() for rows in settings.lengths]
    return [
        Cell(
            *(task, line.label, line.depth, rows, 1, 0, 0, n / 200, n / 200 - 0.01, n / 200 + 0.02, 1 + n, 0.1),
            *(rows - 1, line.depth if line.model == "GCN" else 99, 9, 10, 1.0),
        )
        for n, (task, line, rows) in enumerate(places, start=1)
    ]


def panel(settings: Settings, cells: list[Cell]) -> Axes:
    return figure(settings, cells).axes[0]


def points(axes: Axes, model: str) -> list[float]:
    container = next(c for c in axes.containers if c.get_label() == model)
    return list(container.lines[0].get_ydata())


def test_every_accuracy_is_a_point_of_a_model_that_is_no_baseline() -> None:
    cells = cells_of(SETTINGS)
    axes = panel(SETTINGS, cells)
    labels = [line.label for line in SETTINGS.lines() if line.model not in BASELINES]
    assert [container.get_label() for container in axes.containers] == labels
    for model in labels:
        assert points(axes, model) == [c.accuracy for c in cells if (c.task, c.model) == ("Transfer", model)]


def test_bars_span_the_interval() -> None:
    cells = cells_of(SETTINGS)
    container = next(c for c in panel(SETTINGS, cells).containers if c.get_label() == "RNN")
    spans = [tuple(segment[:, 1]) for segment in container.lines[2][0].get_segments()]
    expected = [(cell.low, cell.high) for cell in cells if (cell.task, cell.model) == ("Transfer", "RNN")]
    np.testing.assert_allclose(spans, expected)


def test_what_diverged_or_failed_has_no_point() -> None:
    cells = [replace(c, diverged="x" if c.length == 3 else "") for c in cells_of(SETTINGS)]
    cells = [replace(c, seeds=0, accuracy=None) if c.length == 5 else c for c in cells]
    expected = [c.accuracy for c in cells if (c.task, c.model) == ("Transfer", "LSTM") and c.length in (2, 9)]
    assert points(panel(SETTINGS, cells), "LSTM") == expected


def test_a_wall_stands_where_the_reach_of_each_model_ends() -> None:
    # Lengths 2, 3, 5, 9 stand at 0 to 3: one layer sees 2 rows, four see 5.
    walls = {note.get_text(): note.xy[0] for note in panel(SETTINGS, cells_of(SETTINGS)).texts}
    assert walls == {"GCN-1\nsees no further": 0.5, "GCN-4\nsees no further": 2.5}


def test_models_whose_reach_ends_between_the_same_lengths_share_a_wall() -> None:
    settings = replace(SETTINGS, depths=(4, 6))
    notes = [(note.get_text(), note.xy[0]) for note in panel(settings, cells_of(settings)).texts]
    assert notes == [("GCN-4, GCN-6\nsees no further", 2.5)]


def test_no_wall_stands_where_all_is_within_reach_or_nothing() -> None:
    settings = replace(SETTINGS, depths=(8,))
    assert not panel(settings, cells_of(settings)).texts
    assert not panel(settings, [replace(cell, hops_reached=0) for cell in cells_of(settings)]).texts


def test_a_panel_a_task_on_one_scale() -> None:
    drawing = figure(SETTINGS, cells_of(SETTINGS))
    assert [axes.get_title().partition(":")[0] for axes in drawing.axes] == ["Transfer", "Palindrome"]
    assert len({axes.get_ylim() for axes in drawing.axes}) == 1
    sweep = replace(SETTINGS, unit="own", tasks=("Palindrome",))
    assert panel(sweep, cells_of(sweep)).get_xlabel() == "length in digits"


def test_depths_of_one_family_share_a_marker_and_darken() -> None:
    lines = {c.get_label(): c.lines[0] for c in panel(SETTINGS, cells_of(SETTINGS)).containers}
    assert lines["GCN-1"].get_marker() == lines["GCN-4"].get_marker() != lines["RNN"].get_marker()
    light, dark = (sum(int(lines[name].get_color()[n : n + 2], 16) for n in (1, 3, 5)) for name in ("GCN-1", "GCN-4"))
    assert light > dark


@pytest.mark.parametrize(
    ("lengths", "curves", "message"),
    [
        ([3, 2], {}, "lengths must ascend, got"),
        ([2, 2], {}, "lengths must ascend, got"),
        ([2, 3], {"RNN": {4: (0.5, 0.4, 0.6)}}, r"curves\['RNN'\] has a point at length 4"),
    ],
)
def test_what_cannot_be_drawn_is_refused(lengths: list[int], curves: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        draw_accuracy(Figure().subplots(), lengths, curves)


def test_bars_of_bits_have_their_length() -> None:
    cells = cells_of(TEXT)
    axes = panel(TEXT, cells)
    assert [bar.get_width() for bar in axes.patches] == [cell.bits for cell in cells]
    assert axes.texts[0].get_text() == f"{cells[0].bits:.2f} bits, {cells[0].accuracy:.0%} right"
    assert len({bar.get_facecolor() for bar in axes.patches}) == 2, "baselines are grey"


@pytest.mark.parametrize("bits", [float("nan"), float("inf"), 0.0])
def test_bars_without_length_can_be_drawn(bits: float) -> None:
    cells = [replace(cell, bits=bits, diverged="" if bits == 0 else "x") for cell in cells_of(TEXT)]
    axes = panel(TEXT, cells)
    assert {bar.get_width() for bar in axes.patches} == {0}
    assert axes.texts[0].get_text() == ("0.00 bits, 0% right" if bits == 0 else "diverged")


@pytest.mark.parametrize("diverged", ["", "x"])
@pytest.mark.parametrize("settings", [SETTINGS, TEXT, replace(SETTINGS, lengths=(2,), depths=(1,))])
def test_a_figure_can_be_saved_and_opens_no_window(settings: Settings, diverged: str) -> None:
    before, file = plt.get_fignums(), io.BytesIO()
    figure(settings, [replace(cell, diverged=diverged) for cell in cells_of(settings)]).savefig(file, format="png")
    assert file.getvalue().startswith(b"\x89PNG")
    assert plt.get_fignums() == before
