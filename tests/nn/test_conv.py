"""The graph convolution against PyG's, on edges and on a prepared adjacency."""

import pytest
import torch
import torch_geometric.nn as pyg
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch_geometric.utils import add_self_loops

from graphseq.data.adjacency import Adjacency
from graphseq.nn import GCNConv
from graphseq.nn.conv import convolve

EDGES = torch.tensor([[0, 1, 1, 2, 3], [1, 0, 2, 3, 3]])
WEIGHT = torch.tensor([0.5, 2.0, 0.25, 1.0, 3.0], dtype=torch.float64)


def layers(in_channels: int, out_channels: int) -> tuple[GCNConv, pyg.GCNConv]:
    torch.manual_seed(0)
    ours, theirs = GCNConv(in_channels, out_channels).double(), pyg.GCNConv(in_channels, out_channels).double()
    with torch.no_grad():
        ours.bias.uniform_(-1, 1)
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["unweighted", "weighted"])
@pytest.mark.parametrize("widths", [(2, 5), (5, 2), (3, 3)], ids=str)
def test_it_is_pygs_layer_on_edges_and_on_an_adjacency(widths: tuple[int, int], weight: Tensor | None) -> None:
    ours, theirs = layers(*widths)
    x = torch.randn(4, widths[0], dtype=torch.float64)
    expected = theirs(x, EDGES, weight)
    assert torch.equal(ours(x, EDGES, weight), expected)
    torch.testing.assert_close(ours(x, Adjacency(EDGES, weight, 4)), expected, rtol=0, atol=1e-12)


def test_two_rows_with_edges_both_ways_are_averaged() -> None:
    conv = GCNConv(1, 1).double()
    with torch.no_grad():
        conv.lin.weight.fill_(1)
        conv.bias.fill_(0)
    out = conv(torch.tensor([[2.0], [4.0]], dtype=torch.float64), Adjacency(torch.tensor([[0, 1], [1, 0]]), None, 2))
    torch.testing.assert_close(out, torch.tensor([[3.0], [3.0]], dtype=torch.float64))


def test_without_edges_it_is_a_dense_layer() -> None:
    conv, _ = layers(2, 3)
    x = torch.randn(4, 2, dtype=torch.float64)
    out = conv(x, Adjacency(torch.zeros(2, 0, dtype=torch.long), None, 4))
    torch.testing.assert_close(out, x @ conv.lin.weight.T + conv.bias, rtol=0, atol=1e-14)


@given(rows=st.integers(1, 6), widths=st.tuples(st.integers(1, 4), st.integers(1, 4)), seed=st.integers(0, 999))
def test_on_any_weighted_directed_graph_its_output_and_gradients_are_pygs(
    rows: int, widths: tuple[int, int], seed: int
) -> None:
    g = torch.Generator().manual_seed(seed)
    index = (torch.rand(rows, rows, generator=g) < 0.5).nonzero().t()
    weight = torch.rand(index.shape[1], generator=g, dtype=torch.float64)
    ours, theirs = layers(*widths)
    x = torch.randn(rows, widths[0], generator=g, dtype=torch.float64)
    pull = torch.randn(rows, widths[1], generator=g, dtype=torch.float64)
    found, expected = [], []
    for layer, where, into in ((ours, (Adjacency(index, weight, rows),), found), (theirs, (index, weight), expected)):
        leaf = x.clone().requires_grad_()
        out = layer(leaf, *where)
        out.backward(pull)
        into += [out, leaf.grad, layer.lin.weight.grad, layer.bias.grad]
    for ours_, theirs_ in zip(found, expected, strict=True):
        torch.testing.assert_close(ours_, theirs_, rtol=0, atol=1e-10)


def test_another_convolution_gets_edges_and_weights_as_pyg_calls_them() -> None:
    conv = pyg.GraphConv(2, 3).double()
    x = torch.randn(4, 2, dtype=torch.float64)
    assert torch.equal(convolve(conv, x, Adjacency(EDGES, WEIGHT, 4)), conv(x, EDGES, WEIGHT))
    assert torch.equal(convolve(conv, x, Adjacency(EDGES, None, 4)), conv(x, EDGES))


def test_a_convolution_that_takes_no_weights_refuses_them() -> None:
    with pytest.raises(TypeError, match="edge_weight"):
        convolve(pyg.SAGEConv(2, 3), torch.zeros(4, 2), Adjacency(EDGES, WEIGHT.float(), 4))


def test_negative_weights_are_an_error_that_names_the_place() -> None:
    conv, _ = layers(1, 1)
    with pytest.raises(ValueError, match=r"edge_weight\[1\] is -1"):
        conv(torch.zeros(2, 1).double(), Adjacency(torch.tensor([[0, 1], [1, 0]]), torch.tensor([1.0, -1.0]), 2))


def test_a_stored_self_loop_takes_the_place_of_the_added_one() -> None:
    conv, _ = layers(2, 3)
    x = torch.randn(3, 2, dtype=torch.float64)
    path = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
    looped = add_self_loops(path, num_nodes=3)[0]
    out = [conv(x, Adjacency(index, None, 3)) for index in (path, looped)]
    torch.testing.assert_close(out[1], out[0], rtol=0, atol=1e-14)
