"""A static graph read as one whose nodes arrive one by one."""

from __future__ import annotations

import networkx as nx
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from strategies import edge_lists, equal_at, index, spatial_bag
from torch_geometric.data import Batch

import graphseq as gs
from graphseq import SpaceTimeGraph
from graphseq.nn import GCNLSTM, Model


@st.composite
def asked_graphs(draw: st.DrawFn, weighted: bool = False) -> SpaceTimeGraph:
    """One time only, some rows asked; y is the number of the row."""
    edge_index, weight, rows = draw(edge_lists())
    nodes = torch.arange(rows)
    target = torch.tensor(draw(st.lists(st.booleans(), min_size=rows, max_size=rows)))
    x, y = torch.arange(rows)[:, None].float(), target.nonzero()[:, 0]
    weight = weight if weighted else None
    return SpaceTimeGraph(x, nodes, torch.zeros_like(nodes), edge_index, weight, y=y, target=target)


def test_a_star_arrives_literally() -> None:
    graph = SpaceTimeGraph(torch.tensor([7, 8, 9]), torch.arange(3), torch.zeros(3, dtype=int), index([(0, 2), (1, 2)]))
    grown = gs.transforms.add_nodes_over_time(graph)
    assert grown.x.tolist() == [7, 7, 7, 8, 8, 9]
    assert grown.node.tolist() == [0, 0, 0, 1, 1, 2]
    assert grown.time.tolist() == [0, 1, 2, 1, 2, 2]
    assert grown.target_rows.tolist() == [2, 4, 5]
    assert grown.to_dense().adjacency.tolist() == [
        [[0, 0, 0], [0, 0, 0], [0, 0, 0]],
        [[0, 0, 0], [0, 0, 0], [0, 0, 0]],
        [[0, 0, 1], [0, 0, 1], [0, 0, 0]],
    ]


@given(asked_graphs(weighted=True))
def test_at_time_t_there_are_the_first_nodes_and_the_edges_among_them(graph: SpaceTimeGraph) -> None:
    grown, whole = gs.transforms.add_nodes_over_time(graph), graph.to_scipy().toarray()
    assert grown.num_rows == graph.num_rows * (graph.num_rows + 1) // 2
    for t in range(graph.num_rows):
        now = gs.from_graph(grown.snapshot(t))
        assert now.node.tolist() == list(range(t + 1))
        assert torch.equal(now.x, graph.x[: t + 1])
        assert now.to_scipy().toarray().tolist() == whole[: t + 1, : t + 1].tolist()


@given(asked_graphs())
def test_what_was_asked_is_asked_at_the_last_time_in_the_same_order(graph: SpaceTimeGraph) -> None:
    grown = gs.transforms.add_nodes_over_time(graph)
    assert torch.equal(grown.x[grown.target_rows], graph.x[graph.target_rows])
    assert torch.equal(grown.y, graph.y)
    assert bool((grown.time[grown.target_rows] == graph.num_rows - 1).all())


@given(st.lists(asked_graphs(), min_size=1, max_size=4))
def test_a_batch_arrives_as_each_of_its_members_does(graphs: list[SpaceTimeGraph]) -> None:
    together = gs.transforms.add_nodes_over_time(Batch.from_data_list(graphs))
    each = Batch.from_data_list([gs.transforms.add_nodes_over_time(graph) for graph in graphs])
    assert equal_at(together, each, ("x", "node", "time", "y", "target", "batch"))
    assert spatial_bag(together) == spatial_bag(each)


def test_a_path_that_arrives_is_a_sequence_that_grows_but_for_when_it_is_asked() -> None:
    x = torch.randn(5, 2)
    grown, arrived = (
        gs.transforms.grow(gs.from_sequence(x)),
        gs.transforms.add_nodes_over_time(gs.from_graph(nx.path_graph(5), x=x)),
    )
    assert equal_at(grown, arrived, ("x", "node", "time"))
    assert spatial_bag(grown) == spatial_bag(arrived)


def test_reach_is_the_pattern_of_the_jacobian() -> None:
    torch.manual_seed(0)
    graph = gs.from_graph(nx.path_graph(5), x=torch.randn(5, 2, dtype=torch.float64))
    graph.target = torch.tensor([True, False, False, False, True])
    model = Model(GCNLSTM(2, 4), 3, transform=gs.transforms.add_nodes_over_time).double()
    x = graph.x.requires_grad_()
    rows = [torch.autograd.grad(out.sum(), x, retain_graph=True)[0].norm(dim=1) > 0 for out in model(graph)]
    # Row 2 arrives at time 2, is in row 1 then and in row 0 at time 3; row 3 would be there at 5, and the last is 4.
    assert model.reach(graph).tolist() == torch.stack(rows).tolist() == [[True] * 3 + [False] * 2, [True] * 5]


def test_its_topology_is_derived_once() -> None:
    graph = gs.from_graph(nx.path_graph(3))
    assert gs.transforms.add_nodes_over_time(graph).topology is gs.transforms.add_nodes_over_time(graph).topology


def test_what_changes_over_time_is_refused() -> None:
    with pytest.raises(
        ValueError, match="add_nodes_over_time reads static graphs, but node 0 is there at several times"
    ):
        gs.transforms.add_nodes_over_time(gs.from_sequence(torch.zeros(2, 1)))
