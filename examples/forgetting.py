"""What a recurrence forgets of a graph, beside what was planted to be forgotten.

On ``Distractors`` each node is asked the mean of what three of its neighbours show, and reads others as well: some that
are irrelevant to everybody, and some of the other group, relevant to their own. A model that cannot leave anything out
knows no more than the sum of all. ``ForgettingGCNLSTM`` sees at time 0 who is who, and learns gates of nodes and of
edges, multiplied onto the snapshots to come; what is forgotten stays so, and a slight pressure asks for less of all.

What to expect: an error far below the least that is possible without forgetting, and gates that tell what was planted
from the rest, which the AUC says in one number: the chance that a relevant node is kept more than an irrelevant one, or
a relevant edge more than an irrelevant one into the same row. Over all rows edges may be told apart less well: what a
row keeps is normalised again, so only the shares at one row count, and one group's gates may settle below the other's.
In the animation, what is left when edges appear are those within a group.

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
from graphseq.training.history import machine

PRESSURE, HIDDEN, LENGTH = 0.003, 16, 4
FILES = ("gates.png", "nodes.png", "forgotten.gif", "forgetting.json")


def auc(kept: Tensor, irrelevant: Tensor) -> float:
    """The chance that a relevant one is kept more than an irrelevant one, ties counting half."""
    relevant, other = kept[~irrelevant].numpy(), kept[irrelevant].numpy()
    return float(stats.mannwhitneyu(relevant, other).statistic / (len(relevant) * len(other)))


def at_one_row(kept: Tensor, irrelevant: Tensor, graph: gs.SpaceTimeGraph) -> float:
    """The same among the edges into each asked row, on average over these."""
    into = [graph.edge_index[1] == row for row in graph.target_rows]
    return sum(auc(kept[mine], irrelevant[mine]) for mine in into) / len(into)


def trained(task: gs.tasks.Distractors, steps: int, seed: int) -> gs.nn.Model:
    """A model that may forget nodes and edges, trained."""
    with seeding.forked(seed, seeding.BUILD):
        encoder = gs.nn.ForgettingGCNLSTM(task.in_channels, HIDDEN, gate_penalty=PRESSURE, accumulate=True)
        model = gs.nn.Model(encoder, task.out_channels)
    gs.fit(model, task, steps=steps, batch_size=32, optimizer="Adam", lr=1e-2, clip=1.0, seed=seed, stop_threshold=None)
    return model.eval()


def draw(task: gs.tasks.Distractors, encoder: gs.nn.ForgettingGCNLSTM, out: Path, seed: int) -> None:
    """One fresh graph: its gates over time, and its snapshots as they fade."""
    graph = task.batch(1, torch.Generator().manual_seed(seeding.derive(seed, seeding.EVALUATE)))
    planted = task.irrelevant(graph)
    with torch.no_grad():
        kept = encoder.gate_values(graph)
    for name, of in (("gates.png", "edges"), ("nodes.png", "nodes")):
        figure = Figure(figsize=(7.0, 5.5), layout="constrained")
        plot.draw_gates(figure.subplots(), graph, kept, of=of, irrelevant=tuple(planted))
        _files.write(out / name, lambda file, figure=figure: figure.savefig(file, dpi=120), overwrite=False)
    moving = plot.animate_forgetting(graph, kept, irrelevant=tuple(planted))
    plot.save_animation(out / "forgotten.gif", moving)


def main(out: Path, *, steps: int = 1500, seed: int = 0, graphs: int = 100) -> dict[str, object]:
    """Train, judge the gates on ``graphs`` fresh graphs, and write everything to ``out``, where none of it may be."""
    out.mkdir(parents=True, exist_ok=True)
    if taken := [out / name for name in FILES if (out / name).exists()]:
        raise FileExistsError(f"{taken[0]} is already there; choose another --out")
    task = gs.tasks.Distractors(LENGTH, num_distractors=2, num_strangers=2)
    model = trained(task, steps, seed)
    judged = gs.evaluate(model, task, samples=1000, seed=seed)
    encoder = model.encoder
    assert isinstance(encoder, gs.nn.ForgettingGCNLSTM)  # noqa: S101 - as it was built
    graph = task.batch(graphs, torch.Generator().manual_seed(seeding.derive(seed, seeding.EVALUATE, graphs)))
    planted, last = task.irrelevant(graph), graph.time == LENGTH - 1
    with torch.no_grad():
        kept = encoder.gate_values(graph)
    at_last = last[graph.edge_index[1]]
    record: dict[str, object] = {
        "config": {"task": task.config, "steps": steps, "seed": seed, "hidden": HIDDEN, "gate_penalty": PRESSURE},
        "machine": machine("cpu"),
        "mse": judged.loss,
        "least_mse_without_forgetting": task.unsorted,
        "node_auc": auc(kept.node[last], planted.node[last]),
        "edge_auc": auc(kept.factor[at_last], planted.edge[at_last]),
        "edge_auc_at_one_row": at_one_row(kept.factor, planted.edge, graph),
    }
    print(f"mean squared error {judged.loss:.3f}; {task.unsorted:.3f} is the least without forgetting")
    print(f"AUC: nodes {record['node_auc']:.3f}, edges at one row {record['edge_auc_at_one_row']:.3f}")
    draw(task, encoder, out, seed)
    _files.write_text(out / "forgetting.json", json.dumps(record, indent=1) + "\n", overwrite=False)
    return record


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out/forgetting"), help="folder for pictures and record")
    parser.add_argument("--seed", type=int, default=0, help="of weights, batches and the graph that is drawn")
    torch.set_num_threads(1)
    options = parser.parse_args()
    main(options.out, seed=options.seed)
