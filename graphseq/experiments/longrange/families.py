"""The families of models of the suite by name: ours, PyG's, and published remedies. A new one is a line."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import graphseq as gs
from graphseq.experiments.models import MODELS, Options, transform_of

if TYPE_CHECKING:
    from torch import nn

    from graphseq.nn.encoder import Encoder
    from graphseq.tasks.base import Task

Build = Callable[[Options], "Encoder"]


def _conv(name: str) -> Callable[[int, int], nn.Module]:
    """Return a factory of one of PyG's convolutions, called with in and out channels."""
    from torch import nn  # noqa: PLC0415 - names do without torch
    from torch_geometric import nn as pyg  # noqa: PLC0415

    def gin(a: int, b: int) -> nn.Module:
        layer: nn.Module = pyg.GINConv(nn.Sequential(nn.Linear(a, b), nn.ReLU(), nn.Linear(b, b)))
        return layer

    factories: dict[str, Callable[[int, int], nn.Module]] = {"GAT": pyg.GATConv, "GIN": gin}
    return factories[name]


def _stack(name: str, o: Options) -> Encoder:
    return gs.nn.GCN(*o.sizes, causal=o.causal, conv=_conv(name))


def _gps(o: Options) -> Encoder:
    from graphseq.experiments.longrange.gps import GPS  # noqa: PLC0415 - names do without torch

    return GPS(*o.sizes, causal=o.causal)


_OURS = (
    "0-hop",
    "GCN",
    "SAGE",
    "GCNII",
    "A-DGN",
    "MP-SSM",
    "Wave",
    "Min-plus",
    "Path-attention",
    "RNN",
    "GRU",
    "LSTM",
    "MinGRU",
    "MinLSTM",
    "Transformer",
    "GCN-LSTM-grown",
)

FAMILIES: dict[str, Build] = {
    **{name: MODELS[name].encoder for name in _OURS},
    "GAT": partial(_stack, "GAT"),
    "GIN": partial(_stack, "GIN"),
    "GPS": _gps,
    "GCN residual": lambda o: gs.nn.GCN(*o.sizes, causal=o.causal, residual=True),
    "A-DGN ε=1": lambda o: gs.nn.AntisymmetricGCN(*o.sizes, causal=o.causal, step=1.0),
    "Wave c²=3": lambda o: gs.nn.WaveGCN(*o.sizes, causal=o.causal, speed=3**0.5),
}
"""Encoders by name. "0-hop" is a floor: it reads a row's own input alone."""

RECURRENT = ("RNN", "GRU", "LSTM", "MinGRU", "MinLSTM", "Transformer", "GCN-LSTM-grown")
"""Families that read a static graph only as the sequence of its rows, or as one that grows: they are for sequences."""

HOP_A_LAYER = (
    "GCN",
    "SAGE",
    "GCNII",
    "A-DGN",
    "A-DGN ε=1",
    "MP-SSM",
    "Wave",
    "Wave c²=3",
    "GAT",
    "GIN",
    "GCN residual",
)
"""Families whose layers see a hop each."""

LARGEST = 512  # hidden units


def reach(family: str, layers: int) -> int | None:
    """Return the hops that a family sees from an asked row, ``None`` for all: of sequences, all earlier rows."""
    return layers if family in HOP_A_LAYER else 0 if family == "0-hop" else None


def width_for(budget: int, family: str, task: Task, layers: int) -> int:
    """Return the hidden units, a multiple of 4, with the most parameters that ``budget`` allows, at least 4."""
    low, high = 1, LARGEST // 4
    while low < high:
        middle = (low + high + 1) // 2
        if parameters(build(family, task, 4 * middle, layers)) <= budget:
            low = middle
        else:
            high = middle - 1
    return 4 * low


def build(family: str, task: Task, hidden: int, layers: int) -> gs.nn.Model:
    """Return an untrained model of a family for a task; where graphs are asked it pools by the maximum.

    Raises:
        ValueError: an unknown family.
    """
    if family not in FAMILIES:
        raise ValueError(f"family must be one of {', '.join(FAMILIES)}; got {family!r}")
    encoder = FAMILIES[family](Options(task.in_channels, hidden, layers, task.causal))
    transform = transform_of(family) if family in MODELS else None
    return gs.nn.Model(encoder, task.out_channels, pool="max" if task.per_graph else None, transform=transform)


def parameters(model: nn.Module) -> int:
    """Return the number of trained numbers."""
    return sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
