"""Copies with a wider state, and what they say of the width."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
import torch_geometric.nn as pyg
from test_finding_words import curve, evidence
from torch import Tensor, nn
from torch_geometric.data import Data

import graphseq as gs
from graphseq.reach.diagnosis.judge import judge
from graphseq.reach.diagnosis.of_data import DataProblem
from graphseq.reach.diagnosis.of_tensors import SequenceProblem
from graphseq.reach.diagnosis.problem import Problem, Request
from graphseq.reach.diagnosis.thresholds import Thresholds
from graphseq.reach.diagnosis.widened import widened


class Last(nn.Module):
    def __init__(self, cell: type[nn.RNNBase], width: int, *, both_ways: bool = False) -> None:
        super().__init__()
        self.cell = cell(6, width, 2, batch_first=True, bidirectional=both_ways)  # type: ignore[arg-type]
        self.norm = nn.LayerNorm(width * (1 + both_ways))
        self.lin = nn.Linear(width * (1 + both_ways), 5)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.lin(self.norm(self.cell(x)[0][:, -1]))
        return out


def sequences(model: nn.Module) -> Problem:
    x, y = torch.randn(40, 4, 6), torch.arange(40) % 5
    return SequenceProblem(model, (x, y), Request(loss=F.cross_entropy))


def graph(model: nn.Module) -> Problem:
    data = Data(x=torch.randn(40, 6), edge_index=torch.randint(40, (2, 90)), y=torch.arange(40) % 5)
    return DataProblem(model, data, Request(loss=F.cross_entropy))


@pytest.mark.parametrize("cell", [nn.RNN, nn.GRU, nn.LSTM])
@pytest.mark.parametrize("both_ways", [False, True])
def test_a_recurrence_has_as_many_parameters_as_one_made_wider(cell: type[nn.RNNBase], both_ways: bool) -> None:
    model = Last(cell, 4, both_ways=both_ways)
    copy = widened(model, sequences(model), 4, 0, factor=3)
    assert copy is not None
    expected = {name: p.shape for name, p in Last(cell, 12, both_ways=both_ways).named_parameters()}
    assert {name: p.shape for name, p in copy.named_parameters()} == expected
    assert all(p.shape != expected[name] for name, p in model.named_parameters() if "weight" in name)


@pytest.mark.parametrize("make", [pyg.GCN, pyg.GraphSAGE, pyg.GIN, pyg.GAT, pyg.MLP])
def test_models_of_pyg_are_as_those_made_wider(make: type[nn.Module]) -> None:
    def built(width: int) -> nn.Module:
        if make is pyg.MLP:
            return pyg.MLP([6, width, 5])
        return make(6, width, 2, 5)

    model = built(4)
    copy = widened(model, graph(model), 4, 0, factor=3)
    assert copy is not None
    assert {n: p.shape for n, p in copy.named_parameters()} == {n: p.shape for n, p in built(12).named_parameters()}


def test_a_width_that_is_also_that_of_inputs_or_outputs_is_not_guessed() -> None:
    for width in (5, 6):
        model = pyg.GCN(6, width, 2, 5)
        assert widened(model, graph(model), width, 0) is None


def test_a_gru_of_four_units_that_eight_times_as_many_repair_is_capacity() -> None:
    torch.manual_seed(0)
    tokens = torch.randint(8, (400, 10))
    found = gs.diagnose(Four(), (F.one_hot(tokens, 8).float(), tokens[:, 0]), loss=F.cross_entropy)
    assert found.finding == "capacity"
    assert found.evidence.wider is not None
    assert found.evidence.wider.best.heldout.value > 0.9
    assert "a copy with a state of 32 numbers" in found.sentences[1].lower()
    assert found.advice[0].arguments == {"hidden_channels": 32}


class Four(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.cell, self.lin = nn.GRU(8, 4, batch_first=True), nn.Linear(4, 8)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.lin(self.cell(x)[0][:, -1])
        return out


def test_a_wider_copy_that_learns_no_more_leaves_the_question_open() -> None:
    t = Thresholds()
    part, none = curve(0.1, 0.3, 0.5, 0.5, 0.5, 0.5, 0.5), curve(0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1)
    whole = curve(0.1, 0.5, 0.9, 0.95, 0.95, 0.95, 0.95)
    assert judge(evidence(part), t).finding == "capacity"
    assert judge(replace(evidence(part), wider=whole), t).finding == "capacity"
    assert judge(replace(evidence(part), wider=part), t).finding == "inconclusive"
    assert judge(replace(evidence(none), wider=whole), t).finding == "capacity"
    assert judge(replace(evidence(none), wider=none), t).finding == "inconclusive"
