"""Five recordings of a published comparison, forecast with the right loss.

The published comparison trains and tests with the difference of forecasts (N, 1) and answers (N,), which torch
broadcasts to (N, N). Here the recordings are prepared as there, values standardised by node over all times (of the
tennis tournaments log(1 + y)), 80 % of the times before the test part, and every model has the mean squared error.

Of each model and recording, the inputs (own past; or besides it the phase of the season and the mean over all nodes),
the form of the output (the value, or what is added to the autoregression of the same inputs) and the number of steps
are chosen by the error on a validation part, the last fifth of the 80 %, with one seed; on the three large recordings
the richer inputs and the sum are given, and the steps are chosen. Other seeds are then trained on the whole 80 % for so
many steps, and the test part is read once. Models on graphs are trained again with shuffled edges (nodes change places)
and with none. The record has the error at every time of the test part, for paired tests.

    pip install --no-deps --target peer torch-geometric-temporal
    PYTHONPATH=.:peer python benchmarks/recordings.py --data graphs --out docs/recordings --minutes 14

It stops after so many minutes and goes on where it stopped, with ten seeds of three models first, then with three seeds
of all and the rest of the ten; ``recordings_page.py`` makes the page of what is there. All of it takes two hours of one
core.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from functools import cache, partial
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import torch
from recordings_data import EDGES, INPUTS, SOURCES, Recorded, recorded
from recordings_models import BASELINES, FAMILIES, ON_GRAPHS, PEERS, OnLinear, ours, peer
from torch import nn

import graphseq as gs
from graphseq import seeding
from graphseq.evaluation.predict import predict
from graphseq.training.fit import DivergedError
from graphseq.training.history import machine

SEEDS = tuple(range(1, 11))
CHOOSING = 0
LARGE = ("montevideo_bus", "twitter_tennis_rg17", "twitter_tennis_uo17")
LR, DECAY = 0.01, 0.01
FIRST = ("LSTM", "GCN-LSTM", "GConvGRU")
"""Those of ten seeds, of which the last two are run with shuffled edges, too."""
THEN = ("TGCN", "GCN", "GConvLSTM", "GRU", "DCRNN", "0-hop", "GCLSTM", "A3TGCN", "GCN-GRU", "LRGCN", "DyGrEncoder")
MODELS = (*FIRST, *THEN, *(name for name in (*PEERS, *FAMILIES) if name not in FIRST + THEN))
"""In the order in which they are run, so that a run that was stopped has some of each kind."""


class Case(NamedTuple):
    """One run."""

    recording: str
    model: str
    inputs: str
    head: str  #: "plain", or "linear" for what is added to the autoregression of the same inputs
    edges: str
    seed: int  #: of weights, batches and shuffles

    @property
    def key(self) -> str:
        """The name of its line in the record."""
        return "/".join(map(str, self))


Record = dict[str, dict[str, Any]]


def steps_of(recording: str) -> tuple[int, int]:
    """Return the most steps, and the windows in a batch."""
    return {"chickenpox": (160, 32), "england_covid": (160, 8)}.get(recording, (80, 2))


def choices(recording: str) -> list[tuple[str, str]]:
    """Return the inputs and heads to choose from; large recordings, where a run takes longer, have fewer."""
    return [("mean", "linear")] if recording in LARGE else list(product(("own", "mean"), ("plain", "linear")))


def cases(record: Record) -> Iterator[Case]:
    """Yield the runs in order; those of ten seeds once the settings of their model are chosen."""
    for recording in SOURCES:
        yield from fitted_at_once(recording)
    small = [name for name in SOURCES if name not in LARGE]
    for recordings, models, seeds, changed_seeds in (
        *((part, FIRST, SEEDS, SEEDS[:5]) for part in (small, LARGE)),
        *((part, MODELS, SEEDS[:3], ()) for part in (small, LARGE)),
        (tuple(SOURCES), MODELS, SEEDS, SEEDS),
    ):
        yield from given(record, recordings, models, seeds)
        yield from changed(record, recordings, changed_seeds)


def fitted_at_once(recording: str) -> Iterator[Case]:
    """Yield the runs of the baselines, those on graphs with shuffled edges and with none, too."""
    for model, inputs in product(BASELINES, INPUTS):
        if model in ("autoregression", "graph autoregression") or inputs == "own":
            yield Case(recording, model, inputs, "plain", "given", CHOOSING)
    for inputs in INPUTS:
        yield Case(recording, "graph autoregression", inputs, "plain", "none", CHOOSING)
    yield from (Case(recording, "graph autoregression", "own", "plain", "shuffled", seed) for seed in SEEDS)


def given(record: Record, recordings: Sequence[str], models: Sequence[str], seeds: Sequence[int]) -> Iterator[Case]:
    """Yield the runs of models with the edges of the recordings: those that choose, and those of these seeds."""
    for model, recording in product(models, recordings):
        yield from (Case(recording, model, inputs, head, "given", CHOOSING) for inputs, head in choices(recording))
        inputs, head, _ = chosen(record, recording, model)
        yield from (Case(recording, model, inputs, head, "given", seed) for seed in seeds)


def changed(
    record: Record, recordings: Sequence[str], seeds: Sequence[int], models: Sequence[str] = ON_GRAPHS
) -> Iterator[Case]:
    """Yield the runs of models on graphs with shuffled edges and with none."""
    for model, recording, edges in product(models, recordings, EDGES[1:]):
        inputs, head, _ = chosen(record, recording, model)
        yield from (Case(recording, model, inputs, head, edges, seed) for seed in seeds)


def chosen(record: Record, recording: str, model: str) -> tuple[str, str, int]:
    """Return the inputs, the head and the steps of least error on the validation part."""
    tried = [(*pair, Case(recording, model, *pair, "given", CHOOSING).key) for pair in choices(recording)]
    inputs, head, key = min(tried, key=lambda one: record[one[2]]["validation"])
    return inputs, head, record[key]["steps"]


@cache
def _recorded(name: str, folder: Path) -> Recorded:
    return recorded(name, folder)


@cache
def _task(name: str, folder: Path, inputs: str, edges: str, seed: int) -> gs.tasks.Forecasting:
    _task.cache_clear()  # one recording in memory at a time, which successive cases share
    return _recorded(name, folder).task(inputs, edges, seed)


def run(case: Case, record: Record, folder: Path) -> dict[str, Any]:
    """Return the result of a run."""
    task = _task(case.recording, folder, case.inputs, case.edges, case.seed if case.edges == "shuffled" else 0)
    split = _recorded(case.recording, folder).split(task)
    began = time.process_time()
    if case.model in BASELINES:
        result = tested(BASELINES[case.model](split.whole), split.test)
    else:
        with seeding.forked(case.seed, seeding.BUILD):
            model = (peer if case.model in PEERS else ours)(case.model, task)
            if case.head == "linear":
                fitted_to = split.train if case.seed == CHOOSING else split.whole
                model = OnLinear(model, linear(case, fitted_to))
        steps, size = steps_of(case.recording)
        settings: dict[str, Any] = {
            "optimizer": partial(torch.optim.AdamW, lr=LR, weight_decay=DECAY),
            **{"batch_size": size, "clip": 1.0, "seed": case.seed, "stop_threshold": None},
        }
        if case.seed == CHOOSING:
            found = gs.fit_with_validation(
                model, split.train, split.validation, every=steps // 4, steps=steps, **settings
            )
            best = min(found.curve, key=lambda point: point[1])
            result = {"validation": best[1], "steps": best[0]}
        else:
            steps = chosen(record, case.recording, case.model)[2]
            gs.fit(model, split.whole, steps=steps, **settings)
            result = tested(model, split.test)
        result["parameters"] = sum(part.numel() for part in model.parameters())
    return {**result, "seconds": round(time.process_time() - began, 2)}


_FITTED: dict[tuple[str, ...], nn.Module] = {}


def linear(case: Case, task: gs.tasks.Forecasting) -> nn.Module:
    """Return the autoregression of the same inputs, fitted once for all seeds."""
    key = (case.recording, case.inputs, str(len(task)))
    if key not in _FITTED:
        _FITTED[key] = gs.baselines.Autoregression.fit(task)
    return _FITTED[key]


def tested(model: nn.Module, test: gs.tasks.Forecasting) -> dict[str, Any]:
    """Return the mean squared error on the test part, and that of each of its times."""
    found = predict(model, test, batch_size=16)
    error = (found.output - found.y).double().square().mean(dim=1)
    times, place = found.time.unique(return_inverse=True)
    by_time = error.new_zeros(len(times)).index_add_(0, place, error) / torch.bincount(place)
    return {"mse": round(float(error.mean()), 6), "by_time": [round(value, 5) for value in by_time.tolist()]}


def read(path: Path) -> Record:
    """Return the runs that were made."""
    lines = path.read_text().splitlines() if path.exists() else []
    return {case["case"]: case for case in map(json.loads, lines)}


def main(data: Path, out: Path, minutes: float) -> None:
    """Make runs until the time is up or all are made."""
    out.mkdir(parents=True, exist_ok=True)
    path, until = out / "results.jsonl", time.monotonic() + 60 * minutes
    config = {"hidden": [16, 32], "lr": LR, "weight_decay": DECAY, "machine": machine("cpu")}
    (out / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    record = read(path)
    print("all runs are made" if make(path, record, cases(record), data, until) else "stopped; run it again to go on")


def make(path: Path, record: Record, runs: Iterator[Case], data: Path, until: float) -> bool:
    """Make runs that the record lacks, and add each to its file; return whether all are made before the time is up."""
    torch.set_num_threads(1)
    for case in runs:
        if case.key in record:
            continue
        if time.monotonic() > until:
            return False
        try:
            result = run(case, record, data)
        except DivergedError as error:
            result = {"failure": str(error), "validation": float("inf"), "steps": 1}
        record[case.key] = {"case": case.key, **result}
        with path.open("a") as file:
            file.write(json.dumps(record[case.key]) + "\n")
    return True


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with the five .json files")
    parser.add_argument("--out", type=Path, default=Path("docs/recordings"))
    parser.add_argument("--minutes", type=float, default=14.0)
    main(**vars(parser.parse_args()))
