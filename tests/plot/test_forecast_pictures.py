"""Forecasts in pictures: lines and dots are the very numbers given, and errors are those of a loop."""

from __future__ import annotations

import io
from collections import defaultdict

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import pyplot as plt
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from torch import Tensor

import graphseq as gs
from graphseq.baselines.forecast import Persistence
from graphseq.evaluation.predict import Predictions, predict
from graphseq.plot import draw_errors_by_node, errors_by_node, forecast_figure
from graphseq.plot.node_errors import MODEL_STYLES, brief

# Nodes 0, 2 and 3 at the times 5 to 8; 2 is away at 6, and 3 but at 7.
NODE = torch.tensor([0, 2, 0, 0, 2, 3, 0, 2])
TIME = torch.tensor([5, 5, 6, 7, 7, 7, 8, 8])
Y = torch.arange(8.0)[:, None]
NAN = float("nan")


def said(*offsets: float) -> dict[str, Predictions]:
    """Models m0, m1, …, each off by a number of its own."""
    return {f"m{k}": Predictions(NODE, TIME, Y + offset, Y) for k, offset in enumerate(offsets)}


def panels(figure: Figure) -> dict[str, plt.Axes]:
    return {axes.get_title(loc="left"): axes for axes in figure.axes if axes.get_visible()}


def test_lines_are_what_was_said_and_what_came_and_break_where_a_node_was_away() -> None:
    found = panels(forecast_figure(said(0.5, -1.0)))
    assert list(found) == ["node 0", "node 2", "node 3"]
    came = {"node 0": [0, 2, 3, 6], "node 2": [1, NAN, 4, 7], "node 3": [NAN, NAN, 5, NAN]}
    for name, axes in found.items():
        first, second, last = axes.lines
        for line, offset in ((first, 0.5), (second, -1.0), (last, 0.0)):
            assert line.get_xdata().tolist() == [5, 6, 7, 8]
            np.testing.assert_array_equal(line.get_ydata(), np.array(came[name]) + offset)
        assert [line.get_color() for line in axes.lines] == [MODEL_STYLES[0][0], MODEL_STYLES[1][0], "0.15"]
        assert last.get_zorder() >= first.get_zorder()


def test_a_point_without_a_neighbour_has_a_dot() -> None:
    found = panels(forecast_figure(said(0.0)))
    dots = {name: [line.get_markevery() for line in axes.lines] for name, axes in found.items()}
    assert dots == {"node 0": [[], []], "node 2": [[0], [0]], "node 3": [[2], [2]]}


def test_of_the_last_times_only_those_are_drawn_and_errors_are_of_all() -> None:
    predictions = said(1.0)
    output = Y.clone()
    output[0] += 4  # node 0 at time 5, which is not drawn
    predictions["m1"] = Predictions(NODE, TIME, output, Y)
    axes = panels(forecast_figure(predictions, last=2))["node 0"]
    assert [line.get_xdata().tolist() for line in axes.lines] == [[7, 8]] * 3
    assert [text.get_text() for text in axes.texts] == ["4.00", "1.00"]  # from the right: 16/4, then 1


def test_errors_stand_in_the_corner_the_least_in_bold_and_over_all_nodes_in_the_legend() -> None:
    figure = forecast_figure(said(2.0, 0.5))
    (axes, *_) = figure.axes
    corner = [(text.get_text(), text.get_color(), text.get_weight()) for text in axes.texts]
    assert corner == [("0.25", MODEL_STYLES[1][0], "bold"), ("4.00", MODEL_STYLES[0][0], "normal")]
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["observed", "m0 (4.00)", "m1 (0.25)"]
    assert figure.get_suptitle() == "smallest error: m1 at 3 of 3 nodes"


def test_one_model_by_itself_says_from_where_to_where_its_errors_go() -> None:
    output = torch.where(NODE[:, None] == 3, Y + 9, Y + 1)
    figure = forecast_figure({"only": Predictions(NODE, TIME, output, Y)}, nodes=[3])
    assert figure.get_suptitle() == "only: mean squared error 1.00 to 81.00 per node (1 of them drawn)"
    assert list(panels(figure)) == ["node 3"]


def test_names_of_nodes_and_times_and_the_unit_are_written() -> None:
    times = {5: "Mon", 6: "Tue", 7: "Wed", 8: "Thu"}
    figure = forecast_figure(said(1.0), nodes=[2, 0], names=["Pest", "?", "Vas", "Zala"], times=times, unit="cases")
    assert list(panels(figure)) == ["Vas", "Pest"]
    for axes in figure.axes:
        assert axes.get_xticks().tolist() == [5, 6, 7, 8]
        assert [label.get_text() for label in axes.get_xticklabels()] == ["Mon", "Tue", "Wed", "Thu"]
    assert figure.get_supylabel() == "cases"


