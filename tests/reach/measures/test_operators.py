"""Operators against PyG's convolutions, with weights, self-loops and directed edges."""

from __future__ import annotations

import networkx as nx
import pytest
import torch
from hypothesis import given
from matrices import a_hat
from strategies import edge_lists
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.nn import GINConv, SAGEConv

from graphseq.reach.measures import operator

F64 = torch.float64


@given(edge_lists())
def test_the_operator_of_a_gcn_is_that_of_pyg(edges: tuple[Tensor, Tensor | None, int]) -> None:
    index, weight, rows = edges
    if weight is not None and bool(((weight <= 0) | (index[0] == index[1])).any()):
        return  # a self-loop given twice replaces, and does not add up
    if len(index.t()) != len(set(map(tuple, index.t().tolist()))):
        return
    data = Data(edge_index=index, num_nodes=rows)
    if weight is not None:
        data.edge_weight = weight
    torch.testing.assert_close(torch.from_numpy(operator(data).toarray()), torch.from_numpy(a_hat(index, weight, rows)))


def test_means_and_sums_are_those_of_sage_and_gin() -> None:
    index = torch.tensor([[0, 1, 2, 3, 3], [1, 2, 0, 2, 0]])
    data = Data(edge_index=index, num_nodes=4)
    x = torch.eye(4, dtype=F64)
    sage = SAGEConv(4, 4, root_weight=False, bias=False).double()
    sage.lin_l.weight.data = x.clone()
    torch.testing.assert_close(torch.from_numpy(operator(data, "mean").toarray()), sage(x, index))
    gin = GINConv(torch.nn.Identity())
    torch.testing.assert_close(torch.from_numpy(operator(data, "sum").toarray()), gin(x, index))


def test_the_walk_has_rows_that_sum_to_one() -> None:
    assert operator(nx.star_graph(4), "walk").sum(axis=1).tolist() == pytest.approx([1.0] * 5)
    assert operator(nx.empty_graph(2), "walk").toarray().tolist() == [[1.0, 0.0], [0.0, 1.0]]
    assert operator(nx.empty_graph(2), "mean").toarray().tolist() == [[0.0, 0.0], [0.0, 0.0]]
    with pytest.raises(ValueError, match="kind must be one of gcn, mean, sum, walk; got 'gat'"):
        operator(nx.path_graph(2), "gat")
