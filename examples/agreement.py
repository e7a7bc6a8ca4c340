"""Is the hidden verb singular or plural? The same sentences read as paths, as trees, and as both.

A finite verb agrees with its subject, one hop away in the dependency tree (two from an auxiliary or copula), and any
number of words away in the sentence. Its form is hidden; words show the ends of their forms and their part of speech,
nothing else of the annotation. A path has the words in order, and the LSTM sees those before the verb; a tree has no
order, and is read by GCNs and by the child-sum Tree-LSTM, towards the root, where an auxiliary is a leaf and sees only
itself, or towards the verb; in both together words arrive one by one, with the edges among them (GCN-LSTM). Each case
is tested once a seed, by models of other sentences, a fifth of which choose the step. Intervals count sentences.

Expect paths to be right where the subject stands next to the verb and to be misled by nouns of the other number
between them, as the nearest noun is; trees to be misled less, and right less often elsewhere; and the Tree-LSTM towards
the root to know little. ``python examples/agreement.py`` takes half an hour of a free core or more, and goes on where
it was stopped. ``--file`` reads another treebank, with ``--number marked`` where it marks both numbers.
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
from graphseq.datasets import find
from graphseq.evaluation.groups import shares, table
from graphseq.io import Treebank, read_conllu
from graphseq.plot import groups_figure
from graphseq.tasks import ONE_WORD, Agreement, agreement, case_groups, one_word
from graphseq.training.history import machine

NUMBERS = {"english": agreement.english_number, "marked": agreement.marked_number}
path = partial(gs.transforms.to_sequence, order="given")


def both(graph: gs.SpaceTimeGraph) -> gs.SpaceTimeGraph:
    """Words arrive in their order; edges of the tree lead both ways."""
    return gs.transforms.add_nodes_over_time(gs.transforms.to_undirected(graph))


MODELS: dict[str, tuple[Any, Any]] = {  # the encoder, from F and H, and how it reads a sentence
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
DRAWN = ("nearest noun", "path, GCN-2", "path, LSTM", "tree, GCN-2", "tree, Tree-LSTM to verb", "both, GCN-LSTM")


@dataclass(frozen=True)
class Setting:
    """All that the numbers depend on, beside the tables above; sizes and rates were tried inside one training fold."""

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
    """A model of four fifths of ``train``, words embedded first, and the step of it that was best on one."""
    width, (encoder, transform), drop = setting.hidden, MODELS[name], nn.Dropout(setting.dropout)
    with seeding.forked(seed, seeding.BUILD):
        embed = nn.Sequential(drop, nn.Linear(train.in_channels, width), nn.ReLU(), drop)
        model = gs.nn.EmbeddedModel(embed, gs.nn.Model(encoder(width, width), train.out_channels, transform=transform))
    own, validation = train.folds(5, seed=seed)[0]
    optimizer = partial(torch.optim.AdamW, lr=setting.lr, weight_decay=setting.weight_decay)
    size = {"steps": setting.steps, "every": setting.every, "batch_size": setting.batch_size}
    how = {"optimizer": optimizer, "clip": 1.0, "seed": seed, "stop_threshold": None}
    return model, gs.fit_with_validation(model, own, validation, **size, **how).best_step


def run(name: str, bank: Treebank, task: Agreement, setting: Setting, seed: int) -> dict[str, Any]:
    """Ask every case once, of a model trained on the sentences of other folds; 1 where it is right."""
    right, began, parameters, steps = torch.zeros(len(task.cases), dtype=torch.long), time.perf_counter(), 0, []
    for train, test in task.folds(setting.folds, seed=seed):
        if name in ONE_WORD:
            found = one_word(name, bank, task, train, test)
        else:
            model, step = trained(name, train, setting, seed)
            found, parameters = gs.outputs(model, test).argmax(dim=1), sum(w.numel() for w in model.parameters())
            steps.append(step)
        right[test.own_cases] = (found == test.answers).long()
    told = {"model": name, "seed": seed, "parameters": parameters, "best_steps": steps}
    return {**told, "seconds": time.perf_counter() - began, "right": "".join(map(str, right.tolist()))}


def report(runs: list[dict[str, Any]], task: Agreement) -> tuple[dict[str, dict[str, Any]], str]:
    """Shares of all groups by model, and two tables of them."""
    own = {name: [each for each in runs if each["model"] == name] for name in (*ONE_WORD, *MODELS)}
    right = {name: [[mark == "1" for mark in each["right"]] for each in of] for name, of in own.items()}
    units, groups = [case.sentence for case in task.cases], case_groups(task.cases)
    lines = {name: shares(of, units, groups) for name, of in right.items()}
    beside = {"parameters": [f"{of[0]['parameters']:,}" for of in own.values()]}
    beside["seconds"] = [f"{sum(each['seconds'] for each in of):.0f}" for of in own.values()]
    (what, first), (other, second) = PANELS.items()
    return lines, f"{table(lines, first, {}, what)}\n\n{table(lines, second, beside, other)}"


def main(out: Path, bank: Treebank, number: str, seeds: list[int], setting: Setting = Setting()) -> dict[str, Any]:
    """Ask what is not in ``out`` yet, and write record, table and figure there."""
    out.mkdir(parents=True, exist_ok=True)
    task = Agreement(bank, number=NUMBERS[number], buckets=setting.buckets)
    config, file = {**asdict(setting), "treebank": repr(bank), "number": number}, out / "agreement.json"
    config |= {"left_out": task.left_out, "data": task.config["data"]}
    record = json.loads(file.read_text()) if file.exists() else {"config": config, "runs": []}
    if record["config"] != config:
        raise ValueError(f"--out {out} holds other measurements: {record['config']}; name another")
    done = [(each["model"], each["seed"]) for each in record["runs"]]
    for seed, name in [(seed, name) for seed in seeds for name in (*ONE_WORD, *MODELS) if (name, seed) not in done]:
        record["runs"].append(run(name, bank, task, setting, seed))
        record["machine"] = machine("cpu")
        _files.write_text(file, json.dumps(record, indent=1) + "\n", overwrite=True)
    record["lines"], told = report(record["runs"], task)
    record["table"] = told.splitlines()
    print(told)
    _files.write_text(file, json.dumps(record, indent=1) + "\n", overwrite=True)
    lines, chance = record["lines"], record["lines"]["majority"]["all"]["share"]
    drawing = groups_figure({name: lines[name] for name in DRAWN}, PANELS, chance=chance, ylabel="share right")
    _files.write(out / "agreement.png", lambda to: drawing.savefig(to, dpi=150), overwrite=True)
    return record


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--file", type=Path, help="a treebank in CoNLL-U; without it, English PUD")
    parser.add_argument("--number", choices=NUMBERS, default="english", help="how a verb's number is known")
    parser.add_argument("--skip", action="store_true", help="leave out sentences that are wrong, instead of stopping")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=Setting.steps, help="of each training")
    parser.add_argument("--out", type=Path, default=Path("out/agreement"), help="folder for record and figure")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    sentences = read_conllu(asked.file or find("EN_PUD"), on_error="skip" if asked.skip else "refuse")
    main(asked.out, sentences, asked.number, asked.seeds, Setting(steps=asked.steps))