@pytest.mark.parametrize("count", [4, 12])
def test_names_of_times_do_not_touch_each_other(count: int) -> None:
    """Dates are long, and stand at both ends of panels that are side by side."""
    node, time = torch.arange(count).repeat(80), torch.arange(80).repeat_interleave(count)
    y = torch.zeros(80 * count, 1)
    figure = forecast_figure(
        {"m": Predictions(node, time, y + 1, y)}, times={day: f"2020-01-01 {day:02}:00" for day in range(80)}
    )
    figure.draw_without_rendering()
    labels = [label for axes in panels(figure).values() for label in axes.get_xticklabels() if label.get_visible()]
    boxes = [label.get_window_extent() for label in labels]
    assert len(boxes) == 3 * 3
    assert not any(a.overlaps(b) for place, a in enumerate(boxes) for b in boxes[:place])


def test_one_channel_is_drawn_and_errors_are_of_all() -> None:
    y = torch.cat([Y, 10 * Y], dim=1)
    output = y + torch.tensor([1.0, 3.0])
    (axes, *_) = forecast_figure({"m": Predictions(NODE, TIME, output, y)}, channel=1).axes
    np.testing.assert_allclose(axes.lines[1].get_ydata(), [0, 20, 30, 60])
    np.testing.assert_allclose(axes.lines[0].get_ydata(), [3, 23, 33, 63])
    assert axes.texts[0].get_text() == "5.00"  # (1² + 3²) / 2


def test_of_many_nodes_some_are_drawn_from_the_nearest_to_the_farthest() -> None:
    node = torch.arange(47)
    error = torch.tensor([float((n * 5) % 47) for n in range(47)])  # each of 0 to 46 once
    y = torch.zeros(47, 1)
    figure = forecast_figure({"m": Predictions(node, torch.zeros(47).long(), error[:, None].sqrt(), y)})
    shown = [error[int(name.split()[1])].item() for name in panels(figure)]
    assert shown == [2.0 * k for k in range(24)]
    assert figure.get_suptitle().endswith("per node (24 of them drawn)")


def test_what_predict_gives_is_drawn_and_opens_no_window() -> None:
    before, file = plt.get_fignums(), io.BytesIO()
    graph = gs.from_signal(torch.randn(12, 3, 1), torch.tensor([[0, 1], [1, 2]]))
    found = predict(Persistence(), gs.tasks.Forecasting(graph, lags=2))
    figure = forecast_figure({"persistence": found})
    np.testing.assert_allclose(figure.axes[1].lines[0].get_ydata(), graph.x.view(12, 3)[1:-1, 1])
    figure.savefig(file, format="png", dpi=40)
    assert file.getvalue().startswith(b"\x89PNG")
    assert plt.get_fignums() == before


# errors by node


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(-3, 3), st.integers(-3, 3)), min_size=1, max_size=20))
def test_errors_by_node_are_those_of_a_loop(answers: list[tuple[int, int, int]]) -> None:
    node, one, two = (torch.tensor(part) for part in zip(*answers, strict=True))
    time, y = torch.arange(len(node)), torch.zeros(len(node), 2)
    output = torch.stack([one, two], dim=1).float()
    squares: dict[int, list[float]] = defaultdict(list)
    for n, a, b in answers:
        squares[n].append((a**2 + b**2) / 2)
    found = errors_by_node({"m": (node, time, output, y), "right": (node, time, y, y)})
    assert found.nodes == sorted(squares)
    assert found.of["m"].tolist() == pytest.approx([sum(squares[n]) / len(squares[n]) for n in found.nodes])
    assert set(found.of["right"].tolist()) == {0.0}
    exact = sum(not any(squares[n]) for n in found.nodes)  # where both are right, the first named counts
    assert dict(found.least()) == {k: v for k, v in {"m": exact, "right": len(found.nodes) - exact}.items() if v}


def test_dots_are_the_errors_the_first_models_largest_below() -> None:
    output = Y + torch.where(NODE[:, None] == 2, 3.0, 1.0)
    predictions = {"LSTM": Predictions(NODE, TIME, output, Y), **said(2.0)}
    axes = draw_errors_by_node(Figure().subplots(), predictions, names=["a", "b", "c", "d"])
    first, second = axes.lines
    assert first.get_xydata().tolist() == [[9, 0], [1, 1], [1, 2]]
    assert second.get_xydata().tolist() == [[4, 0], [4, 1], [4, 2]]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["c", "a", "d"]
    spans = [tuple(segment[:, 0]) for segment in axes.collections[0].get_segments()]
    assert spans == [(4, 9), (1, 4), (1, 4)]
    assert axes.get_title() == "smallest error: LSTM at 2, m0 at 1 of 3 nodes"
    assert [line.get_label() for line in axes.lines] == ["LSTM", "m0"]
    assert axes.get_xscale() == "linear"


