"""Which atoms does the answer hang on? Molecules coloured by how much each atom moves what a model says of them.

A GCN, a GIN and an LSTM along a depth-first traversal are trained as by ``molecules.py`` on the first fold, of
FreeSolv, ESOL and MUTAG, and asked about one molecule of its test each: that whose number of atoms is nearest to 14, of
equals the first. The influence of an atom is the norm of the answer's derivative in all its features, so it is per unit
of a feature and has no sign. RDKit lays molecules out that come as SMILES; those of MUTAG come without, and lie as
Kamada and Kawai's layout has them.

What to expect: every atom moves the answer, since all are counted and four convolutions see most of such a molecule,
and models that answer about alike do not lean on the same atoms: on ESOL's, the LSTM leans on the oxygens, the GCN and
the GIN on the ring. So it is a picture of the model, and not of the chemistry.

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
from graphseq.plot import draw_values, molecule_layout
from graphseq.training.history import machine

DATA = {gs.datasets.freesolv: "kcal/mol", gs.datasets.esol: "log mol/L", gs.datasets.mutag: "logits"}
LOOKING = ("GCN", "GIN", "LSTM, depth first")
ATOMS = 14


def looked_at(setting: Setting, data: Data, unit: str) -> dict[str, Any]:
    """One molecule of the first fold's test, and the influence of each of its atoms under each model."""
    train, test = task_of(data, data.graphs).folds(setting.folds, seed=setting.seed)[0]
    at = min(test.numbers.tolist(), key=lambda number: abs(data.graphs[number].num_rows - ATOMS))
    told: dict[str, Any] = {"data": data.name, "molecule": at, "name": data.names[at], "unit": unit}
    y = float(data.graphs[at].y)
    told["measured"] = f"{y:.2f} {unit}" if numbers(data) else data.answers[int(y)]
    told["models"] = {}
    for name in LOOKING:
        found = trained(setting, name, data, 0, train.numbers)
        influence = gs.reach.influence(found.model, found.task.graphs(torch.tensor([at])))[0] * found.spread
        says = float(found.says[at])
        said = f"{says:.2f} {unit}" if numbers(data) else data.answers[int(says)]
        told["models"][name] = {"says": said, "influence": influence.tolist()}
    return told


def figure(sets: list[Data], looks: list[dict[str, Any]]) -> Figure:
    """A line a molecule, a column a model, a scale of its own each: models differ in how steep they are."""
    drawing = Figure(figsize=(14.0, 4.2 * len(looks)), layout="constrained")
    panels = drawing.subplots(len(looks), len(LOOKING), squeeze=False)
    for line, data, look in zip(panels, sets, looks, strict=True):
        graph = data.graphs[look["molecule"]]
        labels, pos = atoms(data, look["molecule"])
        for axes, (name, seen) in zip(line, look["models"].items(), strict=True):
            label = f"influence ({look['unit']} a unit of feature)"
            draw_values(axes, graph, seen["influence"], label=label, labels=labels, pos=pos)
            axes.set_title(f"{data.name}, {name}: {seen['says']}\nmeasured: {look['measured']}", fontsize=10)
    return drawing


def atoms(data: Data, number: int) -> tuple[list[str], dict[int, tuple[float, float]] | None]:
    """What the atoms of a molecule are called, and where they stand, if that is known."""
    if data.smiles:
        return molecule_layout(data.smiles[number])
    return [data.channels[column] for column in data.graphs[number].x.argmax(dim=1).tolist()], None


def main(out: Path, setting: Setting | None = None) -> dict[str, Any]:
    """Train, look, and write what was seen and the picture of it to ``out``, where neither may be."""
    setting = setting or Setting()
    out.mkdir(parents=True, exist_ok=True)
    if taken := [path for path in (out / "influence.json", out / "influence.png") if path.exists()]:
        raise FileExistsError(f"{taken[0]} is already there; choose another --out")
    sets = [load() for load in DATA]
    looks = [looked_at(setting, data, unit) for data, unit in zip(sets, DATA.values(), strict=True)]
    record = {"config": asdict(setting), "machine": machine(), "looks": looks}
    _files.write_text(out / "influence.json", json.dumps(record, indent=1) + "\n", overwrite=False)
    _files.write(out / "influence.png", lambda file: figure(sets, looks).savefig(file, dpi=110), overwrite=False)
    return record


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out/molecules"), help="folder for the record and the picture")
    parser.add_argument("--tiny", action="store_true", help="a few steps, to see that it runs")
    told = parser.parse_args()
    torch.set_num_threads(1)
    main(told.out, Setting(hidden=8, steps=3) if told.tiny else Setting())
