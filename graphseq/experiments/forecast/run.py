"""One run of a forecast: a model is built, trained or fitted, and evaluated on the test set."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from graphseq import _files, seeding
from graphseq._torch import archive
from graphseq.baselines.forecast import Autoregression, GraphAutoregression
from graphseq.evaluation.conformal import conformal_width
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


class Intervals(NamedTuple):
    """The prediction intervals of a model: ŷ ± a width for each channel, found on the validation set."""

    width: Tensor  #: half width of scaled values, (C,)
    coverage: list[float]  #: share of the test's answers that they hold, for each channel
    mean_width: list[float]  #: from end to end, in the file's units, for each channel
    low: Tensor  #: lower ends on the test set, in the file's units, (K, C)
    high: Tensor  #: upper ends


def forecast_once(*, model: str, seed: int, settings: Settings, folder: Path, horizon: int = 1) -> dict[str, object]:
    """Train and evaluate one model; returns its results.

    Leaves ``<key>.json`` in ``folder`` with its curves, and of the first seed ``<key>.npz`` with its forecasts of the
    test set and the gates of a model that forgets.

    Args:
        model: its name.
        seed: of weights and batches.
        settings: the settings.
        folder: the folder of files of single runs.
        horizon: steps ahead.
    """
    case = Case(model, seed, horizon)
    prepared = prepare(settings, horizon)
    started = time.perf_counter()
    network, selected, failure = _ready(case, prepared, settings, prepared.split.whole)
    seconds = time.perf_counter() - started
    scaled = predict(network, prepared.split.test)
    test = in_units(prepared, scaled)
    held_out = predict(_for_validation(network, case, prepared), prepared.split.validation)
    intervals = intervals_of(prepared, held_out, scaled, settings.coverage)
    result = {
        **summary_of(case, test, in_units(prepared, held_out), intervals, failed=bool(failure)),
        **_of_training(network, selected, seconds, failure),
    }
    if settings.shows(case) and not failure:
        _keep(network, test, intervals, prepared, case, folder)
    record = {
        "validation": [] if selected is None else selected.curve,
        "history": None if selected is None else asdict(selected.history),
        "machine": machine(settings.device),
    }
    _files.write_text(folder / f"{case.key}.json", json.dumps(record) + "\n", overwrite=True)
    return result


def summary_of(
    case: Case, test: Predictions, held_out: Predictions, intervals: Intervals, *, failed: bool = False
) -> dict[str, object]:
    """Return the errors of a run on the test and on the validation set, in the file's units, as plain data.

    Of several columns there are those of each, and their means.
    """
    columns = zip(errors(test), errors(held_out), intervals.coverage, intervals.mean_width, strict=True)
    each = [
        {"mse": mse, "mae": mae, "validation_mse": before, "coverage": held, "width": width}
        for (mse, mae), (before, _), held, width in columns
    ]
    each = [dict.fromkeys(one, math.nan) for one in each] if failed else each
    means = {name: sum(one[name] for one in each) / len(each) for name in each[0]}
    return {**case.to_json(), **means, **({"channels": each} if len(each) > 1 else {})}


def _of_training(network: nn.Module, selected: Selected | None, seconds: float, failure: str) -> dict[str, object]:
    return {
        "best_step": 0 if selected is None else selected.best_step,
        "parameters": sum(part.numel() for part in [*network.parameters(), *network.buffers()]),
        "seconds": seconds,
        "failure": failure,
    }


def ready(case: Case, prepared: Prepared, settings: Settings) -> tuple[nn.Module, dict[str, object]]:
    """Return a model fitted to the training part alone, and the facts of its training.

    Raises:
        DivergedError: loss or gradient stopped being finite.
    """
    started = time.perf_counter()
    network, selected, failure = _ready(case, prepared, settings, prepared.split.train)
    return network, _of_training(network, selected, time.perf_counter() - started, failure)


def _for_validation(network: nn.Module, case: Case, prepared: Prepared) -> nn.Module:
    """Return the model that the validation set is to judge: a baseline is fitted without it."""
    return models.fitted(case.model, prepared.split.train) if case.model in BASELINES else network


def intervals_of(prepared: Prepared, held_out: Predictions, test: Predictions, coverage: float) -> Intervals:
    """Return prediction intervals by scaled forecasts of the validation set, measured on those of the test set."""
    width = conformal_width(held_out.output - held_out.y, coverage)
    holds = ((test.output - test.y).abs() <= width).double().mean(dim=0)
    low, high = (prepared.in_units(test.output + sign * width, test.node) for sign in (-1, 1))
    mean_width = (high.double() - low.double()).mean(dim=0)
    return Intervals(width, holds.tolist(), mean_width.tolist(), low, high)


def bound(settings: Settings, horizon: int | None = None) -> list[Bound]:
    """Return a bound on linear models for each column that is forecast: errors of those fitted to the test set itself.

    They are fitted to scaled values and to those of the file, and the lesser error is taken: least squares of scaled
    answers are not those in the file's units.
    """
    scales = dict.fromkeys([settings, replace(settings, scale="file")])  # in this order: the last one gives the answers
    return bound_of([prepare(scale, horizon) for scale in scales])


def bound_of(scaled: Sequence[Prepared]) -> list[Bound]:
    """Return the bounds of :func:`bound` over the same data in several scales, the last of them the file's own."""
    least: list[list[float]] = []
    for prepared in scaled:
        test = prepared.split.test
        fitted = [in_units(prepared, predict(kind.fit(test), test)) for kind in (Autoregression, GraphAutoregression)]
        here = [[mse for mse, _ in errors(one)] for one in fitted]
        least = [[min(pair) for pair in zip(*kinds, strict=True)] for kinds in zip(least or here, here, strict=True)]
    y = fitted[0].y.double()
    variance = y.var(dim=0, correction=0).tolist()
    return [Bound(len(y), *each) for each in zip(variance, *least, strict=True)]


