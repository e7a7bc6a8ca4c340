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
from matplotlib.text import Annotation

from graphseq.experiments.accuracy import settings as presets
from graphseq.experiments.accuracy.figure import figure
from graphseq.experiments.accuracy.report import Cell, sees
from graphseq.experiments.accuracy.settings import Settings
from graphseq.experiments.models import BASELINES
from graphseq.plot.accuracy import draw_accuracy, draw_bits

SETTINGS = Settings(lengths=(2, 3, 5, 9), depths=(1, 4), starts=())
TEXT = Settings(**{**presets.TEXT, "lengths": (4,), "depths": (1,)}, text="")


def cells_of(settings: Settings) -> list[Cell]:
    """Accuracies that are all different, of models that see as many hops as they have layers, or all."""
    places = [(t, line, rows) for t in settings.tasks for line in settings.lines() for rows in settings.lengths]
    return [
        Cell(
            *(task, line.label, line.depth, rows, 1, 0, 0, n / 200, n / 200 - 0.01, n / 200 + 0.02, 1 + n, 0.1),
            *(rows - 1, line.depth if line.model in ("GCN", "Wave") else 99, 9, 10, 1.0),
        )
        for n, (task, line, rows) in enumerate(places, start=1)
    ]


def panel(settings: Settings, cells: list[Cell]) -> Axes:
    return figure(settings, cells).axes[0]


def walls_of(axes: Axes) -> list[Annotation]:
    notes = [text for text in axes.texts if isinstance(text, Annotation)]
    return [note for note in notes if "over-squashing" not in note.get_text()]


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
    # One layer sees 2 rows, four see 5, whichever lengths were run.
    walls = {note.get_text(): note.xy[0] for note in walls_of(panel(SETTINGS, cells_of(SETTINGS)))}
    assert walls == {"GCN-1": 2.5, "GCN-4": 5.5}
    settings = replace(SETTINGS, depths=(6,))
    assert [note.xy[0] for note in walls_of(panel(settings, cells_of(settings)))] == [7.5]


def test_a_wall_does_not_depend_on_accuracies() -> None:
    drawn = [
        [(note.get_text(), note.xy) for note in walls_of(panel(SETTINGS, cells))]
        for cells in (cells_of(SETTINGS), [replace(cell, accuracy=1.0, high=1.0) for cell in cells_of(SETTINGS)])
    ]
    assert drawn[0] == drawn[1] != []


def test_models_whose_reach_ends_at_the_same_length_share_a_wall() -> None:
    settings = replace(SETTINGS, depths=(4,), models=("GCN", "Wave"))
    notes = [(note.get_text(), note.xy[0]) for note in walls_of(panel(settings, cells_of(settings)))]
    assert notes == [("GCN-4\nWave-4", 5.5)]


def lost_of(axes: Axes) -> dict[str, list[float]]:
    """Where each hatched region begins and ends."""
    regions = {str(region.get_gid()): region for region in axes.collections if region.get_gid()}
    spans = {name: region.get_paths()[0].vertices[:, 0] for name, region in regions.items()}
    return {name.removeprefix("lost "): [span.min(), span.max()] for name, span in spans.items()}


def test_what_is_within_reach_and_lost_is_hatched_up_to_the_end_of_reach() -> None:
    def solved(cell: Cell) -> Cell:
        lost = (cell.model, cell.length) in (("GCN-4", 5), ("RNN", 9))
        return replace(cell, accuracy=0.3 if lost else 1.0, low=0.2, high=0.4 if lost else 1.0)

    cells = [solved(cell) for cell in cells_of(SETTINGS)]
    assert lost_of(panel(SETTINGS, cells)) == {"GCN-4": [3, 5.5], "RNN": [5, 9]}
    beyond = [replace(cell, accuracy=0.1, high=0.2) if not cell.in_reach else cell for cell in cells]
    assert lost_of(panel(SETTINGS, beyond)) == {"GCN-4": [3, 5.5], "RNN": [5, 9]}, "what no layer reaches is not lost"
    wide = [replace(cell, high=1.0) for cell in cells]
    assert lost_of(panel(SETTINGS, wide)) == {}, "an interval that holds 100 % excludes nothing"


def test_over_squashing_is_named_with_its_closed_form_where_layers_just_span_the_path() -> None:
    def named(*lost: tuple[str, int]) -> list[str]:
        cells = [replace(cell, high=0.4 if (cell.model, cell.length) in lost else 1.0) for cell in cells_of(SETTINGS)]
        return [text.get_text() for text in panel(SETTINGS, cells).texts if "over-squashing" in text.get_text()]

    (text,) = named(("GCN-4", 5))
    hops = 4
    operator = np.eye(hops + 1) + np.eye(hops + 1, k=1) + np.eye(hops + 1, k=-1)
    scale = np.diag(operator.sum(1) ** -0.5)
    weight = np.linalg.matrix_power(scale @ operator @ scale, hops)[0, hops]
    mantissa, exponent = f"{weight:.1e}".split("e")
    assert f"${mantissa}\\cdot 10^{{{int(exponent)}}}$ at 5" in text
    assert named(("GCN-4", 3)) == named(("GCN-1", 2)) == named(("RNN", 5)) == []


