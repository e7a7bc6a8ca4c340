"""Padding masks, models that stop gradients, and what a probe says where structure and Jacobian differ."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch_geometric.data import Data
from torch_geometric.nn import GCNConv, SimpleConv

import graphseq as gs
from graphseq.reach import Probe

F64 = torch.float64


class Masked(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(11, 8)
        self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 1)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.encoder(self.embed(tokens), src_key_padding_mask=tokens == 0)[:, 0]


def test_transformer_with_a_padding_mask_equals_the_jacobian_by_its_embeddings() -> None:
    torch.manual_seed(0)
    model, tokens = Masked().double().eval(), torch.tensor([[3, 4, 5, 6], [7, 8, 0, 0]])
    fast = torch.backends.mha.get_fastpath_enabled()
    found = Probe(model, tokens).influence()
    assert torch.backends.mha.get_fastpath_enabled() is fast

    def encoded(embedded: Tensor) -> Tensor:
        return model.encoder(embedded, src_key_padding_mask=tokens == 0)[:, 0]

    jacobian = torch.autograd.functional.jacobian(encoded, model.embed(tokens).detach())  # (2, 8, 2, 4, 8)
    torch.testing.assert_close(found, jacobian.square().sum(dim=(1, 4)).sqrt().reshape(2, 8), rtol=1e-9, atol=1e-12)
    assert (found[1] > 0).tolist() == [False] * 4 + [True, True, False, False]
    field = Probe(model, tokens).receptive_field(1)
    assert field.rows.tolist() == [4, 5]
    assert "a mask (padding, top-k pooling) or a maximum leaves the row out" in field.why


class NoGradient(nn.Module):
    def __init__(self, scale: float) -> None:
        super().__init__()
        self.conv, self.scale = SimpleConv(), scale

    @torch.no_grad()
    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return self.conv(x, edge_index) * self.scale + 1


def path(nodes: int) -> Data:
    index = torch.stack([torch.arange(nodes - 1), torch.arange(1, nodes)])
    return Data(x=torch.arange(2.0 * nodes, dtype=F64).view(nodes, 2), edge_index=index)


def test_a_forward_without_gradients_is_refused() -> None:
    probe = Probe(NoGradient(1.0), path(4))
    for measure in (probe.influence, probe.range, lambda: probe.receptive_field(3), lambda: probe.attribution(3)):
        with pytest.raises(
            ValueError, match=r"changes with x, but not by a gradient: its forward runs under torch.no_grad"
        ):
            measure()
    assert not Probe(NoGradient(0.0), path(4)).influence().any()  # constant answers have a derivative, 0


def test_padding_is_named_where_it_shifts_rows() -> None:
    model = nn.Sequential(nn.ConstantPad1d((2, 0), 0.0), nn.Conv1d(1, 1, 3)).double()
    field = Probe(model, torch.randn(1, 1, 6, dtype=F64), layout="BFT").receptive_field(5)
    assert field.rows.tolist() == [3, 4, 5]
    assert field.is_measured
    assert "padding before a convolution" in field.why


def test_edge_features_of_a_space_time_graph_are_not_said_to_be_missing() -> None:
    signal = torch.randn(3, 2, 1)
    index = torch.tensor([[0, 1], [1, 0]])
    graph = gs.from_signal(signal, index, edge_attr=torch.ones(2, 1))
    model = gs.nn.Model(gs.nn.GRU(1, 4), 1)
    with pytest.raises(ValueError, match="edge_attr of a SpaceTimeGraph is part of its topology"):
        Probe(model, graph).influence(wrt="edge_attr")
    with pytest.raises(ValueError, match="the model is not given edge_attr"):
        Probe(GCNConv(1, 2), graph).influence(wrt="edge_attr")
    with pytest.raises(ValueError, match="data has no edge_weight"):
        Probe(model, graph).influence(wrt="edge_weight")


def test_masks_of_several_splits_are_refused_by_diagnose() -> None:
    data = path(8)
    data.y = torch.tensor([0, 1] * 4)
    data.train_mask = data.val_mask = torch.ones(8, 10, dtype=torch.bool)
    with pytest.raises(ValueError, match=r"train_mask has 10 columns, .*data.train_mask\[:, 0\]"):
        gs.diagnose(GCNConv(2, 2).double(), data, loss=nn.functional.cross_entropy)


def test_a_baseline_that_the_precision_of_x_does_not_hold_is_refused() -> None:
    probe = Probe(GCNConv(2, 2), Data(x=torch.ones(3, 2), edge_index=torch.tensor([[0, 1], [1, 2]])))
    largest = torch.finfo(probe.x.dtype).max
    assert probe.attribution(0, baseline=0.0).shape == (3, 2)
    for baseline in (10 * largest if largest < 1e300 else float("inf"), torch.full((3, 2), torch.inf)):
        with pytest.raises(ValueError, match="baseline must be"):
            probe.attribution(0, baseline=baseline)
