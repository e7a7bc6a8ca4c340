"""Skills, errors and shares that the rules of a diagnosis compare."""

from __future__ import annotations

import math

from graphseq.reach.diagnosis.evidence import CLEAR, Evidence
from graphseq.reach.diagnosis.thresholds import Thresholds

_TRIFLE = 0.1  # a skill up to which an interval of the copy itself may come from predicting a constant
_OF_SEVERAL = 1.28  # by which an interval of the best of about five readers is wider than that of one


def learns(e: Evidence) -> bool:
    """True if the model or a copy in training is better than chance, by more than the best of many checks by luck."""
    return e.skill(e.scores.heldout.value) > 3 * noise(e) or _best_clear(e, errors=3) > 0


def reader_learns(e: Evidence, t: Thresholds) -> bool:
    """True if the best cheap reader is better than chance on data held out."""
    if e.readers is None:
        return False
    if e.readers.ahead is not None:  # over all answers, which say more than those held out
        return e.readers.errors_ahead > CLEAR and e.skill(e.chance + e.readers.ahead[0]) > t.gain
    score = e.readers.best.score
    low = score.value - _OF_SEVERAL * (score.value - score.low)
    return low > e.chance and e.skill(score.value) > t.gain


def most_skill(e: Evidence) -> float:
    """The upper end of a one-sided 95 % interval of the skill of the best reader, over all answers where measured."""
    assert e.readers is not None  # noqa: S101 - asked for only with readers
    if e.readers.ahead is not None:
        gain, error = e.readers.ahead
    else:
        score = e.readers.best.score
        gain, error = score.value - e.chance, (score.high - score.low) / 3.92
    return e.skill(e.chance + max(gain, 0.0) + 1.64 * error)


def gap(e: Evidence) -> tuple[float, str]:
    """The difference of skill between training data and data held out, of the model or a copy that fits the former."""
    states = [(e.scores, ""), *((trial.last, ", after training of a copy") for trial in e.trials)]
    for scores, where in states:
        if scores.trained_on is None or e.skill(scores.trained_on.value) < 0.7:
            continue
        return e.skill(scores.trained_on.value) - max(e.skill(scores.heldout.value), 0.0), where
    return 0.0, ""


def attainable(e: Evidence) -> float:
    """The skill that can be had: that of the best reader, or 1 where needs are declared."""
    return max(0.2, e.skill(e.readers.best.score.value)) if e.readers is not None else 1.0


def noise(e: Evidence) -> float:
    """The standard error of a skill on the data held out."""
    held = e.scores.heldout
    return e.skill((held.high - held.low) / 3.92 + e.chance)


def progress(e: Evidence) -> float:
    """The best skill of any copy in training as a share of what can be had; 0 where it may be chance."""
    return _best_clear(e, errors=2.5) / attainable(e)


def _best_clear(e: Evidence, *, errors: float) -> float:
    """The best skill of any copy in training that is so many standard errors above chance; 0 where none is.

    The error is that of the score before training. That of the copy counts as well where its skill is no trifle, since
    the R² of an untrained model can be anywhere below 0, with an interval as wide.
    """
    found = [0.0]
    for trial in e.trials:
        skill = max((e.skill(score) for score in trial.heldout[1:]), default=0.0)
        own = e.skill((trial.best.heldout.high - trial.best.heldout.low) / 3.92 + e.chance)
        if skill > errors * noise(e) or skill > max(errors * own, _TRIFLE):
            found.append(skill)
    return max(found)


def rises(e: Evidence, t: Thresholds) -> bool:
    """True if training raises the score of a copy beyond doubt and likely above chance, where there is much to learn.

    Answers are then too few to say how good the copy is.
    """
    if e.trial is None or not reader_learns(e, t) or max(e.trial.heldout[1:], default=0.0) < e.trial.best.heldout.value:
        return False
    now, best = e.scores.heldout, e.trial.best.heldout
    error = e.skill((best.value - best.low) / 1.96 + e.chance)
    return best.low > now.high and e.skill(best.value) > max(t.learning * attainable(e), 1.28 * error)


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


def influence(e: Evidence, *, at_first: bool = False) -> float:
    """The largest influence of the farthest needed rows, in response or Jacobian, before and after a trial."""
    values = [e.before.influence, e.before.jacobian_share]
    if e.after is not None and e.after.response > 0 and not at_first:
        values += [e.after.influence, e.after.jacobian_share]
    return max((value for value in values if not math.isnan(value)), default=math.nan)


def limit_of(e: Evidence, t: Thresholds) -> float:
    """The influence below which far rows are squashed: lower where steps share weights and a copy learns from them."""
    return t.influence_repeated if e.structure.repeats and progress(e) >= t.learning else t.influence
