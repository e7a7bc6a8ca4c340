"""The spread of one row's input over a graph, layer by layer."""

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
from graphseq._arguments import checked_arguments
from graphseq.data.graph import SpaceTimeGraph
from graphseq.plot.cones import shared_norm
from graphseq.plot.nodes import MOST_ROWS, Places, checked_row, draw_nodes, prepared
from graphseq.plot.summary import draw_rows_by_hop
from graphseq.reach.hops import hops_from

_COLOURS = "cividis_r"
_WHITE = (1.0, 1.0, 1.0, 1.0)
_Colour = tuple[float, float, float, float]


@checked_arguments
def message_weights(graph: SpaceTimeGraph, source_row: int, num_layers: int, *, causal: bool = False) -> Tensor:
    r"""The weight of one row's input in every row's state after 0, 1, …, L linear graph convolutions without weights.

    .. math:: m_{lv} = (\hat A^l)_{v,s}

    It is 0 exactly where row v is more than l hops from the source row s.

    Args:
        graph: V rows.
        source_row: s, the source of the message.
        num_layers: L.
        causal: True to follow time edges from past to future only.

    Returns:
        The weights m, (L + 1, V), in float64, at least 0.

    Raises:
        ValueError: the row is outside the graph, the number of layers below 0, or an edge weight negative.

    Source: Kipf and Welling (2017), eq. 2, without its weights and its ReLU.

    Example:
        >>> import graphseq as gs, torch
        >>> message_weights(gs.from_sequence(torch.zeros(2, 1)), 0, 1).round(decimals=6).tolist()
        [[1.0, 0.0], [0.5, 0.5]]
    """
    state = torch.zeros(graph.num_rows, 1, dtype=torch.float64)
    state[checked_row("source_row", source_row, graph)] = 1.0
    step = graph.topology.to("cpu").spacetime(causal).normalised(torch.float64)
    states = [state]
    for _ in range(_checks.layers("num_layers", num_layers, 0)):
        states.append(step @ states[-1])
    return torch.cat(states, dim=1).T.contiguous()


@checked_arguments
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
    """Draw a graph with each row coloured by the weight of one row's message in it; rows with weight 0 are white.

    Above 200 rows, too many to draw one by one, bars show the number of rows at each hop, filled up to the number of
    them that the message has reached and coloured by their mean weight.

    Args:
        axes: where to draw.
        graph: V rows; of a single time, unless there are more than 200.
        source_row: the source of the message, drawn with a double outline.
        weights: the weight in each row, (V,): one row of :func:`message_weights`, or of measured influence.
        norm: the colour scale, to share one between figures; by default it fits the values given.
        labels: the name of each row, (V,); row numbers by default. Above 60 rows none are written.
        pos: the position of each row; see :func:`draw_hops`.

    Returns:
        ``axes``.

    Raises:
        ValueError: the row is outside the graph, the weights have another shape, are negative or not finite, or
            :func:`draw_hops` refuses an argument.

    Example:
        >>> import graphseq as gs, networkx as nx
        >>> graph = gs.from_graph(nx.path_graph(4))
        >>> draw_message(Figure().subplots(), graph, 0, message_weights(graph, 0, 2)[2]).get_title()
        '3 of 4 rows reached'
    """
    source = checked_row("source_row", source_row, graph)
    weights = _checked(weights[None] if isinstance(weights, Tensor) else weights, graph)[0]
    norm = norm or shared_norm([weights])
    if graph.num_rows > MOST_ROWS:
        hops = hops_from(graph, source)
        means = [
            float(weights[(hops == hop) & (weights > 0)].mean().nan_to_num()) for hop in range(int(hops.max()) + 1)
        ]
        draw_rows_by_hop(axes, hops, seen=weights > 0, colours=[_colour(mean, norm) for mean in means])
    else:
        names, places = prepared(graph, labels, pos)
        draw_nodes(axes, graph, places, [_colour(value, norm) for value in weights.tolist()], names, source)
    axes.set_title(_reached(weights))
    return axes


