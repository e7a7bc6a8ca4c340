"""Models and data made from plain specifications, with faults planted in them, for ``diagnosis.py``.

A specification says the world (data and task), the family of models with its sizes, and what is spoilt. Following a
piece of advice is to change some of its entries and build again.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import diagnosis_worlds as further
import torch
import torch.nn.functional as F
import torch_geometric.nn as pyg
from torch import Tensor, nn
from torch_geometric.data import Data
from torch_geometric.utils import erdos_renyi_graph, stochastic_blockmodel_graph

import graphseq as gs
from graphseq import seeding

Spec = dict[str, Any]
CLASSES = 5


def accuracy(output: Tensor, y: Tensor) -> Tensor:
    """The share of right classes."""
    return (output.argmax(dim=1) == y).float().mean()


FOREIGN: dict[str, Any] = {"loss": F.cross_entropy, "score": accuracy, "chance": "majority"}


# Data.


def ours(spec: Spec) -> tuple[Any, int, int]:
    """A synthetic task of the library."""
    task = getattr(gs.tasks, spec["task"])(**spec.get("task_arguments", {}))
    return task, task.in_channels, task.out_channels


def rings(spec: Spec) -> tuple[list[Data], int, int]:
    """Graphs of PyG with a class at one row, asked at another, ``hops`` away; the other rows hold a little noise."""
    hops, shape, count = spec["hops"], spec.get("shape", "ring"), spec.get("graphs", 256)
    size = 2 * hops if shape == "ring" else hops + 1
    index = torch.arange(size)
    ends = torch.stack([index, (index + 1) % size]) if shape == "ring" else torch.stack([index[:-1], index[1:]])
    if step := spec.get("rewired"):
        ends = torch.cat([ends, torch.stack([index[:-step], index[step:]])], dim=1)
    edge_index = torch.cat([ends, ends.flip(0)], dim=1)
    if spec.get("directed") == "away" and not spec.get("both_ways"):
        edge_index = ends
    mask = index == 0
    out = []
    for _ in range(count):
        x, y = 0.1 * torch.randn(size, CLASSES + 1), torch.randint(CLASSES, (1,))
        x[hops, y], x[0, CLASSES] = 1.0, 1.0
        noise = spec.get("label_noise", 0)
        if spec.get("labels") == "random" or (noise and float(torch.rand(())) < noise):
            y = torch.randint(CLASSES, (1,))
        out.append(Data(x=x, edge_index=edge_index, y=y.expand(size).clone(), train_mask=mask))
    return out, CLASSES + 1, CLASSES


def blocks(spec: Spec) -> tuple[Data, int, int]:
    """A stochastic block model whose classes are its blocks, with features that show them weakly."""
    each, count = spec.get("each", 50), spec.get("blocks", 3)
    probability = torch.eye(count) * spec.get("inside", 0.12) + spec.get("between", 0.01)
    edge_index = stochastic_blockmodel_graph([each] * count, probability)
    y = torch.arange(count).repeat_interleave(each)
    shown = F.one_hot(y, count) * spec.get("signal", 0.7) + torch.randn(len(y), count)
    x = torch.cat([shown, torch.randn(len(y), spec.get("noise_features", 4))], dim=1)
    if spec.get("labels") == "random":
        y = torch.randint(count, y.shape)
    drawn = torch.rand(len(y))
    share = spec.get("labelled", 0.4)
    return Data(x=x, edge_index=edge_index, y=y, train_mask=drawn < share, val_mask=drawn > 0.55), x.shape[1], count


def densities(spec: Spec) -> tuple[list[Data], int, int]:
    """Random graphs of two densities, to be told apart; or with classes drawn at random."""
    out = []
    for number in range(spec.get("graphs", 200)):
        y = number % 2
        edge_index = erdos_renyi_graph(12, 0.2 + 0.25 * y)
        label = torch.randint(2, (1,)) if spec.get("labels") == "random" else torch.tensor([y])
        width = spec.get("noise_features", 3)
        out.append(Data(x=torch.randn(12, width), edge_index=edge_index, y=label))
    return out, spec.get("noise_features", 3), 2


def sequences(spec: Spec) -> tuple[tuple[Tensor, Tensor], int, int]:
    """Sequences of tokens, one-hot, whose class is the token at one place, or the most frequent one."""
    steps, count = spec["steps"], spec.get("sequences", 600)
    tokens = torch.randint(4, (count, steps))
    x = F.one_hot(tokens, 4).float()
    asked = tokens[:, spec.get("place", 0)].clone()
    y = x.sum(dim=1).argmax(dim=1) if spec.get("question") == "majority" else asked
    if ahead := spec.get("ahead"):
        y = tokens.roll(-ahead, dims=1)
    if spec.get("labels") == "random":
        y = torch.randint(4, y.shape)
    elif noise := spec.get("label_noise"):
        y = torch.where(torch.rand(count) < noise, torch.randint(4, y.shape), y)
    return (x, y), 4, 4


WORLDS: dict[str, Callable[[Spec], tuple[Any, int, int]]] = {
    "ours": ours,
    "rings": rings,
    "blocks": blocks,
    "densities": densities,
    "sequences": sequences,
    **further.WORLDS,
}


# Models.


class Stack(nn.Module):
    """Convolutions of PyG with an activation between them, and optional faults."""

    def __init__(self, spec: Spec, in_channels: int, out_channels: int, make: Callable[[int, int], nn.Module]) -> None:
        super().__init__()
        width, layers = spec["width"], spec["layers"]
        widths = [in_channels] + [width] * layers
        self.convs = nn.ModuleList(make(a, b) for a, b in pairwise(widths))
        self.lin = nn.Linear(width, out_channels)
        self.act = torch.sigmoid if spec.get("activation") == "sigmoid" else torch.relu
        self.cut = spec.get("spoilt") == "detached"
        self.residual = spec.get("residual", False)
        self.pools = spec["world"] in ("densities", "cycles")
        self.is_mlp = spec["family"] == "MLP"

    def forward(self, x: Tensor, edge_index: Tensor, batch: Tensor | None = None) -> Tensor:
        """Compute the outputs of nodes, or of graphs."""
        for number, conv in enumerate(self.convs):
            h = self.act(conv(x) if self.is_mlp else conv(x, edge_index))
            x = h + x if self.residual and number else h
            if self.cut and number == len(self.convs) - 1:
                x = x.detach()
        return self.lin(pyg.global_mean_pool(x, batch) if self.pools else x)  # type: ignore[no-any-return]


class MeanConv(nn.Module):
    """A linear map of the mean over a row and its neighbours, D̃⁻¹ Ã X W."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.lin = nn.Linear(in_channels, out_channels)
        self.mean = pyg.SimpleConv("mean", combine_root="self_loop")

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        """Compute the outputs (V, H)."""
        return self.mean(self.lin(x), edge_index)  # type: ignore[no-any-return]


