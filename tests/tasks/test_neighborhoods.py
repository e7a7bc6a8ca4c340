"""Training on the rows of one large graph in mini-batches of their neighbourhoods."""

from __future__ import annotations

import networkx as nx
import pytest
import torch
from torch import Tensor

import graphseq as gs
from graphseq.nn import GCN, Model
from graphseq.tasks import NodeClassification, NodeRegression


def ring(size: int = 400, seed: int = 0) -> tuple[gs.SpaceTimeGraph, Tensor]:
    """A ring that shows -1 or 1, and how much its neighbours show together."""
    x = torch.randint(2, (size, 1), generator=torch.Generator().manual_seed(seed)).float() * 2 - 1
    total = x.roll(1, 0) + x.roll(-1, 0)
    return gs.from_graph(nx.cycle_graph(size), x=x), total


def model(out_channels: int, layers: int = 1, causal: bool = False) -> Model:
    torch.manual_seed(0)
    return Model(GCN(1, 16, layers, causal=causal), out_channels)


def test_a_step_on_whole_neighbourhoods_is_that_on_the_whole_graph() -> None:
    graph, total = ring()
    graph.y = (total[:, 0] > 0).long()
    task = NodeClassification(graph, 2, [-1])
    batch = task.batch(50, torch.Generator().manual_seed(0))
    found = []
    for cut in (True, False):
        trained = model(2)
        out = trained(batch) if cut else trained(graph)[batch.n_id[batch.target_rows]]
        task.loss(out, batch.y).backward()
        found.append([parameter.grad for parameter in trained.parameters()])
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("num_neighbors", [[-1], [1]])
def test_what_is_learned_in_parts_holds_on_the_whole_graph(num_neighbors: list[int]) -> None:
    graph, total = ring(4000)
    graph.y = total
    task = NodeRegression(graph, num_neighbors)
    train, test = task.part(torch.arange(3000)), task.part(torch.arange(3000, 4000))
    trained = model(1)
    gs.fit(trained, train, steps=150, batch_size=256, optimizer="Adam", lr=0.01)
    # One layer is linear and knows the sum s of a row's own ±1 and its neighbours': of the neighbours' a third is left
    # unknown. Taught on one neighbour counted twice, it learns to weigh s by 2/5, which leaves 0.44.
    whole = float((trained(graph)[3000:] - total[3000:]).detach().square().mean() / total.var())
    assert whole == pytest.approx(1 / 3 if num_neighbors == [-1] else 0.44, abs=0.06)
    if num_neighbors == [-1]:
        assert gs.evaluate(trained, test).loss == pytest.approx(whole * float(total.var()), rel=1e-4)
        assert gs.evaluate(trained, test).samples == 1000


def test_asked_rows_alone_are_samples_and_keep_their_answers() -> None:
    graph, _ = ring(10)
    graph.target = torch.arange(10) % 3 == 0
    graph.y = torch.tensor([5, 6, 7, 8])
    task = NodeClassification(graph, 9, [-1])
    assert len(task) == 4
    found = task.graphs(torch.tensor([2, 0]))
    assert found.y.tolist() == [7, 5]
    assert found.n_id[found.target_rows].tolist() == [6, 0]
    assert sorted(answer for _, fold in task.folds(4) for answer in fold.answers.tolist()) == [5, 6, 7, 8]


@pytest.mark.parametrize("size", [1, 3, 5, 6, 10, 13])
def test_rows_are_drawn_evenly_and_none_twice_before_all_were(size: int) -> None:
    graph, _ = ring(10)
    graph.y = torch.arange(10)
    task, generator = NodeClassification(graph, 10, [-1]), torch.Generator().manual_seed(0)
    counts = torch.zeros(10, dtype=torch.long)
    for _ in range(2000):
        drawn = torch.bincount(task.batch(size, generator).y, minlength=10)
        assert int(drawn.max()) - int(drawn.min()) <= 1
        counts += drawn
    expected, spread = 200.0 * size, (2000 * (size % 10) / 10 * (1 - size % 10 / 10)) ** 0.5
    assert bool(((counts - expected).abs() <= 4 * spread).all())


