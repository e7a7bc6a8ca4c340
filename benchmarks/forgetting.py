"""Learned forgetting against the truth: gates on planted irrelevant nodes and edges, and the error that results.

``Distractors`` plants nodes that are irrelevant to all, edges that are irrelevant to the node that they lead to, or
both. On each, GCN-LSTMs are trained with and without learned forgetting; those without also with twice the hidden
units, and with two layers. "unsorted" is the smallest error that a model of one layer without forgetting can reach, at
any width. For models with gates, the gates of the last time are compared with the truth: AUC is the probability that
the gate of a relevant node (edge) is larger than that of an irrelevant one, 1/2 where they are not separated. "At one
reader" compares only the edges into the same target row: their weights are normalised again, so only their shares
matter. All models have one setting: Adam, the same learning rate, batch and steps.

Result: with a gate penalty, the gates close on the planted nodes and edges. Without it, nodes are found, but in some
runs edges are not: before the two groups are separated it is best to keep all, and gates that have saturated at 1 have
no gradient. The penalty keeps them away from 1. Where both are planted, the gates of the readers of one group settle at
smaller values than those of the other, so that the AUC of edges is higher at one reader than over all.

Run it with ``python benchmarks/forgetting.py``: about 20 minutes of one core. It prints the table and writes a record.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

import torch
from joblib import Parallel, delayed
from scipy import stats
from torch import Tensor
from tqdm.auto import tqdm

import graphseq as gs
from graphseq import _files, seeding
from graphseq.experiments.models import build_encoder
from graphseq.nn import ForgettingGCNLSTM
from graphseq.nn.recurrent.forgetting import Forget
from graphseq.tasks import Distractors
from graphseq.training.history import machine

# The planted kind, and the number of irrelevant neighbours of each node.
PLANTED: dict[Forget, dict[str, int]] = {
    "nodes": {"num_distractors": 3, "num_strangers": 0},
    "edges": {"num_distractors": 0, "num_strangers": 3},
    "both": {"num_distractors": 2, "num_strangers": 2},
}
_GATE_PENALTY = 0.03
# The encoder, from input channels, hidden units and the planted kind.
MODELS: dict[str, Callable[[int, int, Forget], gs.nn.Encoder]] = {
    "GCN-LSTM": lambda f, h, _: build_encoder("GCN-LSTM", f, h),
    "GCN-LSTM, twice as wide": lambda f, h, _: build_encoder("GCN-LSTM", f, 2 * h),
    "GCN-LSTM, two layers": lambda f, h, _: build_encoder("GCN-LSTM-2", f, h),
    "forgetting": lambda f, h, what: ForgettingGCNLSTM(f, h, forget=what),
    "forgetting, gate penalty": lambda f, h, what: ForgettingGCNLSTM(f, h, forget=what, gate_penalty=_GATE_PENALTY),
    "forgetting, gate penalty, accumulated": lambda f, h, what: ForgettingGCNLSTM(
        f, h, forget=what, gate_penalty=_GATE_PENALTY, accumulate=True
    ),
}


@dataclass(frozen=True)
class Setting:
    """Settings; with the tables above they determine the results."""

    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    hidden: int = 16
    steps: int = 600
    batch_size: int = 32
    lr: float = 1e-2
    clip: float = 1.0
    samples: int = 1000
    gate_graphs: int = 200  # graphs whose gates are compared with the truth


def auc(gates: Tensor, irrelevant: Tensor) -> float:
    """The probability that a relevant gate is larger than an irrelevant one, ties counting half (Mann and Whitney)."""
    relevant, other = gates[~irrelevant].numpy(), gates[irrelevant].numpy()
    return float(stats.mannwhitneyu(relevant, other).statistic / (len(relevant) * len(other)))


def auc_at_one_reader(gates: Tensor, irrelevant: Tensor, reader: Tensor) -> float:
    """The AUC among the edges (E,) into one row, averaged over rows with equally many edges of both kinds."""
    readers = reader.unique()
    by_reader = reader.argsort(stable=True)
    gates, irrelevant = gates[by_reader].view(len(readers), -1), irrelevant[by_reader].view(len(readers), -1)
    relevant, other = (gates[group].view(len(readers), -1) for group in (~irrelevant, irrelevant))
    ahead = relevant[:, :, None] - other[:, None]
    return float((ahead.sign() / 2 + 0.5).mean())


def gate_auc(encoder: ForgettingGCNLSTM, task: Distractors, graphs: int, seed: int) -> dict[str, float]:
    """Return the AUC of the gates at the last time."""
    graph = task.batch(graphs, torch.Generator().manual_seed(seeding.derive(seed, seeding.EVALUATE, graphs)))
    with torch.no_grad():
        gates = encoder.eval().gate_values(graph)
    planted, last = task.irrelevant(graph), graph.time == task.length - 1
    reader = graph.edge_index[1]
    at_last, at_target = last[reader], graph.target[reader]
    result = {
        "edge_auc": auc(gates.factor[at_last], planted.edge[at_last]),
        "edge_auc_at_one_reader": auc_at_one_reader(
            gates.factor[at_target], planted.edge[at_target], reader[at_target]
        ),
    }
    if task.num_distractors and encoder.forget != "edges":
        result["node_auc"] = auc(gates.node[last], planted.node[last])
    return result


def run(setting: Setting, what: Forget, name: str, seed: int) -> dict[str, Any]:
    """Train and test one model."""
    torch.set_num_threads(1)
    task = Distractors(**PLANTED[what])
    with seeding.forked(seed, seeding.BUILD):
        encoder = MODELS[name](task.in_channels, setting.hidden, what)
        model = gs.nn.Model(encoder, task.out_channels)
    history = gs.fit(
        model,
        task,
        steps=setting.steps,
        batch_size=setting.batch_size,
        optimizer="Adam",
        lr=setting.lr,
        clip=setting.clip,
        seed=seed,
        stop_threshold=None,
    )
    evaluation = gs.evaluate(model, task, samples=setting.samples, seed=seed)
    record: dict[str, Any] = {
        "planted": what,
        "model": name,
        "seed": seed,
        "parameters": sum(weight.numel() for weight in model.parameters()),
        "seconds": history.seconds,
        "mse": evaluation.loss,
        "score": evaluation.score,
        "score_low": evaluation.low,
        "score_high": evaluation.high,
    }
    return record | (
        gate_auc(encoder, task, setting.gate_graphs, seed) if isinstance(encoder, ForgettingGCNLSTM) else {}
    )


def summary(records: Sequence[dict[str, Any]], what: Forget, name: str) -> dict[str, Any]:
    """Return a line of the table: means over the seeds, Student's 95 % interval of the MSE, the smallest AUC."""
    runs = [record for record in records if (record["planted"], record["model"]) == (what, name)]
    errors = torch.tensor([run["mse"] for run in runs], dtype=torch.float64)
    many = len(runs) > 1
    half = float(stats.t.ppf(0.975, len(runs) - 1) * errors.std() / len(runs) ** 0.5) if many else None
    line: dict[str, Any] = {
        "planted": what,
        "model": name,
        "parameters": runs[0]["parameters"],
        "unsorted": Distractors(**PLANTED[what]).unsorted,
        "mse": float(errors.mean()),
        "mse_half_width": half,
        "score": sum(run["score"] for run in runs) / len(runs),
    }
    for key in ("node_auc", "edge_auc", "edge_auc_at_one_reader"):
        if key in runs[0]:
            line[f"{key}_min"] = min(run[key] for run in runs)
            line[f"{key}_mean"] = sum(run[key] for run in runs) / len(runs)
    return line