PYG: dict[str, Callable[[int, int], nn.Module]] = {
    "GCN": pyg.GCNConv,
    "GAT": pyg.GATConv,
    "SAGE": pyg.SAGEConv,
    "GIN": lambda a, b: pyg.GINConv(nn.Linear(a, b)),
    "GraphConv": pyg.GraphConv,
    "Cheb": lambda a, b: pyg.ChebConv(a, b, K=2),
    "SGC": lambda a, b: pyg.SGConv(a, b, K=2),
    "SGC40": lambda a, b: pyg.SGConv(a, b, K=40),
    "TAG": lambda a, b: pyg.TAGConv(a, b, K=2),
    "Mean": MeanConv,
    "MLP": nn.Linear,
}


class Reader(nn.Module):
    """A sequence model of torch, and a linear map of its last state."""

    def __init__(self, spec: Spec, in_channels: int, out_channels: int) -> None:
        super().__init__()
        width, family = spec["width"], spec["family"]
        self.family, self.cut = family, spec.get("spoilt") == "detached"
        layers = spec.get("layers", 1)
        if family == "Conv":
            self.convs = nn.ModuleList(
                nn.Conv1d(in_channels if n == 0 else width, width, 3, padding=1) for n in range(layers)
            )
        elif family == "Transformer":
            self.lift = nn.Linear(in_channels, width)
            self.place = nn.Parameter(0.1 * torch.randn(1, 256, width))
            layer = nn.TransformerEncoderLayer(width, 2, 2 * width, dropout=0.0, batch_first=True)
            self.body = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        else:
            options = {"nonlinearity": "relu"} if spec.get("activation") == "relu" else {}
            self.body = getattr(nn, family)(
                in_channels, width, layers, batch_first=True, bidirectional=spec.get("both_ways", False), **options
            )
        both = 2 if spec.get("both_ways") else 1
        self.lin = nn.Linear(width * both, out_channels)
        self.asked = slice(None) if spec.get("ahead") or spec["world"] == "echo" else spec.get("asked", -1)

    def forward(self, x: Tensor) -> Tensor:
        """Compute the outputs (B, C), or (B, T, C) where each step has an answer."""
        if self.family == "Conv":
            h = x.transpose(1, 2)
            for conv in self.convs:
                h = torch.relu(conv(h))
            h = h.transpose(1, 2)
        elif self.family == "Transformer":
            h = self.body(self.lift(x) + self.place[:, : x.shape[1]])
        else:
            h = self.body(x)[0]
        h = h.detach() if self.cut else h
        return self.lin(h[:, self.asked])  # type: ignore[no-any-return]


