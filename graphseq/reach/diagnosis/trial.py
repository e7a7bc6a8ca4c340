"""A trial: a copy of the model is trained for a few hundred steps, to see what training alone repairs."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from graphseq import seeding
from graphseq.evaluation.modes import evaluating
from graphseq.reach.diagnosis.problem import Problem, Sample
from graphseq.reach.diagnosis.scoring import Score

LEARNING_RATES = (1e-2, 2e-3)
LAST_RATE = 5e-3  # of a third trial, twice as long, where two leave a question
SOLVED = 0.9  # the skill from which a problem counts as solved
_LEARNT = 0.97  # the skill above which more steps would show nothing
_CHECKS = 6


@dataclass(frozen=True)
class Scores:
    """Scores of a model on answers held out and, of a data set, on those of training; and the losses there."""

    heldout: Score
    trained_on: Score | None
    loss: float


@dataclass(frozen=True)
class Trial:
    """The training of one copy.

    Attributes:
        lr: learning rate of Adam; the norm of a gradient is clipped to 1.
        steps: steps taken.
        diverged: whether loss or gradient stopped being finite.
        best: the scores at the best of seven checks.
        last: the scores at the last check.
        heldout: held-out score at each check.
        losses: mean training loss before each check.
        silent: parameters that never got a gradient other than zero.
        first_gradient: norm of the first gradient of all parameters.
        model: the trained copy.
        optimizer: the state of Adam, to go on from.
    """

    lr: float
    steps: int
    diverged: bool
    best: Scores
    last: Scores
    heldout: tuple[float, ...]
    losses: tuple[float, ...]
    silent: tuple[str, ...]
    first_gradient: float
    model: nn.Module
    optimizer: dict[str, Any] | None = None


def scores(model: nn.Module, problem: Problem) -> Scores:
    """The scores of a model as it is, in evaluation mode."""
    with evaluating(model), torch.no_grad():
        held, loss = _score(model, problem, problem.heldout())
        trained, _ = _score(model, problem, problem.trained_on())
    assert held is not None  # noqa: S101 - there are always answers held out
    return Scores(held, trained, loss)


def _score(model: nn.Module, problem: Problem, samples: Sequence[Sample]) -> tuple[Score | None, float]:
    if not samples:
        return None, math.nan
    outputs = [sample.run(model, sample.x).float() for sample in samples]
    shift, owners = 0, []
    for sample in samples:
        owners.append(sample.rows.graphs + shift)
        shift += sample.rows.num_graphs
    output, y = torch.cat(outputs), torch.cat([sample.y for sample in samples])
    if not bool(output.isfinite().all()):
        return Score(problem.scoring.chance, problem.scoring.chance, problem.scoring.chance), math.inf
    return problem.scoring.of(output, y, torch.cat(owners)), float(problem.loss(output, y))


def train(
    model: nn.Module,
    problem: Problem,
    *,
    steps: int,
    lr: float,
    seconds: float,
    seed: int,
    checks: int = _CHECKS,
    earlier: Trial | None = None,
) -> Trial:
    """Train a copy of a model for at most ``steps`` steps and ``seconds`` seconds.

    Args:
        model: the model; not used where ``earlier`` is given.
        problem: the data, the loss and the score.
        steps: the most steps.
        lr: learning rate of Adam.
        seconds: the most seconds.
        seed: of what the model draws in training mode.
        checks: how often scores are measured.
        earlier: a trial to go on with.
    """
    copy = copied(model if earlier is None else earlier.model)
    parameters = {name: p for name, p in copy.named_parameters() if p.requires_grad}
    if not parameters:
        before = scores(copy, problem)
        return Trial(lr, 0, False, before, before, (before.heldout.value,), (), (), 0.0, copy)
    optimizer = torch.optim.Adam(parameters.values(), lr=lr)
    course = _Course.begun(scores(copy, problem), set(parameters)) if earlier is None else _Course.of(earlier)
    if earlier is not None and earlier.optimizer is not None:
        optimizer.load_state_dict(earlier.optimizer)
    done = course.steps
    stops = {done + max(1, round(steps * n / checks)) for n in range(1, checks + 1)}
    start = time.perf_counter()
    copy.train()
    with torch.inference_mode(False), torch.enable_grad(), seeding.forked(seed, seeding.TRAIN, 19 + (done > 0)):
        for step in range(done + 1, done + steps + 1):
            course.add(step, *_step(copy, problem, parameters, optimizer, step, course.silent))
            if course.diverged:
                break
            is_late = time.perf_counter() - start > seconds
            if step in stops or is_late:
                course.check(scores(copy, problem))
                if is_late or problem.scoring.skill(course.last.heldout.value) > _LEARNT:
                    break
    return course.trial(lr, copy, optimizer)


@dataclass
class _Course:
    """The facts of a training while it goes on; those of a :class:`Trial`."""

    best: Scores
    last: Scores
    heldout: list[float]
    silent: set[str]
    losses: list[float] = field(default_factory=list)
    steps: int = 0
    first_gradient: float = math.nan
    diverged: bool = False
    recent: list[float] = field(default_factory=list)  #: losses since the last check

    @classmethod
    def begun(cls, before: Scores, parameters: set[str]) -> _Course:
        """The course of a training before its first step."""
        return cls(before, before, [before.heldout.value], parameters)

    @classmethod
    def of(cls, trial: Trial) -> _Course:
        """The course of a training that goes on where a trial ended."""
        best, last, heldout, losses = trial.best, trial.last, list(trial.heldout), list(trial.losses)
        return cls(best, last, heldout, set(trial.silent), losses, trial.steps, trial.first_gradient)

    def add(self, step: int, loss: float, norm: float) -> None:
        """Add a step: its loss and the norm of its gradient."""
        self.steps = step
        self.first_gradient = norm if step == 1 else self.first_gradient
        self.diverged = not (math.isfinite(loss) and math.isfinite(norm))
        if not self.diverged:
            self.recent.append(loss)

    def check(self, found: Scores) -> None:
        """Add the scores after the last step."""
        self.last = found
        self.heldout.append(found.heldout.value)
        self.losses.append(sum(self.recent) / len(self.recent))
        self.recent = []
        if found.heldout.value > self.best.heldout.value:
            self.best = found

    def trial(self, lr: float, model: nn.Module, optimizer: torch.optim.Optimizer) -> Trial:
        """The trial that this training was."""
        return Trial(
            lr,
            self.steps,
            self.diverged,
            self.best,
            self.last,
            tuple(self.heldout),
            tuple(self.losses),
            tuple(sorted(self.silent)),
            self.first_gradient,
            model,
            optimizer.state_dict(),
        )


def _step(
    model: nn.Module,
    problem: Problem,
    parameters: dict[str, nn.Parameter],
    optimizer: torch.optim.Optimizer,
    step: int,
    silent: set[str],
) -> tuple[float, float]:
    """One step of training: its loss and the norm of its gradient."""
    sample = problem.train(step)
    optimizer.zero_grad()
    loss = problem.loss(sample.run(model, sample.x), sample.y)
    if not loss.requires_grad:
        return float(loss), 0.0
    loss.backward()
    for name in list(silent):
        gradient = parameters[name].grad
        if gradient is not None and bool((gradient != 0).any()):
            silent.discard(name)
    norm = float(nn.utils.clip_grad_norm_(parameters.values(), 1.0))
    if math.isfinite(norm):
        optimizer.step()
    return float(loss.detach()), norm


def copied(model: nn.Module, dtype: torch.dtype | None = None) -> nn.Module:
    """A copy of a model on the CPU, of another dtype if one is given.

    Raises:
        ValueError: a model that cannot be copied.
    """
    try:
        with torch.random.fork_rng([]):  # a copy of PyG's Linear draws new weights first, in some versions
            out = deepcopy(model).cpu()
    except Exception as error:
        raise ValueError(f"model cannot be copied, and a diagnosis trains a copy: {error}") from error
    return out if dtype is None else out.to(dtype)


def without_model(trial: Trial) -> Trial:
    """The trial without its copy, to be kept in a record."""
    return replace(trial, model=nn.Identity(), optimizer=None)


def gradient_of(value: Tensor, x: Tensor) -> Tensor:
    """∂ value / ∂ x; zero where ``value`` does not depend on x."""
    if not value.requires_grad:
        return torch.zeros_like(x)
    gradient: Tensor | None = torch.autograd.grad(value, x, retain_graph=True, allow_unused=True)[0]
    return torch.zeros_like(x) if gradient is None else gradient
