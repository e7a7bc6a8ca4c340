"""The range of operators whose range is known, measured from Jacobians and Hessians, after Bamberger et al. (2025).

The range of an output is the mean distance of the nodes on which it depends, weighted by their influence. Each task is
an operator on a graph with a parameter k, and each answer of it is known:

- nodes, the mean of the features at exactly k hops: the range is k on every graph;
- nodes, the mean over the ball of k hops on a ring: k (k + 1) / (2k + 1);
- nodes, k steps of the random walk on a ring, as k linear layers take them: the mean distance after k steps of -1, 0
  or 1, about √(4k / 3π);
- the same in resistance: on a line k, on a ring of n nodes k (n - k) / n, on a grid less;
- graphs, a sum of products of features at k hops, read from the Hessian: k; of their squared differences: k / 2, since
  each node then also mixes with itself;
- models: the range of untrained GCNs on a line is that of the walk, far below the number of their layers.

Run it with ``python examples/range_curves.py``; it takes a few seconds and writes range.png and range.json.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path

import networkx as nx
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

import graphseq as gs
from graphseq.cli.messages import refusals
from graphseq.plot.lines import STYLES
from graphseq.reach.measures import distances, influence_range, pairwise_mixing

Curves = dict[str, list[float]]

NODES = 41
GRAPHS = {
    "ring": nx.cycle_graph(NODES),
    "line": nx.path_graph(NODES),
    "grid": nx.convert_node_labels_to_integers(nx.grid_2d_graph(7, 7)),
}
DEPTHS = tuple(range(1, 11))  #: k


def operator(graph: nx.Graph, kind: str, k: int) -> Tensor:
    """Return the operator of a task as a matrix (V, V): "hop" k, "ball" of k hops, or k steps of the "walk"."""
    hops = distances(graph)
    if kind == "walk":
        near = (hops <= 1).double()
        return torch.linalg.matrix_power(near / near.sum(dim=1, keepdim=True), k)
    chosen = (hops == k if kind == "hop" else hops <= k).double()
    return chosen / chosen.sum(dim=1, keepdim=True).clamp(min=1)


def node_range(graph: nx.Graph, kind: str, k: int, distance: str = "hop") -> float:
    """Measure the range of a node-level task from the Jacobian of its operator at random features."""
    matrix, x = operator(graph, kind, k), torch.randn(len(graph), 1, dtype=torch.float64)
    block = torch.autograd.functional.jacobian(lambda x: matrix @ x, x)
    return influence_range(block.abs().sum(dim=(1, 3)), distances(graph, distance)).graph


def graph_range(graph: nx.Graph, interaction: str, k: int) -> float:
    """Measure the range of a graph-level task from the Hessian of its output at random features."""
    matrix, x = operator(graph, "hop", k), torch.randn(len(graph), 1, dtype=torch.float64)
    pairs = (lambda x: x @ x.T) if interaction == "products" else (lambda x: (x - x.T).square())
    return influence_range(
        pairwise_mixing(lambda x: (matrix * pairs(x)).sum(), x, reduce="sum"), distances(graph)
    ).graph


def model_range(layers: int, seed: int) -> float:
    """Measure the range of an untrained GCN on the line."""
    torch.manual_seed(seed)
    line = gs.from_graph(GRAPHS["line"], x=torch.randn(NODES, 4, dtype=torch.float64))
    return influence_range(gs.reach.influence(gs.nn.GCN(4, 16, layers).double(), line), distances(line)).graph


def walk_distance(steps: int) -> float:
    """Return the mean distance from the start after some steps of -1, 0 or 1, each equally likely, in closed form."""
    total = 0.0
    for forward in range(steps + 1):
        for back in range(steps + 1 - forward):
            ways = math.factorial(steps) / math.prod(map(math.factorial, (forward, back, steps - forward - back)))
            total += abs(forward - back) * ways / 3**steps
    return total


def measure() -> tuple[dict[str, Curves], dict[str, Curves]]:
    """Return the measured ranges, panel by panel, and their closed forms."""
    ring, line, grid = GRAPHS["ring"], GRAPHS["line"], GRAPHS["grid"]
    measured: dict[str, Curves] = {
        "nodes of a ring, in hops": {
            "mean at k hops": [node_range(ring, "hop", k) for k in DEPTHS],
            "mean over k hops": [node_range(ring, "ball", k) for k in DEPTHS],
            "k steps of the walk": [node_range(ring, "walk", k) for k in DEPTHS],
        },
        "mean at k hops, in resistance": {
            "line": [node_range(line, "hop", k, "resistance") for k in DEPTHS],
            "ring": [node_range(ring, "hop", k, "resistance") for k in DEPTHS],
            "grid": [node_range(grid, "hop", k, "resistance") for k in DEPTHS if k <= 6],
        },
        "graphs, from the Hessian, in hops": {
            "products": [graph_range(ring, "products", k) for k in DEPTHS],
            "squared differences": [graph_range(ring, "differences", k) for k in DEPTHS],
        },
        "untrained GCNs on a line, in hops": {
            f"weights {seed + 1}": [model_range(k, seed) for k in DEPTHS] for seed in range(3)
        },
    }
    closed: dict[str, Curves] = {
        "nodes of a ring, in hops": {
            "mean at k hops": [float(k) for k in DEPTHS],
            "mean over k hops": [k * (k + 1) / (2 * k + 1) for k in DEPTHS],
            "k steps of the walk": [walk_distance(k) for k in DEPTHS],
        },
        "mean at k hops, in resistance": {
            "line": [float(k) for k in DEPTHS],
            "ring": [k * (NODES - k) / NODES for k in DEPTHS],
        },
        "graphs, from the Hessian, in hops": {
            "products": [float(k) for k in DEPTHS],
            "squared differences": [k / 2 for k in DEPTHS],
        },
        "untrained GCNs on a line, in hops": {
            "number of layers": [float(k) for k in DEPTHS],
            "steps of the walk": [walk_distance(k) for k in DEPTHS],
        },
    }
    return measured, closed


def draw(axes: Axes, title: str, measured: Curves, closed: Curves) -> None:
    """Draw measured ranges as marks, and closed forms as lines."""
    for (name, values), (colour, marker, _) in zip(measured.items(), STYLES, strict=False):
        axes.plot(DEPTHS[: len(values)], values, linestyle="none", color=colour, marker=marker, label=name)
        if name in closed:
            axes.plot(DEPTHS, closed[name], color=colour, linewidth=1.0)
    for name, dash in zip([name for name in closed if name not in measured], ("--", "-"), strict=False):
        axes.plot(DEPTHS, closed[name], color="0.4", linewidth=1.0, linestyle=dash, label=name)
    axes.set_title(title, fontsize=10)
    axes.set_xlabel("layers" if "GCN" in title else "k")
    axes.set_ylabel("range")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8)


def main(out: Path, overwrite: bool = False) -> list[Path]:
    """Measure, print the largest difference from the closed forms, and write the figure and the numbers to ``out``."""
    files = [out / "range.png", out / "range.json"]
    existing = [str(file) for file in files if file.exists()]
    if existing and not overwrite:
        raise FileExistsError(f"{', '.join(existing)} already there; choose another --out, or add --overwrite")
    torch.manual_seed(0)
    measured, closed = measure()
    figure = Figure(figsize=(9.6, 6.6), layout="constrained")
    for axes, (title, curves) in zip(figure.subplots(2, 2).flat, measured.items(), strict=True):
        draw(axes, title, curves, closed[title])
    errors = [
        abs(found - known)
        for title, curves in measured.items()
        for name in curves.keys() & closed[title].keys()
        for found, known in zip(curves[name], closed[title][name], strict=True)
    ]
    print(f"{len(errors)} ranges with a closed form; the largest difference is {max(errors):.1e}")
    for title, curves in measured.items():
        for name, values in curves.items():
            print(f"{title}, {name}: " + " ".join(f"{value:.2f}" for value in values))
    out.mkdir(parents=True, exist_ok=True)
    figure.savefig(files[0], dpi=150)
    files[1].write_text(json.dumps({"k": DEPTHS, "measured": measured, "closed_forms": closed}, indent=1))
    return files


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out/range"), help="folder for the figure and the numbers")
    parser.add_argument("--overwrite", action="store_true", help="replace existing files")
    arguments = parser.parse_args()
    with refusals(parser):
        main(arguments.out, arguments.overwrite)
