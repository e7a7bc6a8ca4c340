"""The diagnosis of a model on its data: the finding, how sure it is, the numbers that decided, and what to change."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq._prompt import short_repr
from graphseq.reach.diagnosis.advice import Advice, advise
from graphseq.reach.diagnosis.amounts import noise
from graphseq.reach.diagnosis.confidence import confidence
from graphseq.reach.diagnosis.evidence import Evidence, ready
from graphseq.reach.diagnosis.gather import at_rest, gather
from graphseq.reach.diagnosis.judge import Judgement, is_open, judge, may_be_narrow
from graphseq.reach.diagnosis.of_data import DataProblem, is_graphs
from graphseq.reach.diagnosis.of_task import TaskProblem
from graphseq.reach.diagnosis.of_tensors import SequenceProblem, is_pairs
from graphseq.reach.diagnosis.outlook import outlook
from graphseq.reach.diagnosis.problem import Problem, Request
from graphseq.reach.diagnosis.subject import Subject
from graphseq.reach.diagnosis.table import table
from graphseq.reach.diagnosis.thresholds import Thresholds
from graphseq.reach.diagnosis.trial import SOLVED, Trial, copied
from graphseq.reach.probe.loaders import kept
from graphseq.reach.report.base import Report
from graphseq.tasks.base import Task


@short_repr
@dataclass(frozen=True)
class Diagnosis(Report):
    """The diagnosis of a model on its data. ``str`` returns three sentences, a table of the evidence, and the advice.

    Returned by :func:`graphseq.diagnose`.

    ``plot()`` draws it, ``to_html(path)`` and ``to_pdf(path)`` write it as a page, ``to_dict()`` is it as plain data.

    Attributes:
        finding: one of ``FINDINGS``.
        confidence: share of recorded cases in which this finding was right at this distance from its threshold, times
            the probability that so few answers held out would say the same again, 0 to 1.
        sentences: what was found, the numbers that decided, and what training a copy changed.
        advice: what to change, the most promising first.
        also: other findings that hold beside the first, with the confidence of each.
        outlook: the score that training alone is expected to reach, from the trials.
        evidence: all measurements.
        subject: a copy of the model and a sample of its data, of which the figures are drawn.
    """

    finding: str
    confidence: float
    sentences: tuple[str, str, str]
    advice: tuple[Advice, ...]
    also: tuple[tuple[str, float], ...]
    evidence: Evidence
    outlook: float
    subject: Subject | None = field(default=None, repr=False, compare=False)

    def __str__(self) -> str:
        """The finding in three sentences, a table of the evidence, and the advice."""
        lines = [f"{self.finding} (confidence {self.confidence:.0%})", " ".join(self.sentences)]
        lines += [f"  {name:38} {value}" for name, value in self.table()]
        lines += [f"  → {advice.text}" for advice in self.advice]
        return "\n".join(lines + [f"  note: {note}" for note in self.evidence.notes])

    def table(self) -> list[tuple[str, str]]:
        """The evidence as pairs of name and value."""
        return table(self.evidence)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain data that fits in JSON; numbers that are not finite are ``None``."""
        e = self.evidence
        plain: dict[str, Any] = _plain(
            {
                "finding": self.finding,
                "confidence": self.confidence,
                "outlook": self.outlook,
                "sentences": list(self.sentences),
                "advice": [asdict(advice) for advice in self.advice],
                "also": [{"finding": finding, "confidence": share} for finding, share in self.also],
                "evidence": {
                    "scores": asdict(e.scores),
                    "chance": e.chance,
                    "structure": asdict(e.structure),
                    "readers": [reader.to_dict() for reader in e.readers.readers] if e.readers else [],
                    "before": asdict(e.before),
                    "after": asdict(e.after) if e.after else None,
                    "trials": [_of_trial(trial) for trial in e.trials],
                    "memory": asdict(e.memory) if e.memory else None,
                    "wider": _of_trial(e.wider) if e.wider else None,
                    "ceiling": asdict(e.ceiling) if e.ceiling else None,
                    "notes": list(e.notes),
                },
            }
        )
        return plain


