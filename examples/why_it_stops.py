"""Why it stops: what one graph says of models that see by layers, and of models that see by time.

Six rows, A to F, joined by A-B, A-E, A-F, B-C, B-D, C-D, D-F and E-F. E is asked about what only C knows.

- A graph convolution mixes each row with its neighbours, those of Ã = A + I, and with nothing else. C is 3 hops from E,
  so a GCN needs 3 layers; with 2 it sees every row but C, and no training can help it.
- Two shortest routes carry it, C-D-F-E and C-B-A-E.

Seen over time, on 13 nodes of a path at 13 time steps, the same rule gives each family its shape. The middle node is
asked at step 9, and all models are untrained, from one seed:

- a GCN of 3 layers sees a ball: 3 hops, whether in space or in time, past or future;
- an LSTM sees a line: all of its own past, and no neighbour;
- a GCN-LSTM sees a cone: all of its past, and one hop further to each side with each step back. (At the asked step
  itself it sees its neighbours too: the gates' convolution reads them.)

Run it with ``python examples/why_it_stops.py``; it takes a few seconds, prints Ã, the hops and the routes, and writes
hops.png, fields.png and cones.png.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import networkx as nx
import torch
from matplotlib.figure import Figure

import graphseq as gs
from graphseq.plot import draw_cones, draw_hops, draw_receptive_fields

NAMES = "ABCDEF"
EDGES = ["AB", "AE", "AF", "BC", "BD", "CD", "DF", "EF"]
# A hexagon with E and C far apart, so that no edges cross.
PLACES = {"E": (0.0, 0.0), "A": (1.0, 0.9), "F": (1.0, -0.9), "B": (2.4, 0.9), "D": (2.4, -0.9), "C": (3.4, 0.0)}


def reference_graph() -> gs.SpaceTimeGraph:
    """The graph of rows A to F."""
    graph = nx.Graph()
    graph.add_nodes_from(NAMES)
    graph.add_edges_from(EDGES)
    return gs.from_graph(graph)


def hops_figure(graph: gs.SpaceTimeGraph, routes: list[list[int]]) -> Figure:
    """Hops from C, with the routes to E."""
    figure = Figure(figsize=(6.6, 3.2), layout="constrained")
    draw_hops(figure.subplots(), graph, NAMES.index("C"), routes=routes, labels=NAMES, pos=places())
    return figure


def fields_figure(graph: gs.SpaceTimeGraph) -> Figure:
    """What a GCN sees from E with 1, 2 and 3 layers."""
    figure = Figure(figsize=(9.6, 2.7), layout="constrained")
    panels = figure.subplots(1, 3)
    draw_receptive_fields(panels, graph, NAMES.index("E"), (1, 2, 3), labels=NAMES, pos=places())
    figure.suptitle("what a GCN sees from E: the darker, the more hops; white is not seen")
    return figure


def cones_figure(nodes: int = 13, steps: int = 13, seed: int = 0) -> Figure:
    """What three untrained models see from the middle of a path of nodes, three steps before the last."""
    along = torch.arange(nodes - 1)
    joined = torch.stack([torch.cat([along, along + 1]), torch.cat([along + 1, along])])
    generator = torch.Generator().manual_seed(seed)
    graph = gs.from_signal(torch.randn(steps, nodes, 2, generator=generator), joined)
    asked = torch.tensor([(steps - 4) * nodes + nodes // 2])
    families = {
        "GCN, 3 layers": lambda: gs.nn.GCN(2, 16, num_layers=3),
        "LSTM": lambda: gs.nn.LSTM(2, 16),
        "GCN-LSTM": lambda: gs.nn.GCNLSTM(2, 16),
    }
    seen = {}
    for name, make in families.items():
        torch.manual_seed(seed)
        encoder = make()
        measured = gs.reach.influence(encoder, graph, outputs=asked)[0]
        seen[name] = (encoder.reach(graph, asked)[0], measured)
    figure = Figure(figsize=(12.0, 4.0), layout="constrained")
    draw_cones(figure.subplots(1, 3, sharey=True), graph, int(asked), seen)
    for panel in figure.axes[1:3]:
        panel.set_ylabel("")
    return figure


def places() -> dict[int, tuple[float, float]]:
    """Where each row stands in the pictures."""
    return {NAMES.index(name): place for name, place in PLACES.items()}


def main(out: Path, overwrite: bool = False) -> list[Path]:
    """Print what the graph says, write the pictures to ``out`` and return where they are."""
    files = [out / name for name in ("hops.png", "fields.png", "cones.png")]
    there = [str(file) for file in files if file.exists()]
    if there and not overwrite:
        raise FileExistsError(f"{', '.join(there)} already there; choose another --out, or add --overwrite")
    graph = reference_graph()
    pattern = graph.topology.spatial.edge_index
    looped = torch.eye(len(NAMES), dtype=torch.long)
    looped[pattern[1], pattern[0]] = 1
    print("Ã  " + " ".join(NAMES))
    for name, line in zip(NAMES, looped.tolist(), strict=True):
        print(f"{name}  " + " ".join(str(entry) for entry in line))

    source, asked = NAMES.index("C"), NAMES.index("E")
    hops = gs.reach.layers_needed(graph, source, asked)
    routes = gs.reach.routes(graph, source, asked)
    print(f"C to E: {hops} hops, by " + " and ".join("-".join(NAMES[row] for row in route) for route in routes))
    for depth in (1, 2, 3):
        field = gs.reach.receptive_field(gs.nn.GCN(1, 1, num_layers=depth), graph, asked)
        print(f"a GCN of {depth} layer{'s'[: depth - 1]} sees from E: {' '.join(NAMES[row] for row in field.tolist())}")

    out.mkdir(parents=True, exist_ok=True)
    for file, figure in zip(files, (hops_figure(graph, routes), fields_figure(graph), cones_figure()), strict=True):
        figure.savefig(file, dpi=150)
        print(f"wrote {file}")
    return files


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out/why_it_stops"), help="folder for the pictures")
    parser.add_argument("--overwrite", action="store_true", help="replace pictures that are already there")
    arguments = parser.parse_args()
    try:
        main(arguments.out, arguments.overwrite)
    except FileExistsError as refusal:
        parser.error(str(refusal))
