"""Shares of correct answers by group, over seeds, with confidence intervals and counts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq.evaluation.tables import aligned

Share = dict[str, float]
"""Of one group: ``answers``, ``units`` they belong to, ``share``, and ``low`` and ``high`` of its interval."""

_Z = 1.959963984540054  # of the normal distribution, 97.5 %


@checked_arguments
def wilson(share: float, count: int) -> tuple[float, float]:
    r"""The 95 % interval of a share of ``count`` independent answers that are correct or not.

    .. math:: \frac{p + z^2 / 2n \pm z \sqrt{p (1 - p) / n + z^2 / 4 n^2}}{1 + z^2 / n}

    Args:
        share: p, which may be a mean over seeds.
        count: n.

    Source: Wilson, *Probable inference, the law of succession, and statistical inference* (1927).

    Example:
        >>> [round(end, 3) for end in wilson(0.5, 100)]
        [0.404, 0.596]
    """
    share, count = _checks.between("share", share, 0.0, 1.0), _checks.at_least("count", count, 0)
    if count == 0:
        return 0.0, 1.0
    middle, spread = share + _Z**2 / (2 * count), math.sqrt(share * (1 - share) / count + _Z**2 / (4 * count**2))
    scale = 1 + _Z**2 / count
    return max(0.0, (middle - _Z * spread) / scale), min(1.0, (middle + _Z * spread) / scale)


def shares(
    right: Sequence[Sequence[bool]], units: Sequence[int], groups: Mapping[str, Sequence[int]]
) -> dict[str, Share]:
    """The share of correct answers in each group, over all seeds.

    The interval counts units, such as sentences or patients, not answers: it treats the answers of one unit as one, and
    the seeds, which have the same answers, as no further data. It errs on the wide side.

    Args:
        right: for each seed, which of the K answers are correct.
        units: the unit of each answer, (K,).
        groups: the numbers of the answers in each group, by name; a group without answers is left out.

    Example:
        >>> shares([[True, False, True], [True, True, True]], [0, 0, 1], {"all": [0, 1, 2]})["all"]["units"]
        2
    """
    result = {}
    for name, answers in groups.items():
        if not answers:
            continue
        count = len({units[number] for number in answers})
        share = sum(seed[number] for seed in right for number in answers) / (len(answers) * len(right))
        low, high = wilson(share, count)
        result[name] = {"answers": len(answers), "units": count, "share": share, "low": low, "high": high}
    return result


def table(
    lines: Mapping[str, Mapping[str, Share]], groups: Sequence[str], beside: Mapping[str, Sequence[str]], title: str
) -> str:
    """A table with a line a model and a column a group: share in % with its interval, and numbers of answers and units.

    Args:
        lines: shares of the groups by model.
        groups: the groups to show, in order; those without answers are left out.
        beside: further columns by name, with a cell a model.
        title: heading of the first column.
    """
    shares_of_first = next(iter(lines.values()))
    groups = [group for group in groups if group in shares_of_first]
    counts = [f"{shares_of_first[group]['answers']:.0f} in {shares_of_first[group]['units']:.0f}" for group in groups]
    rows = [[title, *groups, *beside], ["answers in units", *counts, *("" for _ in beside)]]
    for line, (model, shares_of_model) in enumerate(lines.items()):
        cells = [_cell(shares_of_model[group]) for group in groups]
        rows.append([model, *cells, *(column[line] for column in beside.values())])
    return aligned(rows, head=2)


def _cell(share: Share) -> str:
    return f"{100 * share['share']:.0f} [{100 * share['low']:.0f}, {100 * share['high']:.0f}]"
