"""The cost of a batch of many graphs through a GCN-LSTM, against one large graph of as many rows.

Forward and backward over some 30,000 rows of 4 features into 32 units: as one path of 1,000 nodes at 30 times, as 50
paths of 20 nodes, as 39 paths of 1 to 39 nodes, and as 39 paths of 20 nodes with 2 to 58 times. All run in turn in one
process, each for a tenth of a second in a round; a ratio is that of the time per row to that of the one path in the
same round, and the result is the median of the ratios. "Fresh" includes everything for a new batch: joining by PyG's
``Batch``, deriving the topology, and the pass.

Result: a row of a batch costs a sixth more, for sorting rows by time and back. Where graphs end at different times it
is a third: there are more and smaller steps, which look up their previous rows. Deriving the topology of a new batch
costs as much as the pass, which is why tasks with a common topology derive it once.

    OMP_NUM_THREADS=2 python benchmarks/gcn_lstm_batches.py --out gcn_lstm_batches.json
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from gcn_lstm import FEATURES, HIDDEN, STEPS, TURN, milliseconds, quartiles
from torch import Tensor
from torch_geometric.data import Batch

import graphseq as gs
from graphseq import _files
from graphseq.training.history import machine

Graphs = Sequence[gs.SpaceTimeGraph]


def path(nodes: int, times: int) -> gs.SpaceTimeGraph:
    """Return a signal on a path."""
    ahead = torch.arange(nodes - 1)
    edges = torch.stack([torch.cat([ahead, ahead + 1]), torch.cat([ahead + 1, ahead])])
    x = torch.randn(times, nodes, FEATURES, generator=torch.Generator().manual_seed(nodes))
    return gs.from_signal(x, edges)


def shapes(nodes: int) -> dict[str, Graphs]:
    """Return batches of as many rows each."""
    few = range(1, 40)
    return {
        "one path": [path(nodes, STEPS)],
        "equal": [path(20, STEPS)] * (nodes // 20),
        "ragged in nodes": [path(size, STEPS) for _ in range(max(1, nodes // 780)) for size in few],
        "ragged in time": [
            path(20, max(2, round(STEPS * size / 20))) for _ in range(max(1, nodes // 780)) for size in few
        ],
    }


def measure(nodes: int, rounds: int) -> dict[str, dict[str, Any]]:
    """Return the microseconds per row of every shape, and the ratios to the one path in each round."""
    torch.manual_seed(0)
    encoder, passes = gs.nn.GCNLSTM(FEATURES, HIDDEN), {}
    rows = {}
    for name, graphs in shapes(nodes).items():
        batch = Batch.from_data_list(list(graphs))
        seed, rows[name] = torch.randn(batch.num_rows, HIDDEN), batch.num_rows
        passes[name] = partial(milliseconds, partial(encoder, batch), seed)
        passes[f"{name}, fresh"] = partial(milliseconds, partial(afresh, encoder, graphs), seed)
        rows[f"{name}, fresh"] = batch.num_rows
    counts = {name: turns(run) for name, run in passes.items()}
    times = [{name: run(counts[name]) / rows[name] * 1e3 for name, run in passes.items()} for _ in range(rounds)]
    return {
        name: {
            "rows": rows[name],
            "microseconds_a_row": quartiles([round_times[name] for round_times in times]),
            "times_one_path": quartiles([round_times[name] / round_times["one path"] for round_times in times]),
        }
        for name in passes
    }


def afresh(encoder: gs.nn.GCNLSTM, graphs: Graphs) -> Tensor:
    """Return the states of a newly joined batch."""
    states: Tensor = encoder(Batch.from_data_list(list(graphs)))
    return states


def turns(run: Callable[[int], float]) -> int:
    """Return the number of passes that fit into a turn, after one to warm up."""
    run(1)
    return max(1, round(TURN / run(2)))


def main() -> None:
    """Measure, print the results, and write them to the file of ``--out``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=1000, help="nodes at a time, over all graphs")
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--out", type=Path, help="a JSON file to write, where none may be")
    options = parser.parse_args()
    results = measure(options.nodes, options.rounds)
    for name, row in results.items():
        micro, ratio = row["microseconds_a_row"], row["times_one_path"]
        print(
            f"{name:24}{row['rows']:7} rows {micro['median']:7.3f} μs a row; {ratio['median']:5.2f} times one path, "
            f"{ratio['low']:.2f} to {ratio['high']:.2f}"
        )
    if options.out:
        record = {"nodes": options.nodes, "rounds": options.rounds, "results": results, "machine": machine()}
        _files.write_text(options.out, json.dumps(record, indent=1) + "\n", overwrite=False)


if __name__ == "__main__":
    main()
