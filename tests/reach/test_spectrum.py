"""The spectrum of one layer or step against closed forms and plain autograd."""

from __future__ import annotations

import networkx as nx
import pytest
import torch
from matrices import a_hat
from randomgraphs import draw, join, sequence
from torch import Tensor
from torch_geometric.nn import SAGEConv

import graphseq as gs
from graphseq import SpaceTimeGraph
from graphseq.nn import GCN, GCNLSTM, GRU, LSTM, MLP, RNN, Encoder, Model
from graphseq.reach import TooLargeError, layer_spectrum
from graphseq.reach.theory import linear_gcn_singular_values

F64 = torch.float64


def built(encoder: type[Encoder], *sizes: int, **more: object) -> Encoder:
    torch.manual_seed(0)
    return encoder(*sizes, **more).double()


def a_hat_of(graph: SpaceTimeGraph, causal: bool = False) -> Tensor:
    adjacency = graph.topology.spacetime(causal)
    return torch.from_numpy(a_hat(adjacency.edge_index, adjacency.edge_weight, graph.num_rows))


def padded(values: Tensor, number: int) -> Tensor:
    """With the zeros that a closed form of the other singular values leaves out."""
    return torch.cat([values, values.new_zeros(number - len(values))])


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("directed", [False, True])
def test_a_linear_layer_has_the_products_of_singular_values(causal: bool, directed: bool) -> None:
    graph, gcn = draw(1, directed=directed, weighted=True), built(GCN, 2, 3, num_layers=1, causal=causal)
    expected = linear_gcn_singular_values(a_hat_of(graph, causal), [gcn.convs[0].lin.weight.T])
    torch.testing.assert_close(layer_spectrum(gcn, graph, 1), expected, rtol=1e-10, atol=1e-12)


def test_the_last_of_several_layers_is_linear_and_those_before_have_their_relu() -> None:
    graph, gcn = draw(2), built(GCN, 2, 5, num_layers=3)
    states = gcn.trace(graph).states
    for layer in (1, 2, 3):
        weight = gcn.convs[layer - 1].lin.weight
        whole = torch.kron(a_hat_of(graph), weight)  # out (i, c) in (j, f)
        if layer < 3:
            whole = whole * (states[layer] > 0).flatten()[:, None]
        expected = torch.linalg.svdvals(whole.detach())
        torch.testing.assert_close(layer_spectrum(gcn, graph, layer), expected, rtol=1e-10, atol=1e-12)


