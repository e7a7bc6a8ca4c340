"""A sequence read as a graph that grows."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from strategies import (
    equal_at,
    index,
    sequences,
    spatial_bag,
)
from torch_geometric.data import Batch

import graphseq as gs
from graphseq import SpaceTimeGraph

# grow


def test_a_sequence_of_three_grows_literally() -> None:
    grown = gs.transforms.grow(gs.from_sequence(torch.tensor([7, 8, 9])))
    assert grown.x.tolist() == [7, 7, 7, 8, 8, 9]
    assert grown.node.tolist() == [0, 0, 0, 1, 1, 2]
    assert grown.time.tolist() == [0, 1, 2, 1, 2, 2]
    assert grown.target_rows.tolist() == [0, 3, 5]
    assert grown.to_dense().adjacency.tolist() == [
        [[0, 0, 0], [0, 0, 0], [0, 0, 0]],
        [[0, 1, 0], [1, 0, 0], [0, 0, 0]],
        [[0, 1, 0], [1, 0, 1], [0, 1, 0]],
    ]


@pytest.mark.parametrize("length", [1, 2, 5])
def test_at_time_t_there_are_the_first_t_nodes_on_a_path_with_their_features(length: int) -> None:
    x = torch.randn(length, 2)
    grown = gs.transforms.grow(gs.from_sequence(x))
    assert grown.num_nodes == length * (length + 1) // 2
    for t in range(length):
        now = grown.snapshot(t)
        assert now.node.tolist() == list(range(t + 1))
        assert torch.equal(now.x, x[: t + 1])
        path = nx.to_numpy_array(nx.path_graph(t + 1))
        assert np.array_equal(gs.from_graph(now).to_scipy().toarray(), path)


def test_growing_reads_the_order_from_the_times_not_the_rows() -> None:
    shuffled = SpaceTimeGraph(torch.tensor([9, 7, 8]), torch.zeros(3, dtype=int), torch.tensor([30, 10, 20]))
    grown = gs.transforms.grow(shuffled)
    assert [sorted(grown.snapshot(t).x.tolist()) for t in range(3)] == [[7], [7, 8], [7, 8, 9]]
    assert grown.x[grown.target_rows].tolist() == [9, 7, 8]


@given(sequences())
def test_what_was_asked_at_a_row_is_asked_of_its_node_on_arrival(graph: SpaceTimeGraph) -> None:
    grown = gs.transforms.grow(graph)
    assert torch.equal(grown.x[grown.target_rows], graph.x[graph.target_rows])
    assert grown.time[grown.target_rows].tolist() == graph.target_rows.tolist()
    assert torch.equal(grown.y, graph.y)


@given(sequences())
def test_no_later_row_is_there_when_a_row_is_asked(graph: SpaceTimeGraph) -> None:
    numbered = graph.replace(x=torch.arange(len(graph.x)))
    grown = gs.transforms.grow(numbered)
    assert bool((grown.x <= grown.time).all())


@given(st.lists(sequences(), min_size=1, max_size=4))
def test_a_batch_grows_as_each_of_its_members_does(graphs: list[SpaceTimeGraph]) -> None:
    together = gs.transforms.grow(Batch.from_data_list(graphs))
    each = Batch.from_data_list([gs.transforms.grow(graph) for graph in graphs])
    assert equal_at(together, each, ("x", "node", "time", "y", "target", "batch"))
    assert spatial_bag(together) == spatial_bag(each)
    assert together.num_graphs == len(graphs)


def test_growing_derives_its_topology_once() -> None:
    graph = gs.from_sequence(torch.zeros(4, 1))
    other = graph.replace(x=torch.ones(4, 1))
    assert gs.transforms.grow(graph).topology is gs.transforms.grow(other).topology
    assert gs.transforms.grow(other).x.unique().tolist() == [1]


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (gs.from_graph(nx.path_graph(3)), "grow reads sequences, but graph has 4 spatial edges"),
        (gs.from_signal(torch.zeros(2, 3, 1), index([])), "grow reads one sequence a graph; got 3 nodes in 1 graphs"),
    ],
)
def test_grow_refuses(graph: SpaceTimeGraph, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        gs.transforms.grow(graph)
