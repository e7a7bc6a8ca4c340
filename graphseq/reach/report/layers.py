"""States of a model layer by layer, found by hooks: their smoothness, and the gradients that reach them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch_geometric.data import Data

from graphseq.reach.diagnosis.problem import Sample
from graphseq.reach.limit import distance_to_limit
from graphseq.reach.probe import taps
from graphseq.reach.smoothness import rayleigh_quotient

_MOST_ROWS = 50_000


@dataclass(frozen=True)
class Layers:
    """Measures of the states after each layer, features first where these are floating."""

    names: tuple[str, ...]
    smoothness: dict[str, list[float]]  #: each measure at each layer; NaN where it is not defined
    gradient: list[float]  #: root mean square over the rows of ‖∂ loss / ∂ h_v‖; NaN where no gradient arrives


def layers_of(model: nn.Module, sample: Sample, loss: Callable[[Tensor, Tensor], Tensor], x: Tensor) -> Layers | None:
    """Measure every state that has one line a row.

    Args:
        model: in evaluation mode.
        sample: the rows.
        loss: the mean loss of (output, y).
        x: the features at which to measure.

    Returns:
        ``None`` where the model shows no such state, or has more than 50,000 rows.
    """
    count = sample.rows.count
    if count > _MOST_ROWS:
        return None
    _, output, found = recorded(model, sample, x)
    if len(found) < 2:
        return None
    graph = Data(edge_index=sample.rows.edges, num_nodes=count)
    states = [rows.detach().double() for _, _, rows in found]
    smoothness = {
        "Rayleigh quotient of Â": [_safe(rayleigh_quotient, h, graph, "gcn") for h in states],
        "distance from the limit of a GCN": [_safe(distance_to_limit, h, graph, "gcn") for h in states],
        "distance from a constant": [_safe(distance_to_limit, h, graph, "walk") for h in states],
    }
    gradient = _gradients(loss(output, sample.y), [tensor for _, tensor, _ in found], count)
    return Layers(tuple(name for name, _, _ in found), smoothness, gradient)


def recorded(model: nn.Module, sample: Sample, x: Tensor) -> tuple[Tensor, Tensor, list[tuple[str, Tensor, Tensor]]]:
    """The features as a leaf, the outputs, and each state with one line a row: its name, itself and its lines (V, H).

    Args:
        model: in evaluation mode.
        sample: the rows.
        x: the features; they are the first state where they are floating.
    """
    recorder = taps.Recorder()
    start = x.detach().clone()
    if start.is_floating_point():
        start.requires_grad_()
    with taps.hooked(model, _chosen(model), recorder):
        output = sample.run(model, start)
    found = [("features", start, start)] if start.is_floating_point() and start.dim() == 2 else []
    for name, call, module, tensor in recorder.calls():
        rows = _by_row(module, tensor, sample.rows.count)
        if rows is not None:
            found.append((recorder.label(name, call), tensor, rows))
    return start, output, found


def _chosen(model: nn.Module) -> list[str]:
    """Layers; all modules without children where there are none of these."""
    names = [
        name
        for name in taps.names(model, None)
        if isinstance(model.get_submodule(name) if name else model, taps.LAYERS)
    ]
    return names or [name for name, module in model.named_modules() if not list(module.children())]


def _by_row(module: nn.Module, tensor: Tensor, count: int) -> Tensor | None:
    """A state with one line a row, (V, H); sequences are read as their modules do."""
    if not tensor.is_floating_point():
        return None
    if tensor.dim() == 2 and len(tensor) == count:
        return tensor
    if tensor.dim() == 3 and tensor.shape[0] * tensor.shape[1] == count:
        is_batch_first = getattr(module, "batch_first", True)
        return (tensor if is_batch_first else tensor.transpose(0, 1)).reshape(count, -1)
    return None


def _gradients(loss: Tensor, tensors: list[Tensor], count: int) -> list[float]:
    tracked = [tensor for tensor in tensors if tensor.requires_grad]
    if not loss.requires_grad or not tracked:
        return [math.nan] * len(tensors)
    found = iter(torch.autograd.grad(loss, tracked, allow_unused=True))
    norms = []
    for tensor in tensors:
        gradient = next(found) if tensor.requires_grad else None
        norms.append(math.nan if gradient is None else float(gradient.detach().double().square().sum() / count) ** 0.5)
    return norms


def _safe(measure: Callable[..., float], states: Tensor, graph: Data, operator: str) -> float:
    value = float(measure(states, graph, operator=operator)) if bool(states.isfinite().all()) else math.nan
    return value if math.isfinite(value) else math.nan
