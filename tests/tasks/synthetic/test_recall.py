"""A key names one of several items, and its value is asked: on a path, on a tree, around one row."""

from __future__ import annotations

from collections.abc import Callable

import networkx as nx
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from randomgraphs import seen

import graphseq as gs
from graphseq.nn import GCN, LSTM, MLP, Model
from graphseq.tasks import AssociativeRecall, NeighborsMatch, Recall
from graphseq.tasks.synthetic.lookup import Lookup

BUILD: list[Callable[[int, int], Lookup]] = [
    lambda n, c: Recall(n + 3, num_items=n, num_classes=c),
    lambda n, c: NeighborsMatch(n, num_classes=c),
    lambda n, c: AssociativeRecall(n, num_classes=c),
    lambda n, c: AssociativeRecall(n, num_classes=c, query_hops=0),
]
each_lookup = pytest.mark.parametrize("build", BUILD, ids=["recall", "match", "associative", "associative-at-once"])


def batch(task: Lookup, size: int = 4, seed: int = 0) -> gs.SpaceTimeGraph:
    return task.batch(size, torch.Generator().manual_seed(seed))


@each_lookup
@given(n=st.integers(1, 4), classes=st.integers(2, 5), seed=st.integers(0, 99))
def test_the_answer_is_the_value_of_the_key_that_is_asked(
    build: Callable[[int, int], Lookup], n: int, classes: int, seed: int
) -> None:
    task = build(n, classes)
    graph = batch(task, 3, seed)
    keys = task.in_channels - classes
    for sample, y in zip(graph.x.view(3, -1, task.in_channels), graph.y.tolist(), strict=True):
        pairs = {row[:keys].argmax().item(): row[keys:].argmax().item() for row in sample if row[keys:].any()}
        (query,) = [row[:keys].argmax().item() for row in sample if row[:keys].any() and not row[keys:].any()]
        assert sorted(pairs) == list(range(keys))
        assert pairs[query] == y
        assert set(sample.sum(dim=1).tolist()) <= {0, 1, 2}


@each_lookup
def test_every_item_is_asked_for_equally_often_and_under_every_key(build: Callable[[int, int], Lookup]) -> None:
    task = build(2, 2)
    graph = batch(task, 4000)
    items = task.memory_items(graph)[0].nonzero()[:, 0]
    count = len(items)
    own = task.relevant_nodes(graph).view(4000, 4000, -1).diagonal().t()[:, items].int().argmax(dim=1)
    keys = graph.x.view(4000, -1, task.in_channels)[torch.arange(4000), items[own], :count].argmax(dim=1)
    table = torch.bincount(own * count + keys, minlength=count**2)
    assert table.min() > 4000 / count**2 * 0.8


def test_a_path_shows_its_items_then_nothing_then_the_query() -> None:
    graph = batch(Recall(6, num_items=2, num_classes=3), 200)
    x = graph.x.view(200, 6, 5)
    assert x[:, :2, 2:].sum(dim=2).eq(1).all()
    assert x[:, 2:5].eq(0).all()
    assert x[:, 5].sum(dim=1).eq(1).all()
    assert graph.target.view(200, 6)[0].tolist() == [False] * 5 + [True]
    assert graph.edge_index.shape == (2, 0)


def test_on_a_path_hops_is_the_first_items_distance() -> None:
    task = Recall(6, num_items=3)
    graph = batch(task, 60)
    assert task.hops == 5
    assert {int(row) % 6 for row in task.relevant_nodes(graph).nonzero()[:, 1]} == {0, 1, 2}
    assert task.memory_items(graph)[1].nonzero()[:, 0].tolist() == [6, 7, 8]


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_a_tree_leads_up_from_its_leaves_to_the_root_that_asks(depth: int) -> None:
    task = NeighborsMatch(depth)
    graph = batch(task, 1)
    tree = nx.DiGraph(graph.edge_index.t().tolist())
    assert nx.is_isomorphic(tree.reverse(), nx.balanced_tree(2, depth, create_using=nx.DiGraph))
    leaves = [row for row in tree if tree.in_degree(row) == 0]
    assert task.memory_items(graph)[0].nonzero()[:, 0].tolist() == sorted(leaves)
    assert {nx.shortest_path_length(tree, leaf, 0) for leaf in leaves} == {task.hops} == {depth}
    assert graph.target_rows.tolist() == [0]


