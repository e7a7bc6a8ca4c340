"""What stands in for the drawing of a graph that is too large to draw: its rows, counted by hop."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from matplotlib.typing import ColorType
from torch import Tensor

from graphseq import _checks
from graphseq.plot.hops import OUT_OF_REACH, hop_colour
from graphseq.plot.lines import bare

_MOST_BARS = 60
_MOST_COUNTS = 25  #: more numbers would lie upon each other


def draw_rows_by_hop(
    axes: Axes, hops: Tensor, *, seen: Tensor | None = None, colours: Sequence[ColorType] | None = None
) -> Axes:
    """Draw how many rows stand at each hop distance, and how many of these are seen, for graphs of any size.

    Each bar is as high as its hop has rows, and filled as far as they are seen. Rows to which no way leads have a grey
    bar of their own. The picture says how many rows there are.

    Args:
        axes: where to draw.
        hops: the distance of each row, (V,), -1 where there is no way.
        seen: which rows are seen, (V,), ``bool``; without it, all that a way leads to.
        colours: the filling at 0, 1, … hops; without it as :func:`draw_hops` has it.

    Returns:
        ``axes``.

    Raises:
        TypeError, ValueError: hops that are no integers of one dimension, no rows, or ``seen`` of another shape.

    Example:
        >>> from matplotlib.figure import Figure
        >>> axes = draw_rows_by_hop(Figure().subplots(), torch.tensor([0, 1, 1, 2]))
        >>> [int(bar.get_height()) for bar in axes.containers[0]], axes.get_xlabel()
        ([1, 2, 1], 'hops (4 rows: too many to draw one by one)')
    """
    rows = _checks.is_tensor("hops", hops).numel()
    hops = _checks.integer_rows("hops", hops, rows).cpu()
    if not rows or int(hops.min()) < -1:
        raise ValueError(f"hops must be one distance a row, of at least -1, got {hops.tolist()[:9]}")
    mask = hops >= 0 if seen is None else _checks.marked_rows("seen", seen, rows).cpu()
    most = int(hops.max())
    counts, filled = (torch.bincount(part[part >= 0], minlength=most + 1) for part in (hops, hops[mask]))
    fill = [hop_colour(hop, most) for hop in range(most + 1)] if colours is None else list(colours)
    if len(fill) != most + 1:
        raise ValueError(f"colours must be one a hop, {most + 1} of them, got {len(fill)}")
    if most < _MOST_BARS:
        axes.bar(range(most + 1), counts.tolist(), color="w", edgecolor="0.25", linewidth=0.8)
        axes.bar(range(most + 1), filled.tolist(), color=fill, edgecolor="0.25", linewidth=0.8)
    else:  # lines, which matplotlib draws all at once; rims would be all that one saw
        for heights, shade in ((counts, ["0.85"] * len(fill)), (filled, fill)):
            axes.vlines(range(most + 1), 0, heights.tolist(), colors=shade, linewidth=max(0.5, 250 / most))
    lost = int((hops < 0).sum())
    if lost:
        at = 1.05 * most + 1.5
        axes.bar([at], [lost], width=0.8 + most / 50, color=OUT_OF_REACH, edgecolor="0.25", linewidth=0.8)
        axes.annotate("no way", (at, lost), ha="center", va="bottom", fontsize=8)
    if most < _MOST_COUNTS:
        for hop, (count, some) in enumerate(zip(counts.tolist(), filled.tolist(), strict=True)):
            said = f"{count:,}" if some in {0, count} else f"{some:,}\nof {count:,}"
            axes.annotate(said, (hop, count), xytext=(0, 2), textcoords="offset points", ha="center", fontsize=8)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylim(0, 1.12 * max(lost, int(counts.max()) if len(counts) else 0))
    axes.set_xlabel(f"hops ({rows:,} rows: too many to draw one by one)")
    axes.set_ylabel("rows")
    bare(axes)
    return axes
