"""Training of many models of one architecture at once: steps of small models cost mostly calls, which are shared."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from copy import copy
from functools import partial
from types import FunctionType
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from graphseq import _checks, seeding
from graphseq._torch import compat
from graphseq.data.graph import SpaceTimeGraph
from graphseq.evaluation import modes
from graphseq.evaluation.metrics import measure
from graphseq.evaluation.outputs import checked
from graphseq.tasks.base import Task
from graphseq.tasks.identity import identity
from graphseq.training import fit as training
from graphseq.training.checkpoint import describe
from graphseq.training.fit import DivergedError, check_trainable, is_solved
from graphseq.training.history import History, machine
from graphseq.training.lr_schedule import Rates, Schedule
from graphseq.training.optim import OPTIMIZERS, OptimizerFactory, make_optimizer
from graphseq.training.settings import DEFAULTS, Metrics, Settings


def fit_ensemble(
    models: Sequence[nn.Module],
    task: Task,
    *,
    seeds: Sequence[int],
    steps: int = DEFAULTS.steps,
    batch_size: int = DEFAULTS.batch_size,
    optimizer: str | OptimizerFactory = DEFAULTS.optimizer,
    lr: float | None = DEFAULTS.lr,
    schedule: Schedule | None = DEFAULTS.schedule,
    clip: float = DEFAULTS.clip,
    device: torch.device | str = DEFAULTS.device,
    stop_threshold: float | None = DEFAULTS.stop_threshold,
    stop_window: int = DEFAULTS.stop_window,
    metrics: Metrics = DEFAULTS.metrics,
) -> list[History | DivergedError]:
    r"""Train K ``models`` of one architecture on ``task`` side by side, as :func:`graphseq.fit` would one by one.

    The weights of all are stacked to tensors (K, …) and every operation is done for all at once by ``torch.func.vmap``:

    .. math:: \theta_k ← \theta_k - η \, u(\min(1, c / |g_k|) \, g_k), \qquad
              g_k = \partial \mathcal L(\theta_k; \text{batch}(s_k)) / \partial \theta_k

    with u the optimiser, entry by entry. Each has the batches of its seed, a gradient norm and a history of its own,
    and leaves the stack once it is solved. Losses are those of ``fit`` up to rounding. Where a step of ``fit`` is
    mostly the price of calling torch, with H · B up to some hundreds, K models cost little more than one; large ones,
    and long sequences, cost more than one by one. ``benchmarks/many_seeds.py`` measures it.

    There are no checkpoints, and no gradients are left on the parameters.

    Args:
        models: K of them, alike but for the numbers in their weights; moved to ``device``.
        task: one whose batches all have the same rows and edges, whatever the seed.
        seeds: K, as ``seed`` of :func:`graphseq.fit`.
        steps: the most steps of each.
        batch_size: B of each.
        optimizer: a name, as for :func:`graphseq.fit`: one that works entry by entry.
        lr: as for :func:`graphseq.fit`.
        schedule: as for :func:`graphseq.fit`.
        clip: the largest norm of each model's gradient.
        device: where to train.
        stop_threshold: as for :func:`graphseq.fit`, of each by itself.
        stop_window: in steps.
        metrics: as for :func:`graphseq.fit`, of each model's batches.

    Returns:
        Of each model its :class:`~graphseq.History`, ``seconds`` being its share of each step's time; or, where loss or
        gradient stopped being finite, the :class:`~graphseq.DivergedError` that ``fit`` would raise, with the weights
        before that step.

    Raises:
        TypeError, ValueError: as for :func:`graphseq.fit`; models that share weights, differ in anything but the
            numbers in theirs, or have hooks; a task whose batches differ in rows or edges; a computation that ``vmap``
            has no rule for, such as dropout, spectral norm, or one that looks at its numbers.

    Source: PyTorch's tutorial *Model ensembling*.

    Example:
        >>> import graphseq as gs
        >>> task = gs.tasks.Transfer(length=2)
        >>> models = [gs.nn.Model(gs.nn.RNN(task.in_channels, 16), task.out_channels) for _ in range(3)]
        >>> histories = gs.fit_ensemble(models, task, seeds=range(3), steps=400, optimizer="Adam", lr=0.03)
        >>> [history.solved for history in histories]
        [True, True, True]
    """
    settings = Settings(
        steps=steps,
        batch_size=batch_size,
        optimizer=optimizer,
        lr=lr,
        schedule=schedule,
        clip=clip,
        device=device,
        stop_threshold=stop_threshold,
        stop_window=stop_window,
        metrics=metrics,
    )
    if isinstance(seeds, str) or not isinstance(seeds, Sequence):
        raise TypeError(f"seeds must be a sequence of one seed a model, got {_checks.shown(seeds)}")
    seeds = [_checks.seed(f"seeds[{number}]", seed) for number, seed in enumerate(seeds)]
    check_models(models, len(seeds), task)
    if not isinstance(optimizer, str):
        raise TypeError(
            f"optimizer must be one of {', '.join(OPTIMIZERS)}, for it is made anew as models leave; got "
            f"{_checks.shown(optimizer)}"
        )
    with ExitStack() as alone:
        for model in models:
            alone.enter_context(modes.training(model))
        return _train(models, task, settings, seeds)


def _train(
    models: Sequence[nn.Module], task: Task, settings: Settings, seeds: Sequence[int]
) -> list[History | DivergedError]:
    device = torch.device(settings.device)
    ensemble = _Ensemble([model.to(device) for model in models], settings)
    config = _described(ensemble, task, settings)
    histories = [History(config={**config, "seed": seed}, machine=machine(device)) for seed in seeds]
    results: list[History | DivergedError] = [*histories]
    try:
        for step in range(settings.steps):
            for member, error in _step(ensemble, task, settings, seeds, histories, step).items():
                results[member] = error
            if not ensemble.members:
                break
    finally:
        ensemble.release(ensemble.members, 0)
    return results


def _described(ensemble: _Ensemble, task: Task, settings: Settings) -> dict[str, object]:
    """The configuration that all models share, for their records."""
    return {
        "task": identity(task),
        "model": describe(ensemble.models[0]),
        "ensemble": len(ensemble.models),
        "batch_size": settings.batch_size,
        "optimizer": settings.optimizer,
        "lr": float(ensemble.stepper.param_groups[0]["lr"]),
        "schedule": ensemble.rates.name,
        "clip": settings.clip,
        "stop_threshold": settings.stop_threshold,
        "stop_window": settings.stop_window,
        "metrics": list(settings.named_metrics),
    }


def _step(
    ensemble: _Ensemble,
    task: Task,
    settings: Settings,
    seeds: Sequence[int],
    histories: Sequence[History],
    step: int,
) -> dict[int, DivergedError]:
    """Take a step of all members, add it to their histories, and release those that diverged or are solved.

    Returns:
        The errors of those that diverged, by member.
    """
    clock, members, device = time.perf_counter(), list(ensemble.members), torch.device(settings.device)
    batches = list(_draw(task, settings.batch_size, [seeds[member] for member in members], step))
    x, y = (torch.stack([batch[key] for batch in batches]).to(device) for key in ("x", "y"))
    graph = shared_graph(batches, task).to(device)  # which moves the first graph itself
    ensemble.rates.set(step)
    values, measured = ensemble.gradients(task, (graph, x, y))
    rate = float(ensemble.stepper.param_groups[0]["lr"])
    errors = {}
    for member in [m for m, (loss, _, norm) in values.items() if not math.isfinite(loss + norm)]:
        loss, _, norm = values.pop(member)
        message = training.diverged(step + 1, loss, rate, norm)
        message += training.blamed(task, batches[members.index(member)])
        errors[member] = DivergedError(message, histories[member])
    for member, (loss, score, norm) in values.items():
        histories[member].append(loss, score, norm, rate, metrics=measured.get(member))
        histories[member].solved = is_solved(histories[member], settings)
    ensemble.release([*errors, *(member for member in values if histories[member].solved)], step)
    if ensemble.members:
        ensemble.stepper.step()
    share = (time.perf_counter() - clock) / len(members)
    for member in values:
        histories[member].seconds += share
    return errors


def _draw(task: Task, size: int, seeds: Sequence[int], step: int) -> Iterator[SpaceTimeGraph]:
    generator = torch.Generator()
    for seed in seeds:
        yield checked(task, task.batch(size, generator.manual_seed(seeding.derive(seed, seeding.TRAIN, step))))


class _Ensemble:
    """The stacked weights and buffers of the models that are still in training."""

    def __init__(self, models: Sequence[nn.Module], settings: Settings) -> None:
        self.models, self.members = models, list(range(len(models)))
        self._settings = settings
        parameters, buffers = stack_module_state(list(models))
        self._take(parameters | buffers)

    def _take(self, weights: dict[str, Tensor]) -> None:
        settings = self._settings
        self.weights = weights
        self.trained = [weight for weight in weights.values() if weight.requires_grad]
        # An optimiser asks no more of a parameter than that it is a leaf.
        self.stepper = make_optimizer(settings.optimizer, cast("list[nn.Parameter]", self.trained), settings.lr)
        self.rates = Rates(self.stepper, settings.schedule)

    def gradients(
        self, task: Task, batch: tuple[SpaceTimeGraph, Tensor, Tensor]
    ) -> tuple[dict[int, tuple[float, float, float]], dict[int, dict[str, float]]]:
        """Loss, score and gradient norm of each member, and its metrics; its gradients are then there, and scaled.

        ``batch`` is one graph, and features and answers of all members, (K, …) each.
        """
        graph, x, y = batch
        clip, metrics = self._settings.clip, self._settings.named_metrics

        def judged(weights: dict[str, Tensor], x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            batch = copy(graph)
            batch["x"], batch["y"] = x, y
            output: Tensor = functional_call(self.models[0], weights, (batch,))
            return task.loss(output, y), task.score(output, y).mean(), output

        for weight in self.trained:
            weight.grad = None
        try:
            losses, scores, outputs = vmap(judged)(self.weights, x, y)
            losses.sum().backward()
        except RuntimeError as error:
            if not any(word in str(error) for word in ("vmap", "functorch", "Batching rule")):
                raise
            raise ValueError(
                f"vmap cannot do what this model or {type(task).__name__} computes, such as dropout, or a look at "
                f"numbers; train the models one by one with fit. It said: {error}"
            ) from error
        gradients = [weight.grad for weight in self.trained if weight.grad is not None]
        norms = torch.cat([gradient.reshape(len(gradient), -1) for gradient in gradients], dim=1).norm(dim=1)
        values = torch.stack([losses.detach(), scores, norms.to(losses.dtype)], dim=1).tolist()
        if any(not norm + 1e-6 < clip for _, _, norm in values):
            _scale(gradients, (clip / (norms + 1e-6)).clamp(max=1))
        measured = [measure(metrics, *pair) for pair in zip(outputs, y, strict=True)] if metrics else []
        return dict(zip(self.members, map(tuple, values), strict=True)), dict(zip(self.members, measured, strict=False))

    def release(self, members: Sequence[int], step: int) -> None:
        """Copy weights back to members and take them out of the stack, without effect on the others."""
        if not members:
            return
        with torch.no_grad():
            for member in members:
                position = self.members.index(member)
                model = self.models[member]
                for name, value in (*model.named_parameters(), *model.named_buffers()):
                    value.copy_(self.weights[name][position])
        staying = [position for position, member in enumerate(self.members) if member not in members]
        self.members = [self.members[position] for position in staying]
        if self.members:
            self._shrink(torch.tensor(staying, device=self.trained[0].device))
            self.rates.set(step)

    def _shrink(self, staying: Tensor) -> None:
        """Keep some of the stack: weights, gradients and state of the optimiser."""
        old_parameters, state = self.trained, self.stepper.state
        weights = {}
        for name, weight in self.weights.items():
            weights[name] = weight.detach()[staying].requires_grad_(weight.requires_grad)
            weights[name].grad = None if weight.grad is None else weight.grad[staying]
        self._take(weights)
        for old, new in zip(old_parameters, self.trained, strict=True):
            self.stepper.state[new] = {
                key: value[staying] if isinstance(value, Tensor) and value.shape == old.shape else value
                for key, value in state.get(old, {}).items()
            }


def _scale(gradients: Sequence[Tensor], factors: Tensor) -> None:
    """Multiply gradients (K, …) by the factor of each member, (K,)."""
    for gradient in gradients:
        gradient.mul_(factors.view(-1, *[1] * (gradient.dim() - 1)))


def shared_graph(batches: Sequence[SpaceTimeGraph], task: Task) -> SpaceTimeGraph:
    """The first of some batches that differ in nothing but features and answers.

    Raises:
        ValueError: they differ in more.
    """
    first, *others = batches
    expected = {key: value for key, value in first.to_dict().items() if key not in ("x", "y")}
    for other in others:
        attributes = other.to_dict()
        for key, value in expected.items():
            if not _same(attributes.get(key), value):
                raise ValueError(
                    f"task {type(task).__name__} draws graphs that differ in {key}, but an ensemble reads the same "
                    "rows and edges in all; train its models one by one with fit"
                )
    return first


def check_models(models: Sequence[nn.Module], seeds: int, task: Task) -> None:
    """Refuse models that cannot be trained as one stack.

    Raises:
        TypeError, ValueError: see :func:`graphseq.fit_ensemble`.
    """
    if isinstance(models, str) or not isinstance(models, Sequence):
        raise TypeError(f"models must be a sequence of models, got {_checks.shown(models)}")
    if not models:
        raise ValueError("models must be a sequence of at least one model, got none")
    for number, model in enumerate(models):
        if not isinstance(model, nn.Module):
            raise TypeError(f"models[{number}] must be a torch.nn.Module, got {_checks.shown(model)}")
    if seeds != len(models):
        raise ValueError(f"seeds must hold one for each model, got {seeds} for {len(models)} models")
    for model in models:
        check_trainable(model, task)
    tensors = [id(tensor) for model in models for tensor in (*model.parameters(), *model.buffers())]
    if len(set(tensors)) < len(tensors):
        raise ValueError("models must share no weights, but one of them comes twice or has parts of another")
    for number, model in enumerate(models):
        if (where := _difference(models[0], model)) is not None:
            raise ValueError(
                f"models must be alike but for the numbers in their weights; models[{number}] differs from models[0] "
                f"in {where}"
            )
        for name, module in model.named_modules():
            _check_module(f"models[{number}]" + (f".{name}" if name else ""), module)


def _check_module(name: str, module: nn.Module) -> None:
    is_watched = compat.has_hooks(module) or compat.has_global_hooks()
    if is_watched or any(map(compat.has_gradient_hooks, module.parameters(recurse=False))):
        raise ValueError(f"{name} has hooks, which an ensemble would not call; train the models one by one with fit")
    if isinstance(module, nn.Embedding) and module.padding_idx is not None:
        raise ValueError(
            f"{name} has padding_idx={module.padding_idx}, of which vmap keeps only the first model's row untrained; "
            "train the models one by one with fit"
        )


def _difference(first: nn.Module, other: nn.Module) -> str | None:
    """The first difference of two models besides the numbers of their weights; ``None`` where there is none."""
    if describe(first) != describe(other):
        return "structure, sizes or settings"
    if [name for name, _ in first.named_parameters()] != [name for name, _ in other.named_parameters()]:
        return "which weights are tied"
    for (name, one), module in zip(first.named_modules(), other.modules(), strict=True):
        theirs = vars(module)
        for key, value in vars(one).items():
            if not key.startswith("_") and not _same(value, theirs.get(key)):
                return f"{name}.{key}".lstrip(".")
    return None


def _same(one: Any, other: Any) -> bool:
    """Compare two attributes by types, public attributes and equality."""
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if isinstance(one, Tensor):
        return one.shape == other.shape and one.device == other.device and torch.equal(one, other)
    one, other = _content(one), _content(other)
    if isinstance(one, Mapping):
        return one.keys() == other.keys() and all(_same(value, other[key]) for key, value in one.items())
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)


def _content(value: Any) -> Any:
    """The content of an object that has no equality of its own, for comparison."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, partial):
        return value.func, value.args, value.keywords
    if isinstance(value, FunctionType):
        return value.__code__, [cell.cell_contents for cell in value.__closure__ or ()], value.__defaults__
    has_equality = isinstance(value, type) or any("__eq__" in vars(base) for base in type(value).__mro__[:-1])
    if has_equality:
        return value
    return {key: inner for key, inner in getattr(value, "__dict__", {}).items() if not key.startswith("_")}
