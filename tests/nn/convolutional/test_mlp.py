"""The multilayer perceptron, row by row."""

import pytest
import torch
from randomgraphs import draw, seen

import graphseq as gs
from graphseq.nn import MLP


def test_each_row_goes_through_dense_layers_with_relu_between_them() -> None:
    mlp, graph = MLP(2, 5, 2).double(), draw(0)
    a, b = mlp.lins
    expected = (graph.x @ a.weight.T + a.bias).clamp(min=0) @ b.weight.T + b.bias
    torch.testing.assert_close(mlp(graph), expected, rtol=0, atol=1e-14)


def test_one_layer_is_linear() -> None:
    mlp, graph = MLP(2, 5, 1).double(), draw(0)
    torch.testing.assert_close(mlp(graph), graph.x @ mlp.lins[0].weight.T + mlp.lins[0].bias, rtol=0, atol=1e-14)


def test_a_row_sees_itself_and_nothing_else() -> None:
    mlp, graph = MLP(2, 16).double(), draw(0)
    itself = torch.eye(graph.num_nodes, dtype=torch.bool)
    assert torch.equal(mlp.reach(graph, torch.arange(graph.num_nodes)), itself)
    assert torch.equal(seen(mlp, graph), itself)


def test_edges_and_times_are_not_read() -> None:
    mlp, graph = MLP(2, 5).double(), draw(1)
    rows = torch.arange(graph.num_nodes)
    assert torch.equal(mlp(graph), mlp(gs.SpaceTimeGraph(graph.x, rows, torch.zeros_like(rows))))


def test_there_is_no_activation_after_the_last_layer() -> None:
    torch.manual_seed(0)
    assert (MLP(2, 16)(draw(0, dtype=torch.float32)) < 0).any()


def test_a_size_of_zero_is_an_error_that_names_it() -> None:
    with pytest.raises(ValueError, match="num_layers must be at least 1, got 0"):
        MLP(2, 4, 0)
