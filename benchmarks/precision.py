"""Accuracy and time of bfloat16 against float32: the same runs in both precisions, in turn.

Each task is trained from the same seeds and for as many steps in ``precision="float32"`` and ``"bfloat16"``, and tested
in float32. The time of a step is measured in the runs themselves, in turn, as a ratio for each seed. Processors without
matrix units for bfloat16 are slower in it, and the kernel of the GCN-LSTM and all sparse products are float32 in both.

    OMP_NUM_THREADS=1 python benchmarks/precision.py --out precision.json
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable
from pathlib import Path

import torch

import graphseq as gs
from graphseq import _files
from graphseq.training.history import machine

PRECISIONS = ("float32", "bfloat16")
Case = tuple[gs.tasks.Task, Callable[[gs.tasks.Task, int], gs.nn.Model]]


def recurrent(encoder: type[gs.nn.RNN | gs.nn.LSTM]) -> Callable[[gs.tasks.Task, int], gs.nn.Model]:
    """Return a model of one layer."""
    return lambda task, hidden: gs.nn.Model(encoder(task.in_channels, hidden), task.out_channels)


def cases() -> dict[str, Case]:
    """Return classification and regression tasks, and their models."""
    return {
        "Transfer(5), GCN-4": (
            gs.tasks.Transfer(5),
            lambda task, hidden: gs.nn.Model(gs.nn.GCN(task.in_channels, hidden, 4), task.out_channels),
        ),
        "Palindrome(9), RNN": (gs.tasks.Palindrome(9), recurrent(gs.nn.RNN)),
        "Palindrome(9), LSTM": (gs.tasks.Palindrome(9), recurrent(gs.nn.LSTM)),
        "Adding(20), LSTM": (gs.tasks.Adding(20), recurrent(gs.nn.LSTM)),
        "Distractors, GCN-LSTM": (
            gs.tasks.Distractors(),
            lambda task, hidden: gs.nn.Model(gs.nn.GCNLSTM(task.in_channels, hidden), task.out_channels),
        ),
    }


def run(case: Case, precision: str, seed: int, hidden: int, steps: int) -> dict[str, float]:
    """Train and test one model from one seed."""
    task, build = case
    torch.manual_seed(seed)
    model = build(task, hidden)
    history = gs.fit(
        model, task, steps=steps, optimizer="Adam", lr=3e-3, seed=seed, stop_threshold=None, precision=precision
    )
    judged = gs.evaluate(model, task, seed=seed)
    return {"score": judged.score, "loss": judged.loss, "milliseconds_a_step": history.seconds / steps * 1e3}


def measure(case: Case, seeds: int, hidden: int, steps: int) -> dict[str, object]:
    """Run both precisions from all seeds, and return their differences."""
    run(case, "float32", 0, hidden, 2)
    run(case, "bfloat16", 0, hidden, 2)
    pairs = [{name: run(case, name, seed, hidden, steps) for name in PRECISIONS} for seed in range(seeds)]
    mean = {
        name: {key: statistics.mean(pair[name][key] for pair in pairs) for key in pairs[0][name]} for name in PRECISIONS
    }
    ratios = [pair["bfloat16"]["milliseconds_a_step"] / pair["float32"]["milliseconds_a_step"] for pair in pairs]
    return {"runs": pairs, "mean": mean, "time_ratio": statistics.median(ratios), "time_ratios": ratios}


def main() -> None:
    """Measure, print the results, and write them to the file of ``--out``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3, help="seeds of each")
    parser.add_argument("--hidden", type=int, default=128, help="H")
    parser.add_argument("--steps", type=int, default=600, help="training steps of each run")
    parser.add_argument("--case", nargs="+", choices=list(cases()), default=list(cases()), help="these alone")
    parser.add_argument("--out", type=Path, help="a JSON file to write")
    options = parser.parse_args()
    if options.out and options.out.exists():
        parser.error(f"{options.out} is already there; choose another --out")
    torch.set_num_threads(1)
    results = {}
    for name in options.case:
        case = cases()[name]
        result = results[name] = measure(case, options.seeds, options.hidden, options.steps)
        full, half = (result["mean"][precision] for precision in PRECISIONS)
        print(
            f"{name:24} right {full['score']:6.1%} in float32, {half['score']:6.1%} in bfloat16; loss "
            f"{full['loss']:.4f}, {half['loss']:.4f}; a bfloat16 step takes {result['time_ratio']:.2f} times as long",
            flush=True,
        )
    if options.out:
        config = {"seeds": options.seeds, "hidden": options.hidden, "steps": options.steps}
        record = {"config": config, "results": results, "machine": machine()}
        _files.write_text(options.out, json.dumps(record, indent=1) + "\n", overwrite=False)


if __name__ == "__main__":
    main()
