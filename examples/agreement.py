"""The number of a hidden verb, singular or plural, from sentences read as paths, as trees, and as both.

A finite verb agrees with its subject, one hop away in the dependency tree (two from an auxiliary or copula), and any
number of words away in the sentence. The form of the verb is hidden. The features of a word are the end of its form
and its part of speech, nothing else of the annotation. A path has the words in order, and the LSTM sees those before
the verb. A tree has no order, and is read by GCNs and by the child-sum Tree-LSTM: towards the root, where an auxiliary
is a leaf and sees only itself, or towards the verb. In "both" the words arrive one by one, with the edges of the tree
among them (GCN-LSTM). Each case is tested once per seed, by models trained on other sentences, a fifth of which is the
validation set. Intervals count sentences.

Result: paths are right where the subject is next to the verb, and are misled by nouns of the other number in between,
as the nearest noun is. Trees are misled less, and are right less often elsewhere. The Tree-LSTM towards the root is
hardly better than the majority. ``python examples/agreement.py`` takes half an hour of a free core or more; run again,
it continues where it was stopped. ``--file`` reads another treebank, with ``--number marked`` where that marks both
numbers.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

import graphseq as gs
from graphseq import _files, seeding
from graphseq.cli.messages import refusals
from graphseq.datasets import find
from graphseq.evaluation.groups import shares, table
from graphseq.io import Treebank, read_conllu
from graphseq.plot import groups_figure
from graphseq.tasks import ONE_WORD, Agreement, agreement, case_groups, one_word
from graphseq.training.history import machine

NUMBERS = {"english": agreement.english_number, "marked": agreement.marked_number}
path = partial(gs.transforms.to_sequence, order="given")


def both(graph: gs.SpaceTimeGraph) -> gs.SpaceTimeGraph:
    """Read a sentence as a graph that grows: words arrive in order, and the tree has edges in both directions."""
    return gs.transforms.add_nodes_over_time(gs.transforms.to_undirected(graph))


MODELS: dict[str, tuple[Any, Any]] = {  # the encoder, made from F and H, and the transform of a sentence
    "verb alone": (gs.nn.MLP, None),
    **{f"path, GCN-{layers}": (partial(gs.nn.GCN, num_layers=layers), path) for layers in (1, 2, 4, 8)},
    "path, LSTM": (gs.nn.LSTM, path),
    **{
        f"tree, GCN-{layers}": (partial(gs.nn.GCN, num_layers=layers), gs.transforms.to_undirected) for layers in (1, 2)
    },
    "tree, Tree-LSTM to root": (gs.nn.DAGLSTM, None),
    "tree, Tree-LSTM to verb": (gs.nn.DAGLSTM, gs.transforms.root_at_targets),
    "both, GCN-LSTM": (gs.nn.GCNLSTM, both),
}
PANELS = {"words from subject to verb": ("all", *agreement.DISTANCES, "subject after")}
PANELS["nouns of the other number, kind of verb"] = (*agreement.ATTRACTORS, *agreement.KINDS)
FIGURE_MODELS = (
    "nearest noun",
    "path, GCN-2",
    "path, LSTM",
    "tree, GCN-2",
    "tree, Tree-LSTM to verb",
    "both, GCN-LSTM",
)


@dataclass(frozen=True)
class Setting:
    """Settings, chosen inside one training fold; with the tables above they determine the results."""

    folds: int = 5
    buckets: int = 512
    hidden: int = 32
    dropout: float = 0.5
    steps: int = 150
    every: int = 25
    batch_size: int = 32
    lr: float = 1e-2
    weight_decay: float = 0.1


def trained(name: str, train: Agreement, setting: Setting, seed: int) -> tuple[gs.nn.EmbeddedModel, int]:
    """Return a model trained on four fifths of ``train``, and the step at which it was best on the other fifth."""
    width, (encoder, transform), drop = setting.hidden, MODELS[name], nn.Dropout(setting.dropout)
    with seeding.forked(seed, seeding.BUILD):
        embed = nn.Sequential(drop, nn.Linear(train.in_channels, width), nn.ReLU(), drop)
        model = gs.nn.EmbeddedModel(embed, gs.nn.Model(encoder(width, width), train.out_channels, transform=transform))
    part, validation = train.folds(5, seed=seed)[0]
    optimizer = partial(torch.optim.AdamW, lr=setting.lr, weight_decay=setting.weight_decay)
    size = {"steps": setting.steps, "every": setting.every, "batch_size": setting.batch_size}
    training = {"optimizer": optimizer, "clip": 1.0, "seed": seed, "stop_threshold": None}
    return model, gs.fit_with_validation(model, part, validation, **size, **training).best_step


def run(name: str, bank: Treebank, task: Agreement, setting: Setting, seed: int) -> dict[str, Any]:
    """Test every case once, by a model trained on other folds; in the result 1 marks a correct answer."""
    right, began, parameters, steps = torch.zeros(len(task.cases), dtype=torch.long), time.perf_counter(), 0, []
    for train, test in task.folds(setting.folds, seed=seed):
        if name in ONE_WORD:
            answers = one_word(name, bank, task, train, test)
        else:
            model, step = trained(name, train, setting, seed)
            answers = gs.predict(model, test).output.argmax(dim=1)
            parameters = sum(weight.numel() for weight in model.parameters())
            steps.append(step)
        right[test.own_cases] = (answers == test.answers).long()
    record = {"model": name, "seed": seed, "parameters": parameters, "best_steps": steps}
    return {**record, "seconds": time.perf_counter() - began, "right": "".join(map(str, right.tolist()))}


def report(runs: list[dict[str, Any]], task: Agreement) -> tuple[dict[str, dict[str, Any]], str]:
    """Return the accuracy of each model in each group, and two tables of it."""
    runs_of = {name: [run for run in runs if run["model"] == name] for name in (*ONE_WORD, *MODELS)}
    right = {name: [[mark == "1" for mark in run["right"]] for run in of] for name, of in runs_of.items()}
    units, groups = [case.sentence for case in task.cases], case_groups(task.cases)
    lines = {name: shares(of, units, groups) for name, of in right.items()}
    columns = {"parameters": [f"{of[0]['parameters']:,}" for of in runs_of.values()]}
    columns["seconds"] = [f"{sum(run['seconds'] for run in of):.0f}" for of in runs_of.values()]
    (first_title, first), (second_title, second) = PANELS.items()
    return lines, f"{table(lines, first, {}, first_title)}\n\n{table(lines, second, columns, second_title)}"


def main(out: Path, bank: Treebank, number: str, seeds: list[int], setting: Setting = Setting()) -> dict[str, Any]:
    """Run what is not in ``out`` yet, and write the record, the tables and the figure there."""
    out.mkdir(parents=True, exist_ok=True)
    task = Agreement(bank, number=NUMBERS[number], buckets=setting.buckets)
    config, file = {**asdict(setting), "treebank": repr(bank), "number": number}, out / "agreement.json"
    config |= {"left_out": task.left_out, "data": task.config["data"]}
    record = json.loads(file.read_text()) if file.exists() else {"config": config, "runs": []}
    if record["config"] != config:
        raise ValueError(f"--out {out} holds other measurements: {record['config']}; name another")
    done = [(previous["model"], previous["seed"]) for previous in record["runs"]]
    for seed, name in [(seed, name) for seed in seeds for name in (*ONE_WORD, *MODELS) if (name, seed) not in done]:
        record["runs"].append(run(name, bank, task, setting, seed))
        record["machine"] = machine("cpu")
        _files.write_text(file, json.dumps(record, indent=1) + "\n", overwrite=True)
    record["lines"], tables = report(record["runs"], task)
    record["table"] = tables.splitlines()
    print(tables)
    _files.write_text(file, json.dumps(record, indent=1) + "\n", overwrite=True)
    lines, chance = record["lines"], record["lines"]["majority"]["all"]["share"]
    drawing = groups_figure({name: lines[name] for name in FIGURE_MODELS}, PANELS, chance=chance, ylabel="accuracy")
    _files.write(out / "agreement.png", lambda to: drawing.savefig(to, dpi=150), overwrite=True)
    return record


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--file", type=Path, help="a treebank in CoNLL-U (default: English PUD)")
    parser.add_argument("--number", choices=NUMBERS, default="english", help="the rule that gives a verb's number")
    parser.add_argument("--skip", action="store_true", help="leave out faulty sentences instead of stopping")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=Setting.steps, help="training steps of each model")
    parser.add_argument("--out", type=Path, default=Path("out/agreement"), help="folder for the record and the figure")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with refusals(parser, {"on_error": "--skip"}):
        sentences = read_conllu(options.file or find("EN_PUD"), on_error="skip" if options.skip else "refuse")
        main(options.out, sentences, options.number, options.seeds, Setting(steps=options.steps))
