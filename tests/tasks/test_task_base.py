"""What every task inherits: sources and items by distance, the best constant, and numbers for answers."""

from __future__ import annotations

import networkx as nx
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from randomgraphs import draw
from torch import Tensor

import graphseq as gs
from graphseq.baselines.constant import Constant
from graphseq.nn import MLP, Model
from graphseq.tasks import Palindrome, Regression, Task, Transfer
from graphseq.tasks.base import blocks


class Bare(Task):
    """All that a task must say of itself."""

    in_channels, out_channels, chance = 2, 3, 1 / 3

    def __init__(self, graph: gs.SpaceTimeGraph, hops: int, causal: bool = False) -> None:
        self.graph, self.hops, self.causal = graph, hops, causal

    def batch(self, size: int, generator: torch.Generator) -> gs.SpaceTimeGraph:
        return self.graph


class Plane(Regression):
    """Two numbers a sample, each a sum of the input and a number of its own."""

    in_channels, out_channels, hops, chance, tolerance = 2, 2, 0, 0.0, 0.05

    def batch(self, size: int, generator: torch.Generator) -> gs.SpaceTimeGraph:
        x = torch.rand(size, 2, generator=generator)
        rows = torch.arange(size)
        y = torch.stack([x.sum(1), x[:, 0] - x[:, 1]], dim=1)
        graph = gs.SpaceTimeGraph(x, rows, torch.zeros_like(rows), y=y)
        graph.batch = rows
        return graph


def on_a_path(rows: int, hops: int, *, causal: bool = False) -> list[list[int]]:
    graph = gs.from_sequence(torch.zeros(rows, 2), target=torch.tensor([False, True, True] + [False] * (rows - 3)))
    return [marks.nonzero()[:, 0].tolist() for marks in Bare(graph, hops, causal).relevant_nodes(graph)]


def test_sources_are_the_rows_at_exactly_so_many_hops() -> None:
    assert on_a_path(6, 2) == [[3], [0, 4]]
    assert on_a_path(6, 1) == [[0, 2], [1, 3]]
    assert on_a_path(6, 0) == [[1], [2]]
    assert on_a_path(6, 5) == [[], []]


def test_sources_of_a_causal_task_are_earlier_rows() -> None:
    assert on_a_path(6, 2, causal=True) == [[], [0]]
    assert on_a_path(6, 1, causal=True) == [[0], [1]]


@given(seed=st.integers(0, 999), hops=st.integers(0, 4), causal=st.booleans(), directed=st.booleans())
def test_sources_on_a_graph_that_changes_are_networkxs(seed: int, hops: int, causal: bool, directed: bool) -> None:
    graph = draw(seed, directed=directed)
    reads = nx.DiGraph(graph.unroll(causal=causal).edge_index.flip(0).t().tolist())
    reads.add_nodes_from(range(graph.num_nodes))
    for row, marks in enumerate(Bare(graph, hops, causal).relevant_nodes(graph)):
        away = nx.single_source_shortest_path_length(reads, row)
        assert marks.tolist() == [away.get(other) == hops for other in range(graph.num_nodes)]


def test_items_are_the_sources_unless_a_task_says_otherwise() -> None:
    graph = draw(0)
    task = Bare(graph, 2)
    assert torch.equal(task.memory_items(graph), task.relevant_nodes(graph))


def test_on_a_tree_the_source_is_the_leaf_that_shows_and_no_other() -> None:
    task = Transfer(3, shape="tree")
    graph = task.batch(2, torch.Generator().manual_seed(0))
    assert task.relevant_nodes(graph).nonzero().tolist() == [[0, 6], [1, 13]]


def test_on_a_graph_the_source_is_the_row_that_was_named() -> None:
    task = Transfer.on(gs.from_graph(nx.cycle_graph(5)), source=3, asked=0)
    graph = task.batch(2, torch.Generator().manual_seed(0))
    assert task.relevant_nodes(graph).nonzero().tolist() == [[0, 3], [1, 8]]


@pytest.mark.parametrize("length", [2, 5])
def test_the_source_of_a_palindrome_is_its_first_row(length: int) -> None:
    task = Palindrome(length)
    graph = task.batch(2, torch.Generator().manual_seed(0))
    assert task.relevant_nodes(graph).nonzero().tolist() == [[0, 0], [1, length - 1]]


def test_marks_of_two_graphs_become_the_marks_of_their_batch() -> None:
    marks = torch.tensor([[[True, False, True]], [[False, True, False]]])
    t, f = True, False
    assert blocks(marks).tolist() == [[t, f, t, f, f, f], [f, f, f, f, t, f]]