def test_torchs_first_weights_are_thin_lines_where_there_are_others() -> None:
    settings = replace(SETTINGS, starts=("recommended", "torch"))
    drawing = figure(settings, cells_of(settings))
    thin = [line for line in drawing.axes[0].lines if line.get_label() in ("RNN, torch", "LSTM, torch")]
    thick = {c.get_label(): c.lines[0] for c in drawing.axes[0].containers}
    assert [line.get_linewidth() < 1 for line in thin] == [True, True]
    assert thin[0].get_color().lower() == thick["RNN, latch"].get_color().lower()
    assert "GCN-LSTM-grown" in thick
    (legend,) = drawing.legends
    texts = [text.get_text() for text in legend.get_texts()]
    assert texts[:4] == ["0-hop", "GCN-1 (light) to GCN-4 (dark)", "Wave-16", "RNN, latch"]
    assert "thin: torch's first weights" in texts
    assert not {"RNN, torch", "LSTM, torch"} & set(texts)


def test_the_legend_says_what_was_not_run() -> None:
    cells = cells_of(SETTINGS)
    cells = [
        replace(c, seeds=0, accuracy=None, hops_needed=None) if (c.model, c.length) == ("GCN-LSTM-grown", 9) else c
        for c in cells
    ]
    (legend,) = figure(SETTINGS, cells).legends
    assert "GCN-LSTM-grown (not run beyond 5)" in [text.get_text() for text in legend.get_texts()]


def test_lengths_are_on_a_scale_of_powers_of_two() -> None:
    axes = figure(SETTINGS, cells_of(SETTINGS)).axes[-1]
    x = axes.transData.transform([(length, 0.5) for length in (2, 4, 8)])[:, 0]
    assert x[1] - x[0] == pytest.approx(x[2] - x[1])
    assert [text.get_text() for text in axes.get_xticklabels()] == ["2", "3", "5", "9"]


def test_no_wall_stands_where_all_is_within_reach_or_nothing() -> None:
    settings = replace(SETTINGS, depths=(8,))
    assert not walls_of(panel(settings, cells_of(settings)))
    assert not walls_of(panel(settings, [replace(cell, hops_reached=0) for cell in cells_of(settings)]))


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
        ([3, 2], {}, "lengths must ascend, from 1 or more; got"),
        ([2, 2], {}, "lengths must ascend, from 1 or more; got"),
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
    words = f"{cells[0].bits:.2f} bits, {cells[0].accuracy:.0%} right, sees {sees([cells[0]])}"
    assert axes.texts[0].get_text() == words
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["trained", "baselines"]
    assert len({bar.get_facecolor() for bar in axes.patches}) == 2, "baselines are grey"


@pytest.mark.parametrize("bits", [float("nan"), float("inf"), 0.0])
def test_bars_without_length_can_be_drawn(bits: float) -> None:
    cells = [replace(cell, bits=bits, diverged="" if bits == 0 else "x") for cell in cells_of(TEXT)]
    axes = panel(TEXT, cells)
    assert {bar.get_width() for bar in axes.patches} == {0}
    assert axes.texts[0].get_text() == ("0.00 bits, 0% right, sees all" if bits == 0 else "diverged")


def test_names_of_bars_that_do_not_fit_are_left_out() -> None:
    bars = {f"model {n}": (1.0 + n, "units") for n in range(60)}
    axes = draw_bits(Figure(figsize=(3.4, 2.2)).subplots(), bars)
    assert (axes.get_ylabel(), len(axes.get_yticks()), len(axes.texts)) == ("60 models", 0, 0)
    assert axes.get_xlabel().endswith("\n(less is better)")
    assert len(draw_bits(Figure(figsize=(7, 9)).subplots(), bars).texts) == 60


@pytest.mark.parametrize("diverged", ["", "x"])
@pytest.mark.parametrize("settings", [SETTINGS, TEXT, replace(SETTINGS, lengths=(2,), depths=(1,))])
def test_a_figure_can_be_saved_and_opens_no_window(settings: Settings, diverged: str) -> None:
    before, file = plt.get_fignums(), io.BytesIO()
    figure(settings, [replace(cell, diverged=diverged) for cell in cells_of(settings)]).savefig(file, format="png")
    assert file.getvalue().startswith(b"\x89PNG")
    assert plt.get_fignums() == before
