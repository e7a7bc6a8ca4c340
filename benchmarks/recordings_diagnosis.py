"""The word of ``gs.diagnose`` on the five recordings: how many edges away the rows lie that a forecast needs.

Each time of a recording becomes a graph of PyG: a node's own eight last values are its features, the edges are those of
the last of these times, and the answer is its next value. Cheap readers, ridge regressions on the nodes 0, 1, 2, …
edges away, measure how far the answers are; a GCN of PyG of two layers is the model that is diagnosed. Graphs of the
training part fit the readers, those of the validation part score them, and the test part is not read. The same once
more with edges between nodes that have changed places; and, on the two recordings of few nodes, where the graphs of a
part have enough times to learn from it, with the mean over all nodes among the features.

    python benchmarks/recordings_diagnosis.py --data graphs --out docs/recordings/diagnosis.json

A minute or less a recording; each diagnosis is saved as it is finished, and is not repeated.
"""

from __future__ import annotations

import argparse
import json
import time
from itertools import product
from pathlib import Path
from typing import Any

import torch
from recordings_data import LAGS, SOURCES, recorded
from torch_geometric.data import Data
from torch_geometric.nn.models import GCN

import graphseq as gs
from graphseq import _files, seeding
from graphseq.training.history import machine

SEED = 1
HIDDEN, LAYERS = 32, 2
ROWS = 5_000
"""Nodes of all graphs of a part, at most: the last graphs are taken where a part has more."""
CASES = (
    *product(("own",), ("given", "shuffled"), SOURCES),
    *product(("mean",), ("given",), ("chickenpox", "england_covid")),
)


def snapshots(task: gs.tasks.Forecasting) -> list[Data]:
    """Return a graph of PyG for each of the last windows of a task: features (N, L·F), and answers (N, 1)."""
    nodes = len(task.windows(torch.tensor([0])).y)
    numbers = torch.arange(len(task))[-(ROWS // nodes) :]
    graph = task.windows(numbers)
    # Every node is present at every time, and rows are sorted by window, time and node.
    x = graph.x.view(len(numbers), LAGS, nodes, -1).transpose(1, 2).flatten(2)
    y = graph.y.view(len(numbers), nodes, -1)
    first = (torch.arange(len(numbers)) * LAGS + LAGS - 1) * nodes  # row of the first node at the window's last time
    index = graph.topology.spatial.edge_index
    of_last = graph.time[index[0]] == LAGS - 1
    index = index[:, of_last]
    window = graph.batch[index[0]]
    return [
        Data(x=x[number], y=y[number], edge_index=index[:, window == number] - first[number])
        for number in range(len(numbers))
    ]


def diagnosed(name: str, inputs: str, edges: str, folder: Path, **settings: Any) -> dict[str, Any]:
    """Return the diagnosis on one recording, with the score of each reader."""
    recording = recorded(name, folder)
    split = recording.split(recording.task(inputs, edges, SEED))
    train, validation = snapshots(split.train), snapshots(split.validation)
    with seeding.forked(SEED, seeding.BUILD):
        model = GCN(train[0].num_features, HIDDEN, LAYERS, 1)
    began = time.process_time()
    found = gs.diagnose(model, train, validation=validation, loss=torch.nn.functional.mse_loss, seed=SEED, **settings)
    return {
        "recording": name,
        "inputs": inputs,
        "edges": edges,
        "graphs": [len(train), len(validation)],
        "finding": found.finding,
        "confidence": round(found.confidence, 3),
        "table": [list(row) for row in found.table()],
        "readers": found.to_dict()["evidence"]["readers"],
        "seconds": round(time.process_time() - began, 1),
    }


def main(data: Path, out: Path) -> list[dict[str, Any]]:
    """Diagnose what is not there yet, save each, and return all."""
    torch.set_num_threads(1)
    whole = json.loads(out.read_text())["diagnoses"] if out.exists() else []
    out.parent.mkdir(parents=True, exist_ok=True)
    for inputs, edges, name in CASES:
        if all((one["recording"], one["inputs"], one["edges"]) != (name, inputs, edges) for one in whole):
            whole.append(diagnosed(name, inputs, edges, data))
            record = {"machine": machine("cpu"), "diagnoses": whole}
            _files.write_text(out, json.dumps(record, indent=1) + "\n", overwrite=True)
    return whole


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with the five .json files")
    parser.add_argument("--out", type=Path, default=Path("docs/recordings/diagnosis.json"))
    for one in main(**vars(parser.parse_args())):
        needed = dict(one["table"]).get("hops needed, measured", "")
        print(f"{one['recording']:20} {one['inputs']:5} {one['edges']:9} {one['finding']:35} hops needed: {needed}")
