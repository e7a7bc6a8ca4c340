"""PyG's own methods and transforms on a space-time graph: right on any kind of edges, or refused by name."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch_geometric.transforms as T
from hypothesis import given
from hypothesis import strategies as st
from strategies import dynamic_graphs, gappy_signals, index, spatial_bag
from torch_geometric.data import Batch, Data

import graphseq as gs
from graphseq import SpaceTimeGraph

GRAPHS = st.one_of(dynamic_graphs(), gappy_signals())
BOTH = index([(0, 1), (1, 0)])


def signal(**values: object) -> SpaceTimeGraph:
    return gs.from_signal(torch.ones(2, 2, 1), BOTH, **values)  # type: ignore[arg-type]


def plain(graph: SpaceTimeGraph) -> Data:
    spatial = graph.topology.spatial
    out = Data(num_nodes=graph.num_nodes, edge_index=spatial.edge_index)
    if spatial.edge_weight is not None:
        out.edge_weight = spatial.edge_weight
    return out


@pytest.mark.parametrize(
    "method", ["is_undirected", "is_directed", "has_self_loops", "has_isolated_nodes", "is_coalesced", "is_sorted"]
)
@given(graph=GRAPHS)
def test_what_is_computed_from_edges_is_that_of_the_edges_between_rows(method: str, graph: SpaceTimeGraph) -> None:
    assert getattr(graph, method)() == getattr(plain(graph), method)()


@given(GRAPHS)
def test_counts_are_those_of_the_edges_between_rows(graph: SpaceTimeGraph) -> None:
    assert graph.num_edges == plain(graph).num_edges
    assert graph.num_edge_features == 0
    assert signal(edge_attr=torch.ones(2, 3)).num_edge_features == 3


def test_a_signal_is_undirected_or_not() -> None:
    assert signal().is_undirected()
    assert signal(edge_weight=torch.tensor([1.0, 2.0])).is_undirected()  # PyG compares features, not weights
    assert not signal(edge_attr=torch.tensor([[1.0], [2.0]])).is_undirected()
    assert not gs.from_signal(torch.ones(2, 2, 1), index([(0, 1)])).is_undirected()
    assert not gs.from_sequence(torch.zeros(3, 1)).has_self_loops()
    assert SpaceTimeGraph().num_edges == 0


@given(GRAPHS)
def test_static_edges_are_written_out(graph: SpaceTimeGraph) -> None:
    expanded = graph.expand_static_edges()
    assert "static_edge_index" not in expanded
    assert spatial_bag(expanded) == spatial_bag(graph)
    assert torch.equal(expanded.x, graph.x)


@given(GRAPHS, st.data())
def test_a_subgraph_has_its_rows_their_edges_and_their_answers(graph: SpaceTimeGraph, data: st.DataObject) -> None:
    size = graph.num_nodes
    graph.target = torch.tensor(data.draw(st.lists(st.booleans(), min_size=size, max_size=size)))
    graph.y = graph.target_rows * 10
    kept = torch.tensor(data.draw(st.lists(st.booleans(), min_size=size, max_size=size)))
    part = graph.subgraph(kept)
    rows = kept.nonzero()[:, 0]
    assert torch.equal(part.x, graph.x[rows])
    assert torch.equal(part.time, graph.time[rows])
    if graph.num_graphs != len(graph.y):
        assert part.y.tolist() == (rows[part.target_rows] * 10).tolist()
    between = [(i, j, w) for i, j, w in spatial_bag(graph).elements() if kept[i] and kept[j]]
    place = {int(row): number for number, row in enumerate(rows)}
    assert sorted(spatial_bag(part).elements()) == sorted((place[i], place[j], w) for i, j, w in between)


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (T.ToUndirected(), "graph has static edges, which PyG would not see"),
        (T.AddSelfLoops(), "graph has static edges"),
        (T.ToSparseTensor(), "graph has static edges"),
        (lambda graph: graph.coalesce(), "graph has static edges"),
        (lambda graph: graph.sort(), "graph has static edges"),
        (lambda graph: graph.edge_subgraph(torch.tensor([0])), "graph has static edges, which edge_subgraph would"),
        (lambda graph: graph.connected_components(), "components of a graph over time join rows along time as well"),
    ],
)
def test_what_would_not_see_static_edges_is_refused(use: Callable[[SpaceTimeGraph], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        use(signal())


def test_pyg_transforms_work_on_edges_that_are_written_out() -> None:
    one_way = gs.from_signal(torch.ones(2, 2, 1), index([(0, 1)]), torch.tensor([3.0]))
    both = T.ToUndirected()(one_way.expand_static_edges())
    assert spatial_bag(both) == spatial_bag(gs.transforms.to_undirected(one_way))
    assert T.NormalizeFeatures()(signal()).x.tolist() == [[0.0]] * 4


@pytest.mark.filterwarnings("ignore:Sparse")
def test_what_replaced_the_edges_is_refused_and_not_read_as_no_edges() -> None:
    graph = T.ToSparseTensor(layout=torch.sparse_coo)(signal().expand_static_edges())
    with pytest.raises(ValueError, match="graph has adj_t in place of edges"):
        gs.nn.GCN(1, 2)(graph)


@pytest.mark.parametrize(
    ("subset", "message"),
    [
        ([0, 4], "subset must name rows 0 to 3, got 0 to 4"),
        ([1, 0], "subset must name rows in ascending order, each once"),
        ([True], r"subset must be bool of shape \(4,\)"),
    ],
)
def test_rows_that_make_no_subgraph_are_refused(subset: object, message: str) -> None:
    assert signal().subgraph([0, 1]).edge_index.tolist() == BOTH.tolist()
    with pytest.raises(ValueError, match=message):
        signal().subgraph(subset)
    with pytest.raises(ValueError, match=r"device must be one of torch, or a number type, got .abc."):
        signal().to("abc")


def test_heterogeneous_graphs_are_refused() -> None:
    with pytest.raises(TypeError, match="has no types of nodes and edges"):
        signal().to_heterogeneous()


# Batches of graphs that do not carry the same


def weighted(**values: object) -> SpaceTimeGraph:
    rows = (torch.arange(2), torch.zeros(2).long())
    return SpaceTimeGraph(torch.ones(2, 1), *rows, BOTH, **values)  # type: ignore[arg-type]


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"edge_weight": torch.ones(2)}, "edge_weight"),
        ({"edge_attr": torch.ones(2, 3)}, "edge_attr"),
        ({"target": torch.ones(2, dtype=torch.bool)}, "target"),
        ({"y": torch.ones(2)}, "y"),
    ],
)
def test_what_some_graphs_of_a_batch_have_is_refused(values: dict[str, object], key: str, swapped: bool) -> None:
    graphs = [weighted(), weighted(**values)]
    without, with_it = (1, 0) if swapped else (0, 1)
    for joined in (graphs[::-1] if swapped else graphs,):
        with pytest.raises(ValueError, match=f"graph {without} of the batch has no {key}, but graph {with_it} has; "):
            Batch.from_data_list(joined)


def test_names_static_edges_and_widths_must_be_alike_too() -> None:
    named = weighted()
    named.node_names = ["a", "b"]
    for pair, message in (
        ([weighted(), named], "graph 0 of the batch has no node_names, but graph 1 has; give it its numbers"),
        ([signal(), weighted()], "graph 1 of the batch has no static_edge_index, but graph 0 has"),
        (
            [weighted(), weighted().replace(x=torch.ones(2, 3))],
            r"x of graph 1 of the batch has shape \(2, 3\), but that",
        ),
        (
            [weighted(edge_attr=torch.ones(2, n)) for n in (1, 2)],
            r"edge_attr of graph 1 of the batch has shape \(2, 2\)",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            Batch.from_data_list(pair)
    assert Batch.from_data_list([named, named]).to_data_list()[1].node_names == ["a", "b"]


# Numbers of nodes that are large


def test_large_numbers_of_nodes_cost_nothing() -> None:
    names = torch.tensor([2**40, 7, 2**61])
    x = torch.arange(6.0)[:, None]
    graph = SpaceTimeGraph(
        x,
        names.repeat(2),
        torch.tensor([0, 0, 0, 1, 1, 1]),
        static_edge_index=torch.tensor([[2**40, 2**61], [7, 2**40]]),
        static_edge_weight=torch.tensor([2.0, 3.0]),
    )
    expected = {(0, 1, 2.0): 1, (2, 0, 3.0): 1, (3, 4, 2.0): 1, (5, 3, 3.0): 1}
    assert spatial_bag(graph) == expected
    step = graph.topology.steps[0]
    assert step.adjacency.edge_index.tolist() == [[0, 2], [1, 0]]
    assert gs.transforms.unroll_time(graph).edge_index.shape[1] == 3 + 2
    assert gs.nn.GCNLSTM(1, 2)(graph).shape == (6, 2)
    gap = SpaceTimeGraph(x[:5], graph.node[:5], graph.time[:5], static_edge_index=graph.static_edge_index)
    assert spatial_bag(gap) == {(0, 1, 1.0): 1, (2, 0, 1.0): 1, (3, 4, 1.0): 1}
    with pytest.raises(ValueError, match=f"graph has a node {2**61} among 6 rows; a scale for each node needs numbers"):
        gs.Scaler.fit(graph, until=1)
    assert gs.Scaler.fit(graph, until=1, per="all").mean.tolist() == [[1.0]]
