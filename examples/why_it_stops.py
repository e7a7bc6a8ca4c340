"""Receptive fields on one small graph and over time, for GCNs, an LSTM and a GCN-LSTM.

Six rows, A to F, have the edges A-B, A-E, A-F, B-C, B-D, C-D, D-F and E-F. The output at E needs the input of C.

- A graph convolution mixes each row with its neighbours, those of Ã = A + I, and with nothing else. C is 3 hops from E,
  so a GCN needs 3 layers; with 2 it sees every row but C, and no training can help it.
- Two shortest routes lead from C to E, C-D-F-E and C-B-A-E.

On a path of 13 nodes over 13 time steps, each family has a receptive field of its own shape. The target is the middle
node at step 9, and all models are untrained, from one seed:

- a GCN of 3 layers sees a ball: 3 hops, whether in space or in time, past or future;
- an LSTM sees a line: all of its own past, and no neighbour;
- a GCN-LSTM sees a cone: all of its past, and one hop further to each side with each step back. (At the target's
  own step it sees its neighbours too, through the convolution in the gates.)

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
from graphseq.cli.messages import refusals
from graphseq.plot import draw_cones, draw_hops, draw_receptive_fields

NAMES = "ABCDEF"
EDGES = ["AB", "AE", "AF", "BC", "BD", "CD", "DF", "EF"]
# A hexagon with E and C far apart, so that no edges cross.
PLACES = {"E": (0.0, 0.0), "A": (1.0, 0.9), "F": (1.0, -0.9), "B": (2.4, 0.9), "D": (2.4, -0.9), "C": (3.4, 0.0)}


def reference_graph() -> gs.SpaceTimeGraph:
    """Return the graph of rows A to F."""
    graph = nx.Graph()
    graph.add_nodes_from(NAMES)
    graph.add_edges_from(EDGES)
    return gs.from_graph(graph)


def hops_figure(graph: gs.SpaceTimeGraph, routes: list[list[int]]) -> Figure:
    """Draw the hops from C, with the routes to E."""
    figure = Figure(figsize=(6.6, 3.2), layout="constrained")
    draw_hops(figure.subplots(), graph, NAMES.index("C"), routes=routes, labels=NAMES, pos=places())
    return figure


def fields_figure(graph: gs.SpaceTimeGraph) -> Figure:
    """Draw the receptive field of E in GCNs of 1, 2 and 3 layers."""
    figure = Figure(figsize=(9.6, 2.7), layout="constrained")
    panels = figure.subplots(1, 3)
    draw_receptive_fields(panels, graph, NAMES.index("E"), (1, 2, 3), labels=NAMES, pos=places())
    figure.suptitle("receptive field of E in a GCN (darker: more hops; white: not seen)")
    return figure


def cones_figure(nodes: int = 13, steps: int = 13, seed: int = 0) -> Figure:
    """Draw the receptive fields of three untrained models, of the middle node three steps before the last."""
    first = torch.arange(nodes - 1)
    edge_index = torch.stack([torch.cat([first, first + 1]), torch.cat([first + 1, first])])
    generator = torch.Generator().manual_seed(seed)
    graph = gs.from_signal(torch.randn(steps, nodes, 2, generator=generator), edge_index)
    target = torch.tensor([(steps - 4) * nodes + nodes // 2])
    families = {
        "GCN, 3 layers": lambda: gs.nn.GCN(2, 16, num_layers=3),
        "LSTM": lambda: gs.nn.LSTM(2, 16),
        "GCN-LSTM": lambda: gs.nn.GCNLSTM(2, 16),
    }
    fields = {}
    for name, make in families.items():
        torch.manual_seed(seed)
        encoder = make()
        influence = gs.reach.influence(encoder, graph, outputs=target)[0]
        fields[name] = (encoder.reach(graph, target)[0], influence)
    figure = Figure(figsize=(12.0, 4.0), layout="constrained")
    draw_cones(figure.subplots(1, 3, sharey=True), graph, int(target), fields)
    for panel in figure.axes[1:3]:
        panel.set_ylabel("")
    return figure


def places() -> dict[int, tuple[float, float]]:
    """Return the position of each row in the figures."""
    return {NAMES.index(name): place for name, place in PLACES.items()}


def main(out: Path, overwrite: bool = False) -> list[Path]:
    """Print the hops, routes and receptive fields; write the figures to ``out`` and return their paths."""
    files = [out / name for name in ("hops.png", "fields.png", "cones.png")]
    existing = [str(file) for file in files if file.exists()]
    if existing and not overwrite:
        raise FileExistsError(f"{', '.join(existing)} already there; choose another --out, or add --overwrite")
    graph = reference_graph()
    pattern = graph.topology.spatial.edge_index
    looped = torch.eye(len(NAMES), dtype=torch.long)
    looped[pattern[1], pattern[0]] = 1
    print("Ã  " + " ".join(NAMES))
    for name, line in zip(NAMES, looped.tolist(), strict=True):
        print(f"{name}  " + " ".join(str(entry) for entry in line))

    source, target = NAMES.index("C"), NAMES.index("E")
    hops = gs.reach.layers_needed(graph, source, target)
    routes = gs.reach.routes(graph, source, target)
    print(f"C to E: {hops} hops, by " + " and ".join("-".join(NAMES[row] for row in route) for route in routes))
    for depth in (1, 2, 3):
        field = gs.reach.receptive_field(gs.nn.GCN(1, 1, num_layers=depth), graph, target)
        print(f"a GCN of {depth} layer{'s'[: depth - 1]} sees from E: {' '.join(NAMES[row] for row in field.tolist())}")

    out.mkdir(parents=True, exist_ok=True)
    for file, figure in zip(files, (hops_figure(graph, routes), fields_figure(graph), cones_figure()), strict=True):
        figure.savefig(file, dpi=150)
        print(f"wrote {file}")
    return files


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out/why_it_stops"), help="folder for the figures")
    parser.add_argument("--overwrite", action="store_true", help="replace existing figures")
    arguments = parser.parse_args()
    with refusals(parser):
        main(arguments.out, arguments.overwrite)
