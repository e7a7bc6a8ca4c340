"""Handwritten digits, read as a sequence, as a graph and as a graph over time: the same pixels, by the same call.

scikit-learn's digits have 8 × 8 pixels, and each pixel here shows its darkness and, one-hot, its line and its column.
A digit is read as a scan line of 64 steps (LSTM), as a grid where a pixel is joined to the four beside it (GCN), and
line by line, eight nodes at eight times (GCN-LSTM). "0 hops" sees each pixel by itself. All have the same width,
steps and batches, and a head on the largest of each channel over all pixels; the learning rate of each is the better
of two on a part of the training half, the only thing that is chosen by accuracy in this script. Training is on the
first half and the test on the second, unshuffled, as in scikit-learn's own example, so that others wrote the second.

*farthest* is how many hops lie between the two pixels of a reading that are farthest apart, what one state needs to
relate any two of them; *sees* is from how far a state reads. Since the head reads all states, a model that sees less
still knows every pixel: what it cannot do is relate two that no state sees together. Seconds are of one core.

What to expect: EXPECT

``python examples/digits.py`` takes about ten minutes of one core, prints the table, writes digits.json and digits.png,
and goes on where it was stopped.
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
from matplotlib.figure import Figure
from sklearn.base import ClassifierMixin
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC
from torch import Tensor, nn

import graphseq as gs
from graphseq import _files, grid, seeding
from graphseq.history import machine
from graphseq.schedules import Cosine
from graphseq.tabular import aligned, students_interval

READINGS: dict[str, Callable[[gs.SpaceTimeGraph], gs.SpaceTimeGraph]] = {
    "scan line": partial(gs.traverse, order="given"),
    "grid": lambda graph: graph,
    "line by line": partial(gs.line_by_line, shape=(8, 8)),
}
REMEDY = {"residual": True, "norm": lambda width: nn.Sequential(nn.LayerNorm(width), nn.Dropout(0.3))}
MODELS: dict[str, tuple[str, Callable[[int, int], gs.nn.Encoder]]] = {  # a reading; what is made of F and H
    "0 hops": ("grid", gs.nn.MLP),
    "GCN, 4 layers": ("grid", partial(gs.nn.GCN, num_layers=4)),
    "GCN, 4 layers, remedied": ("grid", partial(gs.nn.GCN, num_layers=4, **REMEDY)),
    "LSTM": ("scan line", gs.nn.LSTM),
    "GCN-LSTM": ("line by line", gs.nn.GCNLSTM),
}
BASELINES: dict[str, Callable[[], ClassifierMixin]] = {
    "logistic regression": partial(LogisticRegression, max_iter=10_000),
    "SVM": partial(SVC, gamma=0.001),
}


@dataclass(frozen=True)
class Setting:
    """All that the numbers depend on, beside the tables above."""

    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    rates: tuple[float, ...] = (3e-3, 1e-2)
    tuned_on: int = 600  # of the training half; the rest of it judges
    hidden: int = 64
    steps: int = 600
    batch_size: int = 64
    shown: int = 100  # test digits in the picture


def digits(reading: str) -> tuple[gs.tasks.Labelled, gs.tasks.Labelled]:
    """The training half and the test half in one reading."""
    pixels, eye = torch.from_numpy(load_digits().images / 16.0).float()[..., None], torch.eye(8)
    place = torch.cat([eye[:, None].expand(8, 8, 8), eye.expand(8, 8, 8)], dim=2)
    x = torch.cat([pixels, place.expand(len(pixels), 8, 8, 16)], dim=3)
    graphs = gs.grid_graphs(x, torch.from_numpy(load_digits().target))
    task = gs.tasks.Labelled([READINGS[reading](graph) for graph in graphs], num_classes=10)
    numbers, half = torch.arange(len(task)), len(task) // 2
    return task.part(numbers[:half]), task.part(numbers[half:])


def run(setting: Setting, name: str, lr: float, seed: int, tuning: bool) -> dict[str, Any]:
    """Train one model and judge it, on the test half or, where it is for tuning, on what is left of the other."""
    reading, encoder = MODELS[name]
    train, test = digits(reading)
    if tuning:
        train, test = (train.part(part) for part in torch.arange(len(train)).tensor_split([setting.tuned_on]))
    with seeding.forked(seed, seeding.BUILD):
        model = gs.nn.Model(encoder(train.in_channels, setting.hidden), train.out_channels, pool="max")
    told: dict[str, Any] = {"model": name, "lr": lr, "seed": seed, "tuning": tuning}
    size = {"steps": setting.steps, "batch_size": setting.batch_size, "solved_at": None, "clip": 1.0}
    began = time.process_time()
    gs.fit(model, train, **size, optimizer="Adam", lr=lr, schedule=Cosine(setting.steps), seed=seed)
    told |= {"seconds": time.process_time() - began, "accuracy": gs.evaluate(model, test).score}
    if not tuning and seed == setting.seeds[0]:
        one = test.graphs(torch.tensor([0]))
        hops, rows = gs.reach.hop_distances(one, torch.arange(64)), torch.arange(64)
        told |= {"farthest": int(hops.max()), "sees": int(hops[model.encoder.reach(one, rows)].max())}
        told |= {"parameters": sum(weight.numel() for weight in model.parameters())}
        told["influence"] = looked_at(model, test.graphs(torch.arange(setting.shown))).tolist()
    return told


def looked_at(model: gs.nn.Model, graph: gs.SpaceTimeGraph) -> Tensor:
    """The share that each pixel has in the influence on a digit's answer, the mean over the digits of a batch, (64,)."""
    count = graph.num_graphs
    own = gs.reach.influence(model, graph).view(count, count, 64).diagonal().T  # of each answer, its own pixels
    return (own / own.sum(dim=1, keepdim=True)).mean(dim=0)


