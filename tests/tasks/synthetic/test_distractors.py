"""Distractors: answers and what was planted, by loops over dictionaries; what is left to who knows only the sum."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from torch import Tensor

import graphseq as gs
from graphseq.tasks import Distractors


def drawn(task: Distractors, size: int, seed: int = 0) -> gs.SpaceTimeGraph:
    return task.batch(size, torch.Generator().manual_seed(seed))


def by_node(graph: gs.SpaceTimeGraph) -> dict[int, dict[int, list[float]]]:
    """What each node shows, by time."""
    shown: dict[int, dict[int, list[float]]] = defaultdict(dict)
    for node, time, x in zip(graph.node.tolist(), graph.time.tolist(), graph.x.tolist(), strict=True):
        shown[node][time] = x
    return shown


def read_by(graph: gs.SpaceTimeGraph) -> dict[int, dict[int, list[int]]]:
    """Whom each node reads, by time."""
    node, time = graph.node.tolist(), graph.time.tolist()
    found: dict[int, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    for j, i in graph.edge_index.t().tolist():
        found[node[i]][time[i]].append(node[j])
    return found


def kind_of(task: Distractors, keys: list[float]) -> tuple[float, bool]:
    """Group, 0 where there are none, and whether it is a distractor, as the keys have it."""
    return (keys[1] if task.num_strangers else 0.0), bool(task.num_distractors and keys[-1])


# d and s are not both 0; twenty nodes, at most four of them asked, have enough of each kind.
COUNTS = st.tuples(st.integers(0, 2), st.integers(0, 2)).filter(any)
TASKS = st.builds(
    lambda length, asked, m, others, loudness: Distractors(
        *(length,), num_nodes=20, num_asked=asked, num_relevant=m, num_distractors=others[0], num_strangers=others[1],
        loudness=loudness,
    ),
    st.integers(2, 4), st.integers(1, 4), st.integers(1, 3), COUNTS, st.sampled_from([0.5, 3.0]),
)  # fmt: skip


@given(task=TASKS, seed=st.integers(0, 99))
def test_answers_and_neighbours_are_as_promised(task: Distractors, seed: int) -> None:
    graph = drawn(task, 2, seed)
    shown, reads, last = by_node(graph), read_by(graph), task.length - 1
    kind = {node: kind_of(task, x[0][1:]) for node, x in shown.items()}
    asked = graph.node[graph.target_rows].tolist()
    assert set(graph.time[graph.target_rows].tolist()) == {last}
    assert Counter(node // 20 for node in asked) == {0: task.num_asked, 1: task.num_asked}
    for node in shown:
        # Not at time 0, and the same ones ever after.
        assert set(reads[node]) == set(range(1, task.length))
        assert all(each == reads[node][1] for each in reads[node].values())
        told = reads[node][1]
        assert len(set(told)) == len(told)
        assert all(other // 20 == node // 20 and other != node and other not in asked for other in told)
        group, _ = kind[node]
        sorts = Counter("d" if kind[other][1] else "m" if kind[other][0] == group else "s" for other in told)
        expected = {"m": task.num_relevant, "d": task.num_distractors, "s": task.num_strangers}
        assert sorts == {sort: count for sort, count in expected.items() if count}
        assert shown[node][0][0] == 0
        assert all(not any(x[1:]) for time, x in shown[node].items() if time)
    for node, y in zip(asked, graph.y[:, 0].tolist(), strict=True):
        group, mark = kind[node]
        assert not mark
        assert {x[0] for x in shown[node].values()} == {0}
        relevant = [other for other in reads[node][last] if kind[other] == (group, False)]
        assert y == pytest.approx(sum(shown[other][last][0] for other in relevant) / task.num_relevant, abs=1e-6)


@given(task=TASKS, seed=st.integers(0, 99))
def test_what_is_irrelevant_and_what_must_be_known_is_as_the_keys_have_it(task: Distractors, seed: int) -> None:
    graph = drawn(task, 2, seed)
    planted, shown = task.irrelevant(graph), by_node(graph)
    kind = {node: kind_of(task, x[0][1:]) for node, x in shown.items()}
    node = graph.node.tolist()
    assert planted.node.tolist() == [kind[n][1] for n in node]
    edges = graph.edge_index.t().tolist()
    assert planted.edge.tolist() == [
        kind[node[j]][1] or kind[node[i]][1] or kind[node[j]][0] != kind[node[i]][0] for j, i in edges
    ]
    place = {(n, t): row for row, (n, t) in enumerate(zip(node, graph.time.tolist(), strict=True))}
    reads, last = read_by(graph), task.length - 1
    for row, marks in zip(graph.target_rows.tolist(), task.relevant_nodes(graph), strict=True):
        told = reads[node[row]][last]
        known = {place[other, 0] for other in told} | ({place[node[row], 0]} if task.num_strangers else set())
        known |= {place[other, last] for other in told if kind[other] == (kind[node[row]][0], False)}
        assert set(marks.nonzero()[:, 0].tolist()) == known


def read_values(task: Distractors, graph: gs.SpaceTimeGraph) -> Tensor:
    """What the neighbours of each asked row show at the last time, (K, m + d + s), the relevant ones first."""
    place = torch.full((graph.num_nodes,), -1)
    place[graph.target_rows] = torch.arange(len(graph.target_rows))
    j, i = graph.edge_index
    into = place[i] >= 0
    order = (2 * place[i[into]] + task.irrelevant(graph).edge[into].long()).argsort(stable=True)
    return graph.x[j[into][order], 0].view(len(graph.y), -1).double()


OPTIONS = [
    {"num_distractors": 3, "num_strangers": 0},
    {"num_distractors": 0, "num_strangers": 3},
    {"num_distractors": 2, "num_strangers": 1, "num_relevant": 2, "loudness": 0.5},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_a_relevant_value_moves_the_answer_by_its_share_and_an_irrelevant_one_by_nothing(options: dict) -> None:
    """The answer is linear in what the neighbours show, so least squares gives back how much each of them counts."""
    task = Distractors(2, **options)
    graph = drawn(task, 50)
    values, m = read_values(task, graph), task.num_relevant
    shares = torch.linalg.lstsq(values, graph.y.double()).solution[:, 0]
    expected = torch.tensor([1 / m] * m + [0.0] * (values.shape[1] - m), dtype=torch.float64)
    torch.testing.assert_close(shares, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_who_knows_only_the_sum_is_left_with_what_is_promised(options: dict) -> None:
    """The best estimate from the sum s is s / (m + n), n counting a distractor loudness² times; and that of none, 0."""
    task = Distractors(2, num_nodes=14, num_asked=1, **options)
    graph = drawn(task, 20_000)
    total, y, m = read_values(task, graph).sum(dim=1), graph.y[:, 0].double(), task.num_relevant
    n = task.num_strangers + task.num_distractors * task.loudness**2
    slope = float(total @ y / (total @ total))
    assert slope == pytest.approx(1 / (m + n), rel=0.05)
    # The error of a mean square over 20,000 draws is 1 %.
    assert float((y - slope * total).square().mean()) == pytest.approx(task.unsorted, rel=0.04)
    assert float(y.square().mean()) == pytest.approx(1 / m, rel=0.04)
    assert task.unsorted == n / (m * (m + n))


def test_the_bound_by_hand() -> None:
    assert Distractors(num_strangers=0).unsorted == pytest.approx(12 / 45)  # n = 3 · 2²
    assert Distractors(num_distractors=0).unsorted == pytest.approx(1 / 6)
    loud = Distractors(num_relevant=1, num_distractors=1, num_strangers=0, loudness=100.0)
    assert loud.unsorted == pytest.approx(1, abs=2e-4)  # nothing is left of one that is drowned out


def test_values_are_fresh_at_each_time_and_distractors_are_loud() -> None:
    task = Distractors(4, num_nodes=20, num_asked=4, loudness=3.0)
    graph = drawn(task, 1000)
    x = graph.x.view(1000, 4, 20, -1)
    values, mark = x[..., 0], x[:, 0, :, -1] > 0
    silent = (values[:, 1:] == 0).all(dim=1)
    for chosen, deviation in ((mark, 3.0), (~mark & ~silent, 1.0)):
        shown = values[:, 1:].transpose(1, 2)[chosen]
        # 8 of each sort in 1000 graphs: a correlation beyond 0.05 is 4 standard errors off.
        assert shown.std(dim=0).tolist() == pytest.approx([deviation] * 3, rel=0.05)
        assert (torch.corrcoef(shown.t()) - torch.eye(3)).abs().max() < 0.05


def test_every_node_is_as_likely_to_be_asked_and_to_be_read() -> None:
    task = Distractors(2, num_nodes=13, num_asked=1, num_relevant=2, num_distractors=1, num_strangers=1)
    graph = drawn(task, 4000)
    asked = torch.bincount(graph.node[graph.target_rows] % 13, minlength=13)
    assert stats.chisquare(asked.numpy()).pvalue > 1e-3
    into = graph.target[graph.edge_index[1]]
    ends = graph.node[graph.edge_index[:, into]].view(2, 4000, 4)[:, :, 0] % 13  # one relevant neighbour of each
    pairs = torch.bincount(ends[1] * 13 + ends[0], minlength=169).view(13, 13)
    assert not pairs.diagonal().any()
    assert stats.chisquare(pairs[~torch.eye(13, dtype=torch.bool)].numpy()).pvalue > 1e-3


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"length": 1}, ValueError, "length must be at least 2, got 1"),
        ({"num_asked": 0}, ValueError, "num_asked must be at least 1"),
        ({"num_nodes": 8}, ValueError, "num_nodes must be at least 9, got 8"),
        ({"num_relevant": 0}, ValueError, "num_relevant must be at least 1"),
        ({"num_distractors": -1}, ValueError, "num_distractors must be at least 0"),
        ({"num_strangers": -1}, ValueError, "num_strangers must be at least 0"),
        ({"num_strangers": 1.5}, TypeError, "num_strangers must be an integer, got 1.5"),
        ({"num_distractors": 0, "num_strangers": 0}, ValueError, "are both 0; one of them must be at least 1"),
        # Of the 16 not asked, 8 of each group, 4 are distractors: a node finds 3 or 4 of its own, 7 or 8 loud ones.
        ({"num_relevant": 4}, ValueError, "num_relevant is 4, but of 24 nodes, 8 of them targets, .* only 3 such"),
        ({"num_distractors": 8}, ValueError, "num_distractors is 8, .* only 7 such others; take more nodes"),
        ({"num_strangers": 5}, ValueError, "num_strangers is 5, .* only 4 such others"),
        ({"loudness": 0}, ValueError, "loudness must be a finite number above 0"),
        ({"loudness": float("inf")}, ValueError, "loudness must be a finite number above 0"),
        ({"tolerance": -1}, ValueError, "tolerance must be a finite number above 0"),
    ],
)
def test_what_cannot_be_planted_is_refused(options: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Distractors(**options)


def test_the_most_that_there_are_can_be_read() -> None:
    task = Distractors(num_relevant=3, num_distractors=7, num_strangers=4)
    assert drawn(task, 3).edge_index.shape[1] == 3 * 2 * 24 * (3 + 7 + 4)
