"""The picture of regions: lines where regions touch, and the colour of a value where there is one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

import graphseq as gs
from graphseq.plot import draw_regions

# Three columns of two pixels, each a region; the middle of each is 2 pixels from the next.
LABELS = torch.tensor([[1, 1, 4, 4, 9, 9]] * 2)
IMAGE = torch.rand(2, 6, 3, generator=torch.Generator().manual_seed(0))
GRAPH = gs.region_graph(IMAGE, LABELS)
VALUES = torch.tensor([1.0, 0.0, 100.0])


def drawn(**changed: object) -> Axes:
    return draw_regions(Figure().subplots(), **{"image": IMAGE, "labels": LABELS, "graph": GRAPH, **changed})


def test_nodes_stand_at_centroids_and_lines_join_what_touches() -> None:
    lines, nodes = drawn().collections
    middles = [[0.5, 0.5], [2.5, 0.5], [4.5, 0.5]]  # x to the right, y down
    np.testing.assert_allclose(np.asarray(nodes.get_offsets()), middles)
    np.testing.assert_allclose(np.stack(lines.get_segments()), [middles[:2], middles[1:]])


def test_without_values_the_image_keeps_its_colours_but_for_borders() -> None:
    shown = np.asarray(drawn().images[0].get_array())
    inside = [0, 2, 4, 5]  # the pixels on the left of a border are darkened
    np.testing.assert_allclose(shown[:, inside], IMAGE[:, inside].numpy(), rtol=1e-6)
    np.testing.assert_allclose(shown[:, [1, 3]], 0.4 * IMAGE[:, [1, 3]].numpy(), rtol=1e-6)


def test_what_is_0_stays_grey_and_what_is_more_has_the_colour_of_the_scale() -> None:
    shown = np.asarray(drawn(values=VALUES).images[0].get_array())
    grey = IMAGE.double().numpy() @ (0.299, 0.587, 0.114)
    np.testing.assert_allclose(shown[:, 2], np.repeat(grey[:, 2, None], 3, axis=1))
    dark, bright = (0.267004, 0.004874, 0.329415), (0.993248, 0.906157, 0.143936)  # viridis' two ends
    np.testing.assert_allclose(shown[:, 0], 0.8 * np.array(dark) + 0.2 * grey[:, 0, None], atol=1e-6)
    np.testing.assert_allclose(shown[:, 5], 0.8 * np.array(bright) + 0.2 * grey[:, 5, None], atol=1e-6)
    other = np.asarray(drawn(values=VALUES, norm=Normalize(0, 1e9)).images[0].get_array())
    np.testing.assert_allclose(other[:, 5], 0.8 * np.array(dark) + 0.2 * grey[:, 5, None], atol=1e-6)


def test_nothing_above_0_is_a_grey_picture() -> None:
    shown = np.asarray(drawn(values=torch.zeros(3)).images[0].get_array())
    np.testing.assert_array_equal(shown[..., 0], shown[..., 2])


def test_the_marked_region_has_the_star() -> None:
    assert [line.get_xydata().round(6).tolist() for line in drawn(marked=2).lines] == [[[4.5, 0.5]]]


def test_one_channel_is_drawn_in_grey() -> None:
    shown = np.asarray(drawn(image=IMAGE[..., :1]).images[0].get_array())
    np.testing.assert_allclose(shown[:, 0], IMAGE[:, 0, :1].expand(-1, 3).numpy(), rtol=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: drawn(image=IMAGE[..., :2]), r"image must have 1 or 3 channels from 0 to 1 .* \(2, 6, 2\)"),
        (lambda: drawn(image=255 * IMAGE), r"image must have 1 or 3 channels from 0 to 1"),
        (lambda: drawn(labels=LABELS[:1]), r"labels must have the shape of the image"),
        (lambda: drawn(labels=LABELS * 0), "graph must have a row for each of the 1 regions, got 3"),
        (lambda: drawn(values=VALUES[:2]), r"values must have shape \(3,\), one for each region; got \(2,\)"),
        (lambda: drawn(values=-VALUES), r"at least 0; values\[0\] is -1.0"),
        (lambda: drawn(marked=3), "marked must lie in 0 to 2, got 3"),
    ],
)
def test_what_cannot_be_drawn_is_refused(call: Callable[[], Axes], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
