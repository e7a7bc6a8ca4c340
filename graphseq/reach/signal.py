"""The gradient of the loss in the states after each layer or time step, and in the parameters.

A model is measured in evaluation mode and left unchanged, including the ``grad`` of its parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from graphseq import _checks, seeding
from graphseq._arguments import checked_arguments, checked_but
from graphseq._prompt import short_repr
from graphseq.data.graph import SpaceTimeGraph
from graphseq.evaluation.outputs import outputs_of
from graphseq.nn.encoder import Encoder
from graphseq.nn.heads import RowHead
from graphseq.nn.model import Model
from graphseq.reach.jacobian import _still
from graphseq.reach.probe.function import RowFunction
from graphseq.reach.probe.given import check_data
from graphseq.reach.probe.loss_gradients import Loss, LossGradients, loss_gradients, loss_of
from graphseq.reach.traced import traced
from graphseq.tasks.base import Task


@short_repr
@dataclass(frozen=True)
class StateGradients:
    """The norms of the gradient of the loss in each state of a model, averaged over samples.

    Returned by :func:`graphseq.reach.state_gradients`.
    """

    axis: Literal["layer", "step"]  #: the index of the K states of the model's trace
    norm: Tensor  #: mean of ‖∂L_b/∂S_k‖_F, (K,), in float64: L + 1 layers, features first, or T steps
    parts: Tensor  #: mean of the norm in each H columns of S, (T, S / H), of steps; of layers ``norm``, (K, 1)
    samples: int  #: the number of samples averaged over
    names: tuple[str, ...] = ()  #: of the states of a model of others


@checked_but("model")
def state_gradients(
    model: Callable[..., object], task: Task, *, samples: int = 1000, batch_size: int = 250, seed: int = 0
) -> StateGradients:
    r"""Compute the norm of the gradient of the loss in the state after each layer, or after each time step.

    .. math:: g_k = \frac1B \sum_b \left\| \frac{\partial L_b}{\partial S_k} \right\|_F

    L_b is the task's loss on sample b *alone*, so that the result does not depend on the batch size (the gradient of a
    batch's mean loss is smaller by a factor B). It is the total gradient, through all later states and through the
    outputs computed from the state directly.

    A recurrent state has several parts of H columns: h of the last layer down to the first, then for an LSTM c
    likewise. ``parts`` has the norm in each: for one LSTM layer ``parts[:, 0]`` is that in h and ``parts[:, 1]`` that
    in c.

    Args:
        model: an encoder and a head, measured on the graphs that its transform returns; or any other model that
            :class:`~graphseq.reach.Probe` takes, whose states are the features and what its layers, norms and pooling
            modules return for each row, edge or graph (:meth:`graphseq.reach.Probe.state_gradients` takes data and a
            loss in place of a task).
        task: the source of samples and of their loss.
        samples: the number of graphs to draw; graphs without a target are left out of the mean.
        batch_size: the number of graphs in a batch.
        seed: 0 or more; the graphs are those of :func:`graphseq.evaluate`, which training never draws.

    Raises:
        TypeError: an encoder, whose states have no loss, a model that cannot be called, or not a task.
        ValueError: a size below 1, or graphs of different numbers of time steps.

    Source: Bengio, Simard and Frasconi, *Learning long-term dependencies with gradient descent is difficult* (1994),
    for the gradient in every hidden state; for an RNN
    :math:`\partial L / \partial h_t = \prod_{s > t} W_{hh}^\top \mathrm{diag}(1 - h_s^2)\; \partial L / \partial h_T`.

    Example:
        >>> import graphseq as gs
        >>> task = gs.tasks.Transfer(length=5)
        >>> gradients = state_gradients(gs.nn.Model(gs.nn.LSTM(10, 4), 10), task, samples=8)
        >>> gradients.axis, tuple(gradients.norm.shape), tuple(gradients.parts.shape)
        ('step', (5,), (5, 2))
    """
    _task(task)
    samples, batch_size = _checks.at_least("samples", samples, 1), _checks.at_least("batch_size", batch_size, 1)
    parts: list[Tensor] = []
    has_targets: list[Tensor] = []
    for number, start in enumerate(range(0, samples, batch_size)):
        g = torch.Generator().manual_seed(seeding.derive(seed, seeding.EVALUATE, number))
        gradients = _gradients(model, task.batch(min(batch_size, samples - start), g), task.loss)
        parts.append(torch.stack(gradients.by_sample()))  # (K, B, P)
        has_targets.append(gradients.num_outputs > 0)
    if len({len(batch) for batch in parts}) > 1:
        raise ValueError("the task's graphs have different numbers of time steps; there is no mean of their gradients")
    return _averaged(torch.cat(parts, dim=1)[:, torch.cat(has_targets)], gradients)


def _averaged(norms: Tensor, gradients: _Gradients) -> StateGradients:
    """The means over samples of norms (K, B, P)."""
    norm = norms.square().sum(dim=2).sqrt()
    return StateGradients(gradients.axis, norm.mean(1), norms.mean(1), norms.shape[1], gradients.names)


@checked_but("model")
def row_gradients(model: Callable[..., object], graph: object, loss: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    r"""Compute the norm of the gradient of the loss in each row's state by layer, or in each node's state by time step.

    .. math:: g_{kv} = \left\| \partial L_b / \partial S_{kv} \right\|

    L_b is the loss of the graph b of row v alone, as in :func:`state_gradients`.

    Args:
        model: an encoder and a head; or any other model that :class:`~graphseq.reach.Probe` takes, of whose states
            those with one line a row are measured.
        graph: its data, V rows with ``y``; one graph or a batch.
        loss: a function of outputs and ``y``, such as ``task.loss``.

    Returns:
        (K, V) in float64 for the K states of the trace, features first, or (T, N); rows and nodes are those of the
        graph that the transform returns. With :func:`~graphseq.reach.hop_distances` it gives the gradient by distance
        from the target, layer by layer.

    Raises:
        TypeError: an encoder, whose states have no loss, or a model that cannot be called.
        ValueError: a graph without ``y``, or with another number of entries in ``y`` than outputs.

    Example:
        Three rows, the last of which is the target. With one layer the gradient reaches the features one hop away.

        >>> import graphseq as gs
        >>> task = gs.tasks.Transfer(length=3)
        >>> model = gs.nn.Model(gs.nn.GCN(10, 8, num_layers=1), 10)
        >>> (row_gradients(model, task.batch(1, torch.Generator().manual_seed(0)), task.loss) > 0).tolist()
        [[False, True, True], [False, False, True]]
    """
    return _by_row(_gradients(model, graph, loss))


def of_function(
    function: RowFunction, loss: Loss, y: Tensor | None, outputs: Tensor | None
) -> tuple[StateGradients, Tensor]:
    """The gradients in the states of the model of a probe, by state and by row; see ``Probe.state_gradients``."""
    model = function.model
    if function.source.is_ours and isinstance(model, Model | Encoder):
        if outputs is not None:
            raise ValueError("outputs=… is of models of others; mark rows of the graph by target= in its place")
        graph = function.graph if y is None else function.graph.replace(y=y)
        gradients = _gradients(model, graph, loss)
    else:
        gradients = _of_hooks(loss_gradients(function, loss, y, outputs))
    norms = torch.stack(gradients.by_sample())[:, gradients.num_outputs > 0]
    return _averaged(norms, gradients), _by_row(gradients)


def _by_row(gradients: _Gradients) -> Tensor:
    lines = [state for state, is_of_rows in zip(gradients.states, gradients.of_rows, strict=True) if is_of_rows]
    return torch.stack([_norms(state) for state in lines])


@checked_arguments
def parameter_gradients(model: nn.Module, task: Task, *, samples: int = 128, seed: int = 0) -> dict[str, float]:
    """Compute the norm of the gradient of the mean loss in each parameter, by name.

    To record it at every step of a training run, pass ``record_gradients=True`` to ``fit``.

    Args:
        model: computes the task's outputs from its graphs.
        task: the source of samples and of their loss.
        samples: the number of graphs in the batch; the norm depends on it, as noise averages out.
        seed: 0 or more; the graphs are those of :func:`graphseq.evaluate`.

    Returns:
        Norms, in the order of ``model.named_parameters()``; 0 where the loss does not depend on a parameter.

    Raises:
        TypeError: not a module, or not a task.
        ValueError: no parameter requires a gradient.

    Example:
        >>> import graphseq as gs
        >>> model = gs.nn.Model(gs.nn.GCN(10, 8, num_layers=1), 10)
        >>> list(parameter_gradients(model, gs.tasks.Transfer(length=3)))
        ['encoder.convs.0.bias', 'encoder.convs.0.lin.weight', 'head.lin.weight', 'head.lin.bias']
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be a torch.nn.Module, got {type(model).__name__}")
    samples = _checks.at_least("samples", samples, 1)
    parameters = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    if not parameters:
        raise ValueError("model has nothing to train: none of its parameters requires a gradient")
    g = torch.Generator().manual_seed(seeding.derive(seed, seeding.EVALUATE, 0))
    graph = _task(task).batch(samples, g).to(next(iter(parameters.values())).device)
    with torch.inference_mode(False), torch.enable_grad(), _still(model):
        for parameter in parameters.values():
            parameter.requires_grad_()
        loss = task.loss(outputs_of(model, graph), graph.y)
        gradients = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
    norms = (0.0 if grad is None else float(torch.linalg.vector_norm(grad, dtype=torch.float64)) for grad in gradients)
    return dict(zip(parameters, norms, strict=True))


