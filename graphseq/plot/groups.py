"""Accuracy by group, with intervals and the number of answers in each group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import fill

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq.evaluation.groups import Share
from graphseq.plot.lines import STYLES, despine

_OFFSET = 0.09  # between models at one group, in units of the distance between groups
_LINE_WIDTH = 10  # characters of a group's name in one line


@checked_arguments
def draw_groups(axes: Axes, lines: Mapping[str, Mapping[str, Share]], groups: Sequence[str]) -> None:
    """Draw the accuracy of each model in each group, with intervals, the models side by side.

    Args:
        axes: where to draw.
        lines: for each of at most seven models, the result of :func:`graphseq.evaluation.groups.shares`.
        groups: the groups to draw, from left to right; those without answers are left out.

    Raises:
        ValueError: there are more than seven models, too many for distinct colours.

    Example:
        >>> from matplotlib.figure import Figure
        >>> from graphseq.evaluation.groups import shares
        >>> axes = Figure().subplots()
        >>> draw_groups(axes, {"LSTM": shares([[True, False, True]], [0, 0, 1], {"all": [0, 1, 2]})}, ["all"])
        >>> axes.get_legend_handles_labels()[1]
        ['LSTM']
    """
    if len(lines) > len(STYLES):
        raise ValueError(f"lines must have at most {len(STYLES)} models, for distinct colours, got {len(lines)}")
    if not lines:
        raise ValueError("lines must hold at least one model, got none")
    first = next(iter(lines.values()))
    groups = [group for group in groups if group in first]
    for number, ((model, of), (colour, marker, _)) in enumerate(zip(lines.items(), STYLES, strict=False)):
        positions = [column + _OFFSET * (number - (len(lines) - 1) / 2) for column in range(len(groups))]
        shares = [of[group] for group in groups]
        ends = [
            [share["share"] - share["low"] for share in shares],
            [share["high"] - share["share"] for share in shares],
        ]
        axes.errorbar(
            positions,
            [share["share"] for share in shares],
            yerr=ends,
            label=model,
            color=colour,
            fmt=marker,
            ms=4,
            elinewidth=1.2,
        )
    names = [f"{fill(group, _LINE_WIDTH, break_long_words=False)}\n({first[group]['answers']:.0f})" for group in groups]
    axes.set_xticks(range(len(groups)), names)
    for column in range(1, len(groups)):
        axes.axvline(column - 0.5, color="0.9", linewidth=0.8)
    axes.set_ylim(0, 1.02)
    despine(axes)


@checked_arguments
def groups_figure(
    lines: Mapping[str, Mapping[str, Share]], panels: Mapping[str, Sequence[str]], *, chance: float, ylabel: str
) -> Figure:
    """Draw one panel for each way of grouping, side by side, with chance as a dotted line.

    Args:
        lines: shares of the groups for each model; see :func:`draw_groups`.
        panels: for each way of grouping, the label of its axis and its groups.
        chance: the accuracy of guessing.
        ylabel: the label of the vertical axis.

    Example:
        >>> from graphseq.evaluation.groups import shares
        >>> lines = {"LSTM": shares([[True, False, True]], [0, 0, 1], {"all": [0, 1, 2]})}
        >>> len(groups_figure(lines, {"distance": ["all"]}, chance=0.5, ylabel="accuracy").axes)
        1
    """
    chance = _checks.finite("chance", chance)
    if not lines or not panels:
        raise ValueError("lines and panels must each hold at least one entry")
    figure = Figure(figsize=(12.0, 4.2), layout="constrained")
    widths = [len(groups) for groups in panels.values()]
    for axes, (xlabel, groups) in zip(
        figure.subplots(1, len(panels), width_ratios=widths, squeeze=False)[0], panels.items(), strict=True
    ):
        draw_groups(axes, lines, groups)
        axes.axhline(chance, color="0.6", linewidth=0.8, linestyle=":")
        axes.set(xlabel=xlabel, ylabel=ylabel)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside right upper", frameon=False)
    return figure
