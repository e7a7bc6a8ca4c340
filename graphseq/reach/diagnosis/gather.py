"""All measurements of a model on a problem, in the order in which the cheap ones make the dear ones unnecessary."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import nn

from graphseq import seeding
from graphseq.reach.diagnosis import evidence as ev
from graphseq.reach.diagnosis import field
from graphseq.reach.diagnosis import readers as reading
from graphseq.reach.diagnosis import trial as trying
from graphseq.reach.diagnosis.evidence import Evidence, Structure
from graphseq.reach.diagnosis.problem import Problem
from graphseq.reach.diagnosis.responses import Responder
from graphseq.reach.diagnosis.trial import SOLVED, Scores, Trial


def gather(model: nn.Module, problem: Problem, *, steps: int, budget_seconds: float, seed: int) -> Evidence:
    """Measure a model on a problem.

    Args:
        model: the model; measured on copies.
        problem: the problem.
        steps: the most steps of each trial; 0 for none.
        budget_seconds: the most seconds of all trials.
        seed: of all draws.
    """
    with at_rest():
        scores = trying.scores(trying.copied(model), problem)
        found = None if problem.declared else reading.read(problem, seed)
        copy, sample, note = ev.ready(model, problem)
        needed = sample.needed if problem.declared else ev.measured_needs(found, sample)
        place = seeding.derive(seed, seeding.BUILD, 20) % 2**31
        responder = Responder(copy, problem, sample, needed, place, can_smooth=ev.mixes(model))
        with torch.no_grad():
            structure = ev.structure_of(copy, responder, needed, declared=problem.declared)
        before = responder.measure()
        is_deaf = before.influence == 0 and before.jacobian_share == 0 and structure.within_reach > 0
        if is_deaf and needed is not None and not field.could_reach(responder, sample, needed, place):
            structure = replace(structure, within_reach=0.0)  # a NaN passes a mask of attention, and nothing else does
        chance = problem.scoring.chance
        trials: tuple[Trial, ...] = ()
        if steps and not _is_decided(scores, structure, chance):
            trials = _trials(model, problem, steps=steps, seconds=budget_seconds, seed=seed)
        after = None
        if trials:
            trained = trying.copied(trials[0].model, sample.x.dtype if sample.x.is_floating_point() else None)
            after = Responder(trained, problem, sample, needed, place, can_smooth=ev.mixes(model)).measure()
        memory = ev.memory_of(trained if trials else copy, sample, problem)
    notes = (*problem.notes, *([note] if note else []), *_shortened(trials, steps))
    kept = tuple(trying.without_model(trial) for trial in trials)
    return Evidence(scores, chance, structure, found, before, after, kept, memory, notes)


def _is_decided(scores: Scores, structure: Structure, chance: float) -> bool:
    """Whether no training can change the finding: the problem is solved, or by structure out of reach."""
    skill = (scores.heldout.value - chance) / max(1 - chance, 1e-9)
    return skill >= SOLVED or (structure.declared and structure.within_reach < SOLVED)


def _trials(model: nn.Module, problem: Problem, *, steps: int, seconds: float, seed: int) -> tuple[Trial, ...]:
    """Trials at two learning rates, the best first; the second only where the first does not solve the problem."""
    start, out = time.perf_counter(), []
    for number, lr in enumerate(trying.LEARNING_RATES):
        left = seconds - (time.perf_counter() - start)
        share = left / (len(trying.LEARNING_RATES) - number)
        out.append(trying.train(model, problem, steps=steps, lr=lr, seconds=share, seed=seed))
        if problem.scoring.skill(out[-1].best.heldout.value) >= SOLVED or not out[-1].steps:
            break
    return tuple(sorted(out, key=lambda trial: -_rank(trial)))


def _rank(trial: Trial) -> float:
    value = trial.best.heldout.value
    return value if math.isfinite(value) else -math.inf


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
