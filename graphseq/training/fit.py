"""The training loop, for any model and any task."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_

from graphseq import seeding
from graphseq._arguments import checked_arguments
from graphseq._torch import precision as _precision
from graphseq.data.graph import SpaceTimeGraph
from graphseq.evaluation import modes
from graphseq.evaluation.metrics import measure
from graphseq.evaluation.outputs import checked, outputs_of
from graphseq.tasks.answers import check_model, check_task, loss_of, not_finite
from graphseq.tasks.base import Task
from graphseq.tasks.identity import identity, undescribed
from graphseq.training import callbacks as calling
from graphseq.training.callbacks import Callback
from graphseq.training.checkpoint import Checkpoints, describe
from graphseq.training.distributed import ProcessGroup, SingleProcess
from graphseq.training.history import History, machine
from graphseq.training.lr_schedule import Rates, Schedule
from graphseq.training.optim import OptimizerFactory, make_optimizer
from graphseq.training.progress import Bar, progress_bar
from graphseq.training.settings import DEFAULTS, Metrics, Precision, Settings


class DivergedError(ArithmeticError):
    """The loss or the gradient became NaN or infinite; the message names step, learning rate and gradient norm.

    Raised by :func:`graphseq.fit`.

    Attributes:
        history: the steps before.
    """

    @checked_arguments
    def __init__(self, message: str, history: History) -> None:
        super().__init__(message)
        self.history = history


def fit(
    model: nn.Module,
    task: Task,
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
    checkpoint_path: str | Path | None = DEFAULTS.checkpoint_path,
    checkpoint_every: int = DEFAULTS.checkpoint_every,
    resume: bool = DEFAULTS.resume,
    record_gradients: bool = DEFAULTS.record_gradients,
    metrics: Metrics = DEFAULTS.metrics,
    progress: bool = DEFAULTS.progress,
    callbacks: Sequence[Callback] = DEFAULTS.callbacks,
    group: ProcessGroup | None = DEFAULTS.group,
    precision: Precision = DEFAULTS.precision,
) -> History:
    r"""Train ``model`` on ``task``.

    Each step draws a fresh batch, takes the gradient of the task's loss, scales it to a norm of at most ``clip``, and
    lets the optimiser step. The batch of step s, and any dropout in it, is a function of (``seed``, s) alone, so a run
    that was stopped and resumed is equal, bit for bit, to one that never stopped. A run that a callback ended, or that
    is solved, is complete: resuming it takes no further step.

    Args:
        model: gives the task's outputs from its graphs; moved to ``device``.
        task: gives batches, loss and score.
        steps: the most steps, those before a resume included.
        batch_size: B.
        optimizer: "SGD", "momentum" (SGD with momentum 0.9), "RMSprop", "Adam" or "AdamW", with torch's other defaults;
            or an optimiser class, or a function from parameters to an optimiser.
        lr: learning rate, which a class or function is given as its argument ``lr``. Without it, 1e-3 of an optimiser
            by name, and what the class or function itself sets.
        schedule: factor of the learning rate as a function of the number of steps taken before, such as
            :class:`~graphseq.training.lr_schedule.StepDecay`; without it, the rate stays.
        clip: the largest norm of the gradient.
        seed: 0 or more.
        device: where to train.
        stop_threshold: stop when the score, averaged over the last ``stop_window`` steps, is at least this, without
            the update of that step: the weights are those that its batch has tested. ``None`` never stops early.
        stop_window: in steps.
        checkpoint_path: file to write checkpoints to, replaced in one piece each time.
        checkpoint_every: in steps; one more is written at the end.
        resume: go on from ``checkpoint_path`` where that file is there. Without it, an existing file is an error.
        record_gradients: keep the norm of every parameter's gradient at every step, in ``History.gradients``.
        metrics: further values to record of every batch, in ``History.metrics``: "accuracy", "mse", "mae", "r2",
            "average_precision", functions of (output, y), and metrics of torchmetrics; or a mapping from names to
            these. They see outputs and answers on the CPU.
        progress: show a progress bar.
        callbacks: functions of (step, history, model), each called after every step; one that returns True ends the
            training. None of them changes a number of it. See :class:`~graphseq.training.Callback`; some are
            :class:`~graphseq.training.EarlyStopping`, :class:`~graphseq.training.Every` and
            :class:`~graphseq.training.TensorBoard`.
        group: the processes that share each batch, from :func:`graphseq.training.distributed.process_group`. Each
            calls this with the same arguments and has the same history and weights; the first one writes the
            checkpoints, where all can read them.
        precision: "bfloat16" computes the model's matrix products with 8 bits of mantissa in place of 24, by torch's
            autocast, where the hardware is faster at that; weights, sparse products, the GCN-LSTM's kernel, loss and
            optimiser stay in float32. So does the LSTM's kernel on a CPU that has none for bfloat16 (one without
            AVX-512), as ``History.machine`` then tells. ``benchmarks/precision.py`` measures the cost in accuracy.

    Returns:
        The :class:`History` of all steps, those before a resume included.

    Raises:
        TypeError, ValueError: an argument is not what is asked for above; the task is causal and the model is not; the
            checkpoint is of another run or cut short; ``precision`` is not possible for this model on this processor.
        FileExistsError: ``checkpoint_path`` is there and ``resume`` is false.
        DivergedError: loss or gradient stopped being finite. The weights are those before that step, and the last
            checkpoint is kept.

    Example:
        >>> import graphseq as gs
        >>> task = gs.tasks.Transfer(length=2)
        >>> model = gs.nn.Model(gs.nn.GCN(task.in_channels, 16, num_layers=1), task.out_channels)
        >>> gs.fit(model, task, steps=400, optimizer="Adam", lr=0.03).solved
        True
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
        checkpoint_path=checkpoint_path,
        checkpoint_every=checkpoint_every,
        resume=resume,
        record_gradients=record_gradients,
        metrics=metrics,
        progress=progress,
        callbacks=callbacks,
        group=group,
        precision=precision,
    )
    return train(model, task, settings)


