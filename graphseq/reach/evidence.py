"""The measurements behind :func:`~graphseq.reach.verdict`, on a model as it is, without training.

Influence is measured by finite differences: Gaussian noise with the RMS of the source features is added to the inputs
of selected rows, and the change in the state that the head reads is compared. Unlike the Jacobian, this also sees
through saturated units and detached states. Everything is computed in float64 on a copy of the model in evaluation
mode, with one target in each graph.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor

from graphseq import seeding
from graphseq.data.graph import SpaceTimeGraph
from graphseq.evaluation.evaluate import Evaluation, evaluate
from graphseq.nn.convolutional.antisymmetric import AntisymmetricGCN
from graphseq.nn.convolutional.layered import LayerStack
from graphseq.nn.convolutional.state_space import StateSpaceGCN
from graphseq.nn.convolutional.wave import WaveGCN
from graphseq.nn.heads import RowHead
from graphseq.nn.model import Model
from graphseq.reach.hops import hop_distances
from graphseq.reach.jacobian import _features, _still
from graphseq.reach.limit import distance_to_limit
from graphseq.tasks.base import Task

# Stacks that apply one layer repeatedly.
_REPEATED_LAYER = (AntisymmetricGCN, StateSpaceGCN, WaveGCN)
_GRAPHS = 32
_DRAWS = 4


@dataclass(frozen=True)
class Evidence:
    """The measurements of a model on a task.

    A *source* is a relevant row of a target, as ``Task.relevant_nodes`` marks it. Shares are of squared amplitudes, so
    1e-6 is a thousandth in amplitude.
    """

    answers: Evaluation  #: the evaluation of the model as it is
    layers: int | None  #: number of graph convolutions; ``None`` for other encoders than stacks of them
    shares_weights: bool  #: whether all steps from source to target share weights, as in a recurrence
    hops_needed: int  #: the most hops from a source to its target
    within_reach: float  #: share of targets whose receptive field holds all their sources, from structure
    influence: float  #: share of the farthest source in the response of the target's state to noise on the inputs
    jacobian_share: float  #: the same share in the squared norm of the Jacobian
    oversmoothing_distance: float  #: distance of the response of all rows from the over-smoothed limit, 0 to 1, or NaN
    loss_sensitivity: float  #: change of the loss of one target under noise on all inputs, to first order
    memory_items: int  #: number of items that must be in memory at once
    probe_r2_single: float  #: R² of a linear probe for one item alone, at least 0; NaN where there is one item
    probe_r2_all: float  #: R² of a linear probe for all items together, at least 0; NaN where there is one item


def gather(model: Model, task: Task, *, samples: int, seed: int) -> Evidence:
    """Measure a model on a task.

    Args:
        model: an encoder and a head; measured on a copy.
        task: the task.
        samples: graphs of the evaluation.
        seed: of all draws.
    """
    answers = evaluate(model, task, samples=samples, seed=seed)
    with torch.random.fork_rng([]):  # a copy of PyG's Linear draws new weights first, in some versions
        copy = deepcopy(model).double().cpu()
    generator = torch.Generator().manual_seed(seeding.derive(seed, seeding.BUILD, 1))
    graph = task.batch(_GRAPHS, generator)
    responses = _Responses(copy, task, graph, generator)
    r2_single, r2_all, memory_items = _probe_memory(copy, task, graph, generator)
    return Evidence(
        answers=answers,
        layers=copy.encoder.num_layers if isinstance(copy.encoder, LayerStack) else None,
        shares_weights=not isinstance(copy.encoder, LayerStack) or isinstance(copy.encoder, _REPEATED_LAYER),
        hops_needed=task.hops,
        within_reach=_within_reach(copy, task, graph),
        influence=responses.influence(),
        jacobian_share=responses.jacobian_share(),
        oversmoothing_distance=responses.oversmoothing_distance(),
        loss_sensitivity=responses.loss_sensitivity(),
        memory_items=memory_items,
        probe_r2_single=r2_single,
        probe_r2_all=r2_all,
    )


def _within_reach(model: Model, task: Task, graph: SpaceTimeGraph) -> float:
    """The share of outputs whose receptive field holds all their sources."""
    sources, fields = task.relevant_nodes(graph), model.reach(graph)
    if len(fields) != len(sources):  # one output a graph, whose sources are those of all its targets
        sources = _per_graph(sources, graph)
    is_missing = (sources & ~fields).any(dim=1)
    return 1 - float(is_missing.double().mean())


class _Responses:
    """The responses of one target in each graph of a batch to noise on the inputs."""

    def __init__(self, model: Model, task: Task, graph: SpaceTimeGraph, generator: torch.Generator) -> None:
        self.model, self.task, self.graph, self.generator = model, task, graph, generator
        self.x = _features(model, graph).detach()
        self.outputs = _one_output_each(model, task, graph, generator)
        self.sources = _farthest_sources(model, task, graph, self.outputs)
        self.noise_scale = _noise_scale(self.x, self.sources)
        all_rows = torch.ones(graph.num_rows, dtype=torch.bool)
        self.is_source = torch.zeros_like(all_rows).index_fill_(0, self.sources, True)
        self.is_other = all_rows & ~self.is_source

    def influence(self) -> float:
        """The share ‖Δ_source‖² / (‖Δ_source‖² + ‖Δ_others‖²) of noise on the farthest source; NaN where both are 0."""
        with _opened(self.model):
            base = self._state(self.x)

            def response(rows: Tensor) -> float:
                changes = [self._state(self.x + self._noise(rows)) - base for _ in range(_DRAWS)]
                return float(torch.stack(changes).square().sum())

            of_source, of_others = response(self.is_source), response(self.is_other)
        return of_source / (of_source + of_others) if of_source + of_others > 0 else math.nan

    def jacobian_share(self) -> float:
        """The share of the farthest source in the squared Jacobian, estimated from random directions of the state."""
        of_source = total = 0.0
        with _opened(self.model, grad=True):
            # At noisy features of the source: features of zero are at the kink of a ReLU.
            x = (self.x + self._noise(self.is_source)).requires_grad_()
            state = self._state(x)
            for _ in range(_DRAWS):
                signs = torch.randint(0, 2, state.shape, generator=self.generator).to(state.dtype) * 2 - 1
                squares = _gradient((state * signs).sum(), x).square().sum(dim=1)
                of_source, total = of_source + float(squares[self.sources].sum()), total + float(squares.sum())
        return of_source / total if total > 0 else math.nan

    def oversmoothing_distance(self) -> float:
        """The distance of the response to noise on all rows from the limit Â^∞; NaN for other encoders than stacks."""
        if not isinstance(self.model.encoder, LayerStack):
            return math.nan
        with _opened(self.model):
            base, transformed = self._states(self.x)
            noisy, _ = self._states(self.x + self._noise(self.is_source | self.is_other))
        return distance_to_limit(noisy - base, transformed, causal=self.model.encoder.causal)

    def loss_sensitivity(self) -> float:
        """The mean over targets of ‖∂ loss / ∂ x‖ times the noise scale; infinite where it is not finite."""
        with _opened(self.model, grad=True):
            x = self.x.clone().requires_grad_()
            loss = self.task.loss(self._output(x), self.graph.y[self.outputs]) * len(self.outputs)
            squares = _gradient(loss, x).square().sum(dim=1) * self.noise_scale**2
            sums = torch.zeros(self.graph.num_graphs, dtype=x.dtype).index_add_(0, self.graph.graph_index, squares)
        mean = float(sums.sqrt().mean())
        return mean if math.isfinite(mean) else math.inf

    def _noise(self, rows: Tensor) -> Tensor:
        """Gaussian noise on the rows that the mask ``rows`` (V,) selects, (V, F)."""
        noise = torch.randn(self.x.shape, generator=self.generator, dtype=self.x.dtype)
        return noise * self.noise_scale * rows[:, None]

    def _state(self, x: Tensor) -> Tensor:
        return _head_input(self.model, self.graph.replace(x=x))[self.outputs]

    def _output(self, x: Tensor) -> Tensor:
        out: Tensor = self.model(self.graph.replace(x=x))
        return out[self.outputs]

    def _states(self, x: Tensor) -> tuple[Tensor, SpaceTimeGraph]:
        """The states of all rows, and the graph after the transform."""
        graph = self.graph.replace(x=x)
        transformed = graph if self.model.transform is None else self.model.transform(graph)
        return self.model.encoder(transformed), transformed


def _probe_memory(
    model: Model, task: Task, graph: SpaceTimeGraph, generator: torch.Generator
) -> tuple[float, float, int]:
    """R² of linear probes of the target's state for one memory item alone and for all together, and their number."""
    items = task.memory_items(graph)
    count = int(items.sum(dim=1).max())
    if count < 2 or not bool((items & ~task.relevant_nodes(graph)).any()):
        return math.nan, math.nan, 1  # the relevant item is known when it appears, so one at a time is enough
    batches: list[tuple[Tensor, ...]] = []
    for _ in range(-(-max(256, 8 * model.encoder.hidden_channels) // _GRAPHS)):
        batch = task.batch(_GRAPHS, generator)
        x, outputs = _features(model, batch).detach(), _one_output_each(model, task, batch, generator)
        single = _farthest_sources(model, task, batch, outputs, among_items=True)
        others = task.memory_items(batch).any(dim=0)
        others[single] = False
        with _opened(model):
            state_all = _head_input(model, batch.replace(x=x))[outputs]
            state_single = _head_input(model, batch.replace(x=x * ~others[:, None]))[outputs]
        features = x[task.memory_items(batch)[outputs].nonzero()[:, 1]].view(len(outputs), -1)
        content = task.memory_content(batch)[outputs].double()
        batches.append((state_single, x[single], state_all, features, content))
    state_single, item, state_all, features, content = (torch.cat(tensors) for tensors in zip(*batches, strict=True))
    # A state has the capacity if it encodes the items either as features, row by row, or as the content asked for.
    return _probe_r2(state_single, item), max(_probe_r2(state_all, features), _probe_r2(state_all, content)), count


def _probe_r2(states: Tensor, targets: Tensor) -> float:
    """R² on held-out samples of a ridge regression of ``targets`` (N, M) on ``states`` (N, H), at least 0.

    It is fitted on the first half and evaluated on the second. The penalty suppresses directions of the states below a
    thousandth of their amplitude.
    """
    half = len(states) // 2
    scale = float(states[:half].std(dim=0).norm())
    if scale == 0 or not math.isfinite(scale):
        return 0.0
    state_mean, target_mean = states[:half].mean(dim=0), targets[:half].mean(dim=0)
    a = (states - state_mean) / scale
    penalty = 1e-6 * half * torch.eye(a.shape[1], dtype=a.dtype)
    weights = torch.linalg.solve(a[:half].T @ a[:half] + penalty, a[:half].T @ (targets[:half] - target_mean))
    residual = (targets[half:] - target_mean - a[half:] @ weights).square().sum()
    variance = (targets[half:] - targets[half:].mean(dim=0)).square().sum()
    return max(0.0, 1 - float(residual / variance)) if float(variance) > 0 else math.nan


def _one_output_each(model: Model, task: Task, graph: SpaceTimeGraph, generator: torch.Generator) -> Tensor:
    """One output of each graph, drawn at random among those with relevant rows, (B,)."""
    if not isinstance(model.head, RowHead):
        return torch.arange(graph.num_graphs)
    candidates = task.relevant_nodes(graph).any(dim=1).nonzero()[:, 0]
    if len(candidates) == 0:
        raise ValueError(
            f"{type(task).__name__}.relevant_nodes must mark at least one row for some target; it has none"
        )
    candidates = candidates[torch.rand(len(candidates), generator=generator).argsort()]
    outputs = torch.full((graph.num_graphs,), -1)
    outputs[graph.graph_index[graph.target_rows[candidates]]] = candidates  # of several, the last one written
    return outputs[outputs >= 0]


def _farthest_sources(
    model: Model, task: Task, graph: SpaceTimeGraph, outputs: Tensor, *, among_items: bool = False
) -> Tensor:
    """The source farthest from the target of each of ``outputs``, in hops, (B,); the first of several."""
    is_source = task.relevant_nodes(graph)
    targets = graph.target_rows
    hops = hop_distances(graph, targets, causal=task.causal)
    if among_items:
        is_source = is_source & task.memory_items(graph)
    source_hops = torch.where(is_source, hops, -2)
    if isinstance(model.head, RowHead):
        return source_hops[outputs].argmax(dim=1)
    owner = graph.graph_index[targets]
    farthest = source_hops.max(dim=1)
    return torch.stack([farthest.indices[owner == b][farthest.values[owner == b].argmax()] for b in outputs.tolist()])


def _per_graph(marks: Tensor, graph: SpaceTimeGraph) -> Tensor:
    """The union of the marks (K, V) of the targets of each graph, (B, V)."""
    owner = graph.graph_index[graph.target_rows]
    counts = torch.zeros(graph.num_graphs, marks.shape[1], dtype=torch.long)
    return counts.index_add_(0, owner, marks.long()) > 0


def _noise_scale(x: Tensor, rows: Tensor) -> float:
    """The root mean square of the features of ``rows``; where that is 0, of all rows; else 1."""
    for features in (x[rows], x):
        scale = float(features.square().mean().sqrt())
        if scale > 0:
            return scale
    return 1.0


def _head_input(model: Model, graph: SpaceTimeGraph) -> Tensor:
    """The input of the head's linear map: the states of the target rows, or the pooled states, (K, H)."""
    states: list[Tensor] = []
    handle = model.head.lin.register_forward_pre_hook(lambda _, inputs: states.append(inputs[0]))
    try:
        model(graph)
    finally:
        handle.remove()
    return states[0]


def _gradient(value: Tensor, x: Tensor) -> Tensor:
    """∂ value / ∂ x; zero where ``value`` does not depend on x."""
    if not value.requires_grad:
        return torch.zeros_like(x)
    gradient: Tensor | None = torch.autograd.grad(value, x, retain_graph=True, allow_unused=True)[0]
    return torch.zeros_like(x) if gradient is None else gradient


@contextmanager
def _opened(model: Model, *, grad: bool = False) -> Iterator[None]:
    with torch.inference_mode(False), torch.set_grad_enabled(grad), _still(model):
        yield
