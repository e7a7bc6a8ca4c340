"""One run of the suite: a family at one setting of the search, trained, kept where validation is best, and tested."""

from __future__ import annotations

import math
import time
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from graphseq import nn, seeding
from graphseq.evaluation.tables import finite
from graphseq.experiments.longrange.answered import answered
from graphseq.experiments.longrange.families import build, parameters, width_for
from graphseq.experiments.longrange.floors import constant_errors, floors
from graphseq.experiments.longrange.scaled import Scaled
from graphseq.experiments.longrange.suite import BENCHMARKS, Parts
from graphseq.experiments.longrange.training import trained
from graphseq.training.fit import DivergedError

VALIDATIONS = 10  # of a training
TEST_SEED = 0
"""The seed of the fresh graphs of a test: all seeds, families and floors are measured on the same."""
FLOORS = "floors"
"""The name of the run that measures a benchmark's floors, in place of a family's."""


def measure_once(
    *,
    benchmark: str,
    model: str,
    layers: int,
    lr: float,
    seed: int,
    parameters: int,
    steps: int,
    batch_size: int,
    graphs: int,
    samples: int,
    clip: float,
    folder: Path | None = None,
) -> dict[str, object]:
    """Train and test one model, or measure the floors; returns the results as plain data.

    Args:
        benchmark: its name.
        model: the family's name, or :data:`FLOORS`.
        layers: L.
        lr: learning rate.
        seed: of weights and batches; the test is the same for all.
        parameters: see :class:`graphseq.experiments.longrange.settings.Settings`, as for all that follow.
        steps: see there.
        batch_size: see there.
        graphs: see there.
        samples: see there.
        clip: see there.
        folder: not used.
    """
    chosen = BENCHMARKS[benchmark]
    parts = _parts(benchmark, graphs)
    started = time.process_time()
    if model == FLOORS:
        found = floors(
            parts.train,
            parts.test,
            validation=parts.validation,
            measure=chosen.measure,
            batch_size=batch_size,
            samples=samples,
            seed=TEST_SEED,
        )
        values = {name: finite(value) for name, value in found.items()}
        hops, errors = constant_errors(parts.train, parts.test, chosen.measure, samples=samples, seed=TEST_SEED)
        seconds = time.process_time() - started
        return {"floors": values, "constant_by_hops": by_hops(hops, errors), "cpu_seconds": seconds}
    network, inner = _built(parts, model, layers, parameters, seed)
    training: dict[str, Any] = {"steps": steps, "batch_size": batch_size, "lr": lr, "clip": clip, "seed": seed}
    loss, best_step, diverged = _trained(network, parts, samples, training)
    cpu_seconds = time.process_time() - started
    said = answered(network, parts.test, samples=samples, seed=TEST_SEED)
    return {
        "value": finite(chosen.measure.of(said.output, said.y)),
        "by_hops": by_hops(said.hops, chosen.measure.errors(said.output, said.y)),
        "validation_loss": finite(loss),
        "best_step": best_step,
        "parameters": _count(network),
        "hidden": inner.encoder.hidden_channels,
        "cpu_seconds": cpu_seconds,
        "diverged": diverged,
    }


@lru_cache(maxsize=1)
def _parts(benchmark: str, graphs: int) -> Parts:
    """Return the parts of a benchmark; those of the last are kept, since a sweep trains many models on each."""
    return BENCHMARKS[benchmark].make(graphs)


def _built(parts: Parts, model: str, layers: int, budget: int, seed: int) -> tuple[torch.nn.Module, nn.Model]:
    task = parts.train
    with seeding.forked(seed, seeding.BUILD):
        inner = build(model, task, width_for(budget, model, task, layers), layers)
    y = task.batch(200, torch.Generator().manual_seed(seeding.derive(seed, seeding.BUILD))).y
    return Scaled.to_answers(inner, y), inner


def _trained(network: torch.nn.Module, parts: Parts, samples: int, training: dict[str, Any]) -> tuple[float, int, str]:
    """Train a model; returns its least validation loss, the step that had it, and why it diverged, if it did."""
    try:
        best = trained(network, parts.train, parts.validation, validations=VALIDATIONS, samples=samples, **training)
    except DivergedError as error:
        return math.inf, 0, str(error)
    return *best, ""


def _count(network: torch.nn.Module) -> int:
    return parameters(network)


def by_hops(hops: Tensor, errors: Tensor) -> list[list[float]]:
    """Return for each number of hops that some question needs: the hops, the questions, and their mean error."""
    return [
        [int(each), int((hops == each).sum()), float(errors[hops == each].double().mean())] for each in hops.unique()
    ]
