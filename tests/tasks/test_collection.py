"""Data sets of graphs: their batches, parts and folds, and what they say of themselves."""

from __future__ import annotations

import networkx as nx
import planted
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch_geometric.data import Batch

import graphseq as gs
from graphseq.baselines.constant import Constant
from graphseq.tasks import GraphClassification, GraphRegression


def shapes(sizes: list[int], num_classes: int = 2) -> list[gs.SpaceTimeGraph]:
    """Stars with one hub each, whose class is the parity of their number."""
    stars = enumerate(nx.star_graph(size - 1) for size in sizes)
    return [gs.from_graph(g, x=torch.full((len(g), 1), float(n)), y=torch.tensor([n % num_classes])) for n, g in stars]


def with_target(x: list[float], y: list[int], target: list[int]) -> gs.SpaceTimeGraph:
    marks = torch.tensor(target, dtype=torch.bool)
    return gs.from_sequence(torch.tensor(x)[:, None], y=torch.tensor(y), target=marks)


def test_graphs_stand_side_by_side_as_asked_for_and_as_pyg_joins_them() -> None:
    graphs = shapes([3, 1, 4, 2])
    batch, joined = (
        GraphClassification(graphs, 2).graphs(torch.tensor([2, 0, 2])),
        Batch.from_data_list([graphs[i] for i in (2, 0, 2)]),
    )
    assert batch.x[:, 0].tolist() == [2, 2, 2, 2, 0, 0, 0, 2, 2, 2, 2]
    assert batch.y.tolist() == [0, 0, 0]
    for key in ("x", "node", "time", "y", "batch", "edge_index"):
        assert torch.equal(batch[key], joined[key])


def test_edges_that_stay_and_graphs_over_time_are_joined_too() -> None:
    signal = gs.from_signal(torch.randn(3, 2, 1), torch.tensor([[0], [1]]))
    signal.y, signal.target = torch.tensor([1, 0]), torch.arange(6) > 3
    task = GraphClassification([signal, with_target([1.0, 2.0], [1], [0, 1])], 2)
    batch = task.graphs(torch.tensor([1, 0]))
    assert batch.topology.spatial.edge_index.tolist() == [[2, 4, 6], [3, 5, 7]]
    assert batch.target_rows.tolist() == [1, 6, 7]
    assert batch.y.tolist() == [1, 1, 0]
    assert batch.node.tolist() == [0, 0, 1, 2, 1, 2, 1, 2]


def test_weights_among_graphs_without_count_one() -> None:
    weighted = nx.Graph([(0, 1, {"weight": 2.5})])
    graphs = [gs.from_graph(g, y=torch.tensor([0])) for g in (weighted, nx.path_graph(2), nx.empty_graph(1))]
    assert GraphClassification(graphs, 2).graphs(torch.arange(3)).edge_weight.tolist() == [2.5, 2.5, 1.0, 1.0]


def test_a_batch_takes_none_twice_before_all_were_taken() -> None:
    task = GraphClassification(shapes([1] * 5), 2)
    batch = task.batch(12, torch.Generator().manual_seed(0))
    counts = torch.bincount(batch.x[:, 0].long())
    assert sorted(counts.tolist()) == [2, 2, 2, 3, 3]


def test_graphs_all_alike_share_one_topology_and_a_whole_pass_is_kept() -> None:
    alike, ragged = (
        GraphClassification(planted.graphs(3, whole=True, alike=True), 3),
        GraphClassification(shapes([3, 1, 4]), 2),
    )
    generator = torch.Generator().manual_seed(0)
    assert alike.batch(4, generator).topology is alike.batch(4, generator).topology
    assert ragged.batch(3, generator).topology is ragged.batch(3, generator).topology
    assert ragged.graphs(torch.tensor([1, 0])).topology is not ragged.graphs(torch.tensor([0, 1])).topology


def test_hops_is_the_longest_way_to_an_asked_row_or_the_largest_diameter() -> None:
    assert GraphClassification(shapes([2, 5, 1]), 2).hops == 2
    path = gs.from_graph(nx.path_graph(5), y=torch.tensor([1]))
    assert GraphClassification([path, *shapes([3])], 2).hops == 4
    assert GraphClassification([with_target([0.0] * 5, [1], [0, 0, 1, 0, 0])], 2).hops == 2
    one_way = gs.from_graph(
        nx.DiGraph([(0, 1), (1, 2)]), y=torch.tensor([1]), target=torch.tensor([True, False, False])
    )
    assert GraphClassification([one_way], 2).hops == 0


def test_chance_is_that_of_the_part() -> None:
    task = GraphClassification(shapes([1] * 6, 3), 3)
    assert task.chance == pytest.approx(1 / 3)
    assert task.part(torch.tensor([0, 3, 1])).chance == pytest.approx(2 / 3)


def test_a_part_of_a_part_counts_from_the_part() -> None:
    part = GraphClassification(shapes([1] * 6), 2).part(torch.tensor([5, 3, 1])).part(torch.tensor([2, 0]))
    assert part.graphs(torch.arange(2)).x[:, 0].tolist() == [1, 5]


@given(st.lists(st.integers(0, 2), min_size=6, max_size=30), st.integers(2, 6), st.integers(0, 99))
def test_folds_ask_each_graph_once_train_on_the_others_and_spread_classes(y: list[int], count: int, seed: int) -> None:
    graphs = [gs.from_sequence(torch.tensor([[float(n)]]), y=torch.tensor([c])) for n, c in enumerate(y)]
    folds = GraphClassification(graphs, 3).folds(count, seed=seed)

    def names(task: GraphClassification) -> set[int]:
        return set(task.graphs(torch.arange(len(task))).x[:, 0].int().tolist())

    tests = [names(test) for _, test in folds]
    assert sorted(n for test in tests for n in test) == list(range(len(y)))
    assert all(names(train) == set(range(len(y))) - test for (train, _), test in zip(folds, tests, strict=True))
    for c in range(3):
        shares = [int((test.answers == c).sum()) for _, test in folds]
        assert max(shares) - min(shares) <= 1


