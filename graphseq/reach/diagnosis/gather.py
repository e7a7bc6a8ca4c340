"""All measurements of a model on a problem, in the order in which the cheap ones make the dear ones unnecessary."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import nn

from graphseq import seeding
from graphseq.evaluation.modes import evaluating
from graphseq.reach.diagnosis import evidence as ev
from graphseq.reach.diagnosis import field
from graphseq.reach.diagnosis import readers as reading
from graphseq.reach.diagnosis import trial as trying
from graphseq.reach.diagnosis.evidence import Evidence, Structure
from graphseq.reach.diagnosis.expressivity import ceiling_of
from graphseq.reach.diagnosis.problem import Problem, Sample
from graphseq.reach.diagnosis.responses import Responder
from graphseq.reach.diagnosis.trial import SOLVED, Trial
from graphseq.reach.diagnosis.widened import widened

_LEARNS = 0.1  # the skill from which a longer trial goes on with a copy


def gather(
    model: nn.Module,
    problem: Problem,
    *,
    steps: int,
    budget_seconds: float,
    seed: int,
    is_open: Callable[[Evidence], bool],
    may_be_narrow: Callable[[Evidence], bool],
) -> Evidence:
    """Measure a model on a problem.

    Args:
        model: the model; measured on copies.
        problem: the problem.
        steps: the most steps of each of two trials; twice as many more of the better one, or of a third. 0 for none.
        budget_seconds: the most seconds of all trials.
        seed: of all draws.
        is_open: whether the evidence of two trials leaves a question that a third, longer one may answer.
        may_be_narrow: whether it leaves one that the training of a copy with a wider state may answer.
    """
    start = time.perf_counter()
    with at_rest():
        gathering = _Gathering(model, problem, seed)
        trials: tuple[Trial, ...] = ()
        if steps and not gathering.is_decided():
            trials = _trials(model, problem, steps=steps, seconds=budget_seconds, seed=seed)
        evidence = gathering.evidence(trials, steps)
        left = budget_seconds - (time.perf_counter() - start)
        if trials and left > 0 and is_open(evidence):
            evidence = gathering.evidence(_longer(model, problem, trials, steps=steps, seconds=left, seed=seed), steps)
        left = budget_seconds - (time.perf_counter() - start)
        if trials and left > 0 and may_be_narrow(evidence):
            evidence = replace(evidence, wider=_wider(model, problem, evidence, steps=steps, seconds=left, seed=seed))
    return evidence


def _wider(
    model: nn.Module, problem: Problem, evidence: Evidence, *, steps: int, seconds: float, seed: int
) -> Trial | None:
    """The training of a copy with a state several times as wide, for as long as the others."""
    copy = widened(model, problem, evidence.structure.width, seed)
    if copy is None:
        return None
    start, longest = time.perf_counter(), max(2 * steps, *(trial.steps for trial in evidence.trials))

    def trained(copy: nn.Module, seconds: float) -> Trial:
        return trying.train(copy, problem, steps=longest, lr=trying.LAST_RATE, seconds=seconds, seed=seed)

    wider = trained(copy, seconds)
    if problem.scoring.skill(wider.best.heldout.value) < SOLVED:
        return trying.without_model(wider)
    fresh = widened(model, problem, evidence.structure.width, seed, factor=1)  # to tell new weights from more of them
    left = seconds - (time.perf_counter() - start)
    if fresh is not None and left > 0:
        same = trained(fresh, left)
        if problem.scoring.skill(same.best.heldout.value) >= SOLVED:
            return None
    return trying.without_model(wider)


class _Gathering:
    """All measurements but those of trials, made once."""

    def __init__(self, model: nn.Module, problem: Problem, seed: int) -> None:
        self.problem = problem
        self.scores = trying.scores(trying.copied(model), problem)
        self.readers = None if problem.declared else reading.read(problem, seed)
        self.copy, self.sample, note = ev.ready(model, problem)
        self.notes = [one for one in (note, _frozen(model), _drawing(self.copy, self.sample)) if one]
        self.needed = (
            ev.declared_needs(problem, self.sample, seed)
            if problem.declared
            else ev.measured_needs(self.readers, self.sample)
        )
        self.place = seeding.derive(seed, seeding.BUILD, 20) % 2**31
        self.mixes = ev.mixes(model)
        responder = self._responder(self.copy)
        with torch.no_grad():
            structure = ev.structure_of(
                self.copy, responder, self.needed, declared=problem.declared, numbers=problem.scoring.numbers
            )
        self.before = responder.measure()
        self.ceiling = ceiling_of(trying.copied(model), problem) if self.mixes else None
        self.structure = self._checked(structure, responder)

    def _responder(self, model: nn.Module) -> Responder:
        return Responder(model, self.problem, self.sample, self.needed, self.place, can_smooth=self.mixes)

    def _checked(self, structure: Structure, responder: Responder) -> Structure:
        """The structure, without a reach that only a NaN has, which passes a mask of attention."""
        before = self.before
        is_deaf = before.influence == 0 and before.jacobian_share == 0 and before.response > 0
        if self.needed is None or not is_deaf or not structure.within_reach > 0:
            return structure
        if field.could_reach(responder, self.sample, self.needed, self.place):
            return structure
        return replace(structure, within_reach=0.0)

    def is_decided(self) -> bool:
        """True if no training can change the finding: the problem is solved, or by structure out of reach."""
        skill = self.problem.scoring.skill(self.scores.heldout.value)
        return skill >= SOLVED or (self.structure.declared and self.structure.within_reach < SOLVED)

    def evidence(self, trials: tuple[Trial, ...], steps: int) -> Evidence:
        """The evidence with some trials, the best of which is measured like the model."""
        after, state = None, self.copy
        if trials:
            state = trying.copied(trials[0].model, self.sample.x.dtype if self.sample.x.is_floating_point() else None)
            after = self._responder(state).measure()
        return Evidence(
            scores=self.scores,
            chance=self.problem.scoring.chance,
            structure=self.structure,
            readers=self.readers,
            before=self.before,
            after=after,
            trials=tuple(trying.without_model(trial) for trial in trials),
            memory=ev.memory_of(state, self.sample, self.problem),
            notes=(*self.problem.notes, *self.notes, *_shortened(trials, steps)),
            ceiling=self.ceiling,
            layers=ev.layers_of(self.copy),
        )


def _trials(model: nn.Module, problem: Problem, *, steps: int, seconds: float, seed: int) -> tuple[Trial, ...]:
    """Trials at two learning rates, the best first; the second only where the first does not solve the problem."""
    start, out = time.perf_counter(), []
    for number, lr in enumerate(trying.LEARNING_RATES):
        left = seconds - (time.perf_counter() - start)
        share = left / (len(trying.LEARNING_RATES) - number)
        out.append(trying.train(model, problem, steps=steps, lr=lr, seconds=share, seed=seed))
        if problem.scoring.skill(out[-1].best.heldout.value) >= SOLVED or not out[-1].steps:
            break
    return _ranked(tuple(out))


def _longer(
    model: nn.Module, problem: Problem, trials: tuple[Trial, ...], *, steps: int, seconds: float, seed: int
) -> tuple[Trial, ...]:
    """Trials with twice as many steps: of the best, where it learns, or of another at a rate between those two."""
    best = trials[0]
    score = best.best.heldout
    learns = problem.scoring.skill(score.value) > _LEARNS and score.low > problem.scoring.chance and not best.diverged
    lr, earlier = (best.lr, best) if learns else (trying.LAST_RATE, None)
    longer = trying.train(
        model, problem, steps=2 * steps, lr=lr, seconds=seconds, seed=seed, checks=12, earlier=earlier
    )
    return _ranked((longer, *(trials[1:] if learns else trials)))


def _ranked(trials: tuple[Trial, ...]) -> tuple[Trial, ...]:
    """Trials, the best first."""
    return tuple(sorted(trials, key=lambda trial: -_rank(trial)))


def _rank(trial: Trial) -> float:
    value = trial.best.heldout.value
    return value if math.isfinite(value) else -math.inf


def _frozen(model: nn.Module) -> str:
    """A note on parameters that no training changes."""
    every = list(model.named_parameters())
    names = [name for name, parameter in every if not parameter.requires_grad]
    if not names:
        return ""
    more = f" and {len(names) - 3} others" if len(names) > 3 else ""
    return (
        f"{len(names)} of the {len(every)} parameters are frozen (requires_grad=False), and stay so in a copy: "
        f"{', '.join(names[:3])}{more}"
    )


def _drawing(model: nn.Module, sample: Sample) -> str:
    """A note on outputs that differ from call to call."""
    with evaluating(model), torch.no_grad():
        first, again = (sample.run(model, sample.x).double() for _ in range(2))
    if torch.allclose(first, again, rtol=1e-6, equal_nan=True):
        return ""
    change = float((first - again).abs().max() / first.abs().max().clamp(min=1e-30))
    return (
        f"the outputs differ by up to {change:.0%} from call to call in evaluation mode, as with a dropout that is "
        "always on; scores are of single calls, and responses of calls with the same draws"
    )


def _shortened(trials: tuple[Trial, ...], steps: int) -> list[str]:
    short = [trial for trial in trials if trial.steps < steps and not trial.diverged and trial.best is not trial.last]
    return [
        f"a trial was ended after {trial.steps} of {steps} steps, for lack of time" for trial in short if trial.steps
    ]


@contextmanager
def at_rest() -> Iterator[None]:
    """A block that leaves torch's own generator and gradient mode as they are."""
    with torch.random.fork_rng([]), torch.inference_mode(False):
        yield
