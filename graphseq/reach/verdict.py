"""The diagnosis of a model on a task: the cause of failure, the evidence, and the cheapest change that would help."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from graphseq import _checks
from graphseq._arguments import check_fields, checked_arguments
from graphseq.nn.model import Model
from graphseq.reach.advice import advice
from graphseq.reach.evidence import Evidence, gather
from graphseq.tasks.base import Task

VERDICTS = (
    "solved",
    "under-reaching",
    "over-smoothing",
    "over-squashing",
    "vanishing gradient",
    "exploding gradient",
    "capacity",
    "undertrained",
)


@dataclass(frozen=True)
class Thresholds:
    """The thresholds between verdicts.

    The two of influence are calibrated on one part of the models of ``benchmarks/foresight.py``, the others on one part
    of the cases of ``benchmarks/verdicts.py``, and both are tested on the rest. Shared weights have a lower threshold
    of influence: they learn from near sources, which helps far ones.
    """

    solved: float = 0.95  #: the score from which a task counts as solved
    influence: float = 2e-6  #: the influence of the farthest source below which it is over-squashed
    influence_shared: float = 2e-12  #: the same for encoders whose steps share weights
    oversmoothing_distance: float = 5e-5  #: the distance from the over-smoothed limit below which it is over-smoothed
    weak: float = 8e-8  #: the loss sensitivity below which the gradient vanishes
    strong: float = 200.0  #: the loss sensitivity above which the gradient explodes
    recall: float = 0.3  #: the R² of the probe for all items below which the capacity is too small

    def __post_init__(self) -> None:
        check_fields(self)
        for field in fields(self):
            _checks.finite(field.name, getattr(self, field.name))


@dataclass(frozen=True)
class Verdict:
    """The diagnosis of a model on a task. ``str`` returns the sentence, a table of the evidence, and the advice."""

    verdict: str  #: one of ``VERDICTS``
    sentence: str  #: the reason, with the number that decided
    advice: str  #: the cheapest change that would help
    evidence: Evidence  #: all measurements

    def __str__(self) -> str:
        """The sentence, a table of the evidence, and the advice."""
        lines = [f"  {name:34} {value}" for name, value in _table(self.evidence)]
        return "\n".join([f"{self.verdict}: {self.sentence}", *lines, f"  → {self.advice}"])


@checked_arguments
def verdict(
    model: Model, task: Task, *, samples: int = 200, seed: int = 0, thresholds: Thresholds | None = None
) -> Verdict:
    r"""Diagnose why a model, as it is, does not solve a task, without training it.

    The verdict is the first of these that holds:

    - *solved*: the score is high enough;
    - *under-reaching*: by structure alone, a relevant row is outside the receptive field of so many targets that the
      score cannot be high enough;
    - *over-smoothing*: noise on all inputs changes the states of all rows alike, up to the root of their degree;
    - *over-squashing*: the farthest relevant row is within reach, but its share in the response of the target's state
      to noise on all inputs is close to zero;
    - *exploding gradient*: the gradient of the loss is far larger than the loss;
    - *vanishing gradient*: noise on the relevant rows changes the state, but the gradient of the loss is zero or close
      to it, or the share of the farthest one in the Jacobian is;
    - *capacity*: a linear probe of the target's state explains little of the items that must be in memory at once;
    - *undertrained*: none of these.

    Args:
        model: an encoder and a head, trained or not; measured on a copy.
        task: marks the rows that a target depends on (``relevant_nodes``) and those that must be in memory at once
            (``memory_items``).
        samples: graphs of the evaluation.
        seed: of all draws.
        thresholds: thresholds other than the calibrated ones.

    Returns:
        The verdict with its evidence.

    Raises:
        TypeError: not a model, or not a task.

    Example:
        >>> import graphseq as gs
        >>> task = gs.tasks.Transfer(length=9, shape="ring")
        >>> diagnosis = verdict(gs.nn.Model(gs.nn.GCN(10, 8, num_layers=4), 10), task)
        >>> diagnosis.verdict, diagnosis.advice
        ('under-reaching', '4 more layers: num_layers=8')
    """
    if not isinstance(model, Model):
        raise TypeError(f"model must be a graphseq.nn.Model, got {type(model).__name__}")
    if not isinstance(task, Task):
        raise TypeError(f"task must be a graphseq.tasks.Task, got {type(task).__name__}")
    samples, seed = _checks.at_least("samples", samples, 1), _checks.seed("seed", seed)
    evidence = gather(model, task, samples=samples, seed=seed)
    name, sentence = judge(evidence, Thresholds() if thresholds is None else thresholds)
    return Verdict(name, sentence, advice(name, evidence, model, task), evidence)


def judge(e: Evidence, t: Thresholds) -> tuple[str, str]:
    """The verdict on the evidence, and its sentence: the first fault that holds."""
    if e.answers.score >= t.solved:
        return "solved", _score(e, ".1%")
    faults = {
        "under-reaching": _under_reaching(e, t),
        "over-smoothing": _over_smoothing(e, t),
        "over-squashing": _over_squashing(e, t),
        "exploding gradient": _exploding(e, t),
        "vanishing gradient": _vanishing(e, t),
        "capacity": _capacity(e, t),
    }
    for name, sentence in faults.items():
        if sentence:
            return name, sentence
    return "undertrained", (
        f"the farthest source has influence (a share of {e.influence:.1g}) and the loss a gradient (a sensitivity of "
        f"{e.loss_sensitivity:.1g}), but {_score(e, '.0%')}"
    )


def _score(e: Evidence, form: str) -> str:
    """The score as a clause; of a regression it is the share of answers within the tolerance."""
    score = format(e.answers.score, form)
    is_regression = "mse" in e.answers.metrics
    return f"{score} of the answers are within the task's tolerance" if is_regression else f"the score is {score}"


def _under_reaching(e: Evidence, t: Thresholds) -> str:
    best = e.within_reach + (1 - e.within_reach) * e.answers.chance
    if best >= t.solved:
        return ""
    return (
        f"for {1 - e.within_reach:.0%} of the targets a relevant row is outside the receptive field; up to "
        f"{e.hops_needed} hops are needed"
    )


def _over_smoothing(e: Evidence, t: Thresholds) -> str:
    if not e.oversmoothing_distance < t.oversmoothing_distance:
        return ""
    return (
        "noise on the inputs changes the states of all rows alike, up to a share of "
        f"{e.oversmoothing_distance:.1g} of the change"
    )


def _over_squashing(e: Evidence, t: Thresholds) -> str:
    if not e.influence < _influence_threshold(e, t):
        return ""
    return (
        f"the farthest source has a share of {e.influence:.1g} in the response of the target's state to noise on the "
        "inputs"
    )


def _influence_threshold(e: Evidence, t: Thresholds) -> float:
    return t.influence_shared if e.shares_weights else t.influence


def _exploding(e: Evidence, t: Thresholds) -> str:
    if e.loss_sensitivity <= t.strong or math.isnan(e.influence):
        return ""
    return f"noise on the inputs changes the loss by {e.loss_sensitivity:.1g} to first order"


def _vanishing(e: Evidence, t: Thresholds) -> str:
    if math.isnan(e.influence):
        return "no input changes the state that the head reads"
    if e.loss_sensitivity < t.weak:
        return f"noise on the inputs changes the loss by only {e.loss_sensitivity:.1g} to first order"
    if e.jacobian_share < _influence_threshold(e, t):
        return (
            f"the farthest source changes the target's state (a share of {e.influence:.1g}), but has a share of only "
            f"{e.jacobian_share:.1g} in the Jacobian: a unit between them is saturated, or a state detached"
        )
    return ""


def _capacity(e: Evidence, t: Thresholds) -> str:
    if e.memory_items < 2 or e.probe_r2_all >= t.recall:
        return ""
    return (
        f"a linear probe of the state explains {e.probe_r2_all:.0%} of the variance of the {e.memory_items} items that "
        f"must be in memory at once, and {e.probe_r2_single:.0%} of one item alone"
    )


def _table(e: Evidence) -> list[tuple[str, str]]:
    lines = [
        ("score", str(e.answers)),
        ("hops needed", str(e.hops_needed)),
        ("targets with all sources in reach", f"{e.within_reach:.0%}"),
        ("influence of the farthest source", f"{e.influence:.2g}"),
        ("its share in the Jacobian", f"{e.jacobian_share:.2g}"),
        ("sensitivity of the loss", f"{e.loss_sensitivity:.2g}"),
    ]
    if e.layers is not None:
        lines.insert(2, ("layers", str(e.layers)))
        lines.append(("distance from over-smoothing", f"{e.oversmoothing_distance:.2g}"))
    if e.memory_items > 1:
        lines.append((f"probe R² of 1 item, of all {e.memory_items}", f"{e.probe_r2_single:.2f}, {e.probe_r2_all:.2f}"))
    return lines
