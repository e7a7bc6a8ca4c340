"""The equations of cells against torch's cells and by hand."""

import torch
from torch import nn

from graphseq.nn.cells import gru_cell, lstm_cell, rnn_cell

D, H, B = 3, 4, 5


def drawn() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    g = torch.Generator().manual_seed(0)
    x = torch.randn(B, D, generator=g, dtype=torch.float64)
    h, c = torch.randn(2, B, H, generator=g, dtype=torch.float64)
    return x, h, c


def terms(cell: nn.RNNCellBase, x: torch.Tensor, h: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return x @ cell.weight_ih.T + cell.bias_ih, h @ cell.weight_hh.T + cell.bias_hh


def test_the_vanilla_cell_is_torchs() -> None:
    x, h, _ = drawn()
    cell = nn.RNNCell(D, H).double()
    a, s = terms(cell, x, h)
    torch.testing.assert_close(rnn_cell(a + s), cell(x, h), rtol=0, atol=1e-14)


def test_the_gated_recurrent_cell_is_torchs() -> None:
    x, h, _ = drawn()
    cell = nn.GRUCell(D, H).double()
    torch.testing.assert_close(gru_cell(*terms(cell, x, h), h), cell(x, h), rtol=0, atol=1e-14)


def test_the_long_short_term_cell_is_torchs() -> None:
    x, h, c = drawn()
    cell = nn.LSTMCell(D, H).double()
    a, s = terms(cell, x, h)
    torch.testing.assert_close(lstm_cell(a + s, c), cell(x, (h, c)), rtol=0, atol=1e-14)


def test_gates_of_zero_halve_the_cell_state() -> None:
    h, c = lstm_cell(torch.zeros(1, 4), torch.tensor([[3.0]]))
    assert c.item() == 1.5
    torch.testing.assert_close(h, torch.tensor([[1.5]]).tanh() / 2)


def test_an_open_forget_gate_and_a_shut_input_gate_keep_the_cell_state() -> None:
    _, c = lstm_cell(torch.tensor([[-100.0, 100.0, 5.0, 0.0]]), torch.tensor([[0.75]]))
    assert c.item() == 0.75


def test_a_shut_update_gate_takes_the_candidate_and_an_open_one_keeps_the_state() -> None:
    nothing, h = torch.zeros(1, 3), torch.tensor([[0.25]])
    shut, opened = (torch.tensor([[0.0, z, 0.5]]) for z in (-100.0, 100.0))
    assert gru_cell(shut, nothing, h).item() == torch.tensor(0.5).tanh().item()
    assert gru_cell(opened, nothing, h).item() == 0.25


def test_cells_take_any_leading_dimensions() -> None:
    gates, c = torch.randn(2, 3, 8), torch.randn(2, 3, 2)
    flat_h, flat_c = lstm_cell(gates.flatten(0, 1), c.flatten(0, 1))
    h, new_c = lstm_cell(gates, c)
    assert torch.equal(h.flatten(0, 1), flat_h)
    assert torch.equal(new_c.flatten(0, 1), flat_c)
