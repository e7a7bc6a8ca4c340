"""The subtree kernel, counted by hand, and against a twin that compares labels as nested tuples."""

from __future__ import annotations

from collections import Counter

import networkx as nx
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import graphseq as gs

C, O = (1.0, 0.0), (0.0, 1.0)  # noqa: E741 - carbon and oxygen


def molecule(graph: nx.Graph, atoms: list[tuple[float, float]]) -> gs.SpaceTimeGraph:
    return gs.from_graph(graph, x=torch.tensor(atoms))


def kernel(graphs: list[gs.SpaceTimeGraph], iterations: int) -> list[list[float]]:
    found = gs.baselines.subtree_features(graphs, iterations)
    return (found @ found.T).toarray().tolist()


def test_ethanol_and_dimethyl_ether_by_hand() -> None:
    # C-C-O and C-O-C. Labels alone: both 2 C, 1 O, so 2·2 + 1·1 = 5 everywhere. With neighbours, ethanol has one each
    # of C(C), C(C, O), O(C), and ether 2 C(O), 1 O(C, C): 3 and 4 + 1 more with themselves, nothing in common.
    path = nx.path_graph(3)
    graphs = [molecule(path, [C, C, O]), molecule(path, [C, O, C])]
    assert kernel(graphs, 0) == [[5, 5], [5, 5]]
    assert kernel(graphs, 1) == [[8, 5], [5, 10]]
    assert gs.baselines.subtree_features(graphs, 1).shape == (2, 7)


def test_a_ring_of_six_and_two_rings_of_three_are_the_same_to_it() -> None:
    six, threes = nx.cycle_graph(6), nx.disjoint_union(nx.cycle_graph(3), nx.cycle_graph(3))
    (a, b), (c, d) = kernel([molecule(six, [C] * 6), molecule(threes, [C] * 6)], 4)
    assert a == b == c == d == 36 * 5


@st.composite
def molecules(draw: st.DrawFn) -> gs.SpaceTimeGraph:
    rows = draw(st.integers(1, 6))
    graph = nx.gnp_random_graph(rows, draw(st.sampled_from((0.2, 0.5, 0.8))), seed=draw(st.integers(0, 99)))
    return molecule(graph, draw(st.lists(st.sampled_from((C, O)), min_size=rows, max_size=rows)))


def patterns(graph: gs.SpaceTimeGraph, iterations: int) -> Counter[object]:
    """The twin: labels that are nested tuples, equal where the patterns are."""
    labels: list[object] = [tuple(x) for x in graph.x.tolist()]
    counts = Counter((0, label) for label in labels)
    for number in range(1, iterations + 1):
        around: list[list[object]] = [[] for _ in labels]
        for j, i in graph.edge_index.t().tolist():
            around[i].append(labels[j])
        labels = [(label, tuple(sorted(near, key=repr))) for label, near in zip(labels, around, strict=True)]
        counts += Counter((number, label) for label in labels)
    return counts


@given(st.lists(molecules(), min_size=1, max_size=4), st.integers(0, 3))
def test_it_is_what_the_twin_says(graphs: list[gs.SpaceTimeGraph], iterations: int) -> None:
    counts = [patterns(graph, iterations) for graph in graphs]
    expected = [[sum(one[p] * other[p] for p in one) for other in counts] for one in counts]
    assert kernel(graphs, iterations) == expected


def test_refusals() -> None:
    with pytest.raises(ValueError, match="iterations must be at least 0, got -1"):
        gs.baselines.subtree_features([molecule(nx.path_graph(1), [C])], -1)
    with pytest.raises(ValueError, match="graphs is empty"):
        gs.baselines.subtree_features([])