def _of_trial(trial: Trial) -> dict[str, Any]:
    """A trial as plain data, without its copy."""
    kept = {key: value for key, value in vars(trial).items() if key not in ("model", "best", "last", "optimizer")}
    return kept | {"best": asdict(trial.best), "last": asdict(trial.last)}


@checked_arguments
def diagnose(
    model: nn.Module,
    data: object,
    *,
    loss: Callable[[Tensor, Tensor], Tensor] | None = None,
    score: Callable[[Tensor, Tensor], object] | None = None,
    chance: float | Literal["majority"] | None = None,
    validation: object = None,
    call: Callable[..., Tensor] | None = None,
    hops: int | None = None,
    steps: int = 200,
    budget_seconds: float = 60.0,
    seed: int = 0,
    thresholds: Thresholds | None = None,
) -> Diagnosis:
    r"""Find out why a model does not learn its data, or that nothing is wrong.

    Structure is looked at first: from which rows an input reaches an output, and which rows the answers need. These are
    declared by a :class:`~graphseq.tasks.Task` or by ``hops``; on other data they are measured by cheap readers, ridge
    regressions on rows 0, 1, 2, … hops away. Then a *copy* is trained for a few hundred steps: what that repairs was no
    fault. Influence, smoothness and gradients are measured before and after, as properties of the function alone.

    Findings, see ``FINDINGS``:

    - *solved*: nine tenths of the way from chance to all right, or more; *undertrained*: the copy solves it or is on
      its way;
    - *under-reaching*: rows that the answers need are outside the receptive field;
    - *over-smoothing*: all rows answer any noise alike; *over-squashing*: they do not, but the share of the farthest
      needed rows in the response is close to zero, and training does not raise it; *vanishing gradient*: the same along
      a recurrence, or no gradient to speak of arrives at the inputs; *exploding gradient*: a gradient, or the
      outputs, are far too large or not finite;
    - *dead path*: outputs depend on an input, or could, and no gradient passes: detached states, saturated units;
    - *capacity*: all of this is in order, and what must be kept at once does not fit the state, or a copy with a
      wider state learns what this one does not;
    - *limited expressivity*: answers differ where colour refinement (1-WL), which bounds message passing, sees no
      difference, and the model is as good as that allows;
    - *overfitting*: right on training data and not on data held out;
    - *no sign of a long-range problem*: the model is as good as any cheap reader of its inputs, near or far;
    - *unlearnable as measured*: neither the model nor any reader is better than chance on data held out, which are
      enough to exclude that;
    - *inconclusive*: none of these holds clearly, or answers are too few to say.

    Args:
        model: any module, trained or not; it is not changed.
        data: a :class:`~graphseq.tasks.Task`; a graph of PyG, or a list or loader of graphs, with ``x`` and ``y`` and
            masks where there are any, or ``edge_label`` of the pairs ``edge_label_index``; or sequences: a pair of
            tensors x (B, T, F) and y (B, …) or (B, T), a ``TensorDataset`` or a loader of pairs.
        loss: mean loss of (output, y), such as ``torch.nn.functional.cross_entropy``; needed unless data is a task.
        score: a function of (output, y), 1 being all right; by default accuracy, or R² where y are numbers.
        chance: the score of the best guess without any input; "majority", the default, is that of the best constant.
            A task has its own.
        validation: data held out, of the same kind as ``data``; by default masks, or three tenths drawn at random.
        call: a function of (model, graph), or of (model, x) for sequences, that gives the outputs; by default the model
            is called with the attributes of the graph that its ``forward`` names.
        hops: how far away the rows lie that the answers need, where you know it.
        steps: the most training steps of a copy, at each of two learning rates; where they leave a question, the
            better one takes twice as many more, or a third copy where neither learns. 0 for no training at all, which
            leaves more cases inconclusive.
        budget_seconds: the most seconds that the training of copies may take.
        seed: of all draws.
        thresholds: thresholds other than the calibrated ones.

    Returns:
        The :class:`Diagnosis`.

    Raises:
        TypeError: not a module; data of another kind, heterogeneous data, an argument that a task has itself.
        ValueError: data without answers, outputs that do not fit them, no ``loss``.

    Example:
        >>> import graphseq as gs
        >>> task = gs.tasks.Transfer(length=9, shape="ring")
        >>> found = diagnose(gs.nn.Model(gs.nn.GCN(10, 8, num_layers=4), 10), task)
        >>> found.finding, found.advice[0].text
        ('under-reaching', '4 more layers: num_layers=8')
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be a torch.nn.Module, got {type(model).__name__}")
    data, validation = listed(data), listed(validation)
    steps, seed = _checks.at_least("steps", steps, 0), _checks.seed("seed", seed)
    budget = _checks.positive("budget_seconds", budget_seconds)
    hops = None if hops is None else _checks.layers("hops", hops, 0)
    with at_rest(), torch.no_grad():
        problem = problem_of(model, data, Request(loss, score, chance, validation, call, hops, seed))
    limits = Thresholds() if thresholds is None else thresholds
    evidence = gather(
        model,
        problem,
        steps=steps,
        budget_seconds=budget,
        seed=seed,
        is_open=lambda e: is_open(e, limits),
        may_be_narrow=lambda e: may_be_narrow(e, limits),
    )
    judgement = judge(evidence, limits)
    expected = outlook(evidence, limits, judgement.finding)
    return Diagnosis(
        judgement.finding,
        confidence(evidence, limits, judgement.finding),
        _sentences(judgement, evidence, steps, expected),
        advise(judgement.finding, evidence, model),
        tuple((name, confidence(evidence, limits, name)) for name in judgement.also),
        evidence,
        expected,
        Subject(*ready(model, problem)[:2], problem.loss, seed),
    )


def problem_of(model: nn.Module, data: object, request: Request) -> Problem:
    """The one view of any kind of data."""
    resting = copied(model).eval()
    if isinstance(data, Task):
        return TaskProblem(resting, data, request)
    if isinstance(data, Iterator):
        raise TypeError("data is an iterator that can be read only once; give a list or a loader")
    if is_graphs(data):
        return DataProblem(resting, data, request)
    if is_pairs(data):
        return SequenceProblem(resting, data, request)
    raise TypeError(
        "data must be a graphseq.tasks.Task, graphs of PyG (one, a list or a loader), or sequences: a pair (x, y) of "
        f"tensors, a TensorDataset or a loader of pairs; got {type(data).__name__}"
    )


def listed(data: object) -> object:
    """The batches of a loader, whose generators and workers stay as they are; other data as it is."""
    if not isinstance(data, DataLoader):
        return data
    if isinstance(data.dataset, IterableDataset):
        raise TypeError(
            f"data is a loader of the stream {type(data.dataset).__name__}, which a diagnosis would use up; give a list"
        )
    with kept(data) as loader:
        return list(loader)


def _sentences(judgement: Judgement, e: Evidence, steps: int, expected: float) -> tuple[str, str, str]:
    score = f"the score is {e.scores.heldout.value:.3g}, where chance is {e.chance:.3g}"
    first = f"{judgement.finding.capitalize()}: {score}."
    trial = e.trial
    if trial is None:
        why = "that could not change the finding" if steps else "steps is 0"
        third = f"No copy was trained, since {why}."
    elif not trial.steps and not trial.diverged:
        third = "No copy was trained, since no parameter of the model requires a gradient."
    else:
        end = "diverged" if trial.diverged else f"reached {trial.best.heldout.value:.3g}"
        third = f"A copy trained for {trial.steps} steps (Adam, rate {trial.lr:g}) {end}"
        third += _promise(judgement.finding, e, expected)
    return first, judgement.reason[:1].upper() + judgement.reason[1:] + ".", third


def _promise(finding: str, e: Evidence, expected: float) -> str:
    """The end of the sentence on training: what more of it is expected to bring."""
    best = max(e.scores.heldout.value, *(trial.best.heldout.value for trial in e.trials))
    if e.skill(best) >= SOLVED:
        return "."
    if expected - best > max(0.01, noise(e) * (1 - e.chance) / 2):
        return f", and longer training alone is expected to reach {expected:.3g}."
    if finding in ("undertrained", "inconclusive"):
        return "; how much longer training adds is not known."
    return ", and longer training alone is not expected to change that."


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
