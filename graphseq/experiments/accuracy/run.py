"""One run of an accuracy experiment: a model is built, trained on one length, and evaluated there."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import nn

from graphseq import _files, seeding
from graphseq.baselines.constant import Bigram
from graphseq.evaluation.evaluate import evaluate
from graphseq.evaluation.tables import finite
from graphseq.experiments.models import BASELINES, TORCH, build
from graphseq.experiments.text.corpus import read_or_shipped
from graphseq.nn.model import Model
from graphseq.reach import hops_reached
from graphseq.tasks import Characters, Palindrome, Task, Transfer
from graphseq.training.curriculum import fit_curriculum, growing_lengths
from graphseq.training.fit import DivergedError, fit
from graphseq.training.history import History, machine

CHECKPOINT_EVERY = 100


def measure_accuracy(
    *,
    task: str,
    model: str,
    depth: int,
    length: int,
    seed: int,
    start: str,
    digits: str,
    hidden: int,
    batch_size: int,
    lr: float,
    steps: int,
    samples: int,
    optimizer: str,
    clip: float,
    stop_window: int,
    curriculum: bool,
    device: str,
    text: str | None,
    encoding: str,
    held_out: float,
    seeds_by_stage: bool,
    folder: Path | None = None,
) -> dict[str, object]:
    """Train a model for one length and evaluate it there.

    A training that diverges is evaluated with the weights that it had before.

    Args:
        task: see :class:`graphseq.experiments.accuracy.settings.Settings`, as for all that is not here.
        model: its name in the registry.
        depth: layers; 0 of a baseline.
        length: length of the task as its class counts it.
        seed: of weights, batches and evaluation.
        start: initial weights.
        digits: encoding of a palindrome's digits.
        hidden: see there.
        batch_size: see there.
        lr: see there.
        steps: see there.
        samples: see there.
        optimizer: see there.
        clip: see there.
        stop_window: see there.
        curriculum: see there.
        device: see there.
        text: see there.
        encoding: see there.
        held_out: see there.
        seeds_by_stage: see there.
        folder: where the run saves its curves, and its checkpoint until it is finished; without it, nowhere.

    Returns:
        Scores, hops, steps and seconds as plain data.
    """
    lengths = growing_lengths(min(4, length), length) if curriculum else [length]
    if text is None:
        tasks: list[Task] = [_synthetic(task, each, digits) for each in lengths]
        evaluated = tasks[-1]
    else:
        training, evaluated = Characters.split(read_or_shipped(text, encoding).text, length, held_out=held_out)
        tasks = [training]
    with seeding.forked(seed, seeding.BUILD):
        network = (
            BASELINES[model](tasks[-1])
            if model in BASELINES
            else build(model, tasks[-1], hidden, num_layers=depth, start=start)
        )
    options: dict[str, Any] = {
        **{"steps": steps, "batch_size": batch_size, "optimizer": optimizer, "lr": lr, "clip": clip, "seed": seed},
        **{"device": device, "stop_window": stop_window},
    }
    name = f"{task}-{model}-{depth}{'' if start == TORCH else f'-{start}'}-length{length}-seed{seed}"
    checkpoint = None if folder is None else folder / f"{name}.pt"
    stages, diverged = _train(network, tasks, options, checkpoint, by_stage=curriculum or seeds_by_stage)
    evaluation = evaluate(network, evaluated, samples=samples, seed=seed, device=device)
    if folder is not None:
        _save_curves(folder / f"{name}.json", stages)
    if checkpoint is not None:
        checkpoint.unlink(missing_ok=True)
    return {
        **evaluation.record(),
        "bits": evaluation.bits,
        "hops_needed": tasks[-1].hops,
        "hops_reached": _hops_reached(network, tasks[-1]),
        "parameters": sum(weight.numel() for weight in network.parameters()),
        "train_score": stages[-1].recent_score(100) if stages[-1].steps >= 100 else None,
        "steps": sum(stage.steps for stage in stages),
        "solved": len(stages) == len(tasks) and stages[-1].solved,
        "training_seconds": sum(stage.seconds for stage in stages),
        "diverged": diverged,
    }


def _synthetic(task: str, length: int, digits: str) -> Task:
    return Transfer(length) if task == "Transfer" else Palindrome(length, encoding=digits)  # type: ignore[arg-type]


def _train(
    network: nn.Module, tasks: Sequence[Task], options: dict[str, Any], checkpoint: Path | None, *, by_stage: bool
) -> tuple[list[History], str]:
    """Train on one task after another; returns the history of each stage, and why it diverged if it did."""
    if not any(weight.requires_grad for weight in network.parameters()):
        return [History(machine=machine(options["device"]))], ""
    try:
        if by_stage:
            return fit_curriculum(network, tasks, **options), ""
        (task,) = tasks
        if checkpoint is not None:
            options |= {"checkpoint_path": checkpoint, "checkpoint_every": CHECKPOINT_EVERY, "resume": True}
        return [fit(network, task, **options)], ""
    except DivergedError as error:
        return [error.history], str(error)


def _hops_reached(network: nn.Module, task: Task) -> int:
    """Hops that the model sees; 0 of counts of pairs, which read the row in question alone, and -1 of a constant."""
    if isinstance(network, Model):
        return hops_reached(network, task)
    return 0 if isinstance(network, Bigram) else -1


def _save_curves(path: Path, stages: Sequence[History]) -> None:
    record = {"stages": [_plain(asdict(stage)) for stage in stages]}
    _files.write_text(path, json.dumps(record) + "\n", overwrite=True)


def _plain(record: Mapping[str, object]) -> dict[str, object]:
    """Return a history with null in place of numbers that are not finite."""
    return {
        key: [finite(part) for part in value] if isinstance(value, list) else finite(value)
        for key, value in record.items()
    }
