"""Handwritten digits read as a sequence, as a graph and as a graph over time: the same pixels, by the same call.

scikit-learn's digits have 8 × 8 pixels. The features of a pixel are its darkness and its position, encoded by three
cosine waves in each direction. A digit is read as a scan line of 64 steps (LSTM), as a grid with edges between pixels
that share a side (GCN), and line by line, as eight nodes at eight times (GCN-LSTM); "0 hops" sees each pixel by itself.
All models have the same width, steps and learning rate, and max-pooling over all pixels. Training is on the first half
and the test on the second, as in scikit-learn's own example. Features, width, pooling, rate and remedies were chosen by
hand on the first half alone, by training on 600 digits of it and testing on the rest, as ``--tuning`` does; the test
half had no part in it.

*farthest* is the largest hop distance between two pixels in a reading, which one state must see to relate any two of
them. *sees* is the number of hops that a state sees. Pooling reads all states, so a model that sees fewer hops still
sees every pixel, but cannot relate two that no state sees together. Seconds are of one core, for one training.

Result: the best model of each reading (a GCN with residual connections and BatchNorm, the LSTM, and a GCN-LSTM of
SAGEConv) is right on 92 to 93 %, like logistic regression and four points below the SVM. The positions of dark pixels
are enough for that, without any edge; plain convolutions, which mix a pixel with its neighbours, lose four points.

``python examples/digits.py`` takes a few minutes, continues where it was stopped, and writes digits.json, from which
``examples/digits_influence.py`` draws the influence of each pixel on each model.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from sklearn import datasets, linear_model, svm
from torch import nn
from torch_geometric.nn import SAGEConv

import graphseq as gs
from graphseq import _files, seeding
from graphseq.cli.messages import refusals
from graphseq.evaluation import tables
from graphseq.training import history, lr_schedule

READINGS: dict[str, Callable[[gs.SpaceTimeGraph], gs.SpaceTimeGraph]] = {
    "scan line": partial(gs.transforms.to_sequence, order="given"),
    "grid": lambda graph: graph,
    "line by line": partial(gs.rows_over_time, shape=(8, 8)),
}
MODELS: dict[str, tuple[str, Callable[[int, int], gs.nn.Encoder]]] = {  # a reading, and the encoder made from F and H
    "0 hops": ("grid", gs.nn.MLP),
    "GCN": ("grid", partial(gs.nn.GCN, num_layers=4)),
    "GCN, residual, BatchNorm": ("grid", partial(gs.nn.GCN, num_layers=4, residual=True, norm=nn.BatchNorm1d)),
    "LSTM": ("scan line", gs.nn.LSTM),
    "GCN-LSTM": ("line by line", gs.nn.GCNLSTM),
    "GCN-LSTM of SAGEConv": ("line by line", partial(gs.nn.GCNLSTM, conv=SAGEConv)),
}
LOGISTIC = partial(linear_model.LogisticRegression, max_iter=10_000)
BASELINES = {"logistic regression": LOGISTIC, "SVM": partial(svm.SVC, gamma=0.001)}
NUMBERS = (
    "coef_",
    "support_vectors_",
    "dual_coef_",
    "intercept_",
)  # attributes of scikit-learn's models that hold weights


@dataclass(frozen=True)
class Setting:
    """Settings; with the tables above they determine the results."""

    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    hidden: int = 64
    steps: int = 600
    batch_size: int = 32
    lr: float = 1e-2
    shown: int = 100  # digits whose influence is measured
    tuning: bool = False


def digits(setting: Setting, reading: str) -> tuple[gs.tasks.GraphClassification, gs.tasks.GraphClassification]:
    """Return the training and the test set in one reading: the two halves or, in tuning, two parts of the first."""
    dark = torch.from_numpy(datasets.load_digits().images / 16.0).float()[..., None]
    waves = [(torch.pi * k * gs.pixel_positions(8, 8)).cos() for k in (1, 2, 3)]
    x = torch.cat([dark, torch.cat(waves, dim=2).expand(len(dark), 8, 8, 6)], dim=3)
    graphs = gs.grid_graphs(x, torch.from_numpy(datasets.load_digits().target))
    task = gs.tasks.GraphClassification([READINGS[reading](graph) for graph in graphs], num_classes=10)
    first, second = torch.arange(len(task)).tensor_split([len(task) // 2])
    train, test = (first[:600], first[600:]) if setting.tuning else (first, second)
    return task.part(train), task.part(test)


def run(settings: dict[str, Any], model: str, seed: int) -> dict[str, Any]:
    """Train and test one model from one seed."""
    setting, (reading, encoder) = Setting(**settings), MODELS[model]
    train, test = digits(setting, reading)
    with seeding.forked(seed, seeding.BUILD):
        network = gs.nn.Model(encoder(train.in_channels, setting.hidden), train.out_channels, pool="max")
    size = {"steps": setting.steps, "batch_size": setting.batch_size, "stop_threshold": None, "clip": 1.0, "seed": seed}
    began = time.process_time()
    gs.fit(network, train, **size, optimizer="Adam", lr=setting.lr, schedule=lr_schedule.Cosine(setting.steps))
    record = {"model": model, "seed": seed, "seconds": time.process_time() - began, "farthest": test.hops}
    one, rows = test.graphs(torch.tensor([0])), torch.arange(64)
    record["sees"] = int(gs.reach.hop_distances(one, rows)[network.encoder.reach(one, rows)].max())
    record["parameters"] = sum(weight.numel() for weight in network.parameters())
    if seed == setting.seeds[0]:
        jacobian_norms = gs.reach.influence(network, test.graphs(torch.arange(setting.shown)))
        totals = jacobian_norms.sum(dim=0).view(-1, 64)  # no pixel influences the output for another digit
        record["influence"] = (totals / totals.sum(dim=1, keepdim=True)).mean(dim=0).tolist()
    return {**record, "accuracy": gs.evaluate(network, test).score}


def baseline(setting: Setting, name: str) -> dict[str, Any]:
    """Train and test one model of scikit-learn on the 64 numbers of a digit."""
    (train, test), began = digits(setting, "grid"), time.process_time()
    x = [16 * task.graphs(torch.arange(len(task))).x[:, 0].view(-1, 64) for task in (train, test)]
    fitted = BASELINES[name]().fit(x[0], train.answers)
    record = {"model": name, "farthest": "", "sees": "", "seconds": time.process_time() - began}
    record["parameters"] = sum(getattr(fitted, weight).size for weight in NUMBERS if hasattr(fitted, weight))
    return {**record, "accuracy": float(fitted.score(x[1], test.answers))}


def table(results: dict[str, list[dict[str, Any]]]) -> str:
    """Return a table: mean test accuracy with its 95 % interval over the seeds, hops, parameters and seconds."""
    rows = [["model", "reading", "accuracy", "farthest", "sees", "parameters", "seconds"]]
    for name, runs in results.items():
        reading, one = MODELS[name][0] if name in MODELS else "64 numbers", runs[0]
        accuracy = tables.mean_with_interval([run["accuracy"] for run in runs], ".1%")
        seconds = sum(run["seconds"] for run in runs) / len(runs)
        counts = [f"{one[key]:,}" if one[key] != "" else "" for key in ("farthest", "sees", "parameters")]
        rows.append([name, reading, accuracy, *counts, f"{seconds:.1f}"])
    return tables.aligned(rows, head=1)


def main(out: Path, setting: Setting = Setting()) -> dict[str, Any]:
    """Run what is not finished yet, print the table, and write the record to ``out``."""
    out.mkdir(parents=True, exist_ok=True)
    cases = {"settings": [asdict(setting)], "model": list(MODELS), "seed": setting.seeds}
    runs = gs.sweep(run, cases, out / "runs.jsonl", jobs=1, progress=True)
    if failed := [outcome.error for outcome in runs if outcome.failed]:
        raise SystemExit(f"{len(failed)} runs failed, the first of {failed[0]}; run it again")
    results = {name: [baseline(setting, name)] for name in BASELINES}
    results |= {name: [outcome.result for outcome in runs if outcome.config["model"] == name] for name in MODELS}
    record = {"config": asdict(setting), "machine": {**history.machine(), "scikit-learn": version("scikit-learn")}}
    record |= {"table": table(results).splitlines(), "results": results}
    _files.write_text(out / "digits.json", json.dumps(record, indent=1) + "\n", overwrite=True)
    print(table(results))
    return record


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out/digits"), help="folder for the record")
    parser.add_argument("--steps", type=int, default=Setting.steps, help="training steps of each model")
    parser.add_argument("--tuning", action="store_true", help="test on the last third of the training half")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with refusals(parser):
        main(options.out, Setting(steps=options.steps, tuning=options.tuning))
