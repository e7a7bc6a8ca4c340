"""A message that spreads: its weights are powers of Â, colours are weights, a file is whole or not there."""

from __future__ import annotations

import os
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import pyplot as plt
from matplotlib.animation import Animation
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, to_hex
from matplotlib.figure import Figure
from matrices import a_hat
from PIL import Image
from strategies import static_graphs

import graphseq as gs
from graphseq.plot import animate_message, draw_message, message_weights, save_animation

PATH = gs.from_graph(nx.path_graph(4))
WHITE = "#ffffff"


def colours(axes: Axes) -> list[str]:
    return [to_hex(colour) for colour in next(c for c in axes.collections if c.get_gid() == "nodes").get_facecolor()]


def test_weights_on_three_rows_by_hand() -> None:
    # Â of a path of 3: 1/2 and 1/√6 at the ends, 1/3 in the middle.
    found = message_weights(gs.from_graph(nx.path_graph(3)), 0, 2)
    side = 6**-0.5
    expected = [[1, 0, 0], [1 / 2, side, 0], [1 / 4 + 1 / 6, side / 2 + side / 3, 1 / 6]]
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64))


@given(static_graphs(), st.integers(0, 4), st.data())
def test_weights_are_a_column_of_the_powers_of_a_hat(
    graph: gs.SpaceTimeGraph, layers: int, data: st.DataObject
) -> None:
    source = data.draw(st.integers(0, graph.num_rows - 1))
    dense = a_hat(graph.edge_index, graph.edge_weight, graph.num_rows)
    expected = [np.linalg.matrix_power(dense, layer)[:, source] for layer in range(layers + 1)]
    np.testing.assert_allclose(message_weights(graph, source, layers).numpy(), expected, atol=1e-12)


def test_along_time_a_causal_message_goes_forward_only() -> None:
    found = message_weights(gs.from_sequence(torch.zeros(3, 1)), 1, 2, causal=True)
    assert found[2].tolist() == pytest.approx([0.0, 0.25, 0.5], rel=1e-12)
    assert found[2, 0] == 0


def test_colours_are_the_weights_and_what_is_not_reached_is_white() -> None:
    weights = message_weights(PATH, 0, 3)
    norm = LogNorm(1e-3, 1.0)
    axes = draw_message(Figure().subplots(), PATH, 0, weights[2], norm=norm)
    cividis = plt.get_cmap("cividis_r")
    assert colours(axes) == [*(to_hex(cividis(norm(value))) for value in weights[2][:3].tolist()), WHITE]
    assert axes.get_title() == "3 of 4 rows reached"


def test_what_is_tiny_is_pale_but_not_white() -> None:
    weights = torch.tensor([1.0, 1e-30, 0.0, 0.0], dtype=torch.float64)
    assert [colour == WHITE for colour in colours(draw_message(Figure().subplots(), PATH, 0, weights))] == [
        False, False, True, True,
    ]  # fmt: skip


def test_nothing_at_all_is_all_white() -> None:
    assert set(colours(draw_message(Figure().subplots(), PATH, 0, torch.zeros(4)))) == {WHITE}


def test_names_are_light_on_dark_and_dark_on_light() -> None:
    axes = draw_message(Figure().subplots(), PATH, 0, torch.tensor([1.0, 1e-6, 0.0, 0.0]), labels="ABCD")
    assert [(text.get_text(), text.get_color()) for text in axes.texts] == list(zip("ABCD", "wkkk", strict=True))


def test_above_two_hundred_rows_bars_count_them_and_say_so() -> None:
    graph = gs.from_graph(nx.star_graph(250))
    axes = draw_message(Figure().subplots(), graph, 1, message_weights(graph, 1, 1)[1])
    rows, reached = ([int(bar.get_height()) for bar in bars] for bars in axes.containers)
    assert rows == [1, 1, 249]
    assert reached == [1, 1, 0]
    assert axes.get_xlabel() == "hops (251 rows)"
    assert axes.get_title() == "2 of 251 rows reached"


def frames(path: Path) -> list[Image.Image]:
    with Image.open(path) as image:
        return [one.convert("RGB").copy() for one in each_frame(image)]


def each_frame(image: Image.Image) -> list[Image.Image]:
    found = []
    for number in range(image.n_frames):
        image.seek(number)
        found.append(image.copy())
    return found


def test_the_file_has_a_frame_a_number_of_layers_each_with_more_colour(tmp_path: Path) -> None:
    before = plt.get_fignums()
    ring = gs.from_graph(nx.cycle_graph(8))
    moving = animate_message(ring, 0, message_weights(ring, 0, 3), figsize=(4, 3))
    path = save_animation(tmp_path / "message.gif", moving, frames_per_second=2, dpi=60)
    found = frames(path)
    assert len(found) == 4
    with Image.open(path) as image:
        assert (image.size, image.info["duration"], image.info["loop"]) == ((240, 180), 500, 0)
    # Beneath the title, whose letters are dark as well.
    shares = [float((np.asarray(one)[60:].min(axis=2) < 230).mean()) for one in found]
    assert shares == sorted(shares)
    assert len(set(shares)) == 4
    assert os.listdir(tmp_path) == ["message.gif"]
    assert plt.get_fignums() == before


