"""Images as graphs: grids and regions against what is written by hand, and the readings of the same rows."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import networkx as nx
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from randomgraphs import join, seen
from strategies import equal_at, identical

import graphseq as gs
from graphseq import SpaceTimeGraph

sides = st.integers(1, 6)


def numbered(height: int, width: int, connectivity: int = 4) -> SpaceTimeGraph:
    """A grid whose only feature is the number of the pixel."""
    x = torch.arange(float(height * width)).view(height, width, 1)
    return gs.grid_graph(x, connectivity=connectivity)


def pairs(graph: SpaceTimeGraph) -> set[tuple[int, int]]:
    return set(map(tuple, graph.edge_index.t().tolist()))


# grids


def test_a_grid_of_three_lines_of_two_is_literally_this() -> None:
    graph = numbered(3, 2)
    sharing_a_side = {(0, 1), (2, 3), (4, 5), (0, 2), (1, 3), (2, 4), (3, 5)}
    assert graph.x.flatten().tolist() == [0, 1, 2, 3, 4, 5]
    assert (graph.node.tolist(), graph.time.tolist()) == ([0, 1, 2, 3, 4, 5], [0] * 6)
    assert pairs(graph) == sharing_a_side | {(j, i) for i, j in sharing_a_side}
    sharing_a_corner = {(0, 3), (1, 2), (2, 5), (3, 4)}
    both = sharing_a_side | sharing_a_corner
    assert pairs(numbered(3, 2, 8)) == both | {(j, i) for i, j in both}


@given(height=sides, width=sides)
def test_a_grid_is_networkxs_and_has_as_many_edges_as_the_closed_form(height: int, width: int) -> None:
    graph = numbered(height, width)
    expected = nx.convert_node_labels_to_integers(nx.grid_2d_graph(height, width), ordering="sorted").to_directed()
    assert pairs(graph) == set(expected.edges)
    across, down = height * (width - 1), width * (height - 1)
    assert graph.edge_index.shape[1] == 2 * (across + down)
    assert numbered(height, width, 8).edge_index.shape[1] == 2 * (across + down) + 4 * (height - 1) * (width - 1)


@given(height=sides, width=sides, connectivity=st.sampled_from([4, 8]))
def test_hops_are_steps_of_a_rook_or_of_a_king(height: int, width: int, connectivity: int) -> None:
    graph = numbered(height, width, connectivity)
    line, column = graph.node // width, graph.node % width
    down, across = (line[:, None] - line).abs(), (column[:, None] - column).abs()
    expected = down + across if connectivity == 4 else torch.maximum(down, across)
    assert torch.equal(gs.reach.hop_distances(graph, graph.node), expected)


def test_tokens_answers_and_targets_stay_with_their_pixels() -> None:
    graph = gs.grid_graph(
        torch.tensor([[3, 1], [4, 1]]), y=torch.tensor([7, 8]), target=torch.tensor([False, True, True, False])
    )
    assert (graph.x.tolist(), graph.y.tolist(), graph.target_rows.tolist()) == ([3, 1, 4, 1], [7, 8], [1, 2])


def test_many_images_are_each_what_it_is_alone_and_share_one_topology() -> None:
    images, classes = torch.rand(3, 2, 4, 2, generator=torch.Generator().manual_seed(0)), torch.tensor([2, 0, 1])
    graphs = gs.grid_graphs(images, classes, connectivity=8)
    for image, y, graph in zip(images, classes, graphs, strict=True):
        assert identical(graph, gs.grid_graph(image, connectivity=8, y=y[None]))
        assert graph.topology is graphs[0].topology
    assert gs.grid_graphs(images, torch.zeros(3, 5))[1].y.shape == (1, 5)


# readings


@given(height=sides, width=sides)
def test_the_scan_line_is_a_path_from_the_first_pixel_to_the_last(height: int, width: int) -> None:
    graph = numbered(height, width)
    found = gs.transforms.to_sequence(graph, "given")
    assert equal_at(found, gs.from_sequence(graph.x), ("x", "node", "time"))
    back_and_forth = torch.arange(height * width).view(height, width)
    back_and_forth[1::2] = back_and_forth[1::2].flip(1)
    assert gs.transforms.to_sequence(graph, "dfs").time.argsort().tolist() == back_and_forth.flatten().tolist()


@given(height=sides, width=sides, connectivity=st.sampled_from([4, 8]))
def test_line_by_line_it_is_a_signal_on_the_path_of_columns(height: int, width: int, connectivity: int) -> None:
    graph = numbered(height, width, connectivity)
    graph.y = torch.tensor([5])
    found = gs.rows_over_time(graph, (height, width))
    columns = gs.from_graph(nx.path_graph(width))
    expected = gs.from_signal(graph.x.view(height, width, 1), columns.edge_index)
    assert equal_at(found, expected, ("x", "node", "time"))
    assert found.y.tolist() == [5]
    assert pairs(found) == set(map(tuple, expected.topology.spatial.edge_index.t().tolist()))
    # What an edge straight down was is now a step along time, and with connectivity 4 nothing is lost.
    if connectivity == 4:
        assert set(map(tuple, found.unroll().edge_index.t().tolist())) == pairs(graph)


def test_weights_go_along_with_their_edges_and_targets_with_their_rows() -> None:
    grid = numbered(2, 2)
    graph = SpaceTimeGraph(
        grid.x, grid.node, grid.time, grid.edge_index, torch.arange(8.0), target=torch.tensor([True, False, True, True])
    )
    found = gs.rows_over_time(graph, (2, 2))
    assert grid.edge_index.tolist() == [[0, 0, 1, 1, 2, 2, 3, 3], [1, 2, 0, 3, 0, 3, 1, 2]]
    assert found.edge_index.tolist() == [[0, 1, 2, 3], [1, 0, 3, 2]]
    assert found.edge_weight.tolist() == [0, 2, 5, 7]
    assert found.target_rows.tolist() == [0, 2, 3]


@pytest.mark.parametrize(
    "read", [partial(gs.transforms.to_sequence, order="given"), partial(gs.rows_over_time, shape=(2, 3))]
)
def test_a_batch_is_read_as_each_of_its_members_is_and_once(read: Callable[[SpaceTimeGraph], SpaceTimeGraph]) -> None:
    graphs = [numbered(2, 3), numbered(2, 3)]
    together = read(join(graphs))
    each = join([read(graph) for graph in graphs])
    assert equal_at(together, each, ("x", "node", "time", "batch"))
    assert torch.equal(together.topology.spatial.edge_index, each.topology.spatial.edge_index)
    assert read(graphs[0]).topology is read(graphs[0]).topology


READINGS = {
    "scan line": (lambda: gs.nn.LSTM(1, 4), partial(gs.transforms.to_sequence, order="given")),
    "grid": (lambda: gs.nn.GCN(1, 4, 2), None),
    "line by line": (lambda: gs.nn.GCNLSTM(1, 4), partial(gs.rows_over_time, shape=(4, 5))),
}


def reached(name: str, line: int, column: int) -> set[tuple[int, int]]:
    """The pixels that a state reads, in 4 lines of 5, as they are written down by hand."""
    every = [(r, c) for r in range(4) for c in range(5)]
    if name == "scan line":
        return {(r, c) for r, c in every if (r, c) <= (line, column)}
    if name == "grid":  # a diamond of two hops
        return {(r, c) for r, c in every if abs(r - line) + abs(c - column) <= 2}
    # A cone: each line up lets it see another column, and its own line one column to each side.
    return {(r, c) for r, c in every if r <= line and abs(c - column) <= line - r + 1}


@pytest.mark.parametrize("name", READINGS)
def test_the_jacobian_of_each_reading_is_a_line_a_diamond_or_a_cone(name: str) -> None:
    build, view = READINGS[name]
    torch.manual_seed(0)
    model = gs.nn.Model(build(), 3, transform=view).double()
    graph = numbered(4, 5)
    graph.x = torch.rand(20, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    expected = torch.zeros(20, 20, dtype=torch.bool)
    for row in range(20):
        expected[row, [5 * r + c for r, c in reached(name, *divmod(row, 5))]] = True
    assert torch.equal(model.reach(graph), expected)
    assert torch.equal(seen(model, graph), expected)


# regions

# Four regions, one of them in two pieces; 5 and 7 touch at a corner alone, as do 2 and 9 at their other.
LABELS = torch.tensor([[7, 7, 2], [9, 5, 2], [9, 9, 7]])
IMAGE = torch.tensor([[1.0, 3.0, 10.0], [4.0, 8.0, 20.0], [5.0, 6.0, 8.0]])[..., None]


def test_regions_of_three_lines_of_three_are_literally_these() -> None:
    graph = gs.region_graph(IMAGE, LABELS)
    # Rows 0 to 3 are the labels 2, 5, 7, 9.
    touching = {(0, 1), (0, 2), (1, 2), (1, 3), (2, 3)}
    assert pairs(graph) == touching | {(j, i) for i, j in touching}
    assert graph.x[:, 0].tolist() == [15.0, 8.0, 4.0, 5.0]
    sixths = torch.tensor([[2.0, 5.0], [3.0, 3.0], [7 / 3, 3.0], [13 / 3, 5 / 3]])
    torch.testing.assert_close(graph.x[:, 1:], sixths / 6)
    assert (graph.node.tolist(), graph.time.tolist()) == ([0, 1, 2, 3], [0] * 4)


def test_regions_that_meet_at_a_corner_touch_with_connectivity_8() -> None:
    checkers = torch.tensor([[0, 1], [2, 3]])
    image = torch.zeros(2, 2, 1)
    assert (0, 3) not in pairs(gs.region_graph(image, checkers))
    assert {(0, 3), (1, 2)} <= pairs(gs.region_graph(image, checkers, connectivity=8))


@given(height=sides, width=sides, connectivity=st.sampled_from([4, 8]), data=st.data())
def test_regions_are_the_grid_with_the_pixels_of_each_drawn_together(
    height: int, width: int, connectivity: int, data: st.DataObject
) -> None:
    labels = torch.tensor(data.draw(st.lists(st.integers(-1, 3), min_size=height * width, max_size=height * width)))
    grid = numbered(height, width, connectivity)
    found = gs.region_graph(grid.x.view(height, width, 1), labels.view(height, width), connectivity=connectivity)
    names = sorted(set(labels.tolist()))
    place = [names.index(label) for label in labels.tolist()]
    assert pairs(found) == {(place[i], place[j]) for i, j in pairs(grid) if place[i] != place[j]}
    for row, name in enumerate(names):
        assert float(found.x[row, 0]) == pytest.approx(float(grid.x[labels == name].mean()), rel=1e-6)


def test_a_region_a_pixel_is_the_grid_with_the_middle_of_each_pixel() -> None:
    image = torch.rand(3, 4, 2, generator=torch.Generator().manual_seed(0))
    graph, grid = gs.region_graph(image, torch.arange(12).view(3, 4), y=torch.tensor([1])), gs.grid_graph(image)
    assert torch.equal(graph.edge_index, grid.edge_index)
    assert torch.equal(graph.x, torch.cat([grid.x, gs.pixel_positions(3, 4).flatten(0, 1)], dim=1))
    assert graph.y.tolist() == [1]


# refusals


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: gs.grid_graph([[1.0]]), TypeError, r"image must be a torch.Tensor, got list"),
        (lambda: gs.grid_graph(torch.zeros(8, 8)), ValueError, r"shape \(R, W, F\), or \(R, W\) where it holds tokens"),
        (lambda: gs.grid_graph(torch.zeros(2, 2, 3, dtype=torch.uint8)), ValueError, r"got torch.uint8 \(2, 2, 3\)"),
        (lambda: gs.grid_graph(torch.zeros(0, 2, 1)), ValueError, r"a pixel or more .* got shape \(0, 2, 1\)"),
        (
            lambda: gs.grid_graph(torch.zeros(2, 2, 1), connectivity=6),
            ValueError,
            "connectivity must be one of 4, 8; got 6",
        ),
        (lambda: gs.grid_graph(torch.full((2, 2, 1), torch.nan)), ValueError, "features must be finite"),
        (lambda: gs.grid_graphs(torch.zeros(2, 2, 1), torch.tensor([1, 2])), ValueError, r"shape \(B, R, W, F\)"),
        (lambda: gs.grid_graphs(torch.zeros(2, 2, 2, 1), torch.tensor([1])), ValueError, "each of the 2 images"),
        (lambda: gs.grid_graphs(torch.full((2, 2, 2, 1), torch.inf), torch.arange(2)), ValueError, r"images\[0\] hold"),
        (lambda: gs.rows_over_time(nx.path_graph(4), (2, 2)), TypeError, "graph must be a SpaceTimeGraph"),
        (lambda: gs.rows_over_time(numbered(2, 2), 2), TypeError, r"shape must be \(R, W\), as of the image, got 2"),
        (lambda: gs.rows_over_time(numbered(2, 2), (4, 0)), ValueError, r"shape\[1\] must be at least 1, got 0"),
        (
            lambda: gs.rows_over_time(numbered(2, 2), (2, 3)),
            ValueError,
            r"graph 0 has 4 rows, .* \(2, 3\) has 6 pixels",
        ),
        (
            lambda: gs.rows_over_time(numbered(4, 4), (2, 8)),
            ValueError,
            r"from pixel \(0, 0\) to \(0, 4\), .*\(2, 8\)\?",
        ),
        (lambda: gs.rows_over_time(numbered(2, 8), (4, 4)), ValueError, r"which do not touch"),
        (lambda: gs.region_graph(IMAGE, LABELS[:2]), ValueError, r"the shape of the image, \(3, 3\); got \(2, 3\)"),
        (lambda: gs.region_graph(IMAGE, LABELS.float()), TypeError, "labels must hold integers, got dtype torch.float"),
        (lambda: gs.region_graph(IMAGE.byte(), LABELS), TypeError, "image must be floats .* divide bytes by 255"),
        (lambda: gs.region_graph(IMAGE[..., 0], LABELS), ValueError, r"image must have shape \(R, W, F\); got"),
        (lambda: gs.region_graph(IMAGE, LABELS.numpy()), TypeError, "labels must be a torch.Tensor, got ndarray"),
        (lambda: gs.pixel_positions(0, 3), ValueError, "height must be at least 1, got 0"),
    ],
)
def test_what_is_no_image_is_refused(make: Callable[[], object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


def test_edges_between_images_are_refused() -> None:
    two = join([numbered(2, 2), numbered(2, 2)])
    two.edge_index = torch.tensor([[0], [4]])
    with pytest.raises(ValueError, match="do not touch"):
        gs.rows_over_time(two, (2, 2))
