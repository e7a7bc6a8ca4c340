"""Checks of the batches, the loss and the score of a task."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch_geometric.data import Batch

from graphseq import seeding
from graphseq.data.graph import SpaceTimeGraph
from graphseq.tasks.base import Regression, Task
from graphseq.testing.suite import require, require_close, require_error
from graphseq.testing.task_case import TASK_SUITE, TaskCase, asked_graph, members

_NUMBER_SHAPES = [((3,), (3,)), ((3, 1), (3,)), ((3,), (3, 1)), ((1, 1), (3, 1)), ((3, 1), (1, 1)), ((3, 2), (3, 1))]
_CLASS_SHAPES = [((3,), (3,)), ((3, 1), (3, 1)), ((3, 2), (2,)), ((3, 2), (3, 2)), ((1, 2), (3,)), ((3, 2, 1), (3,))]


def _named(pairs: list[tuple[tuple[int, ...], tuple[int, ...]]]) -> dict[str, object]:
    return {f"{output}, {y}": (output, y) for output, y in pairs}


def _is_of_numbers(case: TaskCase) -> bool:
    return case.is_regression


def _is_of_classes(case: TaskCase) -> bool:
    return not case.is_regression


def _is_fixed(case: TaskCase) -> bool:
    return case.is_fixed


def _draw(task: Task, size: int, seed: int) -> SpaceTimeGraph:
    return task.batch(size, torch.Generator().manual_seed(seed))


def _regression(case: TaskCase) -> Regression:
    task = case.task
    if not isinstance(task, Regression):
        raise TypeError(f"{case.name} is no Regression")
    return task


@TASK_SUITE.check()
def a_batch_is_a_function_of_the_generators_state_alone(case: TaskCase) -> None:
    """The same seed gives the same batch, whatever was drawn before and elsewhere; other seeds give others."""
    with seeding.forked(0):
        first = case.batch(5, seed=7)
    with seeding.forked(1):
        case.task.batch(3, torch.Generator())
        again, of_another = case.batch(5, seed=7), _draw(case.build(), 5, 7)
    for other in (again, of_another):
        require(
            torch.equal(other.x, first.x) and torch.equal(other.y, first.y),
            "must draw a batch from the state of the generator alone: the same seed gave two batches",
        )
    answers = [case.batch(5, seed).y for seed in range(8)]
    require(
        not all(torch.equal(y, first.y) for y in answers), "must draw other answers from other seeds: 8 gave the same"
    )


@TASK_SUITE.check()
def a_batch_can_be_written_to(case: TaskCase) -> None:
    """A value that is written to a batch, a mask say, is not in the next one."""
    first = case.batch(5, seed=7)
    expected = {key: value.clone() for key, value in first.to_dict().items() if isinstance(value, Tensor)}
    for key in expected:
        first[key].zero_()
        if first[key].dtype == torch.bool:
            first[key].logical_not_()
    again = case.batch(5, seed=7)
    for key, value in expected.items():
        require(torch.equal(again[key], value), f"must not share the memory of {key} with its next batch")


@TASK_SUITE.check()
def drawing_a_batch_leaves_the_global_generator_alone(case: TaskCase) -> None:
    """Batches come from the generator that is given."""
    before = torch.get_rng_state()
    case.batch(5)
    require(torch.equal(torch.get_rng_state(), before), "must not draw from torch's global generator")


@TASK_SUITE.check(applies=_is_of_numbers)
def there_are_c_numbers_for_each_asked_row_or_graph(case: TaskCase) -> None:
    """The answers of a Regression are (K, C), of torch's default type."""
    task, graph = case.task, case.batch(50)
    shape = (len(asked_graph(task, graph)), task.out_channels)
    require(graph.y.shape == shape, f"must give answers y of shape {shape}, got {tuple(graph.y.shape)}")
    require(
        graph.y.dtype == torch.get_default_dtype(), f"must give y of {torch.get_default_dtype()}, got {graph.y.dtype}"
    )


