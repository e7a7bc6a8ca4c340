"""The gain of a parallel scan over a loop, and over ``nn.LSTM``, against the length T.

Forward and backward over B sequences of T steps: ``linear_scan`` with its own factors at each step, into H units; the
same recurrence as a loop of one product and one sum at each step; ``MinLSTM`` as a layer, on 10 features; and
``nn.LSTM`` on the same features, torch's fused kernel. All run in turn in one process, and a ratio is of one round; the
result is the median of the ratios, with the middle half.

Result, on one thread of a CPU: the scan does three products where the loop does one, and is still faster as long as the
calls of the loop cost more than its arithmetic. With many numbers at each step the gain shrinks, since nothing runs in
parallel. The O(log T) rounds pay off on a device that can process all steps at once.

    OMP_NUM_THREADS=1 python benchmarks/scan.py --out scan.json
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

import graphseq as gs
from graphseq import _files
from graphseq.training.history import machine

FEATURES, HIDDEN = 10, 32
Pass = Callable[[], Tensor]


def loop(a: Tensor, b: Tensor) -> Tensor:
    """Return the states of the recurrence, step by step."""
    h, states = torch.zeros_like(b[0]), []
    for a_t, b_t in zip(a.unbind(), b.unbind(), strict=True):
        h = torch.addcmul(b_t, a_t, h)
        states.append(h)
    return torch.stack(states)


def contenders(steps: int, batch: int) -> dict[str, Pass]:
    """Return forward passes to states of T · B · H numbers."""
    torch.manual_seed(0)
    a = torch.rand(steps, batch, HIDDEN).requires_grad_()
    b = torch.randn(steps, batch, HIDDEN).requires_grad_()
    x = torch.randn(steps, batch, FEATURES)
    graph = gs.from_signal(x, torch.zeros(2, 0, dtype=torch.long))
    layer, lstm = gs.nn.MinLSTM(FEATURES, HIDDEN), nn.LSTM(FEATURES, HIDDEN)
    return {
        "scan": lambda: gs.nn.linear_scan(a, b),
        "loop": lambda: loop(a, b),
        "MinLSTM": lambda: layer(graph).view(steps, batch, HIDDEN),
        "nn.LSTM": lambda: lstm(x)[0],
    }


def milliseconds(forward: Pass, seed: Tensor) -> float:
    """Return the milliseconds of a forward and backward pass."""
    start = time.perf_counter()
    forward().backward(seed)
    return (time.perf_counter() - start) * 1e3


def quartiles(values: list[float]) -> dict[str, float]:
    """Return the median and the ends of the middle half."""
    low, middle, high = statistics.quantiles(values, n=4)
    return {"median": middle, "low": low, "high": high}


def measure(steps: int, batch: int, rounds: int) -> dict[str, dict[str, dict[str, float]]]:
    """Return the times of all, in turn, and the ratios to the scan's or MinLSTM's."""
    passes, seed = contenders(steps, batch), torch.randn(steps, batch, HIDDEN)
    torch.testing.assert_close(passes["scan"](), passes["loop"](), rtol=1e-5, atol=1e-5)
    for forward in passes.values():
        milliseconds(forward, seed)
    times = [{name: milliseconds(forward, seed) for name, forward in passes.items()} for _ in range(rounds)]
    ours = {"scan": "scan", "loop": "scan", "MinLSTM": "MinLSTM", "nn.LSTM": "MinLSTM"}
    return {
        name: {
            "milliseconds": quartiles([round_times[name] for round_times in times]),
            f"times_{ours[name]}": quartiles([round_times[name] / round_times[ours[name]] for round_times in times]),
        }
        for name in passes
    }


def main() -> None:
    """Measure, print the results, and write them to the file of ``--out``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lengths", type=int, nargs="+", default=[10, 100, 1000, 10000], help="T")
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 16], help="B")
    parser.add_argument("--rounds", type=int, default=9, help="rounds of turns, at least 2")
    parser.add_argument("--out", type=Path, help="a JSON file to write")
    options = parser.parse_args()
    if options.out and options.out.exists():
        parser.error(f"{options.out} is already there; choose another --out")
    results: dict[str, object] = {}
    for batch in options.batch:
        for steps in options.lengths:
            result = results[f"B={batch} T={steps}"] = measure(steps, batch, options.rounds)
            for name, row in result.items():
                (ms, (against, ratio)) = row["milliseconds"], list(row.items())[1]
                print(
                    f"B={batch:4} T={steps:6} {name:8}{ms['median']:10.2f} ms {ratio['median']:8.2f} "
                    f"{against.replace('_', ' ')}, {ratio['low']:.2f} to {ratio['high']:.2f}"
                )
    if options.out:
        config = {"features": FEATURES, "hidden": HIDDEN, "rounds": options.rounds}
        record = {"config": config, "results": results, "machine": machine()}
        _files.write_text(options.out, json.dumps(record, indent=1) + "\n", overwrite=False)


if __name__ == "__main__":
    main()
