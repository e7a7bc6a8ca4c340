"""Graphs coloured by a number a row, and molecules as they are laid out."""

from __future__ import annotations

from math import dist

import networkx as nx
import pytest
import torch
from matplotlib import colormaps
from matplotlib.figure import Figure

import graphseq as gs
from graphseq.plot import draw_hops, draw_values, molecule_layout

PATH = gs.from_graph(nx.path_graph(3))


def colours(figure: Figure) -> list[tuple[float, ...]]:
    nodes = next(c for c in figure.axes[0].collections if c.get_gid() == "nodes")
    return [tuple(colour) for colour in nodes.get_facecolor()]


def test_colours_are_values_on_the_scale_of_the_bar() -> None:
    figure = Figure()
    draw_values(figure.subplots(), PATH, torch.tensor([0.0, 1.0, 4.0]), label="influence (kcal/mol)", labels="CNO")
    scale = colormaps["cividis"]
    assert colours(figure) == [scale(0.0), scale(0.25), scale(1.0)]
    assert [text.get_text() for text in figure.axes[0].texts] == ["C", "N", "O"]
    bar = figure.axes[1]
    assert (bar.get_ylabel(), bar.get_ylim()) == ("influence (kcal/mol)", (0.0, 4.0))


def test_pictures_can_share_a_scale_and_nothing_is_the_bottom_of_it() -> None:
    figure = Figure()
    draw_values(figure.subplots(), PATH, [0.0, 0.0, 0.0], label="influence")
    assert colours(figure) == [colormaps["cividis"](0.0)] * 3
    figure = Figure()
    draw_values(figure.subplots(), PATH, [1.0, 0.0, 0.0], label="influence", largest=2.0)
    assert colours(figure)[0] == colormaps["cividis"](0.5)


def test_no_row_is_rimmed_as_one_is_by_hops() -> None:
    drawn = []
    for draw in (lambda axes: draw_values(axes, PATH, [1, 1, 1], label="x"), lambda axes: draw_hops(axes, PATH, 0)):
        figure = Figure()
        axes = figure.subplots()
        draw(axes)
        drawn.append(sum(len(c.get_offsets()) for c in axes.collections if hasattr(c, "get_sizes")))
    assert drawn == [3, 4]


@pytest.mark.parametrize(
    ("values", "largest", "message"),
    [
        ([1.0, 2.0], None, "values must have an entry for each row, 3 of them, got 2"),
        ([1.0, -2.0, 0.0], None, r"values\[1\] is -2"),
        ([1.0, float("nan"), 0.0], None, r"values\[1\] is nan"),
        ([1.0, 2.0, 0.0], 1.5, "largest must be at least the largest value, 2, got 1.5"),
        ([1.0, 2.0, 0.0], 0.0, "largest must be a finite number above 0"),
    ],
)
def test_refusals(values: list[float], largest: float | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        draw_values(Figure().subplots(), PATH, values, label="x", largest=largest)


def test_a_molecule_is_laid_out_with_bonds_of_one_length() -> None:
    labels, pos = molecule_layout("c1ccccc1[N+](=O)[O-]")
    assert labels == ["C"] * 6 + ["N+", "O", "O−"]
    graph = gs.io.from_smiles("c1ccccc1[N+](=O)[O-]")
    lengths = [dist(pos[i], pos[j]) for i, j in graph.edge_index.t().tolist()]
    assert lengths == pytest.approx([1.0] * 18, abs=0.01)
    figure = Figure()
    draw_values(figure.subplots(), graph, torch.ones(9), label="influence", labels=labels, pos=pos)
    with pytest.raises(ValueError, match="'C1' does not parse"):
        molecule_layout("C1")


def test_layouts_of_networkx_are_taken_as_they_are() -> None:
    plain = nx.path_graph(4)
    graph = gs.from_graph(plain)
    for layout in (nx.kamada_kawai_layout, nx.spectral_layout, nx.circular_layout):
        places = layout(plain)
        axes = draw_values(Figure().subplots(), graph, torch.ones(4), label="influence", pos=places)
        drawn = next(one for one in axes.collections if one.get_gid() == "nodes").get_offsets()
        torch.testing.assert_close(torch.tensor(drawn), torch.tensor([list(places[row]) for row in range(4)]))
    with pytest.raises(TypeError, match=r"pos\[0\] must be a tuple of 2 entries"):
        draw_values(Figure().subplots(), graph, torch.ones(4), label="x", pos={row: torch.ones(3) for row in range(4)})