def table(lines: Sequence[dict[str, Any]]) -> str:
    """Return the table; AUC is the mean over the seeds, with the smallest in brackets."""
    heads = ("nodes", "edges", "at one reader")
    out = [
        f"{'planted':8}{'model':40}{'weights':>8}{'unsorted':>9}{'MSE':>19}{'score':>7}"
        + "".join(f"{'AUC ' + head:>20}" for head in heads)
    ]
    for line in lines:
        half = "" if line["mse_half_width"] is None else f" ± {line['mse_half_width']:.4f}"
        text = f"{line['planted']:8}{line['model']:40}{line['parameters']:8}{line['unsorted']:9.3f}"
        text += f"{line['mse']:10.4f}{half:>9}{line['score']:7.0%}"
        for key in ("node_auc", "edge_auc", "edge_auc_at_one_reader"):
            mean, least = line.get(f"{key}_mean"), line.get(f"{key}_min")
            text += f"{'' if mean is None else f'{mean:.3f} (≥ {least:.3f})':>20}"
        out.append(text.rstrip())
    return "\n".join(out)


def main(out: Path, setting: Setting = Setting(), jobs: int = 1) -> dict[str, Any]:
    """Train all models, print the table, and write the record to the new file ``out``."""
    if out.exists():
        raise FileExistsError(f"{out} is already there; choose another --out")
    out.parent.mkdir(parents=True, exist_ok=True)
    cells = list(product(PLANTED, MODELS, setting.seeds))
    work = Parallel(n_jobs=jobs, return_as="generator")(delayed(run)(setting, *cell) for cell in cells)
    records = list(tqdm(work, total=len(cells), unit="run"))
    lines = [summary(records, what, name) for what, name in product(PLANTED, MODELS)]
    config = {what: Distractors(**counts).config for what, counts in PLANTED.items()}
    record = {
        "config": asdict(setting) | {"gate_penalty": _GATE_PENALTY, "tasks": config},
        "machine": machine("cpu"),
        "table": table(lines).splitlines(),
        "lines": lines,
        "records": records,
    }
    _files.write_text(out, json.dumps(record, indent=1) + "\n", overwrite=False)
    print(table(lines))
    return record


TINY = Setting(seeds=(0,), hidden=4, steps=2, batch_size=2, samples=4, gate_graphs=4)

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out/forgetting/results.json"), help="file for the record")
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time, each on one thread")
    parser.add_argument("--tiny", action="store_true", help="two steps of everything, to test that it runs")
    arguments = parser.parse_args()
    main(arguments.out, TINY if arguments.tiny else Setting(), arguments.jobs)