def test_sampled_neighbourhoods_are_the_same_each_time_they_are_judged_on() -> None:
    graph, _ = ring()
    graph.y = torch.zeros(400, dtype=torch.long)
    task = NodeClassification(graph, 2, [1, 1])
    one, again = (task.graphs(torch.arange(50)) for _ in range(2))
    assert torch.equal(one.n_id, again.n_id)


def test_a_checkpoint_of_another_graph_or_other_neighbours_is_told_apart() -> None:
    graph, total = ring()
    graph.y = total
    other, _ = ring(seed=1)
    other.y = total
    tasks = [
        NodeRegression(graph, [-1]),
        NodeRegression(graph, [2]),
        NodeRegression(other, [-1]),
        NodeRegression(graph, [-1]),
    ]
    first, fewer, elsewhere, again = (task.config for task in tasks)
    assert first == again
    assert first != fewer
    assert first["data"] != elsewhere["data"]


def test_a_causal_cut_asks_for_a_causal_model() -> None:
    graph = gs.from_sequence(torch.zeros(9, 1), y=torch.arange(9) % 2)
    task = NodeClassification(graph, 2, [-1], causal=True)
    with pytest.raises(ValueError, match="causal=True"):
        gs.fit(model(2), task, steps=1)
    assert gs.fit(model(2, causal=True), task, steps=1, batch_size=3).steps == 1


def test_what_is_no_graph_with_answers_is_refused() -> None:
    graph, total = ring(10)
    with pytest.raises(TypeError, match="graph must be a SpaceTimeGraph, got list"):
        NodeClassification([graph], 2, [-1])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="an answer in y for each of its 10 target rows; got None"):
        NodeClassification(graph, 2, [-1])
    graph.y = total
    with pytest.raises(ValueError, match="y must hold classes"):
        NodeClassification(graph, 2, [-1])
    graph.y = total.long()[:, 0]
    with pytest.raises(ValueError, match=r"y must hold finite floats, \(K, C\)"):
        NodeRegression(graph, [-1])


def test_each_mask_of_a_graph_is_a_task_and_none_is_trained_on_by_mistake() -> None:
    graph, _ = ring(6)
    graph.y = torch.tensor([0, 1, 0, 1, 1, 1])
    graph.train_mask = torch.tensor([True, False, True, True, False, False])
    graph.test_mask = ~graph.train_mask
    with pytest.raises(
        ValueError, match=r"graph has train_mask, test_mask, so say which rows .*: mask='train_mask', or"
    ):
        NodeClassification(graph, 2, [-1])
    train, test = (NodeClassification(graph, 2, [-1], mask=f"{part}_mask") for part in ("train", "test"))
    assert (train.answers.tolist(), test.answers.tolist()) == ([0, 0, 1], [1, 1, 1])
    found = test.graphs(torch.tensor([0, 2]))
    assert found.n_id[found.target_rows].tolist() == [1, 5]
    assert train.config["data"] != test.config["data"]
    assert len(NodeClassification(graph, 2, [-1], mask="all")) == 6
    asked = graph.replace(target=torch.arange(6) < 2, y=torch.tensor([1, 0]))
    assert NodeClassification(asked, 2, [-1]).answers.tolist() == [1, 0]
    assert NodeClassification(asked, 2, [-1], mask="test_mask").answers.tolist() == [0]
    numbers = graph.replace(y=torch.arange(6.0)[:, None])
    assert NodeRegression(numbers, [-1], mask="train_mask").answers.flatten().tolist() == [0, 2, 3]


def test_a_mask_that_will_not_do_is_refused() -> None:
    graph, _ = ring(4)
    graph.y, graph.train_mask = torch.tensor([0, 1, 0, 1]), torch.ones(4, 10, dtype=torch.bool)
    graph.val_mask, graph.test_mask = torch.zeros(4, dtype=torch.bool), torch.ones(4)
    for mask, message in (
        ("train_mask", r"train_mask has 10 columns, one for each split; choose one: .*train_mask\[:, 0\]"),
        ("val_mask", r"mask='val_mask' marks none of the 4 target rows"),
        ("test_mask", r"test_mask must be bool of shape \(4,\)"),
        ("valid_mask", r"mask='valid_mask' is no attribute of graph; it has train_mask, val_mask, test_mask"),
    ):
        with pytest.raises(ValueError, match=message):
            NodeClassification(graph, 2, [-1], mask=mask)
