"""Every transform keeps the attributes of a graph that still make sense on the graph that it makes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import networkx as nx
import pytest
import torch
from randomgraphs import draw, join, sequence

import graphseq as gs
from graphseq import SpaceTimeGraph, transforms
from graphseq.nn import GCN, Model, PairHead


def path_graphs() -> SpaceTimeGraph:
    return join([gs.from_graph(nx.path_graph(size), x=torch.rand(size, 2)) for size in (3, 4)])


def signals() -> SpaceTimeGraph:
    return join([draw(0), draw(1)])


def sequences() -> SpaceTimeGraph:
    return join([sequence(0, 3), sequence(1, 4)])


def images() -> SpaceTimeGraph:
    return join([gs.grid_graph(torch.rand(2, 3, 2)) for _ in range(2)])


# Every public transform with data that it reads. The last one is not in the package, but is a transform.
CASES: dict[str, tuple[Callable[[SpaceTimeGraph], SpaceTimeGraph], Callable[[], SpaceTimeGraph]]] = {
    "add_nodes_over_time": (transforms.add_nodes_over_time, path_graphs),
    "add_virtual_node": (transforms.add_virtual_node, path_graphs),
    "fosr": (partial(transforms.fosr, edges=1), path_graphs),
    "grow": (transforms.grow, sequences),
    "k_hop": (partial(transforms.k_hop, hops=2), path_graphs),
    "root_at_targets": (transforms.root_at_targets, path_graphs),
    "sdrf": (partial(transforms.sdrf, edges=1), path_graphs),
    "to_dag": (transforms.to_dag, path_graphs),
    "to_sequence": (transforms.to_sequence, path_graphs),
    "to_undirected": (transforms.to_undirected, path_graphs),
    "unroll_time": (transforms.unroll_time, signals),
    "rows_over_time": (partial(gs.rows_over_time, shape=(2, 3)), images),
}
each_transform = pytest.mark.parametrize(("transform", "make"), CASES.values(), ids=CASES)


def asked(graph: SpaceTimeGraph) -> SpaceTimeGraph:
    """The graph with rows 0, 2 and the last one asked, two pairs of them, and attributes of one's own."""
    last = graph.num_rows - 1
    graph.target = torch.zeros(graph.num_rows, dtype=torch.bool)
    graph.target[[0, 2, last]] = True
    graph.y, graph.pair_features = torch.tensor([10, 20, 30]), torch.tensor([[7.0], [8.0]])
    graph.edge_label_index = torch.tensor([[2, last], [0, last]])
    graph.n_id, graph.source = torch.arange(graph.num_rows) + 100, "a file"
    return graph


def test_every_transform_is_here() -> None:
    assert set(CASES) == set(transforms.__all__) - {"generations"} | {"rows_over_time"}


@each_transform
def test_rows_that_are_asked_show_what_they_showed(transform: Callable, make: Callable) -> None:
    graph = asked(make())
    new = transform(graph)
    for key in ("x", "batch", "n_id"):
        assert torch.equal(new[key][new.target], graph[key][graph.target]), key
        assert len(new[key]) == new.num_rows, key
        assert torch.equal(new[key][new.edge_label_index], graph[key][graph.edge_label_index]), key


@each_transform
def test_answers_and_what_is_of_the_whole_graph_stay(transform: Callable, make: Callable) -> None:
    graph = asked(make())
    new = transform(graph)
    assert torch.equal(new.y, graph.y)
    assert torch.equal(new.pair_features, graph.pair_features)
    assert new.source == "a file"
    assert torch.equal(torch.bincount(new.batch) > 0, torch.tensor([True, True]))


@each_transform
def test_what_is_written_to_a_result_is_not_in_the_next_one(transform: Callable, make: Callable) -> None:
    graph = make()
    expected, written = transform(graph.clone()), transform(graph)
    for key in ("node", "time", "edge_index", "edge_weight", "static_edge_index", "target"):
        if key in written:
            written[key].zero_()
    again = transform(graph)
    assert set(again.keys()) == set(expected.keys())
    for key, value in expected.to_dict().items():
        assert torch.equal(again[key], value), key


@each_transform
def test_names_of_rows_follow_their_rows(transform: Callable, make: Callable) -> None:
    graph = asked(make())
    graph.words = [f"row {row}" for row in range(graph.num_rows)]
    new = transform(graph)
    assert len(new.words) == new.num_rows
    shown = [new.words[row] for row in new.target_rows.tolist()]
    assert shown == [graph.words[row] for row in graph.target_rows.tolist()]


@each_transform
def test_without_a_target_every_row_is_asked_in_its_old_order(transform: Callable, make: Callable) -> None:
    graph = make()
    new = transform(graph)
    assert torch.equal(new.x[new.target_rows], graph.x)
    assert "y" not in new


@each_transform
def test_every_transform_stands_before_a_head_of_pairs(transform: Callable, make: Callable) -> None:
    graph = asked(make())
    model = Model(GCN(2, 4), 3, transform=transform, head=partial(PairHead, pair_channels=1)).double()
    double = graph.replace(x=graph.x.double(), pair_features=graph.pair_features.double())
    assert model(double).shape == (2, 3)


def test_a_pair_with_a_row_that_has_no_copy_is_refused() -> None:
    graph = asked(path_graphs()).replace(edge_label_index=torch.tensor([[0, 1], [2, 2]]))
    with pytest.raises(ValueError, match="edge_label_index has row 1, which is not among the target rows"):
        transforms.root_at_targets(graph)


def test_links_are_predicted_through_a_transform() -> None:
    recording = draw(0, nodes=6, times=8, directed=True, dtype=torch.float32)
    task = gs.tasks.LinkPrediction(recording, lags=1)
    batch = task.batch(2, torch.Generator().manual_seed(0))
    make = partial(PairHead, pair_channels=batch.pair_features.shape[1])
    torch.manual_seed(0)
    model = Model(GCN(task.in_channels, 4), 2, transform=transforms.to_undirected, head=make)
    plain = Model(model.encoder, 2, head=make)
    plain.head = model.head
    assert torch.equal(model(batch), plain(transforms.to_undirected(batch)))
    assert task.loss(model(batch), batch.y).isfinite()
