"""The five figures of a report: receptive field, influence by distance, smoothness, gradients, bottlenecks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import Colormap, ListedColormap, LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator
from numpy.typing import NDArray
from torch import Tensor

from graphseq.reach.report.page import Page
from graphseq.reach.report.view import View

BLUE, RED, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#9a9a9a"  # Okabe and Ito
_MARKS = ((BLUE, "o"), (RED, "s"), (GREEN, "^"))
_FLOOR = 1e-12  # of the largest value: what is below is drawn as 0
PANELS = (
    "Receptive field",
    "Influence by distance",
    "Smoothness over the layers",
    "Gradient over the layers",
    "Bottlenecks",
)


def figure(page: Page) -> Figure:
    """Draw all five figures of a report on one."""
    whole = Figure(figsize=(11.0, 10.5), layout="constrained")
    grid = whole.add_gridspec(3, 2)
    places = [grid[0, 0], grid[0, 1], grid[1, 0], grid[1, 1], grid[2, :]]
    for draw, place in zip(DRAWINGS, places, strict=True):
        draw(whole.add_subplot(place), page)
    return whole


def draw_field(axes: Axes, page: Page) -> Axes:
    """Draw the rows around one answer, coloured by their influence on it; hollow ones have none."""
    shown = page.field
    _edges(axes, shown, None, None)
    if page.influence is None:
        _nodes(axes, shown, np.zeros(len(shown.rows), dtype=bool), None, None)
        axes.set_title(PANELS[0])
        return _missing(axes, page, "influence is not measured")
    values = page.influence.numpy()
    largest = float(values.max()) if len(values) else 0.0
    has_influence = values > _FLOOR * largest
    norm = None
    if largest > 0:
        least = float(values[has_influence].min())
        norm = LogNorm(least, largest) if least < largest else Normalize(0, largest)
    marks = _nodes(axes, shown, has_influence, values, norm)
    if page.target is not None:
        at = int((shown.rows == page.target).nonzero()[0])
        x, y = shown.places[at]
        axes.scatter(x, y, s=_size(shown) * 3.2, facecolors="none", edgecolors="black", linewidths=1.4)
    if marks is not None and norm is not None:
        axes.figure.colorbar(marks, ax=axes, label="influence, ‖∂ answer / ∂ x‖", shrink=0.8)
    where = "of a graph" if page.target is None else f"at row {page.target - page.first_row}"
    within = f" of graph {page.graph}" if page.num_graphs > 1 and page.target is not None else ""
    axes.set_title(f"{PANELS[0]} of the answer {where}{within}\n{_share(int(has_influence.sum()), shown)}", fontsize=10)
    return axes


def draw_distance(axes: Axes, page: Page) -> Axes:
    """Draw the influence of all rows at each distance, and the same of the powers of Â."""
    on_state = "" if page.state is None else f"\non the states of rows after {page.state}"
    axes.set_title(f"{PANELS[1]}{on_state}", fontsize=10, parse_math=False)
    if page.by_hop is None:
        return _missing(axes, page, "no distance to an answer is defined" if page.influence is not None else "")
    values = page.by_hop.numpy()
    curves = [("measured", values, BLUE, "o", "-")]
    if page.closed_form is not None:
        name = f"closed form Â, power {page.depth}, same total"
        curves.append((name, page.closed_form.numpy(), GREY, "", "--"))
    _logarithmic(axes, curves, np.arange(len(values)), legend="upper right")
    of = "answer" if page.state is None else "row"
    axes.set_xlabel(f"hops to the {of}")
    axes.set_ylabel(f"influence, mean of {page.measured} {of}s" if page.measured > 1 else "influence")
    return axes


def draw_smoothness(axes: Axes, page: Page) -> Axes:
    """Draw measures of smoothness after each layer."""
    axes.set_title(PANELS[2], fontsize=10)
    if page.layers is None:
        return _missing(axes, page, "no layers with one state a row were found")
    curves = [
        (name, np.array(values), colour, marker, "-")
        for (name, values), (colour, marker) in zip(page.layers.smoothness.items(), _MARKS, strict=False)
        if any(math.isfinite(value) for value in values)
    ]
    if not curves:
        return _missing(axes, page, "no graph has two rows that are joined")
    _logarithmic(axes, curves, np.arange(len(page.layers.names)))
    _layer_axis(axes, page.layers.names)
    axes.set_ylabel("0 is the over-smoothed limit")
    return axes


def draw_gradient(axes: Axes, page: Page) -> Axes:
    """Draw the gradient of the loss in the state after each layer."""
    axes.set_title(PANELS[3], fontsize=10)
    layers = page.layers
    if layers is None or not any(math.isfinite(value) for value in layers.gradient):
        return _missing(axes, page, "no gradient reaches a layer" if layers else "no layers with one state a row")
    _logarithmic(axes, [("", np.array(layers.gradient), BLUE, "o", "-")], np.arange(len(layers.names)))
    _layer_axis(axes, layers.names)
    axes.set_ylabel("‖∂ loss / ∂ state‖, mean of the rows")
    return axes


def draw_bottlenecks(axes: Axes, page: Page) -> Axes:
    """Draw the edges around the narrowest bottlenecks, coloured by their balanced Forman curvature."""
    axes.set_title(PANELS[4], fontsize=10)
    if page.bottlenecks is None or page.curvature is None or not len(page.curvature.value):
        return _missing(axes, page, "no edges, or too many, to look for bottlenecks")
    shown, values = page.bottlenecks, page.curvature.value.numpy()
    lines = _edges(axes, shown, page.curvature.edge_index, values)
    axes.scatter(shown.places[:, 0], shown.places[:, 1], s=_size(shown) * 0.4, color="0.35", zorder=2)
    axes.figure.colorbar(lines, ax=axes, label="balanced Forman curvature", shrink=0.8)
    order = np.argsort(values, kind="stable")[:3]
    named = [at for at in order.tolist() if values[at] < 0]
    for at, offset in zip(named, ((14, 16), (14, -24), (-52, 16)), strict=False):
        i, j = page.curvature.edge_index[:, at].tolist()
        middle = shown.places[[i, j]].mean(axis=0)
        text = f"{int(shown.rows[i]) - page.first_row} - {int(shown.rows[j]) - page.first_row}"
        box = {"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "0.7", "linewidth": 0.5}
        arrow = {"arrowstyle": "-", "color": "0.4", "linewidth": 0.7}
        axes.annotate(text, middle, offset, textcoords="offset points", fontsize=8, parse_math=False, zorder=4,
                      bbox=box, arrowprops=arrow)  # fmt: skip
    below = int((values < 0).sum())
    said = f"lowest curvature {values.min():.2f}, {below:,} of {len(values):,} edges below 0"
    axes.set_title(f"{PANELS[4]}\n{said if below else 'no edge of negative curvature'}", fontsize=10)
    return axes


DRAWINGS = (draw_field, draw_distance, draw_smoothness, draw_gradient, draw_bottlenecks)


def _share(count: int, shown: View) -> str:
    part = f"{count:,} of {len(shown.rows):,} rows"
    return part if len(shown.rows) == shown.total else f"{part} shown, of {shown.total:,}"


def _size(shown: View) -> float:
    return float(np.clip(2200 / max(len(shown.rows), 1), 9, 160))


def _nodes(
    axes: Axes,
    shown: View,
    has_influence: NDArray[np.bool_],
    values: NDArray[np.float64] | None,
    norm: Normalize | None,
) -> mpl.collections.PathCollection | None:
    size, places = _size(shown), shown.places
    away = places[~has_influence]
    axes.scatter(away[:, 0], away[:, 1], s=size, facecolors="white", edgecolors=GREY, linewidths=0.8, zorder=2)
    near = places[has_influence]
    if values is None or not len(near):
        return None
    return axes.scatter(near[:, 0], near[:, 1], s=size, c=values[has_influence], norm=norm, cmap="viridis_r",
                        edgecolors="black", linewidths=0.3, zorder=3)  # fmt: skip


def _edges(axes: Axes, shown: View, pairs: Tensor | None, values: NDArray[np.float64] | None) -> LineCollection:
    """Draw edges, thinner where there are many; of values, the lowest are wide and on top."""
    index = (shown.pairs if pairs is None else pairs).numpy()
    segments = shown.places[index.T]
    thin = float(np.clip(200 / max(len(segments), 1), 0.3, 1.1))
    if values is None:
        lines = LineCollection(list(segments), colors="0.82", linewidths=min(thin, 0.8), zorder=1)
    else:
        order = np.argsort(-values, kind="stable")
        lowest = values <= min(0.0, float(np.quantile(values, 0.1)))
        widths = np.where(lowest, 2.5 * thin, thin)[order]
        cmap, norm = _around_zero(values)
        lines = LineCollection(list(segments[order]), cmap=cmap, norm=norm, linewidths=widths, zorder=1)
        lines.set_array(values[order])
    axes.add_collection(lines)
    axes.set_xlim(-1.12, 1.12)
    axes.set_ylim(-1.12, 1.12)
    axes.set_aspect("equal" if values is None else "auto")
    axes.set_axis_off()
    return lines


def _around_zero(values: NDArray[np.float64]) -> tuple[Colormap, Normalize]:
    """Red below 0 and blue above, as strong on one side as on the other, over the range of the values alone."""
    low, high = min(float(values.min()), -0.1), max(float(values.max()), 0.1)
    most = max(-low, high)
    shades = mpl.colormaps["coolwarm_r"](np.linspace(0.5 + 0.5 * low / most, 0.5 + 0.5 * high / most, 256))
    return ListedColormap(shades), Normalize(low, high)


def _logarithmic(
    axes: Axes,
    curves: Sequence[tuple[str, NDArray[np.float64], str, str, str]],
    at: NDArray[np.int64],
    *,
    legend: Literal["best", "upper right"] = "best",
) -> None:
    """Draw curves on a logarithmic scale; values that are 0, or as good as 0, are hollow marks at the bottom."""
    largest = max((float(np.nanmax(values)) for _, values, *_ in curves if np.isfinite(values).any()), default=0.0)
    least = largest
    for _, values, *_ in curves:
        above = values[np.isfinite(values) & (values > _FLOOR * largest)]
        least = min(least, float(above.min())) if len(above) else least
    has_zero = any(bool((values <= _FLOOR * largest).any()) for _, values, *_ in curves)
    bottom = least / 10 if largest > 0 else 0.1
    for name, values, colour, marker, style in curves:
        is_above = values > _FLOOR * largest if largest > 0 else np.zeros(len(values), dtype=bool)
        axes.plot(at, np.where(is_above, values, np.nan), linestyle=style, marker=marker, color=colour,
                  label=name or None, markersize=4.5)  # fmt: skip
        is_zero = np.isfinite(values) & ~is_above
        if marker and is_zero.any():
            axes.plot(at[is_zero], np.full(int(is_zero.sum()), bottom), linestyle="", marker=marker, color=colour,
                      markerfacecolor="white", markersize=4.5)  # fmt: skip
    axes.set_yscale("log")
    if largest > 0:
        axes.set_ylim((bottom if has_zero else least) / 1.8, largest * 2.5)
    if has_zero:
        ticks = _ticks(least, largest) if largest > 0 else []
        axes.set_yticks(ticks)
        if largest in ticks[-1:]:  # no decades, which have labels of their own
            axes.set_yticklabels([f"{tick:.2g}" for tick in ticks])
        axes.yaxis.set_minor_locator(NullLocator())  # minor ticks would go on below 0
        axes.axhline(bottom, color="0.8", linewidth=0.8, zorder=0)
        axes.text(0.0, bottom, "0 ", transform=axes.get_yaxis_transform(), ha="right", va="center", fontsize=8)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlim(at[0] - 0.4, at[-1] + 0.4)
    axes.spines[["top", "right"]].set_visible(False)
    if any(name for name, *_ in curves):
        axes.legend(frameon=False, fontsize=8, loc=legend)


def _ticks(least: float, largest: float) -> list[float]:
    """At most 8 decades between two numbers; the two themselves where there are fewer than two decades."""
    powers = range(math.ceil(math.log10(least)), math.floor(math.log10(largest)) + 1)
    decades = [10.0**power for power in powers]
    if len(decades) > 1:
        return decades[:: -(-len(decades) // 8)]
    return [least, largest] if largest > 1.3 * least else [largest]


def _layer_axis(axes: Axes, names: Sequence[str]) -> None:
    """Names of layers where they fit; their numbers otherwise."""
    if len(names) <= 10 and max(map(len, names)) <= 24:
        axes.set_xticks(range(len(names)))
        rotation = 0 if sum(map(len, names)) <= 48 else 30
        axes.set_xticklabels(
            names, fontsize=8, rotation=rotation, parse_math=False, ha="right" if rotation else "center"
        )
    else:
        axes.set_xlabel("layer; 0 is the first of " + f"{len(names)} states")


def _missing(axes: Axes, page: Page, text: str) -> Axes:
    axes.set_axis_off()
    reason = text or (page.notes[0] if page.notes else "not measured")
    axes.text(0.5, 0.5, reason, ha="center", va="center", wrap=True, fontsize=9, color="0.35", parse_math=False,
              transform=axes.transAxes)  # fmt: skip
    return axes
