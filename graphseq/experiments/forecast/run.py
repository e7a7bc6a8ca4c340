"""One run of a forecast: a model is built, trained or fitted, and evaluated on the test set."""

from __future__ import annotations

import json
import math
import time
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from graphseq import _files, seeding
from graphseq.baselines.forecast import Autoregression, GraphAutoregression
from graphseq.evaluation.predict import Predictions, predict
from graphseq.experiments.forecast import models
from graphseq.experiments.forecast.data import Prepared, prepare
from graphseq.experiments.forecast.gates import last_gates, packed
from graphseq.experiments.forecast.settings import BASELINES, Case, Settings
from graphseq.nn import ForgettingGCNLSTM, Model
from graphseq.tasks.forecast import Forecasting
from graphseq.training.early_stopping import Selected, fit_with_validation
from graphseq.training.fit import DivergedError
from graphseq.training.history import machine

CLIP = 1.0


class Bound(NamedTuple):
    """The errors of linear models of the same lags that are fitted to the test set itself."""

    answers: int
    variance: float  #: mean squared distance of the answers from their mean, in the file's units
    linear: float  #: mean squared error from a node's own past
    linear_graph: float  #: and from its neighbours' as well


def forecast_once(*, model: str, seed: int, settings: Settings, folder: Path) -> dict[str, object]:
    """Train and evaluate one model; returns its results.

    Leaves ``<key>.json`` in ``folder`` with its curves, and of the first seed ``<key>.npz`` with its forecasts of the
    test set and the gates of a model that forgets.

    Args:
        model: its name.
        seed: of weights and batches.
        settings: the settings.
        folder: the folder of files of single runs.
    """
    case = Case(model, seed)
    prepared = prepare(settings)
    started = time.perf_counter()
    network, selected, failure = _ready(case, prepared, settings)
    seconds = time.perf_counter() - started
    test = in_units(prepared, predict(network, prepared.split.test))
    mse, mae = errors(test)
    validation_mse = errors(in_units(prepared, predict(network, prepared.split.validation)))[0]
    result = {
        **asdict(case),
        "mse": math.nan if failure else mse,
        "mae": math.nan if failure else mae,
        "validation_mse": math.nan if failure or case.model in BASELINES else validation_mse,
        "best_step": 0 if selected is None else selected.best_step,
        "parameters": sum(part.numel() for part in [*network.parameters(), *network.buffers()]),
        "seconds": seconds,
        "failure": failure,
    }
    if settings.shows(case) and not failure:
        _keep(network, test, prepared, case, folder)
    record = {
        "validation": [] if selected is None else selected.curve,
        "history": None if selected is None else asdict(selected.history),
        "machine": machine(settings.device),
    }
    _files.write_text(folder / f"{case.key}.json", json.dumps(record) + "\n", overwrite=True)
    return result


def bound(settings: Settings) -> Bound:
    """Return a bound on linear models: the errors of those that are fitted to the test set itself.

    They are fitted to scaled values and to those of the file, and the lesser error is taken: least squares of scaled
    answers are not those in the file's units.
    """
    least: list[float] = []
    scales = dict.fromkeys([settings, replace(settings, scale="file")])  # in this order: the last one gives the answers
    for prepared in map(prepare, scales):
        test = prepared.split.test
        fitted = [in_units(prepared, predict(kind.fit(test), test)) for kind in (Autoregression, GraphAutoregression)]
        errors_here = [errors(one)[0] for one in fitted]
        least = [min(pair) for pair in zip(least or errors_here, errors_here, strict=True)]
    y = fitted[0].y.double()
    return Bound(len(y), float(y.var(dim=0, correction=0).mean()), *least)


def in_units(prepared: Prepared, predictions: Predictions) -> Predictions:
    """Return predictions in the units of the file."""
    output, y = (prepared.in_units(values, predictions.node) for values in (predictions.output, predictions.y))
    return predictions._replace(output=output, y=y)


def errors(predictions: Predictions) -> tuple[float, float]:
    """Return the mean squared and the mean absolute error over all answers."""
    difference = predictions.output.double() - predictions.y.double()
    return float(difference.square().mean()), float(difference.abs().mean())


def _ready(case: Case, prepared: Prepared, settings: Settings) -> tuple[nn.Module, Selected | None, str]:
    """Return the model, the course of its training if it was trained, and the reason if it failed."""
    split = prepared.split
    if case.model in BASELINES:
        return models.fitted(case.model, split.whole), None, ""
    with seeding.forked(case.seed, seeding.BUILD):
        model = models.trained(case.model, split.train, settings)
    try:
        return model, _select(model, split.train, split.validation, case, settings), ""
    except DivergedError as error:
        return model, None, str(error)


def _select(model: Model, train: Forecasting, validation: Forecasting, case: Case, settings: Settings) -> Selected:
    return fit_with_validation(
        model,
        train,
        validation,
        steps=settings.steps,
        every=settings.every,
        batch_size=settings.batch_size,
        optimizer=partial(torch.optim.AdamW, lr=settings.lr, weight_decay=settings.weight_decay),
        clip=CLIP,
        seed=case.seed,
        device=settings.device,
        stop_threshold=None,
    )


def _keep(model: nn.Module, test: Predictions, prepared: Prepared, case: Case, folder: Path) -> None:
    arrays: dict[str, Tensor] = dict(zip(test._fields, test, strict=True))
    if isinstance(model, Model) and isinstance(model.encoder, ForgettingGCNLSTM):
        arrays |= packed(*last_gates(model.encoder, prepared.split.test))
    parts: dict[str, Any] = {name: value.detach().cpu().numpy() for name, value in arrays.items()}
    _files.write(folder / f"{case.key}.npz", lambda file: np.savez_compressed(file, **parts), overwrite=True)