@dataclass(frozen=True)
class _Gradients:
    """The gradients of a batch of B graphs, of each graph's own loss."""

    axis: Literal["layer", "step"]
    states: list[Tensor]  # the gradient in each state, (V, ·) or (N, S)
    owners: list[Tensor]  # the graph of each of their lines
    num_outputs: Tensor  # the number of outputs of each graph, (B,)
    width: int  # H, of steps
    of_rows: list[bool]  # of each state, its having one line a row, or a node
    names: tuple[str, ...] = ()

    def by_sample(self) -> list[Tensor]:
        """The norms of each state over each sample's lines, of every H columns of a recurrence or of all: (B, P)."""
        return [self._of_state(*pair) for pair in zip(self.states, self.owners, strict=True)]

    def _of_state(self, gradient: Tensor, owner: Tensor) -> Tensor:
        width = self.width if self.axis == "step" else gradient.shape[1]
        squares = torch.stack([_norms(part).square() for part in gradient.split(width, dim=1)], dim=1)
        sums = squares.new_zeros(len(self.num_outputs), squares.shape[1])
        return sums.index_add_(0, owner, squares).sqrt().cpu()


def _gradients(model: Callable[..., object], data: object, loss: Loss) -> _Gradients:
    """Compute the gradients of each sample's own loss in one backward pass; samples of a batch do not interact."""
    if isinstance(model, Encoder):
        raise TypeError(
            f"{type(model).__name__} is an encoder, whose states have no loss; give it a head: graphseq.nn.Model"
        )
    if isinstance(model, Model) and isinstance(data, SpaceTimeGraph):
        return _of_trace(model, data, loss)
    check_data("graph", model, data)
    function = RowFunction(model, data)
    outputs = None
    if isinstance(data, SpaceTimeGraph) and function.kind == "node":
        outputs = function.outputs_at(data.target_rows)  # of rows without a target nothing is asked
    return _of_hooks(loss_gradients(function, loss, None, outputs))


