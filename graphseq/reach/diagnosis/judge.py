"""From the evidence to a finding: the rules, their thresholds, and how often each finding was right."""

from __future__ import annotations

import math
from dataclasses import dataclass

from graphseq.reach.diagnosis.evidence import Evidence
from graphseq.reach.diagnosis.readers import worth
from graphseq.reach.diagnosis.trial import SOLVED

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
    "overfitting",
    "unlearnable as measured",
    "inconclusive",
)


@dataclass(frozen=True)
class Thresholds:
    """The thresholds between findings, calibrated by ``benchmarks/diagnosis.py`` on kinds that it does not test."""

    solved: float = SOLVED  #: the skill from which a problem counts as solved: chance is 0, and all right is 1
    influence: float = 1e-6  #: the influence of the farthest needed rows below which they are squashed
    influence_repeated: float = 1e-10  #: the same where the steps share weights
    spread: float = 1e-4  #: the distance from over-smoothing below which a model is over-smoothed
    weak: float = 1e-7  #: the sensitivity of the loss below which the gradient vanishes
    strong: float = 200.0  #: the sensitivity of the loss above which the gradient explodes
    recall: float = 0.5  #: the R² of all items at once below which the capacity is too small
    gap: float = 0.3  #: the difference of skill between training data and data held out that is overfitting
    gain: float = 0.05  #: the smallest difference of scores that counts, beside two standard errors


@dataclass(frozen=True)
class Judgement:
    """A finding, the clause with the numbers that decided, its confidence, and what else holds."""

    finding: str
    reason: str
    confidence: float
    also: tuple[tuple[str, float], ...] = ()


def judge(e: Evidence, t: Thresholds) -> Judgement:
    """The finding on the evidence."""
    name, reason = _first(e, t)
    also = tuple((other, 0.5) for other, why in faults(e, t).items() if why and other != name)
    if name in ("solved", "undertrained", "no sign of a long-range problem"):
        also = ()
    return Judgement(name, reason, CONFIDENCE.get(name, 0.5), also)


CONFIDENCE: dict[str, float] = {}


def _first(e: Evidence, t: Thresholds) -> tuple[str, str]:
    now, best = e.scores.heldout, e.trial.best.heldout if e.trial else e.scores.heldout
    if e.skill(now.value) >= t.solved and now.low > e.chance:
        return "solved", f"{e.skill(now.value):.0%} of the way from chance to all right"
    if e.structure.declared and e.structure.within_reach < t.solved:
        return "under-reaching", (
            f"for {1 - e.structure.within_reach:.0%} of the answers a row that they need is outside the receptive "
            f"field; up to {e.structure.hops_needed} hops are needed"
        )
    if e.skill(best.value) >= t.solved:
        return "undertrained", f"nothing but training is missing: a copy scores {best.value:.3g}"
    if e.readers is not None:
        found = _against_readers(e, t)
        if found:
            return found
    for name, why in faults(e, t).items():
        if why:
            return name, why
    return _unsolved(e, t)


def _against_readers(e: Evidence, t: Thresholds) -> tuple[str, str] | None:
    """The findings on data whose needs are not known, where cheap readers are the measure."""
    assert e.readers is not None  # noqa: S101 - asked for only with readers
    now, best = e.scores.heldout, e.trial.best if e.trial else e.scores
    reader = e.readers.best
    top = max(now.value, best.heldout.value)
    margin = max(t.gain * (1 - e.chance), (reader.score.high - reader.score.low) / 4)
    reader_learns = reader.score.low > e.chance and e.skill(reader.score.value) > 0.04
    model_learns = max(now.low, best.heldout.low) > e.chance
    gap, where = _gap(e)
    if not reader_learns and not model_learns:
        return "unlearnable as measured", (
            f"neither the model ({top:.3g}) nor any cheap reader of near and far rows ({reader.score.value:.3g}) is "
            f"better than chance ({e.chance:.3g}) on data held out"
        )
    beyond = _beyond_reach(e, t, top)
    if beyond:
        return beyond
    if gap > t.gap + 0.1 or (gap > t.gap / 2 and top < reader.score.value - margin):
        return "overfitting", f"its skill on training data is {gap:.2f} above that on data held out{where}"
    if top < reader.score.value - margin:
        return None
    if best.heldout.value - now.value > margin and best.heldout.low > now.value:
        return "undertrained", (
            f"training raises the score from {now.value:.3g} to {best.heldout.value:.3g}, where a cheap reader has "
            f"{reader.score.value:.3g}"
        )
    return "no sign of a long-range problem", (
        f"the model ({top:.3g}) is as good as the best cheap reader of near and far rows ({reader.score.value:.3g})"
    )


