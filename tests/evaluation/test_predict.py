"""Each answer once and in order, whatever the batch size; average precision against a loop over thresholds."""

from __future__ import annotations

import itertools

import networkx as nx
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from randomgraphs import draw
from torch import Tensor, nn

import graphseq as gs
from graphseq.evaluation.metrics import average_precision
from graphseq.evaluation.predict import predict
from graphseq.tasks import Forecasting, LinkPrediction

# predict


class Known(nn.Module):
    """Says of each asked row its first feature, and keeps what it was asked under."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.ModuleList([nn.Dropout(0.5), nn.Dropout(0.5)])
        self.modes: list[list[bool]] = []
        self.sizes: list[int] = []
        self.gradients: list[bool] = []

    def forward(self, graph: gs.SpaceTimeGraph) -> Tensor:
        self.modes.append([module.training for module in self.modules()])
        self.sizes.append(graph.num_graphs)
        self.gradients.append(torch.is_grad_enabled())
        return graph.x[graph.target_rows, :1]


class Pairs(nn.Module):
    """Says of each pair what is known of it."""

    def forward(self, graph: gs.SpaceTimeGraph) -> Tensor:
        return graph.pair_features


def by_hand(graph: gs.SpaceTimeGraph, lags: int, horizon: int) -> list[tuple[int, int, float, float]]:
    """Node, time, last value and answer of everything that can be asked, by time and then by node."""
    times = sorted(set(graph.time.tolist()))
    x = {(t, n): v for t, n, v in zip(graph.time.tolist(), graph.node.tolist(), graph.x[:, 0].tolist(), strict=True)}
    found = []
    for place in range(lags - 1, len(times) - horizon):
        now, then = times[place], times[place + horizon]
        nodes = sorted(n for t, n in x if t == now and (then, n) in x)
        found += [(n, then, x[now, n], x[then, n]) for n in nodes]
    return found


@given(seed=st.integers(0, 300), lags=st.integers(1, 3), horizon=st.integers(1, 2), size=st.integers(1, 5))
def test_everything_is_asked_once_by_time_and_then_by_node(seed: int, lags: int, horizon: int, size: int) -> None:
    graph = draw(seed, times=8)
    found = predict(Known(), Forecasting(graph, lags=lags, horizon=horizon), batch_size=size)
    listed = zip(*(part.flatten().tolist() for part in found), strict=True)
    assert list(listed) == by_hand(graph, lags, horizon)


def test_the_shapes_are_those_of_the_answers() -> None:
    graph = draw(0, times=6)
    node, time, output, y = predict(Known(), Forecasting(graph, lags=2, channels=2))
    count = len(by_hand(graph, 2, 1))
    assert [tuple(part.shape) for part in (node, time, output, y)] == [(count,), (count,), (count, 1), (count, 2)]


def test_predictions_are_shown_by_their_shapes() -> None:
    shown = repr(predict(Known(), Forecasting(gs.from_sequence(torch.arange(12.0)[:, None]), lags=1)))
    assert shown == "Predictions(node=[11], time=[11], output=[11, 1], y=[11, 1])"


def test_windows_come_in_batches_and_the_last_has_the_rest() -> None:
    task, model = Forecasting(gs.from_sequence(torch.arange(12.0)[:, None]), lags=1), Known()
    predict(model, task, batch_size=4)
    assert model.sizes == [4, 4, 3]


def test_a_part_of_a_task_gives_the_answers_of_that_part() -> None:
    split = Forecasting(gs.from_sequence(torch.arange(20.0)[:, None]), lags=2).split(train=0.5, validation=0.25)
    assert [predict(Known(), part).time.tolist() for part in split] == [
        list(range(2, 9)), [9, 10], list(range(11, 20)),
    ]  # fmt: skip


@pytest.mark.parametrize("modes", list(itertools.product([True, False], repeat=3)))
def test_the_model_is_asked_in_evaluation_and_each_module_put_back(modes: tuple[bool, ...]) -> None:
    model = Known()
    parts = (model, model.inner[0], model.inner[1])
    for module, mode in zip(parts, modes, strict=True):
        module.training = mode
    predict(model, Forecasting(draw(1, times=5), lags=1), batch_size=2)
    assert not any(itertools.chain(*model.modes))
    assert not any(model.gradients)
    assert tuple(module.training for module in parts) == modes
    assert torch.is_grad_enabled()


def test_the_modes_are_put_back_where_the_model_fails() -> None:
    class Failing(Known):
        def forward(self, graph: gs.SpaceTimeGraph) -> Tensor:
            raise RuntimeError("midway")

    model = Failing()
    model.inner[1].eval()
    with pytest.raises(RuntimeError, match="midway"):
        predict(model, Forecasting(draw(1, times=5), lags=1))
    assert [model.training, model.inner[0].training, model.inner[1].training] == [True, True, False]


@pytest.mark.parametrize("size", [1, 2, 99])
def test_pairs_are_told_by_both_ends_whatever_the_batch_size(size: int) -> None:
    graph = draw(3, nodes=5, times=7, directed=True)
    task = LinkPrediction(graph, lags=2, negatives=2)
    found, whole = predict(Pairs(), task, batch_size=size), task.windows(torch.arange(len(task)))
    assert torch.equal(found.y, whole.y)
    assert torch.equal(found.output, whole.pair_features)
    assert found.node.shape == (len(whole.y), 2)
    edges = {
        (graph.time[j].item(), graph.node[j].item(), graph.node[i].item())
        for j, i in graph.topology.spatial.edge_index.t().tolist()
    }
    asked = list(zip(found.time.tolist(), *found.node.t().tolist(), strict=True))
    assert [pair in edges for pair in asked] == [y == 1 for y in found.y.tolist()]
    assert found.time.tolist() == sorted(found.time.tolist())


@pytest.mark.parametrize(
    ("task", "options", "error", "message"),
    [
        (draw(1), {}, TypeError, "task must be a graphseq.tasks.Task, got SpaceTimeGraph"),
        (None, {"samples": 3}, ValueError, r"samples=3 was given, but all \d windows of Forecasting are predicted"),
        (None, {"batch_size": 0}, ValueError, "batch_size must be at least 1, got 0"),
        (None, {"batch_size": 1.5}, TypeError, "batch_size must be an integer, got 1.5"),
    ],
)
def test_what_cannot_be_gone_through_is_refused(
    task: gs.tasks.Task | None, options: dict, error: type[Exception], message: str
) -> None:
    model = Known()
    with pytest.raises(error, match=message):
        predict(model, Forecasting(draw(1, times=5), lags=1) if task is None else task, **options)
    assert not model.sizes


class First(nn.Module):
    """Says of each asked row, or of each graph, the first feature of the graph's rows."""

    def forward(self, graph: gs.SpaceTimeGraph) -> Tensor:
        return graph.x[graph.target_rows]


