"""Receptive fields, layers and routes against literal graphs, networkx and brute force."""

import networkx as nx
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from randomgraphs import draw, sequence, with_x

import graphseq as gs
from graphseq.nn import GCN, GCNLSTM, GRU, LSTM, MLP, RNN, Encoder, Model
from graphseq.reach import (
    UnreachableError,
    hop_distances,
    layers_needed,
    receptive_field,
    routes,
    space_hops,
    time_lags,
)

NAMES = "ABCDEF"


def letters() -> gs.SpaceTimeGraph:
    graph = nx.Graph()
    graph.add_nodes_from(NAMES)
    graph.add_edges_from(["AB", "AE", "AF", "BC", "BD", "CD", "DF", "EF"])
    return gs.from_graph(graph)


def in_letters(found: list[list[int]]) -> list[str]:
    return ["".join(NAMES[row] for row in route) for route in found]


def apart() -> gs.SpaceTimeGraph:
    return gs.from_graph(nx.Graph([(0, 1), (2, 3), (3, 4)]))


def unrolled(graph: gs.SpaceTimeGraph, causal: bool) -> nx.DiGraph:
    way = nx.DiGraph()
    way.add_nodes_from(range(graph.num_rows))
    way.add_edges_from(graph.unroll(causal).edge_index.t().tolist())
    return way


def test_from_c_to_e_there_are_two_routes_of_three_layers() -> None:
    assert layers_needed(letters(), 2, 4) == 3
    assert in_letters(routes(letters(), 2, 4)) == ["CBAE", "CDFE"]


def test_a_row_reaches_itself_without_a_layer_by_the_route_of_itself() -> None:
    assert layers_needed(letters(), 3, 3) == 0
    assert routes(letters(), 3, 3) == [[3]]


