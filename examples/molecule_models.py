"""The models of ``molecules.py`` and ``molecule_pictures.py``, and their training on one fold."""

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
    """Return PyG's GIN layer with one hidden layer."""
    last = nn.Linear(out_channels, out_channels)
    return GINConv(nn.Sequential(nn.Linear(in_channels, out_channels), nn.ReLU(), last))


GCN = partial(gs.nn.GCN, num_layers=4)
MODELS: dict[
    str, tuple[Callable[[int, int], gs.nn.Encoder], Reading]
] = {  # the encoder, from F and H, and the reading of a molecule
    "no bonds (MLP)": (gs.nn.MLP, lambda graph: graph),
    "GCN": (GCN, lambda graph: graph),
    "GCN, residual + JK": (partial(GCN, residual=True, jk="cat"), lambda graph: graph),
    "GIN": (partial(GCN, conv=gin), lambda graph: graph),
    "LSTM, depth first": (gs.nn.LSTM, partial(gs.transforms.to_sequence, order="dfs")),
    "Tree-LSTM on the DAG": (gs.nn.DAGLSTM, partial(gs.transforms.to_dag, reverse=True)),
}


@dataclass(frozen=True)
class Setting:
    """Settings, the same for all models and data sets and fixed beforehand.

    The learning rate is the largest of 0.003, 0.01 and 0.03 at which GCN, GIN and a GRU learnt steadily on parts of the
    first fold's training set of MUTAG and ESOL; no test fold was used for that.
    """

    folds: int = 10
    seed: int = 0
    hidden: int = 48
    steps: int = 200
    batch_size: int = 100
    lr: float = 1e-2
    clip: float = 1.0


def numbers(data: Data) -> bool:
    """Return True if the targets are numbers, False if they are classes."""
    return bool(data.graphs[0].y.is_floating_point())


def task_of(data: Data, graphs: Sequence[gs.SpaceTimeGraph]) -> gs.tasks.GraphClassification | gs.tasks.GraphRegression:
    """Return the classification or regression task of the data set."""
    if numbers(data) and data.graphs[0].y.shape[1] != 1:
        raise ValueError(f"{data.name} has {data.graphs[0].y.shape[1]} numbers per graph; this example predicts one")
    return (
        gs.tasks.GraphRegression(graphs) if numbers(data) else gs.tasks.GraphClassification(graphs, len(data.answers))
    )


@dataclass(frozen=True)
class Trained:
    """A trained model and its predictions."""

    model: gs.nn.Model
    task: gs.tasks.GraphClassification | gs.tasks.GraphRegression  #: all graphs, as the model reads them
    predictions: Tensor  #: for all graphs, in the unit of the targets or as classes, (B,)
    scale: float  #: the unit of the model's output in units of the targets


def trained(setting: Setting, name: str, data: Data, number: int, train: Tensor) -> Trained:
    """Train one model on the graphs ``train`` of fold ``number``, with targets standardised by these graphs alone."""
    make, reading = MODELS[name]
    mean, scale = torch.zeros(()), torch.ones(())
    graphs = [reading(graph) for graph in data.graphs]
    if numbers(data):
        known = torch.cat([graphs[i].y for i in train.tolist()])
        mean, scale = known.mean(), known.std()
        graphs = [g.replace(y=(g.y - mean) / scale) for g in graphs]
    task = task_of(data, graphs)
    with seeding.forked(setting.seed, seeding.BUILD, number):
        model = gs.nn.Model(make(task.in_channels, setting.hidden), task.out_channels, pool="sum")
    options: dict[str, Any] = {"optimizer": "Adam", "lr": setting.lr, "schedule": Cosine(setting.steps)}
    options |= {"steps": setting.steps, "batch_size": setting.batch_size, "clip": setting.clip, "seed": setting.seed}
    gs.fit(model, task.part(train), stop_threshold=None, **options)
    out = gs.predict(model, task).output
    predictions = out[:, 0] * scale + mean if numbers(data) else out.argmax(dim=1)
    return Trained(model, task, predictions, float(scale))
