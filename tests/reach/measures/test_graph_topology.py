"""The topology of graphs with closed forms: paths, rings, complete graphs, trees, barbells, parts, directed edges."""

from __future__ import annotations

import math

import networkx as nx
import numpy as np
import pytest
import torch
from torch_geometric.data import Data
from torch_geometric.utils import from_networkx

import graphseq as gs
from graphseq import reach
from graphseq.reach.measures import gap, graph_topology, operator, spectral_gap
from graphseq.reach.theory import commute_time, path_crossing


@pytest.mark.parametrize("n", [2, 5, 12])
def test_spectral_gaps_of_complete_graphs_paths_and_rings(n: int) -> None:
    assert spectral_gap(nx.complete_graph(n)) == pytest.approx(n / (n - 1))
    assert spectral_gap(nx.complete_graph(n), loops=True) == pytest.approx(1.0)
    assert spectral_gap(nx.path_graph(n)) == pytest.approx(1 - math.cos(math.pi / (n - 1)))
    if n > 2:
        assert spectral_gap(nx.cycle_graph(n)) == pytest.approx(1 - math.cos(2 * math.pi / n))
        assert spectral_gap(nx.cycle_graph(n), loops=True) == pytest.approx(2 / 3 * (1 - math.cos(2 * math.pi / n)))


def test_gaps_of_large_graphs_are_those_of_small_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    graphs = [nx.gnp_random_graph(60, 0.2, seed=0), nx.path_graph(400)]  # quick to iterate, and to factorise
    exact = [spectral_gap(graph, loops=loops) for graph in graphs for loops in (False, True)]
    monkeypatch.setattr(gap, "_DENSE", 10)
    sparse = [spectral_gap(graph, loops=loops) for graph in graphs for loops in (False, True)]
    assert sparse == pytest.approx(exact, rel=1e-5)
    assert sparse == [spectral_gap(graph, loops=loops) for graph in graphs for loops in (False, True)]


def test_a_path() -> None:
    found = reach.topology(nx.path_graph(6), layers=5)
    assert (found.num_nodes, found.num_edges, found.num_components, found.is_directed) == (6, 5, 1, False)
    between = (torch.arange(6)[:, None] - torch.arange(6)).abs().double()
    assert torch.equal(found.hops, between)
    torch.testing.assert_close(found.resistance, between)
    torch.testing.assert_close(found.commute_time, (3 * 6 - 2) * between)
    assert found.total_resistance == pytest.approx(35)  # (n³ - n) / 6
    assert float(found.sensitivity_by_hop[5]) == pytest.approx(path_crossing(6))
    power = np.linalg.matrix_power(operator(nx.path_graph(6)).toarray(), 5)
    assert float(found.sensitivity_by_hop[0]) == pytest.approx(np.diag(power).mean())
    assert (found.bottlenecks, found.notes) == ((), ())


@pytest.mark.parametrize("n", [4, 9])
def test_total_resistance_of_complete_graphs_and_rings(n: int) -> None:
    assert reach.topology(nx.complete_graph(n)).total_resistance == pytest.approx(n - 1)
    assert reach.topology(nx.cycle_graph(n)).total_resistance == pytest.approx((n**3 - n) / 12)


def test_weights_conduct() -> None:
    graph = nx.complete_graph(4)
    nx.set_edge_attributes(graph, 2.0, "weight")
    found = reach.topology(from_networkx(graph))
    assert found.total_resistance == pytest.approx(3)  # from_networkx gives "weight", which no convolution reads
    data = from_networkx(graph)
    data.edge_weight = data.weight
    found = reach.topology(data)
    assert found.total_resistance == pytest.approx(1.5)
    torch.testing.assert_close(found.commute_time, commute_time(torch.from_numpy(nx.to_numpy_array(graph))))