def test_a_tree_has_as_many_classes_as_leaves_unless_told() -> None:
    assert NeighborsMatch(3).out_channels == 8
    assert NeighborsMatch(3, num_classes=5).out_channels == 5
    assert NeighborsMatch(3, num_classes=5).in_channels == 8 + 5


@pytest.mark.parametrize(
    ("query_hops", "edges"),
    [
        (0, [(1, 0), (2, 0)]),
        (1, [(1, 0), (2, 0), (3, 0)]),
        (2, [(1, 0), (2, 0), (3, 0), (4, 3)]),
        (3, [(1, 0), (2, 0), (3, 0), (4, 3), (5, 4)]),
    ],
)
def test_pairs_stand_around_the_centre_and_the_query_at_the_end_of_a_chain(
    query_hops: int, edges: list[tuple[int, int]]
) -> None:
    task = AssociativeRecall(2, query_hops=query_hops)
    graph = batch(task, 1)
    assert [tuple(edge) for edge in graph.edge_index.t().tolist()] == edges
    assert graph.target_rows.tolist() == [0]
    assert task.hops == max(1, query_hops)
    query = int((graph.x.sum(dim=1) == 1).nonzero())
    assert query == (2 + query_hops if query_hops else 0)
    known = set(task.relevant_nodes(graph)[0].nonzero()[:, 0].tolist())
    assert known - {1, 2} == ({query} if query_hops else set())
    assert len(known & {1, 2}) == 1
    assert task.memory_items(graph)[0].nonzero()[:, 0].tolist() == [1, 2]


def test_one_pair_alone_is_no_choice_but_still_two_classes() -> None:
    task = AssociativeRecall(1)
    assert (task.out_channels, task.chance) == (2, 0.5)


def test_what_is_read_of_a_tree_is_its_leaves_when_the_layers_are_as_many_as_the_hops() -> None:
    torch.manual_seed(0)
    graph = batch(NeighborsMatch(2, num_classes=2), 1)
    double = graph.replace(x=graph.x.double())
    for layers in (1, 2, 3):
        found = seen(Model(GCN(6, 16, layers), 2).double(), double)[0]
        assert found.tolist() == [True, True, True] + [layers >= 2] * 4


@each_lookup
def test_a_model_without_neighbours_stays_at_chance(build: Callable[[int, int], Lookup]) -> None:
    task = build(2, 3)
    torch.manual_seed(0)
    model = Model(MLP(task.in_channels, 16), task.out_channels)
    gs.fit(model, task, steps=60, batch_size=64, optimizer="Adam", lr=0.01)
    found = gs.evaluate(model, task, samples=600)
    assert found.low < task.chance < found.high


def test_what_reads_forwards_learns_to_hold_two_items() -> None:
    task = Recall(3, num_items=2, num_classes=2)
    torch.manual_seed(0)
    model = Model(LSTM(task.in_channels, 32), 2)
    gs.fit(model, task, steps=500, batch_size=64, optimizer="Adam", lr=0.01, stop_window=10)
    assert gs.evaluate(model, task, samples=300).score > 0.95


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Recall(4, num_items=4), ValueError, "length must be at least 5, got 4"),
        (lambda: Recall(4, num_items=0), ValueError, "num_items must be at least 1, got 0"),
        (lambda: Recall(4, num_items=2.0), TypeError, "num_items must be an integer"),
        (lambda: Recall(4, num_items=1, num_classes=1), ValueError, "num_classes must be at least 2, got 1"),
        (lambda: NeighborsMatch(0), ValueError, "depth must be at least 1, got 0"),
        (lambda: NeighborsMatch(11), ValueError, "depth must be at most 10, .* got 11"),
        (lambda: NeighborsMatch("3"), TypeError, "depth must be an integer"),
        (lambda: NeighborsMatch(3, num_classes=1), ValueError, "num_classes must be at least 2, got 1"),
        (lambda: AssociativeRecall(0), ValueError, "num_pairs must be at least 1, got 0"),
        (lambda: AssociativeRecall(3, query_hops=-1), ValueError, "query_hops must be at least 0, got -1"),
        (lambda: AssociativeRecall(3, num_classes=True), TypeError, "num_classes must be an integer"),
    ],
)
def test_refusals_name_the_argument(make: Callable[[], Lookup], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()
