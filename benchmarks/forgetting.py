"""Does a recurrence that forgets parts of the graph forget what was planted, and does it pay?

``Distractors`` plants nodes that are irrelevant to all, edges that are irrelevant to those they lead to, or both. On
each, GCN-LSTMs are trained with and without learned forgetting; the ones without also with twice the hidden units, and
with two layers. A model of one layer that forgets nothing cannot get below the error in the column "unsorted", whatever
its size. Of those that forget, the gates are set against what was planted, at the last time: AUC is the chance that a
relevant node (edge) is kept more than an irrelevant one, 1/2 where nothing is told apart. "At one reader" compares the
edges into one asked row with each other alone: what a row keeps is normalised again, so that only this matters to it.
One setting for all: Adam, the same learning rate, batch and steps.

What to expect: with a pressure, what is forgotten is what was planted. Without it, nodes are found, but of edges some
runs are lost: before the two groups are told apart it is best to keep all, and gates that have closed in on 1 learn
no more. The pressure holds them open. Where both are planted, the gates of readers of one group settle lower than those
of the other, so that edges are told apart better at one reader than over all.

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
from graphseq.nn import GCNLSTM, ForgettingGCNLSTM
from graphseq.nn.recurrent.forgetting import Forget
from graphseq.tasks import Distractors
from graphseq.training.history import machine

# What is planted, and how many of whom each node reads beside the relevant ones.
PLANTED: dict[Forget, dict[str, int]] = {
    "nodes": {"num_distractors": 3, "num_strangers": 0},
    "edges": {"num_distractors": 0, "num_strangers": 3},
    "both": {"num_distractors": 2, "num_strangers": 2},
}
_PRESSURE = 0.03
# From input channels, hidden units, and what is planted.
MODELS: dict[str, Callable[[int, int, Forget], gs.nn.Encoder]] = {
    "GCN-LSTM": lambda f, h, _: GCNLSTM(f, h),
    "GCN-LSTM, twice as wide": lambda f, h, _: GCNLSTM(f, 2 * h),
    "GCN-LSTM, two layers": lambda f, h, _: GCNLSTM(f, h, 2),
    "forgetting": lambda f, h, what: ForgettingGCNLSTM(f, h, forget=what),
    "forgetting, pressure": lambda f, h, what: ForgettingGCNLSTM(f, h, forget=what, gate_penalty=_PRESSURE),
    "forgetting, pressure, accumulated": lambda f, h, what: ForgettingGCNLSTM(
        f, h, forget=what, gate_penalty=_PRESSURE, accumulate=True
    ),
}


@dataclass(frozen=True)
class Setting:
    """All that the numbers depend on, beside the tables above."""

    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    hidden: int = 16
    steps: int = 600
    batch_size: int = 32
    lr: float = 1e-2
    clip: float = 1.0
    samples: int = 1000
    judged: int = 200  # graphs whose gates are set against what was planted


def auc(kept: Tensor, irrelevant: Tensor) -> float:
    """The chance that a relevant one is kept more than an irrelevant one, ties counting half: Mann and Whitney's U."""
    relevant, other = kept[~irrelevant].numpy(), kept[irrelevant].numpy()
    return float(stats.mannwhitneyu(relevant, other).statistic / (len(relevant) * len(other)))


def auc_at_one_reader(kept: Tensor, irrelevant: Tensor, reader: Tensor) -> float:
    """The same among the edges into one row, (E,), and the mean over all rows; each has as many of either sort."""
    readers = reader.unique()
    by_reader = reader.argsort(stable=True)
    kept, irrelevant = kept[by_reader].view(len(readers), -1), irrelevant[by_reader].view(len(readers), -1)
    relevant, other = (kept[sort].view(len(readers), -1) for sort in (~irrelevant, irrelevant))
    ahead = relevant[:, :, None] - other[:, None]
    return float((ahead.sign() / 2 + 0.5).mean())


def found_out(encoder: ForgettingGCNLSTM, task: Distractors, graphs: int, seed: int) -> dict[str, float]:
    """How well the gates of the last time tell what was planted from the rest."""
    graph = task.batch(graphs, torch.Generator().manual_seed(seeding.derive(seed, seeding.EVALUATE, graphs)))
    with torch.no_grad():
        kept = encoder.eval().gate_values(graph)
    planted, last = task.irrelevant(graph), graph.time == task.length - 1
    reader = graph.edge_index[1]
    at_last, asked = last[reader], graph.target[reader]
    found = {
        "edge_auc": auc(kept.factor[at_last], planted.edge[at_last]),
        "edge_auc_at_one_reader": auc_at_one_reader(kept.factor[asked], planted.edge[asked], reader[asked]),
    }
    if task.num_distractors and encoder.forget != "edges":
        found["node_auc"] = auc(kept.node[last], planted.node[last])
    return found