@TASK_SUITE.check(applies=_is_of_classes)
def there_is_one_class_for_each_asked_row_or_graph(case: TaskCase) -> None:
    """The answers of a classification are (K,), 0 to C - 1."""
    task, graph = case.task, case.batch(50)
    shape = asked_graph(task, graph).shape
    require(graph.y.shape == shape, f"must give answers y of shape {tuple(shape)}, got {tuple(graph.y.shape)}")
    require(graph.y.dtype == torch.int64, f"must give classes y of torch.int64, got {graph.y.dtype}")
    strangers = sorted(set(graph.y.tolist()) - set(range(task.out_channels)))
    require(not strangers, f"has out_channels={task.out_channels}, but y holds class {strangers[:1]}")


@TASK_SUITE.check()
def a_batch_is_its_members_side_by_side(case: TaskCase) -> None:
    """A batch is what PyG makes of its graphs."""
    task, graph = case.task, case.batch(3)
    joined = Batch.from_data_list(members(task, graph))
    for key in ("x", "node", "time", "y", "batch", *(() if task.per_graph else ("target",))):
        require(torch.equal(graph[key], joined[key]), f"must batch {key} as PyG does: its graphs one after another")
    require(
        ("target" in graph) is not task.per_graph, "must have a target where rows are asked, and none where graphs are"
    )
    edges = [each.unroll().edge_index.unique(dim=1) for each in (graph, joined)]
    require(torch.equal(*edges), "must have the edges of its graphs in a batch, and none between them")


@TASK_SUITE.check(applies=_is_fixed)
def a_batch_is_what_pyg_makes_of_its_samples(case: TaskCase) -> None:
    """Three samples drawn at once have the rows and edges of three drawn one by one."""
    batch, joined = case.batch(3), Batch.from_data_list([case.batch(1, seed) for seed in range(3)])
    for key in ("node", "time", "target", "batch"):
        require(torch.equal(batch[key], joined[key]), f"is a FixedTask, so must have the same {key} in every sample")
    edges = [each.unroll().edge_index.unique(dim=1) for each in (batch, joined)]
    require(torch.equal(*edges), "is a FixedTask, so must have the same edges in every sample")
    require(batch.num_graphs == joined.num_graphs == 3, f"must batch 3 graphs, got {batch.num_graphs}")
    shapes = [(each.x.shape, each.y.shape) for each in (batch, joined)]
    require(shapes[0] == shapes[1], f"must give a batch of 3 the shapes of 3 samples, {shapes[1]}; got {shapes[0]}")


@contextmanager
def _float64() -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


@TASK_SUITE.check()
def features_and_numbers_are_of_torchs_default_type(case: TaskCase) -> None:
    """A task that is made under another default type gives batches of it."""
    with _float64():
        graph = _draw(case.build(), 3, 0)
    for key in ("x", "y"):
        require(
            graph[key].dtype in (torch.float64, torch.int64),
            f"must give {key} of torch's default type, float64 here, or of int64; got {graph[key].dtype}",
        )


@TASK_SUITE.check()
def a_batch_passes_every_check_of_a_graph(case: TaskCase) -> None:
    """A batch could have been made by the constructor of a graph, which refuses what does not fit."""
    graph = case.batch(3)
    static = graph.get("static_edge_index")
    try:
        checked = SpaceTimeGraph(
            graph.x,
            graph.node,
            graph.time,
            graph.get("edge_index") if static is None else None,
            static_edge_index=static,
            target=graph.get("target"),
        )
    except (ValueError, TypeError) as error:
        raise AssertionError(
            f"must give batches that are whole graphs, but SpaceTimeGraph refuses it: {error}"
        ) from error
    require(
        torch.equal(checked.unroll().edge_index, graph.unroll().edge_index),
        "must give batches whose topology is that of their node, time and edges",
    )


@TASK_SUITE.check(applies=_is_fixed)
def batches_of_one_size_share_one_topology(case: TaskCase) -> None:
    """The prepared topology is shared by batches with the same rows and edges."""
    first = case.batch(3, seed=0).topology
    require(case.batch(2, seed=1).topology is not first, "must have another topology for another size of batch")
    require(case.batch(3, seed=2).topology is first, "is a FixedTask, so must share one topology among equal batches")


