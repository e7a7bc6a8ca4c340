r"""``MinPlusGCN`` on distances beyond those of its training, on transfer over 100 hops, and without each of its parts.

ECHO regenerated (:class:`graphseq.tasks.EchoShortestPaths` and its relatives): 1,008 graphs of diameters 17 to 40,
60 % to train on, 20 % each to choose and to test; and 120 graphs of diameters 41 to 80 that no model was trained on.
Loss and measure are the mean absolute error in hops, of answers divided by their largest in training. All models: Adam
with a cosine from 3e-3 to 0, 16 graphs a step, 32 channels. Settings were chosen on other graphs.

Transfer: the class of one row at another, 100 hops away, on eight graphs. "zero-shot" is a model that was trained on
paths of 2 to 12 hops alone.

Run it with ``python benchmarks/longrange_model.py --part echo``, ``ablations`` and ``transfer``, about an hour on one
core; then ``longrange_report.py`` draws the figure. It continues where it was stopped.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from longrange_ablations import FixedDepth, NoMinimum, OwnCosts, Recurrence, ReluReading, SmallGains, ablated
from longrange_transfer import SHAPES, transferred, zero_shot
from torch import Tensor

import graphseq as gs
from graphseq import _files, seeding
from graphseq.tasks.longrange.distances import GraphDistances
from graphseq.training.history import machine

Build = Callable[[int, int, int], gs.nn.Encoder]

TASKS: dict[str, type[GraphDistances]] = {
    "sssp": gs.tasks.EchoShortestPaths,
    "ecc": gs.tasks.EchoEccentricity,
    "diam": gs.tasks.EchoDiameter,
}
LAYERS = {"sssp": 1, "ecc": 3, "diam": 3}
MODELS: dict[str, Build] = {
    "min-plus": lambda f, h, n: gs.nn.MinPlusGCN(f, h, n, mean=False),
    "with the mean": gs.nn.MinPlusGCN,
    "ReLU reading": ablated(ReluReading),
    "gains of 1 to 8": ablated(SmallGains),
    "16 steps": ablated(FixedDepth),
    "own cost each step": ablated(OwnCosts),
    "mean, no minimum": ablated(NoMinimum),
    "GRU over depth": lambda f, h, n: Recurrence(f, h),
}


@dataclass(frozen=True)
class Setting:
    """The settings that determine the results."""

    graphs: int = 1008
    beyond: int = 120
    hidden: int = 32
    steps: int = 1500
    batch_size: int = 16
    lr: float = 3e-3
    clip: float = 1.0


@dataclass(frozen=True)
class Data:
    """One task's parts, and graphs of larger diameters."""

    train: GraphDistances
    validation: GraphDistances
    test: GraphDistances
    beyond: GraphDistances

    @classmethod
    def of(cls, task: str, setting: Setting) -> Data:
        """Draw the graphs, the same for all seeds of a model."""
        parts = TASKS[task](setting.graphs).split()
        return cls(*parts, TASKS[task](setting.beyond, seed=1, diameters=(41, 80)))


def answered(model: gs.nn.Model, task: GraphDistances, scale: float) -> tuple[Tensor, Tensor]:
    """Answers of a model to all graphs of a task, and the right ones, both (K,), in hops."""
    parts = torch.arange(len(task)).split(64)
    with torch.no_grad():
        batches = [task.graphs(part) for part in parts]
        output = torch.cat([model(batch)[:, 0] * scale for batch in batches])
    return output, torch.cat([batch.y[:, 0] for batch in batches])


def by_hops(output: Tensor, y: Tensor) -> dict[str, list[float]]:
    """Mean absolute errors at each number of hops."""
    hops = y.round().long()
    count = torch.bincount(hops)
    total = torch.zeros(len(count)).index_add(0, hops, (output - y).abs())
    there = count.nonzero()[:, 0]
    return {"hops": there.tolist(), "mae": (total[there] / count[there]).tolist()}


