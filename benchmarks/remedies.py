"""Remedies for deep graph convolutions on a task that requires distance alone.

``Transfer`` has a class at one row and its target at another, with nothing in between. Every remedy is trained at every
depth, from the longest distance within its receptive field down to the shortest, until one is solved from all seeds;
that distance is the number in the table. All have one setting: Adam, the same learning rate, batch and steps.

Result: convolutions stop within ten hops, however many layers there are, because 3^(-r) of the signal crosses r hops in
r layers, and a plain deep stack does not train at all in so few steps. Residual connections, initial residuals, jumping
knowledge and antisymmetric weights keep deep stacks trainable but carry little farther: they preserve what a row has,
not what it sends. PairNorm is different: it reads the mean of all rows, and so passes the class to every row at once,
without the graph. A linear state-space update gets farther, since nothing but Â limits it, and a wave over depth
crosses as many hops as it has layers, where its speed is the largest that is stable on paths and rings.

Run it with ``python benchmarks/remedies.py``: about an hour on two cores. It prints the table, writes results.json and
figure.png, and continues where it was stopped.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path

import torch
from joblib import Parallel, delayed
from matplotlib.figure import Figure
from torch import nn
from tqdm.auto import tqdm

import graphseq as gs
from graphseq import _files, seeding
from graphseq.experiments.models import build_encoder
from graphseq.training.history import machine

REMEDIES: dict[str, Callable[[int, int, int], gs.nn.Encoder]] = {
    "plain GCN": lambda f, h, n: build_encoder("GCN", f, h, num_layers=n),
    "residual": lambda f, h, n: gs.nn.GCN(f, h, n, residual=True),
    "residual + LayerNorm": lambda f, h, n: gs.nn.GCN(f, h, n, residual=True, norm=nn.LayerNorm),
    "depth-scaled residual": lambda f, h, n: gs.nn.GCN(f, h, n, residual=True, depth_scaled_init=True),
    "jumping knowledge": lambda f, h, n: gs.nn.GCN(f, h, n, jk="cat"),
    "PairNorm": lambda f, h, n: gs.nn.GCN(f, h, n, norm=gs.nn.PairNorm),
    "GCNII": lambda f, h, n: build_encoder("GCNII", f, h, num_layers=n),
    "antisymmetric": lambda f, h, n: gs.nn.AntisymmetricGCN(f, h, n, step=1.0),
    "state space": lambda f, h, n: build_encoder("MP-SSM", f, h, num_layers=n),
    "wave": lambda f, h, n: build_encoder("Wave", f, h, num_layers=n),
    "wave, c² = 3": lambda f, h, n: gs.nn.WaveGCN(f, h, n, speed=3**0.5),
}


@dataclass(frozen=True)
class Setting:
    """The settings that determine the results."""

    shapes: tuple[str, ...] = ("path", "ring")
    depths: tuple[int, ...] = (8, 16, 32, 64)
    distances: tuple[int, ...] = (2, 4, 6, 8, 10, 12, 16, 24, 32, 50, 64)
    seeds: tuple[int, ...] = (0, 1, 2)
    hidden: int = 32
    steps: int = 400
    batch_size: int = 32
    lr: float = 3e-3
    clip: float = 1.0
    solved: float = 0.95
    samples: int = 500


def run(setting: Setting, shape: str, remedy: str, depth: int, distance: int, seed: int) -> dict[str, float] | None:
    """Train and test one model; return ``None`` where the distance is outside its receptive field."""
    task = gs.tasks.Transfer(distance + 1, shape=shape)
    with seeding.forked(seed, seeding.BUILD):
        encoder = REMEDIES[remedy](task.in_channels, setting.hidden, depth)
        model = gs.nn.Model(encoder, task.out_channels)
    if gs.reach.hops_reached(model, task) < distance:
        return None
    steps, size, lr, clip = setting.steps, setting.batch_size, setting.lr, setting.clip
    try:
        done = gs.fit(
            model, task, steps=steps, batch_size=size, optimizer="Adam", lr=lr, clip=clip, seed=seed, stop_window=20
        )
    except gs.DivergedError as error:
        done = error.history
    score = gs.evaluate(model, task, samples=setting.samples, seed=seed).score
    return {"seed": seed, "score": score, "steps": done.steps, "seconds": done.seconds}


def longest(setting: Setting, shape: str, remedy: str, depth: int, folder: Path) -> dict[str, object]:
    """Return the longest distance that a remedy at one depth solves from every seed, 0 if none; saved in ``folder``."""
    file = folder / f"{shape}-{list(REMEDIES).index(remedy)}-{depth}.json"
    if file.exists():
        record: dict[str, object] = json.loads(file.read_text())
        return record
    torch.set_num_threads(1)
    tried: dict[int, list[dict[str, float]]] = {}
    best = 0
    for distance in sorted(setting.distances, reverse=True):
        tried[distance] = []
        for seed in setting.seeds:
            result = run(setting, shape, remedy, depth, distance, seed)
            tried[distance] += [] if result is None else [result]
            if result is None or result["score"] < setting.solved:
                break  # one seed that fails is enough
        else:
            best = distance
            break
    record = {"shape": shape, "remedy": remedy, "depth": depth, "longest": best, "tried": tried}
    _files.write_text(file, json.dumps(record) + "\n", overwrite=True)
    return record


def table(setting: Setting, records: Sequence[dict[str, object]]) -> str:
    """Return the longest distance solved, a line for each remedy, a column for each shape and depth."""
    distances = {(record["shape"], record["remedy"], record["depth"]): record["longest"] for record in records}
    heads = [f"{shape} {depth}" for shape in setting.shapes for depth in setting.depths]
    lines = [f"{'longest distance solved':24}" + "".join(f"{head:>9}" for head in heads)]
    for remedy in REMEDIES:
        cells = [distances[shape, remedy, depth] for shape in setting.shapes for depth in setting.depths]
        lines.append(f"{remedy:24}" + "".join(f"{cell:>9}" for cell in cells))
    return "\n".join(lines)


def figure(setting: Setting, records: Sequence[dict[str, object]]) -> Figure:
    """Draw the table; the brighter, the farther."""
    drawing = Figure(figsize=(9.5, 4.6), layout="constrained")
    panels = drawing.subplots(1, len(setting.shapes), sharey=True, squeeze=False)[0]
    for panel, shape in zip(panels, setting.shapes, strict=True):
        distances = {
            (record["remedy"], record["depth"]): record["longest"] for record in records if record["shape"] == shape
        }
        grid = [[int(str(distances[remedy, depth])) for depth in setting.depths] for remedy in REMEDIES]
        image = panel.imshow(grid, cmap="cividis", vmin=0, vmax=max(setting.distances), aspect="auto")
        for line, column in product(range(len(grid)), range(len(grid[0]))):
            dark = grid[line][column] < max(setting.distances) / 2
            panel.text(column, line, grid[line][column], ha="center", va="center", color="w" if dark else "k")
        panel.set(title=f"Transfer on a {shape}", xlabel="depth (layers)")
        panel.set_xticks(range(len(setting.depths)), map(str, setting.depths))
        panel.set_yticks(range(len(REMEDIES)), list(REMEDIES))
    drawing.colorbar(image, ax=list(panels), label="longest distance solved from every seed (hops)")
    return drawing


def main(out: Path, setting: Setting = Setting(), jobs: int = 2) -> list[dict[str, object]]:
    """Run what is not finished, print the table, and write results.json and figure.png to ``out``."""
    runs, facts = out / "runs", json.loads(json.dumps(asdict(setting)))
    runs.mkdir(parents=True, exist_ok=True)
    if (runs / "setting.json").exists() and json.loads((runs / "setting.json").read_text()) != facts:
        raise FileExistsError(f"{out} holds results of another setting; choose another --out")
    _files.write_text(runs / "setting.json", json.dumps(facts), overwrite=True)
    # The deepest take longest, so they go first.
    cells = [(s, r, d) for d in sorted(setting.depths, reverse=True) for s in setting.shapes for r in REMEDIES]
    work = Parallel(n_jobs=jobs, return_as="generator")(delayed(longest)(setting, *cell, runs) for cell in cells)
    records = list(tqdm(work, total=len(cells), unit="cell"))
    record = {
        "config": facts,
        "machine": machine("cpu"),
        "table": table(setting, records).splitlines(),
        "records": records,
    }
    _files.write_text(out / "results.json", json.dumps(record, indent=1) + "\n", overwrite=True)
    drawing = figure(setting, records)
    _files.write(out / "figure.png", lambda file: drawing.savefig(file, format="png", dpi=150), overwrite=True)
    print(table(setting, records))
    return records


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out/remedies"), help="folder for results and figure")
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time, each on one thread")
    arguments = parser.parse_args()
    main(arguments.out, jobs=arguments.jobs)
