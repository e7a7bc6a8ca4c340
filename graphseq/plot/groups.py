"""Shares of right answers by group: a line a model, with intervals, and how many answers each group has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import fill

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from graphseq.evaluation.groups import Share
from graphseq.plot.lines import STYLES, bare

_APART = 0.09  # of models at one group, in units of the distance between groups
_WRAPPED = 10  # characters of a group's name in one line


def draw_groups(axes: Axes, lines: Mapping[str, Mapping[str, Share]], groups: Sequence[str]) -> None:
    """Draw the shares of :func:`graphseq.evaluation.groups.shares`, models side by side at each group.

    Args:
        axes: where to draw.
        lines: shares of the groups by model, at most seven of them, drawn in this order.
        groups: which of the groups, from left to right, as far as they have answers.

    Raises:
        ValueError: more than seven models, whose colours could not be told apart.
    """
    if len(lines) > len(STYLES):
        raise ValueError(f"lines must be at most {len(STYLES)} to be told apart, got {len(lines)}")
    first = next(iter(lines.values()))
    groups = [group for group in groups if group in first]
    for number, ((model, of), (colour, marker, _)) in enumerate(zip(lines.items(), STYLES, strict=False)):
        at = [place + _APART * (number - (len(lines) - 1) / 2) for place in range(len(groups))]
        own = [of[group] for group in groups]
        ends = [[each["share"] - each["low"] for each in own], [each["high"] - each["share"] for each in own]]
        axes.errorbar(
            at, [each["share"] for each in own], yerr=ends, label=model, color=colour, fmt=marker, ms=4, elinewidth=1.2
        )
    names = [f"{fill(group, _WRAPPED, break_long_words=False)}\n({first[group]['answers']:.0f})" for group in groups]
    axes.set_xticks(range(len(groups)), names)
    for place in range(1, len(groups)):
        axes.axvline(place - 0.5, color="0.9", linewidth=0.8)
    axes.set_ylim(0, 1.02)
    bare(axes)


def groups_figure(
    lines: Mapping[str, Mapping[str, Share]], panels: Mapping[str, Sequence[str]], *, chance: float, ylabel: str
) -> Figure:
    """A panel for each kind of groups, side by side, wide as there are groups, and chance as a dotted line.

    Args:
        lines: shares of the groups by model; see :func:`draw_groups`.
        panels: the groups of each, by what they are.
        chance: the share of who knows nothing.
        ylabel: what is right.
    """
    figure = Figure(figsize=(12.0, 4.2), layout="constrained")
    widths = [len(groups) for groups in panels.values()]
    for axes, (what, groups) in zip(
        figure.subplots(1, len(panels), width_ratios=widths, squeeze=False)[0], panels.items(), strict=True
    ):
        draw_groups(axes, lines, groups)
        axes.axhline(chance, color="0.6", linewidth=0.8, linestyle=":")
        axes.set(xlabel=what, ylabel=ylabel)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside right upper", frameon=False)
    return figure
