"""Who writes to whom next week: links of a graph to come, by models that read the graph, the past, or both.

Messages among students, week by week. Asked is, of pairs of people, which of them will write in the next week. Half of
the pairs do; the others are drawn in one of two ways: the same writer and anybody else ("random"), or any pair that has
written before and does not now ("historical"). Baselines rank pairs by when they last met or by how often; "pairs
alone" learns from just these numbers and sees no graph. All models but the two marked "blind" are shown them as well.
Training is on the first weeks, its step chosen on the next few, and all later ones judge.

What to expect: with random pairs, memory of who met is right most of the time; what the past of both ends adds is small
but there in every seed. With historical pairs counting does badly, and what may learn does well for a reason that is no
foresight: there, a pair that has never met can only be one that writes now. Hold that column against "pairs alone".

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
from graphseq.evaluation.tables import aligned, students_interval
from graphseq.plot.lines import despine
from graphseq.training.history import machine

SAMPLINGS: tuple[Literal["random", "historical"], ...] = ("random", "historical")
BASELINES: dict[str, Callable[[], nn.Module]] = {"recency": Recency, "frequency": Frequency}
MODELS: dict[str, tuple[Callable[[int, int], gs.nn.Encoder], int]] = {  # from F and H; numbers of a pair that are shown
    "pairs alone": (gs.nn.MLP, 4),
    "LSTM, blind": (gs.nn.LSTM, 0),
    "GCN-LSTM, blind": (gs.nn.GCNLSTM, 0),
    "GCN": (partial(gs.nn.GCN, num_layers=2), 4),
    "RNN": (gs.nn.RNN, 4),
    "GRU": (gs.nn.GRU, 4),
    "LSTM": (gs.nn.LSTM, 4),
    "GCN-LSTM": (gs.nn.GCNLSTM, 4),
    "GCN-LSTM forgetting": (gs.nn.ForgettingGCNLSTM, 4),
}


@dataclass(frozen=True)
class Setting:
    """All that the numbers depend on, beside the tables above."""

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
    """Average precision over all pairs of all windows; a pair's score is the difference of its two outputs."""
    found = gs.predict(model, task, batch_size=2)
    return gs.average_precision(found.output[:, 1] - found.output[:, 0], found.y)


def run(setting: Setting, name: str, seed: int, split: gs.tasks.Split[gs.tasks.LinkPrediction]) -> dict[str, Any]:
    """Train one model, keep the step that was best on the validation weeks, and judge it on the later ones."""
    encoder, pair_channels = MODELS[name]
    with seeding.forked(seed, seeding.BUILD):
        head = partial(gs.nn.PairHead, pair_channels=pair_channels, mlp_channels=setting.hidden)
        model = gs.nn.Model(encoder(split.train.in_channels, setting.hidden), 2, head=head)
    size = {"steps": setting.steps, "every": setting.every, "batch_size": setting.batch_size}
    began = time.perf_counter()
    how = {"optimizer": "Adam", "lr": setting.lr, "clip": 1.0, "seed": seed, "stop_threshold": None}
    kept = gs.fit_with_validation(model, split.train, split.validation, **size, **how)
    seconds = time.perf_counter() - began
    told = {"model": name, "seed": seed, "parameters": sum(weight.numel() for weight in model.parameters())}
    told |= {"seconds": seconds, "best_step": kept.best_step, "validation": precision(model, split.validation)}
    return {**told, "precision": precision(model, split.test)}


def summary(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Mean over the seeds, and Student's 95 % interval of it; a single value is its own."""
    values = [each["precision"] for each in runs]
    low, high = students_interval(values) if len(values) > 1 else (values[0], values[0])
    told = {"model": runs[0]["model"], "parameters": runs[0]["parameters"], "seeds": len(values)}
    return {**told, "precision": sum(values) / len(values), "low": low, "high": high}


def table(lines: dict[str, list[dict[str, Any]]]) -> str:
    """Average precision of every model under both ways to draw pairs."""
    rows = [["average precision", *(f"{how} pairs" for how in lines), "parameters"]]
    for each in zip(*lines.values(), strict=True):
        wide = [f" [{of['low']:.3f}, {of['high']:.3f}]" if of["seeds"] > 1 else "" for of in each]
        cells = [f"{of['precision']:.3f}{interval}" for of, interval in zip(each, wide, strict=True)]
        rows.append([each[0]["model"], *cells, f"{each[0]['parameters']:,}"])
    return aligned(rows, head=1)


def figure(lines: dict[str, list[dict[str, Any]]]) -> Figure:
    """A panel a way to draw pairs: a dot a model with its interval."""
    drawing = Figure(figsize=(9.0, 3.8), layout="constrained")
    for axes, (how, own) in zip(drawing.subplots(1, len(lines), sharey=True), lines.items(), strict=True):
        at, colours = range(len(own)), ["0.5" if of["model"] in BASELINES else "#0072B2" for of in own]
        axes.hlines(at, [of["low"] for of in own], [of["high"] for of in own], color=colours, linewidth=2)
        axes.scatter([of["precision"] for of in own], at, color=colours)
        axes.set_yticks(at, [of["model"] for of in own])
        axes.set_xlabel(f"average precision, {how} pairs")
        axes.locator_params(axis="x", nbins=4)
        despine(axes)
    axes.invert_yaxis()
    return drawing


def main(out: Path, setting: Setting = Setting(), data: gs.io.TemporalDataset | None = None) -> dict[str, Any]:
    """Train all, print the table, and write record and figure to ``out``, where neither may be."""
    out.mkdir(parents=True, exist_ok=True)
    if taken := [path for path in (out / "links.json", out / "links.png") if path.exists()]:
        raise FileExistsError(f"{taken[0]} is already there; choose another --out")
    data = gs.datasets.collegemsg(timedelta(days=7)) if data is None else data
    graph = data.graph.replace(x=data.graph.x.log1p())
    lines, records = {}, []
    for how in SAMPLINGS:
        split = gs.tasks.LinkPrediction(graph, lags=setting.lags, sampling=how).split(setting.train, setting.validation)
        own = [{"model": n, "parameters": 0, "precision": precision(BASELINES[n](), split.test)} for n in BASELINES]
        runs = [run(setting, name, seed, split) for name in MODELS for seed in setting.seeds]
        records += [{"sampling": how, **each} for each in own + runs]
        lines[how] = [summary([each for each in own + runs if each["model"] == n]) for n in (*BASELINES, *MODELS)]
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
    main(parser.parse_args().out)
