"""Hop distances against networkx, and the hops that each encoder reaches."""

import networkx as nx
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from randomgraphs import draw, join, sequence

import graphseq as gs
from graphseq.nn import GCN, GCNLSTM, GRU, LSTM, MLP, RNN, Encoder, Model
from graphseq.reach import hop_distances, hops_reached
from graphseq.tasks import Palindrome, Transfer


@given(seed=st.integers(0, 999), directed=st.booleans(), causal=st.booleans())
def test_hops_are_networkxs_shortest_paths_on_the_unrolled_graph(seed: int, directed: bool, causal: bool) -> None:
    graph = draw(seed, directed=directed)
    way = nx.DiGraph()
    way.add_nodes_from(range(graph.num_nodes))
    way.add_edges_from(graph.unroll(causal).edge_index.t().tolist())
    expected = torch.full((graph.num_nodes, graph.num_nodes), -1)
    for source, lengths in nx.all_pairs_shortest_path_length(way):
        for row, hops in lengths.items():
            expected[row, source] = hops
    assert torch.equal(hop_distances(graph, torch.arange(graph.num_nodes), causal=causal), expected)


def test_on_a_path_hops_are_the_difference_of_positions() -> None:
    i = torch.arange(5)
    assert torch.equal(hop_distances(sequence(0, 5), i), (i[:, None] - i).abs())


def test_causal_hops_have_no_path_back_in_time() -> None:
    expected = [[0, -1, -1], [1, 0, -1], [2, 1, 0]]
    assert hop_distances(sequence(0, 3), torch.arange(3), causal=True).tolist() == expected


def test_there_is_no_path_between_the_graphs_of_a_batch() -> None:
    batch = join([sequence(0, 2), sequence(1, 1)])
    assert hop_distances(batch, torch.arange(3)).tolist() == [[0, 1, -1], [1, 0, -1], [-1, -1, 0]]


def test_an_edge_of_weight_zero_is_no_edge() -> None:
    rows = torch.arange(2)
    x, index = torch.zeros(2, 1), torch.tensor([[0, 1], [1, 0]])
    graph = gs.SpaceTimeGraph(x, rows, torch.zeros_like(rows), index, torch.tensor([0.0, 1.0]))
    assert hop_distances(graph, rows).tolist() == [[0, 1], [-1, 0]]


def test_a_row_with_a_self_loop_of_weight_zero_is_at_zero_hops_from_itself() -> None:
    rows = torch.arange(2)
    x, index = torch.zeros(2, 1), torch.tensor([[0, 0], [0, 1]])
    graph = gs.SpaceTimeGraph(x, rows, torch.zeros_like(rows), index, torch.tensor([0.0, 1.0]))
    assert hop_distances(graph, rows).tolist() == [[0, -1], [1, 0]]


def test_results_are_in_the_order_of_the_rows() -> None:
    assert hop_distances(sequence(0, 3), torch.tensor([2, 0, 2])).tolist() == [[2, 1, 0], [0, 1, 2], [2, 1, 0]]


def test_no_rows_give_an_empty_result() -> None:
    assert hop_distances(sequence(0, 3), torch.zeros(0, dtype=torch.long)).shape == (0, 3)


@pytest.mark.parametrize("row", [-1, 3])
def test_a_row_outside_the_graph_is_an_error(row: int) -> None:
    with pytest.raises(ValueError, match="rows must lie in 0 to 2"):
        hop_distances(sequence(0, 3), torch.tensor([0, row]))


@pytest.mark.parametrize("num_layers", [1, 2, 3])
@pytest.mark.parametrize("length", [2, 4, 9])
def test_a_gcn_reaches_its_depth_or_the_end_of_the_path(num_layers: int, length: int) -> None:
    reached = hops_reached(Model(GCN(10, 4, num_layers), 10), Transfer(length))
    assert reached == min(num_layers, length - 1)


@pytest.mark.parametrize("kind", [RNN, GRU, LSTM])
@pytest.mark.parametrize("length", [2, 9, 30])
def test_a_recurrence_reaches_the_whole_past(kind: type[Encoder], length: int) -> None:
    task = Palindrome(length)
    assert hops_reached(Model(kind(10, 4), 10), task) == task.hops


@pytest.mark.parametrize("view", [None, gs.transforms.grow])
def test_a_gcn_lstm_reaches_the_whole_past_of_a_sequence_with_and_without_transform(view: object) -> None:
    assert hops_reached(Model(GCNLSTM(10, 4), 10, transform=view), Transfer(9)) == 8


def test_a_model_without_neighbours_reaches_no_hop() -> None:
    assert hops_reached(Model(MLP(10, 4), 10), Transfer(9)) == 0


@pytest.mark.parametrize("kind", [RNN, GRU, LSTM])
@pytest.mark.parametrize("shape", ["ring", "tree"])
def test_a_recurrence_reaches_no_hop_across_space(kind: type[Encoder], shape: str) -> None:
    assert hops_reached(Model(kind(10, 4), 10), Transfer(4, shape=shape)) == 0


@pytest.mark.parametrize("num_layers", [1, 2])
def test_a_gcn_lstm_reaches_one_hop_a_layer_on_a_static_graph(num_layers: int) -> None:
    assert hops_reached(Model(GCNLSTM(10, 4, num_layers), 10), Transfer(5, shape="ring")) == num_layers


def test_a_light_cone_widens_by_one_hop_a_step() -> None:
    path = torch.tensor([[0, 1, 1, 2, 2, 3, 3, 4], [1, 0, 2, 1, 3, 2, 4, 3]])
    task = Transfer.on(gs.from_signal(torch.zeros(3, 5, 1), path), source=3, asked=10)
    # Node 3 at time 0 is three hops in space and two in time from node 0 at time 2: just inside the cone.
    assert task.hops == hops_reached(Model(GCNLSTM(10, 4), 10), task) == 5
