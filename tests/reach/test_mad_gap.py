"""MADGap against a loop over pairs, and the states of which it is known."""

from __future__ import annotations

import math
import sys

import networkx as nx
import numpy as np
import pytest
import torch
from torch import Tensor

import graphseq as gs
from graphseq.reach import mad, mad_gap
from graphseq.reach.measures import distances

F64 = torch.float64


def by_loop(states: Tensor, graph: nx.Graph, near: int, remote: int) -> float:
    hops = distances(graph)
    means: dict[str, list[float]] = {"near": [], "remote": []}
    for i in range(len(states)):
        for name, chosen in (
            ("near", (hops[i] >= 1) & (hops[i] <= near)),
            ("remote", (hops[i] >= remote) & hops[i].isfinite()),
        ):
            found = [
                1 - float(torch.cosine_similarity(states[i], states[j], dim=0))
                for j in chosen.nonzero()[:, 0].tolist()
                if bool((states[j] != 0).any()) and bool((states[i] != 0).any())
            ]
            if found:
                means[name].append(sum(found) / len(found))
    return sum(means["remote"]) / len(means["remote"]) - sum(means["near"]) / len(means["near"])


def woven() -> nx.Graph:
    """Paths over the even and over the odd nodes, and a node without edges."""
    graph = nx.empty_graph(25)
    graph.add_edges_from((i, i + 2) for i in range(22))
    return graph


@pytest.mark.parametrize(
    "graph",
    [nx.path_graph(13), nx.grid_2d_graph(5, 6), nx.disjoint_union(nx.path_graph(10), nx.path_graph(9)), woven()],
    ids=["path", "grid", "parts", "woven"],
)
@pytest.mark.parametrize("together", [1, 1024])
def test_it_is_the_loop_over_pairs(graph: nx.Graph, together: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["graphseq.reach.mad"], "_ROWS", together)
    graph = nx.convert_node_labels_to_integers(graph)
    states = torch.randn(len(graph), 3, dtype=F64, generator=torch.Generator().manual_seed(0))
    states[2] = 0
    assert mad_gap(states, graph) == pytest.approx(by_loop(states, graph, 3, 8))
    assert mad_gap(states, graph, near=1, remote=4) == pytest.approx(by_loop(states, graph, 1, 4))


def test_equal_states_have_none_and_small_differences_are_seen() -> None:
    path = nx.path_graph(20)
    assert mad_gap(torch.ones(20, 4), path) == pytest.approx(0, abs=1e-15)
    ramp = torch.stack([torch.ones(20, dtype=F64), 1e-6 * torch.arange(20, dtype=F64)], dim=1)
    assert mad_gap(ramp, path) == pytest.approx(by_loop_of_angles(ramp), rel=1e-6)


def by_loop_of_angles(ramp: Tensor) -> float:
    """1 - cos of angles between rows (1, εi) is ε² (i - j)² / 2, which cosines in float64 lose."""
    i = torch.arange(20, dtype=F64)
    squares = (i[:, None] - i).square() * 1e-12 / 2
    hops = (i[:, None] - i).abs()
    near, remote = (hops >= 1) & (hops <= 3), hops >= 8
    means = [((squares * m).sum(1) / m.sum(1))[m.any(1)].mean() for m in (remote, near)]
    return float(means[0] - means[1])


def test_without_remote_rows_it_is_nan() -> None:
    assert math.isnan(mad_gap(torch.randn(4, 2), nx.complete_graph(4)))
    assert math.isnan(mad_gap(torch.zeros(20, 2), nx.path_graph(20)))


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="remote rows must be farther than near ones; got remote=3 and near=3"):
        mad_gap(torch.ones(3, 1), nx.path_graph(3), near=3, remote=3)
    with pytest.raises(ValueError, match="states must have one row for each of the graph's 3, got 2"):
        mad_gap(torch.ones(2, 1), nx.path_graph(3))


def test_mad_takes_any_graph() -> None:
    graph = nx.gnp_random_graph(8, 0.4, seed=1)
    states = torch.randn(8, 3, generator=torch.Generator().manual_seed(0))
    assert mad(states, graph) == pytest.approx(mad(states, gs.from_graph(graph)))


def test_values_of_the_code_of_its_authors() -> None:
    """Literal values of victorchen96/MadGap, ``mad_value``, on states none of which are parallel."""
    states = torch.from_numpy(np.random.default_rng(0).standard_normal((30, 5)))
    assert mad(states) == pytest.approx(0.98600788, abs=1e-7)
    assert mad_gap(states, nx.path_graph(30)) == pytest.approx(0.01127892, abs=1e-7)
