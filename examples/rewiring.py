"""Bottlenecks, bounds and rewiring: the effect of new edges on a graph, on influence, and on accuracy.

- Bounds: on a barbell of two cliques, the influence of a GCN's inputs is measured at each distance and drawn with two
  bounds: one of the norms of its weights, after Topping et al. (2022), and one of their largest entry and width, of Di
  Giovanni et al. (2023). Influence is squashed at the bridge, and so are the bounds.
- Graphs: edges are added to the same barbell by FoSR, which joins the two sides of the narrowest cut, and by SDRF,
  which joins neighbours of the edge of the lowest curvature.
- Models: GCNs of 4 and 8 layers copy a symbol to the other side of a ring of 16 rows, 8 hops away, with 0 to 8 edges
  from FoSR. Each is trained anew; its influence is that of the farthest row on the answer, as a share of all.
- Other rewirings on the same task: SDRF, edges to 2 hops, a virtual node.

Run it with ``python examples/rewiring.py``; it takes about two minutes and writes rewiring.png and rewiring.json.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import networkx as nx
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

import graphseq as gs
from graphseq.cli.messages import refusals
from graphseq.plot.lines import STYLES
from graphseq.reach import measures
from graphseq.transforms import add_virtual_node, fosr, k_hop, sdrf

BARBELL = nx.barbell_graph(8, 4)
LAYERS = 6  #: of the GCN on the barbell
EDGES = (0, 1, 2, 4, 8)
DEPTHS = (4, 8)
RING = 9  #: rows from end to end along either side: 8 hops


def by_hop(values: Tensor, hops: Tensor) -> list[float]:
    """Return the mean value over the pairs of rows at each distance; NaN where a bound says nothing."""
    return [float(values[hops == hop].mean()) for hop in range(int(hops.max()) + 1)]


def bounds() -> dict[str, list[float]]:
    """Measure the influence of a GCN on the barbell by distance, and compute its bounds."""
    torch.manual_seed(0)
    graph = gs.from_graph(BARBELL, x=torch.randn(len(BARBELL), 4, dtype=torch.float64))
    gcn = gs.nn.GCN(4, 16, LAYERS).double()
    hops = measures.distances(graph)
    weights = [conv.get_parameter("lin.weight").detach() for conv in gcn.convs]
    largest = max(float(weight.abs().max()) for weight in weights)
    return {
        "measured": by_hop(gs.reach.influence(gcn, graph), hops),
        "bound, norms of the weights": by_hop(measures.weights_bound(graph, weights), hops),
        "bound, largest entry and width": by_hop(
            measures.sensitivity_bound(graph, LAYERS, weight=largest, width=16), hops
        ),
    }


def graphs() -> dict[str, dict[str, list[float]]]:
    """Measure the barbell with more and more edges: its spectral gap, its lowest curvature, its total resistance."""
    found: dict[str, dict[str, list[float]]] = {}
    for name, rewire in {"FoSR": fosr, "SDRF": sdrf}.items():
        tops = [gs.reach.topology(rewire(BARBELL, edges)) for edges in EDGES]
        found[name] = {
            "spectral gap": [float(top.spectral_gap or 0) for top in tops],
            "lowest curvature": [float(top.curvature.value.min()) for top in tops if top.curvature is not None],
            "total resistance": [float(top.total_resistance or 0) for top in tops],
        }
    return found


def trained(layers: int, rewire: Callable | None, steps: int, seed: int) -> tuple[float, float]:
    """Train a GCN and return its accuracy, and the share of the farthest row in the influence on its answers."""
    task = gs.tasks.Transfer(length=RING, shape="ring")
    torch.manual_seed(seed)
    model = gs.nn.Model(gs.nn.GCN(task.in_channels, 32, num_layers=layers), task.out_channels, transform=rewire)
    generator = torch.Generator().manual_seed(seed)
    batch = task.batch(16, generator)  # with noise, since features of 0 are at the kink of every ReLU
    batch = batch.replace(x=batch.x + 0.3 * torch.randn(batch.x.shape, generator=generator))
    influence = gs.reach.influence(model, batch).double().square()
    hops = gs.reach.hop_distances(batch, batch.target_rows)
    share = float((influence * (hops == hops.amax(dim=1, keepdim=True))).sum() / influence.sum())
    gs.fit(model, task, steps=steps, batch_size=64, lr=3e-3, seed=seed)
    return float(gs.evaluate(model, task, seed=1).score), share


def models(steps: int, seeds: int) -> dict[str, dict[str, list[list[float]]]]:
    """Train GCNs on the ring with more and more edges from FoSR: accuracy and share of influence, edges × seeds."""
    found: dict[str, dict[str, list[list[float]]]] = {}
    for layers in DEPTHS:
        runs = [
            [trained(layers, partial(fosr, edges=edges) if edges else None, steps, seed) for seed in range(seeds)]
            for edges in EDGES
        ]
        found[f"{layers} layers"] = {
            "accuracy": [[run[0] for run in row] for row in runs],
            "share of the farthest row": [[run[1] for run in row] for row in runs],
        }
    return found


def others(steps: int, seeds: int) -> dict[str, list[float]]:
    """Train GCNs of 4 layers on the ring under the other rewirings: accuracy by seed."""
    rewirings = {
        "none": None,
        "SDRF, 4 edges": partial(sdrf, edges=4),
        "FoSR, 4 edges": partial(fosr, edges=4),
        "2 hops": partial(k_hop, hops=2),
        "virtual node": add_virtual_node,
    }
    return {name: [trained(4, rewire, steps, seed)[0] for seed in range(seeds)] for name, rewire in rewirings.items()}


def draw_bounds(axes: Axes, found: dict[str, list[float]]) -> None:
    """Draw measured influence and bounds by distance."""
    for (name, values), (colour, marker, dash) in zip(found.items(), STYLES, strict=False):
        shown = np.where(np.array(values) > 0, values, np.nan)
        style = "-" if name == "measured" else dash
        axes.plot(range(len(values)), shown, color=colour, marker=marker, linestyle=style, label=name)
    axes.set_yscale("log")
    axes.set(title=f"GCN of {LAYERS} layers on a barbell", xlabel="hops", ylabel="influence, mean of all pairs")


def draw_graphs(axes: Axes, found: dict[str, dict[str, list[float]]]) -> None:
    """Draw the spectral gap, and the total resistance as a share of the first, over the edges added."""
    for (name, values), (colour, marker, _) in zip(found.items(), STYLES, strict=False):
        resistance = [value / values["total resistance"][0] for value in values["total resistance"]]
        axes.plot(EDGES, values["spectral gap"], color=colour, marker=marker, label=f"{name}, spectral gap")
        label = f"{name}, resistance over the first"
        axes.plot(EDGES, resistance, color=colour, marker=marker, linestyle=":", label=label)
    axes.set_yscale("log")
    axes.set(title="the barbell with more edges", xlabel="edges added")


def draw_models(axes: Axes, found: dict[str, dict[str, list[list[float]]]], key: str) -> None:
    """Draw means over seeds, and each seed as a mark."""
    for (name, values), (colour, marker, _) in zip(found.items(), STYLES, strict=False):
        runs = np.array(values[key])
        for seed in runs.T:
            axes.plot(EDGES, seed, color=colour, marker=marker, linestyle="", markersize=3, alpha=0.5)
        axes.plot(EDGES, runs.mean(axis=1), color=colour, label=name)
    if key == "accuracy":
        axes.set(title="accuracy on a ring, 8 hops", xlabel="edges from FoSR", ylim=(0, 1.03))
    else:
        axes.set(title="before training, farthest row", xlabel="edges from FoSR", ylabel="share of the influence")
        axes.set_yscale("symlog", linthresh=1e-5)
        axes.set_yticks([0, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1])
        axes.set_ylim(-2e-6, 0.3)


def main(out: Path, overwrite: bool = False, steps: int = 400, seeds: int = 3) -> list[Path]:
    """Measure, print a table, and write the figure and the numbers to ``out``."""
    files = [out / "rewiring.png", out / "rewiring.json"]
    existing = [str(file) for file in files if file.exists()]
    if existing and not overwrite:
        raise FileExistsError(f"{', '.join(existing)} already there; choose another --out, or add --overwrite")
    record = {
        "edges": EDGES,
        "bounds": bounds(),
        "graphs": graphs(),
        "models": models(steps, seeds),
        "others": others(steps, seeds),
    }
    figure = Figure(figsize=(10.4, 7.6), layout="constrained")
    panels = figure.subplots(2, 2).flat
    draw_bounds(panels[0], record["bounds"])
    draw_graphs(panels[1], record["graphs"])
    draw_models(panels[2], record["models"], "share of the farthest row")
    draw_models(panels[3], record["models"], "accuracy")
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize=8)
    print(table(record["others"]))
    out.mkdir(parents=True, exist_ok=True)
    figure.savefig(files[0], dpi=150)
    files[1].write_text(json.dumps(record, indent=1))
    return files


def table(accuracies: dict[str, list[float]]) -> str:
    """Return accuracies by rewiring in Markdown."""
    lines = ["| rewiring | accuracy, mean (each seed) |", "| --- | --- |"]
    for name, runs in accuracies.items():
        lines.append(f"| {name} | {np.mean(runs):.0%} ({', '.join(f'{run:.0%}' for run in runs)}) |")
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out/rewiring"), help="folder for the figure and the numbers")
    parser.add_argument("--overwrite", action="store_true", help="replace existing files")
    arguments = parser.parse_args()
    with refusals(parser):
        main(arguments.out, arguments.overwrite)
