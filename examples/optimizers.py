"""Four optimisers from the same start: the loss of one task, and the path down a narrow valley.

Left, an RNN learns the last digit of a palindrome of eight, one-hot, from the same initial weights and batches. Right,
the valley f(x, y) = (x² + 25 y²) / 2, where the gradient points across the valley and hardly along it. Each optimiser
has the learning rate, of one grid, at which it is best: on the task, the lowest loss over the last 50 steps, averaged
over seeds; in the valley, the fewest steps to a thousandth of the initial height.

- SGD, w ← w - η g: the steep direction limits the step, so progress along the valley is slow.
- momentum, v ← 0.9 v + g, w ← w - η v: gradients of the same direction add up, and it overshoots.
- RMSProp, s ← 0.99 s + 0.01 g², w ← w - η g / √s: every coordinate has its own step size, whatever the slope.
- Adam: both, each corrected for its start at zero.

Result: on the task RMSProp and Adam make progress at once, Adam ends lowest and SGD highest. In the valley SGD is last,
momentum and Adam overshoot, and RMSProp, whose first steps are ten times as long, is first.

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
from graphseq.cli.messages import refusals
from graphseq.training.history import machine
from graphseq.training.optim import make_optimizer

NAMES = {"SGD": "#0072b2", "momentum": "#d55e00", "RMSprop": "#009e73", "Adam": "#cc79a7"}
RATES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
CURVATURE, START, WINDOW = 25.0, (-4.0, 1.0), 20


def losses(name: str, lr: float, steps: int, seed: int) -> list[float]:
    """Return the training loss of each step, up to the first that is not finite."""
    task = gs.tasks.Palindrome(length=8)
    with seeding.forked(seed, seeding.BUILD):
        model = gs.nn.Model(gs.nn.RNN(task.in_channels, 32), task.out_channels)
    try:
        return gs.fit(
            model, task, steps=steps, batch_size=64, optimizer=name, lr=lr, seed=seed, stop_threshold=None
        ).loss
    except gs.DivergedError as error:
        return error.history.loss


def height(point: torch.Tensor) -> torch.Tensor:
    """Return the height of the valley at points (…, 2)."""
    return (point[..., 0] ** 2 + CURVATURE * point[..., 1] ** 2) / 2


def path(name: str, lr: float, steps: int) -> list[list[float]]:
    """Return the positions of an optimiser in the valley, from the start on."""
    point = torch.nn.Parameter(torch.tensor(START, dtype=torch.float64))
    optimizer = make_optimizer(name, [point], lr)
    positions = [point.tolist()]
    for _ in range(steps):
        optimizer.zero_grad()
        height(point).backward()
        optimizer.step()
        positions.append(point.tolist())
    return positions


def steps_down(positions: list[list[float]]) -> int | None:
    """Return the step after which the height stays below a thousandth of the initial one; ``None`` if there is none."""
    heights = height(torch.tensor(positions, dtype=torch.float64))
    first = int((~(heights < heights[0] / 1000)).nonzero()[-1]) + 1
    return first if first < len(positions) else None


def on_the_task(steps: int, seeds: int) -> dict[str, Any]:
    """Return for each optimiser the mean loss over seeds at every rate, and the best rate."""
    results = {}
    for name in NAMES:
        runs = {lr: [losses(name, lr, steps, seed) for seed in range(seeds)] for lr in RATES}
        curves = {
            lr: torch.tensor(losses_of).mean(dim=0)
            for lr, losses_of in runs.items()
            if min(map(len, losses_of)) == steps
        }
        best = min(curves, key=lambda lr: float(curves[lr][-50:].mean()))
        last = {lr: float(curve[-50:].mean()) for lr, curve in curves.items()}
        results[name] = {"lr": best, "loss": curves[best].tolist(), "last_loss_by_lr": last}
    return results


def in_the_valley(steps: int) -> dict[str, Any]:
    """Return for each optimiser the path at the best rate, and the number of steps at each rate."""
    results = {}
    for name in NAMES:
        paths = {lr: path(name, lr, steps) for lr in RATES}
        counts = {lr: steps_down(paths[lr]) for lr in RATES}
        best = min(RATES, key=lambda lr: steps + 1 if counts[lr] is None else counts[lr])
        results[name] = {"lr": best, "path": paths[best], "steps": counts[best], "steps_by_lr": counts}
    return results


def figure(task: dict[str, Any], valley: dict[str, Any], seeds: int) -> Figure:
    """Draw the loss against steps, and the paths in the valley."""
    drawing = Figure(figsize=(11.5, 4.4), layout="constrained")
    left, right = drawing.subplots(1, 2)
    for name, colour in NAMES.items():
        smooth = torch.tensor(task[name]["loss"]).unfold(0, WINDOW, 1).mean(dim=1)
        left.plot(range(WINDOW, WINDOW + len(smooth)), smooth, color=colour, label=f"{name}, lr {task[name]['lr']:g}")
        x, y = zip(*valley[name]["path"][:61], strict=True)
        label = f"{name}, lr {valley[name]['lr']:g}: {valley[name]['steps'] or 'not within 300'} steps"
        right.plot(x, y, ".-", color=colour, markersize=4, linewidth=1, label=label)
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
    """Train, descend, draw and save; return the paths of the files."""
    files = [out / "optimizers.png", out / "optimizers.json"]
    existing = [str(file) for file in files if file.exists()]
    if existing and not overwrite:
        raise FileExistsError(f"{', '.join(existing)} already there; choose another --out, or add --overwrite")
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
    parser.add_argument("--out", type=Path, default=Path("out/optimizers"), help="folder for the figure and the record")
    parser.add_argument("--steps", type=int, default=500, help="training steps on the task, 20 or more")
    parser.add_argument("--seeds", type=int, default=3, help="runs of each optimiser at each rate")
    parser.add_argument("--overwrite", action="store_true", help="replace existing files")
    options = parser.parse_args()
    with refusals(parser):
        print("wrote", *main(options.out, options.steps, options.seeds, options.overwrite))