def _gap(e: Evidence) -> tuple[float, str]:
    """The difference of skill between training data and data held out, of the model or of a trained copy."""
    states = [(e.scores, ""), *((trial.last, ", after training of a copy") for trial in e.trials)]
    gaps = [
        (e.skill(s.trained_on.value) - max(e.skill(s.heldout.value), 0.0), where)
        for s, where in states
        if s.trained_on is not None
    ]
    return max(gaps, default=(0.0, ""))


def _beyond_reach(e: Evidence, t: Thresholds, top: float) -> tuple[str, str] | None:
    """Under-reaching by measurement: readers are better with rows that the model cannot see."""
    assert e.readers is not None  # noqa: S101 - asked for only with readers
    s, reader = e.structure, e.readers.best
    if s.within_reach < 0.5 and e.skill(reader.score.value) - e.skill(top) > t.gain:
        place = f"{s.hops_needed} hops away" if s.hops_needed > 0 else "elsewhere in the graph"
        return "under-reaching", (
            f"a cheap reader ({reader.score.value:.3g}) needs rows {place}, outside the receptive field, and the model "
            f"has {top:.3g}"
        )
    if math.isnan(s.hops_reached) or math.isinf(s.hops_reached) or reader.hops <= s.hops_reached:
        return None
    near = e.readers.within(s.hops_reached)
    gain, error = worth(reader, near)
    ahead = e.skill(reader.score.value) - e.skill(top)
    if gain > max(t.gain * (1 - e.chance), 2.5 * error) and ahead > t.gain:
        return "under-reaching", (
            f"a cheap reader shown {reader.hops} hops has {reader.score.value:.3g}, and one shown the {near.hops} hops "
            f"within the model's reach {near.score.value:.3g}"
        )
    return None


def faults(e: Evidence, t: Thresholds) -> dict[str, str]:
    """Every fault, with the clause on it where it holds, in the order in which they decide."""
    return {
        "dead path": _dead(e, t),
        "exploding gradient": _exploding(e, t),
        "over-smoothing": _over_smoothing(e, t),
        **_far(e, t),
        "capacity": _capacity(e, t),
    }


def _dead(e: Evidence, t: Thresholds) -> str:
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
    last = e.after or e.before
    if e.before.spread < t.spread and not last.spread > 100 * t.spread:
        return f"noise on the inputs changes the outputs of all rows alike, up to a share of {e.before.spread:.1g}"
    return ""


def _far(e: Evidence, t: Thresholds) -> dict[str, str]:
    """Over-squashing, or a vanishing gradient, of the farthest needed rows."""
    last = e.after or e.before
    limit = t.influence_repeated if e.structure.repeats else t.influence
    squashed = vanishing = ""
    if last.influence < limit and last.jacobian_share < limit:
        clause = f"the farthest needed rows have a share of {last.influence:.1g} in the response of the output"
        if e.structure.recurrent and not e.structure.mixes:
            vanishing = clause + ", which decays along time"
        else:
            squashed = clause
    if last.sensitivity < t.weak:
        vanishing = vanishing or f"noise on the inputs changes the loss by only {last.sensitivity:.1g} to first order"
    return {"over-squashing": squashed, "vanishing gradient": vanishing}


def _capacity(e: Evidence, t: Thresholds) -> str:
    if e.memory is None or e.memory.together >= t.recall:
        return ""
    return (
        f"a linear probe of the state explains {e.memory.together:.0%} of the variance of the {e.memory.items} items "
        f"that must be in memory at once, and {e.memory.single:.0%} of one item alone"
    )


def _unsolved(e: Evidence, t: Thresholds) -> tuple[str, str]:
    """The finding where no fault is seen: on its way, or inconclusive."""
    best = e.trial.best.heldout if e.trial else e.scores.heldout
    if not e.trials:
        return "inconclusive", "no fault is seen, and no copy was trained"
    return "undertrained", f"no fault is seen, and a copy reached {best.value:.3g}"
