"""Lyapunov exponents and memory horizons against eigenvalues, constant gates and recurrences of torch."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

import graphseq as gs
from graphseq.reach import layer_jacobians, layer_spectrum
from graphseq.reach.measures import gradient_over_lags, lyapunov_exponents, memory_horizon, step_jacobians
from graphseq.reach.theory import lstm_horizon

F64 = torch.float64


def randn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=F64, generator=torch.Generator().manual_seed(seed))


def test_a_linear_recurrence_has_the_logarithms_of_its_eigenvalues() -> None:
    values = torch.tensor([1.2, -0.9, 0.5, 1e-9], dtype=F64)
    basis = randn(4, 4)
    a = basis @ values.diag() @ basis.inverse()
    found = lyapunov_exponents(a.expand(400, 4, 4), skipped=200)
    torch.testing.assert_close(found, values.abs().log().sort(descending=True).values, rtol=1e-6, atol=1e-6)


def test_a_rotation_keeps_and_a_contraction_loses() -> None:
    c, s = math.cos(0.3), math.sin(0.3)
    turn = torch.tensor([[c, -s], [s, c]], dtype=F64)
    assert lyapunov_exponents((0.9 * turn).expand(50, 2, 2)).tolist() == pytest.approx([math.log(0.9)] * 2)
    lost = torch.tensor([[1.0, 0.0], [0.0, 0.0]])
    assert lyapunov_exponents(lost.expand(3, 2, 2)).tolist() == [0.0, -math.inf]


def test_the_sum_of_exponents_is_the_mean_logarithm_of_determinants() -> None:
    steps = randn(30, 3, 3)
    found = lyapunov_exponents(steps)
    assert float(found.sum()) == pytest.approx(float(torch.linalg.det(steps).abs().log().mean()))


def test_the_logistic_map_at_four_has_the_exponent_ln_two() -> None:
    start = torch.tensor([0.3141592], dtype=F64)
    steps = step_jacobians(lambda x, h: 4 * h * (1 - h), start, torch.zeros(1500, 1, dtype=F64))
    assert float(lyapunov_exponents(steps)[0]) == pytest.approx(math.log(2), abs=0.02)


def test_steps_of_a_torch_cell_are_those_by_hand() -> None:
    torch.manual_seed(0)
    cell = nn.RNNCell(2, 3).double()
    inputs = randn(4, 2)
    found = step_jacobians(lambda x, h: cell(x[None], h[None])[0], torch.zeros(3, dtype=F64), inputs)
    h = torch.zeros(3, dtype=F64)
    for t in range(4):
        h = cell(inputs[t][None], h[None])[0].detach()
        torch.testing.assert_close(found[t], (1 - h.square())[:, None] * cell.weight_hh.detach())


@pytest.mark.parametrize("bias", [-1.0, 0.0, 3.0])
@pytest.mark.parametrize("lags", [4, 40])
def test_a_constant_forget_gate_has_the_horizon_one_plus_e_to_its_bias(bias: float, lags: int) -> None:
    gate = torch.sigmoid(torch.tensor(bias, dtype=F64))
    found = memory_horizon(gradient_over_lags((gate * torch.eye(3, dtype=F64)).expand(lags, 3, 3)))
    assert found.steps == pytest.approx(lstm_horizon(bias))
    assert found.measured == pytest.approx(float((1 - gate ** (lags + 1)) / (1 - gate)))


def test_the_cell_of_an_lstm_without_recurrence_has_it_too() -> None:
    lstm = nn.LSTMCell(1, 2).double()
    with torch.no_grad():
        lstm.weight_hh.zero_()
        lstm.weight_ih.zero_()
        lstm.bias_ih.zero_()
        lstm.bias_hh.zero_()
        lstm.bias_ih[2:4] = 2.0

    def step(x: Tensor, c: Tensor) -> Tensor:
        return lstm(x[None], (torch.zeros(1, 2, dtype=F64), c[None]))[1][0]

    steps = step_jacobians(step, torch.ones(2, dtype=F64), torch.zeros(30, 1, dtype=F64))
    assert memory_horizon(gradient_over_lags(steps)).steps == pytest.approx(1 + math.exp(2))


def test_horizons_that_end_and_that_do_not() -> None:
    assert memory_horizon(torch.tensor([2.0, 1.0, 0.0, 0.0])).steps == 1.5
    assert memory_horizon(torch.ones(5)).steps == math.inf
    assert memory_horizon(torch.tensor([1.0])).steps == math.inf
    found = memory_horizon(torch.tensor([1.0, 0.6, 0.4, 0.2]))
    assert (found.half, found.measured) == (2, pytest.approx(2.2))
    assert memory_horizon(torch.tensor([1.0, 0.9])).half is None


def test_products_over_lags_are_not_lost_below_the_smallest_number() -> None:
    found = gradient_over_lags((1e-60 * torch.eye(2, dtype=F64)).expand(7, 2, 2))
    assert found[:6].tolist() == pytest.approx([10.0 ** (-60 * k) for k in range(6)])
    assert gradient_over_lags(torch.zeros(3, 2, 2)).tolist() == [1.0, 0.0, 0.0, 0.0]


def test_what_is_no_jacobian_is_refused() -> None:
    with pytest.raises(ValueError, match=r"jacobians must be floating and \(T, S, S\), .* \(2, 3\)"):
        lyapunov_exponents(torch.zeros(2, 3))
    with pytest.raises(ValueError, match=r"jacobians\[1\] has entries that are not finite"):
        gradient_over_lags(torch.tensor([[[1.0]], [[math.nan]]]))
    with pytest.raises(ValueError, match="skipped must be below the 2 steps, got 2"):
        lyapunov_exponents(torch.ones(2, 1, 1), skipped=2)
    with pytest.raises(ValueError, match="finite numbers from 0 of which the first is above 0"):
        memory_horizon(torch.tensor([0.0, 1.0]))
    with pytest.raises(ValueError, match=r"step must keep the shape of the state, \(2,\), got \(1,\)"):
        step_jacobians(lambda x, h: h[:1], torch.zeros(2), torch.zeros(1, 1))


def test_the_jacobians_of_all_layers_are_their_spectra() -> None:
    torch.manual_seed(0)
    gcn = gs.nn.GCN(3, 4, num_layers=3).double()
    graph = gs.from_sequence(randn(5, 3))
    found = layer_jacobians(gcn, graph)
    for i, layer in enumerate(found.layer.tolist()):
        values = layer_spectrum(gcn, graph, layer)
        assert float(found.largest[i]) == pytest.approx(float(values[0]))
        assert float(found.smallest[i]) == pytest.approx(float(values[-1]))
        width = 5 * (3 if i == 0 else 4)
        assert float(found.root_mean_square[i]) == pytest.approx(float((values.square().sum() / width).sqrt()))
    lstm = gs.nn.LSTM(3, 2).double()
    assert layer_jacobians(lstm, graph).layer.tolist() == [2, 3, 4, 5]
    assert layer_jacobians(lstm, gs.from_sequence(randn(1, 3))).layer.tolist() == []
