"""Receptive fields of models of others: from structure where the Jacobian agrees, and never where it does not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch_geometric.nn as pyg
from models import MODELS, batch, build
from torch import Tensor, nn
from torch_geometric.data import Batch, Data

import graphseq as gs
from graphseq.reach import Probe, receptive_field
from graphseq.reach.probe.structure import measured

CLAIMED = [name for name in MODELS if name not in ("VirtualNode", "PNA")]


def balls(data: Data, hops: int) -> Tensor:
    """The rows within some hops along edges, (V, V)."""
    a = torch.eye(data.num_nodes)
    a[data.edge_index[1], data.edge_index[0]] = 1
    return torch.matrix_power(a, hops) > 0


def graphs(data: Batch) -> Tensor:
    return data.batch[:, None] == data.batch


HOPS = {
    "GCN": 3,
    "GCN-norm": 3,
    "GAT": 2,
    "GIN": 2,
    "SAGE": 2,
    "GraphConv": 2,
    "TAG": 5,
    "SG": 3,
    "APPNP": 5,
    "GatedGraph": 3,
    "JumpingKnowledge": 3,
}


@pytest.mark.parametrize("name", HOPS)
def test_stacks_have_balls_of_the_hops_of_their_layers(name: str) -> None:
    data = batch()
    probe = Probe(build(name), data)
    found = torch.zeros(data.num_nodes, data.num_nodes, dtype=torch.bool)
    for row in range(data.num_nodes):
        field = probe.receptive_field(row)
        assert not field.is_measured, field.why
        found[row, field.rows] = True
    assert torch.equal(found, balls(data, HOPS[name]))


@pytest.mark.parametrize("name", CLAIMED)
def test_claims_are_what_the_jacobian_says_of_every_row(name: str) -> None:
    probe = Probe(build(name), batch())
    assert probe.structure().agrees, probe.structure().why
    everyone, claims = torch.arange(probe.num_outputs), np.zeros((probe.num_outputs, probe.num_rows), dtype=bool)
    for row in everyone.tolist():
        claims[row, probe.receptive_field(row).rows] = True
    assert np.array_equal(measured(probe, everyone, claims, seed=7), claims)


@pytest.mark.parametrize("name", ["GPS", "GraphNorm", "PairNorm"])
def test_attention_and_norms_over_graphs_read_the_whole_graph_of_a_batch(name: str) -> None:
    data = batch()
    probe = Probe(build(name), data)
    field = probe.receptive_field(3)
    assert not field.is_measured, field.why
    assert field.rows.tolist() == graphs(data)[3].nonzero()[:, 0].tolist()
    assert "over the whole graph" in field.why


def test_a_virtual_node_by_functions_is_measured_and_no_structure_is_claimed() -> None:
    data = batch()
    field = Probe(build("VirtualNode"), data).receptive_field(3)
    assert field.is_measured
    assert field.rows.tolist() == graphs(data)[3].nonzero()[:, 0].tolist()
    assert "structure is not claimed: answer" in field.why
    assert "virtual node" in field.why


class Branches(nn.Module):
    """Two convolutions beside each other, of one hop together, where a chain would have two."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = pyg.GCNConv(3, 4), pyg.GCNConv(3, 4)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return self.a(x, edge_index) + self.b(x, edge_index)


class Dead(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = pyg.GCNConv(3, 4), pyg.GCNConv(4, 4)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return self.b(self.a(x, edge_index).detach() * 0 + self.a.lin(x), edge_index)


@pytest.mark.parametrize("model", [Branches, Dead])
def test_layers_that_are_no_chain_are_measured(model: Callable[[], nn.Module]) -> None:
    torch.manual_seed(0)
    data = batch()
    probe = Probe(model().double(), data)
    field = probe.receptive_field(0)
    assert field.is_measured
    assert field.rows.tolist() == balls(data, 1)[0].nonzero()[:, 0].tolist()
    assert "does not read row" in field.why


class Rewired(nn.Module):
    """A convolution on edges of its own, which the data does not have."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = pyg.GCNConv(3, 2)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return self.conv(x, torch.stack([torch.zeros(len(x), dtype=torch.long), torch.arange(len(x))]))


def test_the_edges_are_those_that_a_layer_is_given() -> None:
    torch.manual_seed(0)
    field = Probe(Rewired().double(), batch()).receptive_field(9)
    assert (field.rows.tolist(), field.is_measured) == ([0, 9], False)


class Masked(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(3, 1, 8, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x, src_mask=nn.Transformer.generate_square_subsequent_mask(x.shape[1], dtype=x.dtype))


SEQUENCES: dict[str, tuple[Callable[[], nn.Module], Callable[[int, int], bool]]] = {
    "LSTM": (lambda: nn.LSTM(3, 4, batch_first=True), lambda t, s: s <= t),
    "both ways": (lambda: nn.GRU(3, 4, batch_first=True, bidirectional=True), lambda t, s: True),
    "Transformer": (lambda: nn.TransformerEncoderLayer(3, 1, 8, batch_first=True), lambda t, s: True),
    "masked": (Masked, lambda t, s: s <= t),
    "Conv1d": (lambda: nn.Conv1d(3, 2, 3, padding=2, dilation=2), lambda t, s: abs(t - s) in (0, 2)),
    "same": (lambda: nn.Conv1d(3, 2, 5, padding="same"), lambda t, s: abs(t - s) <= 2),
    "Linear": (lambda: nn.Linear(3, 2), lambda t, s: t == s),
}


@pytest.mark.parametrize("name", SEQUENCES)
def test_fields_of_sequence_models(name: str) -> None:
    torch.manual_seed(0)
    make, reads = SEQUENCES[name]
    x = torch.randn(2, 6, 3)
    probe = Probe(make(), x.mT if name in ("Conv1d", "same") else x)
    for t in range(6):
        field = probe.receptive_field(6 + t)
        assert not field.is_measured, field.why
        assert field.rows.tolist() == [6 + s for s in range(6) if reads(t, s)]


def test_ours_and_others_go_through_one_function() -> None:
    graph = gs.from_sequence(torch.randn(9, 3))
    torch.manual_seed(0)
    assert receptive_field(gs.nn.GCN(3, 4, num_layers=2), graph, 4).tolist() == [2, 3, 4, 5, 6]
    assert receptive_field(pyg.GCN(3, 4, 2, 2), graph, 4).tolist() == [2, 3, 4, 5, 6]
    assert receptive_field(pyg.GCN(3, 4, 2, 2), graph.unroll(), 4).tolist() == [2, 3, 4, 5, 6]


def test_an_answer_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="output must lie in 0 to 15, got 16"):
        Probe(build("GCN"), batch()).receptive_field(16)
