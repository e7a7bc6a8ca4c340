"""The pictures of hops: colours are hops, lines are routes, and what cannot be read is refused."""

from __future__ import annotations

import io
from itertools import pairwise

import networkx as nx
import pytest
import torch
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

import graphseq as gs
from graphseq.plot import draw_hops, draw_receptive_fields

GREY, WHITE = "#bdbdbd", "#ffffff"


def graph_of(*edges: str, names: str = "ABCDEF", directed: bool = False) -> gs.SpaceTimeGraph:
    graph = nx.DiGraph() if directed else nx.Graph()
    graph.add_nodes_from(names)
    graph.add_edges_from(edges)
    return gs.from_graph(graph)


REFERENCE = graph_of("AB", "AE", "AF", "BC", "BD", "CD", "DF", "EF")
HOPS_FROM_C = [2, 1, 0, 1, 3, 2]


def colours(axes: Axes) -> list[str]:
    return [to_hex(colour) for colour in next(c for c in axes.collections if c.get_gid() == "nodes").get_facecolor()]


def legend(axes: Axes) -> dict[str, str]:
    found = axes.get_legend()
    dots = zip(found.texts, found.get_lines(), strict=True)
    return {text.get_text(): to_hex(dot.get_markerfacecolor()) for text, dot in dots if dot.get_marker() == "o"}


def steps_of(axes: Axes, number: int) -> list[list[tuple[float, float]]]:
    lines = [line for line in axes.lines if line.get_gid() == f"route {number}"]
    return [list(zip(line.get_xdata(), line.get_ydata(), strict=True)) for line in lines]


def test_colours_are_hops_as_the_legend_says() -> None:
    axes = draw_hops(Figure().subplots(), REFERENCE, 2)
    named = legend(axes)
    assert len(set(named.values())) == 4
    assert colours(axes) == [named[f"{hop} hop{'' if hop == 1 else 's'}"] for hop in HOPS_FROM_C]


def test_the_legend_of_many_hops_names_some_and_the_most() -> None:
    axes = draw_hops(Figure().subplots(), gs.from_graph(nx.path_graph(34)), 0)
    named = legend(axes)
    assert list(named) == [f"{hop} hops" for hop in (*range(0, 33, 4), 33)]
    assert [colours(axes)[int(name.split()[0])] for name in named] == list(named.values())


def test_hops_follow_the_edges() -> None:
    axes = draw_hops(Figure().subplots(), graph_of("AB", "BC", names="ABC", directed=True), 1)
    named = legend(axes)
    assert colours(axes) == [named["unreachable (1)"], named["0 hops"], named["1 hop"]]


def test_what_is_unreachable_is_grey_and_counted() -> None:
    axes = draw_hops(Figure().subplots(), graph_of("AB", "CD"), 0)
    assert colours(axes)[2:] == [GREY] * 4
    assert legend(axes)["unreachable (4)"] == GREY
    assert GREY not in colours(axes)[:2]


def test_the_lines_are_the_routes_and_none_looks_like_another() -> None:
    places = {row: (float(row), float(row**2)) for row in range(6)}
    routes = gs.reach.routes(REFERENCE, 2, 4)
    axes = draw_hops(Figure().subplots(), REFERENCE, 2, routes=routes, labels="ABCDEF", pos=places)
    for number, route in enumerate(routes):
        assert steps_of(axes, number) == [[places[a], places[b]] for a, b in pairwise(route)]
    looks = {(line.get_color(), line._unscaled_dash_pattern) for line in axes.lines}
    assert len(looks) == len({colour for colour, _ in looks}) == len({dash for _, dash in looks}) == 2
    assert [text.get_text() for text in axes.get_legend().texts[:2]] == ["route C-B-A-E", "route C-D-F-E"]


def test_routes_that_share_an_edge_run_beside_each_other() -> None:
    axes = draw_hops(Figure().subplots(), REFERENCE, 2, routes=[[2, 3, 5], [5, 3, 2], [2, 1]])
    start = [line.get_transform().transform(line.get_xydata()) for line in axes.lines]
    for there, back in ((start[0], start[3]), (start[1], start[2])):
        gap = there - back[::-1]
        assert gap[0] == pytest.approx(gap[1])
        assert 3.2 / 72 * axes.figure.dpi == pytest.approx((gap[0] ** 2).sum() ** 0.5)
    assert start[4] == pytest.approx(axes.transData.transform(axes.lines[4].get_xydata()))


def test_names_are_the_labels_up_to_sixty_rows() -> None:
    axes = draw_hops(Figure().subplots(), REFERENCE, 2, labels="ABCDEF")
    assert [text.get_text() for text in axes.texts] == list("ABCDEF")
    assert len(draw_hops(Figure().subplots(), gs.from_graph(nx.path_graph(60)), 0).texts) == 60
    assert not draw_hops(Figure().subplots(), gs.from_graph(nx.path_graph(61)), 0).texts


