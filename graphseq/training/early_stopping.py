"""Training that keeps the weights which did best on windows, or graphs, that it did not train on."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor, nn

from graphseq import _checks
from graphseq.evaluation.predict import outputs, predict
from graphseq.tasks.base import Task
from graphseq.tasks.graphs import Collection
from graphseq.tasks.windows import Windowed
from graphseq.training.fit import fit
from graphseq.training.history import History


@dataclass(frozen=True)
class Selected:
    """How training went, and where it was best."""

    best_step: int  #: steps before the weights that were kept
    validation_loss: float  #: the loss of these on all of the validation part, in the task's units
    curve: list[tuple[int, float]]  #: steps, and the validation loss after them, each time it was looked at
    history: History  #: of all steps


def fit_with_validation(
    model: nn.Module,
    train: Task,
    validation: Windowed | Collection,
    *,
    steps: int,
    every: int,
    batch_size: int,
    optimizer: str | Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer],
    lr: float = 1e-3,
    clip: float = 1.0,
    seed: int = 0,
    device: torch.device | str = "cpu",
) -> Selected:
    r"""Train ``model`` and leave it with the weights of the step that was best on the validation part.

    .. math:: s^* = \arg\min_{s \in \{e, 2e, \dots, S\}} \mathcal L_{\text{validation}}(\theta_s)

    with e = ``every`` and S = ``steps``, the earliest of equals. The steps are those of :func:`~graphseq.fit`, bit for
    bit; looking at the validation part changes none of them.

    Args:
        model: see :func:`~graphseq.fit`.
        train: what to train on: windows of a recording, or graphs of a data set.
        validation: the windows or graphs to judge by, each read once, in evaluation mode.
        steps: S.
        every: e; the last look is at S.
        batch_size: windows or graphs in a batch.
        optimizer: a name or a function, see :func:`~graphseq.fit`.
        lr: learning rate of an optimiser given by name.
        clip: the largest norm of the gradient.
        seed: of the batches.
        device: where to train.

    Raises:
        TypeError, ValueError: see :func:`~graphseq.fit`.
        DivergedError: loss or gradient stopped being finite.

    Example:
        >>> import graphseq as gs
        >>> split = gs.tasks.Forecasting(gs.from_sequence(torch.arange(20.0)[:, None].sin()), lags=2).split(0.5, 0.25)
        >>> model = gs.nn.Model(gs.nn.LSTM(1, 4), 1)
        >>> found = fit_with_validation(
        ...     model, split.train, split.validation, steps=4, every=2, batch_size=2, optimizer="Adam"
        ... )
        >>> [step for step, _ in found.curve], found.history.steps
        ([2, 4], 4)
    """
    steps, every = _checks.at_least("steps", steps, 1), _checks.at_least("every", every, 1)
    curve: list[tuple[int, float]] = []
    best: dict[str, Tensor] = {}
    with TemporaryDirectory() as folder:
        for step in [*range(every, steps, every), steps]:
            # A run in pieces is one run to fit; what lies between them is in a file that is gone afterwards.
            history = fit(
                model,
                train,
                steps=step,
                batch_size=batch_size,
                optimizer=optimizer,
                lr=lr,
                clip=clip,
                seed=seed,
                device=device,
                stop_threshold=None,
                checkpoint_path=Path(folder) / "run.pt",
                resume=True,
            )
            loss = validation_loss(model, validation)
            if not best or loss < min(before for _, before in curve):
                best = {name: value.clone() for name, value in model.state_dict().items()}
            curve.append((step, loss))
    model.load_state_dict(best)
    at, least = min(curve, key=lambda point: point[1] if math.isfinite(point[1]) else math.inf)
    return Selected(at, least, curve, history)


def validation_loss(model: nn.Module, task: Windowed | Collection) -> float:
    """The task's loss over all its windows or graphs, each read once."""
    if isinstance(task, Collection):
        return float(task.loss(outputs(model, task), task.answers))
    found = predict(model, task)
    return float(task.loss(found.output, found.y))
