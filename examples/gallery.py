"""Every figure of ``gs.plot``, with the numbers that it shows.

- influence.png: the influence across r hops of linear layers equals the closed forms; out of reach it is 0. Untrained
  GCNs see as many hops as they have layers, recurrences see all. On 500 rows, 64 draws estimate the profile.
- cliff.png: small GCNs learn to carry a class along a path. With fewer layers than hops all are at chance. With more
  they come near to 100 %, until the signal is too small for so few steps.
- smoothness.png: over-smoothing over 64 layers. Neighbours become equal, all states point one way, and one direction is
  left. Residual connections delay that by some layers.
- message.gif, message_500.gif: a message spreads layer by layer; of 500 rows, bars show their number at each hop.
- hops.png, fields.png, rows.png: hops and routes, receptive fields, and the number of rows at each hop.

Run it with ``python examples/gallery.py``; training for the cliff takes some minutes, the rest some seconds.
"""

from __future__ import annotations

import argparse
import json
import time
from itertools import product
from pathlib import Path

import networkx as nx
import torch
from matplotlib.figure import Figure

import graphseq as gs
from graphseq import plot, reach, seeding
from graphseq.cli.messages import refusals
from graphseq.reach import theory
from graphseq.training.history import machine

NUMBERS = ("influence", "cliff", "smoothness")
FIGURES = ("hops.png", "fields.png", "rows.png", "message.gif", "message_500.gif")
FILES = (*(f"{name}{end}" for name in NUMBERS for end in (".png", ".json")), *FIGURES)


def influence() -> tuple[Figure, dict[str, object]]:
    """Draw linear layers with their closed forms, untrained families, and an estimate on 500 rows."""
    target, path = torch.tensor([20]), gs.from_sequence(torch.ones(41, 1))
    linear = {f"{n} linear layers": gs.nn.GCN(1, 1, n) for n in (4, 12)}
    linear["12, past to future"] = gs.nn.GCN(1, 1, 12, causal=True)
    for model in linear.values():
        for conv in model.convs:
            torch.nn.init.ones_(conv.lin.weight)  # with x = 1 all states are positive, where ReLU is the identity
    closed = {
        f"{n} linear layers": [(1 + (r > 0)) * theory.endless_path_weight(r, n) for r in range(21)] for n in (4, 12)
    }
    closed["12, past to future"] = [theory.directed_path_weight(20, 20 - r, 12) for r in range(21)]
    with seeding.forked(0, seeding.BUILD):
        families = {f"GCN, {n} layers": gs.nn.GCN(1, 16, n) for n in (8, 16)}
        families |= {"RNN": gs.nn.RNN(1, 16), "LSTM": gs.nn.LSTM(1, 16)}
        gcn = gs.nn.GCN(1, 16, 6)
    panels = []
    for models in (linear, families):
        hops = {name: reach.hop_distances(path, target, causal=model.causal) for name, model in models.items()}
        influences = {name: reach.influence(model.double(), path, outputs=target) for name, model in models.items()}
        panels.append({name: reach.by_hop(influences[name], hops[name]) for name in models})
    graph = small_world()
    exact = reach.by_hop(reach.influence(gcn, graph) ** 2, reach.hop_distances(graph, torch.arange(graph.num_rows)))
    panels.append({"exact": exact, "64 draws": reach.estimate_by_hop(gcn, graph, samples=64)})
    figure = Figure(figsize=(15.0, 4.4), layout="constrained")
    for axes, profiles, forms in zip(figure.subplots(1, 3), panels, (closed, None, None), strict=True):
        plot.draw_influence_by_hop(axes, profiles, closed_form=forms)
    values = [{name: profile.value.tolist() for name, profile in profiles.items()} for profiles in panels]
    return figure, {"rows": 41, "asked": 20, "hidden": 16, "seed": 0, "by_hop": values, "closed_forms": closed}


def cliff(steps: int, longest: int, seeds: int) -> tuple[Figure, dict[str, object]]:
    """Train GCNs of every depth on Transfer of every length."""
    tasks, depths = [gs.tasks.Transfer(length=length) for length in range(2, longest + 1)], range(1, longest + 1)
    scores: dict[int, list[list[float]]] = {depth: [] for depth in depths}
    for depth, task in product(depths, tasks):
        scores[depth].append([])
        for seed in range(seeds):
            with seeding.forked(seed, seeding.BUILD):
                model = gs.nn.Model(gs.nn.GCN(task.in_channels, 32, depth), task.out_channels)
            gs.fit(model, task, steps=steps, batch_size=64, optimizer="Adam", lr=0.01, seed=seed)
            scores[depth][-1].append(gs.evaluate(model, task, samples=500, seed=seed).score)
    mean = torch.tensor(list(scores.values())).mean(dim=2)
    figure = Figure(figsize=(6.6, 4.8), layout="constrained")
    lengths, hops = range(2, longest + 1), [task.hops for task in tasks]
    plot.draw_cliff_map(figure.subplots(), lengths, depths, mean, chance=tasks[0].chance, hops=hops)
    settings = {"hidden": 32, "steps": steps, "batch_size": 64, "optimizer": "Adam", "lr": 0.01, "samples": 500}
    config = {"tasks": [task.config for task in tasks], "seeds": list(range(seeds)), **settings}
    return figure, {**config, "accuracy_by_depth_length_seed": scores}


