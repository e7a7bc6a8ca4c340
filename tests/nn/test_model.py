"""Heads, transforms and pooling."""

import pytest
import torch
from randomgraphs import draw, join, sequence, with_x
from torch import Tensor

import graphseq as gs
from graphseq.nn import GCN, GCNLSTM, GRU, LSTM, GraphHead, Model, RowHead


def asked(graph: gs.SpaceTimeGraph, rows: list[int]) -> gs.SpaceTimeGraph:
    graph = with_x(graph, graph.x)
    graph.target = torch.zeros(graph.num_nodes, dtype=torch.bool)
    graph.target[rows] = True
    return graph


def test_without_a_transform_it_is_head_after_encoder_at_the_target_rows() -> None:
    model, graph = Model(LSTM(2, 4), 3).double(), asked(sequence(0, 5), [1, 4])
    states = model.encoder(graph)[[1, 4]]
    expected = states @ model.head.lin.weight.T + model.head.lin.bias
    torch.testing.assert_close(model(graph), expected, rtol=0, atol=1e-14)


def test_without_a_target_mask_every_row_is_a_target() -> None:
    model, graph = Model(LSTM(2, 4), 3).double(), sequence(0, 5)
    assert torch.equal(model(graph), model(asked(graph, [0, 1, 2, 3, 4])))


@pytest.mark.parametrize("pool", ["mean", "sum", "max"])
def test_a_pool_is_taken_over_the_rows_of_each_graph(pool: str) -> None:
    batch = join([draw(1), draw(2)])
    states = torch.randn(batch.num_nodes, 4, dtype=torch.float64)
    head = GraphHead(4, 3, pool).double()
    pooled = []
    for number in range(2):
        of_graph = [state for state, owner in zip(states, batch.batch.tolist(), strict=True) if owner == number]
        total = torch.stack(of_graph)
        pooled.append({"mean": total.sum(0) / len(total), "sum": total.sum(0), "max": total.amax(0)}[pool])
    expected = torch.stack(pooled) @ head.lin.weight.T + head.lin.bias
    torch.testing.assert_close(head(states, batch), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("pool", ["mean", "sum", "max"])
def test_one_graph_is_a_batch_of_one(pool: str) -> None:
    model, graph = Model(GCN(2, 4), 3, pool=pool).double(), draw(1)
    out = model(graph)
    assert out.shape == (1, 3)
    torch.testing.assert_close(out, model(join([graph])), rtol=0, atol=1e-14)


def test_grow_targets_each_node_at_its_arrival() -> None:
    torch.manual_seed(0)
    model, graph = Model(GCNLSTM(2, 4), 3, transform=gs.transforms.grow).double(), sequence(0, 3)
    states = model.encoder(gs.transforms.grow(graph))
    arrivals = [0, 3, 5]  # node p arrives at time p, in the first of its 3 - p rows
    expected = model.head.lin(states[arrivals])
    torch.testing.assert_close(model(graph), expected, rtol=0, atol=1e-14)


def test_with_grow_one_gcn_lstm_layer_reaches_the_whole_past() -> None:
    model = Model(GCNLSTM(2, 4), 3, transform=gs.transforms.grow)
    assert model.reach(asked(sequence(0, 4), [2])).tolist() == [[True, True, True, False]]


def test_grow_of_tokens_equals_grow_of_one_hot_rows() -> None:
    model, tokens = Model(GCNLSTM(3, 4), 3, transform=gs.transforms.grow).double(), torch.tensor([2, 0, 1])
    one_hot = gs.from_sequence(torch.eye(3, dtype=torch.float64)[tokens])
    assert torch.equal(model(gs.from_sequence(tokens)), model(one_hot))


def test_reach_of_a_pooled_graph_is_the_whole_graph_and_no_other() -> None:
    batch = join([sequence(0, 2), sequence(1, 3)])
    expected = [[True, True, False, False, False], [False, False, True, True, True]]
    assert Model(GCN(2, 4), 3, pool="mean").reach(batch).tolist() == expected


@pytest.mark.parametrize(
    ("model", "causal"),
    [
        (Model(GRU(2, 4), 3), True),
        (Model(GCN(2, 4), 3), False),
        (Model(GCN(2, 4, causal=True), 3), True),
        (Model(GRU(2, 4), 3, pool="mean"), False),
        (Model(GCNLSTM(2, 4), 3, transform=gs.transforms.grow), True),
    ],
)
def test_a_model_is_causal_where_its_encoder_is_and_it_does_not_pool(model: Model, causal: bool) -> None:
    assert model.causal is causal


def test_no_target_row_is_an_error() -> None:
    with pytest.raises(ValueError, match="no row of the graph is a target"):
        Model(GRU(2, 4), 3).double()(asked(sequence(0, 3), []))


def test_something_that_is_no_encoder_is_an_error() -> None:
    with pytest.raises(TypeError, match=r"encoder must be a graphseq.nn.Encoder, got Linear"):
        Model(torch.nn.Linear(2, 4), 3)


def test_an_unknown_pool_is_an_error_that_lists_them() -> None:
    with pytest.raises(ValueError, match=r"pool must be one of max, mean, sum; got 'median'"):
        Model(GRU(2, 4), 3, pool="median")


@pytest.mark.parametrize("head", [RowHead, GraphHead])
def test_no_output_channel_is_an_error(head: type[torch.nn.Module]) -> None:
    with pytest.raises(ValueError, match="out_channels must be at least 1, got 0"):
        head(4, 0)


def test_grow_refuses_a_graph_with_spatial_edges() -> None:
    with pytest.raises(ValueError, match="grow reads sequences"):
        Model(GCNLSTM(2, 4), 3, transform=gs.transforms.grow).double()(draw(0))


def test_a_loss_through_one_row_trains_only_what_that_row_reads() -> None:
    model, graph = Model(GRU(2, 4), 3).double(), asked(sequence(0, 4), [1])
    x: Tensor = graph.x.clone().requires_grad_()
    model(with_x(graph, x)).sum().backward()
    assert x.grad.abs().sum(1).gt(0).tolist() == [True, True, False, False]
