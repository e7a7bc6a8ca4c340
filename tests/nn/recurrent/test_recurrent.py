"""Fused kernels against the equations, and that nothing leaks between sequences."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from randomgraphs import draw, join, sequence, with_x
from torch import nn

import graphseq as gs
from graphseq.nn import GRU, LSTM, RNN, step_by_step
from graphseq.nn.recurrent.rnn import RNNBase

each_kind = pytest.mark.parametrize("kind", [RNN, GRU, LSTM])


def built(kind: type[RNNBase], num_layers: int = 1) -> RNNBase:
    torch.manual_seed(0)
    return kind(2, 5, num_layers).double()


@each_kind
@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("seed", range(4))
def test_fused_kernels_equal_the_equations_on_dynamic_graphs(kind: type[RNNBase], num_layers: int, seed: int) -> None:
    encoder, graph = built(kind, num_layers), draw(seed, times=6)
    torch.testing.assert_close(encoder(graph), step_by_step(encoder, graph), rtol=0, atol=1e-12)


@each_kind
def test_fused_kernels_equal_the_equations_in_float32(kind: type[RNNBase]) -> None:
    encoder, graph = kind(2, 5), draw(0, times=6, dtype=torch.float32)
    torch.testing.assert_close(encoder(graph), step_by_step(encoder, graph), rtol=0, atol=1e-6)


@given(lengths=st.lists(st.integers(1, 6), min_size=1, max_size=5), kind=st.sampled_from([RNN, GRU, LSTM]))
def test_a_sequence_does_not_depend_on_the_lengths_beside_it(lengths: list[int], kind: type[RNNBase]) -> None:
    encoder = built(kind)
    graphs = [sequence(seed, length) for seed, length in enumerate(lengths)]
    apart = torch.cat([encoder(graph) for graph in graphs])
    torch.testing.assert_close(encoder(join(graphs)), apart, rtol=0, atol=1e-12)


@each_kind
def test_gradients_of_ragged_sequences_equal_those_of_the_equations(kind: type[RNNBase]) -> None:
    encoder, graph = built(kind), join([sequence(0, 3), sequence(1, 5), sequence(2, 1)])
    grads = []
    for function in (encoder, lambda graph: step_by_step(encoder, graph)):
        encoder.zero_grad()
        function(graph).square().sum().backward()
        grads.append([p.grad.clone() for p in encoder.parameters()])
    for fused, written in zip(*grads, strict=True):
        torch.testing.assert_close(fused, written, rtol=0, atol=1e-10)


@each_kind
def test_on_one_sequence_it_is_torchs_module(kind: type[RNNBase]) -> None:
    encoder, graph = built(kind), sequence(0, 6)
    torch.testing.assert_close(encoder(graph), encoder.kernel(graph.x)[0], rtol=0, atol=1e-14)


@each_kind
def test_spatial_edges_are_not_read(kind: type[RNNBase]) -> None:
    encoder, graph = built(kind), draw(1)
    bare = gs.SpaceTimeGraph(graph.x, graph.node, graph.time)
    assert torch.equal(encoder(graph), encoder(bare))


@each_kind
def test_an_absent_row_is_skipped_and_not_read_as_zero(kind: type[RNNBase]) -> None:
    encoder, full = built(kind), sequence(0, 4)
    gap = gs.SpaceTimeGraph(full.x, full.node, torch.tensor([0, 1, 5, 9]))
    assert torch.equal(encoder(gap), encoder(full))


@each_kind
def test_reach_is_the_past_of_the_same_node(kind: type[RNNBase]) -> None:
    graph = gs.from_signal(torch.zeros(2, 2, 2), torch.tensor([[0, 1], [1, 0]]))
    expected = [[1, 0, 0, 0], [0, 1, 0, 0], [1, 0, 1, 0], [0, 1, 0, 1]]
    assert kind(2, 3).reach(graph, torch.arange(4)).long().tolist() == expected


def test_no_state_is_kept_from_one_call_to_the_next() -> None:
    encoder, graph = built(LSTM), sequence(0, 4)
    first = encoder(graph)
    encoder(with_x(graph, graph.x + 100))
    assert torch.equal(encoder(graph), first)


@pytest.mark.parametrize(("kind", "gates"), [(RNN, 1), (GRU, 3), (LSTM, 4)])
def test_parameters_are_gates_times_dn_plus_n_squared_plus_two_biases(kind: type[RNNBase], gates: int) -> None:
    d, n = 3, 7
    assert sum(p.numel() for p in kind(d, n).parameters()) == gates * (d * n + n * n + 2 * n)


def test_without_torchs_second_bias_an_lstm_has_the_number_of_the_literature() -> None:
    d, n = 3, 7
    kernel = LSTM(d, n).kernel
    second = sum(p.numel() for name, p in kernel.named_parameters() if name.startswith("bias_hh"))
    assert sum(p.numel() for p in kernel.parameters()) - second == 4 * (d * n + n * n + n)


@pytest.mark.parametrize(("kind", "module"), [(RNN, nn.RNN), (GRU, nn.GRU), (LSTM, nn.LSTM)])
def test_one_seed_gives_the_initial_weights_of_torchs_module(kind: type[RNNBase], module: type[nn.RNNBase]) -> None:
    torch.manual_seed(0)
    theirs = module(2, 5, 2)
    torch.manual_seed(0)
    ours = kind(2, 5, 2)
    assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), theirs.parameters(), strict=True))


@each_kind
@pytest.mark.parametrize("sizes", [(0, 4, 1), (2, 0, 1), (2, 4, 0)])
def test_a_size_of_zero_is_an_error_that_names_it(kind: type[RNNBase], sizes: tuple[int, int, int]) -> None:
    name = ("in_channels", "hidden_channels", "num_layers")[sizes.index(0)]
    with pytest.raises(ValueError, match=f"{name} must be at least 1, got 0"):
        kind(*sizes)
