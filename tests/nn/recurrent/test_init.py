"""Initialisations: the weights, and the time constants that result."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from randomgraphs import sequence
from torch import Tensor

import graphseq as gs
from graphseq.nn import GRU, LSTM, RNN, chrono_, forget_bias_, identity_, kaiming_, latch_, orthogonal_, spread_biases_
from graphseq.nn.recurrent.rnn import RNNBase
from graphseq.reach.theory import latch_threshold, lstm_horizon


def blocks(encoder: RNNBase, name: str, layer: int = 0) -> tuple[Tensor, ...]:
    return getattr(encoder.kernel, f"{name}_l{layer}").detach().split(encoder.hidden_channels)


@pytest.mark.parametrize(("kind", "gates"), [(RNN, 1), (GRU, 3), (LSTM, 4)])
@pytest.mark.parametrize("gain", [1.0, 0.5])
def test_orthogonal_makes_every_block_orthogonal_and_all_biases_zero(
    kind: type[RNNBase], gates: int, gain: float
) -> None:
    encoder = orthogonal_(kind(3, 6, 2).double(), gain=gain)
    for layer in range(2):
        found = blocks(encoder, "weight_hh", layer)
        assert len(found) == gates
        for block in found:
            torch.testing.assert_close(block @ block.T, gain**2 * torch.eye(6).double(), rtol=0, atol=1e-12)
        assert not any(block.any() for name in ("bias_ih", "bias_hh") for block in blocks(encoder, name, layer))


@pytest.mark.parametrize("kind", [RNN, GRU, LSTM])
def test_kaiming_draws_each_block_with_two_over_what_it_reads_and_zero_biases(kind: type[RNNBase]) -> None:
    encoder = kaiming_(kind(2, 200, 2), generator=torch.Generator().manual_seed(0))
    for layer, reads in ((0, 2), (1, 200)):
        for name, size in (("weight_ih", reads), ("weight_hh", 200)):
            for block in blocks(encoder, name, layer):
                deviation = math.sqrt(2 * 2 / block.numel())  # of a variance that is estimated
                assert abs(float(block.var()) * size / 2 - 1) < 5 * deviation
        assert not any(block.any() for name in ("bias_ih", "bias_hh") for block in blocks(encoder, name, layer))


def test_blocks_of_an_orthogonal_start_differ() -> None:
    first, second, *_ = blocks(orthogonal_(LSTM(3, 6)), "weight_hh")
    assert not torch.allclose(first, second)


def test_identity_writes_gain_times_the_identity_and_leaves_the_input_weights() -> None:
    encoder = RNN(3, 4, 2)
    before = [block.clone() for layer in range(2) for block in blocks(encoder, "weight_ih", layer)]
    assert identity_(encoder, gain=1.5) is encoder
    for layer in range(2):
        assert torch.equal(blocks(encoder, "weight_hh", layer)[0], 1.5 * torch.eye(4))
        assert torch.equal(blocks(encoder, "weight_ih", layer)[0], before[layer])
        assert not blocks(encoder, "bias_ih", layer)[0].any()
        assert not blocks(encoder, "bias_hh", layer)[0].any()


def test_units_of_gain_two_hold_the_first_of_a_thousand_digits_and_units_of_gain_one_do_not() -> None:
    task = gs.tasks.Palindrome(length=1001)
    graph = task.batch(64, torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    encoder = RNN(10, 32)
    signs = []
    for gain in (2.0, 1.0):
        identity_(encoder, gain=gain)
        first = graph.x.view(64, 1000, 10)[:, 0] @ encoder.kernel.weight_ih_l0.T
        last = encoder(graph).view(64, 1000, 32)[:, -1]
        clear = first.abs() > 0.1
        signs.append(float((first.sign() == last.sign())[clear].float().mean().detach()))
    assert signs[0] > 0.97
    assert signs[1] < 0.75


def test_spread_biases_put_every_turn_into_the_range_and_evenly() -> None:
    encoder = spread_biases_(identity_(RNN(1, 4000).double()), 0, 9, generator=torch.Generator().manual_seed(0))
    turns = -(blocks(encoder, "bias_ih")[0] / blocks(encoder, "weight_ih")[0][:, 0])
    counts = torch.histc(turns, bins=9, min=0, max=9)
    assert counts.sum() == 4000
    assert counts.min() > 380
    assert not blocks(encoder, "bias_hh")[0].any()
    assert torch.equal(blocks(encoder, "weight_hh")[0], torch.eye(4000).double())


def test_a_unit_with_a_spread_bias_is_at_zero_where_it_was_put() -> None:
    encoder = spread_biases_(RNN(3, 5).double(), -1, 1, generator=torch.Generator().manual_seed(2))
    weight, bias = blocks(encoder, "weight_ih")[0], blocks(encoder, "bias_ih")[0]
    at = torch.rand(5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(2)) * 2 - 1
    torch.testing.assert_close((weight * at).sum(1) + bias, torch.zeros(5).double(), rtol=0, atol=1e-12)


@pytest.mark.parametrize(("kind", "gain"), [(RNN, 64.0), (RNN, 8.0), (LSTM, 64.0), (LSTM, 16.0)])
def test_a_latch_keeps_the_side_of_the_first_input_whatever_follows(kind: type[RNN | LSTM], gain: float) -> None:
    encoder = latch_(kind(1, 300).double(), 0, 9, gain=gain, generator=torch.Generator().manual_seed(0))
    unit = blocks(encoder, "weight_ih")[2 if kind is LSTM else 0][:, 0]
    at = -blocks(encoder, "bias_ih")[2 if kind is LSTM else 0] / unit
    assert 0 <= at.min() < 0.3
    assert 8.7 < at.max() <= 9
    gates = 1 / (1 + math.exp(-2.0))
    bound = 9 / (gain - 1 if kind is RNN else gain * gates**2 + gates - 1)
    hostile = [torch.zeros(60), torch.full((60,), 9.0), torch.tensor([0.0, 9.0]).repeat(30)]
    flipped = torch.zeros(300, dtype=torch.bool)
    for first in (0.0, 4.0, 9.0):
        for rest in hostile:
            states = encoder(gs.from_sequence(torch.cat([torch.tensor([first]), rest]).double()[:, None])).detach()
            kept = states[-1].sign() == (unit * (first - at)).sign()
            far = (first - at).abs() > 1.03 * bound
            assert kept[far].all()
            flipped |= ~kept
            if rest.min() == rest.max():  # a constant pull flips what is nearer than its share of the bound
                near = (first - at).abs() < 0.97 * bound * (rest[0] - at).abs() / 9
                assert not kept[near & ((first - at).sign() != (rest[0] - at).sign())].any()
    assert flipped.any()


def test_a_latch_leaves_other_layers_and_is_a_function_of_its_generator() -> None:
    encoder = LSTM(1, 4, 2)
    before = [block.clone() for block in blocks(encoder, "weight_hh", 1)]
    latch_(encoder, 0, 1, generator=torch.Generator().manual_seed(1))
    assert all(map(torch.equal, before, blocks(encoder, "weight_hh", 1)))
    again = latch_(LSTM(1, 4), 0, 1, generator=torch.Generator().manual_seed(1))
    assert torch.equal(encoder.kernel.bias_ih_l0, again.kernel.bias_ih_l0)
    assert [block.unique().tolist() for block in blocks(encoder, "bias_hh")] == [[0.0]] * 4


def test_chrono_draws_forget_biases_log_uniform_and_input_biases_their_opposites() -> None:
    encoder = chrono_(LSTM(3, 4000, 1).double(), longest=100, generator=torch.Generator().manual_seed(0))
    i, f, g, o = blocks(encoder, "bias_ih")
    assert torch.equal(i, -f)
    assert 1 <= f.exp().min() < 1.2
    assert 98.8 < f.exp().max() <= 99
    assert float(f.exp().mean()) == pytest.approx(50, rel=0.03)
    assert not any(block.any() for block in blocks(encoder, "bias_hh"))
    assert g.any()
    assert o.any()


def test_chrono_is_a_function_of_its_generator() -> None:
    drawn = [
        chrono_(LSTM(3, 8, 2), 50, generator=torch.Generator().manual_seed(seed)).kernel.bias_ih_l1[:16].tolist()
        for seed in (0, 0, 1)
    ]
    assert drawn[0] == drawn[1] != drawn[2]


@pytest.mark.parametrize("start", [lambda encoder: chrono_(encoder, 50), lambda encoder: forget_bias_(encoder, 2.0)])
def test_an_lstm_and_a_gcn_lstm_are_given_the_same_weights(start: Callable[[object], object]) -> None:
    encoders = []
    for kind in (LSTM, gs.nn.GCNLSTM):
        torch.manual_seed(0)
        encoders.append(kind(3, 8, 2))
        start(encoders[-1])
    expected = [weight for layer in encoders[0].kernel.all_weights for weight in layer]
    given = [weight for layer in encoders[1].layers for weight in layer.weights()]
    assert all(torch.equal(one, other) for one, other in zip(expected, given, strict=True))


def test_a_forget_bias_keeps_the_cell_for_the_time_that_theory_says() -> None:
    bias, steps = 3.0, 40
    encoder = forget_bias_(LSTM(1, 1).double(), bias)
    assert torch.equal(blocks(encoder, "bias_hh")[1], torch.zeros(1).double())
    with torch.no_grad():
        encoder.kernel.weight_ih_l0.zero_()
        encoder.kernel.weight_hh_l0.zero_()
    trace = encoder.trace(sequence(0, steps, channels=1))
    (grad,) = torch.autograd.grad(trace.states[-1][0, 1], trace.states[0])
    keep = 1 - 1 / lstm_horizon(bias)
    assert float(grad[0, 1]) == pytest.approx(keep ** (steps - 1), rel=1e-9)


def test_a_forget_bias_leaves_the_other_gates() -> None:
    encoder = LSTM(2, 3, 2)
    before = [block.clone() for block in blocks(encoder, "bias_ih", 1)]
    after = blocks(forget_bias_(encoder, 2.0), "bias_ih", 1)
    assert [torch.equal(one, other) for one, other in zip(before, after, strict=True)] == [True, False, True, True]


@pytest.mark.slow
@pytest.mark.parametrize("gain", [1.01, 1.5, 2.0, 5.0])
def test_below_the_threshold_a_unit_keeps_its_sign_for_ever_and_above_it_does_not(gain: float) -> None:
    for share, kept in ((0.99, True), (1.01, False)):
        h = torch.tensor(1.0, dtype=torch.float64)
        for _ in range(200_000 if gain < 1.1 else 5_000):
            h = torch.tanh(gain * h - share * latch_threshold(gain))
        assert bool(h > 0) is kept


def test_the_threshold_of_gain_two_in_closed_form() -> None:
    assert latch_threshold(2.0) == pytest.approx(math.sqrt(2) - math.log(1 + math.sqrt(2)), rel=1e-12)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: orthogonal_(gs.nn.GCN(2, 3)), TypeError, "RNN, GRU or LSTM, got GCN"),
        (lambda: orthogonal_(RNN(2, 3), gain=0), ValueError, "gain must be a finite number above 0"),
        (lambda: identity_(LSTM(2, 3)), TypeError, "encoder must be a graphseq.nn RNN, got LSTM"),
        (lambda: identity_(RNN(2, 3), gain=-1.0), ValueError, "gain"),
        (lambda: spread_biases_(GRU(2, 3), 0, 1), TypeError, "RNN, got GRU"),
        (lambda: latch_(GRU(2, 3), 0, 1), TypeError, "RNN or LSTM, got GRU"),
        (lambda: latch_(RNN(2, 3), 1, 1), ValueError, "high must be above low, got low=1.0 and high=1.0"),
        (lambda: latch_(RNN(1, 3), 0, 9, gain=2), ValueError, "gain must lie between 4 and 10000, got 2"),
        (
            lambda: latch_(RNN(1, 3), 0, 2000),
            ValueError,
            r"pull by up to 100, and a unit of gain=64.0 holds against 60.7",
        ),
        (lambda: spread_biases_(RNN(2, 3), 1, 1), ValueError, "high must be above low, got low=1.0 and high=1.0"),
        (lambda: chrono_(RNN(2, 3), 10), TypeError, "LSTM or GCNLSTM, got RNN"),
        (
            lambda: chrono_(gs.nn.GCNLSTM(2, 3, conv=gs.nn.WeightedSAGE), 10),
            TypeError,
            "encoder must have GCNConv gates, got WeightedSAGE",
        ),
        (lambda: chrono_(LSTM(2, 3), 2), ValueError, "longest must be above 2 steps, got 2"),
        (lambda: forget_bias_(GRU(2, 3)), TypeError, "LSTM or GCNLSTM, got GRU"),
        (lambda: forget_bias_(LSTM(2, 3), float("nan")), ValueError, "bias must lie between"),
        (lambda: latch_threshold(1.0), ValueError, "gain must be above 1, or the unit has no two stable states; got 1"),
    ],
)
def test_refusals_say_what_was_expected(call: Callable[[], object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