def test_a_part_of_a_part_says_which_graphs_of_the_whole_it_has() -> None:
    task = GraphClassification(shapes([2, 3, 4, 5, 6]), 2)
    part = task.part(torch.tensor([4, 2, 1])).part(torch.tensor([2, 0]))
    assert part.numbers.tolist() == [1, 4]
    assert torch.equal(part.graphs(torch.arange(2)).x, task.graphs(part.numbers).x)
    part.numbers[0] = 3  # a copy
    assert part.numbers.tolist() == [1, 4]


def test_folds_are_a_function_of_the_seed() -> None:
    task = GraphRegression(planted.graphs(0, whole=True))
    sides = [task.folds(10, seed=seed)[0][1].config["which"] for seed in (0, 0, 1)]
    assert sides[0] == sides[1] != sides[2]


def test_evaluation_asks_each_graph_once() -> None:
    task = GraphClassification(shapes([2] * 7), 2)
    found = gs.evaluate(Constant(torch.tensor([1.0, 0.0]), per_graph=True), task, batch_size=3)
    assert (found.samples, found.score) == (7, pytest.approx(4 / 7))
    assert found.chance == pytest.approx(4 / 7)


def test_outputs_come_in_the_order_of_the_answers() -> None:
    class Shown(torch.nn.Module):
        def forward(self, graph: gs.SpaceTimeGraph) -> Tensor:
            return graph.x[graph.target_rows]

    graphs = [with_target([1.0, 2.0], [0], [0, 1]), with_target([3.0, 4.0, 5.0], [0, 1], [1, 0, 1])]
    task = GraphClassification(graphs, 2)
    assert gs.predict(Shown(), task, batch_size=1).output[:, 0].tolist() == [2, 3, 5]
    assert task.answers.tolist() == [0, 0, 1]


def test_the_best_constant_of_a_data_set_is_that_of_all_its_answers() -> None:
    graphs = [gs.from_sequence(torch.zeros(1, 1), y=torch.tensor([[float(n)]])) for n in (1, 2, 6)]
    assert Constant.of(GraphRegression(graphs)).output.tolist() == [3]


def test_a_pooled_model_learns_to_tell_stars_from_paths() -> None:
    graphs = [
        gs.from_graph(make(size), x=torch.ones(size, 1), y=torch.tensor([kind]))
        for size in range(5, 15)
        for kind, make in enumerate((nx.path_graph, lambda n: nx.star_graph(n - 1)))
    ]
    train, test = GraphClassification(graphs, 2).folds(5)[0]
    torch.manual_seed(0)
    model = gs.nn.Model(gs.nn.GCN(1, 16, 2), 2, pool="mean")
    gs.fit(model, train, steps=300, batch_size=len(train), optimizer="Adam", lr=0.03)
    assert gs.evaluate(model, test).score == 1


@pytest.mark.parametrize(
    ("graphs", "message"),
    [
        ([], "at least one SpaceTimeGraph"),
        (shapes([2])[0], r"give \[graph\]"),
        ([Batch.from_data_list(shapes([2, 2]))], r"graphs\[0\] must be one graph"),
        (
            [*shapes([2]), gs.from_sequence(torch.zeros(2, 3), y=torch.tensor([0]))],
            r"graphs\[1\]\.x is .* same features",
        ),
        ([*shapes([2]), gs.from_sequence(torch.zeros(2, 1))], r"graphs\[1\] must have its answers in y"),
        ([*shapes([2]), gs.from_sequence(torch.zeros(2, 1), y=torch.tensor([0, 1]))], r"1 answers for 2 target rows"),
        ([gs.from_sequence(torch.zeros(2, 1), y=torch.tensor([2]))], "classes 0 to 1"),
        ([gs.from_sequence(torch.zeros(2, 1), y=torch.tensor([0.5]))], "A task whose answers are numbers"),
    ],
)
def test_graphs_that_do_not_fit_are_named(graphs: list, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        GraphClassification(graphs, 2)


def test_no_graph_at_all_is_a_type_error() -> None:
    with pytest.raises(TypeError, match=r"graphs\[1\] must be a SpaceTimeGraph, got list"):
        GraphClassification([*shapes([2]), [1]], 2)


@pytest.mark.parametrize("y", [torch.tensor([1]), torch.tensor([[1]]), torch.tensor([[float("nan")]])], ids=str)
def test_what_is_no_number_cannot_be_measured(y: Tensor) -> None:
    with pytest.raises(ValueError, match=r"y must hold finite floats|y\[0, 0\] is nan; answers must be finite"):
        GraphRegression([gs.from_sequence(torch.zeros(2, 1), y=y)])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda task: task.graphs(torch.tensor([4])), ValueError, "numbers must name graphs 0 to 3"),
        (lambda task: task.graphs(torch.tensor([], dtype=torch.long)), ValueError, "at least one"),
        (lambda task: task.part(torch.tensor([1, 1])), ValueError, "at most once"),
        (lambda task: task.part([1]), TypeError, "numbers must be a torch.Tensor"),
        (lambda task: task.folds(5), ValueError, "count=5 folds need as many graphs; there are 4"),
        (lambda task: task.folds(1), ValueError, "count must be at least 2"),
        (
            lambda task: gs.predict(torch.nn.Identity(), task, samples=3),
            ValueError,
            "samples=3 .* all 4 graphs of",
        ),
    ],
)
def test_what_is_asked_wrongly_is_said(call: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call(GraphClassification(shapes([1] * 4), 2))
