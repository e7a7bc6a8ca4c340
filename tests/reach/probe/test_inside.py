"""The inside of models of others against plain autograd, and against twins in this library."""

from __future__ import annotations

import math

import pytest
import torch
import torch_geometric.nn as pyg
from models import batch, graph
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence
from torch_geometric.data import Data
from torch_geometric.loader import DataLoader

import graphseq as gs
from graphseq.reach import Probe, layer_jacobians, layer_spectrum, row_gradients, state_gradients
from graphseq.reach.measures import lyapunov_exponents, step_jacobians

F64 = torch.float64


def plain(seed: int = 1) -> Data:
    data = graph(6, 11, seed)
    del data.edge_weight, data.edge_attr
    return data


def gcn(layers: int = 3) -> pyg.GCN:
    torch.manual_seed(0)
    return pyg.GCN(3, 4, layers, 2).double()


def test_the_spectrum_of_a_layer_is_that_of_its_jacobian() -> None:
    model, data = gcn(), plain()
    h = model.convs[0](data.x, data.edge_index).detach()
    whole = torch.autograd.functional.jacobian(lambda h: model.convs[1](h.relu(), data.edge_index), h)
    expected = torch.linalg.svdvals(whole.reshape(24, 24))
    torch.testing.assert_close(layer_spectrum(model, data, 2), expected, rtol=1e-10, atol=1e-13)
    torch.testing.assert_close(layer_spectrum(model, data, "convs.1"), expected, rtol=1e-10, atol=1e-13)
    found = layer_jacobians(model, data)
    assert found.names == ("convs.0", "convs.1", "convs.2")
    assert float(found.largest[1]) == pytest.approx(float(expected[0]))
    assert float(found.root_mean_square[1]) == pytest.approx(float(whole.norm()) / 24**0.5)
    probe = Probe(nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double(), data.x[None], states=["0", "2"])
    weight = probe.model[0].weight.detach()  # type: ignore[index]
    values = torch.linalg.svdvals(weight).repeat_interleave(6)
    torch.testing.assert_close(probe.layer_spectrum(1), values, rtol=1e-12, atol=1e-14)
    with pytest.raises(ValueError, match=r"layer='convs.7' is no state with one before it; there are convs.0, convs.1"):
        layer_spectrum(model, data, "convs.7")


def by_hand(model: pyg.GCN, data: Data, loss: object, rows: Tensor) -> list[Tensor]:
    """The gradient of the sum over graphs of the loss of each in the features and after each convolution."""
    states = [data.x.clone().requires_grad_()]
    h = states[0]
    for at, conv in enumerate(model.convs):
        h = conv(h, data.edge_index)
        states.append(h)
        h = h.relu() if at < len(model.convs) - 1 else h
    total = sum(
        loss(h[mine], data.y[mine])  # type: ignore[operator]
        for b in range(data.num_graphs if "batch" in data else 1)
        if len(mine := rows[(data.batch if "batch" in data else torch.zeros(len(h)))[rows] == b])
    )
    return list(torch.autograd.grad(total, states))


def test_gradients_of_a_loss_are_those_of_each_graph_alone() -> None:
    data, model, loss = batch(), gcn(), nn.functional.cross_entropy
    del data.edge_weight, data.edge_attr
    data.y = torch.randint(0, 2, (data.num_nodes,), generator=torch.Generator().manual_seed(0))
    expected = by_hand(model, data, loss, torch.arange(data.num_nodes))
    norms = [
        torch.stack([one[data.batch == b].norm() for b in range(3)]).mean() for one in expected
    ]  # over graphs of different sizes
    found = Probe(model, data).state_gradients(loss)
    assert (found.axis, found.names, found.samples) == ("layer", ("x", "convs.0", "convs.1", "convs.2"), 3)
    torch.testing.assert_close(found.norm, torch.stack(norms), rtol=1e-10, atol=0)
    rows = row_gradients(model, data, loss)
    torch.testing.assert_close(rows, torch.stack([one.norm(dim=1) for one in expected]), rtol=1e-10, atol=1e-15)
    alone = data.to_data_list()
    for at, one in enumerate(alone):
        one.y = data.y[data.batch == at]
    joined = Probe(model, DataLoader(alone, batch_size=2)).state_gradients(loss)
    torch.testing.assert_close(joined.norm, found.norm, rtol=1e-10, atol=0)


def test_a_mask_chooses_the_answers_that_have_a_loss() -> None:
    data, model, loss = plain(), gcn(), nn.functional.cross_entropy
    data.y = torch.tensor([0, 1, 1, 0, 1, 0])
    mask = torch.tensor([True, False, False, True, False, False])
    expected = by_hand(model, data, loss, mask.nonzero()[:, 0])
    probe = Probe(model, data)
    for outputs in (mask, mask.nonzero()[:, 0]):
        found = probe.row_gradients(loss, y=data.y[mask], outputs=outputs)
        torch.testing.assert_close(found, torch.stack([one.norm(dim=1) for one in expected]), rtol=1e-10, atol=1e-15)
    with pytest.raises(ValueError, match=r"y must have one entry for each of the 2 answers, got 6; choose answers by"):
        probe.row_gradients(loss, outputs=mask)
    del data.y
    with pytest.raises(ValueError, match=r"data has no y, so that there is no loss"):
        probe.state_gradients(loss)


def test_answers_of_one_channel_are_not_broadcast_against_y() -> None:
    torch.manual_seed(0)
    data, model = plain(), pyg.GCN(3, 4, 2, 1).double()
    data.y = torch.randn(6, dtype=F64)
    found = Probe(model, data).row_gradients(nn.functional.mse_loss)
    expected = torch.autograd.functional.jacobian(
        lambda x: nn.functional.mse_loss(model(x, data.edge_index)[:, 0], data.y), data.x
    )
    torch.testing.assert_close(found[0], expected.norm(dim=1), rtol=1e-10, atol=1e-15)


