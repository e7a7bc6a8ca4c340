"""The training loop. It knows no model and no task by name."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from numbers import Real
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from graphseq import _checks, seeding
from graphseq._torch import precision as _precision
from graphseq.data.graph import SpaceTimeGraph
from graphseq.tasks.base import Task
from graphseq.training import callbacks as calling
from graphseq.training.callbacks import Callback
from graphseq.training.checkpoint import Checkpoints, describe
from graphseq.training.distributed import ProcessGroup, SingleProcess
from graphseq.training.history import History, machine
from graphseq.training.lr_schedule import Rates, Schedule
from graphseq.training.optim import OptimizerFactory, make_optimizer, scale_gradients


class DivergedError(ArithmeticError):
    """The loss or the gradient became NaN or infinite; the message names step, learning rate and gradient norm.

    Attributes:
        history: the steps before.
    """

    def __init__(self, message: str, history: History) -> None:
        super().__init__(message)
        self.history = history


def fit(
    model: nn.Module,
    task: Task,
    *,
    steps: int = 10_000,
    batch_size: int = 128,
    optimizer: str | OptimizerFactory = "RMSprop",
    lr: float = 1e-3,
    schedule: Schedule | None = None,
    clip: float = 10.0,
    seed: int = 0,
    device: torch.device | str = "cpu",
    stop_threshold: float | None = 1.0,
    stop_window: int = 100,
    checkpoint_path: str | Path | None = None,
    checkpoint_every: int = 500,
    resume: bool = False,
    record_gradients: bool = False,
    progress: bool = False,
    callbacks: Sequence[Callback] = (),
    group: ProcessGroup | None = None,
    precision: Literal["float32", "bfloat16"] = "float32",
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
            or a function from parameters to an optimiser, which then ignores ``lr``: leave that at its default.
        lr: learning rate.
        schedule: what the learning rate is multiplied by, as a function of the number of steps taken before, such as
            :class:`~graphseq.training.lr_schedule.StepDecay`; without it, the rate stays.
        clip: the largest norm of the gradient.
        seed: 0 or more.
        device: where to train.
        stop_threshold: stop when the score, averaged over the last ``stop_window`` steps, is at least this; ``None``
            never stops early.
        stop_window: in steps.
        checkpoint_path: file to write checkpoints to, replaced in one piece each time.
        checkpoint_every: in steps; one more is written at the end.
        resume: go on from ``checkpoint_path`` where that file is there. Without it, an existing file is an error.
        record_gradients: keep the norm of every parameter's gradient at every step, in ``History.gradients``.
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
            optimiser stay in float32. What it costs in accuracy is measured by ``benchmarks/precision.py``.

    Returns:
        The :class:`History` of all steps, those before a resume included.

    Raises:
        TypeError, ValueError: an argument is not what is asked for above; the task is causal and the model is not; the
            checkpoint is of another run or cut short.
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
    sizes = {"steps": steps, "stop_window": stop_window, "checkpoint_every": checkpoint_every, "batch_size": batch_size}
    steps, stop_window, checkpoint_every, batch_size = (_checks.at_least(name, size, 1) for name, size in sizes.items())
    seed = _checks.at_least("seed", seed, 0)
    lr, clip = _checks.positive("lr", lr), _checks.positive("clip", clip)
    check_model(model, task)
    device, stop_threshold = checked_device(device), checked_solved_at(stop_threshold)
    callbacks = calling.checked(callbacks)
    model.to(device).train()
    # Sorted, since rounding in the norm of all gradients depends on their order: two modules that hold the same weights
    # under other names (the LSTM, and the GCN-LSTM without edges) then train alike, bit for bit.
    parameters = sorted((p for p in model.parameters() if p.requires_grad), key=lambda p: tuple(p.shape))
    stepper = make_optimizer(optimizer, parameters, lr)
    rates = Rates(stepper, schedule)
    config = {
        "precision": _checks.one_of("precision", precision, _precision.PRECISIONS),
        "task": task.config,
        "model": describe(model),
        "batch_size": batch_size,
        "optimizer": optimizer if isinstance(optimizer, str) else repr(stepper),
        "lr": lr,
        "schedule": rates.name,
        "clip": clip,
        "seed": seed,
        "stop_threshold": stop_threshold,
        "stop_window": stop_window,
        "record_gradients": record_gradients,
    }
    together = group or SingleProcess()
    saved = Checkpoints(checkpoint_path, checkpoint_every, model, stepper, callbacks, together)
    history = saved.begin(config, resume)
    shared = together.replicate(model)
    rates.check(history.lr)
    history.machine = machine(device)
    bar = tqdm(total=steps, initial=history.steps, disable=not (progress and together.is_first), unit="step")
    clock = time.perf_counter() - history.seconds
    with seeding.forked(seed, seeding.TRAIN, device=device), bar:
        for step in range(history.steps, 0 if history.solved or history.stopped_by else steps):
            for_batch, for_layers = seeding.derive_pair(seed, seeding.TRAIN, step)
            seeding.reseed(for_layers, device)
            graph, share = together.share(task, task.batch(batch_size, torch.Generator().manual_seed(for_batch)))
            graph = graph.to(device)
            rates.set(step)
            stepper.zero_grad()
            output = _computed(shared, graph, precision)
            loss = task.loss(output, graph.y) * share
            loss.backward()
            gradients = _gradient_norms(model) if record_gradients else None
            norm = scale_gradients(parameters, clip)
            rate = float(stepper.param_groups[0]["lr"])
            value, score = together.mean(loss.item(), task.score(output, graph.y).mean().item() * share)
            if not math.isfinite(value) or not math.isfinite(norm):
                raise DivergedError(diverged(step + 1, value, rate, norm, checkpoint_path, saved.step), history)
            stepper.step()
            history.append(value, score, norm, rate, gradients)
            history.seconds = time.perf_counter() - clock
            history.solved = stop_threshold is not None and history.recent_score(stop_window) >= stop_threshold
            if callbacks:
                history.stopped_by = together.any(calling.call(callbacks, history, model))
                clock = time.perf_counter() - history.seconds  # the time of callbacks is not that of steps
            saved.after_step(history)
            if progress:
                _show(bar, history)
            if history.solved or history.stopped_by:
                break
    saved.after_all(history)
    return history


def _show(bar: tqdm[None], history: History) -> None:
    bar.set_postfix(loss=f"{history.loss[-1]:.3f}", score=f"{history.score[-1]:.1%}", refresh=False)
    bar.update()


def _computed(model: nn.Module, graph: SpaceTimeGraph, precision: str) -> Tensor:
    """What ``model`` gives, its matrix products in ``precision`` as by torch's autocast; never of half the bits."""
    if precision == "float32":
        return model(graph)  # type: ignore[no-any-return]
    with torch.autocast(graph.x.device.type, dtype=torch.bfloat16):
        output: Tensor = model(graph)
    return output.float() if output.dtype in _precision.HALVES else output


