"""Edges that lead both ways, and graphs that lead to the rows asked."""

from __future__ import annotations

import networkx as nx
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from strategies import dynamic_graphs, equal_at, gappy_signals, index, spatial_bag
from test_arrival import asked_graphs
from torch_geometric.data import Batch
from treebanks import trees

import graphseq as gs
from graphseq import SpaceTimeGraph
from graphseq.nn import DAGLSTM, Model
from graphseq.transforms.traversal import generations


def tree_of(heads: list[int], target: torch.Tensor) -> SpaceTimeGraph:
    """A row a word, each edge from a word to its head."""
    rows = torch.arange(len(heads))
    edges = index([(row, head - 1) for row, head in enumerate(heads) if head])
    return SpaceTimeGraph(rows[:, None].float(), rows, torch.zeros_like(rows), edges, target=target)


@st.composite
def asked_trees(draw: st.DrawFn) -> SpaceTimeGraph:
    """Words and heads, at least one word asked."""
    heads = draw(trees())
    asked = draw(st.sets(st.integers(0, len(heads) - 1), min_size=1))
    return tree_of(heads, torch.tensor([row in asked for row in range(len(heads))]))


def test_both_ways_literally_with_mean_weights() -> None:
    graph = gs.from_graph(nx.DiGraph([(0, 1, {"weight": 1.0}), (1, 0, {"weight": 3.0}), (2, 1, {"weight": 5.0})]))
    assert dict(spatial_bag(gs.transforms.to_undirected(graph))) == {
        (0, 1, 2): 1,
        (1, 0, 2): 1,
        (2, 1, 5): 1,
        (1, 2, 5): 1,
    }


@given(st.one_of(dynamic_graphs(weighted=False), gappy_signals(weighted=False)))
def test_both_ways_is_what_networkx_makes_of_it(graph: SpaceTimeGraph) -> None:
    found = gs.transforms.to_undirected(graph)
    pairs = {(i, j) for i, j, _ in spatial_bag(graph)}
    assert dict(spatial_bag(found)) == dict.fromkeys({(*pair, 1.0) for i, j in pairs for pair in ((i, j), (j, i))}, 1)
    assert equal_at(found, graph, ("x", "node", "time"))
    assert torch.equal(found.topology.temporal_edges, graph.topology.temporal_edges)


def test_a_tree_is_turned_literally() -> None:
    turned = gs.transforms.root_at_targets(tree_of([2, 0, 2], torch.tensor([True, False, False])))
    assert turned.edge_index.tolist() == [[1, 2], [0, 1]]
    assert turned.target_rows.tolist() == [0]


@given(asked_trees())
def test_each_copy_of_a_tree_has_the_row_asked_as_its_root(graph: SpaceTimeGraph) -> None:
    turned, size = gs.transforms.root_at_targets(graph), graph.num_rows
    plain = nx.Graph(graph.edge_index.t().tolist())
    plain.add_nodes_from(range(size))
    assert turned.x[:, 0].tolist() == list(range(size)) * len(graph.target_rows)
    assert torch.equal(turned.x[turned.target_rows], graph.x[graph.target_rows])
    edges = turned.edge_index.t()
    for copy, root in enumerate(graph.target_rows.tolist()):
        own = edges[(edges[:, 0] // size) == copy] - copy * size
        assert sorted(own.tolist()) == sorted(
            [row, way[1]] for row, way in nx.shortest_path(plain, target=root).items() if row != root
        )
    assert generations(turned.edge_index, turned.num_rows).shape == (turned.num_rows,)  # no cycle


@given(asked_graphs())
def test_on_any_graph_edges_lead_one_hop_nearer(graph: SpaceTimeGraph) -> None:
    if not len(graph.target_rows):
        return
    turned = gs.transforms.root_at_targets(graph)
    plain = nx.Graph([pair for pair in graph.edge_index.t().tolist() if pair[0] != pair[1]])
    plain.add_nodes_from(range(graph.num_rows))
    start = 0
    for root in graph.target_rows.tolist():
        hops = nx.single_source_shortest_path_length(plain, root)
        rows = sorted(hops)
        assert turned.x[start : start + len(rows), 0].tolist() == rows
        own = [e for e in turned.edge_index.t().tolist() if start <= e[0] < start + len(rows)]
        found = {(rows[i - start], rows[j - start]) for i, j in own}
        assert found == {
            (u, v) for a, b in plain.edges for u, v in ((a, b), (b, a)) if u in hops and hops[u] == hops[v] + 1
        }
        start += len(rows)
    assert turned.num_rows == start


@given(st.lists(asked_trees(), min_size=1, max_size=3))
def test_a_batch_is_turned_as_each_of_its_members_is(graphs: list[SpaceTimeGraph]) -> None:
    together = gs.transforms.root_at_targets(Batch.from_data_list(graphs))
    each = Batch.from_data_list([gs.transforms.root_at_targets(graph) for graph in graphs])
    assert equal_at(together, each, ("x", "time", "target", "batch"))
    assert spatial_bag(together) == spatial_bag(each)


def test_a_tree_recurrence_reads_everything_towards_the_row_asked_and_little_towards_the_root() -> None:
    graph = tree_of([2, 0, 2, 3], torch.tensor([False, False, False, True]))
    assert Model(DAGLSTM(1, 4), 2).reach(graph).tolist() == [[False, False, False, True]]
    assert Model(DAGLSTM(1, 4), 2, transform=gs.transforms.root_at_targets).reach(graph).tolist() == [[True] * 4]


def test_topologies_are_derived_once() -> None:
    graph = gs.from_graph(nx.path_graph(3))
    assert gs.transforms.to_undirected(graph).topology is gs.transforms.to_undirected(graph).topology
    assert gs.transforms.root_at_targets(graph).topology is gs.transforms.root_at_targets(graph).topology


def test_what_has_no_root_is_refused() -> None:
    with pytest.raises(ValueError, match="root_at_targets reads static graphs, but node 0 is there at several times"):
        gs.transforms.root_at_targets(gs.from_sequence(torch.zeros(2, 1)))
    with pytest.raises(ValueError, match="there is none; mark at least one in target"):
        gs.transforms.root_at_targets(tree_of([0], torch.tensor([False])))
