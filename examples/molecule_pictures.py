"""Molecules with each atom coloured by its influence on the prediction of a model.

A GCN, a GIN and an LSTM along a depth-first traversal are trained as by ``molecules.py`` on the first fold, of
FreeSolv, ESOL and MUTAG, and predict one molecule of each test set, the first whose number of atoms is nearest to 14.
The influence of an atom is the norm of the derivative of the output with respect to all its features, so it is per unit
of a feature and has no sign. The layout is RDKit's for molecules given as SMILES; for MUTAG, which is not, it is Kamada
and Kawai's.

Result: every atom has influence, since all are summed and four convolutions see most of such a molecule. Models with
about the same prediction do not depend on the same atoms: for the molecule of ESOL, the LSTM depends on the oxygens,
the GCN and the GIN on the ring. The figure shows the models, not the chemistry.

``python examples/molecule_pictures.py --out docs/molecules`` takes half a minute of one core, and writes
influence.json and influence.png.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure
from molecule_models import Data, Setting, numbers, task_of, trained

import graphseq as gs
from graphseq import _files
from graphseq.cli.messages import refusals
from graphseq.plot import draw_values, molecule_layout
from graphseq.training.history import machine

DATA = {gs.datasets.freesolv: "kcal/mol", gs.datasets.esol: "log mol/L", gs.datasets.mutag: "logits"}
SHOWN = ("GCN", "GIN", "LSTM, depth first")
ATOMS = 14


def measure(setting: Setting, data: Data, unit: str) -> dict[str, Any]:
    """Return one molecule of the first test fold, and the influence of each of its atoms in each model."""
    train, test = task_of(data, data.graphs).folds(setting.folds, seed=setting.seed)[0]
    index = min(test.numbers.tolist(), key=lambda number: abs(data.graphs[number].num_rows - ATOMS))
    record: dict[str, Any] = {"data": data.name, "molecule": index, "name": data.names[index], "unit": unit}
    y = float(data.graphs[index].y)
    record["measured"] = f"{y:.2f} {unit}" if numbers(data) else data.answers[int(y)]
    record["models"] = {}
    for name in SHOWN:
        result = trained(setting, name, data, 0, train.numbers)
        influence = gs.reach.influence(result.model, result.task.graphs(torch.tensor([index])))[0] * result.scale
        prediction = float(result.predictions[index])
        text = f"{prediction:.2f} {unit}" if numbers(data) else data.answers[int(prediction)]
        record["models"][name] = {"says": text, "influence": influence.tolist()}
    return record


def figure(sets: list[Data], looks: list[dict[str, Any]]) -> Figure:
    """Draw a line for each molecule and a column for each model, each with its own scale."""
    drawing = Figure(figsize=(14.0, 4.2 * len(looks)), layout="constrained")
    panels = drawing.subplots(len(looks), len(SHOWN), squeeze=False)
    for line, data, look in zip(panels, sets, looks, strict=True):
        graph = data.graphs[look["molecule"]]
        labels, pos = atoms(data, look["molecule"])
        for axes, (name, result) in zip(line, look["models"].items(), strict=True):
            label = f"influence ({look['unit']} per unit of feature)"
            draw_values(axes, graph, result["influence"], label=label, labels=labels, pos=pos)
            axes.set_title(f"{data.name}, {name}: {result['says']}\nmeasured: {look['measured']}", fontsize=10)
    return drawing


def atoms(data: Data, number: int) -> tuple[list[str], dict[int, tuple[float, float]] | None]:
    """Return the labels of the atoms of a molecule, and their positions if they are known."""
    if data.smiles:
        return molecule_layout(data.smiles[number])
    return [data.channels[column] for column in data.graphs[number].x.argmax(dim=1).tolist()], None


def main(out: Path, setting: Setting | None = None) -> dict[str, Any]:
    """Train, measure, and write the record and the figure as new files to ``out``."""
    setting = setting or Setting()
    out.mkdir(parents=True, exist_ok=True)
    if taken := [path for path in (out / "influence.json", out / "influence.png") if path.exists()]:
        raise FileExistsError(f"{taken[0]} is already there; choose another --out")
    sets = [load() for load in DATA]
    looks = [measure(setting, data, unit) for data, unit in zip(sets, DATA.values(), strict=True)]
    record = {"config": asdict(setting), "machine": machine(), "looks": looks}
    _files.write_text(out / "influence.json", json.dumps(record, indent=1) + "\n", overwrite=False)
    _files.write(out / "influence.png", lambda file: figure(sets, looks).savefig(file, dpi=110), overwrite=False)
    return record


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out/molecules"), help="folder for the record and the figure")
    parser.add_argument("--tiny", action="store_true", help="a few steps, to test that it runs")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with refusals(parser):
        main(options.out, Setting(hidden=8, steps=3) if options.tiny else Setting())
