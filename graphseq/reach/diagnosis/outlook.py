"""The score that training alone is expected to reach, from the learning curves of the trials."""

from __future__ import annotations

from graphseq.reach.diagnosis.amounts import noise
from graphseq.reach.diagnosis.evidence import Evidence
from graphseq.reach.diagnosis.thresholds import Thresholds
from graphseq.reach.diagnosis.trial import Trial

_OPEN = ("undertrained", "inconclusive", "no sign of a long-range problem", "solved")
_KEPT = 0.5  # the share of its rise over a third of a trial that a curve keeps over as many further steps
_FITTED = 0.1  # the share of its first loss at which a copy has nothing more to learn


def outlook(e: Evidence, t: Thresholds, finding: str) -> float:
    """The expected score of the model after further training.

    It is the best score of any copy. Where nothing but training is missing, it is more if the copy with the best end
    still rises by more than its error and its loss on training data is not yet near zero: its curve then goes on by a
    geometric series.
    """
    now = e.scores.heldout.value
    best = max(now, *(trial.best.heldout.value for trial in e.trials)) if e.trials else now
    if finding not in _OPEN or e.skill(best) >= t.solved:
        return best
    if not e.trials:
        return best
    return min(1.0, max(best, _projected(max(e.trials, key=_end), e)))


def _end(trial: Trial) -> float:
    return sum(trial.heldout[-2:]) / len(trial.heldout[-2:])


def _projected(trial: Trial, e: Evidence) -> float:
    """The score at which a curve ends, and what its last third promises for the steps to come."""
    curve = trial.heldout
    if len(curve) < 5 or trial.diverged:
        return curve[-1]
    third = max(2, (len(curve) - 1) // 3)
    end, before = (curve[-1] + curve[-2]) / 2, (curve[-third - 1] + curve[-third - 2]) / 2
    is_fitted = len(trial.losses) > 1 and trial.losses[-1] < _FITTED * trial.losses[0]
    if is_fitted or e.skill(end - before + e.chance) < max(0.02, noise(e)):
        return end
    return end + (end - before) * _KEPT / (1 - _KEPT)
