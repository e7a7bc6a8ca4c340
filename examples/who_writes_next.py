"""Link prediction: pairs of people who write to each other next week, by models that read the graph, the past, or both.

The data are messages among students, week by week. Each pair of people in question either writes in the next week or
does not. Half of the pairs do. The others are drawn in one of two ways: the same writer and anybody else ("random"), or
any pair that has written before and does not now ("historical"). Baselines rank pairs by the time since their last
message or by the number of messages. "pairs alone" learns from these numbers and sees no graph. All models have them as
inputs except the two marked "blind". The first weeks are the training set, the next few the validation set that chooses
the step, and all later ones the test set.

Result: with random pairs, the record of earlier messages is right most of the time; the past of both ends adds little,
but does so in every seed. With historical pairs the counts do badly, and trained models do well for a reason that is no
forecast: a pair that has never written before can only be one that writes now. Compare that column with "pairs alone".

``python examples/who_writes_next.py`` takes about ten minutes of one core and writes links.json and links.png.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
from matplotlib.figure import Figure
from torch import nn

import graphseq as gs
from graphseq import _files, seeding
from graphseq.baselines.forecast import Frequency, Recency
from graphseq.cli.messages import refusals
from graphseq.evaluation.tables import aligned, students_interval
from graphseq.plot.lines import despine
from graphseq.training.history import machine

SAMPLINGS: tuple[Literal["random", "historical"], ...] = ("random", "historical")
BASELINES: dict[str, Callable[[], nn.Module]] = {"recency": Recency, "frequency": Frequency}
MODELS: dict[
    str, tuple[Callable[[int, int], gs.nn.Encoder], int]
] = {  # the encoder, from F and H, and the number of pair features
    "pairs alone": (gs.nn.MLP, 4),
    "LSTM, blind": (gs.nn.LSTM, 0),
    "GCN-LSTM, blind": (gs.nn.GCNLSTM, 0),
    "GCN": (partial(gs.nn.GCN, num_layers=2), 4),
    "RNN": (gs.nn.RNN, 4),
    "GRU": (gs.nn.GRU, 4),
    "LSTM": (gs.nn.LSTM, 4),
    "GCN-LSTM": (gs.nn.GCNLSTM, 4),
    "GCN-LSTM-forgetting": (gs.nn.ForgettingGCNLSTM, 4),
}


@dataclass(frozen=True)
class Setting:
    """Settings; with the tables above they determine the results."""

    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    lags: int = 4
    train: float = 0.7
    validation: float = 0.2
    hidden: int = 16
    steps: int = 200
    every: int = 20
    batch_size: int = 2
    lr: float = 1e-2


def precision(model: nn.Module, task: gs.tasks.LinkPrediction) -> float:
    """Return the average precision over all pairs of all windows; a pair's score is the difference of its outputs."""
    predictions = gs.predict(model, task, batch_size=2)
    return gs.evaluation.average_precision(predictions.output[:, 1] - predictions.output[:, 0], predictions.y)


def run(setting: Setting, name: str, seed: int, split: gs.tasks.Split[gs.tasks.LinkPrediction]) -> dict[str, Any]:
    """Train one model, keep the weights that are best on the validation weeks, and test them on the later ones."""
    encoder, pair_channels = MODELS[name]
    with seeding.forked(seed, seeding.BUILD):
        head = partial(gs.nn.PairHead, pair_channels=pair_channels, mlp_channels=setting.hidden)
        model = gs.nn.Model(encoder(split.train.in_channels, setting.hidden), 2, head=head)
    size = {"steps": setting.steps, "every": setting.every, "batch_size": setting.batch_size}
    began = time.perf_counter()
    training = {"optimizer": "Adam", "lr": setting.lr, "clip": 1.0, "seed": seed, "stop_threshold": None}
    selection = gs.fit_with_validation(model, split.train, split.validation, **size, **training)
    seconds = time.perf_counter() - began
    record = {"model": name, "seed": seed, "parameters": sum(weight.numel() for weight in model.parameters())}
    record |= {"seconds": seconds, "best_step": selection.best_step, "validation": precision(model, split.validation)}
    return {**record, "precision": precision(model, split.test)}


