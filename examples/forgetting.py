"""The gates of a forgetting model, compared with the nodes and edges planted as irrelevant.

On ``Distractors`` the target of a node is the mean of the inputs of three of its neighbours. It has other neighbours as
well: some are irrelevant to all nodes, some belong to the other group and are relevant to that one only. A model that
cannot ignore neighbours knows only the sum of all. ``ForgettingGCNLSTM`` sees the group of each node at time 0, and
learns gates of nodes and edges that multiply the later snapshots. Gates accumulate, so a closed gate stays closed, and
a small gate penalty favours closed gates.

Result: an error far below the smallest that is possible without forgetting, and gates that separate the planted nodes
and edges from the others. The AUC measures that: the probability that the gate of a relevant node is larger than that
of an irrelevant one, or that of a relevant edge larger than that of an irrelevant one into the same row. Over all rows
the AUC of edges may be lower: the weights into a row are normalised again, so only their shares at one row matter, and
the gates of one group may all be smaller than those of the other. In the animation, the edges that remain are those
within a group.

Run it with ``python examples/forgetting.py``; it takes half a minute of one core and writes gates.png, nodes.png,
forgotten.gif and forgetting.json.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from matplotlib.figure import Figure
from scipy import stats
from torch import Tensor

import graphseq as gs
from graphseq import _files, plot, seeding
from graphseq.cli.messages import refusals
from graphseq.training.history import machine

GATE_PENALTY, HIDDEN, LENGTH = 0.003, 16, 4
FILES = ("gates.png", "nodes.png", "forgotten.gif", "forgetting.json")


def auc(gates: Tensor, irrelevant: Tensor) -> float:
    """The probability that a relevant gate is larger than an irrelevant one; ties count half."""
    relevant, other = gates[~irrelevant].numpy(), gates[irrelevant].numpy()
    return float(stats.mannwhitneyu(relevant, other).statistic / (len(relevant) * len(other)))


def auc_at_one_row(gates: Tensor, irrelevant: Tensor, graph: gs.SpaceTimeGraph) -> float:
    """The AUC among the edges into one target row, averaged over these rows."""
    incoming = [graph.edge_index[1] == row for row in graph.target_rows]
    return sum(auc(gates[edges], irrelevant[edges]) for edges in incoming) / len(incoming)


def trained(task: gs.tasks.Distractors, steps: int, seed: int) -> gs.nn.Model:
    """Return a trained model with gates of nodes and edges."""
    with seeding.forked(seed, seeding.BUILD):
        encoder = gs.nn.ForgettingGCNLSTM(task.in_channels, HIDDEN, gate_penalty=GATE_PENALTY, accumulate=True)
        model = gs.nn.Model(encoder, task.out_channels)
    gs.fit(model, task, steps=steps, batch_size=32, optimizer="Adam", lr=1e-2, clip=1.0, seed=seed, stop_threshold=None)
    return model.eval()


def draw(task: gs.tasks.Distractors, encoder: gs.nn.ForgettingGCNLSTM, out: Path, seed: int) -> None:
    """Draw the gates of one new graph over time, and its snapshots as an animation."""
    graph = task.batch(1, torch.Generator().manual_seed(seeding.derive(seed, seeding.EVALUATE)))
    planted = task.irrelevant(graph)
    with torch.no_grad():
        gates = encoder.gate_values(graph)
    for name, of in (("gates.png", "edges"), ("nodes.png", "nodes")):
        figure = Figure(figsize=(7.0, 5.5), layout="constrained")
        plot.draw_gates(figure.subplots(), graph, gates, of=of, irrelevant=tuple(planted))
        _files.write(out / name, lambda file, figure=figure: figure.savefig(file, dpi=120), overwrite=False)
    animation = plot.animate_forgetting(graph, gates, irrelevant=tuple(planted))
    plot.save_animation(out / "forgotten.gif", animation)


def main(out: Path, *, steps: int = 1500, seed: int = 0, graphs: int = 100) -> dict[str, object]:
    """Train, compare the gates of ``graphs`` new graphs with the truth, and write new files to ``out``."""
    out.mkdir(parents=True, exist_ok=True)
    if taken := [out / name for name in FILES if (out / name).exists()]:
        raise FileExistsError(f"{taken[0]} is already there; choose another --out")
    task = gs.tasks.Distractors(LENGTH, num_distractors=2, num_strangers=2)
    model = trained(task, steps, seed)
    evaluation = gs.evaluate(model, task, samples=1000, seed=seed)
    encoder = model.encoder
    assert isinstance(encoder, gs.nn.ForgettingGCNLSTM)  # noqa: S101 - as it was built
    graph = task.batch(graphs, torch.Generator().manual_seed(seeding.derive(seed, seeding.EVALUATE, graphs)))
    planted, last = task.irrelevant(graph), graph.time == LENGTH - 1
    with torch.no_grad():
        gates = encoder.gate_values(graph)
    at_last = last[graph.edge_index[1]]
    record: dict[str, object] = {
        "config": {"task": task.config, "steps": steps, "seed": seed, "hidden": HIDDEN, "gate_penalty": GATE_PENALTY},
        "machine": machine("cpu"),
        "mse": evaluation.loss,
        "least_mse_without_forgetting": task.unsorted,
        "node_auc": auc(gates.node[last], planted.node[last]),
        "edge_auc": auc(gates.factor[at_last], planted.edge[at_last]),
        "edge_auc_at_one_row": auc_at_one_row(gates.factor, planted.edge, graph),
    }
    print(f"mean squared error {evaluation.loss:.3f}; {task.unsorted:.3f} is the smallest possible without forgetting")
    print(f"AUC: nodes {record['node_auc']:.3f}, edges at one row {record['edge_auc_at_one_row']:.3f}")
    draw(task, encoder, out, seed)
    _files.write_text(out / "forgetting.json", json.dumps(record, indent=1) + "\n", overwrite=False)
    return record


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--out", type=Path, default=Path("out/forgetting"), help="folder for the figures and the record"
    )
    parser.add_argument("--seed", type=int, default=0, help="of weights, batches and the graph that is drawn")
    torch.set_num_threads(1)
    options = parser.parse_args()
    with refusals(parser):
        main(options.out, seed=options.seed)
