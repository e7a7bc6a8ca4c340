"""What training sends back: the gradient of the loss on its way through layers, time steps and parameters.

A model is measured in evaluation mode and left as it was, its parameters' ``grad`` included.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from graphseq import _checks, seeding
from graphseq.data.graph import SpaceTimeGraph
from graphseq.nn.heads import RowHead
from graphseq.nn.model import Model
from graphseq.reach.jacobian import _still
from graphseq.reach.states import traced
from graphseq.tasks.base import Task


@dataclass(frozen=True)
class StateGradients:
    """The gradient of the loss in each state of a model: means over samples of each sample's own."""

    axis: Literal["layer", "step"]  #: what counts the K states of the model's trace
    norm: Tensor  #: mean of ‖∂L_b/∂S_k‖_F, (K,), in float64: L + 1 layers, features first, or T steps
    parts: Tensor  #: steps: mean of the norm in each H columns of S, (T, S / H); layers: the norm again, (K, 1)
    samples: int  #: how many were averaged


def state_gradients(
    model: Model, task: Task, *, samples: int = 1000, batch_size: int = 250, seed: int = 0
) -> StateGradients:
    r"""How large the gradient of the loss is in the state after each layer, or after each time step.

    .. math:: g_k = \frac1B \sum_b \left\| \frac{\partial L_b}{\partial S_k} \right\|_F

    L_b is the task's loss on sample b *by itself*, so that neither the norm nor its mean depends on the batch size (the
    gradient of a batch's mean loss would be smaller by a factor B). The gradient is the whole one: through all later
    states, and through the outputs asked at once.

    What a recurrence remembers is a row of several parts of H columns: h of the last layer down to the first, then for
    an LSTM c likewise. ``parts`` has each by itself: for one LSTM layer ``parts[:, 0]`` is the gradient in h and
    ``parts[:, 1]`` that in c.

    Args:
        model: an encoder and a head; its transform, where it has one, makes the graphs.
        task: where samples come from, and their loss.
        samples: graphs to draw; those without an asked row do not count.
        batch_size: graphs at a time.
        seed: 0 or more; graphs are those of :func:`graphseq.evaluate`, which no training run drew.

    Raises:
        TypeError: not a model or not a task.
        ValueError: a size below 1, or graphs of different numbers of time steps.

    Source: the gradient in every hidden state as Bengio, Simard and Frasconi, *Learning long-term dependencies with
    gradient descent is difficult* (1994), follow it; for an RNN
    :math:`\partial L / \partial h_t = \prod_{s > t} W_{hh}^\top \mathrm{diag}(1 - h_s^2)\; \partial L / \partial h_T`.

    Example:
        >>> import graphseq as gs
        >>> task = gs.tasks.Transfer(length=5)
        >>> found = state_gradients(gs.nn.Model(gs.nn.LSTM(10, 4), 10), task, samples=8)
        >>> found.axis, tuple(found.norm.shape), tuple(found.parts.shape)
        ('step', (5,), (5, 2))
    """
    _task(task)
    samples, batch_size = _checks.at_least("samples", samples, 1), _checks.at_least("batch_size", batch_size, 1)
    parts: list[Tensor] = []
    asked: list[Tensor] = []
    for number, start in enumerate(range(0, samples, batch_size)):
        g = torch.Generator().manual_seed(seeding.derive(seed, seeding.EVALUATE, number))
        found = _gradients(model, task.batch(min(batch_size, samples - start), g), task.loss)
        parts.append(torch.stack([found.by_sample(state) for state in found.states]))  # (K, B, P)
        asked.append(found.answers > 0)
    if len({len(each) for each in parts}) > 1:
        raise ValueError("the task's graphs have different numbers of time steps, of which there is no mean")
    counted = torch.cat(parts, dim=1)[:, torch.cat(asked)]
    norm = counted.square().sum(dim=2).sqrt()
    return StateGradients(found.axis, norm.mean(1), counted.mean(1), counted.shape[1])


