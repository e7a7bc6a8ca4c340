"""The cost of ``fit`` over a loop written by hand: the same model, in turn, in one process.

The hand-written loop uses one prepared batch: zero the gradients, forward, loss, backward, clip, step. ``fit`` draws a
new batch at each step, records the curves and checks for divergence as well. At T = 10, H = 128, B = 128 the median
time of its step should be at most 1.10 times that of the loop.

    OMP_NUM_THREADS=1 python benchmarks/fit_overhead.py --out fit_overhead.json
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path

import torch

import graphseq as gs
from graphseq.training.history import machine

LENGTH, HIDDEN, BATCH = 11, 128, 128  # a palindrome of 11 digits is a path of T = 10 rows


def by_hand(model: torch.nn.Module, graph: gs.SpaceTimeGraph, steps: int) -> float:
    """Return the milliseconds per step of a bare loop on one batch."""
    optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3)
    start = time.perf_counter()
    for _ in range(steps):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(graph), graph.y)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 10.0)
        optimizer.step()
    return (time.perf_counter() - start) / steps * 1e3


def by_fit(model: torch.nn.Module, task: gs.tasks.Task, steps: int) -> float:
    """Return the milliseconds per step of ``fit``."""
    return gs.fit(model, task, steps=steps, batch_size=BATCH, stop_threshold=None).seconds / steps * 1e3


def measure(encoder: type[gs.nn.RNN | gs.nn.LSTM], steps: int, repeats: int) -> dict[str, float]:
    """Return the medians of both, taken in turn, and the median of their ratios."""
    task = gs.tasks.Palindrome(LENGTH)
    graph = task.batch(BATCH, torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    model = gs.nn.Model(encoder(task.in_channels, HIDDEN), task.out_channels)
    by_hand(model, graph, steps)
    by_fit(model, task, steps)
    pairs = [(by_hand(model, graph, steps), by_fit(model, task, steps)) for _ in range(repeats)]
    ratios = sorted(fit / hand for hand, fit in pairs)
    return {
        "by_hand_ms": statistics.median(hand for hand, _ in pairs),
        "fit_ms": statistics.median(fit for _, fit in pairs),
        "ratio": statistics.median(ratios),
        "ratio_low": ratios[len(ratios) // 4],
        "ratio_high": ratios[-1 - len(ratios) // 4],
    }


def main() -> None:
    """Measure, print the results, and write them to the file of ``--out``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=50, help="steps in a timed run")
    parser.add_argument("--repeats", type=int, default=21, help="timed runs of each")
    parser.add_argument("--out", type=Path, help="a JSON file to write")
    options = parser.parse_args()
    results = {e.__name__: measure(e, options.steps, options.repeats) for e in (gs.nn.RNN, gs.nn.LSTM)}
    for name, row in results.items():
        print(
            f"{name:5} by hand {row['by_hand_ms']:.2f} ms, fit {row['fit_ms']:.2f} ms a step, "
            f"ratio {row['ratio']:.3f} (middle half {row['ratio_low']:.3f} to {row['ratio_high']:.3f})"
        )
    if options.out:
        record = {"steps": options.steps, "repeats": options.repeats, "results": results, "machine": machine()}
        options.out.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
