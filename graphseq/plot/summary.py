"""The number of rows at each hop distance, for graphs too large to draw."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from matplotlib.typing import ColorType
from torch import Tensor

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq.plot.hops import OUT_OF_REACH, hop_colour
from graphseq.plot.lines import despine

_MOST_BARS = 60
_MOST_COUNTS = 25  #: more numbers would overlap


@checked_arguments
def draw_rows_by_hop(
    axes: Axes, hops: Tensor, *, seen: Tensor | None = None, colours: Sequence[ColorType] | None = None
) -> Axes:
    """Draw the number of rows at each hop distance, and the number of them that are seen, for graphs of any size.

    The height of a bar is the number of rows at its distance; it is filled up to the number seen. Unreachable rows
    have a grey bar of their own. The axis label gives the number of all rows.

    Args:
        axes: where to draw.
        hops: the distance of each row, (V,), -1 where it is unreachable.
        seen: True for the rows that are seen, (V,), ``bool``; by default all reachable ones.
        colours: the filling at 0, 1, … hops; by default the colours of :func:`draw_hops`.

    Returns:
        ``axes``.

    Raises:
        TypeError, ValueError: ``hops`` is not one-dimensional, has no entries or other entries than integers of at
            least -1, or ``seen`` has another shape.

    Example:
        >>> from matplotlib.figure import Figure
        >>> axes = draw_rows_by_hop(Figure().subplots(), torch.tensor([0, 1, 1, 2]))
        >>> [int(bar.get_height()) for bar in axes.containers[0]], axes.get_xlabel()
        ([1, 2, 1], 'hops (4 rows)')
    """
    rows = _checks.is_tensor("hops", hops).numel()
    hops = _checks.integer_rows("hops", hops, rows).cpu()
    if not rows or int(hops.min()) < -1:
        raise ValueError(f"hops must have a distance of at least -1 for each row, got {hops.tolist()[:9]}")
    mask = hops >= 0 if seen is None else _checks.marked_rows("seen", seen, rows).cpu()
    farthest = int(hops.max())
    if farthest > _checks.LARGEST:
        raise ValueError(f"hops must be at most {_checks.LARGEST}, got {farthest}")
    counts, filled = (torch.bincount(some[some >= 0], minlength=farthest + 1) for some in (hops, hops[mask]))
    fill = [hop_colour(hop, farthest) for hop in range(farthest + 1)] if colours is None else list(colours)
    if len(fill) != farthest + 1:
        raise ValueError(f"colours must have an entry for each hop, {farthest + 1} of them, got {len(fill)}")
    if farthest < _MOST_BARS:
        axes.bar(range(farthest + 1), counts.tolist(), color="w", edgecolor="0.25", linewidth=0.8)
        axes.bar(range(farthest + 1), filled.tolist(), color=fill, edgecolor="0.25", linewidth=0.8)
    else:  # lines, which are drawn all at once; of bars so narrow one would see only the outlines
        for heights, shade in ((counts, ["0.85"] * len(fill)), (filled, fill)):
            axes.vlines(range(farthest + 1), 0, heights.tolist(), colors=shade, linewidth=max(0.5, 250 / farthest))
    unreachable = int((hops < 0).sum())
    if unreachable:
        position = 1.05 * farthest + 1.5
        axes.bar(
            [position], [unreachable], width=0.8 + farthest / 50, color=OUT_OF_REACH, edgecolor="0.25", linewidth=0.8
        )
        axes.annotate("unreachable", (position, unreachable), ha="center", va="bottom", fontsize=8)
    if farthest < _MOST_COUNTS:
        for hop, (count, some) in enumerate(zip(counts.tolist(), filled.tolist(), strict=True)):
            text = f"{count:,}" if some in {0, count} else f"{some:,}\nof {count:,}"
            axes.annotate(text, (hop, count), xytext=(0, 2), textcoords="offset points", ha="center", fontsize=8)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_xlim(left=-0.6)
    axes.set_ylim(0, 1.12 * max(unreachable, int(counts.max()) if len(counts) else 0))
    axes.set_xlabel(f"hops ({rows:,} row{'' if rows == 1 else 's'})")
    axes.set_ylabel("rows")
    despine(axes)
    return axes