def kept(setting: Setting, folder: Path, case: tuple[str, float, int, bool]) -> dict[str, Any]:
    """The result of a case, from ``folder`` where it is there, and put there where it is not."""
    name, lr, seed, tuning = case
    file = folder / f"{list(MODELS).index(name)}-{lr:g}-{'tuning' if tuning else seed}.json"
    if not file.exists():
        _files.write_text(file, json.dumps(run(setting, *case)) + "\n", overwrite=False)
    found: dict[str, Any] = json.loads(file.read_text())
    return found


def baseline(name: str) -> dict[str, Any]:
    """One of scikit-learn's own, on the darkness of the 64 pixels."""
    data, began = load_digits(), time.process_time()
    half = len(data.target) // 2
    found = BASELINES[name]().fit(data.data[:half], data.target[:half])
    seconds, weights = time.process_time() - began, ("coef_",) if name != "SVM" else ("support_vectors_", "dual_coef_")
    told = {"model": name, "accuracy": float(found.score(data.data[half:], data.target[half:])), "seconds": seconds}
    return {**told, "parameters": sum(getattr(found, part).size for part in (*weights, "intercept_"))}


def best_rate(setting: Setting, name: str, tried: list[dict[str, Any]]) -> float:
    """The rate that did best on the part of the training half that was left out, the smaller of equals."""
    own = {each["lr"]: each["accuracy"] for each in tried if each["model"] == name}
    return max(sorted(setting.rates), key=lambda lr: own[lr])


def line(name: str, runs: list[dict[str, Any]]) -> list[str]:
    """What the table says of one model."""
    accuracy = [each["accuracy"] for each in runs]
    low, high = students_interval(accuracy) if len(runs) > 1 else (accuracy[0], accuracy[0])
    said = f"{sum(accuracy) / len(runs):.1%}" + (f" [{low:.1%}, {high:.1%}]" if len(runs) > 1 else "")
    hops = [str(runs[0].get(key, "")) for key in ("farthest", "sees")]
    seconds = sum(each["seconds"] for each in runs) / len(runs)
    reading = MODELS[name][0] if name in MODELS else "64 numbers"
    return [name, reading, said, *hops, f"{runs[0]['parameters']:,}", f"{seconds:.1f}"]


def table(results: dict[str, list[dict[str, Any]]]) -> str:
    """Accuracy on the test half, hops, parameters and the seconds of one run, a line a model."""
    head = ["model", "reading", "accuracy", "farthest", "sees", "parameters", "seconds"]
    return aligned([head, *(line(name, runs) for name, runs in results.items())], head=1)


def figure(results: dict[str, list[dict[str, Any]]], shown: int) -> Figure:
    """The mean of the test digits, and the share that each pixel has in each model's influence."""
    mean = load_digits().images[len(load_digits().images) // 2 :][:shown].mean(axis=0)
    maps = {name: torch.tensor(runs[0]["influence"]).view(8, 8) for name, runs in results.items() if name in MODELS}
    drawing = Figure(figsize=(2.3 * (len(maps) + 1), 2.9), layout="constrained")
    first, *panels = drawing.subplots(1, len(maps) + 1)
    first.imshow(mean, cmap="gray_r")
    first.set_title(f"mean of {shown} digits", fontsize=10)
    most = max(float(each.max()) for each in maps.values())
    for panel, (name, each) in zip(panels, maps.items(), strict=True):
        drawn = panel.imshow(100 * each, cmap="viridis", vmin=0, vmax=100 * most)
        panel.set_title(name, fontsize=10)
    for panel in (first, *panels):
        panel.set(xticks=[], yticks=[])
    drawing.colorbar(drawn, ax=panels, shrink=0.7).set_label("influence, % of all pixels'")
    return drawing


def main(out: Path, setting: Setting = Setting(), jobs: int = 1) -> dict[str, Any]:
    """Run what is left to run, print the table, and write record and figure to ``out``."""
    folder, facts = out / "runs", json.loads(json.dumps(asdict(setting)))
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / "setting.json").exists() and json.loads((folder / "setting.json").read_text()) != facts:
        raise FileExistsError(f"{out} holds results of another setting; choose another --out")
    _files.write_text(folder / "setting.json", json.dumps(facts) + "\n", overwrite=True)
    each = partial(
        grid.run_each, partial(kept, setting, folder), finished=0, jobs=jobs, said=lambda told: told["model"]
    )
    tried = each([(name, lr, setting.seeds[0], True) for name in MODELS for lr in setting.rates])
    found = each([(name, best_rate(setting, name, tried), seed, False) for name in MODELS for seed in setting.seeds])
    found.sort(key=lambda told: told["seed"])
    results = {name: [baseline(name)] for name in BASELINES}
    results |= {name: [told for told in found if told["model"] == name] for name in MODELS}
    record: dict[str, Any] = {"config": facts, "machine": {**machine(), "scikit-learn": version("scikit-learn")}}
    record |= {"table": table(results).splitlines(), "tuning": tried, "results": results}
    _files.write_text(out / "digits.json", json.dumps(record, indent=1) + "\n", overwrite=True)
    _files.write(out / "digits.png", lambda file: figure(results, setting.shown).savefig(file, dpi=150), overwrite=True)
    print(table(results))
    return record


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out/digits"), help="folder for the record and the figure")
    parser.add_argument("--steps", type=int, default=Setting.steps, help="of each training")
    parser.add_argument("--seeds", type=int, default=len(Setting.seeds), help="runs of each model")
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time, each on one thread")
    options = parser.parse_args()
    torch.set_num_threads(1)
    main(options.out, Setting(seeds=tuple(range(options.seeds)), steps=options.steps), options.jobs)
