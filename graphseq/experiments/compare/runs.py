"""One run of a comparison: build, train, judge. Runs in a worker process of its own, on one thread."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import torch
from torch import nn

from graphseq import _files, seeding
from graphseq.baselines import constant
from graphseq.evaluation.evaluate import evaluate
from graphseq.evaluation.tables import finite
from graphseq.experiments.compare.settings import BIGRAM, CONSTANT, GROWN, IN_TIME, UNIGRAM, ZERO_HOP, Case, Settings
from graphseq.experiments.compare.text import load
from graphseq.nn import GCN, GCNLSTM, LSTM, MLP, RNN, Encoder, Model
from graphseq.reach import hops_reached
from graphseq.tasks import Characters, Palindrome, Task, Transfer
from graphseq.training.fit import DivergedError, fit
from graphseq.training.history import History, machine
from graphseq.transforms.growing import grow

CHECKPOINT_EVERY = 100


def run(case: Case, settings: Settings, folder: Path) -> dict[str, object]:
    """Train and judge one case, or go on with it where it was stopped; returns its line of results.

    Leaves ``<key>.json`` in ``folder``, with the result, the training curves, configuration and versions. While it
    trains, ``<key>.pt`` there holds its checkpoint.
    """
    # One thread, whatever the number of workers: the same numbers, bit for bit, and no two runs in each other's way.
    torch.set_num_threads(1)
    train, judged = _tasks(case, settings)
    with seeding.forked(case.seed, seeding.BUILD):
        model = _model(case, train, settings.hidden)
    saved = folder / f"{case.key}.pt"
    try:
        history = _train(model, train, case, settings, saved)
    except DivergedError as error:
        history, failure = error.history, str(error)
    else:
        failure = ""
    judgement = evaluate(model, judged, samples=settings.samples, seed=case.seed, device=settings.device)
    result = {
        **asdict(case),
        **judgement.record(),
        "bits": judgement.bits,
        "hops_needed": train.hops,
        "hops_reached": _hops_reached(model, train),
        "parameters": sum(p.numel() for p in model.parameters()),
        "train_score": history.recent_score(100) if history.steps >= 100 else None,
        "steps": history.steps,
        "solved": history.solved,
        "seconds": history.seconds,
        "failure": failure,
    }
    record = {"result": {key: finite(value) for key, value in result.items()}, "history": asdict(history)}
    _files.write_text(folder / f"{case.key}.json", json.dumps(record) + "\n", overwrite=True)
    saved.unlink(missing_ok=True)
    return result


def _hops_reached(model: nn.Module, task: Task) -> int:
    """Hops that the model sees; 0 where it reads the row asked alone, as counts of pairs do, and -1 where nothing."""
    if isinstance(model, Model):
        return hops_reached(model, task)
    return 0 if isinstance(model, constant.Bigram) else -1


def _train(model: nn.Module, task: Task, case: Case, settings: Settings, saved: Path) -> History:
    if not any(p.requires_grad for p in model.parameters()):
        return History(machine=machine(settings.device))
    return fit(
        model,
        task,
        steps=settings.steps,
        batch_size=settings.batch_size,
        optimizer=settings.optimizer,
        lr=settings.lr,
        clip=settings.clip,
        seed=case.seed,
        device=settings.device,
        stop_window=20,
        checkpoint_path=saved,
        checkpoint_every=CHECKPOINT_EVERY,
        resume=True,
    )


def _tasks(case: Case, settings: Settings) -> tuple[Task, Task]:
    """The task to train on and the task to be judged on."""
    if settings.text is not None:
        text, _ = load(settings.text, settings.encoding)
        return Characters.split(text, case.rows, held_out=settings.held_out)
    task = Transfer(case.rows) if case.task == "Transfer" else Palindrome(case.rows + 1)
    return task, task


def _model(case: Case, task: Task, hidden: int) -> nn.Module:
    if case.model in (CONSTANT, UNIGRAM):
        return constant.Constant.of(task)
    if case.model == BIGRAM and isinstance(task, Characters):
        return constant.Bigram(task)
    return Model(_encoder(case.model, task, hidden), task.out_channels, transform=grow if case.model == GROWN else None)


def _encoder(name: str, task: Task, hidden: int) -> Encoder:
    if name == ZERO_HOP:
        return MLP(task.in_channels, hidden)
    if name == "RNN":
        return RNN(task.in_channels, hidden)
    if name == "LSTM":
        return LSTM(task.in_channels, hidden)
    if name in (IN_TIME, GROWN):
        return GCNLSTM(task.in_channels, hidden)
    return GCN(task.in_channels, hidden, num_layers=int(name.removeprefix("GCN-")), causal=task.causal)
