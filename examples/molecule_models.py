"""How ``molecules.py`` and ``molecule_pictures.py`` read a molecule, and how a model of one fold is trained."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.nn import GINConv

import graphseq as gs
from graphseq import seeding
from graphseq.training.lr_schedule import Cosine

Data = gs.io.GraphDataset
Reading = Callable[[gs.SpaceTimeGraph], gs.SpaceTimeGraph]


def gin(in_channels: int, out_channels: int) -> GINConv:
    """PyG's GIN layer with one hidden layer."""
    last = nn.Linear(out_channels, out_channels)
    return GINConv(nn.Sequential(nn.Linear(in_channels, out_channels), nn.ReLU(), last))


GCN = partial(gs.nn.GCN, num_layers=4)
MODELS: dict[str, tuple[Callable[[int, int], gs.nn.Encoder], Reading]] = {  # from F and H; how a molecule is read
    "no bonds (MLP)": (gs.nn.MLP, lambda graph: graph),
    "GCN": (GCN, lambda graph: graph),
    "GCN, residual + JK": (partial(GCN, residual=True, jk="cat"), lambda graph: graph),
    "GIN": (partial(GCN, conv=gin), lambda graph: graph),
    "LSTM, depth first": (gs.nn.LSTM, partial(gs.transforms.to_sequence, order="dfs")),
    "Tree-LSTM on the DAG": (gs.nn.DAGLSTM, partial(gs.transforms.to_dag, reverse=True)),
}


@dataclass(frozen=True)
class Setting:
    """All that the numbers depend on, beside the table above: one for all models and data sets, fixed beforehand.

    The rate is the largest of 0.003, 0.01 and 0.03 at which GCN, GIN and a GRU learnt steadily on parts of the first
    fold's training of MUTAG and ESOL; no test fold took part in the choice.
    """

    folds: int = 10
    seed: int = 0
    hidden: int = 48
    steps: int = 200
    batch_size: int = 100
    lr: float = 1e-2
    clip: float = 1.0


def numbers(data: Data) -> bool:
    """Whether answers are numbers, and not classes."""
    return bool(data.graphs[0].y.is_floating_point())


def task_of(data: Data, graphs: Sequence[gs.SpaceTimeGraph]) -> gs.tasks.GraphClassification | gs.tasks.GraphRegression:
    """Which class, or which number?"""
    if numbers(data) and data.graphs[0].y.shape[1] != 1:
        raise ValueError(f"{data.name} has {data.graphs[0].y.shape[1]} numbers a graph; one is asked here")
    return (
        gs.tasks.GraphRegression(graphs) if numbers(data) else gs.tasks.GraphClassification(graphs, len(data.answers))
    )


@dataclass(frozen=True)
class Trained:
    """A model, and what it says."""

    model: gs.nn.Model
    task: gs.tasks.GraphClassification | gs.tasks.GraphRegression  #: all graphs, as the model reads them
    says: Tensor  #: of all graphs, in the unit of the answers or as a class, (B,)
    spread: float  #: how many units of the answers one of the model's outputs is


def trained(setting: Setting, name: str, data: Data, number: int, train: Tensor) -> Trained:
    """Train one model on the graphs ``train`` of fold ``number``; their answers alone say how answers are scaled."""
    make, reading = MODELS[name]
    mean, spread = torch.zeros(()), torch.ones(())
    graphs = [reading(graph) for graph in data.graphs]
    if numbers(data):
        known = torch.cat([graphs[i].y for i in train.tolist()])
        mean, spread = known.mean(), known.std()
        graphs = [g.replace(y=(g.y - mean) / spread) for g in graphs]
    task = task_of(data, graphs)
    with seeding.forked(setting.seed, seeding.BUILD, number):
        model = gs.nn.Model(make(task.in_channels, setting.hidden), task.out_channels, pool="sum")
    told: dict[str, Any] = {"optimizer": "Adam", "lr": setting.lr, "schedule": Cosine(setting.steps)}
    told |= {"steps": setting.steps, "batch_size": setting.batch_size, "clip": setting.clip, "seed": setting.seed}
    gs.fit(model, task.part(train), stop_threshold=None, **told)
    out = gs.outputs(model, task)
    says = out[:, 0] * spread + mean if numbers(data) else out.argmax(dim=1)
    return Trained(model, task, says, float(spread))
