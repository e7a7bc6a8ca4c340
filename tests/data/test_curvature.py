"""Balanced Forman curvature: closed forms, and a twin that counts cycles by the definition."""

from __future__ import annotations

import itertools

import networkx as nx
import pytest
import torch
from torch_geometric.data import Data

import graphseq as gs
from graphseq.data.curvature import balanced_forman_curvature, curvatures_with


def values(graph: nx.Graph) -> list[float]:
    return balanced_forman_curvature(graph).value.tolist()


@pytest.mark.parametrize("n", [3, 4, 7])
def test_complete_graphs(n: int) -> None:
    assert values(nx.complete_graph(n)) == pytest.approx([n / (n - 1)] * (n * (n - 1) // 2))


@pytest.mark.parametrize(("n", "curvature"), [(3, 1.5), (4, 1.0), (5, 0.0), (9, 0.0)])
def test_rings(n: int, curvature: float) -> None:
    assert values(nx.cycle_graph(n)) == pytest.approx([curvature] * n)


def test_paths_grids_and_trees() -> None:
    assert values(nx.path_graph(6)) == [0.0] * 5
    torus = nx.convert_node_labels_to_integers(nx.grid_2d_graph(6, 6, periodic=True))
    assert values(torus) == [0.0] * 72
    regular = nx.balanced_tree(3, 3)  # of degree 4 inside
    found = balanced_forman_curvature(regular)
    inner = [(i, j) for i, j in found.edge_index.t().tolist() if regular.degree[i] == regular.degree[j] == 4]
    assert inner
    for (i, j), value in zip(found.edge_index.t().tolist(), found.value.tolist(), strict=True):
        leaf = min(regular.degree[i], regular.degree[j]) == 1
        assert value == pytest.approx(0.0 if leaf else 2 / regular.degree[i] + 2 / regular.degree[j] - 2)


def by_definition(graph: nx.Graph, i: int, j: int) -> float:
    """Definition 1 word by word, over all 4-cycles i, j, w, k."""
    d = graph.degree
    if min(d[i], d[j]) == 1:
        return 0.0
    triangles = len(set(graph[i]) & set(graph[j]))
    cycles = [
        (k, w)
        for k in set(graph[i]) - {j}
        for w in set(graph[j]) - {i, k}
        if graph.has_edge(k, w) and not graph.has_edge(i, w) and not graph.has_edge(j, k)
    ]
    first, second = {k for k, _ in cycles}, {w for _, w in cycles}
    value = 2 / d[i] + 2 / d[j] - 2 + 2 * triangles / max(d[i], d[j]) + triangles / min(d[i], d[j])
    if cycles:
        counts = [sum(k == a for a, _ in cycles) for k in first] + [sum(w == b for _, b in cycles) for w in second]
        most = max(counts)
        value += (len(first) + len(second)) / (most * max(d[i], d[j]))
    return value


@pytest.mark.parametrize("seed", range(4))
def test_it_is_the_definition_counted_word_by_word(seed: int) -> None:
    graph = nx.gnp_random_graph(14, 0.3, seed=seed)
    found = balanced_forman_curvature(graph)
    pairs = [tuple(sorted(pair)) for pair in graph.edges]
    assert sorted(pairs) == [tuple(pair) for pair in found.edge_index.t().tolist()]
    for (i, j), value in zip(found.edge_index.t().tolist(), found.value.tolist(), strict=True):
        assert value == pytest.approx(by_definition(graph, i, j)), (i, j)


def test_the_bridge_of_a_barbell_is_its_most_negative_edge() -> None:
    found = balanced_forman_curvature(nx.barbell_graph(5, 0))
    assert found.edge_index[:, found.value.argmin()].tolist() == [4, 5]
    assert float(found.value.min()) == pytest.approx(2 / 5 + 2 / 5 - 2)
    assert int((found.value < 0).sum()) == 1


# By the code of Karhadkar et al. (kedar2/FoSR, ``balanced_forman``), which counts squares as definition 1 does.
OF_AUTHORS = {
    "karate": (nx.karate_club_graph(), -1.395833, 1.0, -17.242230),
    "random": (nx.gnp_random_graph(18, 0.25, seed=3), -0.761905, 0.533333, -6.4),
    "lollipop": (nx.lollipop_graph(6, 4), -0.666667, 1.2, 15.666667),
    "bipartite": (nx.complete_bipartite_graph(3, 4), -0.416667, -0.416667, -5.0),
}


@pytest.mark.parametrize("name", OF_AUTHORS)
def test_values_of_the_code_of_others(name: str) -> None:
    graph, lowest, highest, total = OF_AUTHORS[name]
    found = balanced_forman_curvature(graph).value
    assert (float(found.min()), float(found.max())) == pytest.approx((lowest, highest), abs=1e-6)
    assert float(found.sum()) == pytest.approx(total, abs=1e-5)


def test_weights_loops_and_parallel_edges_do_not_count_and_no_edges_have_none() -> None:
    plain = nx.cycle_graph(4)
    other = nx.MultiGraph(plain)
    other.add_edge(0, 1)
    other.add_edge(2, 2)
    assert values(other) == values(plain)
    assert values(gs.from_graph(plain)) == values(plain)
    assert values(nx.empty_graph(3)) == []
    with pytest.raises(ValueError, match="balanced Forman curvature is defined on undirected graphs"):
        balanced_forman_curvature(Data(edge_index=torch.tensor([[0], [1]]), num_nodes=2))


@pytest.mark.parametrize("seed", range(4))
def test_the_curvature_with_a_further_edge_is_that_of_the_graph_with_it(seed: int) -> None:
    graph = nx.gnp_random_graph(14, 0.3, seed=seed)
    near = [set(graph[node]) for node in graph]
    for i, j in graph.edges:
        pairs = [
            (k, m)
            for k, m in itertools.combinations(graph, 2)
            if not graph.has_edge(k, m)
            and ((k in {i, *near[i]} and m in {j, *near[j]}) or (m in {i, *near[i]} and k in {j, *near[j]}))
        ]
        expected = [by_definition(nx.Graph([*graph.edges, pair]), i, j) for pair in pairs]
        assert curvatures_with(near, i, j, pairs) == pytest.approx(expected)
    assert near == [set(graph[node]) for node in graph]