def sequence(values: list[float], asked: list[int]) -> gs.SpaceTimeGraph:
    target = torch.tensor([place in asked for place in range(len(values))])
    y = torch.tensor([0] * len(asked))
    return gs.from_sequence(torch.tensor(values)[:, None], y=y, target=target)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_rows_of_a_data_set_are_named_as_in_their_own_graphs(size: int) -> None:
    signal = gs.from_signal(torch.arange(6.0).view(3, 2, 1), torch.tensor([[0], [1]]))
    signal = signal.replace(y=torch.tensor([1, 1]), target=torch.tensor([False, True, False, False, True, False]))
    task = gs.tasks.GraphClassification([sequence([7.0, 8.0], [1]), signal, sequence([9.0, 3.0], [0, 1])], 2)
    found = predict(First(), task, batch_size=size)
    assert found.output[:, 0].tolist() == [8, 1, 4, 9, 3]
    assert found.node.tolist() == [0, 1, 0, 0, 0]
    assert found.time.tolist() == [1, 0, 2, 0, 1]
    assert found.y.tolist() == task.answers.tolist() == [0, 1, 1, 0, 0]


def test_whole_graphs_have_neither_node_nor_time() -> None:
    graphs = [gs.from_sequence(torch.full((3, 1), float(n)), y=torch.tensor([n % 2])) for n in range(5)]
    task = gs.tasks.GraphClassification(graphs, 2)
    found = predict(gs.nn.Model(gs.nn.GRU(1, 4), 2, pool="mean"), task, batch_size=2)
    assert [tuple(part.shape) for part in found] == [(5, 0), (5, 0), (5, 2), (5,)]
    assert found.y.tolist() == [0, 1, 0, 1, 0]


def test_rows_of_one_large_graph_are_named_by_their_row() -> None:
    graph = gs.from_graph(nx.path_graph(30), x=torch.arange(30.0)[:, None], y=torch.arange(30) % 2)
    part = gs.tasks.NodeClassification(graph, 2, num_neighbors=[-1]).part(torch.tensor([4, 17, 11]))
    found = predict(First(), part, batch_size=2)
    assert found.node.tolist() == found.output[:, 0].tolist() == part.numbers.tolist()


