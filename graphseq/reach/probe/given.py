"""Checks of what a measurement is given, before anything is computed: errors name the argument of the caller."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torch_geometric.data import Data, HeteroData

from graphseq import _checks
from graphseq.data.graph import SpaceTimeGraph
from graphseq.nn.embedded import EmbeddedModel
from graphseq.nn.encoder import Encoder
from graphseq.nn.model import Model

OURS = (Model, Encoder, EmbeddedModel)
"""The models that read a :class:`~graphseq.SpaceTimeGraph`."""


def check_data(name: str, model: object, data: object) -> None:
    """Raise if data is of a kind that the model does not read, or without numbers.

    Args:
        name: of the argument.
        model: any callable; one of this library reads a space-time graph.
        data: PyG data or a batch, a space-time graph, a tensor, or a loader or a list of these.

    Raises:
        TypeError: data of another kind.
        ValueError: data on the meta device, or without features or an asked row.
    """
    _check_model(model)
    if isinstance(data, Iterator):
        raise TypeError(f"{name} is a {type(data).__name__}, which measuring would use up; give a list of batches")
    is_list = isinstance(data, list) and bool(data) and all(isinstance(each, Data | HeteroData) for each in data)
    if not is_list and not isinstance(data, Data | HeteroData | Tensor | DataLoader | Dataset):
        raise TypeError(
            f"{name} must be a graph (PyG Data or Batch, a SpaceTimeGraph), a tensor, or a loader of these, got "
            f"{type(data).__name__}; of a loader of another library, give its batches of PyG Data: list({name}); of "
            "anything else, measure x alone: Probe(model, x, call=lambda m, x: m(x, …))"
        )
    if isinstance(data, Tensor):
        _checks.is_tensor(name, data)
    if isinstance(model, OURS) and isinstance(data, Data | Tensor) and not isinstance(data, SpaceTimeGraph):
        way, came = f"from_graph({name})", f"another graph, {type(data).__name__}"
        if isinstance(data, Tensor):
            way, came = "from_sequence(x)", "no graph but a tensor"
        reader = type(model).__name__
        raise TypeError(f"{reader} reads a SpaceTimeGraph, and {name} is {came}; make one: graphseq.{way}")
    if isinstance(data, SpaceTimeGraph):
        _check_graph(name, model, data)
    elif isinstance(data, Data) and any(isinstance(part, Tensor) and part.is_meta for _, part in data):
        raise ValueError(f"{name} must hold numbers, but is on the meta device, where tensors have none")


def _check_model(model: object) -> None:
    if isinstance(model, nn.Module) and any(weight.is_meta for weight in model.parameters()):
        raise ValueError("model is on the meta device, where weights are without numbers; build it on another")


def _check_graph(name: str, model: object, graph: SpaceTimeGraph) -> None:
    graph.check_as_argument(name)
    x, target = graph.get("x"), graph.get("target")
    if x is None:
        raise ValueError(f"{name} has no features x; give it some: {name}.replace(x=torch.ones({name}.num_rows, 1))")
    if x.is_meta:
        raise ValueError(f"{name} must hold numbers, but its x is on the meta device, where tensors have none")
    if isinstance(model, Encoder) and isinstance(target, Tensor) and not bool(target.any()):
        raise ValueError(f"{name} marks no row in target, so that nothing is asked; mark one, or leave target out")