def test_above_sixty_rows_those_on_a_few_routes_have_names() -> None:
    names = [f"n{row}" for row in range(100)]
    graph = gs.from_graph(nx.cycle_graph(100))
    axes = draw_hops(Figure().subplots(), graph, 0, routes=[[0, 1, 2], [0, 99]], labels=names)
    assert [text.get_text() for text in axes.texts] == ["n0", "n1", "n2", "n99"]
    assert not draw_hops(Figure().subplots(), graph, 0, routes=[list(range(17))], labels=names).texts


def test_a_long_route_is_named_by_its_ends() -> None:
    graph = gs.from_graph(nx.path_graph(9))
    far = list(range(9))
    assert "route 0-1-…-7-8 (8 hops)" in [
        t.get_text() for t in draw_hops(Figure().subplots(), graph, 0, routes=[far]).get_legend().texts
    ]
    labels = [f"a long name {row}" for row in far]
    axes = draw_hops(Figure().subplots(), graph, 0, routes=[far[:4]], labels=labels)
    assert axes.get_legend().texts[0].get_text() == "route a long name 0-…-a long name 3 (3 hops)"


@pytest.mark.parametrize("graph", [nx.path_graph(200), nx.disjoint_union(nx.cycle_graph(9), nx.path_graph(3))])
def test_no_two_nodes_stand_in_one_place_and_always_the_same(graph: nx.Graph) -> None:
    drawn = [draw_hops(Figure().subplots(), gs.from_graph(graph), 0).collections for _ in range(2)]
    first, again = (next(c for c in each if c.get_gid() == "nodes").get_offsets().data for each in drawn)
    assert (first == again).all()
    size = max(first.max(axis=0) - first.min(axis=0))
    assert torch.pdist(torch.tensor(first)).min() > 0.03 * size


@pytest.mark.parametrize("row", range(6))
def test_the_field_that_is_coloured_is_that_of_the_gcn(row: int) -> None:
    panels = draw_receptive_fields(Figure().subplots(1, 3), REFERENCE, row, (1, 2, 3))
    for depth, panel in enumerate(panels, start=1):
        field = gs.reach.receptive_field(gs.nn.GCN(1, 1, num_layers=depth), REFERENCE, row).tolist()
        assert [place for place, colour in enumerate(colours(panel)) if colour != WHITE] == field
        assert panel.get_title().endswith(f"{len(field)} of 6 rows")


def test_a_field_follows_edges_backwards() -> None:
    graph = graph_of("AB", "BC", names="ABC", directed=True)
    (panel,) = draw_receptive_fields([Figure().subplots()], graph, 1, [5])
    assert [colour == WHITE for colour in colours(panel)] == [False, False, True]


@pytest.mark.parametrize(
    ("graph", "options", "message"),
    [
        (gs.from_graph(nx.path_graph(201)), {}, "1 to 200 rows to be legible, got 201"),
        (gs.from_sequence(torch.zeros(3, 1)), {}, "of one time, got 3"),
        (REFERENCE, {"source_row": 6}, "source_row must lie in 0 to 5, got 6"),
        (REFERENCE, {"routes": [[2, 1], [2, 4]]}, r"routes\[1\] goes from row 2 to 4, between which there is no edge"),
        (REFERENCE, {"routes": [[2, 2]]}, "between which there is no edge"),
        (REFERENCE, {"routes": [[2, 1]] * 7}, "at most 6 entries, for distinct colours, got 7"),
        (REFERENCE, {"labels": "ABC"}, "an entry for each row, 6 of them, got 3"),
        (REFERENCE, {"pos": {0: (0.0, 0.0)}}, "row 1 has none"),
    ],
)
def test_what_cannot_be_drawn_is_refused(graph: gs.SpaceTimeGraph, options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        draw_hops(Figure().subplots(), graph, **{"source_row": 0, **options})


def test_a_panel_a_depth() -> None:
    with pytest.raises(ValueError, match="got 2 for 3 depths"):
        draw_receptive_fields(Figure().subplots(1, 2), REFERENCE, 0, (1, 2, 3))


def test_the_picture_is_whole_and_opens_no_window() -> None:
    before, file = plt.get_fignums(), io.BytesIO()
    figure = Figure(layout="constrained")
    axes = draw_hops(figure.subplots(), REFERENCE, 2, routes=gs.reach.routes(REFERENCE, 2, 4))
    figure.savefig(file, format="png")
    assert file.getvalue().startswith(b"\x89PNG")
    box = axes.get_legend().get_window_extent()
    assert 0 <= box.x0 < box.x1 <= figure.bbox.width
    assert 0 <= box.y0 < box.y1 <= figure.bbox.height
    assert plt.get_fignums() == before