def test_a_task_that_draws_gives_the_graphs_of_an_evaluation() -> None:
    task, model = gs.tasks.Transfer(3), gs.nn.Model(gs.nn.GRU(10, 4), 10)
    found = predict(model, task, samples=30, batch_size=7, seed=2)
    judged = gs.evaluate(model, task, samples=30, batch_size=7, seed=2)
    assert float(task.score(found.output, found.y).mean()) == pytest.approx(judged.score)
    assert float(task.loss(found.output, found.y)) == pytest.approx(judged.loss)
    assert len(predict(model, task).y) == 1000


def test_as_many_outputs_as_answers() -> None:
    class Halved(First):
        def forward(self, graph: gs.SpaceTimeGraph) -> Tensor:
            return super().forward(graph)[::2]

    with pytest.raises(ValueError, match=r"Forecasting asks for 8 answers in this batch, but the model gives 4"):
        predict(Halved(), Forecasting(gs.from_sequence(torch.rand(9, 1)), lags=1))


# average_precision


def naive(scores: list[float], y: list[int]) -> float:
    """Over all thresholds, from the highest down: precision times the recall that it adds."""
    total, before = 0.0, 0.0
    for threshold in sorted(set(scores), reverse=True):
        taken = [label for score, label in zip(scores, y, strict=True) if score >= threshold]
        recall = sum(taken) / sum(y)
        total += (recall - before) * sum(taken) / len(taken)
        before = recall
    return total


# Few different scores, so that ties are common.
SCORED = st.lists(st.tuples(st.integers(-2, 2), st.integers(0, 1)), min_size=1, max_size=12).filter(
    lambda pairs: any(label for _, label in pairs)
)


@given(SCORED, st.randoms(use_true_random=False))
def test_average_precision_is_a_loop_over_thresholds_in_whatever_order_pairs_come(
    pairs: list[tuple[int, int]], random: object
) -> None:
    expected = naive(*(list(part) for part in zip(*pairs, strict=True)))
    random.shuffle(pairs)  # type: ignore[attr-defined]
    scores, y = (torch.tensor(part) for part in zip(*pairs, strict=True))
    for one in (scores.float(), scores.double().exp(), scores):  # only the order counts
        assert average_precision(one, y) == pytest.approx(expected, abs=1e-12)
    assert average_precision(scores, y.bool()) == average_precision(scores, y.float()) == average_precision(scores, y)


@pytest.mark.parametrize(
    ("scores", "y", "expected"),
    [
        ([0.9, 0.8, 0.7], [1, 0, 1], (1 + 2 / 3) / 2),
        ([3, 2, 1, 0], [1, 1, 0, 0], 1.0),
        ([0, 0, 0, 0], [0, 1, 0, 0], 1 / 4),
        ([1, 1, 0, 0], [1, 0, 1, 0], (1 / 2) / 2 + (2 / 4) / 2),
        ([float("inf"), 0, float("-inf")], [0, 1, 1], (1 / 2) / 2 + (2 / 3) / 2),
        ([5], [1], 1.0),
    ],
)
def test_average_precision_by_hand(scores: list[float], y: list[int], expected: float) -> None:
    assert average_precision(torch.tensor(scores), torch.tensor(y)) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("edges", "others"), [(1, 1), (3, 5), (40, 7)])
def test_of_lists_in_order_in_none_and_upside_down(edges: int, others: int) -> None:
    y = torch.cat([torch.ones(edges), torch.zeros(others)])
    falling = -torch.arange(float(len(y)))
    assert average_precision(falling, y) == pytest.approx(1.0)
    assert average_precision(torch.zeros(len(y)), y) == pytest.approx(edges / len(y))
    # Upside down, the k-th edge is found after all others: (1/P) Σ k / (N + k).
    last = sum(k / (others + k) for k in range(1, edges + 1)) / edges
    assert average_precision(-falling, y) == pytest.approx(last)


@pytest.mark.parametrize(
    ("scores", "y", "message"),
    [
        (torch.zeros(3), torch.ones(2), r"shape \(K,\) each; got \(3,\) and \(2,\)"),
        (torch.zeros(3, 1), torch.ones(3, 1), r"shape \(K,\) each; got \(3, 1\)"),
        (torch.tensor([0.0, torch.nan]), torch.ones(2), r"scores\[1\] is NaN"),
        (torch.zeros(2), torch.tensor([1, 2]), "y must hold 0 and 1, and 1 at least once"),
        (torch.zeros(2), torch.zeros(2), "1 at least once"),
        (torch.zeros(0), torch.zeros(0), "1 at least once"),
    ],
)
def test_average_precision_refuses(scores: Tensor, y: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        average_precision(scores, y)
