"""Published "graph transfer" read again: its sets are solved by a rule that reads a row's own input alone.

Each set has 1,000 + 100 + 100 graphs: a line, a ring or a crossed ring whose rows hold random numbers, 1 at a source
and 0 at a target 3, 5, 10 or 50 rows on, and every row is asked for a number. It is said that source and target swap
theirs. In eleven of the twelve sets the source is asked for the 1 that it has, in ``line_50`` for 0; every other row is
asked for its own number, and the target for 1. So the answer is a function of a row's own input: 1 where it is 0, its
own elsewhere, and in ``line_50`` 0 where it is 1. Its error is exactly 0. No number has to cross a hop, and an error of
all rows shrinks as the graph grows, since all rows but one or two are copies.

The published loader asks for 'val' where it compares with 'valid', so that the validation part is the test part.

Run it with ``python benchmarks/graph_transfer.py --data graph_transfer_swan.zip --out docs/longrange/graph_transfer``:
two minutes. The file is that of github.com/gravins/SWAN at 5795bd2, graph_transfer/data.zip; it is read without
unpickling anything but tensors and PyG's ``Data``, and no copy of it is kept. It writes results.json, diagnosis.txt and
figure.png.
"""

from __future__ import annotations

import argparse
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import networkx as nx
import torch
from matplotlib.figure import Figure
from torch import Tensor
from torch_geometric.data.data import Data, DataEdgeAttr, DataTensorAttr
from torch_geometric.data.storage import GlobalStorage

import graphseq as gs
from graphseq import _files, seeding
from graphseq.experiments.longrange.figure import COLOURS, MARKERS
from graphseq.experiments.longrange.published import published
from graphseq.training.history import machine

SHAPES = {"line": "line", "ring": "ring", "crossed-ring": "crossed ring"}
HOPS = (3, 5, 10, 50)


class Part(NamedTuple):
    """Inputs and answers of the graphs of a part, which all have one set of edges."""

    x: Tensor  #: (B, N)
    y: Tensor  #: (B, N)


def read(file: Path, shape: str, hops: int) -> tuple[Part, Part, Part]:
    """Return the training, validation and test part of a published set, by the order in its file."""
    with zipfile.ZipFile(file) as archive:
        content = io.BytesIO(archive.read(f"data/{shape}_{hops}/{shape}_{hops}.pt"))
    with torch.serialization.safe_globals([Data, DataEdgeAttr, DataTensorAttr, GlobalStorage]):
        parts = torch.load(content, weights_only=True)
    train, validation, test = (
        Part(torch.stack([graph.x[:, 0] for graph in part]), torch.stack([graph.y[:, 0] for graph in part]))
        for part in parts
    )
    return train, validation, test


def sets(file: Path) -> Iterator[tuple[str, int, tuple[Part, Part, Part]]]:
    """Yield the twelve sets: shape, hops, parts."""
    for shape in SHAPES:
        for hops in HOPS:
            yield shape, hops, read(file, shape, hops)


def own_rule(x: Tensor, *, swaps: bool) -> Tensor:
    """Return the answer of each row from its own input alone.

    Args:
        x: inputs of rows, of any shape.
        swaps: the source, too, is asked for the other's number.
    """
    y = torch.where(x == 0, 1.0, x)
    return torch.where(x == 1, 0.0, y) if swaps else y


def mse(output: Tensor, y: Tensor) -> float:
    """Return the mean squared error over all rows."""
    return float((output - y).double().square().mean())


def blind_model(train: Part, test: Part, *, steps: int = 3000, seed: int = 0) -> float:
    """Return the test error of a multilayer perceptron on each row's own input, half of each batch odd rows."""
    with seeding.forked(seed, seeding.BUILD):
        model = torch.nn.Sequential(
            torch.nn.Linear(1, 64), torch.nn.ReLU(), torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 1)
        )
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.01, steps)
    x, y = train.x.flatten()[:, None], train.y.flatten()[:, None]
    generator = torch.Generator().manual_seed(seed)
    # The row whose answer is not its own number is rare in large graphs, so each batch has its share of all kinds.
    odd, even = (x != y).nonzero()[:, 0], (x == y).nonzero()[:, 0]
    for _ in range(steps):
        rows = torch.cat([pool[torch.randint(len(pool), (256,), generator=generator)] for pool in (odd, even)])
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(model(x[rows]), y[rows]).backward()
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        return mse(model(test.x.flatten()[:, None]), test.y.flatten()[:, None])