def test_titles_say_the_layer_and_how_many_rows_were_reached(tmp_path: Path) -> None:
    moving = animate_message(PATH, 0, message_weights(PATH, 0, 2))
    (axes, *_) = moving._func(1)
    assert axes.get_title() == "1 layer: 2 of 4 rows reached"
    assert moving._func(2)[0].get_title() == "2 layers: 3 of 4 rows reached"
    some = animate_message(PATH, 0, message_weights(PATH, 0, 3)[[0, 3]], depths=[0, 3])
    assert some._func(1)[0].get_title() == "3 layers: 4 of 4 rows reached"
    save_animation(tmp_path / "b.gif", some, dpi=20)
    save_animation(tmp_path / "a.gif", moving, dpi=20)


def test_a_file_that_is_there_is_kept_unless_asked(tmp_path: Path) -> None:
    path = tmp_path / "mine.gif"
    path.write_bytes(b"mine")
    moving = animate_message(PATH, 0, message_weights(PATH, 0, 1))
    with pytest.raises(FileExistsError, match=r"mine\.gif is already there"):
        save_animation(path, moving, dpi=20)
    assert path.read_bytes() == b"mine"
    assert save_animation(path, moving, dpi=20, overwrite=True).read_bytes().startswith(b"GIF89a")


def test_what_fails_on_the_way_leaves_nothing(tmp_path: Path) -> None:
    class Failing(Animation):
        def __init__(self) -> None:
            self._draw_was_started = True

        def save(self, *_: object, **__: object) -> None:
            raise RuntimeError("midway")

    with pytest.raises(RuntimeError, match="midway"):
        save_animation(tmp_path / "a.gif", Failing())
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("path", "options", "error", "message"),
    [
        ("a.mp4", {}, ValueError, r"path must end in \.gif"),
        ("a.gif", {"frames_per_second": 0}, ValueError, "frames_per_second must be a finite number above 0"),
        ("a.gif", {"dpi": 0}, ValueError, "dpi must be at least 1"),
        ("none/a.gif", {"dpi": 20}, FileNotFoundError, "No such file"),
    ],
)
def test_what_cannot_be_saved_is_refused(
    path: str, options: dict[str, object], error: type[Exception], message: str, tmp_path: Path
) -> None:
    moving = animate_message(PATH, 0, message_weights(PATH, 0, 0))
    with pytest.raises(error, match=message):
        save_animation(tmp_path / path, moving, **options)
    assert os.listdir(tmp_path) == []
    save_animation(tmp_path / "a.gif", moving, dpi=20)  # else matplotlib warns that it was never drawn


def test_only_an_animation_can_be_saved(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"animation must be a matplotlib.animation.Animation, got Figure"):
        save_animation(tmp_path / "a.gif", Figure())


@pytest.mark.parametrize(
    ("graph", "source", "weights", "message"),
    [
        (PATH, 4, torch.zeros(1, 4), "source_row must lie in 0 to 3, got 4"),
        (PATH, 0, torch.zeros(1, 3), r"weights must have 4 columns, one for each row, got shape \(1, 3\)"),
        (PATH, 0, torch.zeros(4), "weights must have 4 columns"),
        (PATH, 0, torch.zeros(0, 4), "weights must have 4 columns"),
        (PATH, 0, torch.tensor([[0.0, -1.0, 0, 0]]), "at least 0; that of row 1 is -1.0"),
        (PATH, 0, torch.tensor([[0.0, 0, torch.inf, 0]]), "must be finite"),
        (gs.from_sequence(torch.zeros(3, 1)), 0, torch.zeros(1, 3), "of one time, got 3"),
    ],
)
def test_what_cannot_be_drawn_is_refused(
    graph: gs.SpaceTimeGraph, source: int, weights: torch.Tensor, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        animate_message(graph, source, weights)


def test_a_frame_a_depth() -> None:
    with pytest.raises(ValueError, match="depths must have an entry for each frame of weights, 2 of them, got 3"):
        animate_message(PATH, 0, message_weights(PATH, 0, 1), depths=[0, 1, 2])


def test_weights_need_a_row_a_depth_and_edges_that_are_not_negative() -> None:
    with pytest.raises(ValueError, match="source_row must lie in 0 to 3, got 9"):
        message_weights(PATH, 9, 1)
    with pytest.raises(ValueError, match="num_layers must be at least 0, got -1"):
        message_weights(PATH, 0, -1)
    negative = gs.SpaceTimeGraph(
        torch.zeros(2, 1), torch.arange(2), torch.zeros(2).long(), torch.tensor([[0], [1]]), torch.tensor([-1.0])
    )
    with pytest.raises(ValueError, match="weights of at least 0"):
        message_weights(negative, 0, 1)