@given(st.integers(1, 4), st.integers(0, 3), st.integers(0, 4))
def test_marks_of_a_batch_are_torchs_block_diagonal(size: int, asked: int, rows: int) -> None:
    marks = torch.rand(size, asked, rows, generator=torch.Generator().manual_seed(0)) < 0.5
    assert torch.equal(blocks(marks), torch.block_diag(*marks).bool().view(size * asked, size * rows))


def test_the_best_constant_over_classes_is_the_log_of_smoothed_shares() -> None:
    found = Bare(draw(0), 1).best_constant(torch.tensor([0, 2, 0]))
    torch.testing.assert_close(found, torch.tensor([3 / 6, 1 / 6, 2 / 6]).log())


@given(st.lists(st.integers(0, 2), min_size=60, max_size=80), st.integers(0, 99))
def test_no_other_constant_has_less_loss_on_many_answers_but_by_what_smoothing_costs(y: list[int], seed: int) -> None:
    task, answers = Bare(draw(0), 1), torch.tensor(y)
    best = task.best_constant(answers)
    other = torch.randn(3, generator=torch.Generator().manual_seed(seed))
    least = task.loss(best.expand(len(y), -1), answers)
    # Raising three counts by one costs at most log(1 + 3/n).
    assert least <= task.loss(other.expand(len(y), -1), answers) + torch.tensor(1 + 3 / len(y)).log()


@given(st.lists(st.floats(-3, 3, width=32), min_size=1, max_size=20), st.floats(-3, 3, width=32))
def test_no_other_constant_has_less_squared_error_than_the_mean(y: list[float], other: float) -> None:
    task, answers = Plane(), torch.tensor(y, dtype=torch.float64)[:, None].expand(-1, 2)
    best = task.best_constant(answers)
    assert best.tolist() == pytest.approx([sum(y) / len(y)] * 2, abs=1e-12)
    rival = torch.full_like(answers, other)
    assert task.loss(best.expand_as(answers), answers) <= task.loss(rival, answers) + 1e-12


@pytest.mark.parametrize(
    "y", [torch.tensor([3]), torch.tensor([-1]), torch.tensor([0.5]), torch.tensor([[0]])], ids=["3", "-1", "½", "2-D"]
)
def test_answers_that_are_no_classes_have_no_best_constant(y: Tensor) -> None:
    with pytest.raises(ValueError, match=r"y must hold classes 0 to 2, \(K,\)"):
        Bare(draw(0), 1).best_constant(y)


@pytest.mark.parametrize("shape", [(3,), (3, 1), (0, 2), (1, 3, 2)], ids=str)
def test_answers_that_are_not_c_numbers_have_no_best_constant(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"y must hold answers \(K, 2\), at least one"):
        Plane().best_constant(torch.zeros(shape))


def test_squared_errors_are_averaged_over_rows_and_numbers() -> None:
    output, y = torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[1.0, 0.0], [0.0, 4.0]])
    assert Plane().loss(output, y).item() == (4 + 9) / 4


def test_an_answer_is_right_when_each_of_its_numbers_is() -> None:
    y = torch.zeros(4, 2)
    output = torch.tensor([[0.04, -0.04], [0.04, 0.06], [0.06, 0.06], [0.05, 0.0]])
    assert Plane().score(output, y).tolist() == [1, 0, 0, 0]


def test_a_model_in_float64_is_judged_against_answers_in_float32() -> None:
    y = torch.zeros(3, 2)
    output = torch.full((3, 2), 0.5, dtype=torch.float64, requires_grad=True)
    loss = Plane().loss(output, y)
    loss.backward()
    assert (loss.dtype, loss.item()) == (torch.float64, 0.25)
    assert output.grad is not None
    assert not Plane().score(output, y).requires_grad


def test_numbers_are_learned_and_judged_by_the_same_calls_as_classes() -> None:
    task = Plane()
    torch.manual_seed(0)
    model = Model(MLP(2, 32), 2)
    gs.fit(model, task, steps=400, optimizer="Adam", lr=0.01, seed=0)
    found, constant = gs.evaluate(model, task), gs.evaluate(Constant.of(task), task)
    # Both numbers have variance 2/12, and a constant has that for its squared error.
    assert constant.loss == pytest.approx(1 / 6, rel=0.1)
    assert constant.score < 0.05
    assert found.loss < constant.loss / 100
    assert found.score > 0.9


@pytest.mark.parametrize("wrong", [-100, -1, 10])
def test_a_class_that_is_no_output_is_refused_and_not_left_out_as_torchs_losses_do(wrong: int) -> None:
    task, output, y = Transfer(2), torch.zeros(3, 10, requires_grad=True), torch.tensor([0, wrong, 1])
    for call in (task.loss, task.score):
        with pytest.raises(ValueError, match=f"y must hold classes 0 to 9, .*; got .*{wrong}"):
            call(output, y)
