"""Accuracy of the verdict on untrained models as a prediction of training.

Planted faults are far from every threshold (see ``verdicts.py``). Here depth, distance, encoder and kind of graph are
drawn at random, many of them close to the border between two verdicts, and the ground truth is the outcome of training.
The verdict "undertrained" predicts that a model will be solved, every other verdict that it will not. The models of the
first seed calibrate the thresholds of influence; those of the other seeds test them. The accuracy is printed, and every
model is written to JSON.

Run it with ``python benchmarks/foresight.py --out foresight.json``: some minutes on one thread.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from random import Random

import torch
from verdicts import PLACES, transfer

import graphseq as gs
from graphseq import _files, nn, seeding
from graphseq.reach.evidence import Evidence, gather
from graphseq.reach.verdict import VERDICTS, Thresholds, judge
from graphseq.tasks import Task
from graphseq.training.history import machine

STEPS, LR, BATCH, HIDDEN = 1000, 3e-3, 32, 32


def random_models(seed: int, count: int) -> Iterator[tuple[str, str, nn.Model, Task]]:
    """Random models: name, kind of graph, model and task of each."""
    r = Random(seed)  # noqa: S311
    for number in range(count):
        place = r.choice(PLACES)
        recurrent = place == "sequence" and r.random() < 0.7
        task = transfer(place, r.randint(1, 40) if recurrent else r.randint(1, 14), r)
        with seeding.forked(seed, seeding.BUILD, number):
            if recurrent:
                cell = r.choice([nn.RNN, nn.GRU, nn.LSTM])
                name, encoder = cell.__name__, cell(task.in_channels, HIDDEN)
            else:
                layers = max(1, task.hops + r.randint(-1, 6)) if r.random() < 0.8 else r.randint(20, 80)
                family = r.choice([nn.GCN, nn.GCN, nn.GCNII, nn.WaveGCN, nn.StateSpaceGCN])
                name, encoder = f"{family.__name__}-{layers}", family(task.in_channels, HIDDEN, layers)
            yield name, place, nn.Model(encoder, task.out_channels), task


def trained(seed: int, count: int, steps: int) -> Iterator[tuple[dict[str, object], Evidence]]:
    """The record of each model, and the evidence measured before training."""
    for name, place, model, task in random_models(seed, count):
        evidence = gather(model, task, samples=200, seed=seed)
        try:
            history = gs.fit(model, task, steps=steps, batch_size=BATCH, optimizer="Adam", lr=LR, clip=1.0, seed=seed)
            num_steps, score = history.steps, gs.evaluate(model, task, samples=500, seed=seed).score
        except gs.DivergedError as error:
            num_steps, score = error.history.steps, task.chance
        line = {"seed": seed, "name": name, "place": place, "hops": task.hops, "score": score, "steps": num_steps}
        print(f"{name:18} {place:13} {task.hops:3} hops: {score:.0%} after {num_steps} steps", flush=True)
        yield (
            line
            | {
                "influence": evidence.influence,
                "oversmoothing_distance": evidence.oversmoothing_distance,
                "loss_sensitivity": evidence.loss_sensitivity,
            },
            evidence,
        )


def hits(pairs: list[tuple[dict[str, object], Evidence]], t: Thresholds) -> list[bool]:
    """Whether each prediction is right."""
    return [(judge(e, t)[0] == "undertrained") == (float(str(line["score"])) >= t.solved) for line, e in pairs]


def calibrated(pairs: list[tuple[dict[str, object], Evidence]]) -> Thresholds:
    """The thresholds of influence with the most right predictions, at the middle of their range, to one digit."""
    t = Thresholds()
    for name, shared in (("influence", False), ("influence_shared", True)):
        some = [(line, e) for line, e in pairs if e.shares_weights is shared]
        values = sorted(e.influence for _, e in some if e.influence > 0)
        middles = [(a * b) ** 0.5 for a, b in pairwise(values)]
        right = [sum(hits(some, replace(t, **{name: middle}))) for middle in middles]
        best = [middle for middle, number in zip(middles, right, strict=True) if number == max(right)]
        if best:  # too few models calibrate nothing
            t = replace(t, **{name: float(f"{(best[0] * best[-1]) ** 0.5:.0e}")})
    return t


def summary(table: dict[str, dict[str, int]]) -> str:
    """A table of the verdicts: the number of untrained models with each, and of those that training solved."""
    lines = [f"{'untrained verdict':20}{'models':>8}{'solved by training':>20}"]
    lines += [f"{verdict:20}{row['models']:>8}{row['solved']:>20}" for verdict, row in table.items()]
    return "\n".join(lines)


def main(out: Path, seeds: list[int], count: int, steps: int) -> None:
    """Calibrate, test, print, and write the record."""
    torch.set_num_threads(1)
    first = list(trained(seeds[0], count, steps))
    t = calibrated(first)
    judged = [pair for seed in seeds[1:] for pair in trained(seed, count, steps)]
    for line, e in first + judged:
        line["verdict"] = judge(e, t)[0]
    table = {}
    for verdict in VERDICTS:
        scores = [float(str(line["score"])) for line, _ in judged if line["verdict"] == verdict]
        if scores:
            table[verdict] = {"models": len(scores), "solved": sum(score >= t.solved for score in scores)}
    print(summary(table))
    right, before = (sum(hits(pairs, t)) / len(pairs) for pairs in (judged, first))
    print(f"from seed {seeds[0]}: influence={t.influence:g}, influence_shared={t.influence_shared:g}")
    print(f"predicted: {right:.1%} of {len(judged)}; of those that set the threshold {before:.1%} of {len(first)}")
    config = {"seeds": seeds, "count": count, "steps": steps, "lr": LR, "batch_size": BATCH, "hidden": HIDDEN}
    thresholds = {"influence": t.influence, "influence_shared": t.influence_shared}
    results = {"thresholds": thresholds, "foreseen": right, "judged": len(judged), "table": table}
    record = {"config": config, "machine": machine("cpu"), **results, "models": [line for line, _ in first + judged]}
    text = json.dumps(record, indent=1).replace("NaN", "null")
    _files.write_text(out, text + "\n", overwrite=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out/foresight.json"), help="where the record goes")
    parser.add_argument("--seed", type=int, nargs="+", default=[0, 1], help="the first calibrates, the others test")
    parser.add_argument("--count", type=int, default=80, help="models")
    parser.add_argument("--steps", type=int, default=STEPS, help="most training steps of each")
    arguments = parser.parse_args()
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    main(arguments.out, arguments.seed, arguments.count, arguments.steps)
