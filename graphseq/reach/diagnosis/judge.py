"""From the evidence to a finding: the rules and their thresholds."""

from __future__ import annotations

import math
from dataclasses import dataclass

from graphseq.reach.diagnosis.amounts import (
    ending,
    gap,
    influence,
    learns,
    most_skill,
    progress,
    reader_learns,
    rises,
    rising,
)
from graphseq.reach.diagnosis.evidence import Evidence
from graphseq.reach.diagnosis.faults import MOSTLY, capacity, far, faults, inexpressive, narrow
from graphseq.reach.diagnosis.reader import worth
from graphseq.reach.diagnosis.thresholds import Thresholds
from graphseq.reach.diagnosis.widened import FACTOR

_NARROW = 8  # the width of a state up to which it may be what is missing, also where few numbers are asked
_NO_FAULT = "no fault is seen"
FEWEST = 10  # answers, or graphs, that a finding needs to be held out

FINDINGS = (
    "solved",
    "no sign of a long-range problem",
    "undertrained",
    "under-reaching",
    "over-smoothing",
    "over-squashing",
    "vanishing gradient",
    "exploding gradient",
    "dead path",
    "capacity",
    "limited expressivity",
    "overfitting",
    "unlearnable as measured",
    "inconclusive",
)
"""The words of a diagnosis, see :func:`diagnose`."""


@dataclass(frozen=True)
class Judgement:
    """A finding, the clause with the numbers that decided, and what else holds."""

    finding: str
    reason: str
    also: tuple[str, ...] = ()


_WELL = ("solved", "undertrained", "no sign of a long-range problem", "unlearnable as measured")


def judge(e: Evidence, t: Thresholds) -> Judgement:
    """The finding on the evidence."""
    name, reason = _first(e, t)
    also = () if name in _WELL else tuple(other for other, why in faults(e, t).items() if why and other != name)
    return Judgement(name, reason, also)


def is_open(e: Evidence, t: Thresholds) -> bool:
    """True if a longer trial may change the finding: a copy learns a part, or none does and no fault is seen."""
    best = max((trial.best.heldout.value for trial in e.trials), default=e.chance)
    if e.skill(best) >= t.solved or progress(e) >= 0.9:
        return False
    name, _ = _first(e, t)
    if name == "capacity":
        return not capacity(e, t)
    return name in ("inconclusive", "undertrained") or (name == "vanishing gradient" and e.structure.recurrent)


def _too_few(e: Evidence) -> tuple[str, str] | None:
    """No finding where the score is a mean of so few answers that one more or less would be another finding."""
    count = e.scores.heldout.count
    if not 0 < count < FEWEST or e.structure.declared:
        return None
    return "inconclusive", (
        f"only {count} answer{'s are' if count > 1 else ' is'} held out, which decides nothing; hold out {FEWEST} or "
        "more"
    )


def _first(e: Evidence, t: Thresholds) -> tuple[str, str]:
    few = _too_few(e)
    if few is not None:
        return few
    now, best = e.scores.heldout, e.trial.best.heldout if e.trial else e.scores.heldout
    if e.skill(now.value) >= t.solved and now.low > e.chance:
        return "solved", f"this is {e.skill(now.value):.0%} of the way from chance to all right"
    if e.structure.declared and e.structure.within_reach < t.solved:
        return "under-reaching", (
            f"for {1 - e.structure.within_reach:.0%} of the answers a row that they need is outside the receptive "
            f"field; up to {e.structure.hops_needed} hops are needed{_direction(e)}"
        )
    if e.skill(best.value) >= t.solved and (e.readers is None or e.skill(best.value) - e.skill(now.value) > t.gain):
        return "undertrained", f"nothing but training is missing: a copy scores {best.value:.3g}"
    if clause := inexpressive(e, t, at_top=True):
        return "limited expressivity", clause
    found = _against_readers(e, t) if e.readers is not None else None
    return found or _unsolved(e, t)


