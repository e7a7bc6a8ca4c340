"""Four optimisers from one start: what each does to the loss of one task, and its path down one narrow valley.

Left, an RNN learns the last digit of a palindrome of eight, one-hot, from the same first weights and the same batches.
Right, the valley f(x, y) = (x² + 25 y²) / 2, where the gradient points across the valley and hardly along it. Every
optimiser has the learning rate of one grid at which it does best: on the task, the lowest loss over the last 50 steps,
averaged over seeds; in the valley, the fewest steps to a thousandth of the first height.

- SGD, w ← w - η g: across the valley it must take small steps, and so creeps along it.
- momentum, v ← 0.9 v + g, w ← w - η v: what points the same way again and again adds up, and it overshoots.
- RMSProp, s ← 0.99 s + 0.01 g², w ← w - η g / √s: every coordinate at a speed of its own, whatever the slope.
- Adam, both, and both corrected for having begun at zero.

What to expect: on the task RMSProp and Adam leave the start at once, and Adam ends lowest, SGD highest; in the valley
SGD comes last, momentum and Adam overshoot, and RMSProp, whose first steps are ten times as long, is first.

Run it with ``python examples/optimizers.py``; it takes a minute and writes optimizers.png and optimizers.json.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure

import graphseq as gs
from graphseq import _files, seeding
from graphseq.training.history import machine
from graphseq.training.optim import make_optimizer

NAMES = {"SGD": "#0072b2", "momentum": "#d55e00", "RMSprop": "#009e73", "Adam": "#cc79a7"}
RATES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
CURVATURE, START, WINDOW = 25.0, (-4.0, 1.0), 20


def losses(name: str, lr: float, steps: int, seed: int) -> list[float]:
    """Training loss of each step; cut off where it is no longer finite."""
    task = gs.tasks.Palindrome(length=8)
    with seeding.forked(seed, seeding.BUILD):
        model = gs.nn.Model(gs.nn.RNN(task.in_channels, 32), task.out_channels)
    try:
        return gs.fit(
            model, task, steps=steps, batch_size=64, optimizer=name, lr=lr, seed=seed, stop_threshold=None
        ).loss
    except gs.DivergedError as error:
        return error.history.loss


def height(at: torch.Tensor) -> torch.Tensor:
    """The valley."""
    return (at[..., 0] ** 2 + CURVATURE * at[..., 1] ** 2) / 2


def path(name: str, lr: float, steps: int) -> list[list[float]]:
    """Where an optimiser is in the valley, from the start on."""
    at = torch.nn.Parameter(torch.tensor(START, dtype=torch.float64))
    optimizer = make_optimizer(name, [at], lr)
    places = [at.tolist()]
    for _ in range(steps):
        optimizer.zero_grad()
        height(at).backward()
        optimizer.step()
        places.append(at.tolist())
    return places


def steps_down(places: list[list[float]]) -> int | None:
    """The first step from which on it stays below a thousandth of the first height; ``None`` if it never does."""
    heights = height(torch.tensor(places, dtype=torch.float64))
    first = int((~(heights < heights[0] / 1000)).nonzero()[-1]) + 1
    return first if first < len(places) else None


def on_the_task(steps: int, seeds: int) -> dict[str, Any]:
    """Of each optimiser the mean loss over seeds at every rate, and which rate is best."""
    found = {}
    for name in NAMES:
        runs = {lr: [losses(name, lr, steps, seed) for seed in range(seeds)] for lr in RATES}
        curves = {lr: torch.tensor(own).mean(dim=0) for lr, own in runs.items() if min(map(len, own)) == steps}
        best = min(curves, key=lambda lr: float(curves[lr][-50:].mean()))
        last = {lr: float(curve[-50:].mean()) for lr, curve in curves.items()}
        found[name] = {"lr": best, "loss": curves[best].tolist(), "last_loss_by_lr": last}
    return found


def in_the_valley(steps: int) -> dict[str, Any]:
    """Of each optimiser the path at the best rate, and how many steps it took at each."""
    found = {}
    for name in NAMES:
        paths = {lr: path(name, lr, steps) for lr in RATES}
        took = {lr: steps_down(paths[lr]) for lr in RATES}
        best = min(RATES, key=lambda lr: steps + 1 if took[lr] is None else took[lr])
        found[name] = {"lr": best, "path": paths[best], "steps": took[best], "steps_by_lr": took}
    return found


def figure(task: dict[str, Any], valley: dict[str, Any], seeds: int) -> Figure:
    """Loss against steps, and the paths."""
    drawing = Figure(figsize=(11.5, 4.4), layout="constrained")
    left, right = drawing.subplots(1, 2)
    for name, colour in NAMES.items():
        smooth = torch.tensor(task[name]["loss"]).unfold(0, WINDOW, 1).mean(dim=1)
        left.plot(range(WINDOW, WINDOW + len(smooth)), smooth, color=colour, label=f"{name}, lr {task[name]['lr']:g}")
        x, y = zip(*valley[name]["path"][:61], strict=True)
        said = f"{name}, lr {valley[name]['lr']:g}: {valley[name]['steps'] or 'not within 300'} steps"
        right.plot(x, y, ".-", color=colour, markersize=4, linewidth=1, label=said)
    left.axhline(math.log(10), color="#999999", linewidth=0.8, label="guessing, ln 10")
    left.set(yscale="log", xlabel="step", ylabel=f"loss (nats), mean of the last {WINDOW} steps")
    left.set_title(f"RNN, 8 digits, one-hot; seeds: {seeds}")
    xs, ys = torch.meshgrid(torch.linspace(-4.6, 2.2, 200), torch.linspace(-1.3, 1.3, 200), indexing="xy")
    levels = [0.05, 0.3, 1, 2.5, 5, 9, 15, 22]
    right.contour(xs, ys, height(torch.stack([xs, ys], dim=-1)), levels, colors="#cccccc", linewidths=0.8)
    title = "first 60 steps down a valley; steps to 1/1000 of its height"
    right.set(xlabel="x, along", ylabel="y, across (25 times as steep)", title=title)
    left.legend(loc="lower left", fontsize=9)
    right.legend(loc="lower right", fontsize=9)
    return drawing


def main(out: Path, steps: int = 500, seeds: int = 3, overwrite: bool = False) -> list[Path]:
    """Train, descend, draw, write, and return where it is."""
    files = [out / "optimizers.png", out / "optimizers.json"]
    there = [str(file) for file in files if file.exists()]
    if there and not overwrite:
        raise FileExistsError(f"{', '.join(there)} already there; choose another --out, or add --overwrite")
    clock = time.perf_counter()
    task, valley, seconds = on_the_task(steps, seeds), in_the_valley(300), time.perf_counter() - clock
    config = {"steps": steps, "seeds": seeds, "rates": RATES, "curvature": CURVATURE, "start": START}
    record = {"config": config, "machine": machine(), "seconds": seconds, "task": task, "valley": valley}
    out.mkdir(parents=True, exist_ok=True)
    drawing = figure(task, valley, seeds)
    _files.write(files[0], lambda file: drawing.savefig(file, format="png", dpi=150), overwrite=overwrite)
    _files.write_text(files[1], json.dumps(record, indent=1) + "\n", overwrite=overwrite)
    return files


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out/optimizers"), help="folder for picture and numbers")
    parser.add_argument("--steps", type=int, default=500, help="of training on the task, 20 or more")
    parser.add_argument("--seeds", type=int, default=3, help="runs of each optimiser at each rate")
    parser.add_argument("--overwrite", action="store_true", help="replace what is already there")
    options = parser.parse_args()
    try:
        print("wrote", *main(options.out, options.steps, options.seeds, options.overwrite))
    except FileExistsError as refusal:
        parser.error(str(refusal))
