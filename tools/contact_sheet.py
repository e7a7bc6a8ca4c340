"""Draw every figure of ``gs.plot`` at column and page width, on data of 1, 5, 50 and 1,000 nodes, to be looked at.

``python tools/contact_sheet.py FOLDER`` writes one sheet for each figure; a size that is refused shows why.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import networkx as nx
import numpy as np
import torch
from matplotlib import pyplot as plt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch.nn.functional import cross_entropy
from torch_geometric.nn import GCN

import graphseq as gs

SIZES = (1, 5, 50, 1000)
WIDTHS = {"column": 3.4, "page": 7.0}  # inches


def path(nodes: int) -> gs.SpaceTimeGraph:
    """Return a path, the smallest graph that reaches far."""
    return gs.from_graph(nx.path_graph(nodes), x=torch.randn(nodes, 2))


def random_graph(nodes: int) -> gs.SpaceTimeGraph:
    """Return a connected graph without a plan."""
    graph = nx.random_labeled_tree(nodes, seed=0)
    generator = np.random.default_rng(0)
    graph.add_edges_from(generator.integers(nodes, size=(nodes // 3, 2)).tolist())
    graph.remove_edges_from(list(nx.selfloop_edges(graph)))
    return gs.from_graph(graph, x=torch.randn(nodes, 2))


def signal(nodes: int, times: int = 12) -> gs.SpaceTimeGraph:
    """Return a signal on a path."""
    return gs.from_signal(torch.randn(times, nodes, 2), gs.from_graph(nx.path_graph(nodes)).edge_index)


def predictions(nodes: int, times: int = 60) -> dict[str, tuple[torch.Tensor, ...]]:
    """Return forecasts of two models at every node."""
    node = torch.arange(nodes).repeat(times)
    time = torch.arange(times).repeat_interleave(nodes)
    y = torch.randn(times, nodes).cumsum(0).view(-1, 1)
    return {
        name: (node, time, y + torch.randn_like(y) * scale, y) for name, scale in (("LSTM", 0.5), ("GCN-LSTM", 0.4))
    }


def hours(nodes: int) -> dict[int, str]:
    """Return names of hourly times."""
    return {time: f"2024-01-{1 + time // 24:02} {time % 24:02}:00" for time in range(60)}


def axes(width: float, height: float | None = None) -> plt.Axes:
    """Return the axes of a new figure of that width."""
    return Figure(figsize=(width, height or 0.7 * width), layout="constrained").subplots()


def influence(graph: gs.SpaceTimeGraph) -> torch.Tensor:
    """Return the influence of every row on the last one, through four convolutions."""
    torch.manual_seed(0)
    target = torch.tensor([graph.num_rows - 1])
    return gs.reach.influence(gs.nn.GCN(2, 8, 4), graph, outputs=target)[0]


def _profiles(nodes: int) -> dict[str, gs.reach.Profile]:
    graph, last = path(nodes), torch.tensor([nodes - 1])
    hops = gs.reach.hop_distances(graph, last)
    models = {"GCN-4": gs.nn.GCN(2, 8, 4), "Wave-8": gs.nn.WaveGCN(2, 8, 8)}
    return {
        name: gs.reach.by_hop(gs.reach.influence(model, graph, outputs=last), hops) for name, model in models.items()
    }


def _accuracy(width: float, nodes: int) -> object:
    lengths = [2**power + 1 for power in range(max(1, nodes.bit_length()))]
    curves = {f"GCN-{depth}": {n: (0.1 if n > depth + 1 else 1.0,) * 3 for n in lengths} for depth in (1, 4, 16)}
    curves["LSTM"] = dict.fromkeys(lengths, (1.0, 0.98, 1.0))
    walls = {f"GCN-{depth}": depth + 1 for depth in (1, 4, 16) if depth + 1 in lengths}
    return gs.plot.draw_accuracy(axes(width), lengths, curves, chance=0.1, last_in_reach=walls)


def _fields(width: float, nodes: int) -> object:
    panels = Figure(figsize=(width, 0.4 * width), layout="constrained").subplots(1, 3)
    return gs.plot.draw_receptive_fields(panels, random_graph(nodes), 0, [1, 2, 4])[0]


def _cones(width: float, nodes: int) -> object:
    graph = signal(nodes)
    target = graph.num_rows - 1
    mask = gs.nn.GCN(2, 8, 4).reach(graph, torch.tensor([target]))[0]
    panels = Figure(figsize=(width, 0.45 * width), layout="constrained").subplots(1, 2)
    return gs.plot.draw_cones(
        panels, graph, target, {"GCN-4": (mask, influence(graph)), "again": (mask, influence(graph))}
    )[0]


def _reach(width: float, nodes: int) -> object:
    graph = signal(nodes)
    mask = gs.nn.GCN(2, 8, 4).reach(graph, torch.tensor([graph.num_rows - 1]))[0]
    return gs.plot.draw_reach(axes(width), graph, graph.num_rows - 1, mask, influence(graph))


def _gates(width: float, nodes: int) -> object:
    graph = signal(nodes)
    torch.manual_seed(0)
    encoder = gs.nn.ForgettingGCNLSTM(2, 4)
    with torch.no_grad():
        return gs.plot.draw_gates(axes(width), graph, encoder.gate_values(graph))


def _diagnosis(width: float, nodes: int) -> object:
    graph = random_graph(nodes).unroll()
    graph.y = torch.arange(nodes) % 2
    return gs.plot.diagnosis(gs.diagnose(GCN(2, 8, 2, 2), graph, loss=cross_entropy, steps=0))


def _regions(width: float, nodes: int) -> object:
    side = max(2, round(nodes**0.5))
    labels = torch.arange(side * side).view(side, side).repeat_interleave(4, 0).repeat_interleave(4, 1)
    image = torch.rand(4 * side, 4 * side, 3)
    return gs.plot.draw_regions(axes(width, width), image, labels, gs.region_graph(image, labels))


FIGURES: dict[str, Callable[[float, int], object]] = {
    "draw_hops, path": lambda width, n: gs.plot.draw_hops(axes(width), path(n), 0),
    "draw_hops": lambda width, n: gs.plot.draw_hops(axes(width), random_graph(n), 0),
    "draw_receptive_fields": _fields,
    "draw_values": lambda width, n: gs.plot.draw_values(
        axes(width), random_graph(n), influence(random_graph(n)), label="influence"
    ),
    "draw_message": lambda width, n: gs.plot.draw_message(
        axes(width), random_graph(n), 0, gs.plot.message_weights(random_graph(n), 0, 3)[-1]
    ),
    "draw_rows_by_hop": lambda width, n: gs.plot.draw_rows_by_hop(
        axes(width), gs.reach.hop_distances(path(n), torch.tensor([0]))[0]
    ),
    "draw_influence_by_hop": lambda width, n: gs.plot.draw_influence_by_hop(axes(width), _profiles(n)),
    "draw_over_layers": lambda width, n: gs.plot.draw_over_layers(
        axes(width), {"GCN": torch.rand(n + 1), "GCNII": torch.rand(n + 1)}, ylabel="energy"
    ),
    "draw_accuracy": _accuracy,
    "draw_cones": _cones,
    "draw_reach": _reach,
    "draw_gates": _gates,
    "draw_errors_by_node": lambda width, n: gs.plot.draw_errors_by_node(axes(width, 1.2 * width), predictions(n)),
    "forecast_figure": lambda width, n: gs.plot.forecast_figure(predictions(n), times=hours(n)),
    "history": lambda width, n: gs.plot.history(
        gs.History([1 / (k + 1) for k in range(n)], [0.5] * n, [1.0] * n, [0.1] * n)
    ),
    "diagnosis": _diagnosis,
    "draw_cliff_map": lambda width, n: gs.plot.draw_cliff_map(
        axes(width), range(2, n + 2), range(1, n + 1), torch.rand(n, n), chance=0.1
    ),
    "draw_bits": lambda width, n: gs.plot.draw_bits(
        axes(width), {f"model {k}": (1 + k / n, f"{k} units") for k in range(min(n, 50))}, baselines=["model 0"]
    ),
    "draw_regions": _regions,
}


def image(draw: Callable[[float, int], object], width: float, nodes: int) -> np.ndarray | str:
    """Return the picture of one figure, or the message with which it is refused."""
    torch.manual_seed(0)
    try:
        drawn = draw(width, nodes)
    except ValueError as error:
        return str(error)
    figure = drawn if isinstance(drawn, Figure) else drawn.figure
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())


def sheet(name: str, draw: Callable[[float, int], object]) -> Figure:
    """Return a sheet with one figure at all sizes and widths."""
    figure = Figure(figsize=(20, 9), layout="constrained")
    figure.suptitle(name)
    panels = figure.subplots(len(WIDTHS), len(SIZES), gridspec_kw={"height_ratios": list(WIDTHS.values())})
    for line, (label, width) in zip(panels, WIDTHS.items(), strict=True):
        for panel, nodes in zip(line, SIZES, strict=True):
            picture = image(draw, width, nodes)
            panel.set_title(f"{nodes} node{'' if nodes == 1 else 's'}, {label}", fontsize=9)
            panel.axis("off")
            if isinstance(picture, str):
                panel.text(0.5, 0.5, picture, ha="center", wrap=True, fontsize=8)
            else:
                panel.imshow(picture)
    return figure


def main() -> None:
    """Write the sheets."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in FIGURES.items():
        sheet(name, draw).savefig(folder / f"{name.replace(', ', '_')}.png", dpi=110)


if __name__ == "__main__":
    main()