def _against_readers(e: Evidence, t: Thresholds) -> tuple[str, str] | None:
    """The findings on data whose needs are not known, where cheap readers are the measure."""
    assert e.readers is not None  # noqa: S101 - asked for only with readers
    now, best = e.scores.heldout, e.trial.best.heldout if e.trial else e.scores.heldout
    reader, top = e.readers.best, max(now.value, best.value)
    margin = max(t.gain * (1 - e.chance), (reader.score.high - reader.score.low) / 4)
    apart, where = gap(e)
    if not reader_learns(e, t) and not learns(e):
        return _unlearnable(e, t)
    beyond = _beyond_reach(e, t, top)
    if beyond or top < reader.score.value - margin:
        return beyond or _on_its_way(e, t, apart)
    if apart > t.gap + 0.1:
        return _on_its_way(e, t, apart) or (
            "overfitting",
            f"its skill on training data is {apart:.2f} above that on data held out{where}",
        )
    if best.value - now.value > max(margin, t.rise * (1 - e.chance)) and best.low > now.value:
        return "undertrained", (
            f"training raises the score from {now.value:.3g} to {best.value:.3g}, where a cheap reader has "
            f"{reader.score.value:.3g}"
        )
    return "no sign of a long-range problem", (
        f"the model ({top:.3g}) is as good as the best cheap reader of near and far rows ({reader.score.value:.3g})"
    )


def _on_its_way(e: Evidence, t: Thresholds, apart: float) -> tuple[str, str] | None:
    """A model as yet untrained, of which a copy that comes to overfit has learnt most of what can be had."""
    now, best = e.scores, e.trial.best.heldout if e.trial else e.scores.heldout
    untrained = now.trained_on is None or e.skill(now.trained_on.value) < t.half
    is_as_good = e.readers is not None and best.value > max(e.readers.best.score.value, now.heldout.value + t.gain)
    if untrained and apart > t.gap and (progress(e) > t.half or is_as_good):
        return "undertrained", (
            f"training raises the score from {now.heldout.value:.3g} to {best.value:.3g}, though a copy then overfits "
            f"(a skill on training data {apart:.2f} above that on data held out)"
        )
    return None


def _unlearnable(e: Evidence, t: Thresholds) -> tuple[str, str]:
    """The finding where nothing is better than chance on data held out: by heart, or nothing to be learnt."""
    assert e.readers is not None  # noqa: S101 - asked for only with readers
    apart, where = gap(e)
    reader = e.readers.best.score.value
    if apart > t.gap + 0.1 and not where:
        return "overfitting", (
            f"its skill on training data is {apart:.2f} above that on data held out, where no cheap reader "
            f"({reader:.3g}) is clearly better than chance ({e.chance:.3g}) either"
        )
    top = max(e.scores.heldout.value, e.trial.best.heldout.value if e.trial else e.scores.heldout.value)
    if most_skill(e) > t.learning:
        count = e.scores.heldout.count
        return "inconclusive", (
            f"neither the model ({top:.3g}) nor any cheap reader ({reader:.3g}) is clearly better than chance "
            f"({e.chance:.3g}), but the {count} answers held out do not exclude a score of "
            f"{e.chance + most_skill(e) * (1 - e.chance):.3g}"
        )
    heard = max(e.before.heard, e.after.heard if e.after else e.before.heard)
    deaf = ""
    if math.isfinite(heard):
        what = f"{heard:.0f} step{'s' * (heard != 1)}" if e.structure.along_time else f"{heard:.0f} hops"
        deaf = (
            f"; if the answers need rows more than {what} away, the model cannot learn them, whose share is below 1e-5"
        )
    return "unlearnable as measured", (
        f"neither the model ({top:.3g}) nor any cheap reader of near and far rows ({reader:.3g}) is clearly better "
        f"than chance ({e.chance:.3g}) on data held out{deaf}"
    )