def in_units(prepared: Prepared, predictions: Predictions) -> Predictions:
    """Return predictions in the units of the file."""
    output, y = (prepared.in_units(values, predictions.node) for values in (predictions.output, predictions.y))
    return predictions._replace(output=output, y=y)


def errors(predictions: Predictions) -> list[tuple[float, float]]:
    """Return the mean squared and the mean absolute error over all answers, for each channel."""
    difference = predictions.output.double() - predictions.y.double()
    return list(zip(difference.square().mean(dim=0).tolist(), difference.abs().mean(dim=0).tolist(), strict=True))


def _ready(
    case: Case, prepared: Prepared, settings: Settings, of_baseline: Forecasting
) -> tuple[nn.Module, Selected | None, str]:
    """Return the model, the course of its training if it was trained, and the reason if it failed."""
    split = prepared.split
    if case.model in BASELINES:
        return models.fitted(case.model, of_baseline), None, ""
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


def _keep(
    model: nn.Module, test: Predictions, intervals: Intervals, prepared: Prepared, case: Case, folder: Path
) -> None:
    arrays: dict[str, Tensor] = dict(zip(test._fields, test, strict=True)) | {
        "low": intervals.low,
        "high": intervals.high,
    }
    if isinstance(model, Model) and isinstance(model.encoder, ForgettingGCNLSTM):
        arrays |= packed(*last_gates(model.encoder, prepared.split.test))
    parts: dict[str, Any] = {name: value.detach().cpu().numpy() for name, value in arrays.items()}
    _files.write(folder / f"{case.key}.npz", lambda file: np.savez_compressed(file, **parts), overwrite=True)
    weights = {name: value.detach().cpu() for name, value in model.state_dict().items()}
    archive.write(folder / f"{case.key}.pt", {"weights": weights, "width": intervals.width}, overwrite=True)
