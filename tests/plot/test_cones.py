"""The pictures of reach over time: outlines are the mask, colours are the influence, on one scale."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

import graphseq as gs
from graphseq.plot import draw_cones, draw_reach

STEPS, NODES = 6, 5
JOINED = torch.tensor([[0, 1, 1, 2, 2, 3, 3, 4], [1, 0, 2, 1, 3, 2, 4, 3]])
GRAPH = gs.from_signal(torch.randn(STEPS, NODES, 2, generator=torch.Generator().manual_seed(0)), JOINED)
TARGET = 3 * NODES + 2
FAMILIES = {
    "GCN": lambda: gs.nn.GCN(2, 4, num_layers=2),
    "LSTM": lambda: gs.nn.LSTM(2, 4),
    "GCN-LSTM": lambda: gs.nn.GCNLSTM(2, 4),
}


def seen(name: str) -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    encoder, target = FAMILIES[name](), torch.tensor([TARGET])
    return encoder.reach(GRAPH, target)[0], gs.reach.influence(encoder, GRAPH, outputs=target)[0]


def outlined(axes: Axes) -> set[tuple[float, float]]:
    """The middles of the outlined cells: (place in time, place among nodes)."""
    cells = next(c for c in axes.collections if c.get_gid() == "reach")
    corners = [path.vertices for path in cells.get_paths()]
    return {tuple(np.round((c.min(axis=0) + c.max(axis=0)) / 2, 6)) for c in corners}


@pytest.mark.parametrize("name", FAMILIES)
def test_outlined_cells_are_the_reach(name: str) -> None:
    mask, _ = seen(name)
    axes = draw_reach(Figure().subplots(), GRAPH, TARGET, mask)
    assert outlined(axes) == {(row // NODES, row % NODES) for row in mask.nonzero()[:, 0].tolist()}


@pytest.mark.parametrize("name", FAMILIES)
def test_colours_are_the_influence_and_nothing_else_is_coloured(name: str) -> None:
    mask, influence = seen(name)
    axes = draw_reach(Figure().subplots(), GRAPH, TARGET, mask, influence)
    shown = np.ma.filled(np.ma.masked_invalid(axes.images[0].get_array()), 0.0)
    np.testing.assert_array_equal(shown.T.ravel(), influence.double().numpy())
    assert (shown.T.ravel() > 0).tolist() == mask.tolist()


def test_the_target_row_has_the_star() -> None:
    axes = draw_reach(Figure().subplots(), GRAPH, TARGET, seen("LSTM")[0])
    assert [tuple(line.get_xydata()[0]) for line in axes.lines] == [(3, 2)]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("time step", "node")


def test_times_that_are_missing_take_no_room_and_keep_their_names() -> None:
    graph = gs.SpaceTimeGraph(torch.zeros(3, 1), torch.tensor([7, 2, 7]), torch.tensor([10, 10, 40]))
    axes = draw_reach(Figure().subplots(), graph, 2, torch.tensor([True, False, True]))
    assert outlined(axes) == {(0, 1), (1, 1)}
    assert [text.get_text() for text in axes.get_xticklabels()] == ["10", "40"]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["2", "7"]


def test_panels_share_one_scale_from_the_least_to_the_most() -> None:
    models = {name: seen(name) for name in FAMILIES}
    panels = draw_cones(Figure().subplots(1, 3), GRAPH, TARGET, models)
    every = torch.cat([influence[mask] for mask, influence in models.values()])
    for panel in panels:
        assert panel.images[0].get_clim() == (pytest.approx(every.min().item()), pytest.approx(every.max().item()))
    assert [panel.get_title().replace("\n", " ") for panel in panels] == [
        f"{name}: {int(mask.sum())} of 30 rows" for name, (mask, _) in models.items()
    ]


def test_what_is_far_below_the_rest_shares_the_palest_colour() -> None:
    graph, mask = gs.from_sequence(torch.zeros(3, 1)), torch.tensor([True, True, True])
    influence = torch.tensor([1e-20, 1e-3, 1.0], dtype=torch.float64)
    (panel,) = draw_cones([Figure().subplots()], graph, 2, {"x": (mask, influence)})
    np.testing.assert_allclose(panel.images[0].get_array(), [[1e-8, 1e-3, 1.0]])


@pytest.mark.parametrize("value", [0.0, 2.0])
def test_values_that_are_all_one_can_be_drawn(value: float) -> None:
    graph, mask = gs.from_sequence(torch.zeros(3, 1)), torch.tensor([True, True, True])
    (panel,) = draw_cones([Figure().subplots()], graph, 2, {"x": (mask, torch.full((3,), value))})
    assert len(outlined(panel)) == 3
    assert len(panel.images) == (1 if value else 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"target_row": 30}, "target_row must lie in 0 to 29, got 30"),
        ({"reach_mask": torch.ones(29, dtype=torch.bool)}, r"reach_mask must be bool of shape \(30,\)"),
        ({"influence": torch.ones(2)}, r"influence must have shape \(30,\)"),
        ({"influence": torch.ones(30)}, r"influence\[0\] is 1, but reach_mask says that row 0 is out of reach"),
        ({"influence": torch.full((30,), -1.0)}, r"at least 0; influence\[0\] is -1"),
        ({"influence": torch.full((30,), torch.nan)}, "must be finite"),
    ],
)
def test_what_contradicts_itself_is_refused(change: dict[str, object], message: str) -> None:
    given = {"target_row": TARGET, "reach_mask": torch.zeros(30, dtype=torch.bool), **change}
    with pytest.raises(ValueError, match=message):
        draw_reach(Figure().subplots(), GRAPH, **given)


def test_a_panel_a_model() -> None:
    with pytest.raises(ValueError, match="got 2 for 1 models"):
        draw_cones(Figure().subplots(1, 2), GRAPH, TARGET, {"LSTM": seen("LSTM")})
    with pytest.raises(ValueError, match="got 0 for 0 models"):
        draw_cones([], GRAPH, TARGET, {})


def test_the_picture_can_be_saved_and_opens_no_window() -> None:
    before, file = plt.get_fignums(), io.BytesIO()
    figure = Figure(layout="constrained")
    draw_cones(figure.subplots(1, 2), GRAPH, TARGET, {name: seen(name) for name in ("GCN", "LSTM")})
    figure.savefig(file, format="png")
    assert file.getvalue().startswith(b"\x89PNG")
    assert plt.get_fignums() == before
