"""From the evidence to a finding: the rules and their thresholds."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from graphseq import _checks
from graphseq._arguments import check_fields
from graphseq.reach.diagnosis.evidence import CLEAR, Evidence
from graphseq.reach.diagnosis.readers import worth
from graphseq.reach.diagnosis.trial import SOLVED
from graphseq.reach.diagnosis.widened import FACTOR

_MOSTLY = 0.5
_WIDE = 33  # numbers of a state from which on its width is not in question
_NO_FAULT = "no fault is seen"
_OF_SEVERAL = 1.28  # by which an interval of the best of about five readers is wider than that of one
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
class Thresholds:
    """The thresholds between findings, set by ``benchmarks/diagnosis.py`` on kinds that it does not test."""

    solved: float = SOLVED  #: the skill from which a problem counts as solved: chance is 0, and all right is 1
    influence: float = 1e-5  #: the influence of the farthest needed rows below which they are squashed
    influence_repeated: float = 1e-9  #: the same where the steps share weights
    spread: float = 1e-2  #: the distance from over-smoothing below which a model is over-smoothed
    collapse: float = 1e-4  #: the same where a copy learns a part, or the gradient vanishes as a consequence
    weak: float = 1e-5  #: the sensitivity of the loss below which the gradient vanishes
    strong: float = 200.0  #: the sensitivity of the loss above which the gradient explodes
    recall: float = 0.5  #: the R² of all items at once below which the capacity is too small
    gap: float = 0.3  #: the difference of skill between training data and data held out that is overfitting
    gain: float = 0.05  #: the smallest difference of skill that counts, beside two standard errors
    learning: float = 0.2  #: the share of the attainable skill from which a copy is learning
    half: float = 0.5  #: the share of the attainable skill from which an untrained model only needs training
    nearly: float = 0.75  #: the share of the attainable skill from which a copy needs only longer training
    rise: float = 0.1  #: the rise of skill over the last third of a trial from which it is still learning

    def __post_init__(self) -> None:
        check_fields(self)
        for field in fields(self):
            _checks.finite(field.name, getattr(self, field.name))


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
        return not _capacity(e, t)
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
    if clause := _inexpressive(e, t, at_top=True):
        return "limited expressivity", clause
    found = _against_readers(e, t) if e.readers is not None else None
    return found or _unsolved(e, t)


def _inexpressive(e: Evidence, t: Thresholds, *, at_top: bool = False) -> str:
    """The clause on answers that no message tells apart, and random walks do; of a model that is as good as it can be.

    Args:
        e: the evidence.
        t: the thresholds.
        at_top: require that the model, or a copy in training, has all that message passing can have.
    """
    c = e.ceiling
    if c is None or not c.is_blind or e.skill(c.score) >= t.solved or not c.with_walks > c.score:
        return ""
    if e.skill(c.with_walks) - max(e.skill(c.score), 0.0) < t.gap / 2:
        return ""
    best = max([e.scores.heldout.value, *(trial.best.heldout.value for trial in e.trials)])
    if at_top and e.skill(c.score) - e.skill(best) > max(t.gap / 2, 2 * noise(e)):
        return ""
    return (
        f"{c.mixed} of {c.answers} answers share their 1-WL colours, which bound message passing, with another answer: "
        f"no model of this kind has more than {c.score:.3g}, whatever its weights, width and depth, and with "
        f"return probabilities of random walks a table has {c.with_walks:.3g}"
    )


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


def learns(e: Evidence) -> bool:
    """True if the model or a copy in training is better than chance, by more than the best of many checks by luck."""
    skills = [e.skill(score) for trial in e.trials for score in trial.heldout[1:]]
    return max([e.skill(e.scores.heldout.value), *skills]) > 3 * noise(e)


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


def reader_learns(e: Evidence, t: Thresholds) -> bool:
    """True if the best cheap reader is better than chance on data held out."""
    if e.readers is None:
        return False
    if e.readers.ahead is not None:  # over all answers, which say more than those held out
        return e.readers.errors_ahead > CLEAR and e.skill(e.chance + e.readers.ahead[0]) > t.gain
    score = e.readers.best.score
    low = score.value - _OF_SEVERAL * (score.value - score.low)
    return low > e.chance and e.skill(score.value) > t.gain


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
    return "unlearnable as measured", (
        f"neither the model ({top:.3g}) nor any cheap reader of near and far rows ({reader:.3g}) is clearly better "
        f"than chance ({e.chance:.3g}) on data held out"
    )


def most_skill(e: Evidence) -> float:
    """The upper end of a one-sided 95 % interval of the skill of the best reader, over all answers where measured."""
    assert e.readers is not None  # noqa: S101 - asked for only with readers
    if e.readers.ahead is not None:
        gain, error = e.readers.ahead
    else:
        score = e.readers.best.score
        gain, error = score.value - e.chance, (score.high - score.low) / 3.92
    return e.skill(e.chance + gain + 1.64 * error)


def gap(e: Evidence) -> tuple[float, str]:
    """The difference of skill between training data and data held out, of the model or a copy that fits the former."""
    states = [(e.scores, ""), *((trial.last, ", after training of a copy") for trial in e.trials)]
    for scores, where in states:
        if scores.trained_on is None or e.skill(scores.trained_on.value) < 0.7:
            continue
        return e.skill(scores.trained_on.value) - max(e.skill(scores.heldout.value), 0.0), where
    return 0.0, ""


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
    if e.structure.against <= _MOSTLY:
        return ""
    return ", at later steps than the answer" if e.structure.along_time else ", against the direction of the edges"


def attainable(e: Evidence) -> float:
    """The skill that can be had: that of the best reader, or 1 where needs are declared."""
    return max(0.2, e.skill(e.readers.best.score.value)) if e.readers is not None else 1.0


def noise(e: Evidence) -> float:
    """The standard error of a skill on the data held out."""
    held = e.scores.heldout
    return e.skill((held.high - held.low) / 3.92 + e.chance)


def progress(e: Evidence) -> float:
    """The best skill of any copy in training as a share of what can be had; 0 where it may be chance."""
    skills = [e.skill(score) for trial in e.trials for score in trial.heldout[1:]]
    best = max(skills, default=0.0)
    return best / attainable(e) if best > 2.5 * noise(e) else 0.0


def ending(e: Evidence) -> float:
    """The skill of the best copy at its last two checks, as a share of what can be had."""
    ends = [sum(trial.heldout[-2:]) / 2 for trial in e.trials if len(trial.heldout) > 2]
    return e.skill(max(ends, default=e.chance)) / attainable(e)


def rising(e: Evidence) -> float:
    """The most that any copy's skill rose over the last third of its training, as a share of what can be had."""
    rises = []
    for trial in e.trials:
        curve = trial.heldout
        if len(curve) >= 5:
            third = max(2, (len(curve) - 1) // 3)
            rises.append((curve[-1] + curve[-2] - curve[-third - 1] - curve[-third - 2]) / 2)
    rise = e.skill(max(rises, default=0.0) + e.chance)
    return rise / attainable(e) if rise > noise(e) else 0.0


def _unsolved(e: Evidence, t: Thresholds) -> tuple[str, str]:
    """The finding where a copy did not solve the problem: it learns, learns a part, or does not learn."""
    found = faults(e, t)
    first = next(((name, why) for name, why in found.items() if why), None)
    if first and first[0] == "vanishing gradient" and (clause := _narrow(e, t)):
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
    if clause := _narrow(e, t):
        return "capacity", clause
    share = influence(e)
    known = "" if math.isnan(share) else f", and the farthest needed rows have an influence of {share:.1g}"
    return "inconclusive", f"{_NO_FAULT}{known}, but no copy learnt in {max(x.steps for x in e.trials)} steps"


def _half_way(e: Evidence, t: Thresholds, found: dict[str, str]) -> tuple[str, str]:
    """The finding where a copy learns a part of the answers in its trial."""
    best = max(score for trial in e.trials for score in trial.heldout)
    clause = _capacity(e, t)
    if clause and (e.memory is not None or ending(e) < t.nearly):
        return "capacity", clause
    if rising(e) > t.rise or ending(e) > t.nearly:
        return "undertrained", f"a copy learns, and its score of {best:.3g} still rises"
    for name, why in {"over-smoothing": found["over-smoothing"], **_far(e, t, at_first=True)}.items():
        if why:
            return name, why
    if clause := _narrow(e, t):
        return "capacity", clause
    stops = f"a copy learns a part of the answers and stops at a score of {best:.3g}"
    if e.wider is not None:
        wide = max(e.wider.heldout)
        return "inconclusive", f"{stops}, and one with a state {FACTOR} times as wide has {wide:.3g}"
    return "capacity", stops


def may_be_narrow(e: Evidence, t: Thresholds) -> bool:
    """True if the training of a copy with a wider state may say that the width is what is missing."""
    name, reason = _first(e, t)
    if e.memory is not None or not 0 < e.structure.width < _WIDE or not e.trials:
        return False
    is_tiny = e.structure.width <= 2 * e.structure.numbers
    is_open = name == "capacity" or (name == "inconclusive" and reason.startswith(_NO_FAULT))
    return is_open or (is_tiny and name == "vanishing gradient" and e.structure.recurrent)


def _narrow(e: Evidence, t: Thresholds) -> str:
    """The clause on a copy with a wider state that learns what those of this width do not."""
    if e.wider is None:
        return ""
    wide, own = max(e.wider.heldout), max(score for trial in e.trials for score in trial.heldout)
    if (e.skill(wide) - e.skill(own)) / attainable(e) < max(t.gap, 2 * noise(e)):
        return ""
    return (
        f"a copy with a state of {FACTOR * e.structure.width} numbers, trained as long, scores {wide:.3g}, and those "
        f"with {e.structure.width} at most {own:.3g}"
    )


def faults(e: Evidence, t: Thresholds) -> dict[str, str]:
    """Every fault, with the clause on it where it holds, in the order in which they decide."""
    return {
        "dead path": _dead(e),
        "exploding gradient": _exploding(e, t),
        "over-smoothing": _over_smoothing(e, t),
        **_far(e, t),
        "capacity": _capacity(e, t),
        "limited expressivity": _inexpressive(e, t),
    }


def _dead(e: Evidence) -> str:
    first, last = e.before, e.after or e.before
    if first.response == 0:
        return "no input changes any output, although it is within reach: units are saturated or dead"
    if first.sensitivity == 0 and last.sensitivity == 0:
        return "inputs change the outputs, but no gradient passes between them: a state is detached"
    if first.jacobian_share == 0 and last.jacobian_share == 0 and first.influence > 0:
        return (
            f"the farthest needed rows change the outputs (a share of {first.influence:.1g}), but no gradient passes "
            "between them: a state is detached, or a unit saturated"
        )
    return ""


def _exploding(e: Evidence, t: Thresholds) -> str:
    if e.trials and all(trial.diverged for trial in e.trials):
        return "loss or gradient stopped being finite in every training of a copy"
    if not math.isfinite(e.before.response) or e.before.sensitivity > t.strong:
        return f"noise on the inputs changes the loss by {e.before.sensitivity:.1g} to first order"
    return ""


def _over_smoothing(e: Evidence, t: Thresholds) -> str:
    if e.before.spread < t.spread:
        return f"noise on the inputs changes the outputs of all rows alike, up to a share of {e.before.spread:.1g}"
    return ""


def influence(e: Evidence, *, at_first: bool = False) -> float:
    """The largest influence of the farthest needed rows, in response or Jacobian, before and after a trial."""
    values = [e.before.influence, e.before.jacobian_share]
    if e.after is not None and e.after.response > 0 and not at_first:
        values += [e.after.influence, e.after.jacobian_share]
    return max((value for value in values if not math.isnan(value)), default=math.nan)


def limit_of(e: Evidence, t: Thresholds) -> float:
    """The influence below which far rows are squashed: lower where steps share weights and a copy learns from them."""
    return t.influence_repeated if e.structure.repeats and progress(e) >= t.learning else t.influence


def _far(e: Evidence, t: Thresholds, *, at_first: bool = False) -> dict[str, str]:
    """Over-squashing, or a vanishing gradient, of the farthest needed rows."""
    is_recurrence = e.structure.recurrent and not e.structure.mixes
    at_first = at_first or (is_recurrence and progress(e) < t.learning)  # a rise from which nothing was learnt is none
    limit = limit_of(e, t)
    squashed = vanishing = ""
    share = influence(e, at_first=at_first)
    if share < limit and not e.structure.within_reach < _MOSTLY:  # what is out of reach is not squashed on its way
        clause = f"the farthest needed rows have a share of {share:.1g} in the response of the output"
        if is_recurrence:
            vanishing = clause + ", which decays along time"
        else:
            squashed = clause
    sensitivity = max(e.before.sensitivity, e.after.sensitivity if e.after else 0.0)
    if sensitivity < t.weak:
        vanishing = vanishing or f"noise on the inputs changes the loss by only {sensitivity:.1g} to first order"
    return {"over-squashing": squashed, "vanishing gradient": vanishing}


def _capacity(e: Evidence, t: Thresholds) -> str:
    s = e.structure
    if e.memory is None and 0 < s.width < t.recall * s.numbers:
        return (
            f"a state of {s.width} number{'s' * (s.width != 1)} explains at most {s.width / s.numbers:.0%} of the "
            f"variance of answers of {s.numbers + 1} classes"
        )
    if e.memory is None or e.memory.together >= t.recall:
        return ""
    return (
        f"a linear probe of the state explains {e.memory.together:.0%} of the variance of the {e.memory.items} items "
        f"that must be in memory at once, and {e.memory.single:.0%} of one item alone"
    )
