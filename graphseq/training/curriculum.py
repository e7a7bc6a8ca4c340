"""Training on easy tasks first: one model, tasks of growing difficulty, one budget of steps for all of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import torch
from torch import nn

from graphseq import _checks, seeding
from graphseq.tasks.base import Task
from graphseq.training.fit import fit
from graphseq.training.history import History
from graphseq.training.optim import OptimizerFactory, make_optimizer


def fit_curriculum(
    model: nn.Module,
    tasks: Sequence[Task],
    *,
    steps: int = 10_000,
    batch_size: int = 128,
    optimizer: str | OptimizerFactory = "Adam",
    lr: float = 1e-3,
    clip: float = 1.0,
    seed: int = 0,
    device: torch.device | str = "cpu",
    advance_threshold: float = 0.99,
    advance_window: int = 20,
    stop_threshold: float = 1.0,
    stop_window: int = 100,
) -> list[History]:
    """Train ``model`` on one task after another, each until it is passed and the last until it is solved.

    All steps count against one budget, whatever the task; a task that is not passed within what is left of it is the
    last. The optimiser goes on from task to task with all that it has gathered. Since most steps are spent where
    sequences are short, a long one costs little more than the few steps that confirm it.

    Args:
        model: gives the tasks' outputs; one model, so all tasks have the same channels.
        tasks: the easiest first; the last is what the training is for.
        steps: the most steps, of all tasks together.
        batch_size: B.
        optimizer: as for :func:`~graphseq.fit`.
        lr: learning rate.
        clip: the largest norm of the gradient.
        seed: 0 or more; each task draws its batches from a stream of its own.
        device: where to train.
        advance_threshold: go on to the next task when the score, averaged over the last ``advance_window`` steps on
            this one, is at least this.
        advance_window: in steps.
        stop_threshold: stop on the last task when its score over the last ``stop_window`` steps is at least this.
        stop_window: in steps.

    Returns:
        The :class:`~graphseq.History` of each task that was begun, in order. The training reached its end where there
        are as many as tasks and the last is ``solved``.

    Raises:
        TypeError, ValueError: no task, tasks of different channels, or as for :func:`~graphseq.fit`.
        DivergedError: as there; its history is that of the task on which it happened.

    Source: Bengio et al., *Curriculum learning* (2009); over length, Zaremba and Sutskever, *Learning to execute*
    (2014), section 3.

    Example:
        >>> import graphseq as gs
        >>> tasks = [gs.tasks.Transfer(length) for length in growing_lengths(2, 8)]
        >>> model = gs.nn.Model(gs.nn.GRU(10, 16), 10)
        >>> stages = fit_curriculum(model, tasks, steps=600, lr=0.01, stop_window=20)
        >>> len(stages) == len(tasks), sum(stage.steps for stage in stages) <= 600
        (True, True)
    """
    left = _checks.at_least("steps", steps, 1)
    _check_tasks(tasks)
    carried = _Carried(optimizer, lr)
    stages: list[History] = []
    for number, task in enumerate(tasks):
        is_last = number == len(tasks) - 1
        stage = fit(
            model,
            task,
            steps=left,
            batch_size=batch_size,
            optimizer=carried,
            clip=clip,
            seed=seeding.derive(seed, seeding.TRAIN, number),
            device=device,
            stop_threshold=stop_threshold if is_last else advance_threshold,
            stop_window=stop_window if is_last else advance_window,
        )
        stages.append(stage)
        left -= stage.steps
        if not stage.solved or not left:
            break
    return stages


def growing_lengths(first: int, last: int, factor: float = 2.0) -> list[int]:
    """Lengths from ``first`` to ``last``, each at most ``factor`` times the one before.

    Args:
        first: the shortest, at least 1.
        last: the longest, at least ``first``.
        factor: above 1.

    Raises:
        ValueError: a length or factor below what is asked for.

    Example:
        >>> growing_lengths(4, 100, 3)
        [4, 12, 36, 100]
    """
    lengths = [_checks.at_least("first", first, 1)]
    last = _checks.at_least("last", last, first)
    if _checks.positive("factor", factor) <= 1:
        raise ValueError(f"factor must be above 1, got {factor}")
    while lengths[-1] < last:
        lengths.append(min(last, max(lengths[-1] + 1, math.floor(lengths[-1] * factor))))
    return lengths


class _Carried:
    """An optimiser that is made once and then handed on, as a factory."""

    def __init__(self, optimizer: str | OptimizerFactory, lr: float) -> None:
        self._optimizer, self._lr = optimizer, _checks.positive("lr", lr)
        self._made: torch.optim.Optimizer | None = None

    def __call__(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        if self._made is None:
            self._made = make_optimizer(self._optimizer, list(parameters), self._lr)
        return self._made


def _check_tasks(tasks: Sequence[Task]) -> None:
    if not tasks:
        raise ValueError("tasks must hold at least one task, got none")
    for task in tasks:
        if not isinstance(task, Task):
            raise TypeError(f"tasks must be graphseq.tasks.Task, got {type(task).__name__}")
    channels = {(task.in_channels, task.out_channels) for task in tasks}
    if len(channels) > 1:
        raise ValueError(f"tasks must have the same channels in and out, got {sorted(channels)}")
