"""The range of answers of graphs against the Hessian of each graph alone, and the passes that graphs share."""

from __future__ import annotations

import networkx as nx
import pytest
import torch
import torch_geometric.nn as pyg
from torch import Tensor, nn
from torch_geometric.data import Batch, Data
from torch_geometric.utils import from_networkx

from graphseq.reach import Probe
from graphseq.reach.jacobian import Jacobian
from graphseq.reach.measures import influence_range

F64 = torch.float64


class LastOf(nn.Module):
    """A GRU that answers with its last state; with ``mixed`` the answers of a batch read each other."""

    def __init__(self, *, mixed: bool = False) -> None:
        super().__init__()
        self.gru, self.mixed = nn.GRU(2, 3, batch_first=True), mixed

    def forward(self, x: Tensor) -> Tensor:
        last = self.gru(x)[0][:, -1]
        return last * last.sum(dim=0) if self.mixed else last


class Pooled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = pyg.GCN(2, 3, 2, act="tanh")

    def forward(self, x: Tensor, edge_index: Tensor, batch: Tensor) -> Tensor:
        return pyg.global_mean_pool(self.conv(x, edge_index), batch).tanh()


def sequences(number: int) -> Tensor:
    return torch.randn(number, 4, 2, dtype=F64, generator=torch.Generator().manual_seed(number))


def of_sequence(model: nn.Module, x: Tensor, which: int, *, normalize: bool) -> Tensor:
    """The range of one answer from its whole Hessian in the steps of its own sequence."""

    def answer(own: Tensor) -> Tensor:
        return model(x.index_copy(0, torch.tensor([which]), own[None]))[which]

    hessian = torch.autograd.functional.hessian
    own = x[which]
    mixing = sum(hessian(lambda z, c=c: answer(z)[c], own).abs().sum(dim=(1, 3)) for c in range(3))
    steps = torch.arange(4.0)
    return influence_range(mixing, (steps[:, None] - steps).abs(), normalize=normalize).node


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("mixed", [False, True])
def test_the_range_of_sequences_is_that_of_each_hessian(mixed: bool, normalize: bool) -> None:
    torch.manual_seed(0)
    model, x = LastOf(mixed=mixed).double(), sequences(3)
    found = Probe(model, x).range(outputs=[2, 0, 2], normalize=normalize).node
    expected = torch.cat([of_sequence(model, x, which, normalize=normalize) for which in (2, 0, 2)])
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=0)


def test_graphs_of_several_sizes_have_the_range_of_each_alone() -> None:
    torch.manual_seed(0)
    model = Pooled().double()
    graphs = [from_networkx(graph) for graph in (nx.path_graph(4), nx.star_graph(5), nx.path_graph(2))]
    for graph in graphs:
        graph.x = torch.randn(graph.num_nodes, 2, dtype=F64)
    alone = [Probe(model, graph, output="graph").range().node for graph in graphs]
    found = Probe(model, Batch.from_data_list(graphs)).range()
    torch.testing.assert_close(found.node, torch.cat(alone), rtol=1e-10, atol=0)
    part = Probe(model, Batch.from_data_list(graphs)).range(outputs=[2, 1])
    torch.testing.assert_close(part.node, torch.cat([alone[2], alone[1]]), rtol=1e-10, atol=0)


def test_graphs_that_do_not_read_each_other_share_their_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    passes: list[int] = []
    pull = Jacobian.pull

    def counted(self: Jacobian, number: int, member: Tensor, output: Tensor, direction: Tensor) -> Tensor:
        passes.append(number)
        return pull(self, number, member, output, direction)

    monkeypatch.setattr(Jacobian, "pull", counted)
    for number in (2, 9):
        passes.clear()
        Probe(LastOf().double(), sequences(number)).range()
        assert sum(passes) == 4 * 2 * 3  # steps of a sequence, features, channels


def test_answers_that_do_not_exist_or_have_no_rows_are_refused() -> None:
    with pytest.raises(ValueError, match=r"outputs must lie in 0 to 2, got \[3\]"):
        Probe(LastOf().double(), sequences(3)).range(outputs=[3])
    edge_index = torch.tensor([[0, 2], [1, 1]])
    data = Data(x=torch.randn(3, 2), edge_index=edge_index, batch=torch.tensor([0, 0, 2]))
    with pytest.raises(ValueError, match="graph 1 has no rows, so that its answer has no range; choose others"):
        Probe(Pooled(), data, output="graph").range()