def train(
    model: nn.Module, task: Task, settings: Settings, stepper: Stepper | None = None, *, is_last: bool = True
) -> History:
    """Train as :func:`fit` does, with checked settings, and with an optimiser that goes on from another training.

    A training that is not the last of its model takes the update of its last step, too, since the next one tests it.
    """
    check_trainable(model, task)
    if settings.resume and (names := undescribed(task)):
        raise ValueError(
            f"resume needs a task that can be told from others, but {type(task).__name__} has a constructor whose "
            f"{', '.join(names)} cannot be compared; give it a property config, a dict of numbers and strings"
        )
    with modes.training(model):
        return _train(model, task, settings, stepper, is_last)


def _train(model: nn.Module, task: Task, settings: Settings, stepper: Stepper | None, is_last: bool) -> History:
    group, device = settings.group or SingleProcess(), torch.device(settings.device)
    model.to(device)
    stepper = stepper or Stepper(model, settings)
    checkpoints = Checkpoints(settings, model, stepper.optimizer)
    config = described(settings, stepper, model, task)
    if group.size > 1:
        group.agree(_shared(settings, stepper, task, config))
    history = checkpoints.begin(config)
    group.agree({"the number of steps in the checkpoint": history.steps})
    stepper.rates.check(history.lr)
    history.machine = machine(device, settings.precision)
    run = _Run(model, group.replicate(model), task, settings, group, stepper, is_last)
    shown = settings.progress and group.is_first
    bar = progress_bar(settings.steps, history.steps, "step", shown=shown, terminal=False)
    clock = time.perf_counter() - history.seconds
    with bar:
        while history.steps < settings.steps and not (history.solved or history.stopped_by):
            for_batch, for_layers = seeding.derive_pair(settings.seed, seeding.TRAIN, history.steps)
            with seeding.forked_at(for_layers, device):  # a step at a time, for trainings of other threads
                run.step(history, checkpoints, for_batch)
                history.seconds = time.perf_counter() - clock
                if settings.callbacks:
                    history.stopped_by = group.any(calling.call(settings.callbacks, history, model))
                    clock = time.perf_counter() - history.seconds  # the time of callbacks is not that of steps
            checkpoints.after_step(history)
            if settings.progress:
                _show(bar, history)
    checkpoints.after_all(history)
    return history