def _beyond_reach(e: Evidence, t: Thresholds, top: float) -> tuple[str, str] | None:
    """Under-reaching by measurement: readers are better with rows that the model cannot see."""
    assert e.readers is not None  # noqa: S101 - asked for only with readers
    s, reader = e.structure, e.readers.best
    ahead = e.skill(reader.score.value) - e.skill(top)
    if s.within_reach < 0.5 and ahead > 2 * t.gain:
        place = f"{s.hops_needed} hops away" if s.hops_needed > 0 else "elsewhere"
        return "under-reaching", (
            f"a cheap reader ({reader.score.value:.3g}) needs rows {place}{_direction(e)}, outside the receptive "
            f"field, and the model has {top:.3g}"
        )
    if math.isnan(s.hops_reached) or math.isinf(s.hops_reached) or reader.hops <= s.hops_reached:
        return None
    near = e.readers.within(s.hops_reached)
    gain, error = worth(reader, near)
    if gain > max(t.gain * (1 - e.chance), 2.5 * error) and ahead > t.gain:
        return "under-reaching", (
            f"a cheap reader shown {reader.hops} hops has {reader.score.value:.3g}, and one shown the {near.hops} hops "
            f"within the model's reach {near.score.value:.3g}"
        )
    return None


def _direction(e: Evidence) -> str:
    """The clause on needed rows from which no edge, or no step of time, leads to the answer."""
    if e.structure.against <= MOSTLY:
        return ""
    return ", at later steps than the answer" if e.structure.along_time else ", against the direction of the edges"


def _unsolved(e: Evidence, t: Thresholds) -> tuple[str, str]:
    """The finding where a copy did not solve the problem: it learns, learns a part, or does not learn."""
    found = faults(e, t)
    first = next(((name, why) for name, why in found.items() if why), None)
    if first and first[0] == "vanishing gradient" and (clause := narrow(e, t)):
        return "capacity", clause
    if first and (found["dead path"] or found["exploding gradient"] or progress(e) < t.learning):
        return first
    if e.before.spread < t.collapse and ending(e) < t.nearly:
        return "over-smoothing", found["over-smoothing"]
    apart, where = gap(e)
    if apart > t.gap:
        return "overfitting", f"its skill on training data is {apart:.2f} above that on data held out{where}"
    if not e.trials:
        return "inconclusive", "no fault is seen, and no copy was trained"
    return _not_learning(e, t) if progress(e) < t.learning else _half_way(e, t, found)


def _not_learning(e: Evidence, t: Thresholds) -> tuple[str, str]:
    """The finding where no fault is seen, and no copy learns."""
    if clause := narrow(e, t):
        return "capacity", clause
    if rises(e, t):
        now, best = e.scores.heldout.value, e.trials[0].best.heldout.value
        return "undertrained", f"training raises the score from {now:.3g} to {best:.3g}, though answers are few"
    share = influence(e)
    known = "" if math.isnan(share) else f", and the farthest needed rows have an influence of {share:.1g}"
    return "inconclusive", f"{_NO_FAULT}{known}, but no copy learnt in {max(x.steps for x in e.trials)} steps"


def _half_way(e: Evidence, t: Thresholds, found: dict[str, str]) -> tuple[str, str]:
    """The finding where a copy learns a part of the answers in its trial."""
    best = max(score for trial in e.trials for score in trial.heldout)
    clause = capacity(e, t)
    if clause and (e.memory is not None or ending(e) < t.nearly):
        return "capacity", clause
    if rising(e) > t.rise or ending(e) > t.nearly:
        return "undertrained", f"a copy learns, and its score of {best:.3g} still rises"
    for name, why in {"over-smoothing": found["over-smoothing"], **far(e, t, at_first=True)}.items():
        if why:
            return name, why
    if clause := narrow(e, t):
        return "capacity", clause
    stops = f"a copy learns a part of the answers and stops at a score of {best:.3g}"
    if e.wider is not None:
        wide = max(e.wider.heldout)
        return "inconclusive", f"{stops}, and one with a state {FACTOR} times as wide has {wide:.3g}"
    return "capacity", stops


def may_be_narrow(e: Evidence, t: Thresholds) -> bool:
    """True if the training of a copy with a wider state may say that the width is what is missing."""
    name, reason = _first(e, t)
    if e.memory is not None or not 0 < e.structure.width <= max(_NARROW, 4 * e.structure.numbers) or not e.trials:
        return False
    is_tiny = e.structure.width <= 2 * e.structure.numbers
    is_open = name == "capacity" or (name == "inconclusive" and reason.startswith(_NO_FAULT))
    return is_open or (is_tiny and name == "vanishing gradient" and e.structure.recurrent)
