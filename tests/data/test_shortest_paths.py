"""Hop distances held to networkx, sparse and dense."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
import scipy.sparse as sp
import torch
from randomgraphs import draw, sequence

from graphseq.data.hops import dense_hops, hops_from, hops_to, shortest_paths


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_hops_to_and_from_rows_are_those_of_networkx(seed: int, causal: bool) -> None:
    topology = draw(seed, directed=bool(seed % 2)).topology
    ways = nx.from_scipy_sparse_array(topology.spacetime(causal).pattern.T, create_using=nx.DiGraph)
    expected = torch.full((topology.num_rows, topology.num_rows), -1)
    for source, lengths in nx.all_pairs_shortest_path_length(ways):
        for row, length in lengths.items():
            expected[row, source] = length
    assert torch.equal(hops_to(topology, torch.arange(topology.num_rows), causal=causal), expected)
    for row in range(topology.num_rows):
        assert torch.equal(hops_from(topology, row, causal=causal), expected[:, row])


def test_beyond_the_limit_there_is_no_path() -> None:
    assert hops_to(sequence(0, 5).topology, torch.tensor([4]), limit=2).tolist() == [[-1, -1, 2, 1, 0]]


def test_lengths_are_rounded_down() -> None:
    cost = sp.csr_array(np.array([[0.0, 0.9, 0.0], [0.0, 0.0, 0.9], [0.0, 0.0, 0.0]]))
    assert shortest_paths(cost, torch.tensor([0]), unweighted=False).tolist() == [[0, 0, 1]]
    assert shortest_paths(cost, torch.tensor([0])).tolist() == [[0, 1, 2]]


def test_no_rows_have_no_distances() -> None:
    assert hops_to(sequence(0, 3).topology, torch.zeros(0, dtype=torch.long)).shape == (0, 3)


def test_dense_hops_are_the_sparse_ones() -> None:
    graph = nx.connected_watts_strogatz_graph(9, 4, 0.3, seed=0)
    edges = torch.from_numpy(nx.to_numpy_array(graph)).bool()
    sparse = shortest_paths(nx.to_scipy_sparse_array(graph), torch.arange(9))
    assert torch.equal(dense_hops(edges[None])[0], sparse)
