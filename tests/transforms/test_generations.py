"""How deep each row of a directed graph stands, and which cycle keeps it from standing anywhere."""

from __future__ import annotations

import re
from itertools import pairwise

import networkx as nx
import pytest
import torch
from hypothesis import given
from strategies import edge_lists, index

from graphseq.transforms.traversal import CycleError, generations


@given(edges=edge_lists())
def test_generations_are_the_longest_ways_and_a_cycle_that_is_named_is_one(
    edges: tuple[torch.Tensor, torch.Tensor | None, int],
) -> None:
    edge_index, _, rows = edges
    graph = nx.DiGraph(edge_index.t().tolist())
    graph.add_nodes_from(range(rows))
    if nx.is_directed_acyclic_graph(graph):
        ways = [nx.dag_longest_path_length(graph.subgraph([*nx.ancestors(graph, row), row])) for row in range(rows)]
        assert generations(edge_index, rows).tolist() == ways
    else:
        with pytest.raises(CycleError) as error:
            generations(edge_index, rows)
        named = [int(row) for row in re.findall(r"row (\d+)", str(error.value))]
        assert named[0] == named[-1]
        assert all(graph.has_edge(*step) for step in pairwise(named))


def test_a_long_cycle_is_named_in_short() -> None:
    ring = index([(row, (row + 1) % 30) for row in range(30)])
    with pytest.raises(CycleError, match=r"row 0 → row 1 → row 2 → row 3 → .* → row 7 → 22 more → row 0, and so"):
        generations(ring, 30)


def test_generations_of_no_edges_and_of_no_rows() -> None:
    assert generations(index([]), 3).tolist() == [0, 0, 0]
    assert generations(index([]), 0).tolist() == []
