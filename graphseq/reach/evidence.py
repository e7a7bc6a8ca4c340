"""What :func:`~graphseq.reach.verdict` measures: nothing is trained, and every number has a meaning of its own.

Rows are made to speak: Gaussian noise of the size of what a source shows is added to some rows, and what it does to the
state that the head reads is compared. That is a finite difference, so it sees what passes a saturated layer, and where
a gradient does not. All is measured in float64 on a copy of the model, in evaluation mode, with one question a graph.
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

# Stacks of layers that are one step, over and over.
_ONE_STEP = (AntisymmetricGCN, StateSpaceGCN, WaveGCN)
_GRAPHS = 32
_DRAWS = 4


@dataclass(frozen=True)
class Evidence:
    """What was measured. All shares are of squared amplitudes, so 1e-6 is a thousandth in amplitude."""

    answers: Evaluation  #: how good the model is as it stands
    layers: int | None  #: graph convolutions, where it is a stack of them
    shares_weights: bool  #: whether the way is one step taken again and again, as in a recurrence
    hops_needed: int  #: the most hops from what must be known to where it is asked
    within_reach: float  #: share of questions whose sources are all within reach, by structure
    influence: float  #: share of the farthest source in what all rows can do to the asked state, when they speak
    jacobian_share: float  #: the same for small changes, by the Jacobian
    oversmoothing_distance: float  #: how far the rows' responses are from all alike, 0 to 1; NaN for a recurrence
    loss_sensitivity: float  #: change of the loss of one question when all rows speak, to first order
    memory_items: int  #: how many items must be held at once
    probe_r2_single: (
        float  #: share of one item's variance that a linear map reads back where it is alone; NaN for one item
    )
    probe_r2_all: float  #: share of all items' variance that a linear map reads back where all are there


def gather(model: Model, task: Task, *, samples: int, seed: int) -> Evidence:
    """Measure a model on a task."""
    answers = evaluate(model, task, samples=samples, seed=seed)
    copy = deepcopy(model).double().cpu()
    g = torch.Generator().manual_seed(seeding.derive(seed, seeding.BUILD, 1))
    graph = task.batch(_GRAPHS, g)
    asked = _Asked(copy, task, graph, g)
    alone, together, memory_items = _recall(copy, task, graph, g)
    return Evidence(
        answers=answers,
        layers=copy.encoder.num_layers if isinstance(copy.encoder, LayerStack) else None,
        shares_weights=not isinstance(copy.encoder, LayerStack) or isinstance(copy.encoder, _ONE_STEP),
        hops_needed=task.hops,
        within_reach=_within_reach(copy, task, graph),
        influence=asked.influence(),
        jacobian_share=asked.jacobian_share(),
        oversmoothing_distance=asked.oversmoothing_distance(),
        loss_sensitivity=asked.loss_sensitivity(),
        memory_items=memory_items,
        probe_r2_single=alone,
        probe_r2_all=together,
    )


def _within_reach(model: Model, task: Task, graph: SpaceTimeGraph) -> float:
    sources, reach = task.relevant_nodes(graph), model.reach(graph)
    if len(reach) != len(sources):  # one output a graph, which is asked for what any of its rows is asked
        sources = _per_graph(sources, graph)
    missing = (sources & ~reach).any(dim=1)
    return 1 - float(missing.double().mean())


class _Asked:
    """One question of each graph of a batch, and what its state hears."""

    def __init__(self, model: Model, task: Task, graph: SpaceTimeGraph, generator: torch.Generator) -> None:
        self.model, self.task, self.graph, self.generator = model, task, graph, generator
        self.x = _features(model, graph).detach()
        self.pick = _one_each(model, task, graph, generator)
        self.owner = graph.graph_index
        self.farthest = _farthest(model, task, graph, self.pick)
        self.size = _spoken_size(self.x, self.farthest)
        everyone = torch.ones(graph.num_rows, dtype=torch.bool)
        self.source = torch.zeros_like(everyone).index_fill_(0, self.farthest, True)
        self.rest = everyone & ~self.source

    def influence(self) -> float:
        """‖Δ‖² when the farthest source speaks, over that and ‖Δ‖² when all other rows do; NaN where both are 0."""
        with _opened(self.model):
            base = self._state(self.x)

            def moved(some: Tensor) -> float:
                changes = [self._state(self.x + self._noise(some)) - base for _ in range(_DRAWS)]
                return float(torch.stack(changes).square().sum())

            heard, drowned = moved(self.source), moved(self.rest)
        return heard / (heard + drowned) if heard + drowned > 0 else math.nan

    def jacobian_share(self) -> float:
        """The same with the Jacobian in the place of differences, from a few random directions of the state."""
        heard = total = 0.0
        with _opened(self.model, grad=True):
            # Where the source speaks: features that are zero sit on the kink of a ReLU.
            x = (self.x + self._noise(self.source)).requires_grad_()
            state = self._state(x)
            for _ in range(_DRAWS):
                signs = torch.randint(0, 2, state.shape, generator=self.generator).to(state.dtype) * 2 - 1
                squares = _gradient((state * signs).sum(), x).square().sum(dim=1)
                heard, total = heard + float(squares[self.farthest].sum()), total + float(squares.sum())
        return heard / total if total > 0 else math.nan

    def oversmoothing_distance(self) -> float:
        """How far the responses of rows that all spoke are from the one response a GCN smooths everything to."""
        if not isinstance(self.model.encoder, LayerStack):
            return math.nan
        with _opened(self.model):
            base, seen = self._states(self.x)
            spoken, _ = self._states(self.x + self._noise(self.source | self.rest))
        return distance_to_limit(spoken - base, seen, causal=self.model.encoder.causal)

    def loss_sensitivity(self) -> float:
        """Mean over questions of ‖∂ loss / ∂ x‖ · size of what is spoken; infinite where it is not finite."""
        with _opened(self.model, grad=True):
            x = self.x.clone().requires_grad_()
            loss = self.task.loss(self._output(x), self.graph.y[self.pick]) * len(self.pick)
            slopes = _gradient(loss, x).square().sum(dim=1) * self.size**2
            norms = torch.zeros(self.graph.num_graphs, dtype=x.dtype).index_add_(0, self.owner, slopes).sqrt()
        mean = float(norms.mean())
        return mean if math.isfinite(mean) else math.inf

    def _noise(self, rows: Tensor) -> Tensor:
        drawn = torch.randn(self.x.shape, generator=self.generator, dtype=self.x.dtype)
        return drawn * self.size * rows[:, None]

    def _seen(self, x: Tensor) -> SpaceTimeGraph:
        return self.graph.replace(x=x)

    def _state(self, x: Tensor) -> Tensor:
        return _head_input(self.model, self._seen(x))[self.pick]

    def _output(self, x: Tensor) -> Tensor:
        out: Tensor = self.model(self._seen(x))
        return out[self.pick]

    def _states(self, x: Tensor) -> tuple[Tensor, SpaceTimeGraph]:
        graph = self._seen(x)
        seen = graph if self.model.transform is None else self.model.transform(graph)
        return self.model.encoder(seen), seen


def _recall(model: Model, task: Task, graph: SpaceTimeGraph, generator: torch.Generator) -> tuple[float, float, int]:
    """What a linear map reads back of one item alone, and of all together; and how many there are."""
    items = task.memory_items(graph)
    count = int(items.sum(dim=1).max())
    if count < 2 or not bool((items & ~task.relevant_nodes(graph)).any()):
        return math.nan, math.nan, 1  # what is needed is known beforehand: nothing has to be held for later
    parts: list[tuple[Tensor, ...]] = []
    for _ in range(-(-max(256, 8 * model.encoder.hidden_channels) // _GRAPHS)):
        drawn = task.batch(_GRAPHS, generator)
        x, pick = _features(model, drawn).detach(), _one_each(model, task, drawn, generator)
        kept = _farthest(model, task, drawn, pick, among_items=True)
        others = task.memory_items(drawn).any(dim=0)
        others[kept] = False
        with _opened(model):
            together = _head_input(model, drawn.replace(x=x))[pick]
            alone = _head_input(model, drawn.replace(x=x * ~others[:, None]))[pick]
        shown = x[task.memory_items(drawn)[pick].nonzero()[:, 1]].view(len(pick), -1)
        parts.append((alone, x[kept], together, shown, task.memory_content(drawn)[pick].double()))
    alone, one, together, shown, held = (torch.cat(each) for each in zip(*parts, strict=True))
    # As they were shown, row by row, or as they will be asked for: a state that has either has room.
    return _read_back(alone, one), max(_read_back(together, shown), _read_back(together, held)), count


def _read_back(states: Tensor, wanted: Tensor) -> float:
    """Share of the variance of ``wanted`` (N, M) that ridge regression on ``states`` (N, H) explains.

    On the half that it was not fitted on. What is weaker than a thousandth of the states' amplitude is not heard.
    """
    half = len(states) // 2
    scale = float(states[:half].std(dim=0).norm())
    if scale == 0 or not math.isfinite(scale):
        return 0.0
    mean, centre = states[:half].mean(dim=0), wanted[:half].mean(dim=0)
    a = (states - mean) / scale
    ridge = 1e-6 * half * torch.eye(a.shape[1], dtype=a.dtype)
    weights = torch.linalg.solve(a[:half].T @ a[:half] + ridge, a[:half].T @ (wanted[:half] - centre))
    left = (wanted[half:] - centre - a[half:] @ weights).square().sum()
    there = (wanted[half:] - wanted[half:].mean(dim=0)).square().sum()
    return max(0.0, 1 - float(left / there)) if float(there) > 0 else math.nan


def _one_each(model: Model, task: Task, graph: SpaceTimeGraph, generator: torch.Generator) -> Tensor:
    """One output of each graph that is asked anything it needs to know, drawn at random, (B,)."""
    if not isinstance(model.head, RowHead):
        return torch.arange(graph.num_graphs)
    needy = task.relevant_nodes(graph).any(dim=1).nonzero()[:, 0]
    if len(needy) == 0:
        raise ValueError(
            f"{type(task).__name__}.relevant_nodes marks no row that any question needs, so nothing is to be heard"
        )
    needy = needy[torch.rand(len(needy), generator=generator).argsort()]
    first = torch.full((graph.num_graphs,), -1)
    first[graph.graph_index[graph.target_rows[needy]]] = needy  # the last one written stays
    return first[first >= 0]


def _farthest(model: Model, task: Task, graph: SpaceTimeGraph, pick: Tensor, *, among_items: bool = False) -> Tensor:
    """The source that is the most hops from each picked question, (B,); the first of several."""
    marked = task.relevant_nodes(graph)
    asked = graph.target_rows
    hops = hop_distances(graph, asked, causal=task.causal)
    if among_items:
        marked = marked & task.memory_items(graph)
    far = torch.where(marked, hops, -2)
    if isinstance(model.head, RowHead):
        return far[pick].argmax(dim=1)
    owner = graph.graph_index[asked]
    best = far.max(dim=1)
    return torch.stack([best.indices[owner == b][best.values[owner == b].argmax()] for b in pick.tolist()])


def _per_graph(marks: Tensor, graph: SpaceTimeGraph) -> Tensor:
    """Marks (K, V) of the asked rows, joined a graph, (B, V)."""
    owner = graph.graph_index[graph.target_rows]
    joined = torch.zeros(graph.num_graphs, marks.shape[1], dtype=torch.long)
    return joined.index_add_(0, owner, marks.long()) > 0


def _spoken_size(x: Tensor, rows: Tensor) -> float:
    """Root mean square of what the rows show, a feature; where that is nothing, of all rows; else 1."""
    for shown in (x[rows], x):
        size = float(shown.square().mean().sqrt())
        if size > 0:
            return size
    return 1.0


def _head_input(model: Model, graph: SpaceTimeGraph) -> Tensor:
    """What the head's linear map reads: the states of the asked rows, or the pooled ones, (K, H)."""
    read: list[Tensor] = []
    handle = model.head.lin.register_forward_pre_hook(lambda _, inputs: read.append(inputs[0]))
    try:
        model(graph)
    finally:
        handle.remove()
    return read[0]


def _gradient(value: Tensor, x: Tensor) -> Tensor:
    if not value.requires_grad:
        return torch.zeros_like(x)
    found: Tensor | None = torch.autograd.grad(value, x, retain_graph=True, allow_unused=True)[0]
    return torch.zeros_like(x) if found is None else found


@contextmanager
def _opened(model: Model, *, grad: bool = False) -> Iterator[None]:
    with torch.inference_mode(False), torch.set_grad_enabled(grad), _still(model):
        yield
