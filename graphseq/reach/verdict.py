"""Why a model does not answer: one word, the numbers behind it, and the cheapest change that would help."""

from __future__ import annotations

import math
from dataclasses import dataclass

from graphseq import _checks
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
    """Where one verdict ends and the next begins.

    Set on one part of the cases of ``benchmarks/foresight.py`` (the two of influence) and ``benchmarks/verdicts.py``
    (all others), and judged on the rest. A step that is taken again and again learns from near sources how to carry far
    ones, so that it may begin fainter.
    """

    solved: float = 0.95  #: the score that counts as reaching
    influence: float = 2e-6  #: below this share a source is drowned out by the rest, where each layer has its weights
    influence_shared: float = 2e-12  #: the same, where the way is one step again and again
    oversmoothing_distance: float = 5e-5  #: below this the rows are alike
    weak: float = 8e-8  #: below this the loss does not move
    strong: float = 200.0  #: above this it explodes
    recall: float = 0.3  #: below this share of what must be held, that much is not held


@dataclass(frozen=True)
class Verdict:
    """What holds a model back on a task. ``str`` gives the sentence, a table of the evidence, and the advice."""

    verdict: str  #: one of ``VERDICTS``
    sentence: str  #: why, with the number that decided
    advice: str  #: the cheapest change that would help
    evidence: Evidence  #: all that was measured

    def __str__(self) -> str:
        """Sentence, table and advice."""
        lines = [f"  {name:34} {value}" for name, value in _table(self.evidence)]
        return "\n".join([f"{self.verdict}: {self.sentence}", *lines, f"  → {self.advice}"])


def verdict(
    model: Model, task: Task, *, samples: int = 200, seed: int = 0, thresholds: Thresholds | None = None
) -> Verdict:
    r"""Say why a model does not solve a task as it stands, or that it does. Trains nothing.

    In this order, the first that holds:

    - *solved*: it answers;
    - *under-reaching*: by structure alone, the Jacobian in the relevant nodes is exactly zero for so many questions
      that the rest cannot make up for them;
    - *over-smoothing*: noise on all inputs changes all states alike, up to the root of the degree;
    - *over-squashing*: the farthest relevant node is within reach, but its share in what moves the target's state when
      all inputs are disturbed is close to zero;
    - *vanishing gradient*: changes of the relevant nodes move the state, and the gradient of the loss does not show it:
      it is zero or nearly so, or the Jacobian has no part of what finite changes do;
    - *exploding gradient*: the gradient of the loss is far larger than the loss;
    - *capacity*: what must be held cannot be read back from the asked state by a linear map, mostly, when all items
      are there; how much of one item alone can, stands beside it;
    - *undertrained*: none of these.

    Args:
        model: an encoder and a head, trained or not; measured on a copy.
        task: says which rows must be known (``relevant_nodes``) and held at once (``memory_items``).
        samples: graphs that it is judged on.
        seed: of all draws.
        thresholds: other ones than those that were calibrated.

    Returns:
        The verdict with its evidence.

    Raises:
        TypeError: not a model or not a task.

    Example:
        >>> import graphseq as gs
        >>> task = gs.tasks.Transfer(length=9, shape="ring")
        >>> found = verdict(gs.nn.Model(gs.nn.GCN(10, 8, num_layers=4), 10), task)
        >>> found.verdict, found.advice
        ('under-reaching', '4 more layers: num_layers=8')
    """
    if not isinstance(model, Model):
        raise TypeError(f"model must be a graphseq.nn.Model, got {type(model).__name__}")
    if not isinstance(task, Task):
        raise TypeError(f"task must be a graphseq.tasks.Task, got {type(task).__name__}")
    found = gather(model, task, samples=_checks.at_least("samples", samples, 1), seed=_checks.at_least("seed", seed, 0))
    name, sentence = judge(found, Thresholds() if thresholds is None else thresholds)
    return Verdict(name, sentence, advice(name, found, model, task), found)


def judge(e: Evidence, t: Thresholds) -> tuple[str, str]:
    """The verdict that evidence leads to, and why: the first fault that is found."""
    if e.answers.score >= t.solved:
        return "solved", f"it answers {e.answers.score:.1%} of the questions"
    faint = t.influence_shared if e.shares_weights else t.influence
    faults = {
        "under-reaching": _unseen(e, t),
        "over-smoothing": f"all rows respond alike to noise, up to {e.oversmoothing_distance:.1g} of the response"
        if e.oversmoothing_distance < t.oversmoothing_distance
        else "",
        "over-squashing": f"of all that moves the asked state, the farthest source has a share of {e.influence:.1g}"
        if e.influence < faint
        else "",
        "exploding gradient": _exploding(e, t),
        "vanishing gradient": _vanishing(e, t),
        "capacity": _crowded(e, t),
    }
    for name, sentence in faults.items():
        if sentence:
            return name, sentence
    return "undertrained", (
        f"it is heard (a share of {e.influence:.1g}), the loss moves ({e.loss_sensitivity:.1g}), and it answers "
        f"{e.answers.score:.0%}"
    )


def _unseen(e: Evidence, t: Thresholds) -> str:
    best = e.within_reach + (1 - e.within_reach) * e.answers.chance
    if best >= t.solved:
        return ""
    return (
        f"for {1 - e.within_reach:.0%} of the questions a row that must be known is out of reach: up to "
        f"{e.hops_needed} hops are needed"
    )


def _crowded(e: Evidence, t: Thresholds) -> str:
    if e.memory_items < 2 or e.probe_r2_all >= t.recall:
        return ""
    return (
        f"of the {e.memory_items} items that must be in memory, {e.probe_r2_all:.0%} of the variance can be read back "
        f"from the state by a linear map; of one item alone {e.probe_r2_single:.0%}"
    )


def _exploding(e: Evidence, t: Thresholds) -> str:
    if e.loss_sensitivity <= t.strong or math.isnan(e.influence):
        return ""
    return f"noise on the inputs moves the loss by {e.loss_sensitivity:.1g} to first order"


def _vanishing(e: Evidence, t: Thresholds) -> str:
    if math.isnan(e.influence):
        return "no input moves the state that the head reads"
    if e.loss_sensitivity < t.weak:
        return f"noise on the inputs moves the loss by no more than {e.loss_sensitivity:.1g} to first order"
    if e.jacobian_share < (t.influence_shared if e.shares_weights else t.influence):
        return (
            f"the farthest source moves the asked state (a share of {e.influence:.1g}), but not to first order "
            f"({e.jacobian_share:.1g}): something on the way is saturated or cut"
        )
    return ""


def _table(e: Evidence) -> list[tuple[str, str]]:
    lines = [
        ("score", str(e.answers)),
        ("hops needed", str(e.hops_needed)),
        ("questions within reach", f"{e.within_reach:.0%}"),
        ("share of the farthest source", f"{e.influence:.2g}"),
        ("the same, to first order", f"{e.jacobian_share:.2g}"),
        ("loss moved by what rows say", f"{e.loss_sensitivity:.2g}"),
    ]
    if e.layers is not None:
        lines.insert(2, ("layers", str(e.layers)))
        lines.append(("how far rows are from alike", f"{e.oversmoothing_distance:.2g}"))
    if e.memory_items > 1:
        lines.append((f"read back of 1 item, of {e.memory_items}", f"{e.probe_r2_single:.0%}, {e.probe_r2_all:.0%}"))
    return lines
