"""The share of right words in a record of planted faults, by finding and by the distance from its threshold."""

from __future__ import annotations

import math

from graphseq.reach.diagnosis.amounts import ending, gap, influence, limit_of, noise
from graphseq.reach.diagnosis.evidence import Evidence
from graphseq.reach.diagnosis.thresholds import Thresholds

_PRIOR = 2  # cases of the shares of all findings that are counted with those of one
# Right words and cases, clear of the threshold and near it: benchmarks/diagnosis.py counts them.
RECORD: dict[str, tuple[int, int, int, int]] = {
    "solved": (5, 5, 0, 0),
    "no sign of a long-range problem": (5, 5, 0, 0),
    "undertrained": (16, 17, 1, 1),
    "under-reaching": (18, 18, 0, 0),
    "over-smoothing": (7, 7, 1, 1),
    "over-squashing": (6, 6, 0, 0),
    "vanishing gradient": (3, 3, 2, 2),
    "exploding gradient": (6, 6, 0, 0),
    "dead path": (10, 11, 0, 0),
    "capacity": (8, 8, 0, 0),
    "limited expressivity": (5, 5, 0, 0),
    "overfitting": (3, 3, 0, 0),
    "unlearnable as measured": (8, 9, 0, 0),
    "inconclusive": (0, 0, 0, 0),
}


def confidence(e: Evidence, t: Thresholds, finding: str) -> float:
    """The share of right words among recorded cases of this finding at this distance.

    A finding of few cases is drawn towards the share of all findings at this distance. Where scores decide, it is
    multiplied by the probability that other answers in the same number would decide alike.
    """
    return round(share(RECORD, finding, is_near=distance(e, t, finding) < 1) * repeatability(e, t, finding), 2)


def repeatability(e: Evidence, t: Thresholds, finding: str) -> float:
    """The probability that the scores which decide lie on the same side of their threshold on other answers, ½ to 1.

    Scores are taken for normal with the standard errors of the answers held out. It is 1 where no score decides.
    """
    error = max(noise(e), 1e-9)
    now, best = (e.skill(score) for score in (e.scores.heldout.value, _best(e)))
    reader = e.skill(e.readers.best.score.value) if e.readers is not None else 0.0
    clear = 1.0 if e.readers is None else normal(_errors_ahead(e, error))
    values = {
        "solved": lambda: normal((now - t.solved + t.gain) / error),
        "undertrained": lambda: normal((best - now) / (1.4 * error)),
        "no sign of a long-range problem": lambda: normal((max(now, best) - reader + 2 * t.gain) / error) * clear,
        "under-reaching": lambda: 1.0 if e.structure.declared else normal((reader - max(now, best)) / error) * clear,
        "overfitting": lambda: normal((gap(e)[0] - t.gap / 2) / error),
        "unlearnable as measured": lambda: normal((t.learning - max(now, best)) / error),
        "limited expressivity": lambda: normal(_above_ceiling(e) / error),
    }
    value = values[finding]() if finding in values else 1.0 if finding in _PHYSICAL or e.structure.declared else clear
    return max(0.5, value)


_PHYSICAL = ("inconclusive", "exploding gradient", "dead path", "over-smoothing")


def normal(z: float) -> float:
    """The share of a normal distribution below z.

    Example:
        >>> round(normal(1.64), 2)
        0.95
    """
    return 1.0 if math.isnan(z) else (1 + math.erf(z / 2**0.5)) / 2


def _best(e: Evidence) -> float:
    return max((trial.best.heldout.value for trial in e.trials), default=e.scores.heldout.value)


def _errors_ahead(e: Evidence, error: float) -> float:
    """The advantage of the best reader over chance in standard errors."""
    assert e.readers is not None  # noqa: S101 - asked for only with readers
    if e.readers.ahead is not None:
        return e.readers.errors_ahead
    return e.skill(e.readers.best.score.value) / error


def _above_ceiling(e: Evidence) -> float:
    """The skill that a table of random walks has above that which message passing can have."""
    return 0.0 if e.ceiling is None else e.skill(e.ceiling.with_walks) - e.skill(e.ceiling.score)


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
    if small == 0:
        return math.inf
    if not (small > 0 and large > 0):
        return math.nan
    ratio = large / small  # 0 where an influence is infinite
    return math.log10(ratio) if ratio > 0 else -math.inf