def audit(file: Path, blind: Callable[[Part, Part], float] = blind_model) -> list[dict[str, Any]]:
    """Return a line for each set: the errors of the rule, of copying and of the best constant, and what was found."""
    lines = []
    for shape, hops, (train, validation, test) in sets(file):
        swaps = bool((train.y[train.x == 1] == 0).all())
        lines.append(
            {
                "shape": SHAPES[shape],
                "hops": hops,
                "rows": test.x.shape[1],
                "graphs": [len(train.x), len(validation.x), len(test.x)],
                "source_is_asked_for": 0 if swaps else 1,
                "own_rule": mse(own_rule(test.x, swaps=swaps), test.y),
                "own_input_copied": mse(test.x, test.y),
                "constant": mse(train.y.mean().expand_as(test.y), test.y),
                "blind_model": blind(train, test),
            }
        )
    return lines


def figure(lines: list[dict[str, Any]]) -> Figure:
    """Draw published errors against hops, and the floors of models that look at no neighbour."""
    drawing = Figure(figsize=(8.5, 5), layout="constrained")
    panels = drawing.subplots(1, len(SHAPES), sharey=True)
    for panel, shape in zip(panels, SHAPES.values(), strict=True):
        own = [line for line in lines if line["shape"] == shape]
        rows = {hops: published(f"published graph transfer {shape} {hops}") for hops in HOPS}
        for number, model in enumerate(row.model for row in rows[HOPS[0]]):
            values = [next(row.value for row in rows[hops] if row.model == model) for hops in HOPS]
            style = {"color": COLOURS[number], "linewidth": 1, "marker": MARKERS[number], "markersize": 5}
            panel.plot(HOPS, values, label=model, **style)
        for key, style, label in (
            ("constant", ":", "floor: constant"),
            ("own_input_copied", "--", "floor: own input copied"),
            ("blind_model", "-", "floor: 0-hop model, trained"),
        ):
            panel.plot(HOPS, [line[key] for line in own], style, color="k", linewidth=2.2, label=label)
        panel.set(xscale="log", yscale="log", title=shape, xlabel="hops")
        panel.set_xticks(HOPS, map(str, HOPS))
        panel.minorticks_off()
    drawing.suptitle("Published models and floors; a rule that reads a row's own input has error 0 on every set")
    panels[0].set_ylabel("mean squared error of all rows (test)")
    handles, labels = panels[-1].get_legend_handles_labels()
    drawing.legend(handles, labels, fontsize="small", loc="outside lower center", ncols=4, frameon=False)
    return drawing


def table(lines: list[dict[str, Any]]) -> str:
    """Return the floors of each set beside the best and the worst published model."""
    out = [
        f"{'set':16}{'own rule':>10}{'0-hop model':>13}{'copied':>9}{'constant':>10}{'GCN':>9}{'best published':>22}"
    ]
    for line in lines:
        rows = published(f"published graph transfer {line['shape']} {line['hops']}")
        best = min(rows, key=lambda row: row.value)
        gcn = next(row.value for row in rows if row.model == "GCN")
        out.append(
            f"{line['shape'] + ' ' + str(line['hops']):16}{line['own_rule']:10g}{line['blind_model']:13.2g}"
            f"{line['own_input_copied']:9.4f}{line['constant']:10.4f}{gcn:9.4f}{f'{best.model} {best.value:.2g}':>22}"
        )
    return "\n".join(out)


def diagnosed(file: Path, shape: str = "ring", hops: int = 10) -> str:
    """Return what :func:`graphseq.diagnose` says of a GCN with as many layers as hops on 300 graphs of one set."""
    train = read(file, shape, hops)[0]
    ring = nx.cycle_graph(train.x.shape[1])
    pairs = zip(train.x[:300, :, None], train.y[:300, :, None], strict=True)
    task = gs.tasks.GraphRegression([gs.from_graph(ring, x=x, y=y) for x, y in pairs], tolerance=0.05)
    with seeding.forked(0, seeding.BUILD):
        model = gs.nn.Model(gs.nn.GCN(1, 32, num_layers=hops), 1)
    return str(gs.diagnose(model, task))


def main(data: Path, out: Path) -> list[dict[str, Any]]:
    """Read the sets, print the table, and write results.json and figure.png to ``out``."""
    lines = audit(data)
    record = {"machine": machine("cpu"), "graphseq": gs.__version__, "table": table(lines).splitlines(), "sets": lines}
    out.mkdir(parents=True, exist_ok=True)
    _files.write_text(out / "results.json", json.dumps(record, indent=1) + "\n", overwrite=True)
    _files.write_text(out / "diagnosis.txt", diagnosed(data) + "\n", overwrite=True)
    drawing = figure(lines)
    _files.write(out / "figure.png", lambda file: drawing.savefig(file, format="png", dpi=130), overwrite=True)
    print(table(lines))
    return lines


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="graph_transfer/data.zip of SWAN")
    parser.add_argument("--out", type=Path, default=Path("out/graph_transfer"), help="folder for results and figure")
    options = parser.parse_args()
    torch.set_num_threads(1)
    main(options.data, options.out)