def is_solved(history: History, settings: Settings) -> bool:
    """True where the mean score of the last steps is high enough to stop."""
    threshold = settings.stop_threshold
    return threshold is not None and history.recent_score(settings.stop_window) >= threshold


class Stepper:
    """An optimiser of a model's trained parameters and its learning rates.

    Attributes:
        parameters: the trained parameters.
        optimizer: the optimiser.
        rates: its learning rates.
        steps: how many were taken in trainings before this one.
    """

    def __init__(self, model: nn.Module, settings: Settings) -> None:
        # Sorted, since rounding in the norm of all gradients depends on their order: two modules that hold the same
        # weights under other names (the LSTM, and the GCN-LSTM without edges) then train alike, bit for bit.
        trained = (parameter for parameter in model.parameters() if parameter.requires_grad)
        self.parameters = sorted(trained, key=lambda parameter: tuple(parameter.shape))
        self.optimizer = make_optimizer(settings.optimizer, self.parameters, settings.lr)
        self.lr = float(self.optimizer.param_groups[0]["lr"])
        self.rates = Rates(self.optimizer, settings.schedule)
        self.steps = 0


@dataclass
class _Run:
    """The step of a training."""

    model: nn.Module
    replica: nn.Module
    task: Task
    settings: Settings
    group: SingleProcess
    stepper: Stepper
    is_last: bool

    def step(self, history: History, checkpoints: Checkpoints, seed: int) -> None:
        """Take the next step, on the batch of ``seed``, and add it to the history.

        Raises:
            DivergedError: loss or gradient is not finite; no weight was changed then.
        """
        settings, task, stepper = self.settings, self.task, self.stepper
        batch = task.batch(settings.batch_size, torch.Generator().manual_seed(seed))
        graph, share = self.group.share(task, checked(task, batch))
        graph = graph.to(settings.device)
        stepper.rates.set(stepper.steps + history.steps)
        stepper.optimizer.zero_grad()
        output = _computed(self.replica, graph, settings.precision)
        loss = loss_of(task, output, graph.y) * share
        if not loss.requires_grad:
            raise ValueError(
                "the loss does not depend on the model's weights, so that there is nothing to learn from: its outputs, "
                "or the task's loss of them, carry no gradient"
            )
        loss.backward()
        gradients = _gradient_norms(self.model) if settings.record_gradients else None
        norm = float(clip_grad_norm_(stepper.parameters, settings.clip))
        rate = float(stepper.optimizer.param_groups[0]["lr"])
        value, score = self.group.mean(loss.item(), task.score(output, graph.y).mean().item() * share)
        if not math.isfinite(value) or not math.isfinite(norm):
            message = diverged(history.steps + 1, value, rate, norm, checkpoints.path, checkpoints.step)
            raise DivergedError(message + blamed(task, graph), history)
        measured = None
        if settings.named_metrics:
            measured = measure(settings.named_metrics, *self.group.gather(output.detach(), graph.y))
        history.append(value, score, norm, rate, gradients, measured)
        history.solved = is_solved(history, settings)
        if not (history.solved and self.is_last):  # no batch would test the update
            stepper.optimizer.step()


