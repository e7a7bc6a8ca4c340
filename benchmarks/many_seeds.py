"""Many seeds trained side by side, against processes that train one seed after another.

K small models from K seeds, S steps of Adam on batches of their own. *Separate*: ``gs.fit`` for one seed after another,
in two processes of one thread each. *Stacked*: ``gs.fit_ensemble``, which stacks the weights of all seeds and has
``torch.func.vmap`` do every operation for all; once in one process on two threads, and once in two processes of one
thread, with half the seeds in each, as ``python -m graphseq sweep`` does for a small RNN, GRU or GCN.

First, in double precision, the losses of both are checked to agree to 1e-5. (In single precision training can amplify
rounding; the record has the difference.) Then all run in turn, and a ratio is of one round; the result is its median,
with the middle half. With ``--until-solved`` each seed trains until it is solved, within S steps; a stack then shrinks
as its seeds finish, which gains less than a full one.

Result: stacking gains most where most of a step is the overhead of calling torch. It loses where arithmetic takes the
time, and where a recurrence has a kernel for all steps at once (LSTM), which a stack must compute step by step.

    OMP_NUM_THREADS=1 python benchmarks/many_seeds.py --out docs/benchmarks/many_seeds.json
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from typing import NamedTuple

import torch
from joblib import Parallel, delayed
from turns import spread

import graphseq as gs
from graphseq import _files, nn, seeding
from graphseq.experiments.models import build as build_model
from graphseq.training.history import machine

FAMILIES = ("RNN", "GRU", "LSTM")
LR, CLIP = 3e-3, 1.0
Losses = list[list[float]]  # a list a seed, a number a step


class Case(NamedTuple):
    """A model family, its sizes, and the number of seeds and steps."""

    family: str
    length: int
    hidden: int
    batch: int
    steps: int
    seeds: int
    until_solved: bool

    def task(self) -> gs.tasks.Task:
        """The task of the family; a GCN of 4 layers sees 4 hops."""
        return gs.tasks.Transfer(5) if self.family == "GCN" else gs.tasks.Palindrome(self.length)

    def settings(self) -> dict[str, object]:
        """The settings of both methods."""
        return {
            **{"optimizer": "Adam", "lr": LR, "clip": CLIP, "steps": self.steps, "batch_size": self.batch},
            "stop_threshold": 1.0 if self.until_solved else None,
        }


def build(case: Case, task: gs.tasks.Task, seed: int) -> nn.Model:
    """Return the model of a seed."""
    with seeding.forked(seed, seeding.BUILD):
        return build_model(case.family, task, case.hidden, num_layers=4 if case.family == "GCN" else None)


def separate(case: Case, seed: int) -> list[float]:
    """Return the losses of one seed by ``gs.fit``."""
    torch.set_num_threads(1)
    task = case.task()
    return gs.fit(build(case, task, seed), task, seed=seed, **case.settings()).loss  # type: ignore[arg-type]


def stacked(case: Case, seeds: Sequence[int], threads: int) -> Losses:
    """Return the losses of many seeds by ``gs.fit_ensemble``."""
    torch.set_num_threads(threads)
    task = case.task()
    models = [build(case, task, seed) for seed in seeds]
    outcomes = gs.fit_ensemble(models, task, seeds=seeds, **case.settings())  # type: ignore[arg-type]
    diverged = [outcome for outcome in outcomes if isinstance(outcome, gs.DivergedError)]
    if diverged:
        raise diverged[0]
    return [outcome.loss for outcome in outcomes if isinstance(outcome, gs.History)]


def contenders(case: Case) -> dict[str, Callable[[], Losses]]:
    """Return the three methods."""
    halves = [range(0, case.seeds, 2), range(1, case.seeds, 2)]

    def in_halves() -> Losses:
        even, odd = Parallel(n_jobs=2, batch_size=1)(delayed(stacked)(case, half, 1) for half in halves)
        return [(even, odd)[seed % 2][seed // 2] for seed in range(case.seeds)]

    return {
        "separate": lambda: Parallel(n_jobs=2, batch_size=1)(delayed(separate)(case, s) for s in range(case.seeds)),
        "stacked, two threads": lambda: stacked(case, range(case.seeds), 2),
        "stacked, two processes": in_halves,
    }


def check(case: Case) -> None:
    """Refuse methods whose losses differ, over the first steps of three seeds."""
    few = case._replace(steps=min(case.steps, 50), until_solved=False)
    seeds = range(min(case.seeds, 3))
    torch.set_default_dtype(torch.float64)
    try:
        many = torch.tensor(stacked(few, seeds, 1))
        torch.testing.assert_close(many, torch.tensor([separate(few, seed) for seed in seeds]), rtol=0, atol=1e-5)
    finally:
        torch.set_default_dtype(torch.float32)


def measure(case: Case, rounds: int) -> dict[str, object]:
    """Return the seconds of each, in turn, the speed-up over separate runs, and the difference of the losses."""
    ways = contenders(case)
    check(case)
    losses = {name: way() for name, way in ways.items()}  # warms up, too
    times = [{name: seconds(way) for name, way in ways.items()} for _ in range(rounds)]
    return {
        **case._asdict(),
        "largest_difference_of_losses_in_single_precision": max(
            apart(curves, losses["separate"]) for curves in losses.values()
        ),
        "steps_of_all_seeds": {name: sum(map(len, curves)) for name, curves in losses.items()},
        "seconds": {name: spread([round_times[name] for round_times in times])._asdict() for name in ways},
        "times_faster": {
            name: spread([round_times["separate"] / round_times[name] for round_times in times])._asdict()
            for name in ways
            if name != "separate"
        },
    }


def apart(some: Losses, others: Losses) -> float:
    """Return the largest difference of two losses of the same seed and step."""
    return max(abs(a - b) for one, two in zip(some, others, strict=True) for a, b in zip(one, two, strict=False))


def seconds(way: Callable[[], Losses]) -> float:
    """Return the seconds of a method, with workers already started."""
    start = time.perf_counter()
    way()
    return time.perf_counter() - start


def main() -> None:
    """Measure, print the results, and write them to the file of ``--out``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--family", nargs="+", choices=["GCN", *FAMILIES], default=["GCN", *FAMILIES])
    parser.add_argument("--seeds", type=int, default=16, help="K")
    parser.add_argument("--steps", type=int, default=100, help="S")
    parser.add_argument("--hidden", type=int, nargs="+", default=[16, 32], help="H")
    parser.add_argument("--batch", type=int, nargs="+", default=[16, 128], help="B")
    parser.add_argument(
        "--length", type=int, nargs="+", default=[10, 20], help="digits of the recurrences' palindromes"
    )
    parser.add_argument("--until-solved", action="store_true", help="stop each seed once it is solved")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of turns, at least 2")
    parser.add_argument("--out", type=Path, help="a JSON file to write")
    options = parser.parse_args()
    if options.out and options.out.exists():
        parser.error(f"{options.out} is already there; choose another --out")
    results = []
    grid = product(options.family, options.length, options.hidden, options.batch)
    for family, length, hidden, batch in grid:
        if family == "GCN" and length != options.length[0]:
            continue  # its task has one length
        case = Case(family, length, hidden, batch, options.steps, options.seeds, options.until_solved)
        result = measure(case, options.rounds)
        results.append(result)
        for name, ratio in result["times_faster"].items():  # type: ignore[attr-defined]
            print(
                f"{family:5}T={length:3} H={hidden:3} B={batch:4} {name:24}{ratio['median']:6.2f} times as fast as "
                f"separate, {ratio['low']:.2f} to {ratio['high']:.2f}"
            )
    if options.out:
        settings = {"lr": LR, "clip": CLIP, "rounds": options.rounds}
        record = {"config": settings, "results": results, "machine": machine()}
        _files.write_text(options.out, json.dumps(record, indent=1) + "\n", overwrite=False)


if __name__ == "__main__":
    main()
