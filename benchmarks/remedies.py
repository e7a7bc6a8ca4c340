"""Remedies for deep graph convolutions on a task that requires distance alone.

``Transfer`` has a class at one row and its target at another, with nothing in between. Every remedy is trained at every
depth, from the longest distance within its receptive field down to the shortest, until one is solved from all seeds.
The tables give that distance, the median of the longest distance of each seed, and the farthest that any seed solves
with the share of seeds that do. All have one setting: Adam, the same learning rate, batch and steps.

Result: convolutions stop within ten hops, however many layers there are, because 3^(-r) of the signal crosses r hops in
r layers, and a plain deep stack does not train at all in so few steps. Residual connections, initial residuals, jumping
knowledge and antisymmetric weights keep deep stacks trainable but carry little farther: they preserve what a row has,
not what it sends. PairNorm is different: it reads the mean of all rows, and so passes the class to every row at once,
without the graph. A linear state-space update gets farther, since nothing but Â limits it, and a wave over depth
crosses as many hops as it has layers, where its speed is the largest that is stable on paths and rings.

Run it with ``python benchmarks/remedies.py``: about two hours on two cores. It prints the tables, writes results.json
and figure.png, and continues where it was stopped.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

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
            if result is None:
                break  # no seed sees so far
            tried[distance].append(result)
        if len(tried[distance]) == len(setting.seeds) and all(
            result["score"] >= setting.solved for result in tried[distance]
        ):
            best = distance
            break
    record = {"shape": shape, "remedy": remedy, "depth": depth, "longest": best, "tried": tried}
    _files.write_text(file, json.dumps(record) + "\n", overwrite=True)
    return record


@dataclass(frozen=True)
class Told:
    """The distance to which the seeds of a remedy at one depth get.

    Attributes:
        every: the longest distance that every seed solves.
        median: the median of the longest distance of each seed.
        farthest: the longest distance that any seed solves.
        share: seeds that solve it, and seeds that were tried there.
        is_bound: a seed was not tried at some longer distance, so that the median may be larger.
    """

    every: int
    median: int
    farthest: int
    share: tuple[int, int]
    is_bound: bool

    @property
    def median_text(self) -> str:
        """The median, with ≥ where it is a lower bound."""
        return f"{'≥' if self.is_bound else ''}{self.median}"

    @property
    def farthest_text(self) -> str:
        """The farthest distance, with the share of seeds where it is not all."""
        solved, tried = self.share
        return f"{self.farthest}" if solved == tried else f"{self.farthest} {solved}/{tried}"


def told(setting: Setting, record: dict[str, Any]) -> Told:
    """Return how far the seeds of a record get."""
    own = dict.fromkeys(setting.seeds, 0)
    untried = dict.fromkeys(setting.seeds, 0)  # the longest distance at which a seed could have been tried and was not
    solved: dict[int, tuple[int, int]] = {}
    for distance, results in ((int(key), value) for key, value in record["tried"].items()):
        right = [result["seed"] for result in results if result["score"] >= setting.solved]
        solved[distance] = (len(right), len(results))
        for seed in right:
            own[seed] = max(own[seed], distance)
        for seed in set(setting.seeds) - {result["seed"] for result in results} if results else ():
            untried[seed] = max(untried[seed], distance)
    farthest = max(own.values())
    median = statistics.median_low(own.values())
    # Seeds that are at the median or below and were not tried farther might raise it.
    is_bound = any(own[seed] <= median < untried[seed] for seed in own)
    return Told(int(record["longest"]), median, farthest, solved.get(farthest, (0, 0)), is_bound)


def table(setting: Setting, records: Sequence[dict[str, Any]]) -> str:
    """Return three tables, each with a line for each remedy and a column for each shape and depth."""
    cells = {(record["shape"], record["remedy"], record["depth"]): told(setting, record) for record in records}
    heads = [f"{shape} {depth}" for shape in setting.shapes for depth in setting.depths]
    lines = []
    for title, text in (
        ("solved from every seed", lambda cell: str(cell.every)),
        ("median of the seeds", lambda cell: cell.median_text),
        ("farthest from any seed", lambda cell: cell.farthest_text),
    ):
        lines += ["", f"{title:24}" + "".join(f"{head:>9}" for head in heads)]
        for remedy in REMEDIES:
            row = [text(cells[shape, remedy, depth]) for shape in setting.shapes for depth in setting.depths]
            lines.append(f"{remedy:24}" + "".join(f"{cell:>9}" for cell in row))
    return "\n".join(lines[1:])


def figure(setting: Setting, records: Sequence[dict[str, Any]]) -> Figure:
    """Draw the tables; the brighter, the farther the median of the seeds."""
    drawing = Figure(figsize=(10.5, 6.2), layout="constrained")
    panels = drawing.subplots(1, len(setting.shapes), sharey=True, squeeze=False)[0]
    for panel, shape in zip(panels, setting.shapes, strict=True):
        cells = {(r["remedy"], r["depth"]): told(setting, r) for r in records if r["shape"] == shape}
        grid = [[cells[remedy, depth] for depth in setting.depths] for remedy in REMEDIES]
        medians = [[cell.median for cell in row] for row in grid]
        image = panel.imshow(medians, cmap="cividis", vmin=0, vmax=max(setting.distances), aspect="auto")
        for line, column in product(range(len(grid)), range(len(grid[0]))):
            cell = grid[line][column]
            dark = cell.median < max(setting.distances) / 2
            text = cell.median_text
            if cell.every != cell.farthest:
                text += f"\nall {cell.every}, {cell.share[0]}/{cell.share[1]} {cell.farthest}"
            panel.text(column, line, text, ha="center", va="center", color="w" if dark else "k", fontsize=8)
        panel.set(title=f"Transfer on a {shape}", xlabel="depth (layers)")
        panel.set_xticks(range(len(setting.depths)), map(str, setting.depths))
        panel.set_yticks(range(len(REMEDIES)), list(REMEDIES))
    label = "longest distance solved (hops), median of the seeds; below it that of all and of the farthest seed"
    drawing.colorbar(image, ax=list(panels)).set_label(label, fontsize=8)
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
