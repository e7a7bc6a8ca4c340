"""What holds for every task. A new task joins by one line of ``TASKS``."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

import networkx as nx
import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor
from torch_geometric.data import Batch

import graphseq as gs
from graphseq.tasks import Characters, Palindrome, Task, Transfer

TEXT = "the quick brown fox jumps over the lazy dog and then the dog sleeps. " * 3


@dataclass(frozen=True)
class Entry:
    """A task, the row of a sample that must be known, and whether rows nearer than ``hops`` say nothing of y."""

    name: str
    build: Callable[[], Task]
    source: int
    hidden: bool = True


TASKS = [
    Entry("palindrome-odd", lambda: Palindrome(5, num_digits=3), 0),
    Entry("palindrome-even", lambda: Palindrome(6, num_digits=3), 0),
    Entry("palindrome-scalar", lambda: Palindrome(5, encoding="scalar", num_digits=3), 0),
    Entry("transfer-path", lambda: Transfer(4, num_classes=3), 0),
    Entry("transfer-ring", lambda: Transfer(4, shape="ring", num_classes=3), 0),
    Entry("transfer-ring-of-two", lambda: Transfer(2, shape="ring", num_classes=3), 0),
    Entry("transfer-tree", lambda: Transfer(3, shape="tree", num_classes=3), 6),
    Entry("transfer-on", lambda: Transfer.on(gs.from_graph(nx.karate_club_graph()), 16, 26, num_classes=3), 16),
    Entry("transfer-on-a-signal", lambda: Transfer.on(on_a_signal(), 0, 8, num_classes=3), 0),
    Entry("characters", lambda: Characters(TEXT, 4), 0, hidden=False),
]
each_task = pytest.mark.parametrize("entry", TASKS, ids=lambda entry: entry.name)
each_hidden = pytest.mark.parametrize("entry", [e for e in TASKS if e.hidden], ids=lambda entry: entry.name)


def on_a_signal() -> gs.SpaceTimeGraph:
    return gs.from_signal(torch.zeros(3, 3, 1), torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]]))


def drawn(task: Task, size: int, seed: int = 0) -> gs.SpaceTimeGraph:
    return task.batch(size, torch.Generator().manual_seed(seed))


def distances(task: Task) -> dict[int, int]:
    """Hops from every row of a sample to its last asked row, as networkx counts them."""
    graph = drawn(task, 1)
    way = nx.DiGraph(graph.unroll(causal=task.causal).edge_index.t().tolist())
    way.add_nodes_from(range(graph.num_nodes))
    return nx.single_source_shortest_path_length(way.reverse(), int(graph.target_rows[-1]))


@each_task
def test_a_batch_is_a_function_of_the_generators_state_alone(entry: Entry) -> None:
    torch.manual_seed(0)
    task = entry.build()
    first = drawn(task, 5, seed=7)
    torch.manual_seed(1)
    task.batch(3, torch.Generator())
    again, other_task = drawn(task, 5, seed=7), drawn(entry.build(), 5, seed=7)
    for other in (again, other_task):
        assert torch.equal(other.x, first.x)
        assert torch.equal(other.y, first.y)
    assert not torch.equal(torch.cat([drawn(task, 5, seed).y for seed in range(8)]), first.y.repeat(8))


@each_task
def test_drawing_a_batch_leaves_the_global_generator_alone(entry: Entry) -> None:
    task = entry.build()
    before = torch.get_rng_state()
    drawn(task, 5)
    assert torch.equal(torch.get_rng_state(), before)


@each_task
def test_there_is_one_class_for_each_asked_row(entry: Entry) -> None:
    task = entry.build()
    graph = drawn(task, 50)
    assert graph.y.shape == graph.target_rows.shape
    assert graph.y.dtype == torch.int64
    assert set(graph.y.tolist()) <= set(range(task.out_channels))


@each_task
def test_a_batch_is_what_pyg_makes_of_its_samples(entry: Entry) -> None:
    task = entry.build()
    batch, joined = drawn(task, 3), Batch.from_data_list([drawn(task, 1, seed) for seed in range(3)])
    for key in ("node", "time", "target", "batch"):
        assert torch.equal(batch[key], joined[key])
    assert torch.equal(batch.unroll().edge_index.unique(dim=1), joined.unroll().edge_index.unique(dim=1))
    assert batch.num_graphs == joined.num_graphs == 3
    assert (batch.x.shape, batch.y.shape) == (joined.x.shape, joined.y.shape)


@each_task
def test_a_batch_passes_every_check_of_a_graph(entry: Entry) -> None:
    graph = drawn(entry.build(), 3)
    named = {key: graph.get(key) for key in ("x", "node", "time", "edge_index", "static_edge_index", "y", "target")}
    if named["static_edge_index"] is not None:
        named["edge_index"] = None
    checked = gs.SpaceTimeGraph(**named)
    assert torch.equal(checked.unroll().edge_index, graph.unroll().edge_index)


@each_task
def test_batches_of_one_size_share_one_topology(entry: Entry) -> None:
    task = entry.build()
    first = drawn(task, 3, seed=0).topology
    assert drawn(task, 2, seed=1).topology is not first
    assert drawn(task, 3, seed=2).topology is first


@each_task
def test_hops_is_the_distance_from_what_must_be_known(entry: Entry) -> None:
    task = entry.build()
    assert distances(task)[entry.source] == task.hops


@each_task
def test_chance_is_the_share_of_the_commonest_answer(entry: Entry) -> None:
    task, samples = entry.build(), 4000
    graph = drawn(task, samples)
    commonest = int(torch.bincount(graph.y[graph.batch[graph.target_rows].diff(prepend=torch.tensor([-1])) > 0]).max())
    share, error = commonest / samples, (task.chance * (1 - task.chance) / samples) ** 0.5
    assert abs(share - task.chance) < 4 * error + (0.02 if not entry.hidden else 0)


@each_hidden
def test_answers_are_uniform(entry: Entry) -> None:
    task = entry.build()
    counts = torch.bincount(drawn(task, 3000).y, minlength=task.out_channels)
    assert stats.chisquare(counts.numpy()).pvalue > 1e-3


@each_hidden
def test_everything_nearer_than_hops_together_says_nothing_of_the_answer(entry: Entry) -> None:
    task, size = entry.build(), 4000
    graph = drawn(task, size)
    near = [row for row, hops in distances(task).items() if hops < task.hops]
    assert near
    rows = graph.x.view(size, -1, graph.x.shape[1])[:, near].flatten(1)
    kinds, kind = rows.unique(dim=0, return_inverse=True)
    table = torch.bincount(kind * task.out_channels + graph.y, minlength=len(kinds) * task.out_channels)
    table = table.view(len(kinds), -1).numpy()
    assert len(kinds) == 1 or stats.chi2_contingency(table).pvalue > 1e-3


@each_hidden
def test_what_must_be_known_gives_the_answer_away(entry: Entry) -> None:
    task, size = entry.build(), 500
    graph = drawn(task, size)
    source = graph.x.view(size, -1, graph.x.shape[1])[:, entry.source]
    answer = source.argmax(1) if source.shape[1] > 1 else source[:, 0].long()
    assert torch.equal(answer, graph.y)


@each_task
def test_samples_of_a_batch_are_drawn_apart(entry: Entry) -> None:
    task = entry.build()
    y = drawn(task, 2000).y.view(2000, -1)[:, 0]
    table = np.zeros((task.out_channels, task.out_channels))
    np.add.at(table, (y[:-1:2].numpy(), y[1::2].numpy()), 1)
    table = table[table.sum(1) > 20][:, table.sum(0) > 20]
    assert stats.chi2_contingency(table).pvalue > 1e-3


@each_task
def test_loss_of_even_odds_is_log_c_and_of_certainty_zero(entry: Entry) -> None:
    task = entry.build()
    y = drawn(task, 4).y
    even = torch.zeros(len(y), task.out_channels)
    certain = 100 * torch.nn.functional.one_hot(y, task.out_channels).float()
    torch.testing.assert_close(task.loss(even, y), torch.tensor(float(task.out_channels)).log())
    assert task.loss(certain, y).item() == 0
    assert task.score(certain, y).tolist() == [1.0] * len(y)
    assert task.score(-certain, y).tolist() == [0.0] * len(y)


@each_task
@pytest.mark.parametrize(
    ("output", "y"),
    [((3,), (3,)), ((3, 1), (3, 1)), ((3, 2), (2,)), ((3, 2), (3, 2)), ((1, 2), (3,)), ((3, 2, 1), (3,))],
    ids=str,
)
def test_loss_and_score_broadcast_nothing(entry: Entry, output: tuple[int, ...], y: tuple[int, ...]) -> None:
    task = entry.build()
    answers: Tensor = torch.zeros(y, dtype=torch.long)
    for judge in (task.loss, task.score):
        with pytest.raises(ValueError, match=r"takes output \(K, C\) and y \(K,\)"):
            judge(torch.zeros(output), answers)


@each_task
@pytest.mark.parametrize(("size", "error"), [(0, ValueError), (-1, ValueError), (1.5, TypeError)])
def test_a_batch_of_no_samples_is_an_error(entry: Entry, size: object, error: type[Exception]) -> None:
    with pytest.raises(error, match="size must be"):
        drawn(entry.build(), size)  # type: ignore[arg-type]


@each_task
def test_config_is_the_same_for_the_same_task_and_can_be_written_as_json(entry: Entry) -> None:
    assert json.dumps(entry.build().config) == json.dumps(entry.build().config)


def test_no_two_of_these_tasks_have_the_same_config() -> None:
    configs = [repr(entry.build().config) for entry in TASKS if entry.name != "transfer-ring-of-two"]
    assert len(set(configs)) == len(configs)


@each_task
def test_a_batch_moves_with_its_topology(entry: Entry) -> None:
    task = entry.build()
    graph = drawn(task, 2)
    kept = graph.topology
    assert graph.to("cpu").topology is kept
