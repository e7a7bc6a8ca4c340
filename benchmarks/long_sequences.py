"""Memory and time of long sequences: a forward and backward pass over T steps, plain and in segments.

- **plain**: the states of all steps are kept for the gradient;
- **recomputed**: ``nn.GradientCheckpointed`` over segments of 500 steps, the same gradient;
- **truncated**: ``nn.TruncatedBPTT`` over segments of that length, whose gradients end at the start of a segment.

One sequence of 10 features into 64 units (the GCN-LSTM: a ring of 4 nodes into 16), with a loss at every row and with
one at the last row alone. Each runs in a process of its own and reports the peak memory of the pass (``ru_maxrss`` less
that before it), the seconds, and the difference of its gradient from the plain one, relative to its norm, which is
rounding or the effect of truncation.

    OMP_NUM_THREADS=1 python benchmarks/long_sequences.py --out long_sequences.json --figure long_sequences.png
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import Tensor

import graphseq as gs
from graphseq import _files
from graphseq.experiments.models import build_encoder
from graphseq.training.history import machine

FEATURES, HIDDEN, NODES, OVER_GRAPH = 10, 64, 4, 16
FAMILIES = {
    "RNN": HIDDEN,
    "GRU": HIDDEN,
    "LSTM": HIDDEN,
    "MinGRU": HIDDEN,
    "GCN-LSTM": OVER_GRAPH,
}  # and their hidden units
WAYS = ("plain", "recomputed", "truncated")
TARGETS = ("all", "last")
Row = dict[str, float | str]


def peak_memory() -> int:
    """Return the peak memory of this process in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def signal(family: str, steps: int) -> gs.SpaceTimeGraph:
    """Return noise: a sequence, or a signal on a ring."""
    nodes = NODES if family == "GCN-LSTM" else 1
    ring = torch.arange(nodes)
    edges = torch.cat([torch.stack([ring, ring.roll(1)]), torch.stack([ring.roll(1), ring])], dim=1)
    x = torch.randn(steps, nodes, FEATURES, generator=torch.Generator().manual_seed(0))
    return gs.from_signal(x, edges if nodes > 1 else edges[:, :0])


def gradient(encoder: gs.nn.Encoder, graph: gs.SpaceTimeGraph, targets: str) -> Tensor:
    """Return the gradient of the mean square of the target states in all weights."""
    states = encoder(graph)
    loss = states.square().mean() if targets == "all" else states[-1].square().mean()
    return torch.cat([gradients.flatten() for gradients in torch.autograd.grad(loss, list(encoder.parameters()))])


def measure(family: str, way: str, targets: str, steps: int, length: int, rounds: int) -> Row:
    """Run one pass in this process, then the plain one to compare its gradient."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    plain = build_encoder(family, FEATURES, FAMILIES[family])
    within = {"recomputed": gs.nn.GradientCheckpointed, "truncated": gs.nn.TruncatedBPTT}
    encoder = plain if way == "plain" else within[way](plain, length)
    gradient(encoder, signal(family, 50), targets)
    graph = signal(family, steps)
    before = peak_memory()
    start = time.perf_counter()
    gradients = gradient(encoder, graph, targets)
    first, most, seconds = time.perf_counter() - start, peak_memory(), []
    for _ in range(rounds):
        start = time.perf_counter()
        gradient(encoder, graph, targets)
        seconds.append(time.perf_counter() - start)
    expected = gradient(plain, graph, targets)
    return {
        "family": family,
        "way": way,
        "targets": targets,
        "steps": steps,
        "segment": steps if way == "plain" else length,
        "megabytes": (most - before) / 1e6,
        "first_seconds": first,
        "seconds": statistics.median(seconds),
        "gradient_off_by": float((gradients - expected).norm() / expected.norm()),
    }


def apart(family: str, way: str, targets: str, steps: int, length: int, rounds: int) -> Row:
    """Run the same in a process of its own."""
    command = [sys.executable, __file__, "--one", family, way, targets, "--steps", str(steps)]
    command += ["--segment", str(length), "--rounds", str(rounds)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - this very script
    row: Row = json.loads(done.stdout)
    return row


def draw(results: list[Row], path: Path) -> None:
    """Draw memory and time against T, one column for each family, with a loss at every row."""
    families = list(dict.fromkeys(str(row["family"]) for row in results))
    figure, axes = plt.subplots(
        2, len(families), figsize=(3 * len(families), 5), layout="constrained", sharex=True, squeeze=False
    )
    for column, family in enumerate(families):
        for way in WAYS:
            rows = [row for row in results if (row["family"], row["way"], row["targets"]) == (family, way, "all")]
            for axis, key in zip(axes[:, column], ("megabytes", "seconds"), strict=True):
                axis.plot([row["steps"] for row in rows], [row[key] for row in rows], "o-", label=way)
                axis.set(xscale="log", yscale="symlog" if key == "megabytes" else "log")  # it may be none at all
        axes[0, column].set_title(family)
        axes[0, column].set_ylim(bottom=0)
        axes[1, column].set_xlabel("T")
    axes[0, 0].set_ylabel("peak memory, MB")
    axes[1, 0].set_ylabel("forward and backward, s")
    axes[0, 0].legend()
    _files.write(path, lambda file: figure.savefig(file, format=path.suffix[1:], dpi=150), overwrite=False)


def main() -> None:
    """Measure, print the results, and write record and figure to the files of the options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, nargs="+", default=[1000, 10_000, 100_000], help="T")
    parser.add_argument("--family", nargs="+", choices=FAMILIES, default=list(FAMILIES))
    parser.add_argument("--targets", nargs="+", choices=TARGETS, default=list(TARGETS), help="rows with a loss")
    parser.add_argument("--segment", type=int, default=500, help="steps of a segment")
    parser.add_argument("--rounds", type=int, default=3, help="timed passes of each")
    parser.add_argument("--one", nargs=3, help="measure family, way and targets here and write it to standard output")
    parser.add_argument("--out", type=Path, help="a JSON file to write")
    parser.add_argument("--figure", type=Path, help="a picture to write")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(*options.one, options.steps[0], options.segment, options.rounds)))
        return
    for path in filter(None, (options.out, options.figure)):
        if path.exists():
            parser.error(f"{path} is already there; choose another name")
    results: list[Row] = []
    for steps in options.steps:
        for family in options.family:
            for targets in options.targets:
                # All ways of one case one after another, so that they meet the machine in one state.
                for row in [apart(family, way, targets, steps, options.segment, options.rounds) for way in WAYS]:
                    results.append(row)
                    print(
                        f"T={steps:7,} {family:8} {targets:4} targets, {row['way']:10} {row['megabytes']:8.1f} MB "
                        f"{row['seconds']:8.3f} s, gradient off by {row['gradient_off_by']:.1e}",
                        flush=True,
                    )
    if options.out:
        config = {"features": FEATURES, "hidden": HIDDEN, "nodes": NODES, "hidden_over_graph": OVER_GRAPH}
        record = {"config": config | {"segment": options.segment, "rounds": options.rounds}, "results": results}
        record["machine"] = machine() | {"threads": 1}
        _files.write_text(options.out, json.dumps(record, indent=1) + "\n", overwrite=False)
    if options.figure:
        draw(results, options.figure)


if __name__ == "__main__":
    main()