def test_the_bottleneck_of_a_barbell_and_bridges() -> None:
    found = reach.topology(nx.barbell_graph(5, 0))
    (bottleneck,) = found.bottlenecks
    assert (bottleneck.source, bottleneck.target, bottleneck.is_bridge) == (4, 5, True)
    assert (bottleneck.curvature, bottleneck.resistance) == (pytest.approx(-1.2), pytest.approx(1.0))
    twice = nx.barbell_graph(5, 0)
    twice.add_edge(0, 9)
    assert [edge.is_bridge for edge in reach.topology(twice).bottlenecks] == [False, False]
    tree = reach.topology(nx.balanced_tree(2, 3))
    assert len(tree.bottlenecks) == 6
    assert all(edge.is_bridge and edge.resistance == pytest.approx(1.0) for edge in tree.bottlenecks)


def test_parts_are_said_and_have_no_gap() -> None:
    found = reach.topology(nx.disjoint_union(nx.complete_graph(3), nx.path_graph(2)))
    assert (found.num_components, found.spectral_gap, found.gcn_gap) == (2, 0.0, 0.0)
    assert found.total_resistance == pytest.approx(2 + 1)
    assert bool(found.resistance[:3, 3:].isinf().all())
    assert bool(found.commute_time[0, 3].isinf())
    assert float(found.commute_time[3, 4]) == pytest.approx(4.0)  # the volume is that of the component
    assert found.notes[0].startswith("2 components, the largest of 3 nodes: no message passes between them")


def test_directed_edges_are_said_and_have_bounds() -> None:
    data = Data(edge_index=torch.tensor([[0, 1], [1, 2]]), num_nodes=3)
    found = reach.topology(data, layers=2)
    assert found.notes == ("directed: resistance, commute time, curvature and spectral gap are of undirected graphs",)
    nothing = (found.curvature, found.resistance, found.total_resistance, found.commute_time, found.spectral_gap)
    assert nothing == (None,) * 5
    assert found.hops[2].tolist() == [2.0, 1.0, 0.0]
    assert bool((found.sensitivity[0, 1:] == 0).all())
    assert found.num_edges == 2
    sequence = gs.from_sequence(torch.zeros(3, 1))
    assert reach.topology(sequence, causal=True).is_directed
    assert not reach.topology(sequence).is_directed


def test_large_graphs_are_measured_at_some_nodes_and_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = nx.cycle_graph(30)
    found = reach.topology(graph, samples=4, seed=1)
    assert found.hops.shape == found.sensitivity.shape == found.resistance.shape == (4, 30)
    assert found.notes == ("hops and bounds are to 4 of the 30 nodes",)
    assert torch.equal(found.nodes, reach.topology(graph, samples=4, seed=1).nodes)
    chosen = reach.topology(graph, nodes=torch.tensor([7]))
    assert torch.equal(chosen.hops, reach.topology(graph).hops[[7]])
    monkeypatch.setattr(graph_topology, "MOST_NODES", 12)
    monkeypatch.setattr(graph_topology, "MOST_EDGES", 12)
    found = reach.topology(graph)
    assert (found.resistance, found.curvature) == (None, None)
    assert found.notes == (
        "resistance and commute time are not computed above 12 nodes of a component, or 24 in all",
        "curvature is not computed above 12 edges",
    )


def test_one_node_and_none() -> None:
    found = reach.topology(nx.empty_graph(1))
    assert (found.spectral_gap, found.total_resistance, found.bottlenecks) == (None, 0.0, ())
    assert "1 nodes, 0 edges" in str(found)
    with pytest.raises(ValueError, match="graph has no nodes; a topology needs one at least"):
        reach.topology(nx.empty_graph(0))
    with pytest.raises(ValueError, match="nodes must lie in 0 to 2, got 3"):
        reach.topology(nx.path_graph(3), nodes=torch.tensor([3]))
    with pytest.raises(ValueError, match="layers must be at least 1, got 0"):
        reach.topology(nx.path_graph(3), layers=0)