def smoothness() -> tuple[Figure, dict[str, object]]:
    """Draw three measures of over-smoothing over 64 layers, on random features of the karate club."""
    club = gs.from_graph(nx.karate_club_graph(), x=torch.randn(34, 32, generator=torch.Generator().manual_seed(0)))
    with seeding.forked(0, seeding.BUILD):
        models = {"GCN": gs.nn.GCN(32, 32, 64), "GCN with residuals": gs.nn.GCN(32, 32, 64, residual=True)}
    measures = {
        "Dirichlet energy / squared norm": lambda h, graph: reach.dirichlet_energy(h, graph, relative=True),
        "mean average distance (cosine)": lambda h, _: reach.mad(h),
        "effective rank": lambda h, _: reach.effective_rank(h),
    }
    figure = Figure(figsize=(15.0, 4.4), layout="constrained")
    values = {}
    for axes, (name, measure) in zip(figure.subplots(1, 3), measures.items(), strict=True):
        curves = {of: reach.over_layers(model.double(), club, measure) for of, model in models.items()}
        plot.draw_over_layers(axes, curves, ylabel=name, log=name != "effective rank")
        values[name] = {of: curve.tolist() for of, curve in curves.items()}
    return figure, {"graph": "karate_club", "features": 32, "hidden": 32, "layers": 64, "seed": 0, "curves": values}


def small_world() -> gs.SpaceTimeGraph:
    """Return a ring of 500 rows with a few shortcuts."""
    return gs.from_graph(nx.connected_watts_strogatz_graph(500, 4, 0.05, seed=0))


def main(out: Path, steps: int = 300, longest: int = 8, seeds: int = 3, overwrite: bool = False) -> list[Path]:
    """Write all figures and records to ``out``; return their paths."""
    files = [out / name for name in FILES]
    existing = [str(file) for file in files if file.exists()]
    if existing and not overwrite:
        raise FileExistsError(f"{', '.join(existing)} already there; choose another --out, or add --overwrite")
    out.mkdir(parents=True, exist_ok=True)
    for name, work in zip(NUMBERS, (influence, lambda: cliff(steps, longest, seeds), smoothness), strict=True):
        started = time.perf_counter()
        figure, record = work()
        record |= {"seconds": round(time.perf_counter() - started, 1), "machine": machine()}
        (out / f"{name}.json").write_text(json.dumps(record, indent=1) + "\n")
        figure.savefig(out / f"{name}.png", dpi=130)
    club, graph = gs.from_graph(nx.karate_club_graph()), small_world()
    sizes = {"hops.png": (8.5, 6.0), "fields.png": (13.0, 4.4), "rows.png": (6.4, 4.0)}
    figures = {name: Figure(figsize=size, layout="constrained") for name, size in sizes.items()}
    plot.draw_hops(figures["hops.png"].subplots(), club, 16, routes=reach.routes(club, 16, 26)[:2])
    plot.draw_receptive_fields(figures["fields.png"].subplots(1, 3), club, 16, (1, 2, 3))
    plot.draw_rows_by_hop(figures["rows.png"].subplots(), reach.hop_distances(graph, torch.tensor([0]))[0])
    for name, figure in figures.items():
        figure.savefig(out / name, dpi=130)
    for name, message_graph, source in (("message.gif", club, 16), ("message_500.gif", graph, 0)):
        animation = plot.animate_message(message_graph, source, plot.message_weights(message_graph, source, 6))
        plot.save_animation(out / name, animation, overwrite=True)
    return files


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out/gallery"), help="folder for the figures and the records")
    parser.add_argument("--steps", type=int, default=300, help="most training steps of each model of the cliff")
    parser.add_argument("--longest", type=int, default=8, help="rows of the longest path, layers of the deepest model")
    parser.add_argument("--seeds", type=int, default=3, help="models trained for each cell of the cliff")
    parser.add_argument("--overwrite", action="store_true", help="replace existing files")
    options = parser.parse_args()
    with refusals(parser):
        main(options.out, options.steps, options.longest, options.seeds, options.overwrite)