class OnlyLast(nn.Module):
    """A GCN of one layer with a linear head on each row."""

    def __init__(self, conv: pyg.GCNConv) -> None:
        super().__init__()
        self.conv, self.lin = conv, nn.Linear(4, 10)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return self.lin(self.conv(x, edge_index))


def test_a_task_of_this_library_measures_models_of_others() -> None:
    torch.manual_seed(0)
    task, ours = gs.tasks.Transfer(length=3), gs.nn.Model(gs.nn.GCN(10, 4, num_layers=1), 10)
    theirs = OnlyLast(ours.encoder.convs[0])
    ours.head.lin.load_state_dict(theirs.lin.state_dict())
    expected = state_gradients(ours, task, samples=8, batch_size=4)
    found = state_gradients(theirs, task, samples=8, batch_size=4)
    assert (found.names, found.samples) == (("x", "conv"), 8)
    torch.testing.assert_close(found.norm, expected.norm, rtol=1e-5, atol=0)


def test_steps_of_a_recurrence_are_those_of_the_twin_in_this_library() -> None:
    torch.manual_seed(0)
    ours = gs.nn.LSTM(3, 4).double()
    theirs = nn.LSTM(3, 4, batch_first=True).double()
    for name, value in theirs.named_parameters():
        value.data.copy_(getattr(ours.kernel, name))
    x = torch.randn(2, 6, 3, dtype=F64)
    of_theirs = Probe(theirs, x).step_jacobians(1)
    of_ours = Probe(ours, gs.from_sequence(x[1])).step_jacobians()
    assert (of_theirs.shape, of_ours.shape) == ((6, 8, 8), (5, 8, 8))
    torch.testing.assert_close(of_theirs[1:], of_ours, rtol=1e-10, atol=1e-14)
    torch.testing.assert_close(
        Probe(theirs, x).lyapunov(1, skipped=1), lyapunov_exponents(of_theirs, skipped=1), rtol=0, atol=0
    )


class ByCells(nn.Module):
    """An LSTM by its cell, step by step."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.LSTMCell(3, 4)

    def forward(self, x: Tensor) -> Tensor:
        state, found = None, []
        for step in x.unbind(1):
            state = self.cell(step, state)
            found.append(state[0])
        return torch.stack(found, dim=1)


class Packed(nn.Module):
    """A GRU of two layers that reads sequences of several lengths."""

    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(3, 4, num_layers=2, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.gru(pack_padded_sequence(x, torch.tensor([3, 6]), batch_first=True, enforce_sorted=False))[1][-1]


def test_cells_and_packed_sequences() -> None:
    torch.manual_seed(0)
    model, x = ByCells().double(), torch.randn(2, 6, 3, dtype=F64)
    whole = nn.LSTM(3, 4, batch_first=True).double()
    for name, value in whole.named_parameters():
        value.data.copy_(getattr(model.cell, name.removesuffix("_l0")))
    torch.testing.assert_close(
        Probe(model, x).step_jacobians(1), Probe(whole, x).step_jacobians(1)[1:], rtol=1e-10, atol=1e-14
    )
    packed = Packed().double()
    found = Probe(packed, x).step_jacobians(0)
    assert found.shape == (3, 8, 8)

    def step(value: Tensor, state: Tensor) -> Tensor:
        return packed.gru(value.view(1, 1, 3), state.view(2, 1, 4))[1].flatten()

    expected = step_jacobians(step, torch.zeros(8, dtype=F64), x[0, :3])
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-14)


def test_a_recurrence_that_halves_its_state_forgets_half_a_step() -> None:
    rnn = nn.RNN(2, 2, nonlinearity="relu", batch_first=True).double()
    with torch.no_grad():
        for name, value in rnn.named_parameters():
            value.copy_(torch.eye(2) * (0.5 if "hh" in name else 1.0) if value.dim() == 2 else torch.zeros(2))
    probe = Probe(rnn, torch.ones(1, 40, 2, dtype=F64))
    assert probe.lyapunov().tolist() == pytest.approx([-math.log(2)] * 2)
    assert probe.memory_horizon().steps == pytest.approx(2.0)


def test_recurrences_that_have_no_steps_are_refused_by_name() -> None:
    x = torch.zeros(2, 5, 3, dtype=F64)
    with pytest.raises(ValueError, match=r"module='' reads both ways, so that no state follows"):
        Probe(nn.GRU(3, 4, bidirectional=True, batch_first=True).double(), x).step_jacobians()
    with pytest.raises(ValueError, match=r"no recurrent module .* reach.measures.step_jacobians\(step, "):
        Probe(gcn(), plain()).step_jacobians()
    with pytest.raises(ValueError, match=r"sequence must lie in 0 to 1, got 2"):
        Probe(nn.LSTM(3, 4, batch_first=True).double(), x).step_jacobians(2)
    with pytest.raises(ValueError, match=r"states of the model are those of layers and not of steps"):
        Probe(gs.nn.GCN(3, 4), gs.from_sequence(x[0].float())).lyapunov()
    both = nn.ModuleDict({"a": nn.GRU(3, 3, batch_first=True), "b": nn.GRU(3, 3, batch_first=True)}).double()
    two = Probe(both, x, call=lambda model, x: both["b"](both["a"](x)[0])[0])
    with pytest.raises(ValueError, match=r"several recurrent modules; choose one: module='a' or 'b'"):
        two.step_jacobians()
    assert two.step_jacobians(module="b").shape == (5, 3, 3)
