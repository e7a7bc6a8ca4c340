"""A message that spreads over a graph, a layer a frame."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
import torch
from matplotlib.animation import FuncAnimation
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from torch import Tensor

from graphseq import _checks
from graphseq.data.graph import SpaceTimeGraph
from graphseq.plot.cones import shared_norm
from graphseq.plot.nodes import MOST_ROWS, Places, checked_row, draw_nodes, prepared
from graphseq.plot.summary import draw_rows_by_hop
from graphseq.reach.hops import hops_from

_COLOURS = "cividis_r"
_WHITE = (1.0, 1.0, 1.0, 1.0)
_Colour = tuple[float, float, float, float]


def message_weights(graph: SpaceTimeGraph, source_row: int, num_layers: int, *, causal: bool = False) -> Tensor:
    r"""How much of one row's input each row holds after 0, 1, …, L linear graph convolutions without weights.

    .. math:: m_{lv} = (\hat A^l)_{v,s}

    It is 0 exactly where row v is more than l hops from the source s.

    Args:
        graph: V rows.
        source_row: s, the row that sends.
        num_layers: L.
        causal: along time past → future only.

    Returns:
        (L + 1, V) in float64, at least 0.

    Raises:
        ValueError: a row outside the graph, a number of layers below 0, or negative edge weights.

    Source: Kipf and Welling (2017), eq. 2, without its weights and its ReLU.

    Example:
        >>> import graphseq as gs, torch
        >>> message_weights(gs.from_sequence(torch.zeros(2, 1)), 0, 1).round(decimals=6).tolist()
        [[1.0, 0.0], [0.5, 0.5]]
    """
    now = torch.zeros(graph.num_rows, 1, dtype=torch.float64)
    now[checked_row("source_row", source_row, graph)] = 1.0
    step = graph.topology.to("cpu").spacetime(causal).normalised(torch.float64)
    held = [now]
    for _ in range(_checks.at_least("num_layers", num_layers, 0)):
        held.append(step @ held[-1])
    return torch.cat(held, dim=1).T.contiguous()


def draw_message(
    axes: Axes,
    graph: SpaceTimeGraph,
    source_row: int,
    weights: Tensor,
    *,
    norm: LogNorm | None = None,
    labels: Sequence[str] | None = None,
    pos: Places | None = None,
) -> Axes:
    """Draw what each row holds of one row's message as its colour; what holds nothing stays white.

    Above 200 rows, where nodes would be dots on a blot, bars count the rows at each hop and how many of them hold
    something, coloured by the mean of what these hold; the picture says so.

    Args:
        axes: where to draw.
        graph: V rows; of one time, unless above 200.
        source_row: the row that sends, drawn with a double rim.
        weights: what each row holds, (V,): a line of :func:`message_weights`, or of measured influence.
        norm: the scale of colours, for one shared with other pictures; without it, from the values given.
        labels: a name a row, (V,); row numbers without it. Above 60 rows none are written.
        pos: where each row stands; see :func:`draw_hops`.

    Returns:
        ``axes``.

    Raises:
        ValueError: a row outside the graph, weights of another shape, negative or not finite, and what
            :func:`draw_hops` refuses.

    Example:
        >>> import graphseq as gs, networkx as nx
        >>> graph = gs.from_graph(nx.path_graph(4))
        >>> draw_message(Figure().subplots(), graph, 0, message_weights(graph, 0, 2)[2]).get_title()
        '3 of 4 rows reached'
    """
    source = checked_row("source_row", source_row, graph)
    held = _checked(weights[None] if isinstance(weights, Tensor) else weights, graph)[0]
    norm = norm or shared_norm([held])
    if graph.num_rows > MOST_ROWS:
        hops = hops_from(graph, source)
        means = [float(held[(hops == hop) & (held > 0)].mean().nan_to_num()) for hop in range(int(hops.max()) + 1)]
        draw_rows_by_hop(axes, hops, seen=held > 0, colours=[_colour(mean, norm) for mean in means])
    else:
        names, places = prepared(graph, labels, pos)
        draw_nodes(axes, graph, places, [_colour(value, norm) for value in held.tolist()], names, source)
    axes.set_title(_reached(held))
    return axes


def animate_message(
    graph: SpaceTimeGraph,
    source_row: int,
    weights: Tensor,
    *,
    depths: Sequence[int] | None = None,
    labels: Sequence[str] | None = None,
    pos: Places | None = None,
    figsize: tuple[float, float] = (6.4, 4.8),
) -> FuncAnimation:
    """Draw a message that spreads from one row, a frame a number of layers, all on one logarithmic scale of colours.

    What is more than 8 decades below the most shares the palest colour; what is 0 stays white.

    Args:
        graph: V rows; see :func:`draw_message`, which draws each frame.
        source_row: the row that sends, drawn with a double rim.
        weights: what each row holds after each number of layers, a line a frame, (L + 1, V): :func:`message_weights`,
            or the influence of the source on every row, measured on models of that many layers.
        depths: the numbers of layers, a frame each, where they are not 0, 1, …, L.
        labels: a name a row, (V,); row numbers without it. Above 60 rows none are written.
        pos: where each row stands; see :func:`draw_hops`.
        figsize: of the figure, in inches.

    Returns:
        An animation on a figure of its own, in no window; :func:`save_animation` writes it.

    Raises:
        ValueError: weights of another shape, as many depths as lines are not given, and what :func:`draw_message`
            refuses.

    Example:
        >>> import graphseq as gs, networkx as nx, tempfile
        >>> graph = gs.from_graph(nx.path_graph(3))
        >>> moving = animate_message(graph, 0, message_weights(graph, 0, 2))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = gs.plot.save_animation(f"{folder}/message.gif", moving)
        >>> list(moving.new_frame_seq())
        [0, 1, 2]
    """
    source = checked_row("source_row", source_row, graph)
    held = _checked(weights, graph)
    layers = [_checks.at_least("depths", depth, 0) for depth in (range(len(held)) if depths is None else depths)]
    if len(layers) != len(held):
        raise ValueError(f"depths must be one a line of weights, {len(held)} of them, got {len(layers)}")
    norm = shared_norm([held])
    if graph.num_rows <= MOST_ROWS:
        labels, pos = prepared(graph, labels, pos)
    figure = Figure(figsize=figsize, layout="constrained")
    axes = figure.subplots()
    if norm is not None:
        bar = figure.colorbar(ScalarMappable(norm, _COLOURS), ax=axes)
        bar.set_label(f"what a row holds of the input of {labels[source] if labels else source}; white: nothing")

    def draw(frame: int) -> list[Artist]:
        axes.clear()
        draw_message(axes, graph, source, held[frame], norm=norm, labels=labels, pos=pos)
        axes.set_title(f"{layers[frame]} layer{'' if layers[frame] == 1 else 's'}: {_reached(held[frame])}")
        return [axes]

    return FuncAnimation(figure, draw, frames=len(held), init_func=lambda: [axes], interval=1000)


def _checked(weights: Tensor, graph: SpaceTimeGraph) -> Tensor:
    held = _checks.is_tensor("weights", weights).detach().cpu().double()
    if held.dim() != 2 or not len(held) or held.shape[1] != graph.num_rows:
        raise ValueError(
            f"weights must have {graph.num_rows} columns, one a row of the graph, got shape {tuple(weights.shape)}"
        )
    wrong = ~held.isfinite() | (held < 0)
    if bool(wrong.any()):
        layer, row = wrong.nonzero()[0].tolist()
        raise ValueError(f"weights must be finite and at least 0; that of row {row} is {float(held[layer, row])}")
    return held


def _reached(held: Tensor) -> str:
    return f"{int((held > 0).sum()):,} of {len(held):,} rows reached"


def _colour(value: float, norm: LogNorm | None) -> _Colour:
    """White for nothing; what is above 0 has a colour however small it is."""
    if value == 0 or norm is None:
        return _WHITE
    red, green, blue, _ = mpl.colormaps[_COLOURS](float(norm(max(value, norm.vmin or 0.0))))
    return float(red), float(green), float(blue), 1.0