@given(seed=st.integers(0, 999), directed=st.booleans(), causal=st.booleans())
def test_layers_and_routes_are_networkxs(seed: int, directed: bool, causal: bool) -> None:
    graph = draw(seed, directed=directed)
    reference, last = unrolled(graph, causal), graph.num_rows - 1
    for source, target in ((0, last), (last, 0), (last // 2, 0)):
        if nx.has_path(reference, source, target):
            length = nx.shortest_path_length(reference, source, target)
            assert layers_needed(graph, source, target, causal=causal) == length
            expected = sorted(nx.all_shortest_paths(reference, source, target))
            assert routes(graph, source, target, causal=causal) == expected
        else:
            for function in (layers_needed, routes):
                with pytest.raises(UnreachableError):
                    function(graph, source, target, causal=causal)


def test_an_unreachable_target_is_named() -> None:
    words = (
        "row 4 is unreachable from row 1: there is no path between them, for any number of layers; 3 of the 5 rows, "
        "itself included, reach row 4"
    )
    with pytest.raises(UnreachableError, match=words):
        layers_needed(apart(), 1, 4)
    with pytest.raises(ValueError, match="no path from past to future"):
        routes(sequence(0, 3), 2, 0, causal=True)


def test_a_graph_without_edges_has_no_routes_but_each_row_to_itself() -> None:
    lone = gs.from_graph(nx.empty_graph(3))
    assert routes(lone, 1, 1) == [[1]]
    with pytest.raises(UnreachableError, match="1 of the 3 rows"):
        routes(lone, 0, 1)


def test_self_loops_given_twice_and_doubled_edges_change_no_route() -> None:
    index = torch.tensor([[0, 0, 0, 0, 1, 1], [0, 0, 1, 1, 2, 2]])
    rows = torch.arange(3)
    graph = gs.SpaceTimeGraph(torch.zeros(3, 1), rows, torch.zeros_like(rows), index)
    assert routes(graph, 0, 2) == [[0, 1, 2]]
    assert hop_distances(graph, rows).tolist() == [[0, -1, -1], [1, 0, -1], [2, 1, 0]]


def test_too_many_routes_are_counted_not_listed() -> None:
    grid = nx.convert_node_labels_to_integers(nx.grid_2d_graph(21, 21))
    with pytest.raises(ValueError, match="there are 137846528820 shortest routes of 40 hops, above limit=10000"):
        routes(gs.from_graph(grid), 0, 440)


@pytest.mark.parametrize(("source", "target", "name"), [(6, 0, "source"), (0, 6, "target")])
def test_a_row_outside_is_named(source: int, target: int, name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must lie in 0 to 5, got 6"):
        layers_needed(letters(), source, target)
    with pytest.raises(ValueError, match="row must lie in 0 to 5, got 6"):
        receptive_field(GCN(1, 2), letters(), 6)


@pytest.mark.parametrize("kind", [GCN, RNN, GRU, LSTM, GCNLSTM, MLP])
@pytest.mark.parametrize("seed", range(3))
def test_a_receptive_field_is_where_changes_of_the_input_change_the_output(kind: type[Encoder], seed: int) -> None:
    torch.manual_seed(seed)
    model, graph = Model(kind(2, 16), 3).double(), draw(seed, directed=True)
    before = model(graph)
    moved = torch.zeros(graph.num_rows, graph.num_rows, dtype=torch.bool)
    for row in range(graph.num_rows):
        for step in (-0.5, 0.5):  # a ReLU that is off for one push may be on for the other
            x = graph.x.clone()
            x[row] += step
            moved[:, row] |= (model(with_x(graph, x)) != before).any(dim=1)
    for row in range(graph.num_rows):
        assert receptive_field(model, graph, row).tolist() == moved[row].nonzero()[:, 0].tolist()


def test_a_receptive_field_does_not_need_the_row_to_be_a_target() -> None:
    graph = sequence(0, 5)
    graph.target = torch.tensor([True, False, False, False, False])
    assert receptive_field(Model(GCN(2, 4, 1), 2), graph, 3).tolist() == [2, 3, 4]
    assert receptive_field(Model(GCNLSTM(2, 4), 2, transform=gs.transforms.grow), graph, 3).tolist() == [0, 1, 2, 3]


def test_a_pooled_model_has_no_receptive_field_of_one_row() -> None:
    with pytest.raises(ValueError, match=r"pools all rows of a graph.*see model.reach\(graph\)"):
        receptive_field(Model(GCN(1, 2), 2, pool="mean"), letters(), 0)
    with pytest.raises(TypeError, match="must be a module or another callable, got int"):
        receptive_field(3, letters(), 0)


@given(seed=st.integers(0, 999), directed=st.booleans(), causal=st.booleans())
def test_space_hops_are_networkxs_cheapest_paths_with_free_temporal_edges(
    seed: int, directed: bool, causal: bool
) -> None:
    graph = draw(seed, directed=directed)
    way = unrolled(graph, causal)
    time = graph.time.tolist()
    for a, b in way.edges:
        way.edges[a, b]["cost"] = int(time[a] == time[b])
    expected = torch.full((graph.num_rows, graph.num_rows), -1)
    for source, costs in nx.all_pairs_dijkstra_path_length(way, weight="cost"):
        for row, cost in costs.items():
            expected[row, source] = cost
    assert torch.equal(space_hops(graph, torch.arange(graph.num_rows), causal=causal), expected)


def test_time_lags_are_differences_of_time() -> None:
    graph = gs.SpaceTimeGraph(torch.zeros(3, 1), torch.tensor([0, 1, 0]), torch.tensor([5, 5, 20]))
    assert time_lags(graph, torch.tensor([2, 1])).tolist() == [[15, 15, 0], [0, 0, -15]]


@pytest.mark.parametrize("ask", [hop_distances, space_hops, time_lags])
def test_rows_must_be_row_numbers(ask: object) -> None:
    with pytest.raises(ValueError, match="rows must be row numbers"):
        ask(letters(), torch.tensor([True, False]))
    with pytest.raises(TypeError, match=r"rows must be a torch.Tensor, got list"):
        ask(letters(), [1])


@pytest.mark.slow
def test_a_million_rows_are_no_trouble() -> None:
    n = 10**6
    graph = gs.from_sequence(torch.zeros(n, 1))
    assert layers_needed(graph, 0, n - 1) == n - 1
    assert hop_distances(graph, torch.tensor([7]))[0, -1] == n - 8
    assert len(receptive_field(GCN(1, 2, 8), graph, n // 2)) == 17
    assert len(receptive_field(LSTM(1, 2), graph, n // 2)) == n // 2 + 1
    assert len(receptive_field(GCNLSTM(1, 2, 2), graph, n // 2)) == n // 2 + 1