def run(setting: Setting, what: Forget, name: str, seed: int) -> dict[str, Any]:
    """Train and judge one model."""
    torch.set_num_threads(1)
    task = Distractors(**PLANTED[what])
    with seeding.forked(seed, seeding.BUILD):
        encoder = MODELS[name](task.in_channels, setting.hidden, what)
        model = gs.nn.Model(encoder, task.out_channels)
    done = gs.fit(
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
    judged = gs.evaluate(model, task, samples=setting.samples, seed=seed)
    record: dict[str, Any] = {
        "planted": what,
        "model": name,
        "seed": seed,
        "parameters": sum(weight.numel() for weight in model.parameters()),
        "seconds": done.seconds,
        "mse": judged.loss,
        "score": judged.score,
        "score_low": judged.low,
        "score_high": judged.high,
    }
    return record | (found_out(encoder, task, setting.judged, seed) if isinstance(encoder, ForgettingGCNLSTM) else {})


def summary(records: Sequence[dict[str, Any]], what: Forget, name: str) -> dict[str, Any]:
    """One line of the table: means over the seeds, MSE with Student's 95 % interval, and the least AUC of any seed."""
    own = [each for each in records if (each["planted"], each["model"]) == (what, name)]
    errors = torch.tensor([each["mse"] for each in own], dtype=torch.float64)
    many = len(own) > 1
    half = float(stats.t.ppf(0.975, len(own) - 1) * errors.std() / len(own) ** 0.5) if many else None
    line: dict[str, Any] = {
        "planted": what,
        "model": name,
        "parameters": own[0]["parameters"],
        "unsorted": Distractors(**PLANTED[what]).unsorted,
        "mse": float(errors.mean()),
        "mse_half_width": half,
        "score": sum(each["score"] for each in own) / len(own),
    }
    for key in ("node_auc", "edge_auc", "edge_auc_at_one_reader"):
        if key in own[0]:
            line[f"{key}_min"] = min(each[key] for each in own)
            line[f"{key}_mean"] = sum(each[key] for each in own) / len(own)
    return line


def table(lines: Sequence[dict[str, Any]]) -> str:
    """The lines, one below the other; AUC as the mean over seeds, and the least."""
    heads = ("nodes", "edges", "at one reader")
    out = [
        f"{'planted':8}{'model':36}{'weights':>8}{'unsorted':>9}{'MSE':>19}{'score':>7}"
        + "".join(f"{'AUC ' + head:>20}" for head in heads)
    ]
    for line in lines:
        half = "" if line["mse_half_width"] is None else f" ± {line['mse_half_width']:.4f}"
        text = f"{line['planted']:8}{line['model']:36}{line['parameters']:8}{line['unsorted']:9.3f}"
        text += f"{line['mse']:10.4f}{half:>9}{line['score']:7.0%}"
        for key in ("node_auc", "edge_auc", "edge_auc_at_one_reader"):
            mean, least = line.get(f"{key}_mean"), line.get(f"{key}_min")
            text += f"{'' if mean is None else f'{mean:.3f} (≥ {least:.3f})':>20}"
        out.append(text.rstrip())
    return "\n".join(out)


def main(out: Path, setting: Setting = Setting(), jobs: int = 1) -> dict[str, Any]:
    """Train all, print the table, and write the record to ``out``, where no file may be."""
    if out.exists():
        raise FileExistsError(f"{out} is already there; choose another --out")
    out.parent.mkdir(parents=True, exist_ok=True)
    cells = list(product(PLANTED, MODELS, setting.seeds))
    work = Parallel(n_jobs=jobs, return_as="generator")(delayed(run)(setting, *cell) for cell in cells)
    records = list(tqdm(work, total=len(cells), unit="run"))
    lines = [summary(records, what, name) for what, name in product(PLANTED, MODELS)]
    config = {what: Distractors(**counts).config for what, counts in PLANTED.items()}
    record = {
        "config": asdict(setting) | {"gate_penalty": _PRESSURE, "tasks": config},
        "machine": machine("cpu"),
        "table": table(lines).splitlines(),
        "lines": lines,
        "records": records,
    }
    _files.write_text(out, json.dumps(record, indent=1) + "\n", overwrite=False)
    print(table(lines))
    return record


TINY = Setting(seeds=(0,), hidden=4, steps=2, batch_size=2, samples=4, judged=4)

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out/forgetting/results.json"), help="file for the record")
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time, each on one thread")
    parser.add_argument("--tiny", action="store_true", help="two steps of everything, to see that it runs")
    arguments = parser.parse_args()
    main(arguments.out, TINY if arguments.tiny else Setting(), arguments.jobs)
