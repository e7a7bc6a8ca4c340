"""Training in the suite: the weights of least validation loss, on a sample that is neither trained nor tested on."""

from __future__ import annotations

from typing import Any

import torch

from graphseq import seeding
from graphseq.experiments.longrange.answered import answered
from graphseq.tasks.base import Task
from graphseq.training.early_stopping import EarlyStopping
from graphseq.training.fit import fit

_VALIDATE = 1000
"""The place of the seed of validation samples, apart from those of :mod:`graphseq.seeding`."""


class Validation(EarlyStopping):
    """An :class:`~graphseq.training.EarlyStopping` on a data set, or on as many fresh graphs as are tested on.

    They are read a few thousand rows at a time: the 1,000 graphs of ``evaluate`` are too many where each is long.

    Args:
        validation: the validation part.
        every: steps between validations.
        samples: fresh graphs, where the task is no data set.
        seed: of the training; its validation graphs are others than those of the test of any seed.
    """

    def __init__(self, validation: Task, *, every: int, samples: int, seed: int) -> None:
        super().__init__(validation, every=every)
        self._samples, self._seed = samples, seeding.derive(seed, _VALIDATE)

    def loss(self, model: torch.nn.Module) -> float:
        """The task's loss over the sample."""
        said = answered(model, self._validation, samples=self._samples, seed=self._seed)
        return float(self._validation.loss(said.output, said.y))


def trained(
    model: torch.nn.Module, task: Task, validation: Task, *, validations: int, samples: int, **training: Any
) -> tuple[float, int]:
    """Train a model and leave it with the weights of least validation loss; returns that loss and its step.

    Args:
        model: the model.
        task: the training part.
        validation: the validation part.
        validations: how many times it is validated.
        samples: fresh graphs of a validation.
        training: steps, batch size, lr, seed and more, as :func:`graphseq.fit` takes them.
    """
    every = max(1, training["steps"] // validations)
    stopping = Validation(validation, every=every, samples=samples, seed=training["seed"])
    fit(model, task, optimizer="Adam", stop_threshold=None, callbacks=[stopping], **training)
    stopping.restore(model)
    return stopping.best_loss, stopping.best_step