def test_a_dense_layer_has_those_of_its_weight_once_a_row() -> None:
    mlp = built(MLP, 2, 4, num_layers=1)
    expected = torch.linalg.svdvals(mlp.lins[0].weight.detach()).repeat_interleave(3)
    torch.testing.assert_close(layer_spectrum(mlp, sequence(0, 3), 1), expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize("step", [2, 3, 4])
def test_a_step_of_an_rnn_is_its_weight_times_the_slope_of_tanh(step: int) -> None:
    rnn, graph = built(RNN, 2, 5), sequence(1, 4)
    h = rnn(graph)[step - 1].detach()
    expected = torch.linalg.svdvals(torch.diag(1 - h**2) @ rnn.kernel.weight_hh_l0.detach())
    torch.testing.assert_close(layer_spectrum(rnn, graph, step), expected, rtol=1e-10, atol=1e-13)


def test_a_step_of_an_lstm_without_recurrent_weights_is_its_forget_gate() -> None:
    lstm, graph = built(LSTM, 2, 3), sequence(1, 4)
    lstm.kernel.weight_hh_l0.data.zero_()
    gates = (graph.x @ lstm.kernel.weight_ih_l0.T + lstm.kernel.bias_ih_l0 + lstm.kernel.bias_hh_l0).detach()
    i, f, g, o = (part for part in gates.chunk(4, dim=1))
    c, cells = torch.zeros(3, dtype=F64), []
    for t in range(4):
        c = f[t].sigmoid() * c + i[t].sigmoid() * g[t].tanh()
        cells.append(c)
    onto_h = o[2].sigmoid() * (1 - cells[2].tanh() ** 2) * f[2].sigmoid()
    expected = (onto_h**2 + f[2].sigmoid() ** 2).sqrt().sort(descending=True).values
    torch.testing.assert_close(layer_spectrum(lstm, graph, 3), padded(expected, 6), rtol=1e-10, atol=1e-12)


def test_an_absent_node_has_the_identity_as_its_jacobian() -> None:
    away = SpaceTimeGraph(torch.ones(3, 2, dtype=F64), torch.tensor([0, 1, 0]), torch.tensor([0, 0, 5]))
    rnn = built(RNN, 2, 2)
    assert (layer_spectrum(rnn, away, 2) == 1).sum() == 2  # node 1, as it was; tanh shrinks node 0
    assert layer_spectrum(rnn, away, 2).shape == (4,)


@pytest.mark.parametrize(
    "encoder",
    [
        built(GCN, 2, 3, num_layers=2, conv=SAGEConv),
        built(GCN, 2, 3, num_layers=2, residual=True, norm=torch.nn.LayerNorm),
        built(GRU, 2, 3, num_layers=2),
        built(LSTM, 2, 3, num_layers=2),
        built(GCNLSTM, 2, 3, num_layers=2),
        built(GCNLSTM, 2, 3, conv=SAGEConv),
    ],
    ids=["SAGE", "residual", "GRU", "LSTM", "GCNLSTM", "GCNLSTM-SAGE"],
)
def test_it_is_that_of_the_jacobian_a_row_at_a_time(encoder: Encoder) -> None:
    graph = join([draw(1, times=3), sequence(2, 3)])
    trace = encoder.trace(graph)
    before, after = trace.states[-2:]
    lines = [torch.autograd.grad(entry, before, retain_graph=True)[0].flatten() for entry in after.flatten()]
    number = len(trace.states) - (trace.axis == "layer")
    torch.testing.assert_close(
        layer_spectrum(encoder, graph, number), torch.linalg.svdvals(torch.stack(lines)), rtol=1e-9, atol=1e-12
    )


def test_a_model_is_taken_through_its_transform() -> None:
    torch.manual_seed(0)
    model, graph = Model(GCN(2, 3, 1), 2, transform=gs.transforms.grow).double(), sequence(0, 3)
    expected = linear_gcn_singular_values(a_hat_of(gs.transforms.grow(graph)), [model.encoder.convs[0].lin.weight.T])
    torch.testing.assert_close(layer_spectrum(model, graph, 1), expected, rtol=1e-10, atol=1e-12)


def test_a_deep_layer_in_float32_is_that_in_float64() -> None:
    gcn, graph = built(GCN, 2, 4, num_layers=3), gs.from_graph(nx.path_graph(5), x=torch.randn(5, 2, dtype=F64))
    exact = layer_spectrum(gcn, graph, 2)
    single = layer_spectrum(gcn.float(), graph, 2)
    assert single.dtype == F64
    torch.testing.assert_close(single, exact, rtol=1e-4, atol=1e-6)


def test_the_error_of_a_large_jacobian_states_its_size() -> None:
    with pytest.raises(TooLargeError, match=r"layer 1 is 12 × 8: 96 entries .* above max_entries=95"):
        layer_spectrum(built(GCN, 2, 3), sequence(0, 4), 1, max_entries=95)
    assert layer_spectrum(built(GCN, 2, 3), sequence(0, 4), 1, max_entries=96).shape == (8,)


@pytest.mark.parametrize(
    ("encoder", "layer", "kind", "message"),
    [
        (built(GCN, 2, 3), 0, ValueError, "layer must be at least 1, got 0"),
        (built(GCN, 2, 3), 3, ValueError, "layer must lie in 1 to 2, got 3"),
        (built(RNN, 2, 3), 1, ValueError, "layer must be at least 2, as the steps of the recurrent model are; got 1"),
        (built(RNN, 2, 3), 5, ValueError, "layer must lie in 2 to 4, got 5"),
        (built(RNN, 2, 3), 2.0, TypeError, "layer must be an integer"),
        (torch.nn.Linear(2, 2).double(), 1, ValueError, "no layer is found in the model .* name its modules: Probe"),
    ],
)
def test_layers_that_do_not_exist_are_refused(
    encoder: Encoder, layer: object, kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        layer_spectrum(encoder, sequence(0, 4), layer)


def test_one_time_step_alone_has_none_before_it() -> None:
    with pytest.raises(ValueError, match="a time step after the first, but the graph has only one; got 2"):
        layer_spectrum(built(RNN, 2, 3), sequence(0, 1), 2)
