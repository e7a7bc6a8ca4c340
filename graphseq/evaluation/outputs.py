"""A task's batch and a model's outputs for it, with errors in the user's terms where torch's would name no argument."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch_geometric.data import Data

from graphseq.data.graph import SpaceTimeGraph
from graphseq.tasks.base import Task


def placed(task: Task, graph: object, device: torch.device | str) -> SpaceTimeGraph:
    """A batch of a task, on a device; see :func:`checked`."""
    moved: SpaceTimeGraph = checked(task, graph).to(device)
    return moved


def checked(task: Task, graph: object) -> SpaceTimeGraph:
    """Return the batch that a task gave, if it is one.

    Raises:
        TypeError: the task gave something else than a graph.
        ValueError: a graph without answers, or with tensors that hold no numbers.
    """
    name = type(task).__name__
    if not isinstance(graph, Data):
        raise TypeError(f"{name}.batch must return a SpaceTimeGraph with y and target, got {type(graph).__name__}")
    if not isinstance(graph.get("y"), Tensor):
        raise ValueError(f"{name}.batch must return a graph with its answers in y, got {type(graph.get('y')).__name__}")
    for key in ("x", "y"):
        if isinstance(value := graph.get(key), Tensor) and (value.is_meta or value.layout != torch.strided):
            kind = "on the meta device, which holds no numbers" if value.is_meta else f"of layout {value.layout}"
            raise ValueError(f"{key} of a batch of {name} must be a plain tensor of numbers, got one {kind}")
    if graph.y.is_complex():
        raise ValueError(f"y of a batch of {name} must hold classes or real numbers, got {graph.y.dtype}")
    return cast("SpaceTimeGraph", graph)


def outputs_of(model: nn.Module, graph: SpaceTimeGraph) -> Tensor:
    """The outputs of a model for a batch.

    Raises:
        TypeError: the model gives something else than a tensor, or has weights of another type than the features.
    """
    try:
        output = model(graph)
    except (RuntimeError, TypeError, ValueError) as error:
        if not isinstance(error, TypeError) and (difference := _types_differ(model, graph)):
            raise TypeError(difference) from error
        if type(error) not in (TypeError, ValueError):
            raise
        raise type(error)(f"model cannot read the task's graphs: {error}") from error
    if not isinstance(output, Tensor):
        raise TypeError(f"the model must give a tensor of outputs (K, C), got {type(output).__name__}")
    return output


def _types_differ(model: nn.Module, graph: SpaceTimeGraph) -> str:
    """The reason for which a model cannot compute with the features; empty where their types are one."""
    x = graph.get("x")
    types = {weight.dtype for weight in model.parameters() if weight.is_floating_point()}
    if not isinstance(x, Tensor) or not x.is_floating_point() or not types or types == {x.dtype}:
        return ""
    mine, its = str(x.dtype).removeprefix("torch."), ", ".join(sorted(str(t).removeprefix("torch.") for t in types))
    method = {torch.float32: ".float()", torch.float64: ".double()"}.get(x.dtype, f".to({x.dtype})")
    name = type(model).__name__
    return f"{name} has weights of {its}, but x is of {mine}; turn the features, or the model, model{method}"