def one_each(errors: list[float]) -> dict[str, tuple[Tensor, ...]]:
    count = len(errors)
    y = torch.zeros(count, 1)
    return {"m": (torch.arange(count), torch.zeros(count).long(), torch.tensor(errors)[:, None].sqrt(), y)}


@pytest.mark.parametrize(("errors", "scale"), [([1, 29.9], "linear"), ([1, 30.1], "log"), ([0, 100], "linear")])
def test_errors_that_differ_thirtyfold_are_on_a_logarithmic_scale(errors: list[float], scale: str) -> None:
    assert draw_errors_by_node(Figure().subplots(), one_each(errors)).get_xscale() == scale  # type: ignore[arg-type]


@pytest.mark.parametrize(("count", "named"), [(60, 60), (61, 0)])
def test_above_sixty_nodes_none_is_named_but_they_are_counted(count: int, named: int) -> None:
    axes = draw_errors_by_node(Figure(figsize=(6, 9)).subplots(), one_each([1.0] * count))  # type: ignore[arg-type]
    assert len(axes.get_yticklabels()) == named
    assert axes.get_ylabel().partition(" in ")[0] == ("" if named else "61 nodes")


def test_names_are_left_out_where_there_is_no_room_for_them() -> None:
    axes = draw_errors_by_node(Figure(figsize=(3, 3)).subplots(), one_each([1.0] * 50))  # type: ignore[arg-type]
    assert not axes.get_yticklabels()
    assert axes.get_ylabel() == "50 nodes"


def test_above_sixty_nodes_groups_show_the_median_and_the_middle_half() -> None:
    errors = [float(node) for node in range(400, 0, -1)]
    axes = draw_errors_by_node(Figure().subplots(), one_each(errors))  # type: ignore[arg-type]
    (medians,) = axes.lines
    np.testing.assert_allclose(medians.get_xdata(), [395.5 - 10 * group for group in range(40)], rtol=1e-4)
    low, high = axes.collections[0].get_segments()[0][:, 0]
    assert (low, high) == (pytest.approx(393.25, rel=1e-4), pytest.approx(397.75, rel=1e-4))


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (0, "0.00"),
        (0.1, "0.10"),
        (99.99, "99.99"),
        (123.4, "123"),
        (0.0123, "0.012"),
        (0.00123, "1.2e-3"),
        (12345, "1.2e4"),
        (1e-12, "1.0e-12"),
    ],
)
def test_an_error_in_few_characters(error: float, text: str) -> None:
    assert brief(error) == text


def test_models_are_told_apart_by_colour() -> None:
    assert len({to_hex(colour) for colour, _, _ in MODEL_STYLES}) == 6
    assert len(forecast_figure(said(1, 2, 3, 4, 5, 6)).legends[0].get_texts()) == 7


def bad(**changed: Tensor) -> dict[str, Predictions]:
    return {**said(1.0), "other": Predictions(NODE, TIME, Y, Y)._replace(**changed)}


UNKNOWN = Y.clone()
UNKNOWN[4] = NAN


@pytest.mark.parametrize(
    ("predictions", "options", "message"),
    [
        ({}, {}, "predictions is empty; at least one model is needed"),
        (said(*range(7)), {}, "must have 1 to 6 models, for distinct colours, got 7"),
        (
            bad(output=Y[:5]),
            {},
            r"predictions\['other'\] must be node \(K,\), .* got \(8,\), \(8,\), \(5, 1\), \(8, 1\)",
        ),
        (bad(output=UNKNOWN), {}, r"predictions\['other'\] is not finite for node 2 at time 7; leave out a model"),
        (bad(y=Y + 1), {}, r"predictions\['other'\] has other nodes, times or y"),
        (bad(time=TIME + 1), {}, r"predictions\['other'\] has other nodes, times or y"),
        (said(1.0), {"nodes": [0, 1]}, "nodes names 1, which has no predictions"),
        (said(1.0), {"nodes": []}, "nodes must name 1 to 24 nodes to be legible, got 0"),
        (said(1.0), {"nodes": [0] * 25}, "nodes must name 1 to 24 nodes to be legible, got 25"),
        (said(1.0), {"names": ["a", "b", "c"]}, "names must have an entry for each node, at least 4 of them, got 3"),
        (said(1.0), {"channel": 1}, "channel must lie in 0 to 0, got 1"),
        (said(1.0), {"channel": -1}, "channel must be at least 0"),
        (said(1.0), {"last": 0}, "last must be at least 1"),
        (said(1.0), {"times": {5: "a", 6: "b", 8: "c"}}, "times must name every time that is drawn; time 7 has no"),
    ],
)
def test_what_cannot_be_drawn_is_named(predictions: dict, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        forecast_figure(predictions, **options)
    if set(options) <= {"names"}:
        with pytest.raises(ValueError, match=message):
            draw_errors_by_node(Figure().subplots(), predictions, **options)
