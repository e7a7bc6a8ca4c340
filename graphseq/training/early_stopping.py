"""Validation during training: stop when it no longer improves, and keep the weights that did best."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq._prompt import short_repr
from graphseq.evaluation.predict import predict
from graphseq.tasks.answers import check_task
from graphseq.tasks.base import Task
from graphseq.training import callbacks as calling
from graphseq.training.callbacks import Callback
from graphseq.training.checkpoint import check_weights
from graphseq.training.distributed import ProcessGroup
from graphseq.training.fit import train
from graphseq.training.history import History
from graphseq.training.lr_schedule import Schedule
from graphseq.training.optim import OptimizerFactory
from graphseq.training.settings import DEFAULTS, Metrics, Precision, Settings


@short_repr
@dataclass(frozen=True)
class Selected:
    """The course of a training with validation, and its best step.

    Returned by :func:`graphseq.fit_with_validation`.
    """

    best_step: int  #: steps before the weights that were kept
    validation_loss: float  #: the loss of these weights on the whole validation set, in the task's units
    curve: list[tuple[int, float]]  #: steps, and the validation loss after them, at each validation
    history: History  #: of all steps


class EarlyStopping:
    r"""A callback that validates the model after every ``every`` steps and keeps a copy of the best weights.

    .. math:: s^* = \arg\min_{s \in \{e, 2e, \dots\}} \mathcal L_{\text{validation}}(\theta_s)

    with e = ``every``, the earliest of equals. :func:`graphseq.fit` leaves the model with the last weights;
    :meth:`restore` gives it the best ones.

    Args:
        validation: the windows or graphs of the validation set, each read once, in evaluation mode; of a task that
            draws fresh graphs, a sample that no training draws.
        every: e, in steps.
        patience: end the training after this many validations in a row without a new best; ``None`` never does.

    Attributes:
        curve: (step, validation loss) of each validation, in the task's units.

    Raises:
        TypeError, ValueError: a validation set that is no task, or a number below 1.

    Example:
        >>> import graphseq as gs, torch
        >>> split = gs.tasks.Forecasting(gs.from_sequence(torch.arange(40.0)[:, None].sin()), lags=2).split(0.5, 0.25)
        >>> model, stopping = gs.nn.Model(gs.nn.LSTM(1, 4), 1), EarlyStopping(split.validation, every=2, patience=5)
        >>> history = gs.fit(model, split.train, steps=20, batch_size=4, callbacks=[stopping])
        >>> stopping.restore(model)
        >>> stopping.best_step in range(2, 21, 2)
        True
    """

    @checked_arguments
    def __init__(self, validation: Task, *, every: int, patience: int | None = None) -> None:
        check_task(validation, "validation")
        self._validation = validation
        self._every = _checks.at_least("every", every, 1)
        self._patience = None if patience is None else _checks.at_least("patience", patience, 1)
        self.curve: list[tuple[int, float]] = []
        self._best: int | None = None
        self._weights: dict[str, Any] = {}

    def __call__(self, step: int, history: History, model: nn.Module, /) -> bool:
        """Validate where ``step`` is a multiple of ``every``; True once patience is at its end."""
        if step % self._every:
            return False
        if self.curve and step <= self.curve[-1][0]:
            raise ValueError("this EarlyStopping belongs to another training; make a new one for each")
        self.validate(step, model)
        return self._patience is not None and len(self.curve) - 1 - self._place >= self._patience

    @checked_arguments
    def validate(self, step: int, model: nn.Module) -> None:
        """Add the validation loss after ``step`` to the curve, and keep the weights if it is a new best."""
        loss = self.loss(model)
        if self._best is None or loss < self.best_loss or (math.isnan(self.best_loss) and not math.isnan(loss)):
            self._best = len(self.curve)
            self._weights = {name: deepcopy(value) for name, value in model.state_dict().items()}
        self.curve.append((step, loss))

    def loss(self, model: nn.Module) -> float:
        """The validation loss of a model, in the task's units."""
        return validation_loss(model, self._validation)

    @property
    def best_step(self) -> int:
        """The number of steps before the best weights.

        Raises:
            ValueError: there was no validation yet.
        """
        return self.curve[self._place][0]

    @property
    def best_loss(self) -> float:
        """The validation loss of the best weights.

        Raises:
            ValueError: there was no validation yet.
        """
        return self.curve[self._place][1]

    @checked_arguments
    def restore(self, model: nn.Module) -> None:
        """Give ``model`` the best weights.

        Raises:
            ValueError: there was no validation yet; or another model, which is then untouched.
        """
        step = self.curve[self._place][0]
        check_weights(model, self._weights, f"EarlyStopping after step {step}, which must be of this model,")
        model.load_state_dict(self._weights)

    def state_dict(self) -> dict[str, Any]:
        """The settings, the curve and the best weights, for a checkpoint."""
        return {
            **self._settings(),
            "curve": [list(point) for point in self.curve],
            "best": self._best,
            "weights": dict(self._weights),
        }

    @checked_arguments
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a checkpoint.

        Raises:
            ValueError: the state is of other settings.
        """
        for name, now in self._settings().items():
            if name not in state:
                raise ValueError(f"state is none of EarlyStopping: it has no {name}; give what state_dict() returned")
            if state[name] != now:
                raise ValueError(f"{name} of EarlyStopping was {state[name]!r}, now {now!r}")
        self.curve = [(int(step), float(loss)) for step, loss in state["curve"]]
        self._best, self._weights = state["best"], dict(state["weights"])

    def _settings(self) -> dict[str, object]:
        return {"every": self._every, "patience": self._patience, "validation": self._validation.config}

    @property
    def _place(self) -> int:
        if self._best is None:
            raise ValueError(f"there was no validation yet: the first is after step {self._every}")
        return self._best


def fit_with_validation(  # noqa: D417 - the other arguments are those of fit
    model: nn.Module,
    task: Task,
    validation: Task,
    *,
    every: int,
    patience: int | None = None,
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
    checkpoint_path: str | Path | None = DEFAULTS.checkpoint_path,
    checkpoint_every: int = DEFAULTS.checkpoint_every,
    resume: bool = DEFAULTS.resume,
    record_gradients: bool = DEFAULTS.record_gradients,
    metrics: Metrics = DEFAULTS.metrics,
    progress: bool = DEFAULTS.progress,
    callbacks: Sequence[Callback] = DEFAULTS.callbacks,
    group: ProcessGroup | None = DEFAULTS.group,
    precision: Precision = DEFAULTS.precision,
) -> Selected:
    r"""Train ``model`` and leave it with the weights of the step that was best on the validation set.

    .. math:: s^* = \arg\min_{s \in \{e, 2e, \dots, S\}} \mathcal L_{\text{validation}}(\theta_s)

    with e = ``every`` and S the last step, the earliest of equals. The steps are those of :func:`~graphseq.fit`, bit
    for bit; validation changes none of them.

    A checkpoint holds the last weights, and the best
    ones beside them.

    Args:
        model: see :func:`~graphseq.fit`.
        task: the training set: windows of a recording, or graphs of a data set.
        validation: the windows or graphs of the validation set, each read once, in evaluation mode.
        every: e, in steps; the last validation is after the last step.
        patience: stop after this many validations in a row without a new best; ``None`` never does.

    The other arguments are those of :func:`~graphseq.fit`.

    Raises:
        TypeError, ValueError: see :func:`~graphseq.fit`.
        DivergedError: loss or gradient stopped being finite.

    Example:
        >>> import graphseq as gs
        >>> split = gs.tasks.Forecasting(gs.from_sequence(torch.arange(20.0)[:, None].sin()), lags=2).split(0.5, 0.25)
        >>> model = gs.nn.Model(gs.nn.LSTM(1, 4), 1)
        >>> selected = fit_with_validation(
        ...     model, split.train, split.validation, steps=4, every=2, batch_size=2, optimizer="Adam"
        ... )
        >>> [step for step, _ in selected.curve], selected.history.steps
        ([2, 4], 4)
    """
    stopping = EarlyStopping(validation, every=every, patience=patience)
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
        checkpoint_path=checkpoint_path,
        checkpoint_every=checkpoint_every,
        resume=resume,
        record_gradients=record_gradients,
        metrics=metrics,
        progress=progress,
        callbacks=[*calling.checked(callbacks), stopping],
        group=group,
        precision=precision,
    )
    history = train(model, task, settings)
    if not stopping.curve or stopping.curve[-1][0] != history.steps:
        stopping.validate(history.steps, model)
    stopping.restore(model)
    return Selected(stopping.best_step, stopping.best_loss, stopping.curve, history)


def validation_loss(model: nn.Module, task: Task) -> float:
    """The task's loss over all its windows or graphs, each read once; of another task, over a sample."""
    predictions = predict(model, task)
    return float(task.loss(predictions.output, predictions.y))
