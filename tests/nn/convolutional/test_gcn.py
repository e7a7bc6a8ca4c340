"""The GCN against PyG's models, literal matrices and networkx balls."""

import networkx as nx
import pytest
import torch
import torch_geometric.nn as pyg
from hypothesis import given
from hypothesis import strategies as st
from randomgraphs import draw, seen, sequence
from torch import nn

import graphseq as gs
from graphseq.nn import GCN


def joined(graph: gs.SpaceTimeGraph, causal: bool = False) -> tuple[torch.Tensor, torch.Tensor | None]:
    plain = graph.unroll(causal)
    return plain.edge_index, plain.get("edge_weight")


@pytest.mark.parametrize("num_layers", [1, 2, 4])
@pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
@pytest.mark.parametrize("directed", [False, True], ids=["undirected", "directed"])
def test_pygs_model_loads_and_gives_its_output_on_the_unrolled_graph(
    num_layers: int, weighted: bool, directed: bool
) -> None:
    graph = draw(0, weighted=weighted, directed=directed, dtype=torch.float32)
    theirs = pyg.models.GCN(2, 8, num_layers)
    ours = GCN(2, 8, num_layers)
    ours.load_state_dict(theirs.state_dict())
    index, weight = joined(graph)
    torch.testing.assert_close(ours(graph), theirs(graph.x, index, weight), rtol=0, atol=1e-6)


def test_a_list_of_pyg_layers_loads_and_gives_their_output() -> None:
    graph = draw(3, weighted=True, directed=True, dtype=torch.float32)
    convs = nn.ModuleList([pyg.GCNConv(2, 5), pyg.GCNConv(5, 5)])
    ours = GCN(2, 5, 2, causal=True)
    ours.convs.load_state_dict(convs.state_dict())
    index, weight = joined(graph, causal=True)
    expected = convs[1](convs[0](graph.x, index, weight).relu(), index, weight)
    torch.testing.assert_close(ours(graph), expected, rtol=0, atol=1e-6)


def test_residual_and_norm_are_where_the_docstring_puts_them() -> None:
    graph = draw(1)
    ours = GCN(2, 6, 3, residual=True, norm=nn.LayerNorm).double()
    index, _ = joined(graph)
    first = ours.norms[0](ours.convs[0](graph.x, index)).relu()
    second = ours.norms[1](ours.convs[1](first, index)).relu() + first
    expected = ours.convs[2](second, index) + second
    torch.testing.assert_close(ours(graph), expected, rtol=0, atol=1e-12)


def test_one_linear_layer_on_a_path_of_three_is_its_matrix() -> None:
    gcn = GCN(1, 1, 1).double()
    with torch.no_grad():
        gcn.convs[0].lin.weight.fill_(1)
    columns = [gcn(gs.from_sequence(e[:, None]))[:, 0] for e in torch.eye(3, dtype=torch.float64)]
    a = 6**-0.5
    expected = torch.tensor([[1 / 2, a, 0], [a, 1 / 3, a], [0, a, 1 / 2]], dtype=torch.float64)
    torch.testing.assert_close(torch.stack(columns, dim=1).detach(), expected)


def test_on_past_to_future_edges_a_path_of_three_is_its_lower_triangle() -> None:
    gcn = GCN(1, 1, 1, causal=True).double()
    with torch.no_grad():
        gcn.convs[0].lin.weight.fill_(1)
    columns = [gcn(gs.from_sequence(e[:, None]))[:, 0] for e in torch.eye(3, dtype=torch.float64)]
    expected = torch.tensor([[1, 0, 0], [2**-0.5, 1 / 2, 0], [0, 1 / 2, 1 / 2]], dtype=torch.float64)
    torch.testing.assert_close(torch.stack(columns, dim=1).detach(), expected)


@pytest.mark.parametrize("num_layers", [1, 2, 3])
def test_on_a_path_of_five_reach_is_a_band_as_wide_as_it_is_deep(num_layers: int) -> None:
    i = torch.arange(5)
    band = (i[:, None] - i).abs() <= num_layers
    assert torch.equal(GCN(1, 4, num_layers).reach(sequence(0, 5, 1), i), band)
    assert torch.equal(GCN(1, 4, num_layers, causal=True).reach(sequence(0, 5, 1), i), band.tril())


@given(seed=st.integers(0, 999), num_layers=st.integers(1, 4))
def test_reach_is_the_ball_that_networkx_finds(seed: int, num_layers: int) -> None:
    graph = draw(seed, directed=True)
    way = nx.DiGraph()
    way.add_nodes_from(range(graph.num_nodes))
    way.add_edges_from(graph.unroll().edge_index.t().tolist())
    ball = torch.zeros(graph.num_nodes, graph.num_nodes, dtype=torch.bool)
    for source, hops in nx.all_pairs_shortest_path_length(way, cutoff=num_layers):
        ball[list(hops), source] = True
    assert torch.equal(GCN(2, 4, num_layers).reach(graph, torch.arange(graph.num_nodes)), ball)


def test_an_edge_of_weight_zero_reaches_nothing() -> None:
    index = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
    weight = torch.tensor([1.0, 1.0, 0.0, 0.0], dtype=torch.float64)
    rows = torch.arange(3)
    graph = gs.SpaceTimeGraph(torch.randn(3, 2, dtype=torch.float64), rows, torch.zeros_like(rows), index, weight)
    gcn = GCN(2, 8, 2).double()
    assert gcn.reach(graph, rows).tolist() == [[True, True, False], [True, True, False], [False, False, True]]
    assert torch.equal(seen(gcn, graph), gcn.reach(graph, rows))


def test_there_is_no_activation_after_the_last_layer() -> None:
    torch.manual_seed(0)
    assert (GCN(2, 8, 2).double()(draw(0)) < 0).any()


def test_each_layer_has_one_matrix_and_one_bias() -> None:
    assert sum(p.numel() for p in GCN(3, 7, 3).parameters()) == (3 * 7 + 7) + 2 * (7 * 7 + 7)


@pytest.mark.parametrize("sizes", [(0, 4, 1), (2, 0, 1), (2, 4, 0)])
def test_a_size_of_zero_is_an_error_that_names_it(sizes: tuple[int, int, int]) -> None:
    name = ("in_channels", "hidden_channels", "num_layers")[sizes.index(0)]
    with pytest.raises(ValueError, match=f"{name} must be at least 1, got 0"):
        GCN(*sizes)