@checked_arguments
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
    """Animate a message that spreads from one row, one frame for each layer, on one logarithmic colour scale.

    Weights more than 8 decades below the largest have the palest colour; rows with weight 0 are white.

    Args:
        graph: V rows; see :func:`draw_message`, which draws each frame.
        source_row: the source of the message, drawn with a double outline.
        weights: the weight in each row after each number of layers, (L + 1, V), a frame for each: those of
            :func:`message_weights`, or the influence of the source on every row in models of that many layers.
        depths: the number of layers of each frame, where they are not 0, 1, …, L.
        labels: the name of each row, (V,); row numbers by default. Above 60 rows none are written.
        pos: the position of each row; see :func:`draw_hops`.
        figsize: the size of the figure, in inches.

    Returns:
        An animation on a new figure, shown in no window; :func:`save_animation` saves it.

    Raises:
        ValueError: the weights have another shape, there are not as many depths as frames, or :func:`draw_message`
            refuses an argument.

    Example:
        >>> import graphseq as gs, networkx as nx, tempfile
        >>> graph = gs.from_graph(nx.path_graph(3))
        >>> animation = animate_message(graph, 0, message_weights(graph, 0, 2))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = gs.plot.save_animation(f"{folder}/message.gif", animation)
        >>> list(animation.new_frame_seq())
        [0, 1, 2]
    """
    source = checked_row("source_row", source_row, graph)
    weights = _checked(weights, graph)
    layers = [_checks.at_least("depths", depth, 0) for depth in (range(len(weights)) if depths is None else depths)]
    if len(layers) != len(weights):
        raise ValueError(
            f"depths must have an entry for each frame of weights, {len(weights)} of them, got {len(layers)}"
        )
    norm = shared_norm([weights])
    if graph.num_rows <= MOST_ROWS:
        labels, pos = prepared(graph, labels, pos)
    figure = Figure(figsize=figsize, layout="constrained")
    axes = figure.subplots()
    if norm is not None:
        bar = figure.colorbar(ScalarMappable(norm, _COLOURS), ax=axes)
        source_name = labels[source] if labels else source
        bar.set_label(f"weight of the input of {source_name} (white: none)")

    def draw(frame: int) -> list[Artist]:
        axes.clear()
        draw_message(axes, graph, source, weights[frame], norm=norm, labels=labels, pos=pos)
        axes.set_title(f"{layers[frame]} layer{'' if layers[frame] == 1 else 's'}: {_reached(weights[frame])}")
        return [axes]

    return FuncAnimation(figure, draw, frames=len(weights), init_func=lambda: [axes], interval=1000)


def _checked(weights: Tensor, graph: SpaceTimeGraph) -> Tensor:
    checked = _checks.is_real("weights", weights).detach().cpu().double()
    if checked.dim() != 2 or not len(checked) or checked.shape[1] != graph.num_rows:
        raise ValueError(
            f"weights must have {graph.num_rows} columns, one for each row, got shape {tuple(weights.shape)}; the "
            f"graph has {graph.num_rows} rows"
        )
    wrong = ~checked.isfinite() | (checked < 0)
    if bool(wrong.any()):
        layer, row = wrong.nonzero()[0].tolist()
        raise ValueError(f"weights must be finite and at least 0; that of row {row} is {float(checked[layer, row])}")
    return checked


def _reached(weights: Tensor) -> str:
    return f"{int((weights > 0).sum()):,} of {len(weights):,} rows reached"


def _colour(value: float, norm: LogNorm | None) -> _Colour:
    """Return white for 0, and a colour for every weight above 0, however small."""
    if value == 0 or norm is None:
        return _WHITE
    red, green, blue, _ = mpl.colormaps[_COLOURS](float(norm(max(value, norm.vmin or 0.0))))
    return float(red), float(green), float(blue), 1.0
