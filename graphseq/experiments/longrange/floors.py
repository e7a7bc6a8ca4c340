"""The floors of a task: the errors of models that see no distance, which a result must stand beside."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from graphseq import nn, seeding
from graphseq.data.graph import SpaceTimeGraph
from graphseq.experiments.longrange.answered import Answered, answered
from graphseq.experiments.longrange.measures import ACCURACY, MAE, Measure
from graphseq.experiments.longrange.scaled import Scaled
from graphseq.experiments.longrange.training import trained
from graphseq.tasks.base import Regression, Task
from graphseq.tasks.graphs import Collection
from graphseq.training.settings import DEFAULTS

Rule = Callable[[SpaceTimeGraph], Tensor]

DEGREES = 8
"""Degrees that are counted apart, the last with all above it."""
NEAREST = 5
"""Graphs of the training part whose answers the floor "degrees counted" takes."""


def floors(
    task: Task,
    test: Task | None = None,
    *,
    validation: Task | None = None,
    measure: Measure | None = None,
    steps: int = 300,
    batch_size: int = DEFAULTS.batch_size,
    samples: int = 1000,
    seed: int = 0,
    rules: Mapping[str, Rule] | None = None,
) -> dict[str, float]:
    """Return the measure of each floor of a task by name.

    "constant" is the best output that is the same for all, of the training part's answers; "constant per family" the
    best for each family of graphs, where there are several; "0-hop model" a trained multilayer perceptron on a row's
    own input, pooled where graphs are asked; "own input copied" the first C features of the asked row, where answers
    are C numbers; "degrees counted", where graphs are asked for numbers, the best constant of the 5 graphs of the
    training part whose numbers of rows of each degree are nearest: it sees one hop and no distance; then exact rules.

    Args:
        task: the training part.
        test: the part that is measured; without it, ``task``.
        validation: the part by which the 0-hop model's weights are kept; without it, ``task``.
        measure: without it, the mean absolute error of numbers, the accuracy of classes.
        steps: training steps of the 0-hop model.
        batch_size: graphs in one of its batches.
        samples: fresh graphs that are measured, where the task is no data set.
        seed: of the 0-hop model and the samples.
        rules: exact rules by name, where some are known: outputs (K, C) from a graph.

    Example:
        >>> import graphseq as gs
        >>> found = floors(gs.tasks.Transfer(4, num_classes=2), steps=20)
        >>> sorted(found), abs(found["0-hop model"] - 0.5) < 0.1
        (['0-hop model', 'constant'], True)
    """
    test = task if test is None else test
    measure = measure or (MAE if isinstance(task, Regression) else ACCURACY)
    known = _answers(task, samples, seed)
    best = measure.constant(known.y)
    asked = answered(_Nothing(), test, samples=samples, seed=seed)
    found = {"constant": measure.of(best.expand(len(asked.y), -1), asked.y)}
    families = 1 + max(int(known.family.max()), int(asked.family.max()))
    if families > 1:
        each = torch.stack([_of_family(measure, known, number) for number in range(families)])
        found["constant per family"] = measure.of(each[asked.family], asked.y)
    model = _blind(task, validation or task, known, samples, steps=steps, batch_size=batch_size, seed=seed)
    found["0-hop model"] = _measured(model, test, measure, samples, seed)
    if isinstance(task, Regression) and not task.per_graph and task.out_channels <= task.in_channels:
        found["own input copied"] = _measured(_copy(task.out_channels), test, measure, samples, seed)
    if isinstance(task, Regression) and task.per_graph:
        found["degrees counted"] = _by_degrees(task, test, measure, samples, seed)
    for name, rule in (rules or {}).items():
        found[name] = _measured(rule, test, measure, samples, seed)
    return found


def constant_errors(task: Task, test: Task, measure: Measure, *, samples: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return the hops that each question of the test part needs, and the error of the best constant at it, (K,)."""
    best = measure.constant(_answers(task, samples, seed).y)
    asked = answered(_Nothing(), test, samples=samples, seed=seed)
    return asked.hops, measure.errors(best.expand(len(asked.y), -1), asked.y)


class _Nothing:
    """A model that says 0, where only the questions are wanted."""

    def __call__(self, graph: SpaceTimeGraph) -> Tensor:
        return torch.zeros(len(graph.y), 1)


def _answers(task: Task, samples: int, seed: int, model: Rule | None = None) -> Answered:
    """Return the questions of the training part: all of a data set, or a sample apart from that of the test."""
    seed = seed if isinstance(task, Collection) else seed + 1
    return answered(model or _Nothing(), task, samples=samples, seed=seed)


def _degree_counts(graph: SpaceTimeGraph) -> Tensor:
    """Return the number of rows of each degree in each graph, (B, :data:`DEGREES`)."""
    sources = graph.topology.spacetime().edge_index[0]
    degree = torch.bincount(sources, minlength=graph.num_nodes).clamp(max=DEGREES - 1)
    cells = torch.bincount(graph.graph_index * DEGREES + degree, minlength=graph.num_graphs * DEGREES)
    return cells.view(graph.num_graphs, DEGREES).double()


def _by_degrees(task: Task, test: Task, measure: Measure, samples: int, seed: int) -> float:
    known = _answers(task, samples, seed, _degree_counts)
    asked = answered(_degree_counts, test, samples=samples, seed=seed)
    nearest = torch.cdist(asked.output, known.output).argsort(dim=1, stable=True)[:, :NEAREST]
    return measure.of(torch.stack([measure.constant(known.y[rows]) for rows in nearest]), asked.y)


def _of_family(measure: Measure, known: Answered, number: int) -> Tensor:
    """Return the best constant of a family; of one that the training part lacks, that of all."""
    own = known.y[known.family == number]
    return measure.constant(own if len(own) else known.y)


def _blind(
    task: Task, validation: Task, known: Answered, samples: int, *, seed: int, **training: int
) -> torch.nn.Module:
    with seeding.forked(seed, seeding.BUILD):
        inner = nn.Model(nn.MLP(task.in_channels, 32), task.out_channels, pool="mean" if task.per_graph else None)
        model = Scaled.to_answers(inner, known.y)
    trained(model, task, validation, validations=5, samples=samples, lr=0.01, seed=seed, **training)
    return model


def _copy(channels: int) -> Rule:
    return lambda graph: graph.x[graph.target_rows, :channels]


def _measured(model: Rule, test: Task, measure: Measure, samples: int, seed: int) -> float:
    said = answered(model, test, samples=samples, seed=seed)
    return measure.of(said.output, said.y)