@TASK_SUITE.check(applies=_is_of_numbers)
def loss_is_the_mean_squared_error_and_right_is_nearer_than_the_tolerance(case: TaskCase) -> None:
    """An answer is right where each of its numbers is nearer than ``tolerance``."""
    task, y = _regression(case), case.batch(4).y
    right, wrong = y + 0.9 * task.tolerance, y - 1.1 * task.tolerance
    require(task.loss(y, y).item() == 0, "must have a loss of 0 for outputs that equal y")
    expected = torch.tensor((1.1 * task.tolerance) ** 2)
    require_close(task.loss(wrong, y), expected, "must have the mean squared error as loss", rtol=1e-5, atol=1e-7)
    require(task.score(right, y).tolist() == [1.0] * len(y), "must score 1 what is nearer to y than the tolerance")
    require(task.score(wrong, y).tolist() == [0.0] * len(y), "must score 0 what is farther from y than the tolerance")


@TASK_SUITE.check(applies=_is_of_classes)
def loss_of_even_odds_is_log_c_and_of_certainty_zero(case: TaskCase) -> None:
    """The loss is the cross-entropy in nats, and an answer is right where its class is the most likely one."""
    task, y = case.task, case.batch(4).y
    even = torch.zeros(len(y), task.out_channels)
    certain = 100 * torch.nn.functional.one_hot(y, task.out_channels).float()
    expected = torch.tensor(float(task.out_channels)).log()
    sentence = "must have the cross-entropy in nats as loss: log C for equal outputs"
    require_close(task.loss(even, y), expected, sentence, rtol=1e-5, atol=1e-6)
    require(task.loss(certain, y).item() == 0, "must have a loss of 0 where the class is certain")
    require(task.score(certain, y).tolist() == [1.0] * len(y), "must score 1 where the most likely class is y")
    require(task.score(-certain, y).tolist() == [0.0] * len(y), "must score 0 where the most likely class is not y")


def _require_refusal(task: Task, output: Tensor, y: Tensor, expected: str) -> None:
    for judge in (task.loss, task.score):
        require_error(
            ValueError,
            expected,
            lambda judge=judge: judge(output, y),  # type: ignore[misc]
            f"must broadcast nothing in its {judge.__name__}, but refuse output {tuple(output.shape)} against y "
            f"{tuple(y.shape)} by a ValueError",
        )


@TASK_SUITE.check({"shapes": _named(_NUMBER_SHAPES)}, applies=_is_of_numbers)
def loss_and_score_of_numbers_broadcast_nothing(
    case: TaskCase, shapes: tuple[tuple[int, ...], tuple[int, ...]]
) -> None:
    """Outputs and answers must both be (K, C)."""
    output, y = (torch.zeros(shape) for shape in shapes)
    _require_refusal(case.task, output, y, r"takes output \(K, C\) and y \(K, C\)")


@TASK_SUITE.check({"shapes": _named(_CLASS_SHAPES)}, applies=_is_of_classes)
def loss_and_score_broadcast_nothing(case: TaskCase, shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    """Outputs must be (K, C) and answers (K,)."""
    output, y = shapes
    _require_refusal(
        case.task, torch.zeros(output), torch.zeros(y, dtype=torch.long), r"takes output \(K, C\) and y \(K,\)"
    )


@TASK_SUITE.check({"size": {"0": (0, ValueError), "-1": (-1, ValueError), "1.5": (1.5, TypeError)}})
def a_batch_of_no_samples_is_an_error(case: TaskCase, size: tuple[int, type[Exception]]) -> None:
    """A batch holds one sample or more."""
    number, kind = size
    sentence = f"must refuse a batch of size {number} by a {kind.__name__}, as Task.checked_size(size) does"
    require_error(kind, "size must be", lambda: case.batch(number), sentence)


@TASK_SUITE.check()
def config_is_the_same_for_the_same_task_and_can_be_written_as_json(case: TaskCase) -> None:
    """A record of the task can be compared with that of another run."""
    try:
        configs = [json.dumps(task.config) for task in (case.task, case.build())]
    except (TypeError, ValueError) as error:
        raise AssertionError(f"must have a config of plain data, which JSON can hold: {error}") from error
    require(configs[0] == configs[1], f"must have one config however often it is made; got {' and '.join(configs)}")


@TASK_SUITE.check()
def a_batch_moves_with_its_topology(case: TaskCase) -> None:
    """Moving a batch to the device where it is prepares nothing again."""
    graph = case.batch(2)
    topology = graph.topology
    require(graph.to("cpu").topology is topology, "must give batches that keep their topology when they are moved")
