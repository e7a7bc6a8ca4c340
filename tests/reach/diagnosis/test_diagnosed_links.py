"""Link prediction, as RandomLinkSplit and LinkNeighborLoader give it."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
import torch_geometric.nn as pyg
import torch_geometric.transforms as T
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.utils import stochastic_blockmodel_graph

import graphseq as gs


class Links(torch.nn.Module):
    """The inner product of the states of two nodes."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.gcn = pyg.GCN(3, 16, 2, 16)

    def forward(self, x: Tensor, edge_index: Tensor, edge_label_index: Tensor) -> Tensor:
        z = self.gcn(x, edge_index)
        return (z[edge_label_index[0]] * z[edge_label_index[1]]).sum(dim=1)


def split() -> tuple[Data, Data, Data]:
    torch.manual_seed(0)
    block = torch.arange(3).repeat_interleave(40)
    edge_index = stochastic_blockmodel_graph([40] * 3, torch.eye(3) * 0.3 + 0.02)
    data = Data(x=F.one_hot(block, 3) + 0.5 * torch.randn(120, 3), edge_index=edge_index, y=block)
    out: tuple[Data, Data, Data] = T.RandomLinkSplit(0.2, 0.1, is_undirected=True, add_negative_train_samples=True)(
        data
    )
    return out


def test_links_are_diagnosed_on_the_split_of_pyg() -> None:
    train, held, _ = split()
    found = gs.diagnose(Links(), train, validation=held, loss=F.binary_cross_entropy_with_logits, steps=60)
    assert found.evidence.scores.heldout.count == len(held.edge_label)
    assert found.evidence.chance == pytest.approx(0.5, abs=0.01)
    assert found.finding in ("undertrained", "no sign of a long-range problem")
    assert found.evidence.trials[0].best.heldout.value > 0.7
    assert found.evidence.readers is not None
    assert found.evidence.readers.best.score.value > 0.65  # two nodes of a block are likely to be linked
    assert "edge_label" in found.evidence.notes[0]


def test_without_validation_some_pairs_are_held_out_and_graphs_are_joined() -> None:
    train, held, _ = split()
    alone = gs.diagnose(Links(), train, loss=F.binary_cross_entropy_with_logits, steps=3)
    count = len(train.edge_label)
    assert alone.evidence.scores.heldout.count == count - int(0.7 * count)
    assert any("labelled pairs were held out at random" in note for note in alone.evidence.notes)
    both = gs.diagnose(
        Links(), [train, held], validation=[held, held], loss=F.binary_cross_entropy_with_logits, steps=3
    )
    assert both.evidence.scores.heldout.count == 2 * len(held.edge_label)
    one = gs.diagnose(Links(), train, validation=held, loss=F.binary_cross_entropy_with_logits, steps=0)
    assert both.evidence.scores.heldout.value == pytest.approx(one.evidence.scores.heldout.value)
    assert str(one).splitlines()


def test_random_links_are_unlearnable_and_hops_are_refused() -> None:
    torch.manual_seed(2)
    x, pairs = torch.randn(80, 3), torch.randint(80, (2, 600))
    edge_index = torch.randint(80, (2, 200))
    data = Data(x=x, edge_index=edge_index, edge_label_index=pairs, edge_label=torch.randint(2, (600,)).float())
    found = gs.diagnose(Links(), data, loss=F.binary_cross_entropy_with_logits, steps=20)
    assert found.finding == "unlearnable as measured"
    with pytest.raises(ValueError, match="hops is 2, but answers are those of whole graphs or pairs"):
        gs.diagnose(Links(), data, loss=F.binary_cross_entropy_with_logits, hops=2)
