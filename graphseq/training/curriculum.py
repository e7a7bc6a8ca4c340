"""Curriculum learning: one model, tasks of growing difficulty, and one budget of steps for all of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import nn

from graphseq import _checks, seeding
from graphseq.evaluation import modes
from graphseq.tasks.answers import check_model, check_task
from graphseq.tasks.base import Task
from graphseq.tasks.identity import identity
from graphseq.training.callbacks import Callback
from graphseq.training.distributed import ProcessGroup
from graphseq.training.fit import Stepper, train
from graphseq.training.history import History
from graphseq.training.lr_schedule import Schedule
from graphseq.training.optim import OptimizerFactory
from graphseq.training.settings import DEFAULTS, Metrics, Precision, Settings


def fit_curriculum(  # noqa: D417 - the other arguments are those of fit
    model: nn.Module,
    tasks: Sequence[Task],
    *,
    steps: int = DEFAULTS.steps,
    batch_size: int = DEFAULTS.batch_size,
    optimizer: str | OptimizerFactory = DEFAULTS.optimizer,
    lr: float | None = DEFAULTS.lr,
    schedule: Schedule | None = DEFAULTS.schedule,
    clip: float = DEFAULTS.clip,
    seed: int = DEFAULTS.seed,
    device: torch.device | str = DEFAULTS.device,
    stop_threshold: float | None = DEFAULTS.stop_threshold,
    stop_window: int = DEFAULTS.stop_window,
    record_gradients: bool = DEFAULTS.record_gradients,
    metrics: Metrics = DEFAULTS.metrics,
    progress: bool = DEFAULTS.progress,
    callbacks: Sequence[Callback] = DEFAULTS.callbacks,
    group: ProcessGroup | None = DEFAULTS.group,
    precision: Precision = DEFAULTS.precision,
    advance_threshold: float = 0.99,
    advance_window: int = 20,
) -> list[History]:
    """Train ``model`` on one task after another, each until it is passed and the last until it is solved.

    All steps count against one budget, whatever the task; a task that is not passed within the rest of the budget is
    the last. The optimiser and its schedule go on from task to task. Since most steps are spent where sequences are
    short, a long one costs little more than the few steps that confirm it.

    A callback sees each task's training by itself,
    with steps counted from 1 and a history of its own; one that ends it ends the curriculum. There are no checkpoints.

    Args:
        model: gives the tasks' outputs; one model, so all tasks have the same channels.
        tasks: the easiest first; the last is what the training is for.
        steps: the most steps, of all tasks together.
        seed: 0 or more; each task draws its batches from a stream of its own.
        advance_threshold: go on to the next task when the score, averaged over the last ``advance_window`` steps on
            this one, is at least this.
        advance_window: in steps.
        stop_threshold: stop on the last task when its score over the last ``stop_window`` steps is at least this.
        stop_window: in steps.

    The other arguments are those of :func:`~graphseq.fit`.

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
        >>> stages = fit_curriculum(model, tasks, steps=600, optimizer="Adam", lr=0.01, clip=1.0, stop_window=20)
        >>> len(stages) == len(tasks), sum(stage.steps for stage in stages) <= 600
        (True, True)
    """
    settings = Settings(
        steps=steps,
        batch_size=batch_size,
        optimizer=optimizer,
        lr=lr,
        schedule=schedule,
        clip=clip,
        seed=seed,
        device=device,
        stop_threshold=stop_threshold,
        stop_window=stop_window,
        record_gradients=record_gradients,
        metrics=metrics,
        progress=progress,
        callbacks=callbacks,
        group=group,
        precision=precision,
    )
    advance_threshold = _checks.finite("advance_threshold", advance_threshold)
    advance_window = _checks.at_least("advance_window", advance_window, 1)
    _check_tasks(tasks)
    check_model(model)
    stages: list[History] = []
    if settings.group is not None:
        advancing = {"advance_threshold": advance_threshold, "advance_window": advance_window}
        settings.group.agree({**advancing, "tasks": [identity(task) for task in tasks], "steps": settings.steps})
    with modes.training(model):
        model.to(settings.device)
        stepper = Stepper(model, settings)
        for number, task in enumerate(tasks):
            is_last = number == len(tasks) - 1
            stage_settings = replace(
                settings,
                steps=settings.steps - stepper.steps,
                seed=seeding.derive(settings.seed, seeding.TRAIN, number),
                stop_threshold=settings.stop_threshold if is_last else advance_threshold,
                stop_window=settings.stop_window if is_last else advance_window,
            )
            stages.append(train(model, task, stage_settings, stepper, is_last=is_last))
            stepper.steps += stages[-1].steps
            if not stages[-1].solved or stepper.steps == settings.steps:
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
        lengths.append(min(last, max(lengths[-1] + 1, math.floor(min(lengths[-1] * factor, last)))))
    return lengths


def _check_tasks(tasks: Sequence[Task]) -> None:
    if isinstance(tasks, str) or not isinstance(tasks, Sequence):
        raise TypeError(f"tasks must be a sequence of tasks, the easiest first; got {type(tasks).__name__}")
    if not tasks:
        raise ValueError("tasks must hold at least one task, got none")
    for number, task in enumerate(tasks):
        check_task(task, f"tasks[{number}]")
    channels = {(task.in_channels, task.out_channels) for task in tasks}
    if len(channels) > 1:
        raise ValueError(f"tasks must have the same channels in and out, got {sorted(channels)}")