def summary(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the mean over the seeds with Student's 95 % interval; of a single value, the value itself."""
    values = [run["precision"] for run in runs]
    low, high = students_interval(values) if len(values) > 1 else (values[0], values[0])
    line = {"model": runs[0]["model"], "parameters": runs[0]["parameters"], "seeds": len(values)}
    return {**line, "precision": sum(values) / len(values), "low": low, "high": high}


def table(lines: dict[str, list[dict[str, Any]]]) -> str:
    """Return a table of the average precision of every model for both samplings of pairs."""
    rows = [["average precision", *(f"{sampling} pairs" for sampling in lines), "parameters"]]
    for columns in zip(*lines.values(), strict=True):
        intervals = [f" [{of['low']:.3f}, {of['high']:.3f}]" if of["seeds"] > 1 else "" for of in columns]
        cells = [f"{of['precision']:.3f}{interval}" for of, interval in zip(columns, intervals, strict=True)]
        rows.append([columns[0]["model"], *cells, f"{columns[0]['parameters']:,}"])
    return aligned(rows, head=1)


def figure(lines: dict[str, list[dict[str, Any]]]) -> Figure:
    """Draw a panel for each sampling of pairs, with a dot and an interval for each model."""
    drawing = Figure(figsize=(9.0, 3.8), layout="constrained")
    for axes, (sampling, results) in zip(drawing.subplots(1, len(lines), sharey=True), lines.items(), strict=True):
        at, colours = range(len(results)), ["0.5" if of["model"] in BASELINES else "#0072B2" for of in results]
        axes.hlines(at, [of["low"] for of in results], [of["high"] for of in results], color=colours, linewidth=2)
        axes.scatter([of["precision"] for of in results], at, color=colours)
        axes.set_yticks(at, [of["model"] for of in results])
        axes.set_xlabel(f"average precision, {sampling} pairs")
        axes.locator_params(axis="x", nbins=4)
        despine(axes)
    axes.invert_yaxis()
    return drawing


def main(out: Path, setting: Setting = Setting(), data: gs.io.TemporalDataset | None = None) -> dict[str, Any]:
    """Train all models, print the table, and write the record and the figure as new files to ``out``."""
    out.mkdir(parents=True, exist_ok=True)
    if taken := [path for path in (out / "links.json", out / "links.png") if path.exists()]:
        raise FileExistsError(f"{taken[0]} is already there; choose another --out")
    data = gs.datasets.collegemsg(timedelta(days=7)) if data is None else data
    graph = data.graph.replace(x=data.graph.x.log1p())
    lines, records = {}, []
    for sampling in SAMPLINGS:
        split = gs.tasks.LinkPrediction(graph, lags=setting.lags, sampling=sampling).split(
            setting.train, setting.validation
        )
        constant = [
            {"model": n, "parameters": 0, "precision": precision(BASELINES[n](), split.test)} for n in BASELINES
        ]
        runs = [run(setting, name, seed, split) for name in MODELS for seed in setting.seeds]
        records += [{"sampling": sampling, **result} for result in constant + runs]
        lines[sampling] = [
            summary([result for result in constant + runs if result["model"] == n]) for n in (*BASELINES, *MODELS)
        ]
    print(table(lines))
    record = {"config": asdict(setting), "data": data.name, "windows": list(map(len, split)), "machine": machine("cpu")}
    record |= {"table": table(lines).splitlines(), "lines": lines, "records": records}
    _files.write_text(out / "links.json", json.dumps(record, indent=1) + "\n", overwrite=False)
    _files.write(out / "links.png", lambda file: figure(lines).savefig(file, dpi=150), overwrite=False)
    return record


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out/links"), help="folder for the record and the figure")
    torch.set_num_threads(1)
    options = parser.parse_args()
    with refusals(parser):
        main(options.out)
