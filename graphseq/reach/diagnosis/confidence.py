"""The share of right words in a record of planted faults, by finding and by the distance from its threshold."""

from __future__ import annotations

import math

from graphseq.reach.diagnosis.evidence import Evidence
from graphseq.reach.diagnosis.judge import Thresholds, ending, influence, limit_of

_PRIOR = 2  # cases of the shares of all findings that are counted with those of one
# Right words and cases, clear of the threshold and near it: benchmarks/diagnosis.py counts them.
RECORD: dict[str, tuple[int, int, int, int]] = {
    "solved": (4, 4, 0, 0),
    "no sign of a long-range problem": (4, 4, 0, 0),
    "undertrained": (10, 11, 1, 1),
    "under-reaching": (13, 13, 0, 0),
    "over-smoothing": (6, 6, 1, 1),
    "over-squashing": (5, 5, 0, 0),
    "vanishing gradient": (3, 3, 2, 2),
    "exploding gradient": (5, 5, 0, 0),
    "dead path": (7, 8, 0, 0),
    "capacity": (7, 7, 0, 0),
    "overfitting": (3, 3, 0, 0),
    "unlearnable as measured": (4, 4, 0, 0),
    "inconclusive": (0, 0, 0, 0),
}


def confidence(e: Evidence, t: Thresholds, finding: str) -> float:
    """The share of right words among recorded cases of this finding at this distance.

    A finding of few cases is drawn towards the share of all findings at this distance.
    """
    return share(RECORD, finding, is_near=distance(e, t, finding) < 1)


def share(record: dict[str, tuple[int, int, int, int]], finding: str, *, is_near: bool) -> float:
    """(right of this finding + 2 · share of all) / (cases of this finding + 2), at one of two distances.

    Example:
        >>> share({"capacity": (8, 8, 1, 2), "solved": (2, 2, 0, 0)}, "capacity", is_near=True)
        0.5
    """
    pairs = {name: counts[2:] if is_near else counts[:2] for name, counts in record.items()}
    right, cases = pairs.get(finding, (0, 0))
    everyone = (sum(pair[0] for pair in pairs.values()) + 1) / (sum(pair[1] for pair in pairs.values()) + 2)
    return round((right + _PRIOR * everyone) / (cases + _PRIOR), 2)


def distance(e: Evidence, t: Thresholds, finding: str) -> float:
    """The distance of the measurement that decides from its threshold; 1 and more is clear.

    Units are powers of ten of shares and sensitivities, tenths of R² and of a share of answers, twentieths of skill. A
    finding without a number of its own is clear, and an inconclusive one is near.
    """
    sensitivity = max(e.before.sensitivity, e.after.sensitivity if e.after else 0.0)
    best = max((trial.best.heldout.value for trial in e.trials), default=e.scores.heldout.value)
    s = e.structure
    numbers = {
        "inconclusive": 0.0,
        "over-smoothing": _decades(t.spread, e.before.spread),
        "over-squashing": _decades(limit_of(e, t), influence(e)),
        "vanishing gradient": max(_decades(limit_of(e, t), influence(e)), _decades(t.weak, sensitivity)),
        "exploding gradient": math.inf if any(x.diverged for x in e.trials) else _decades(sensitivity, t.strong),
        "solved": 20 * (e.skill(e.scores.heldout.value) - t.solved),
        "undertrained": 20 * max(e.skill(best) - t.solved, abs(ending(e) - t.nearly)),
        "under-reaching": 10 * (t.solved - s.within_reach) if s.declared else 10 * (0.5 - s.within_reach),
        "capacity": 10 * (t.recall - e.memory.together) if e.memory else 10 * (t.recall - s.width / max(s.numbers, 1)),
    }
    value = numbers.get(finding, math.inf)
    return math.inf if math.isnan(value) else value


def _decades(large: float, small: float) -> float:
    """log₁₀(large / small)."""
    return math.inf if small == 0 else math.log10(large / small) if small > 0 and large > 0 else math.nan