def run(setting: Setting, task: str, name: str, data: Data, seed: int) -> dict[str, object]:
    """Train and test one model."""
    with seeding.forked(seed, seeding.BUILD):
        encoder = MODELS[name](data.train.in_channels, setting.hidden, LAYERS[task])
        model = gs.nn.Model(encoder, 1, pool="max" if data.train.per_graph else None)
    scale = float(data.train.answers.max())
    optimizer = torch.optim.Adam(model.parameters(), setting.lr)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, setting.steps)
    generator, begun = torch.Generator().manual_seed(seed), time.perf_counter()
    for _ in range(setting.steps):
        batch = data.train.batch(setting.batch_size, generator)
        loss = (model(batch) - batch.y / scale).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), setting.clip)
        optimizer.step()
        schedule.step()
    seconds = time.perf_counter() - begun
    result: dict[str, object] = {"seconds": seconds, "parameters": sum(p.numel() for p in model.parameters())}
    for part in ("validation", "test", "beyond"):
        output, y = answered(model, getattr(data, part), scale)
        result[part] = float((output - y).abs().mean())
        if part != "validation":
            result[f"{part} by hops"] = by_hops(output, y)
    return result


def floors(task: str, data: Data) -> dict[str, float]:
    """Test errors of the median answer of training, and of the median of each family."""
    y, families = _answers_and_families(data.train)
    test_y, test_families = _answers_and_families(data.test)
    median = {name: y[[i for i, own in enumerate(families) if own == name]].median() for name in set(families)}
    guess = torch.stack([median[name] for name in test_families])
    return {
        "constant": float((test_y - y.median()).abs().mean()),
        "constant per family": float((test_y - guess).abs().mean()),
    }


def _answers_and_families(task: GraphDistances) -> tuple[Tensor, list[str]]:
    batches = [task.graphs(torch.tensor([number])) for number in range(len(task))]
    names = [name for name, batch in zip(task.families, batches, strict=True) for _ in range(len(batch.y))]
    return torch.cat([batch.y[:, 0] for batch in batches]), names


def kept(path: Path, key: str, make: Callable[[], object]) -> None:
    """Make what the record lacks under ``key``, and write it down."""
    record = json.loads(path.read_text()) if path.exists() else {"machine": machine()}
    if key not in record:
        record[key] = make()
        _files.write_text(path, json.dumps(record, indent=1) + "\n", overwrite=True)
        print(key, {k: v for k, v in record[key].items() if not isinstance(v, dict)}, flush=True)


def main() -> None:
    """Run the part that the command asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=["echo", "ablations", "transfer"], default="echo")
    parser.add_argument("--tasks", nargs="+", choices=list(TASKS), default=list(TASKS))
    parser.add_argument("--models", nargs="+", choices=list(MODELS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int)
    parser.add_argument("--out", type=Path, default=Path("docs/longrange"))
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    path = asked.out / "model.json"
    if asked.part == "transfer":
        for shape in SHAPES:
            for seed in asked.seeds:
                kept(path, f"transfer | {shape} | {seed}", lambda shape=shape, seed=seed: transferred(shape, seed))
        for seed in asked.seeds:
            kept(path, f"transfer | zero-shot | {seed}", lambda seed=seed: zero_shot(seed))
        return
    setting = Setting()
    names = asked.models or (["min-plus"] if asked.part == "echo" else list(MODELS))
    for task in asked.tasks:
        data = Data.of(task, setting)
        kept(path, f"{task} | floors", lambda task=task, data=data: floors(task, data))
        steps = asked.steps or (600 if task == "sssp" else setting.steps)
        for seed in asked.seeds:
            for name in names:
                own = replace(setting, steps=steps)
                kept(
                    path,
                    f"{task} | {name} | {steps} steps | {seed}",
                    lambda task=task, name=name, data=data, seed=seed, own=own: run(own, task, name, data, seed),
                )


if __name__ == "__main__":
    main()
