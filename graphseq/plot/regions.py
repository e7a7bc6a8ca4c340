"""The regions of an image as a graph, drawn over the image."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray
from torch import Tensor

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq.data.graph import SpaceTimeGraph
from graphseq.data.images import region_graph
from graphseq.plot.cones import shared_norm
from graphseq.plot.nodes import checked_row

COLOURS = "viridis"  #: the colour map of values, for the colour bar as well
_OPACITY = 0.8  # of the colour of a value over the image


@checked_arguments
def draw_regions(
    axes: Axes,
    image: Tensor,
    labels: Tensor,
    graph: SpaceTimeGraph,
    values: Tensor | None = None,
    *,
    norm: Normalize | None = None,
    marked: int | None = None,
) -> Axes:
    """Draw an image in grey with the graph of its regions over it, each region coloured by its value.

    Nodes are at the centroids of their regions, and lines connect regions that touch. Without ``values`` the image
    keeps its colours. Regions with value 0, such as those out of reach, stay grey.

    Args:
        axes: where to draw.
        image: (R, W, 3) or (R, W, 1), floats from 0 to 1.
        labels: the region of each pixel, (R, W), integers.
        graph: N regions: the result of :func:`graphseq.region_graph` for ``image`` and ``labels``.
        values: a number of at least 0 for each region, (N,), such as one row of :func:`graphseq.reach.influence`.
        norm: the colour scale, to share one between panels; by default logarithmic, fitted to the values given.
        marked: a region to mark by a star, 0 to N - 1.

    Returns:
        ``axes``.

    Raises:
        TypeError, ValueError: the image or the labels have another shape, the graph other regions, a value is negative
            or not finite, or the marked region does not exist.

    Example:
        >>> import graphseq as gs, torch
        >>> from matplotlib.figure import Figure
        >>> image, labels = torch.rand(4, 6, 3), torch.tensor([[0, 0, 1, 1, 2, 2]] * 4)
        >>> graph = gs.region_graph(image, labels)
        >>> axes = draw_regions(Figure().subplots(), image, labels, graph, torch.tensor([1.0, 0.5, 0.0]), marked=0)
        >>> len(axes.collections[0].get_segments())
        2
    """
    regions = region_graph(image, labels)
    if image.shape[2] not in (1, 3) or float(image.min()) < 0 or float(image.max()) > 1:
        raise ValueError(f"image must have 1 or 3 channels from 0 to 1 to be drawn; got {tuple(image.shape)}")
    if graph.num_rows != regions.num_rows:
        raise ValueError(f"graph must have a row for each of the {regions.num_rows} regions, got {graph.num_rows}")
    star = None if marked is None else checked_row("marked", marked, graph)
    height, width = labels.shape
    region = labels.unique(return_inverse=True)[1].cpu().numpy()
    picture = image.detach().cpu().double().expand(-1, -1, 3).numpy()
    painted = picture if values is None else _painted(picture, region, _values(values, graph), norm)
    axes.imshow(_outlined(painted, region), interpolation="nearest")
    places = regions.x[:, -2:].detach().cpu().double().numpy() * (height, width) - 0.5
    ends = graph.topology.spatial.edge_index.t().cpu().numpy()
    lines = places[ends[ends[:, 0] < ends[:, 1]]][..., ::-1]
    outline = [withStroke(linewidth=2.0, foreground=(0.0, 0.0, 0.0, 0.6))]
    axes.add_collection(LineCollection(list(lines), colors="w", linewidths=0.8, path_effects=outline, gid="edges"))
    size = max(2.0, min(14.0, 2000.0 / regions.num_rows))
    axes.scatter(places[:, 1], places[:, 0], s=size, c="w", edgecolors="k", linewidths=0.5, zorder=3, gid="nodes")
    if star is not None:
        axes.plot(places[star, 1], places[star, 0], "*", color="w", markeredgecolor="k", markersize=15, gid="marked")
    axes.set_axis_off()
    return axes


def _values(values: Tensor, graph: SpaceTimeGraph) -> NDArray[np.float64]:
    checked = _checks.is_real("values", values).detach().cpu().double()
    if checked.shape != (graph.num_rows,):
        raise ValueError(f"values must have shape ({graph.num_rows},), one for each region; got {tuple(checked.shape)}")
    wrong = ~checked.isfinite() | (checked < 0)
    if bool(wrong.any()):
        row = int(wrong.nonzero()[0])
        raise ValueError(f"values must be finite and at least 0; values[{row}] is {float(checked[row])}")
    array: NDArray[np.float64] = checked.numpy()
    return array


def _painted(
    picture: NDArray[np.float64], region: NDArray[np.int64], values: NDArray[np.float64], norm: Normalize | None
) -> NDArray[np.float64]:
    """Return the picture in grey, covered by the colour of each region whose value is above 0."""
    grey = np.repeat((picture @ (0.299, 0.587, 0.114))[..., None], 3, axis=2)
    scale = norm or shared_norm([torch.from_numpy(values)]) or Normalize(0, 1)
    colours = mpl.colormaps[COLOURS](scale(np.clip(values, scale.vmin, scale.vmax)))[:, :3]
    share = np.where(values > 0, _OPACITY, 0.0)[region][..., None]
    painted: NDArray[np.float64] = share * colours[region] + (1 - share) * grey
    return painted


def _outlined(picture: NDArray[np.float64], region: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the picture with pixels darkened where the one below or to the right belongs to another region."""
    border = np.zeros(region.shape, dtype=bool)
    border[:, :-1] |= region[:, :-1] != region[:, 1:]
    border[:-1] |= region[:-1] != region[1:]
    return np.where(border[..., None], 0.4 * picture, picture)