def described(settings: Settings, stepper: Stepper, model: nn.Module, task: Task) -> dict[str, object]:
    """The configuration of a training, for its record and to be compared on a resume."""
    return {
        "precision": settings.precision,
        "task": identity(task),
        "model": describe(model),
        "batch_size": settings.batch_size,
        "optimizer": settings.optimizer if isinstance(settings.optimizer, str) else repr(stepper.optimizer),
        "lr": stepper.lr,
        "schedule": stepper.rates.name,
        "clip": settings.clip,
        "seed": settings.seed,
        "stop_threshold": settings.stop_threshold,
        "stop_window": settings.stop_window,
        "record_gradients": settings.record_gradients,
        "metrics": list(settings.named_metrics),
    }


def _shared(settings: Settings, stepper: Stepper, task: Task, config: dict[str, object]) -> dict[str, object]:
    """All that processes which train together must be given alike, by the name of the argument."""
    middle = sorted({0, (settings.steps - 1) // 2, settings.steps - 1})
    generator = torch.Generator().manual_seed(seeding.derive(settings.seed, seeding.TRAIN, 0))
    return {
        **config,
        "steps": settings.steps,
        "schedule": [stepper.rates.factor(stepper.steps + step) for step in middle],
        "checkpoint_every": settings.checkpoint_every,
        "checkpoint_path": "nothing" if settings.checkpoint_path is None else "a file",
        "resume": settings.resume,
        "callbacks": calling.states(settings.callbacks),
        "the first batch of task": _digest(checked(task, task.batch(settings.batch_size, generator))),
    }


def _digest(graph: SpaceTimeGraph) -> str:
    """A text that graphs of other numbers do not have."""
    digest = hashlib.sha256()
    for name, value in sorted(graph.to_dict().items()):
        if isinstance(value, Tensor):
            digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
            digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]


def _show(bar: Bar, history: History) -> None:
    bar.set_postfix_str(f"loss={history.loss[-1]:.3f}, score={history.score[-1]:.1%}", refresh=False)
    bar.update()


def _computed(model: nn.Module, graph: SpaceTimeGraph, precision: str) -> Tensor:
    """The outputs of ``model``, with matrix products in ``precision`` by torch's autocast, in 32 bits or more."""
    if precision == "float32":
        return outputs_of(model, graph)
    with _precision.bfloat16_products(graph.x.device.type):
        output = outputs_of(model, graph)
    return output.float() if output.dtype in _precision.HALVES else output


def check_trainable(model: nn.Module, task: Task) -> None:
    """Refuse what cannot be trained on a task.

    Raises:
        TypeError, ValueError: no model, no task, or a model that does not fit it.
    """
    check_model(model)
    check_task(task)
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise ValueError("model has nothing to train: no parameter of it asks for a gradient")
    if task.causal and getattr(model, "causal", True) is False:
        raise ValueError(
            f"{type(task).__name__} asks for the next thing at every row, but this model sees later rows and would "
            "read the answer; build its encoder with causal=True"
        )


def _gradient_norms(model: nn.Module) -> dict[str, float]:
    """The norm of each trained parameter's gradient by name; 0 where the loss does not depend on it."""
    trained = {name: value for name, value in model.named_parameters() if value.requires_grad}
    norms = [value.new_zeros(()) if value.grad is None else value.grad.norm() for value in trained.values()]
    return dict(zip(trained, torch.stack(norms).tolist(), strict=True))


def diverged(step: int, loss: float, lr: float, norm: float, path: str | Path | None = None, saved: int = 0) -> str:
    """The message about a training that diverged; ``saved`` is the step of the last checkpoint."""
    checkpoint = f"; the checkpoint of step {saved} is kept in {path}" if path is not None and saved else ""
    return (
        f"training diverged at step {step}: loss {loss:g}, gradient norm {norm:g}, learning rate {lr:g}. The weights "
        f"are those before this step{checkpoint}. Try a smaller lr or clip"
    )


def blamed(task: Task, graph: SpaceTimeGraph) -> str:
    """The words on a batch in the message about a training that diverged, where that held NaN or an infinity."""
    place = not_finite(graph.x, graph.y)
    return f". The batch of {type(task).__name__} has {place}" if place else ""