def check_model(model: nn.Module, task: Task) -> None:
    """Refuse what cannot be trained on a task."""
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be a torch.nn.Module, got {type(model).__name__}")
    if not isinstance(task, Task):
        raise TypeError(f"task must be a graphseq.tasks.Task, got {type(task).__name__}")
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise ValueError("model has nothing to train: no parameter of it asks for a gradient")
    if task.causal and getattr(model, "causal", True) is False:
        raise ValueError(
            f"{type(task).__name__} asks for the next thing at every row, but this model sees later rows and would "
            "read the answer; build its encoder with causal=True"
        )


def checked_solved_at(value: object) -> float | None:
    """A score to stop at, or ``None`` for never."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"stop_threshold must be a number or None, got {value!r} ({type(value).__name__})")
    if not math.isfinite(value):
        raise ValueError(f"stop_threshold must be finite, got {value}; None never stops early")
    return float(value)


def checked_device(name: torch.device | str) -> torch.device:
    """A device by its name."""
    try:
        return torch.device(name)
    except RuntimeError:
        raise ValueError(f"device must be a torch device such as cpu or cuda:0, got {name!r}") from None


def _gradient_norms(model: nn.Module) -> dict[str, float]:
    """The norm of each trained parameter's gradient by name; 0 where the loss does not depend on it."""
    trained = {name: value for name, value in model.named_parameters() if value.requires_grad}
    norms = [value.new_zeros(()) if value.grad is None else value.grad.norm() for value in trained.values()]
    return dict(zip(trained, torch.stack(norms).tolist(), strict=True))


def diverged(step: int, loss: float, lr: float, norm: float, path: str | Path | None = None, saved: int = 0) -> str:
    """What is said of a training that diverged; ``saved`` is the step of the last checkpoint."""
    kept = f"; the checkpoint of step {saved} is kept in {path}" if path is not None and saved else ""
    return (
        f"training diverged at step {step}: loss {loss:g}, gradient norm {norm:g}, learning rate {lr:g}. The weights "
        f"are those before this step{kept}. Try a smaller lr or clip"
    )
