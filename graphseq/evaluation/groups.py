"""Shares of right answers, group by group, over seeds: what is known of each, with its interval and its counts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from graphseq.evaluation.tables import aligned

Share = dict[str, float]
"""Of one group: ``answers``, ``units`` they belong to, ``share``, and ``low`` and ``high`` of its interval."""

_Z = 1.959963984540054  # of the normal distribution, 97.5 %


def wilson(share: float, count: int) -> tuple[float, float]:
    r"""The 95 % interval of a share of ``count`` independent answers that are right or wrong.

    .. math:: \frac{p + z^2 / 2n \pm z \sqrt{p (1 - p) / n + z^2 / 4 n^2}}{1 + z^2 / n}

    Args:
        share: p, which may be a mean over seeds.
        count: n.

    Source: Wilson, *Probable inference, the law of succession, and statistical inference* (1927).

    Example:
        >>> [round(end, 3) for end in wilson(0.5, 100)]
        [0.404, 0.596]
    """
    if count == 0:
        return 0.0, 1.0
    middle, spread = share + _Z**2 / (2 * count), math.sqrt(share * (1 - share) / count + _Z**2 / (4 * count**2))
    scale = 1 + _Z**2 / count
    return max(0.0, (middle - _Z * spread) / scale), min(1.0, (middle + _Z * spread) / scale)


def shares(
    right: Sequence[Sequence[bool]], units: Sequence[int], groups: Mapping[str, Sequence[int]]
) -> dict[str, Share]:
    """The share of right answers in each group, over all seeds.

    The interval counts units, such as sentences or patients, not answers: as if those of one unit were all alike, and
    as if seeds, which have the same answers, brought no new ones. It is rather too wide than too narrow.

    Args:
        right: for each seed whether each of the K answers is right.
        units: which unit each answer belongs to, (K,).
        groups: by name, which answers are in it; one without answers is left out.

    Example:
        >>> shares([[True, False, True], [True, True, True]], [0, 0, 1], {"all": [0, 1, 2]})["all"]["units"]
        2
    """
    found = {}
    for name, own in groups.items():
        if not own:
            continue
        count = len({units[number] for number in own})
        share = sum(one[number] for one in right for number in own) / (len(own) * len(right))
        low, high = wilson(share, count)
        found[name] = {"answers": len(own), "units": count, "share": share, "low": low, "high": high}
    return found


def table(
    lines: Mapping[str, Mapping[str, Share]], groups: Sequence[str], beside: Mapping[str, Sequence[str]], title: str
) -> str:
    """A line a model, a column a group: the share in % with its interval, and how many answers and units each has.

    Args:
        lines: shares of the groups by model.
        groups: which of them, in order, as far as they have answers.
        beside: further columns by name, with a cell a model.
        title: what the columns are.
    """
    first = next(iter(lines.values()))
    groups = [group for group in groups if group in first]
    counts = [f"{first[group]['answers']:.0f} in {first[group]['units']:.0f}" for group in groups]
    rows = [[title, *groups, *beside], ["answers in units", *counts, *("" for _ in beside)]]
    for place, (model, of) in enumerate(lines.items()):
        rows.append([model, *(_cell(of[group]) for group in groups), *(cells[place] for cells in beside.values())])
    return aligned(rows, head=2)


def _cell(of: Share) -> str:
    return f"{100 * of['share']:.0f} [{100 * of['low']:.0f}, {100 * of['high']:.0f}]"
