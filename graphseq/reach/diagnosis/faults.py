"""Faults of a model, each with the clause on what was measured of it."""

from __future__ import annotations

import math

from graphseq.reach.diagnosis.amounts import attainable, influence, limit_of, noise, progress
from graphseq.reach.diagnosis.evidence import Evidence
from graphseq.reach.diagnosis.thresholds import Thresholds
from graphseq.reach.diagnosis.widened import FACTOR

MOSTLY = 0.5


def faults(e: Evidence, t: Thresholds) -> dict[str, str]:
    """Every fault, with the clause on it where it holds, in the order in which they decide."""
    return {
        "dead path": _dead(e),
        "exploding gradient": _exploding(e, t),
        "over-smoothing": _over_smoothing(e, t),
        **far(e, t),
        "capacity": capacity(e, t),
        "limited expressivity": inexpressive(e, t),
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


def far(e: Evidence, t: Thresholds, *, at_first: bool = False) -> dict[str, str]:
    """Over-squashing, or a vanishing gradient, of the farthest needed rows."""
    is_recurrence = e.structure.recurrent and not e.structure.mixes
    at_first = at_first or (is_recurrence and progress(e) < t.learning)  # a rise from which nothing was learnt is none
    limit = limit_of(e, t)
    squashed = vanishing = ""
    share = influence(e, at_first=at_first)
    if share < limit and not e.structure.within_reach < MOSTLY:  # what is out of reach is not squashed on its way
        clause = f"the farthest needed rows have a share of {share:.1g} in the response of the output"
        if is_recurrence:
            vanishing = clause + ", which decays along time"
        else:
            squashed = clause
    sensitivity = max(e.before.sensitivity, e.after.sensitivity if e.after else 0.0)
    if sensitivity < t.weak:
        vanishing = vanishing or f"noise on the inputs changes the loss by only {sensitivity:.1g} to first order"
    return {"over-squashing": squashed, "vanishing gradient": vanishing}


def capacity(e: Evidence, t: Thresholds) -> str:
    """The clause on a state that cannot hold what must be known at once."""
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


def inexpressive(e: Evidence, t: Thresholds, *, at_top: bool = False) -> str:
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


def narrow(e: Evidence, t: Thresholds) -> str:
    """The clause on a copy with a wider state that learns what those of this width do not."""
    if e.wider is None:
        return ""
    wide, own = max(e.wider.heldout), max(score for trial in e.trials for score in trial.heldout)
    ahead = e.skill(wide) - e.skill(own)
    if ahead < max(t.gap * attainable(e), 2.8 * noise(e)) or e.skill(wide) < t.nearly * attainable(e):
        return ""
    return (
        f"a copy with a state of {FACTOR * e.structure.width} numbers, trained as long, scores {wide:.3g}, and those "
        f"with {e.structure.width} at most {own:.3g}"
    )
