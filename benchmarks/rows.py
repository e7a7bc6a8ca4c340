"""Time and memory for each row, in graphs of a thousand rows to ten million.

Two ways of training two ``GCN`` layers of 16 units on 16 features, on a grid over time (N nodes in a square, T = 10
times, so that a row reads up to four neighbours in space and two along time):

- **whole**: forward and backward over all V rows at once, the time divided by V;
- **sampled**: forward and backward for 1,024 target rows with ``num_neighbors=[5, 3]``, sampling included, the time
  divided by the number of target rows.

Each size runs in a process of its own and reports its peak memory (``ru_maxrss`` less that before the graph was made)
divided by V: features, edges, prepared topology, and the passes. The preparation, once for each graph, is timed
separately: temporal edges and Â for the whole, compressed rows for the sampler. Graphs that fit into the processor's
cache are cheaper, which shows as a step in the curves.

    OMP_NUM_THREADS=1 python benchmarks/rows.py --out rows.json --figure rows.png
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import Tensor

import graphseq as gs
from graphseq import _files
from graphseq.training.history import machine

FEATURES, HIDDEN, TIMES, TARGET_ROWS, NUM_NEIGHBORS = 16, 16, 10, 1024, [5, 3]
WAYS = ("whole", "sampled")
Row = dict[str, float]


def peak() -> int:
    """Return the peak memory of this process in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def grid(side: int) -> Tensor:
    """Return the edges, in both directions, of a square of ``side`` by ``side`` nodes, (2, E)."""
    number = torch.arange(side * side).view(side, side)
    right = torch.stack([number[:, :-1].flatten(), number[:, 1:].flatten()])
    down = torch.stack([number[:-1].flatten(), number[1:].flatten()])
    return torch.cat([right, right.flip(0), down, down.flip(0)], dim=1)


def signal(side: int) -> gs.SpaceTimeGraph:
    """Return noise on such a square."""
    return gs.from_signal(torch.randn(TIMES, side * side, FEATURES), grid(side))


def whole(graph: gs.SpaceTimeGraph, encoder: gs.nn.Encoder) -> tuple[Callable[[], Tensor], int]:
    """Return a loss over all rows, and their number."""
    graph.topology.spacetime().normalised(torch.float32)
    return lambda: encoder(graph).sum(), graph.num_rows


def sampled(graph: gs.SpaceTimeGraph, encoder: gs.nn.Encoder) -> tuple[Callable[[], Tensor], int]:
    """Return a loss over target rows, sampled anew at each call, and their number."""
    count, generator = min(TARGET_ROWS, graph.num_rows), torch.Generator().manual_seed(0)
    graph.y = torch.zeros(graph.num_rows, dtype=torch.long)
    task, model = gs.tasks.NodeClassification(graph, 2, NUM_NEIGHBORS), gs.nn.Model(encoder, 2)

    def loss() -> Tensor:
        batch = task.batch(count, generator)
        return task.loss(model(batch), batch.y)

    return loss, count


def measure(way: str, rows: int, rounds: int) -> Row:
    """Measure one size in this process."""
    torch.set_num_threads(1)
    make, encoder = whole if way == "whole" else sampled, gs.nn.GCN(FEATURES, HIDDEN, num_layers=2)
    make(signal(2), encoder)[0]().backward()  # whatever is loaded on first use
    bare, graph = peak(), signal(max(2, round((rows / TIMES) ** 0.5)))
    start = time.perf_counter()
    loss, counted = make(graph, encoder)
    preparing = time.perf_counter() - start
    loss().backward()
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        loss().backward()
        seconds.append(time.perf_counter() - start)
    return {
        "rows": graph.num_rows,
        "rows_a_step": counted,
        "preparing_microseconds_a_row": preparing / graph.num_rows * 1e6,
        "microseconds_a_row": statistics.median(seconds) / counted * 1e6,
        "low": min(seconds) / counted * 1e6,
        "high": max(seconds) / counted * 1e6,
        "peak_bytes_a_row": (peak() - bare) / graph.num_rows,
        "peak_gigabytes": peak() / 1e9,
    }


def apart(way: str, rows: int, rounds: int) -> Row:
    """Measure one size in a process of its own."""
    command = [sys.executable, __file__, "--one", way, "--rows", str(rows), "--rounds", str(rounds)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - this very script
    row: Row = json.loads(done.stdout)
    return row


def draw(results: dict[str, list[Row]], path: Path) -> None:
    """Draw time and memory per row against the rows of the graph."""
    figure, (time_axes, memory_axes) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    for way, rows in results.items():
        size = [row["rows"] for row in rows]
        time_axes.plot(size, [row["microseconds_a_row"] for row in rows], "o-", label=way)
        time_axes.fill_between(size, [row["low"] for row in rows], [row["high"] for row in rows], alpha=0.2)
        memory_axes.plot(size, [row["peak_bytes_a_row"] for row in rows], "o-", label=way)
    time_axes.set(xscale="log", yscale="log", xlabel="rows of the graph", ylabel="µs a row, forward and backward")
    memory_axes.set(xscale="log", yscale="symlog", xlabel="rows of the graph", ylabel="peak memory, bytes a row")
    memory_axes.set_ylim(bottom=0)
    time_axes.legend()
    _files.write(path, lambda file: figure.savefig(file, format=path.suffix[1:], dpi=150), overwrite=False)


def main() -> None:
    """Measure, print the results, and write record and figure to the files of the options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[10**k for k in range(3, 8)], help="V, about")
    parser.add_argument("--rounds", type=int, default=5, help="timed passes of each")
    parser.add_argument("--one", choices=WAYS, help="measure the first size here and write it to standard output")
    parser.add_argument("--out", type=Path, help="a JSON file to write")
    parser.add_argument("--figure", type=Path, help="a picture to write")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.one, options.rows[0], options.rounds)))
        return
    for path in filter(None, (options.out, options.figure)):
        if path.exists():
            parser.error(f"{path} is already there; choose another name")
    results: dict[str, list[Row]] = {way: [] for way in WAYS}
    for rows in options.rows:
        for way in WAYS:
            row = apart(way, rows, options.rounds)
            results[way].append(row)
            print(
                f"{way:8} {row['rows']:10,.0f} rows {row['microseconds_a_row']:8.3f} µs a row "
                f"({row['low']:.3f} to {row['high']:.3f}), preparing {row['preparing_microseconds_a_row']:.2f}; peak "
                f"{row['peak_bytes_a_row']:8.0f} bytes a row, {row['peak_gigabytes']:.2f} GB in all",
                flush=True,
            )
    if options.out:
        config = {"features": FEATURES, "hidden": HIDDEN, "layers": 2, "times": TIMES, "target_rows": TARGET_ROWS}
        config |= {"num_neighbors": NUM_NEIGHBORS, "rounds": options.rounds}
        record = {"config": config, "results": results, "machine": machine() | {"threads": 1}}
        _files.write_text(options.out, json.dumps(record, indent=1) + "\n", overwrite=False)
    if options.figure:
        draw(results, options.figure)


if __name__ == "__main__":
    main()