class Detached(gs.nn.GCN):
    """A GCN with detached states."""

    def encode(self, graph: gs.SpaceTimeGraph, x: Tensor) -> Tensor:
        """Compute the states (V, H), detached."""
        return super().encode(graph, x).detach()


def encoder(spec: Spec, in_channels: int) -> gs.nn.Encoder:
    """An encoder of the library."""
    family, width, layers = spec["family"], spec["width"], spec.get("layers", 1)
    if spec.get("spoilt") == "detached":
        return Detached(in_channels, width, layers)
    kind = getattr(gs.nn, family)
    if family == "GCN":
        return kind(in_channels, width, layers, residual=spec.get("residual", False))  # type: ignore[no-any-return]
    if family in ("MLP", "RNN", "GRU", "LSTM", "GCNLSTM", "MinGRU", "LRU"):
        return kind(in_channels, width)  # type: ignore[no-any-return]
    return kind(in_channels, width, layers)  # type: ignore[no-any-return]


def build(spec: Spec) -> tuple[nn.Module, Any, dict[str, Any]]:
    """The model of a specification, its data, and the options of ``diagnose``."""
    with seeding.forked(spec["seed"], seeding.BUILD, 1):
        data, in_channels, out_channels = WORLDS[spec["world"]](spec)
    with seeding.forked(spec["seed"], seeding.BUILD, 2):
        if spec["world"] == "ours":
            model: nn.Module = gs.nn.Model(encoder(spec, in_channels), out_channels)
        elif spec["family"].startswith("gs."):
            named = {**spec, "family": spec["family"][3:]}
            data, model = gs.from_graph(data), gs.nn.Model(encoder(named, in_channels), out_channels)
        elif spec["world"] == "links":
            widths = [in_channels] + [spec["width"]] * spec["layers"]
            convs = [PYG[spec["family"]](a, b) for a, b in pairwise(widths)]
            model = further.OfPairs(convs, spec["width"], out_channels)
        elif spec["world"] in ("sequences", "echo", "parity"):
            model = Reader(spec, in_channels, out_channels)
        else:
            model = Stack(spec, in_channels, out_channels, PYG[spec["family"]])
        if spec.get("spoilt"):
            spoil(model, spec["spoilt"])
    return model, data, {} if spec["world"] == "ours" else dict(FOREIGN)


def width_of(body: nn.Module) -> int:
    """The width of a recurrence."""
    return next(p.shape[1] for name, p in body.named_parameters() if "weight_hh" in name)


def spoil(model: nn.Module, fault: str) -> None:
    """Plant a fault in the weights of a model."""
    body = model.encoder if isinstance(model, gs.nn.Model) else model
    with torch.no_grad():
        for name, parameter in body.named_parameters():
            is_last = name.startswith("lin.") and body is model
            if fault in ("large", "small") and not is_last:
                parameter.mul_(1e15 if fault == "large" else 1e-6)
            elif fault == "dead" and "bias" in name and not is_last:
                parameter.fill_(-1e4)
            elif fault == "latched" and "weight" in name and not is_last:
                parameter.copy_(300 * parameter.sign())
            elif fault == "contracting" and "weight_hh" in name:
                parameter.mul_(0.02)
            elif fault == "growing" and "weight_hh" in name:
                parameter.copy_(
                    torch.eye(parameter.shape[1]).mul(40).repeat(parameter.shape[0] // parameter.shape[1], 1)
                )
            elif fault == "orthogonal" and "weight_hh" in name:
                nn.init.orthogonal_(parameter)
            elif fault == "remembering" and "bias_ih" in name:
                gates = (
                    4 if isinstance(getattr(body, "body", None), nn.LSTM) or len(parameter) == 4 * width_of(body) else 3
                )
                part = len(parameter) // gates
                parameter[part : 2 * part] = 4.5
            elif fault == "forgetting" and "bias_ih" in name:
                part = len(parameter) // 4
                parameter[part : 2 * part] = -6.0
            elif fault == "forgetting" and "bias_hh" in name:
                parameter.zero_()
        if fault == "no head":
            head = model.head.lin if isinstance(model, gs.nn.Model) else model.lin
            nn.init.zeros_(head.weight)


def transfer(hops: int, shape: str = "ring", **more: Any) -> Spec:
    """The specification of a task of distance alone."""
    arguments = {"length": hops + 1, "shape": shape, "num_classes": CLASSES}
    return {"world": "ours", "task": "Transfer", "task_arguments": arguments, **more}