def _of_hooks(found: LossGradients) -> _Gradients:
    of_rows = [of == "rows" for of in found.of]
    counts = found.num_outputs
    return _Gradients("layer", list(found.states), list(found.owners), counts, 0, of_rows, found.names)


def _of_trace(model: Model, graph: SpaceTimeGraph, loss: Loss) -> _Gradients:
    graph = graph.to(next(model.parameters()).device)
    if graph.get("y") is None:
        raise ValueError("graph has no y, so it has no loss to take the gradient of")
    with traced(model, graph) as (trace, transformed):
        output = model.head(trace.out, transformed)
        if len(graph.y) != len(output):
            raise ValueError(f"y must have one entry for each of the {len(output)} outputs, got {len(graph.y)}")
        sizes = _outputs_by_graph(model, graph)
        by_graph = zip(output.split(sizes), graph.y.split(sizes), strict=True)
        total = torch.stack([loss_of(loss, outputs, y) for outputs, y in by_graph if len(outputs)]).sum()
        gradients = torch.autograd.grad(total, trace.states, allow_unused=True)
    pairs = zip(gradients, trace.states, strict=True)
    states = [torch.zeros_like(state) if gradient is None else gradient for gradient, state in pairs]
    owner = transformed.graph_index
    if trace.axis == "step":
        nodes = owner.new_zeros(transformed.topology.num_nodes)
        owner = nodes.index_put_((transformed.topology.node_index,), owner)
    many = len(states)
    width = model.encoder.hidden_channels
    return _Gradients(trace.axis, states, [owner] * many, torch.tensor(sizes), width, [True] * many)


def _outputs_by_graph(model: Model, graph: SpaceTimeGraph) -> list[int]:
    """The number of outputs of each graph of a batch, (B,)."""
    if not isinstance(model.head, RowHead):
        return [1] * graph.num_graphs
    sizes: list[int] = torch.bincount(graph.graph_index[graph.target_rows], minlength=graph.num_graphs).tolist()
    return sizes


def _norms(gradient: Tensor) -> Tensor:
    """The norms of the rows, in float64: the square of a small float32 would be 0."""
    norms: Tensor = torch.linalg.vector_norm(gradient, dim=1, dtype=torch.float64)
    return norms


def _task(task: Task) -> Task:
    if not isinstance(task, Task):
        raise TypeError(f"task must be a graphseq.tasks.Task, got {type(task).__name__}")
    return task
