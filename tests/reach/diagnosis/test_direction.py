"""Rows that no path leads from: against the direction of edges, or later than the answer."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
import torch_geometric.nn as pyg
from torch import Tensor
from torch_geometric.data import Data

import graphseq as gs
from graphseq.reach.diagnosis.rows import Rows


def accuracy(output: Tensor, y: Tensor) -> Tensor:
    return (output.argmax(dim=1) == y).float().mean()


def paths(*, away: bool, hops: int = 3, count: int = 160) -> list[Data]:
    """Paths that ask at row 0 for the class at the last row, with edges towards row 0 or away from it."""
    g = torch.Generator().manual_seed(0)
    index = torch.arange(hops + 1)
    edges = torch.stack([index[1:], index[:-1]])
    graphs = []
    for _ in range(count):
        x, y = 0.1 * torch.randn(hops + 1, 5, generator=g), torch.randint(4, (1,), generator=g)
        x[hops, y], x[0, 4] = 1.0, 1.0
        edge_index = edges.flip(0) if away else edges
        graphs.append(Data(x=x, edge_index=edge_index, y=y.expand(hops + 1).clone(), train_mask=index == 0))
    return graphs


def found_on(model: torch.nn.Module, data: Any, **options: Any) -> gs.reach.Diagnosis:
    found: gs.reach.Diagnosis = gs.diagnose(model, data, loss=F.cross_entropy, score=accuracy, **options)
    return found


def gcn() -> torch.nn.Module:
    torch.manual_seed(0)
    return pyg.GCN(5, 16, 4, 4)


@pytest.mark.parametrize("hops", [None, 3])
def test_edges_that_point_away_are_under_reaching_and_more_layers_are_no_advice(hops: int | None) -> None:
    found = found_on(gcn(), paths(away=True), hops=hops, steps=10)
    assert found.finding == "under-reaching"
    assert "against the direction of the edges" in found.sentences[1]
    assert found.advice[0].action == "direction"
    assert "over-squashing" not in [name for name, _ in found.also]
    assert (found.evidence.structure.hops_needed, found.evidence.structure.within_reach) == (3, 0.0)
    assert found.evidence.structure.against == 1.0


def test_edges_that_point_to_the_answer_are_not() -> None:
    assert found_on(gcn(), paths(away=False), hops=3).finding == "undertrained"


def test_hops_at_which_no_row_lies_are_refused() -> None:
    with pytest.raises(ValueError, match="hops is 9, but no row is farther than 3 hops"):
        found_on(gcn(), paths(away=False), hops=9)


class EachStep(torch.nn.Module):
    """A recurrence with an output at every step."""

    def __init__(self, *, both: bool = False) -> None:
        super().__init__()
        self.cell = torch.nn.GRU(4, 12, batch_first=True, bidirectional=both)
        self.lin = torch.nn.Linear(24 if both else 12, 4)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.lin(self.cell(x)[0])
        return out


@pytest.mark.parametrize("hops", [None, 2])
def test_a_future_step_is_out_of_reach_of_a_causal_model_and_within_that_of_one_of_both_ways(hops: int | None) -> None:
    torch.manual_seed(0)
    tokens = torch.randint(4, (200, 8))
    data = F.one_hot(tokens, 4).float(), tokens.roll(-2, dims=1)
    causal = found_on(EachStep(), data, hops=hops, steps=10)
    assert causal.finding == "under-reaching"
    assert "at later steps than the answer" in causal.sentences[1]
    assert (causal.evidence.structure.hops_needed, causal.evidence.structure.within_reach) == (2, 0.0)
    assert causal.advice[0].action == "direction"
    both = found_on(EachStep(both=True), data, hops=hops, steps=10)
    assert both.evidence.structure.within_reach == 1.0
    assert both.finding != "under-reaching"


def test_a_past_step_is_within_reach_of_a_causal_model() -> None:
    torch.manual_seed(0)
    tokens = torch.randint(4, (200, 8))
    past = found_on(EachStep(), (F.one_hot(tokens, 4).float(), tokens.roll(2, dims=1)), hops=2, steps=10)
    assert past.evidence.structure.within_reach == 1.0


def test_hops_of_directed_edges_count_either_way_and_sides_are_told_apart() -> None:
    edges = torch.tensor([[0, 1, 3], [1, 2, 2]])  # 0 → 1 → 2 ← 3
    rows = Rows(edges, torch.zeros(5, dtype=torch.long), torch.arange(5), torch.zeros(5, dtype=torch.long))
    assert rows.hops(torch.tensor([1])).tolist() == [[1, 0, 1, 2, -1]]
    assert rows.against(torch.tensor([1])).tolist() == [[False, False, True, True, False]]
    both = Rows(torch.cat([edges, edges.flip(0)], dim=1), rows.owner, rows.targets, rows.graphs)
    assert not both.against(torch.arange(5)).any()