def row_gradients(model: Model, graph: SpaceTimeGraph, loss: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    r"""The gradient of the loss in the state of every row after each layer, or of every node after each step.

    .. math:: g_{kv} = \left\| \partial L_b / \partial S_{kv} \right\|

    L_b is the loss of the graph b that row v belongs to, by itself, as for :func:`state_gradients`.

    Args:
        model: an encoder and a head.
        graph: V rows with ``y``; one graph or a batch.
        loss: of outputs and answers, such as ``task.loss``.

    Returns:
        In float64, (K, V) for the K states of the trace, features first, or (T, N); rows and nodes are those of the
        graph that the transform makes. With :func:`~graphseq.reach.hop_distances` it is the signal by distance from
        the row asked, layer by layer.

    Raises:
        TypeError: not a model.
        ValueError: a graph without ``y``, or not one answer an output.

    Example:
        Three rows, the last one asked: its loss moves the features of the row one hop away, and of none beyond.

        >>> import graphseq as gs
        >>> task = gs.tasks.Transfer(length=3)
        >>> model = gs.nn.Model(gs.nn.GCN(10, 8, num_layers=1), 10)
        >>> (row_gradients(model, task.batch(1, torch.Generator().manual_seed(0)), task.loss) > 0).tolist()
        [[False, True, True], [False, False, True]]
    """
    return torch.stack([_norms(state) for state in _gradients(model, graph, loss).states])


def parameter_gradients(model: nn.Module, task: Task, *, samples: int = 128, seed: int = 0) -> dict[str, float]:
    """The norm of each trained parameter's gradient at one moment, by name: that of the mean loss over ``samples``.

    For every step of a training run, ask ``fit`` with ``record_gradients=True``.

    Args:
        model: gives the task's outputs from its graphs.
        task: where samples come from, and their loss.
        samples: graphs in the one batch; the gradient of a mean depends on how many, as noise averages out.
        seed: 0 or more; graphs are those of :func:`graphseq.evaluate`.

    Returns:
        Norms, in the order of ``model.named_parameters()``; 0 where the loss does not depend on a parameter.

    Raises:
        TypeError: not a module or not a task.
        ValueError: nothing to train.

    Example:
        >>> import graphseq as gs
        >>> model = gs.nn.Model(gs.nn.GCN(10, 8, num_layers=1), 10)
        >>> list(parameter_gradients(model, gs.tasks.Transfer(length=3)))
        ['encoder.convs.0.bias', 'encoder.convs.0.lin.weight', 'head.lin.weight', 'head.lin.bias']
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be a torch.nn.Module, got {type(model).__name__}")
    samples = _checks.at_least("samples", samples, 1)
    wanted = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    if not wanted:
        raise ValueError("model has nothing to train: no parameter of it asks for a gradient")
    g = torch.Generator().manual_seed(seeding.derive(seed, seeding.EVALUATE, 0))
    graph = _task(task).batch(samples, g).to(next(iter(wanted.values())).device)
    with torch.inference_mode(False), torch.enable_grad(), _still(model):
        for parameter in wanted.values():
            parameter.requires_grad_()
        loss = task.loss(model(graph), graph.y)
        found = torch.autograd.grad(loss, list(wanted.values()), allow_unused=True)
    norms = (0.0 if each is None else float(torch.linalg.vector_norm(each, dtype=torch.float64)) for each in found)
    return dict(zip(wanted, norms, strict=True))


@dataclass(frozen=True)
class _Gradients:
    """Of one batch of B graphs, each of its own loss."""

    axis: Literal["layer", "step"]
    states: list[Tensor]  # the gradient in each state, (V, ·) or (N, S)
    owner: Tensor  # which graph each of their rows belongs to
    answers: Tensor  # how many each graph was asked for, (B,)
    width: int  # H

    def by_sample(self, gradient: Tensor) -> Tensor:
        """Norms of each sample's rows, in every H columns of a memory, else in all of them, (B, P)."""
        width = self.width if self.axis == "step" else gradient.shape[1]
        squares = torch.stack([_norms(part).square() for part in gradient.split(width, dim=1)], dim=1)
        sums = squares.new_zeros(len(self.answers), squares.shape[1])
        return sums.index_add_(0, self.owner, squares).sqrt().cpu()


def _gradients(model: Model, graph: SpaceTimeGraph, loss: Callable[[Tensor, Tensor], Tensor]) -> _Gradients:
    """The gradients of each sample's own loss, all in one backward pass: samples of a batch never meet."""
    if not isinstance(model, Model):
        raise TypeError(f"model must be a graphseq.nn.Model, whose head gives a loss, got {type(model).__name__}")
    graph = graph.to(next(model.parameters()).device)
    if graph.get("y") is None:
        raise ValueError("graph has no y, so there is no loss to take a gradient of")
    with traced(model, graph) as (trace, seen):
        output = model.head(trace.out, seen)
        if len(graph.y) != len(output):
            raise ValueError(f"y must hold one answer for each of the {len(output)} outputs, got {len(graph.y)}")
        sizes = _answers(model, graph)
        each = zip(output.split(sizes), graph.y.split(sizes), strict=True)
        total = torch.stack([loss(outputs, y) for outputs, y in each if len(outputs)]).sum()
        found = torch.autograd.grad(total, trace.states, allow_unused=True)
    pairs = zip(found, trace.states, strict=True)
    states = [torch.zeros_like(state) if gradient is None else gradient for gradient, state in pairs]
    owner = seen.graph_index
    if trace.axis == "step":
        nodes = owner.new_zeros(seen.topology.num_nodes)
        owner = nodes.index_put_((seen.topology.node_index,), owner)
    return _Gradients(trace.axis, states, owner, torch.tensor(sizes), model.encoder.hidden_channels)


def _answers(model: Model, graph: SpaceTimeGraph) -> list[int]:
    """How many outputs each graph of a batch has, (B,)."""
    if not isinstance(model.head, RowHead):
        return [1] * graph.num_graphs
    sizes: list[int] = torch.bincount(graph.graph_index[graph.target_rows], minlength=graph.num_graphs).tolist()
    return sizes


def _norms(gradient: Tensor) -> Tensor:
    """Norms of the rows, in float64: the square of a small float32 would be 0."""
    found: Tensor = torch.linalg.vector_norm(gradient, dim=1, dtype=torch.float64)
    return found


def _task(task: Task) -> Task:
    if not isinstance(task, Task):
        raise TypeError(f"task must be a graphseq.tasks.Task, got {type(task).__name__}")
    return task
