"""The thresholds between the findings of a diagnosis."""

from __future__ import annotations

from dataclasses import dataclass, fields

from graphseq import _checks
from graphseq._arguments import check_fields
from graphseq.reach.diagnosis.trial import SOLVED


@dataclass(frozen=True)
class Thresholds:
    """The thresholds between findings, set by ``benchmarks/diagnosis.py`` on kinds that it does not test.

    Taken by :func:`graphseq.diagnose`.
    """

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
