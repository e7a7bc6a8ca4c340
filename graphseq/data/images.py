"""Graphs from images: one row for each pixel or region; and pixels read line by line, as a graph over time."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch_geometric.utils import coalesce, scatter

from graphseq import _checks
from graphseq._arguments import checked_arguments, checked_but
from graphseq.data.graph import SpaceTimeGraph
from graphseq.data.topology import Topology

Connectivity = Literal[4, 8]
"""Pixels that are neighbours: those that share a side (4), or a side or a corner (8)."""


@checked_arguments
def grid_graph(
    image: Tensor,
    *,
    connectivity: Connectivity = 4,
    y: Tensor | None = None,
    target: Tensor | None = None,
) -> SpaceTimeGraph:
    r"""Read an image as a static graph: a row for each pixel, and edges in both directions between neighbours.

    Pixel (r, c) of R × W pixels is row r·W + c. There are 2(R(W - 1) + W(R - 1)) edges with connectivity 4, and
    4(R - 1)(W - 1) more with 8. The same rows are read

    - as a sequence of R·W steps, the scan line, by ``to_sequence(graph, "given")``, each line from left to right; with
      connectivity 4 ``to_sequence(graph, "dfs")`` changes direction at the end of each line;
    - as a graph over time, by :func:`rows_over_time`.

    Args:
        image: features of the pixels, (R, W, F), floating, or integer tokens (R, W).
        connectivity: 4 or 8.
        y: answers, such as the class of the image, (1,).
        target: pixels at which an output is asked for, (R·W,), ``bool``.

    Returns:
        N = R·W nodes at one time.

    Raises:
        TypeError, ValueError: no image of these shapes, no pixels, another connectivity; and as
            :class:`~graphseq.SpaceTimeGraph`.

    Example:
        >>> import torch
        >>> grid_graph(torch.zeros(2, 2, 1)).edge_index.tolist()
        [[0, 0, 1, 1, 2, 2, 3, 3], [1, 2, 0, 3, 0, 3, 1, 2]]
    """
    height, width = _size("image", image)
    rows = torch.arange(height * width, device=image.device)
    edges = _edges(rows.view(height, width), connectivity)
    return SpaceTimeGraph(image.flatten(0, 1), rows, torch.zeros_like(rows), edges, y=y, target=target)


@checked_arguments
def grid_graphs(images: Tensor, y: Tensor, *, connectivity: Connectivity = 4) -> list[SpaceTimeGraph]:
    """Read images of one size, each with its answer, as :func:`grid_graph` does; all share one topology.

    Args:
        images: (B, R, W, F), floating, or integer tokens (B, R, W).
        y: answer of each image, classes (B,) or C numbers (B, C).
        connectivity: 4 or 8.

    Returns:
        B graphs, the b-th with ``y[b : b + 1]``.

    Raises:
        TypeError, ValueError: as :func:`grid_graph`; no images, or another number of answers.

    Example:
        >>> import torch
        >>> one, other = grid_graphs(torch.rand(2, 8, 8, 1), torch.tensor([3, 7]))
        >>> one.topology is other.topology, other.y.tolist()
        (True, [7])
    """
    _size("images", images, is_batch=True)
    if _checks.is_tensor("y", y).dim() == 0 or len(y) != len(images):
        raise ValueError(f"y must have one entry for each of the {len(images)} images, got {tuple(y.shape)}")
    if images.is_floating_point() and not bool(images.isfinite().all()):
        number = int((~images.isfinite()).flatten(1).any(dim=1).nonzero()[0])
        raise ValueError(f"images[{number}] holds NaN or an infinity; features must be finite")
    topology = grid_graph(images[0], connectivity=connectivity).topology
    pairs = zip(images.flatten(1, 2), y.split(1), strict=True)
    return [SpaceTimeGraph.from_topology(topology, x, y=answer) for x, answer in pairs]


@checked_but("shape")
def rows_over_time(graph: SpaceTimeGraph, shape: tuple[int, int]) -> SpaceTimeGraph:
    r"""Read a grid of pixels as a graph over time: W nodes, one for each column, and R times, one for each line.

    Pixel (r, c) becomes node c at time r. Edges within a line stay; edges straight down become the steps along time;
    edges across a corner are removed. Row v of the result is row v of ``graph``, so targets and ``y`` stay paired.

    Args:
        graph: the result of :func:`grid_graph`, or a batch of them, all of one shape.
        shape: (R, W), as of the image.

    Returns:
        The same data; all attributes of rows stay. Its topology is derived once and kept with that of ``graph``. It can
        be used as ``transform`` of a :class:`graphseq.nn.Model`:
        ``transform=partial(rows_over_time, shape=(8, 8))``.

    Raises:
        TypeError: not a graph, or a shape that is not two integers.
        ValueError: graphs of another number of pixels, or edges between pixels that are not neighbours in this shape.

    Example:
        >>> import torch
        >>> lines = rows_over_time(grid_graph(torch.zeros(2, 3, 1)), (2, 3))
        >>> lines.node.tolist(), lines.time.tolist()
        ([0, 1, 2, 0, 1, 2], [0, 0, 0, 1, 1, 1])
        >>> lines.edge_index.tolist()
        [[0, 1, 1, 2, 3, 4, 4, 5], [1, 0, 2, 1, 4, 3, 5, 4]]
    """
    if not isinstance(graph, SpaceTimeGraph):
        raise TypeError(f"graph must be a graphseq.SpaceTimeGraph, got {type(graph).__name__}")
    if not isinstance(shape, tuple) or len(shape) != 2:
        raise TypeError(f"shape must be (R, W), as of the image, got {_checks.shown(shape)}")
    height, width = (_checks.at_least(f"shape[{axis}]", size, 1) for axis, size in enumerate(shape))
    batch, old = graph.get("batch"), graph.topology
    sizes = [old.num_rows] if batch is None else torch.bincount(batch).tolist()
    wrong = [number for number, size in enumerate(sizes) if size != height * width]
    if wrong:
        raise ValueError(f"graph {wrong[0]} has {sizes[wrong[0]]} rows, but shape {shape} has {height * width} pixels")
    topology = old.keep(("rows_over_time", height, width), lambda: _lines(old, height, width))
    return graph.replace(topology=topology)


@checked_arguments
def region_graph(
    image: Tensor, labels: Tensor, *, connectivity: Connectivity = 4, y: Tensor | None = None
) -> SpaceTimeGraph:
    r"""Read the regions of an image, such as superpixels, as a static graph with edges between neighbours.

    .. math:: x_v = \Big[\tfrac{1}{|S_v|} \sum_{p \in S_v} image_p \;\Big\|\;
                         \tfrac{1}{|S_v|} \sum_{p \in S_v} \big(\tfrac{r_p + 1/2}{R}, \tfrac{c_p + 1/2}{W}\big)\Big]

    with S_v the pixels of the v-th smallest label: mean features, and the centroid in units of height and width.
    A label in several pieces is one region. This is the region adjacency graph.

    Args:
        image: (R, W, F), floating.
        labels: region of each pixel, (R, W), integers, such as
            ``torch.from_numpy(skimage.segmentation.slic(image))``.
        connectivity: 4 if regions are neighbours along a side of a pixel, 8 if a corner is enough.
        y: answers, one for each region or one for the image.

    Returns:
        N regions at one time, with x (N, F + 2), the last two columns the centroid, and an edge each way.

    Raises:
        TypeError, ValueError: no image or labels of these shapes, no pixels, another connectivity; and as
            :class:`~graphseq.SpaceTimeGraph`.

    Source: Trémeau and Colantoni, *Regions adjacency graph applied to color image segmentation* (2000).

    Example:
        >>> import torch
        >>> image = torch.tensor([[[1.0], [3.0], [5.0]]])
        >>> graph = region_graph(image, torch.tensor([[4, 4, 9]]))
        >>> graph.edge_index.tolist(), graph.x[:, 0].tolist()
        ([[0, 1], [1, 0]], [2.0, 5.0])
    """
    height, width = _size("image", image, tokens=False)
    if not image.is_floating_point():
        raise TypeError(f"image must be floats (R, W, F), got {image.dtype}; divide bytes by 255")
    if _checks.is_tensor("labels", labels).shape != (height, width):
        raise ValueError(f"labels must have the shape of the image, {(height, width)}; got {tuple(labels.shape)}")
    _checks.integer_rows("labels", labels.flatten(), height * width)
    names, region = labels.unique(return_inverse=True)
    x = torch.cat([image, pixel_positions(height, width).to(image)], dim=2).flatten(0, 1)
    rows = torch.arange(len(names), device=image.device)
    mean = scatter(x, region.flatten(), dim=0, dim_size=len(names), reduce="mean")
    return SpaceTimeGraph(mean, rows, torch.zeros_like(rows), _edges(region, connectivity), y=y)


@checked_arguments
def pixel_positions(height: int, width: int) -> Tensor:
    r"""Return the centre of each pixel in units of height and width, (R, W, 2): :math:`((r + ½) / R, (c + ½) / W)`.

    Args:
        height: R.
        width: W.

    Raises:
        TypeError, ValueError: no integers of at least 1.

    Example:
        >>> pixel_positions(1, 2).tolist()
        [[[0.5, 0.25], [0.5, 0.75]]]
    """
    sides = [_checks.at_least(name, size, 1) for name, size in (("height", height), ("width", width))]
    down, across = ((torch.arange(size) + 0.5) / size for size in sides)
    return torch.stack(torch.meshgrid(down, across, indexing="ij"), dim=2)


def _size(name: str, image: object, *, is_batch: bool = False, tokens: bool = True) -> tuple[int, int]:
    """Return R and W of one or many images, or raise if the shape is wrong."""
    image = _checks.is_tensor(name, image)
    if image.is_complex() or image.dtype == torch.bool:
        raise TypeError(f"{name} must hold floats, or integer tokens, got dtype {image.dtype}")
    flat = "B, R, W" if is_batch else "R, W"
    channels = not tokens or image.is_floating_point()
    if image.dim() != 2 + is_batch + channels:
        expected = f"({flat}, F)" + (f", or ({flat}) where it holds tokens" if tokens else "")
        raise ValueError(f"{name} must have shape {expected}; got {image.dtype} {tuple(image.shape)}")
    if not image.numel():
        raise ValueError(f"{name} must have a pixel or more with a feature or more, got shape {tuple(image.shape)}")
    height, width = image.shape[is_batch : 2 + is_batch]
    return height, width


def _edges(field: Tensor, connectivity: int) -> Tensor:
    """Return edges in both directions between different numbers of ``field`` (R, W) at neighbouring pixels, (2, E)."""
    if connectivity not in (4, 8):
        raise ValueError(f"connectivity must be 4, pixels that share a side, or 8, a corner; got {connectivity!r}")
    sides = [(field[:, :-1], field[:, 1:]), (field[:-1], field[1:])]
    corners = [(field[:-1, :-1], field[1:, 1:]), (field[:-1, 1:], field[1:, :-1])]
    pairs = sides + (corners if connectivity == 8 else [])
    touching = torch.stack([torch.cat([pair[end].flatten() for pair in pairs]) for end in (0, 1)])
    different = touching[:, touching[0] != touching[1]]
    edges: Tensor = coalesce(torch.cat([different, different.flip(0)], dim=1))
    return edges


def _lines(old: Topology, height: int, width: int) -> Topology:
    """Return the rows by line and column, with the edges within a line."""
    number = torch.arange(old.num_rows, device=old.node.device)
    image, line, column = number // (height * width), number // width % height, number % width
    spatial = old.spatial
    edges = spatial.edge_index
    source, target = edges
    adjacent = ((line[source] - line[target]).abs() <= 1) & ((column[source] - column[target]).abs() <= 1)
    distant = (~adjacent | (image[source] != image[target])).nonzero()
    if len(distant):
        ends = [(int(line[row]), int(column[row])) for row in edges[:, int(distant[0])]]
        raise ValueError(
            f"graph has an edge from pixel {ends[0]} to {ends[1]}, which do not touch; is it a grid of "
            f"shape {(height, width)}?"
        )
    within = line[source] == line[target]
    weight, attr = (None if values is None else values[within] for values in (spatial.edge_weight, spatial.edge_attr))
    return Topology(image * width + column, line, edges[:, within], weight, edge_attr=attr)
