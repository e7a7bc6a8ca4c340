"""A training step on windows of a recording whose edges change at every step, against the pass alone.

Of the size of England's covid recording: 129 nodes, 61 times, 1,350 weighted edges at each. A batch of 8 windows of 8
times is drawn and prepared at each step, for none comes twice; the pass alone is on a batch that is prepared. All run
in turn in one process; times are of the processor, and a ratio is of one round.

    OMP_NUM_THREADS=1 python benchmarks/changing_edges.py --out changing_edges.json
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import torch
from turns import spread

import graphseq as gs
from graphseq.data.topology import Topology
from graphseq.training.history import machine

NODES, TIMES, EDGES, LAGS, BATCH, HIDDEN = 129, 61, 1350, 8, 8, 32


def recording(scale: float) -> gs.SpaceTimeGraph:
    """Return random values, and edges drawn anew at each time."""
    generator = torch.Generator().manual_seed(0)
    nodes, edges = max(4, int(NODES * scale)), max(8, int(EDGES * scale))
    ends = torch.randint(nodes, (2, TIMES, edges), generator=generator)
    index = (ends + nodes * torch.arange(TIMES)[:, None]).flatten(1)
    rows = torch.arange(nodes * TIMES)
    x, weight = torch.randn(len(rows), 1, generator=generator), torch.rand(index.shape[1], generator=generator)
    return gs.SpaceTimeGraph(x, rows % nodes, rows // nodes, index, edge_weight=weight)


def measure(scale: float, rounds: int) -> dict[str, object]:
    """Return milliseconds of the pass alone, of a step, and of one on a topology that shares nothing, and ratios."""
    task = gs.tasks.Forecasting(recording(scale), lags=LAGS)
    torch.manual_seed(0)
    model = gs.nn.Model(gs.nn.GCNLSTM(1, HIDDEN), 1)
    generator = torch.Generator().manual_seed(0)
    prepared = task.batch(BATCH, generator)

    def step(batch: gs.SpaceTimeGraph) -> None:
        model.zero_grad()
        torch.nn.functional.mse_loss(model(batch), batch.y).backward()

    def anew() -> None:
        batch = task.batch(BATCH, generator)
        plain = Topology(*batch.topology.parts)
        step(gs.SpaceTimeGraph.from_topology(plain, batch.x, y=batch.y, target=batch.target, batch=batch.batch))

    ways: dict[str, Callable[[], None]] = {
        "the pass alone": lambda: step(prepared),
        "a step": lambda: step(task.batch(BATCH, generator)),
        "a step on edges normalised anew": anew,
    }
    for way in ways.values():
        way()
    times = [{name: milliseconds(way) for name, way in ways.items()} for _ in range(max(2, rounds))]
    return {
        name: {
            "milliseconds": min(row[name] for row in times),
            "times_the_pass": spread([row[name] / row["the pass alone"] for row in times])._asdict(),
        }
        for name in ways
    }


def milliseconds(once: Callable[[], None]) -> float:
    """Return the processor's time of one call."""
    start = time.process_time()
    once()
    return (time.process_time() - start) * 1e3


def main() -> None:
    """Measure, print the results, and write them to the file of ``--out``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the nodes and edges")
    parser.add_argument("--rounds", type=int, default=31, help="rounds of turns, at least 2")
    parser.add_argument("--out", type=Path, help="a JSON file to write")
    options = parser.parse_args()
    results = measure(options.scale, options.rounds)
    for name, row in results.items():
        print(f"{name:32} {row['milliseconds']:.1f} ms, {row['times_the_pass']['median']:.2f} times the pass")
    if options.out:
        record = {"rounds": options.rounds, "results": results, "machine": machine()}
        options.out.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
