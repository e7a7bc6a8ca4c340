"""One run of the grid: build, train, judge; of one seed, or of several side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch

from graphseq import seeding
from graphseq.evaluation.evaluate import evaluate
from graphseq.nn import GCN, GCNLSTM, GRU, LSTM, RNN, Encoder, Model, chrono_, forget_bias_, identity_, orthogonal_
from graphseq.nn.recurrent.init import spread_biases_
from graphseq.reach import hops_reached
from graphseq.tasks import Palindrome, Task, Transfer
from graphseq.training.curriculum import fit_curriculum, growing_lengths
from graphseq.training.ensemble import fit_ensemble
from graphseq.training.fit import DivergedError
from graphseq.training.history import History
from graphseq.transforms.growing import grow

FAMILIES: dict[str, Callable[[int, int, int], Encoder]] = {
    "RNN": RNN,
    "GRU": GRU,
    "LSTM": LSTM,
    "GCN": GCN,
    "GCN-LSTM": GCNLSTM,
}


def _latch_and_spread(encoder: RNN) -> RNN:
    """Units that latch, each at a digit of its own, where digits enter as numbers."""
    return spread_biases_(identity_(encoder, gain=2.0), 0, 9)


STARTS: dict[str, Callable[[Any], object]] = {
    "torch": lambda encoder: encoder,
    "orthogonal": orthogonal_,
    "identity": identity_,
    "latch": partial(identity_, gain=2.0),
    "spread-latch": _latch_and_spread,
    "chrono": partial(chrono_, longest=1000),
    "forget-bias": forget_bias_,
}


def run_length(
    *,
    task: str,
    model: str,
    length: int,
    depth: int,
    seed: int | list[int],
    hidden: int,
    batch_size: int,
    optimizer: str,
    lr: float,
    clip: float,
    steps: int,
    samples: int,
    encoding: str,
    curriculum: bool,
    start: str,
) -> dict[str, object]:
    """Train a model for one length and judge it there.

    Arguments are as in :class:`graphseq.experiments.accuracy.settings.Settings`.

    A training that diverges is judged by the weights that it had before. Several seeds are trained as one ensemble, and
    what is found of each is in ``seeds``, in their order.
    """
    shorter = growing_lengths(min(4, length), length) if curriculum else [length]
    tasks = [Transfer(each) if task == "Transfer" else Palindrome(each, encoding=encoding) for each in shorter]  # type: ignore[arg-type]
    seeds = seed if isinstance(seed, list) else [seed]
    networks = []
    for each in seeds:
        with seeding.forked(each, seeding.BUILD):
            encoder = FAMILIES[model](tasks[-1].in_channels, hidden, depth)
            STARTS[start](encoder)
            networks.append(Model(encoder, tasks[-1].out_channels, transform=grow if model == "GCN-LSTM" else None))
    settings = {"optimizer": optimizer, "lr": lr, "clip": clip, "steps": steps, "batch_size": batch_size}
    if isinstance(seed, list):
        trained = _train_side_by_side(networks, tasks, seed, settings)
    else:
        trained = [_train(networks[0], tasks, seed, settings)]
    found = [
        _judged(network, tasks, each, samples, *outcome)
        for network, each, outcome in zip(networks, seeds, trained, strict=True)
    ]
    return {"seeds": found} if isinstance(seed, list) else found[0]


def _judged(
    network: Model, tasks: Sequence[Task], seed: int, samples: int, stages: Sequence[History], diverged: str
) -> dict[str, object]:
    asked = tasks[-1]
    judged = evaluate(network, asked, samples=samples, seed=seed)
    return {
        **judged.record(),
        "hops_needed": asked.hops,
        "hops_reached": hops_reached(network, asked),
        "parameters": sum(weight.numel() for weight in network.parameters()),
        "steps": sum(stage.steps for stage in stages),
        "solved": len(stages) == len(tasks) and stages[-1].solved,
        "training_seconds": sum(stage.seconds for stage in stages),
        "diverged": diverged,
    }


def _train(
    network: torch.nn.Module, tasks: Sequence[Task], seed: int, settings: dict[str, Any]
) -> tuple[list[History], str]:
    try:
        return fit_curriculum(network, tasks, seed=seed, **settings), ""
    except DivergedError as error:
        return [error.history], str(error)


def _train_side_by_side(
    networks: Sequence[torch.nn.Module], tasks: Sequence[Task], seeds: Sequence[int], settings: dict[str, Any]
) -> list[tuple[list[History], str]]:
    """As one by one, on the one task that there is without a curriculum."""
    (task,) = tasks
    streams = [seeding.derive(seed, seeding.TRAIN, 0) for seed in seeds]  # those of a curriculum's first task
    found = fit_ensemble(networks, task, seeds=streams, **settings)
    return [([each.history], str(each)) if isinstance(each, DivergedError) else ([each], "") for each in found]
