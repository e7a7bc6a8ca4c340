"""Accuracy against length, with the lengths at which structure alone says that a model must fail; bits a character."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import groupby
from typing import TypeAlias

from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from graphseq.plot.lines import STYLES

Points: TypeAlias = Mapping[int, tuple[float, float, float]]
"""Accuracy and the ends of its interval, by length."""

Dash: TypeAlias = "tuple[float, tuple[float, ...]]"


def draw_accuracy(
    axes: Axes,
    lengths: Sequence[int],
    curves: Mapping[str, Points],
    *,
    families: Mapping[str, str] | None = None,
    chance: float | None = None,
    out_of_reach: Mapping[str, int | None] | None = None,
) -> Axes:
    r"""Draw accuracy against length: a line for each model, its interval as bars, and chance.

    Lengths are equally far apart, whatever their steps. Lines on one level are shifted a little, so that all are seen.

    Args:
        axes: where to draw.
        lengths: all lengths, ascending.
        curves: accuracy with its interval by length, by model; a length that is not there has no point.
        families: the family of each model: models of one family, such as GCNs of several depths, share a marker and
            have one colour from light to dark. Without it each is a family of its own.
        chance: accuracy of a guess.
        out_of_reach: the first length beyond the reach of a model, before which a dashed line stands.

    Returns:
        ``axes``.

    Raises:
        ValueError: a length among the points that is not one of ``lengths``, or lengths that do not ascend.

    Example:
        >>> from matplotlib.figure import Figure
        >>> curves = {"GCN-1": {2: (1.0, 0.9, 1.0), 5: (0.1, 0.05, 0.2)}, "LSTM": {2: (1.0, 0.9, 1.0)}}
        >>> axes = draw_accuracy(Figure().subplots(), [2, 5], curves, chance=0.1, out_of_reach={"GCN-1": 5})
        >>> [text.get_text() for text in axes.texts]
        ['GCN-1\nsees no further']
    """
    if list(lengths) != sorted(set(lengths)):
        raise ValueError(f"lengths must ascend, got {list(lengths)}")
    position = {length: number for number, length in enumerate(lengths)}
    styles = _styles(list(curves), families or {})
    for number, (label, points) in enumerate(curves.items()):
        unknown = sorted(set(points) - set(position))
        if unknown:
            raise ValueError(f"curves[{label!r}] has a point at length {unknown[0]}, which is not one of the lengths")
        colour, marker, dash = styles[label]
        shift = (number - (len(curves) - 1) / 2) * 0.05
        axes.errorbar(
            [position[length] + shift for length in points],
            [middle for middle, _, _ in points.values()],
            yerr=[
                [max(0.0, middle - low) for middle, low, _ in points.values()],
                [max(0.0, high - middle) for middle, _, high in points.values()],
            ],
            color=colour,
            marker=marker,
            linestyle=dash,
            markersize=5,
            linewidth=1.4,
            elinewidth=1.0,
            label=label,
        )
    if chance is not None:
        axes.axhline(chance, color="0.3", linewidth=1, linestyle=(0, (1, 2)), label="chance")
    walls = sorted((position[length], label) for label, length in (out_of_reach or {}).items() if length is not None)
    for place, group in groupby(walls, key=lambda wall: wall[0]):
        beyond = {label for _, label in group}
        labels = [label for label in curves if label in beyond]
        _wall(axes, place - 0.5, labels, styles[labels[-1]][0])
    axes.set_xticks(range(len(lengths)), [str(length) for length in lengths])
    axes.set_xlim(-0.45, len(lengths) - 0.55)
    axes.set_ylim(0, 1.12)
    axes.set_yticks([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    _without_frame(axes)
    return axes


def draw_bits(axes: Axes, bars: Mapping[str, tuple[float, str]], *, baselines: Collection[str] = ()) -> Axes:
    """Draw bits a character: a bar for each model.

    Args:
        axes: where to draw.
        bars: bits, and what is written beside them, by model.
        baselines: models that are drawn in grey.

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
    axes.bar_label(drawn, [note for _, note in bars.values()], padding=3, fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.3 * max(widths, default=0.0) or 1.0)
    axes.set_xlabel("bits a character on the part held out (less is better)")
    _without_frame(axes)
    return axes


def _styles(labels: Sequence[str], families: Mapping[str, str]) -> dict[str, tuple[str, str, Dash]]:
    """Return colour, marker and dash of each line."""
    members: dict[str, list[str]] = {}
    for label in labels:
        members.setdefault(families.get(label, label), []).append(label)
    styles = {}
    for number, group in enumerate(members.values()):
        colour, marker, dash = STYLES[number % len(STYLES)]
        for place, label in enumerate(group):
            styles[label] = (
                _shade(colour, 1.0 if len(group) == 1 else 0.35 + 0.65 * place / (len(group) - 1)),
                marker,
                dash,
            )
    return styles


def _shade(colour: str, share: float) -> str:
    """Return a colour mixed with white."""
    parts = [int(colour[start : start + 2], 16) for start in (1, 3, 5)]
    return "#" + "".join(f"{round(255 + (part - 255) * share):02x}" for part in parts)


def _wall(axes: Axes, at: float, labels: Sequence[str], colour: str) -> None:
    """Draw a line between the last length within reach and the first beyond."""
    axes.axvline(at, ymax=1.0 / 1.12, color=colour, linewidth=1, linestyle=(0, (4, 3)), zorder=0)
    text = f"{', '.join(labels)}\nsees no further"
    axes.annotate(text, (at, 1.02), ha="center", va="bottom", fontsize=7, color=colour)


def _without_frame(axes: Axes) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
