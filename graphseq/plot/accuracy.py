"""Accuracy against length, with the lengths at which structure alone says that a model must fail; bits a character."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import groupby
from typing import Any, TypeAlias

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from matplotlib.ticker import NullLocator, PercentFormatter

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq.plot.lines import STYLES

Points: TypeAlias = Mapping[int, tuple[float, float, float]]
"""Accuracy and the ends of its interval, by length."""

Dash: TypeAlias = "tuple[float, tuple[float, ...]]"

HATCH: Mapping[str, Any] = {"facecolor": "0.94", "edgecolor": "0.78", "hatch": "///", "linewidth": 0}
"""The look of what is within reach and yet lost."""

_LEAST = 5.0  # points from bar to bar below which names are left out
_POINTS_A_CHARACTER = 5.5

_LARGEST, _SMALLEST = 9.0, 4.5
"""Sizes of the marks of the first and the last family in points: later ones lie on earlier ones, which show around."""


@checked_arguments
def draw_accuracy(
    axes: Axes,
    lengths: Sequence[int],
    curves: Mapping[str, Points],
    *,
    families: Mapping[str, str] | None = None,
    thin: Collection[str] = (),
    chance: float | None = None,
    last_in_reach: Mapping[str, int] | None = None,
    lost: Mapping[str, Sequence[int]] | None = None,
) -> Axes:
    r"""Draw accuracy against length: a line for each model, its interval as bars, and chance.

    Lengths are on a scale of log₂. Marks of later families are smaller, so that all on one level are seen.

    Args:
        axes: where to draw.
        lengths: all lengths, ascending.
        curves: accuracy with its interval by length, by model; a length that is not there has no point.
        families: the family of each model: models of one family, such as GCNs of several depths, share a marker and
            have one colour from light to dark. Without it each is a family of its own.
        thin: models that are drawn as thin lines without marks or bars. They have the colour of their family, and are
            not counted among its depths.
        chance: accuracy of a guess.
        last_in_reach: the longest sequence within the reach of a model, after which a dashed line stands.
        lost: lengths that are within the reach of a model and yet not solved. Between its line there and 100 % the
            plane is hatched, up to the end of its reach.

    Returns:
        ``axes``.

    Raises:
        ValueError: a length among the points or in ``lost`` that is not one of ``lengths``, lengths that do not ascend
            or are not above 0.

    Example:
        >>> from matplotlib.figure import Figure
        >>> curves = {"GCN-1": {2: (1.0, 0.9, 1.0), 5: (0.1, 0.05, 0.2)}, "LSTM": {2: (1.0, 0.9, 1.0)}}
        >>> axes = draw_accuracy(Figure().subplots(), [2, 5], curves, chance=0.1, last_in_reach={"GCN-1": 2})
        >>> [(text.get_text(), text.xy[0]) for text in axes.texts]
        [('GCN-1', 2.5)]
    """
    lengths = [_checks.at_least(f"lengths[{place}]", entry, 1) for place, entry in enumerate(lengths)]
    if chance is not None:
        _checks.between("chance", chance, 0, 1)
    if list(lengths) != sorted(set(lengths)) or min(lengths, default=1) < 1:
        raise ValueError(f"lengths must ascend, from 1 or more; got {list(lengths)}")
    thick = [label for label in curves if label not in thin]
    styles = _styles(thick, [label for label in curves if label in thin], families or {})
    walls, losses = last_in_reach or {}, lost or {}
    for label, points in curves.items():
        unknown = sorted({*points, *losses.get(label, ())} - set(lengths))
        if unknown:
            raise ValueError(f"curves[{label!r}] has a point at length {unknown[0]}, which is not one of the lengths")
        x = list(points)
        colour, _, dash = styles[label]
        if label in thin:
            y = [middle for middle, _, _ in points.values()]
            axes.plot(x, y, color=colour, linestyle=dash, linewidth=0.7, label=label, zorder=1.5)
            continue
        markers = list(dict.fromkeys(styles[one][1] for one in thick))
        share = markers.index(styles[label][1]) / max(1, len(markers) - 1)
        _draw_line(axes, points, label, styles[label], _LARGEST + share * (_SMALLEST - _LARGEST))
        _hatch_lost(axes, points, losses.get(label, ()), walls.get(label), label)
    if chance is not None:
        axes.axhline(chance, color="0.3", linewidth=1, linestyle=(0, (1, 2)), label="chance")
    ends = sorted((length, label) for label, length in walls.items())
    for length, group in groupby(ends, key=lambda end: end[0]):
        beyond = {label for _, label in group}
        labels = [label for label in curves if label in beyond]
        if not labels:
            raise ValueError(f"last_in_reach names {min(beyond)}, which is none of the curves")
        _wall(axes, length + 0.5, labels, styles[labels[0]][0])
    _scales(axes, lengths)
    return axes


def _draw_line(axes: Axes, points: Points, label: str, style: tuple[str, str, Dash], size: float) -> None:
    colour, marker, dash = style
    axes.errorbar(
        list(points),
        [middle for middle, _, _ in points.values()],
        yerr=[
            [max(0.0, middle - low) for middle, low, _ in points.values()],
            [max(0.0, high - middle) for middle, _, high in points.values()],
        ],
        color=colour,
        marker=marker,
        linestyle=dash,
        markersize=size,
        markeredgecolor="w",
        markeredgewidth=0.4,
        linewidth=1.4,
        elinewidth=0.9,
        label=label,
    )


def _hatch_lost(axes: Axes, points: Points, lost: Sequence[int], last: int | None, label: str) -> None:
    """Hatch the plane between a line and 100 %, from the length before those that are lost to the end of reach.

    The hatches of several lines, being opaque and alike, show as one region.
    """
    if not lost:
        return
    before = [length for length in points if length < min(lost)]
    x: list[float] = [*before[-1:], *(length for length in points if min(lost) <= length <= max(lost))]
    y = [points[int(length)][0] for length in x]
    if last is not None and max(lost) <= last:
        x, y = [*x, last + 0.5], [*y, y[-1]]
    if len(x) == 1:
        x, y = [x[0] * 2**-0.1, x[0] * 2**0.1], [*y, *y]
    axes.fill_between(x, y, 1.0, gid=f"lost {label}", zorder=0.2, **HATCH)


def _scales(axes: Axes, lengths: Sequence[int]) -> None:
    axes.set_xscale("log", base=2)
    axes.set_xticks(list(lengths), [str(length) for length in lengths])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlim(min(lengths, default=1) * 2**-0.35, max(lengths, default=1) * 2**0.35)
    axes.set_ylim(0, 1.16)
    axes.set_yticks([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    _without_frame(axes)


@checked_arguments
def draw_bits(axes: Axes, bars: Mapping[str, tuple[float, str]], *, baselines: Collection[str] = ()) -> Axes:
    """Draw bits a character: a bar for each model.

    Args:
        axes: where to draw.
        bars: bits, and what is written beside them, by model.
        baselines: models that are drawn in grey; a legend tells them from those that are trained.

    Returns:
        ``axes``.

    Example:
        >>> from matplotlib.figure import Figure
        >>> axes = draw_bits(Figure().subplots(), {"LSTM": (2.5, "2.50 bits")})
        >>> [text.get_text() for text in axes.texts]
        ['2.50 bits']
    """
    widths = [bits for bits, _ in bars.values()]
    drawn = axes.barh(list(bars), widths, color=["0.6" if name in baselines else "#56B4E9" for name in bars])
    box = axes.get_window_extent()
    width, height = (72 / axes.figure.dpi * side for side in (box.width, box.height))
    room = height / max(1, len(bars))
    if room < _LEAST:  # names would overlap
        axes.set_yticks([])
        axes.set_ylabel(f"{len(bars)} models")
    else:
        size = min(8.0, 0.85 * room)
        axes.bar_label(drawn, [note for _, note in bars.values()], padding=3, fontsize=size)
        axes.tick_params(axis="y", labelsize=min(float(mpl.rcParams["font.size"]), 0.85 * room))
    axes.invert_yaxis()
    axes.set_xlim(0, 1.45 * max(widths, default=0.0) or 1.0)
    if baselines:
        parts = {"trained": "#56B4E9", "baselines": "0.6"}
        handles = [Patch(color=colour, label=name) for name, colour in parts.items()]
        axes.legend(handles=handles, loc="lower right", frameon=False, fontsize=8)
    words = "bits a character on the part held out (less is better)"
    axes.set_xlabel(words if width > _POINTS_A_CHARACTER * len(words) else words.replace(" (", "\n("))
    _without_frame(axes)
    return axes


def _styles(
    labels: Sequence[str], thin: Sequence[str], families: Mapping[str, str]
) -> dict[str, tuple[str, str, Dash]]:
    """Return colour, marker and dash of each line."""
    members: dict[str, list[str]] = {}
    for label in labels:
        members.setdefault(families.get(label, label), []).append(label)
    for label in thin:
        members.setdefault(families.get(label, label), [])
    styles = {}
    for number, (family, group) in enumerate(members.items()):
        colour, marker, dash = STYLES[number % len(STYLES)]
        for place, label in enumerate(group):
            share = 1.0 if len(group) == 1 else 0.4 + 0.6 * place / (len(group) - 1)
            styles[label] = (_shade(colour, share), marker, dash)
        styles |= {label: (colour, marker, dash) for label in thin if families.get(label, label) == family}
    return styles


def _shade(colour: str, share: float) -> str:
    """Return a colour mixed with white."""
    parts = [int(colour[start : start + 2], 16) for start in (1, 3, 5)]
    return "#" + "".join(f"{round(255 + (part - 255) * share):02x}" for part in parts)


def _wall(axes: Axes, at: float, labels: Sequence[str], colour: str) -> None:
    """Draw a line between the last length within reach and the first beyond."""
    axes.axvline(at, ymax=1.0 / 1.16, color=colour, linewidth=1, linestyle=(0, (4, 3)), zorder=0.5, gid="wall")
    axes.annotate("\n".join(labels), (at, 1.02), ha="center", va="bottom", fontsize=7, linespacing=1.0, color="0.2")


def _without_frame(axes: Axes) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
